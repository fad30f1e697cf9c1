//! The default profile of a user: a name, a nickname and a picture, however the user was
//! created. Values set by a provider, the user or an administrator take precedence. The others are
//! derived whenever a profile is shown, and not stored. Thus users imported by the command line, or
//! years ago, have them too, and no policy sees them.
//!
//! Source: Auth0, "User profile structure" and "Normalized user profile". Auth0's pictures are from
//! Gravatar, with the same two letters for addresses without a picture there.

use serde_json::{Map, Value, json};

use crate::model::User;

/// The fields of a stored user that the Management API and events do not show.
pub(crate) const NOT_SHOWN: [&str; 3] = ["roles", "organizations", "password"];

/// Returns a user object with a complete profile, and complete profiles of its identities.
pub(crate) fn render_user(user: &User) -> Map<String, Value> {
    let mut shown = match serde_json::to_value(user) {
        Ok(Value::Object(shown)) => shown,
        _ => Map::new(),
    };
    complete(&mut shown, strip_provider(user));
    if let Some(Value::Array(identities)) = shown.get_mut("identities") {
        identities.iter_mut().for_each(complete_identity);
    }
    shown
}

/// Completes the profile of an identity, which only linked identities have.
pub(crate) fn complete_identity(identity: &mut Value) {
    let id = identity.get("user_id").and_then(Value::as_str).unwrap_or_default().to_owned();
    if let Some(Value::Object(profile)) = identity.get_mut("profileData") {
        complete(profile, &id);
    }
}

/// Adds the missing values of a profile. `id` is the identity's ID, used if nothing else is known.
pub(crate) fn complete(profile: &mut Map<String, Value>, id: &str) {
    let made_up = derive_values(|key| profile.get(key).and_then(Value::as_str), id);
    for (key, value) in made_up {
        let is_missing = match profile.get(key) {
            None | Some(Value::Null) => true,
            Some(known) => known.as_str() == Some(""),
        };
        if is_missing {
            profile.insert(key.to_owned(), value.into());
        }
    }
}

/// Returns the name, the nickname and the picture of a user.
pub(crate) fn derive_profile(user: &User) -> [(&'static str, String); 3] {
    let text = |key: &str| match key {
        "email" => user.email.as_deref(),
        _ => user.rest.get(key).and_then(Value::as_str),
    };
    derive_values(text, strip_provider(user))
}

/// Returns a user as lists of members show it: its id, its address, its name and its picture.
pub(crate) fn describe_member(user: &User) -> Value {
    let mut member = json!({ "user_id": user.user_id, "email": user.email });
    for (key, value) in derive_profile(user).into_iter().filter(|(key, _)| *key != "nickname") {
        member[key] = value.into();
    }
    member
}

/// Returns the user's ID without the provider.
fn strip_provider(user: &User) -> &str {
    user.user_id.split_once('|').map_or("", |(_, id)| id)
}

fn derive_values<'a>(
    text: impl Fn(&'static str) -> Option<&'a str>,
    id: &'a str,
) -> [(&'static str, String); 3] {
    let first = |keys: &[&'static str]| {
        keys.iter().find_map(|key| text(key).filter(|text| !text.trim().is_empty())).unwrap_or(id)
    };
    let name = first(&["name", "email", "phone_number", "username", "nickname"]);
    let local = text("email").and_then(|email| email.split_once('@')).map(|(local, _)| local);
    let nickname = match (text("nickname").filter(|it| !it.trim().is_empty()), local) {
        (Some(nickname), _) | (None, Some(nickname)) => nickname,
        (None, None) => first(&["username", "phone_number", "name"]),
    };
    let picture = match text("picture").filter(|picture| !picture.trim().is_empty()) {
        Some(picture) => picture.to_owned(),
        None => draw_picture(&find_initials(name, nickname), text("email").unwrap_or(id)),
    };
    [("name", name.to_owned()), ("nickname", nickname.to_owned()), ("picture", picture)]
}

/// Returns one or two letters or digits. Other characters are excluded, because the result is
/// inserted into markup.
fn find_initials(name: &str, nickname: &str) -> String {
    let words: Vec<&str> = if name.contains('@') { Vec::new() } else { name.split_whitespace().collect() };
    let letter = |word: &str| word.chars().find(|it| it.is_alphanumeric());
    let found: Vec<char> = match words.as_slice() {
        [first, .., last] => [first, last].into_iter().filter_map(|word| letter(word)).collect(),
        [word] => word.chars().filter(|it| it.is_alphanumeric()).take(2).collect(),
        [] => nickname.chars().filter(|it| it.is_alphanumeric()).take(2).collect(),
    };
    // Some letters have no uppercase form, and some have one of several characters.
    let capitals: String = found.into_iter().filter_map(|it| it.to_uppercase().next()).collect();
    if capitals.is_empty() { "?".to_owned() } else { capitals }
}

/// Background colours that are dark enough for white letters.
const COLOURS: [&str; 8] = ["345", "543", "354", "535", "264", "624", "246", "642"];

/// Returns a picture as a data URL, which needs no request and is small enough for an ID token.
/// Applications put a URL into an attribute of either quote: the data URL contains none.
fn draw_picture(initials: &str, seed: &str) -> String {
    let sum = seed.bytes().fold(0_usize, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
    let colour = COLOURS[sum % COLOURS.len()];
    let svg = format!(
        "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 64 64'><path fill='#{colour}' d='M0 0h64v64H0z'/>\
         <text x='32' y='42' font-size='28' text-anchor='middle' fill='#fff'>{initials}</text></svg>"
    );
    let mut url = "data:image/svg+xml,".to_owned();
    for byte in svg.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._/:=".contains(&byte) {
            url.push(char::from(byte));
        } else {
            url.push_str(&format!("%{byte:02X}"));
        }
    }
    url
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::tenant::profile::{find_initials, render_user};

    fn completed(user: &Value) -> [String; 3] {
        let user = serde_json::from_value(user.clone()).unwrap();
        let shown = render_user(&user);
        ["name", "nickname", "picture"].map(|key| shown[key].as_str().unwrap().to_owned())
    }

    #[test]
    fn a_profile_is_completed_by_what_is_known() {
        for (user, name, nickname, letters) in [
            (json!({ "email": "ada@example.com" }), "ada@example.com", "ada", "AD"),
            (json!({ "email": "ada@example.com", "name": "Ada Lovelace" }), "Ada Lovelace", "ada", "AL"),
            (json!({ "phone_number": "+15550100" }), "+15550100", "+15550100", "15"),
            (json!({ "username": "countess" }), "countess", "countess", "CO"),
            (json!({ "name": "Ada", "nickname": "" }), "Ada", "Ada", "AD"),
            (json!({ "name": null, "nickname": "al" }), "al", "al", "AL"),
            (json!({}), "7", "7", "7"),
        ] {
            let mut user = user;
            user["user_id"] = "google-oauth2|7".into();
            let [known_name, known_nickname, picture] = completed(&user);
            assert_eq!((known_name.as_str(), known_nickname.as_str()), (name, nickname), "{user}");
            assert!(picture.starts_with("data:image/svg+xml,%3Csvg"), "{picture}");
            assert!(picture.ends_with(&format!("%3E{letters}%3C/text%3E%3C/svg%3E")), "{user}: {picture}");
        }
    }

    #[test]
    fn a_picture_ends_no_attribute() {
        let user = json!({ "user_id": "auth0|1", "email": "ada@example.com", "name": "O'Neill" });
        let [.., picture] = completed(&user);
        assert!(!picture.contains(['\'', '"', '<', '>', '&', ' ']), "{picture}");
    }

    #[test]
    fn what_is_said_stays() {
        let said = json!({ "user_id": "auth0|1", "email": "ada@example.com", "name": "Countess", "nickname": "al",
            "picture": "https://example.com/ada.png" });
        assert_eq!(completed(&said), ["Countess", "al", "https://example.com/ada.png"]);
    }

    #[test]
    fn profiles_of_linked_identities_are_complete() {
        let user = json!({ "user_id": "auth0|1", "email": "ada@example.com", "identities": [
            { "provider": "auth0", "user_id": "1", "connection": "db" },
            { "provider": "sms", "user_id": "2", "connection": "sms", "profileData": { "phone_number": "+1" } }] });
        let user = render_user(&serde_json::from_value(user).unwrap());
        assert_eq!(user["identities"][1]["profileData"]["nickname"], "+1");
        assert!(user["identities"][0].get("profileData").is_none());
    }

    #[test]
    fn initials_are_letters_and_few() {
        for (name, nickname, expected) in [
            ("Grace Brewster Hopper", "", "GH"),
            ("<script>alert(1)</script> \"'&", "", "S"),
            ("&lt; &amp;", "", "LA"),
            ("ß ŉ", "", "Sʼ"),
            ("Ægir Øre", "", "ÆØ"),
            ("李 明", "", "李明"),
            ("💥 !", "x", "?"),
            ("ada@example.com", "a.da", "AD"),
            ("", "", "?"),
        ] {
            assert_eq!(find_initials(name, nickname), expected, "{name}");
        }
    }

    #[test]
    fn a_picture_is_small_whatever_the_name() {
        for name in ["𐌰".repeat(300), "Ada Lovelace".to_owned(), "'>\"\\\u{202e}".repeat(99)] {
            let [_, _, picture] = completed(&json!({ "user_id": "a|1", "name": name }));
            assert!(picture.len() <= 320, "{} bytes", picture.len());
            let is_plain = |it: char| it.is_ascii_alphanumeric() || "-._/:='%,;+".contains(it);
            assert!(picture.chars().all(is_plain), "{picture}");
        }
    }
}
