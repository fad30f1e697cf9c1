//! Removal of the tokens that identity providers issue for a user. They grant access
//! to other services, and no decision needs them, so none is kept.

use serde_json::{Map, Value};

/// Endings of token names: letters only, in lower case.
const NAMES: [&str; 11] = [
    "token",
    "tokenset",
    "apikey",
    "privatekey",
    "assertion",
    "bearer",
    "clientsecret",
    "devicesecret",
    "tokensecret",
    "tokenhint",
    "jwt",
];

/// Endings of the names of credentials. They are removed from identities only, where
/// applications store no data of their own.
const CREDENTIALS: [&str; 4] = ["password", "passwd", "secret", "credential"];

/// Parts that mark a token anywhere in a name: `access_token_value`. Other fields
/// with such a part, such as an expiry, describe a token that is not kept.
const ANYWHERE: [&str; 2] = ["accesstoken", "refreshtoken"];

/// Returns whether a field of this name holds one or more tokens: `access_token`,
/// `accessToken`, `google-refresh-tokens`, `access_token_secret`, …
pub(super) fn is_token(name: &str) -> bool {
    let name = name.trim_end_matches(|c: char| !c.is_ascii_alphabetic());
    let name = name.strip_suffix(['s', 'S']).unwrap_or(name);
    let backwards = || {
        let letters = name.bytes().rev().filter(u8::is_ascii_alphabetic);
        letters.map(|it| it.to_ascii_lowercase())
    };
    let ends_with = |ending: &str| {
        let mut letters = backwards();
        ending.bytes().rev().all(|it| letters.next() == Some(it))
    };
    NAMES.iter().any(|ending| ends_with(ending))
        || ANYWHERE.iter().any(|part| name.len() > part.len() && contains(name, part))
}

/// Returns whether a field of an identity holds a credential.
fn is_credential(name: &str) -> bool {
    let letters: String = name.chars().filter(char::is_ascii_alphabetic).collect();
    let letters = letters.to_ascii_lowercase();
    let letters = letters.strip_suffix('s').unwrap_or(&letters);
    CREDENTIALS.iter().any(|ending| letters.ends_with(ending))
}

/// Further endings of the names of secrets, in the metadata of applications.
const SECRETS: [&str; 23] = [
    "accesskey",
    "secretkey",
    "signingkey",
    "encryptionkey",
    "passphrase",
    "passcode",
    "cookie",
    "csrf",
    "pwd",
    "passwd",
    "passwort",
    "kennwort",
    "contrasena",
    "motdepasse",
    "otp",
    "totpseed",
    "recoverycode",
    "backupcode",
    "verificationcode",
    "pincode",
    "sessionid",
    "passwordhash",
    "mnemonic",
];

/// Names that are those of secrets as a whole. As endings, they are part of other words.
const SECRET_NAMES: [&str; 9] =
    ["pin", "totp", "seed", "hash", "salt", "auth", "authorization", "bearer", "sid"];

/// Returns whether a field of this name, in the metadata of an application, holds a token, a
/// credential or another secret.
pub(crate) fn is_secret(name: &str) -> bool {
    let letters: String = name.chars().filter(char::is_ascii_alphabetic).collect();
    let letters = letters.to_ascii_lowercase();
    let letters = letters.strip_suffix('s').unwrap_or(&letters);
    is_token(name)
        || is_credential(name)
        || SECRETS.iter().any(|ending| letters.ends_with(ending))
        || SECRET_NAMES.contains(&letters)
}

/// Returns whether a name that [`is_secret`] may be that of an object too, whose fields have names of their
/// own: Auth0's Authorization Extension keeps roles in `authorization`.
pub(crate) fn may_name_an_object(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    matches!(lower.as_str(), "auth" | "authorization")
}

/// Returns whether the letters of a name contain `part`, which is in lower case.
fn contains(name: &str, part: &str) -> bool {
    let letters: Vec<u8> = name.bytes().filter(u8::is_ascii_alphabetic).collect();
    letters.windows(part.len()).any(|letters| letters.eq_ignore_ascii_case(part.as_bytes()))
}

/// Returns whether a field of this name holds the lifetime of a token: `expires_in`,
/// `expiresIn`, …
pub(super) fn is_lifetime(name: &str) -> bool {
    let letters = name.bytes().filter(u8::is_ascii_alphabetic).map(|it| it.to_ascii_lowercase());
    letters.eq("expiresin".bytes())
}

/// Drops the tokens from an object, at any depth.
pub(super) fn drop_from(object: &mut Map<String, Value>) {
    drop_where(object, is_token);
}

/// Drops the tokens and credentials from an identity, at any depth.
pub(super) fn drop_from_identity(object: &mut Map<String, Value>) {
    drop_where(object, |name| is_token(name) || is_credential(name));
}

fn drop_where(object: &mut Map<String, Value>, is_dropped: fn(&str) -> bool) {
    object.retain(|name, _| !is_dropped(name));
    object.values_mut().for_each(|value| drop_within(value, is_dropped));
}

fn drop_within(value: &mut Value, is_dropped: fn(&str) -> bool) {
    match value {
        Value::Object(object) => drop_where(object, is_dropped),
        Value::Array(items) => items.iter_mut().for_each(|item| drop_within(item, is_dropped)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{drop_from, is_lifetime, is_token};

    #[test]
    fn a_token_is_known_in_any_spelling() {
        for name in [
            "access_token",
            "accessToken",
            "ACCESS-TOKEN",
            "access_token_secret",
            "refreshToken",
            "id_token",
            "idToken",
            "google_access_tokens",
            "oauth_token",
            "Access Token",
            "access.token",
            "access_token\u{200b}",
            "access_token_2",
            "access_token_value",
            "googleRefreshTokenEncrypted",
            "jwt",
            "token",
            "tokens",
            "provider_token",
            "sso_token",
            "id_token_hint",
            "tokenSet",
            "token_set",
            "offline_token",
            "device_secret",
            "privateKey",
            "assertion",
        ] {
            assert!(is_token(name), "{name}");
        }
        for name in ["token_type", "tokens_used", "user_id", "address", "broken", "s", "", "_"] {
            assert!(!is_token(name), "{name}");
        }
    }

    #[test]
    fn an_identity_keeps_nothing_that_opens_its_account() {
        let mut object =
            json!({ "password": "x", "name": "Ada", "deep": { "secrets": 1, "credentials": [1], "n": 2 } });
        object.as_object_mut().map(super::drop_from_identity);
        assert_eq!(object, json!({ "name": "Ada", "deep": { "n": 2 } }));
    }

    #[test]
    fn the_lifetime_of_a_token_is_known_in_any_spelling() {
        for name in ["expires_in", "expiresIn", "Expires-In", "EXPIRES IN"] {
            assert!(is_lifetime(name), "{name}");
        }
        assert!(!is_lifetime("expires_at") && !is_lifetime("trial_expires_in"));
    }

    #[test]
    fn tokens_are_dropped_however_deep_they_lie() {
        let mut object = json!({ "a": [{ "idToken": "x", "b": { "access_token": { "c": 1 }, "d": 2 } }] });
        object.as_object_mut().map(drop_from);
        assert_eq!(object, json!({ "a": [{ "b": { "d": 2 } }] }));
    }
}
