//! A small user base.

use crate::place::Place;

/// Two accounts of Ada that a login would link, two of Bob that it would not, and one of Cy.
pub(crate) const USERS: &str = r#"{"user_id":"auth0|1","email":"ada@corp.com","email_verified":true,"created_at":"2024-01-01T00:00:00Z","last_login":"2026-01-01T00:00:00Z","logins_count":3,"identities":[{"provider":"auth0","user_id":"1","connection":"Username-Password-Authentication","isSocial":false}]}
{"user_id":"google-oauth2|2","email":"ada@corp.com","email_verified":true,"created_at":"2025-01-01T00:00:00Z","identities":[{"provider":"google-oauth2","user_id":"2","connection":"google-oauth2","isSocial":true}]}
{"user_id":"auth0|3","email":"bob@corp.com","email_verified":false,"created_at":"2024-01-01T00:00:00Z","identities":[{"provider":"auth0","user_id":"3","connection":"Username-Password-Authentication","isSocial":false}]}
{"user_id":"google-oauth2|4","email":"bob@corp.com","email_verified":true,"created_at":"2025-01-01T00:00:00Z","identities":[{"provider":"google-oauth2","user_id":"4","connection":"google-oauth2","isSocial":true}]}
{"user_id":"sms|5","phone_number":"+15550100","created_at":"2025-01-01T00:00:00Z","identities":[{"provider":"sms","user_id":"5","connection":"sms","isSocial":false}]}
"#;

pub(crate) const POLICY: &str =
    r#"{ "mode": "auto", "trusted_connections": ["google-oauth2", "Username-Password-Authentication"] }"#;

/// Creates a folder with users and policy.
pub(crate) fn place() -> Place {
    Place::with_files(&[("users.ndjson", USERS), ("policy.json", POLICY)])
}

/// Creates a folder with so many people who have two accounts each that a login would link, and
/// imports them.
pub(crate) fn place_with_people(number: usize) -> Place {
    let users: String = (0..number)
        .flat_map(|it| {
            let lines = USERS.lines().take(2);
            lines.map(move |line| {
                let line = line.replace("ada@corp.com", &format!("ada{it}@corp.com"));
                let line = line.replace("auth0|1", &format!("auth0|1x{it}"));
                let line = line.replace("google-oauth2|2", &format!("google-oauth2|2x{it}"));
                let line = line.replace("\"user_id\":\"1\"", &format!("\"user_id\":\"1x{it}\""));
                line.replace("\"user_id\":\"2\"", &format!("\"user_id\":\"2x{it}\"")) + "\n"
            })
        })
        .collect();
    let place = Place::with_files(&[("users.ndjson", &users), ("policy.json", POLICY)]);
    import(&place);
    place
}

/// Imports the users into the directory.
pub(crate) fn import(place: &Place) {
    let ran = place.run(&["users", "import", "users.ndjson"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
}

/// Previews the directory into the folder `report`.
pub(crate) fn preview(place: &Place) {
    place.good(&["backfill", "preview", "--policy", "policy.json", "--report", "report"]);
}
