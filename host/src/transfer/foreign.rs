//! Files of other products, recognised by their field names.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

/// The fields of an object, not parsed.
pub(super) type Fields<'a> = BTreeMap<String, &'a RawValue>;

/// The fields beside `users` in a response of `GET /users?include_totals=true`, with and
/// without checkpoint pagination.
const TOTALS: [&str; 6] = ["users", "start", "limit", "length", "total", "next"];

/// The advice to convert users to the import format.
const MAKE: &str = "make a user object of each, {\"email\": …, \"email_verified\": …, \"user_id\": …}, as \
                    Auth0's import format has them";

/// The description of a user of an unknown product.
const ANOTHER: &str = "a user of another product, or with the names of another one's fields";

/// Field names that identify a product's user, its description and the advice.
const OF_USERS: [(&[&str], &str, &str); 14] = [
    (&["localId"], "Firebase's `auth:export`", MAKE),
    (&["Username", "Attributes"], "a user of Cognito's `list-users`", MAKE),
    (
        &["_id", "passwordHash"],
        "the password hashes that Auth0's support hands out",
        "name the fields as the import format does: jq -c '{user_id: ._id.\"$oid\", email, email_verified, \
      password_hash: .passwordHash, connection}'",
    ),
    (&["userPrincipalName"], "a user of Microsoft Graph", MAKE),
    (&["profile", "credentials"], "a user of Okta's", MAKE),
    (&["profile", "status"], "a user of Okta's", MAKE),
    (&["username", "createdTimestamp"], "a user of Keycloak's", MAKE),
    (&["email_addresses"], "a user of Clerk's", MAKE),
    (&["aud", "email_confirmed_at"], "a user of Supabase's", MAKE),
    (&["userId"], ANOTHER, MAKE),
    (&["emailVerified"], ANOTHER, MAKE),
    (&["id"], ANOTHER, MAKE),
    (&["event", "policy"], "a case", "`ligature run FILE` decides it"),
    (&["user", "connection"], "the event of a login", "`ligature run --event FILE` decides it"),
];

/// Field names that identify a product's file, its description and the advice.
const OF_FILES: [(&[&str], &str, &str); 5] = [
    (&["ligature_whole"], "a whole directory", "`ligature users import --whole FILE` reads it"),
    (&["Users"], "Cognito's `list-users`", MAKE),
    (&["Resources", "schemas"], "a list of SCIM", MAKE),
    (&["value", "@odata.context"], "a list of Microsoft Graph", MAKE),
    (&["realm"], "a realm of Keycloak's", MAKE),
];

/// Finds the product with these fields, and describes it.
fn find_product(fields: &Fields<'_>, products: &[(&[&str], &str, &str)]) -> Option<String> {
    let has_all = |names: &[&str]| names.iter().all(|name| fields.contains_key(*name));
    let (names, what, instead) = products.iter().find(|(names, ..)| has_all(names))?;
    Some(format!("this looks like {what} (`{}`): {instead}", names.join("`, `")))
}

/// Describes the product that a user comes from, if it is not Auth0.
pub(super) fn describe_user(fields: &Fields<'_>) -> Option<String> {
    if fields.contains_key("user_id") {
        return None;
    }
    find_product(fields, &OF_USERS)
}

/// Describes a file that is one object without users of Auth0.
pub(super) fn describe_file(fields: &Fields<'_>) -> Option<String> {
    let is_user = fields.contains_key("user_id");
    if is_user && fields.get("users").is_some_and(|users| users.get().starts_with('[')) {
        return Some(
            "this is a user and a list of users in one (`user_id`, `users`): take the list out, jq .users FILE, \
             and import it by itself"
                .to_owned(),
        );
    }
    if let Some(why) = find_product(fields, &OF_FILES).filter(|_| !is_user) {
        return Some(why);
    }
    let others = fields.keys().filter(|key| !TOTALS.contains(&key.as_str()));
    let others: Vec<String> =
        others.take(4).map(|key| format!("`{}`", crate::model::truncate(key, 40))).collect();
    if holds_users(fields) && !others.is_empty() {
        return Some(format!(
            "this looks like a bundle of more than users ({}, `users`): take them out, jq .users FILE, and \
             import those",
            others.join(", ")
        ));
    }
    None
}

/// Returns whether an object contains users, and is not a user itself.
pub(super) fn holds_users(fields: &Fields<'_>) -> bool {
    !fields.contains_key("user_id") && fields.get("users").is_some_and(|users| users.get().starts_with('['))
}
