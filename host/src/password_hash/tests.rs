use serde_json::{Value, json};

use super::{Hash, take_hash};

/// Returns the stored hash of a user of the import format.
fn kept(user: Value) -> Result<String, String> {
    let mut fields = user.as_object().cloned().unwrap_or_default();
    let taken = take_hash(&mut fields);
    assert!(!fields.contains_key("password_hash") && !fields.contains_key("custom_password_hash"));
    taken.map(Option::unwrap_or_default).map_err(|(field, why)| format!("{field}: {why}"))
}

fn custom(hash: Value) -> Value {
    json!({ "custom_password_hash": hash })
}

fn checks(user: Value) {
    let text = kept(user.clone()).unwrap_or_else(|why| panic!("{user}: {why}"));
    let hash = Hash::parse(&text).unwrap_or_else(|why| panic!("{text}: {why}"));
    assert!(hash.matches(b"correct horse battery"), "{text}");
    assert!(!hash.matches(b"correct horse batterx") && !hash.matches(b""), "{text}");
}

fn argon2id() -> String {
    use argon2::{Algorithm, Argon2, Params, PasswordHasher, Version};
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(64, 1, 1, None).unwrap());
    argon2.hash_password(b"correct horse battery").unwrap().to_string()
}

/// The hashes were created with glibc, Python and OpenSSL, except for Argon2's.
#[test]
fn a_password_is_checked_against_each_form_that_auth0_imports() {
    checks(json!({ "password_hash": "$2b$04$abcdefghijklmnopqrstuuqREtd3VJD2QVZbuFskFSLk6eRIrQoOS" }));
    checks(custom(
        json!({ "algorithm": "bcrypt", "hash": { "value": "$2b$04$abcdefghijklmnopqrstuuqREtd3VJD2QVZbuFskFSLk6eRIrQoOS", "encoding": "utf8" } }),
    ));
    checks(custom(json!({ "algorithm": "argon2", "hash": { "value": argon2id() } })));
    checks(custom(
        json!({ "algorithm": "pbkdf2", "hash": { "value": "$pbkdf2-sha256$i=1000,l=32$c29tZSBzYWx0$Z9XEbk5mAOuUnUwJiNbq7vhvnnG6XpPQu6TUaI6OGI4" } }),
    ));
    checks(custom(
        json!({ "algorithm": "pbkdf2", "hash": { "value": "$pbkdf2-sha512$i=1000,l=64$c29tZSBzYWx0$oA4EFkRLW8qWMdwfqp+Sh1awk1C5BBxKDV0/2LmJgVCiwH/2iP7oSbiSE0Z0l27eUjGyasorRaiRcFnE1h7OZA" } }),
    ));
    checks(custom(
        json!({ "algorithm": "scrypt", "cost": 1024, "blockSize": 8, "parallelization": 1, "keylen": 32,
        "salt": { "value": "some salt" }, "hash": { "value": "IRlHp9AfbqjcmS8ZvpQDtUZ6iefQyu3vrAOA7KQECoU=", "encoding": "base64" } }),
    ));
    checks(custom(json!({ "algorithm": "sha1", "salt": { "value": "some salt" },
        "hash": { "value": "5b81993bb7e21487b6ba0aa6351ace83f97e0b15", "encoding": "hex" } })));
    checks(custom(
        json!({ "algorithm": "sha256", "salt": { "value": "736f6d652073616c74", "encoding": "hex", "position": "suffix" },
        "hash": { "value": "23f638eac39bd7a46e772c2a71328a69b01b30a1dc36e2bf24bc7a9865678d41", "encoding": "hex" } }),
    ));
    checks(custom(json!({ "algorithm": "sha512",
        "hash": { "value": "zvYeTk7ae6ii/qoSBhf896UTrZIEQjsl4kO30/VW+ShT6VsVatr/3Zon0OUHNq1qa7zFDOipvTUWL315nomlIQ==", "encoding": "base64" } })));
    checks(custom(json!({ "algorithm": "hmac", "hash": { "digest": "sha256", "key": { "value": "a key" },
        "value": "36a32cf7e4f7ac10e6f53203c43e792e06763097b14d9337b3a043b9f18468d9", "encoding": "hex" } })));
    checks(custom(
        json!({ "algorithm": "ldap", "hash": { "value": "{SSHA}+zgJCcduvLFhD+Rk7/v3C0FqyKpzYWx0c2FsdA==" } }),
    ));
}

#[test]
fn a_hash_that_costs_too_much_is_refused() {
    const OUTPUT: &str = "c29tZXNhbHQxMjM$ElYVYOZZp7W8wtiu83bKmT3mE/R9ym2JbOJmP4lWZuA";
    for cheap in [
        "$argon2id$v=19$m=4096,t=3,p=1$",
        "$argon2i$v=19$m=4096,t=3,p=1$",
        "$argon2d$v=19$m=65536,t=4,p=4$",
        "$pbkdf2-sha256$i=1000000,l=32$",
        "$scrypt$ln=16,r=8,p=1$",
        "$scrypt$ln=15,r=8,p=4$",
    ] {
        assert!(Hash::parse(&format!("{cheap}{OUTPUT}")).is_ok(), "{cheap}");
    }
    for dear in [
        "$argon2id$v=19$m=65537,t=3,p=1$",
        "$argon2id$v=19$m=65536,t=5,p=1$",
        "$argon2id$v=19$m=4096,t=11,p=1$",
        "$argon2id$v=19$m=4096,t=3,p=5$",
        "$argon2id$v=19$m=4194304,t=3,p=1$",
        "$pbkdf2-sha256$i=1000001,l=32$",
        "$pbkdf2-sha1$i=600000,l=32$",
        "$scrypt$ln=17,r=8,p=1$",
        "$scrypt$ln=15,r=8,p=5$",
        "$scrypt$ln=255,r=8,p=1$",
        "$scrypt$ln=1,r=4294967295,p=4294967295$",
    ] {
        let why = Hash::parse(&format!("{dear}{OUTPUT}")).err().unwrap_or_default();
        assert!(why.contains("too expensive"), "{dear}: {why}");
    }
    let bcrypt = |cost: u8| format!("$2b${cost:02}$C9hB01.YxRSTcn/ZOOo4j.TW7xCKKFKBSF.C7E0xiUwumqIDqWUXG");
    assert!(Hash::parse(&bcrypt(12)).is_ok());
    assert!(Hash::parse(&bcrypt(13)).err().is_some_and(|why| why.contains("cost of 12")));
    assert!(Hash::parse(&bcrypt(31)).is_err() && Hash::parse(&bcrypt(99)).is_err());
    assert!(Hash::parse(&format!("$sha256$salt=prefix${}$AAAA", "A".repeat(3_000))).is_err());
}

#[test]
fn what_is_no_hash_is_refused_and_not_repeated() {
    for (user, why) in [
        (json!({ "password_hash": "$2b$10$s3cret" }), "not a bcrypt hash"),
        (json!({ "password_hash": "s3cret" }), "expected a hash of bcrypt"),
        (json!({ "password_hash": 7 }), "expected a hash of bcrypt"),
        (custom(json!("s3cret")), "expected an object"),
        (custom(json!({ "algorithm": "md5", "hash": { "value": "s3cret" } })), "md5 cannot be checked here"),
        (
            custom(json!({ "algorithm": "bcrypt", "hash": { "value": "$argon2id$s3cret" } })),
            "not a hash of bcrypt",
        ),
        (
            custom(
                json!({ "algorithm": "argon2", "hash": { "value": "$argon2id$v=19$m=4096,t=3,p=1$c29tZXNhbHQxMjM" } }),
            ),
            "no salt, or no output",
        ),
        (
            custom(json!({ "algorithm": "sha256", "hash": { "value": "s3cret", "encoding": "hex" } })),
            "not in its encoding",
        ),
        (
            custom(
                json!({ "algorithm": "hmac", "hash": { "value": "00", "digest": "whirlpool", "key": { "value": "s3cret" } } }),
            ),
            "hmac with whirlpool",
        ),
        (
            custom(json!({ "algorithm": "pbkdf2", "hash": { "value": "$pbkdf2-sha256$l=32$AA$AA" } })),
            "iterations",
        ),
        (
            custom(json!({ "algorithm": "argon2", "hash": { "value": "$argon2id$x" }, "pepper": "s3cret" })),
            "`pepper` is not one of its fields",
        ),
        (json!({ "password_hash": "$2b$10$x", "custom_password_hash": { "algorithm": "md5" } }), "as well"),
    ] {
        let told = kept(user.clone()).expect_err("it is refused");
        assert!(told.contains(why) && !told.contains("s3cret"), "{user}: {told}");
    }
    assert_eq!(kept(json!({ "password_hash": null, "custom_password_hash": null })), Ok(String::new()));
}
