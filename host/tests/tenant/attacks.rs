//! Tokens that have to be refused: as a bearer, as the proof of a link, and at
//! `/userinfo`. Each is refused and logged.

mod attack;

use serde_json::{Value, json};

use attack::{ADA, Attack};

use crate::http::Request;
use crate::tenants::{Tenant, database_user, user};
use crate::tokens::{Forger, access_claims, hmac, id_claims, now, unsigned, with};

crate::tests![
    untouched_tokens_are_taken,
    no_algorithm,
    the_public_key_as_a_shared_secret,
    other_algorithms,
    the_key_id,
    keys_that_the_token_brings,
    too_early_and_too_late,
    issuers,
    audiences,
    another_tenant,
    spoilt_signatures,
    claims_that_stand_twice,
    tokens_of_the_other_kind,
    malformed_tokens,
    a_token_in_the_query,
];

/// Checks that valid tokens are accepted, so that the refusals below prove something.
fn untouched_tokens_are_taken() {
    let tenant = Tenant::with(
        &(database_user("ada", "ada@example.com")
            + &user("google-oauth2|of-ada", "ada@example.com", "google-oauth2")),
    );
    let forger = Forger::of(&tenant);
    let token = forger.sign(&access_claims(&tenant));
    assert_eq!(tenant.send(&Request::get(ADA).bearer(&token)).status, 200);
    let proof = forger.sign(&id_claims(&tenant, "google-oauth2|of-ada"));
    let link = Request::post(format!("{ADA}/identities")).json(&json!({ "link_with": proof })).bearer(&token);
    assert_eq!(tenant.send(&link).status, 201);
    assert!(tenant.log_of("audit").iter().any(|line| line["message"] == "link" && line["done"] == true));
}

fn no_algorithm() {
    let attack = Attack::new();
    for none in ["none", "None", "NONE", "nOnE", "", "null", "none "] {
        for kid in [Value::Null, attack.forger.kid.as_str().into()] {
            let header = with(json!({ "alg": none, "typ": "JWT" }), "kid", kid);
            let token = |claims: &Value| unsigned(&header.to_string(), &claims.to_string());
            attack.refused(&format!("alg {none:?}"), |claims| token(claims) + ".");
            attack.refused(&format!("alg {none:?}, two parts"), token);
            // With the signature of a token that is good.
            attack
                .refused(&format!("alg {none:?}, signed"), |claims| attack.forger.sign_with(&header, claims));
        }
    }
    attack.refused("alg null", |claims| {
        attack.forger.sign_with(&with(attack.forger.header(), "alg", json!([null])), claims)
    });
    attack.refused("no alg", |claims| {
        attack.forger.sign_with(&with(attack.forger.header(), "alg", Value::Null), claims)
    });
}

fn the_public_key_as_a_shared_secret() {
    let attack = Attack::new();
    let pem = attack.forger.public_pem();
    for alg in ["HS256", "hs256", "RS256"] {
        let header = json!({ "alg": alg, "typ": "JWT", "kid": attack.forger.kid });
        for secret in
            [pem.as_str(), pem.trim_end(), &pem.replace('\r', ""), &attack.forger.modulus, "", "secret"]
        {
            attack.refused(alg, |claims| hmac(&header, claims, secret.as_bytes()));
        }
    }
}

fn other_algorithms() {
    let attack = Attack::new();
    for alg in ["HS384", "RS384", "RS512", "PS256", "ES256", "EdDSA", "rs256", "RS256 ", "RSA1_5"] {
        // The signature would be good for RS256.
        let header = with(attack.forger.header(), "alg", alg);
        attack.refused(alg, |claims| attack.forger.sign_with(&header, claims));
    }
}

fn the_key_id() {
    let attack = Attack::new();
    let kid = &attack.forger.kid;
    for wrong in [
        Value::Null,
        json!(""),
        json!("another"),
        json!(kid.to_lowercase()),
        json!(format!("{kid} ")),
        json!(format!("{kid}\u{0}")),
        json!("../../../../dev/null"),
        json!("/proc/self/environ"),
        json!("signing-key.pem"),
        json!("' OR '1'='1"),
        json!("https://evil.test/jwks.json"),
        json!([kid]),
        json!(0),
    ] {
        let header = with(attack.forger.header(), "kid", wrong.clone());
        attack.refused(&format!("kid {wrong}"), |claims| attack.forger.sign_with(&header, claims));
        // The trick of a file that is empty: its content would be the secret.
        let header = with(with(header, "alg", "HS256"), "kid", wrong.clone());
        attack.refused(&format!("kid {wrong}, HS256"), |claims| hmac(&header, claims, b""));
    }
}

fn keys_that_the_token_brings() {
    let attack = Attack::new();
    let thief = Forger::foreign(&attack.forger.kid);
    assert!(thief.is_other_than(&attack.forger));
    let key = json!({ "kty": "RSA", "alg": "RS256", "use": "sig", "kid": attack.forger.kid, "n": "AQAB", "e": "AQAB" });
    for (name, value) in [
        ("jwk", key),
        ("jku", json!("https://evil.test/jwks.json")),
        ("jku", json!(format!("{}.well-known/jwks.json#@evil.test", attack.tenant.http()))),
        ("x5u", json!("https://evil.test/cert.pem")),
        ("x5c", json!(["MIIB"])),
    ] {
        for kid in [json!(attack.forger.kid), json!("thief"), Value::Null] {
            let header = with(with(thief.header(), name, value.clone()), "kid", kid);
            attack.refused(name, |claims| thief.sign_with(&header, claims));
        }
    }
}

fn too_early_and_too_late() {
    let attack = Attack::new();
    for exp in [
        json!(now() - 60),
        json!(0),
        json!(-1),
        json!("never"),
        Value::Null,
        json!(1.0e-9),
        json!([now() + 60]),
    ] {
        attack.claim_refused("exp", &exp);
    }
    for later in [json!(now() + 600), json!(1.0e300)] {
        attack.claim_refused("nbf", &later);
        attack.claim_refused("iat", &later);
    }
    attack.claim_refused("iat", &json!("yesterday"));
}

fn issuers() {
    let attack = Attack::new();
    let own = attack.tenant.http();
    for issuer in [
        Value::Null,
        json!(""),
        json!("https://evil.test/"),
        json!(own.trim_end_matches('/')),
        json!(format!("{own}/")),
        json!(own.replace("http://", "https://")),
        json!(own.replace("http://", "HTTP://")),
        json!(own.replace("localhost", "localhost.evil.test")),
        json!(own.replace("localhost", "evil.test@localhost")),
        json!(own.replace("localhost:", "localhost:1")),
        json!([own]),
        json!([own, "https://evil.test/"]),
    ] {
        attack.claim_refused("iss", &issuer);
    }
}

fn audiences() {
    let attack = Attack::new();
    let api = attack.tenant.audience();
    for audience in [
        Value::Null,
        json!(""),
        json!("https://evil.test/api/v2/"),
        json!(api.trim_end_matches('/')),
        json!(format!("{api}x")),
        json!([]),
        json!([api, "https://evil.test/"]),
        json!(["https://evil.test/", api]),
        json!([api, 7]),
        json!({ "0": api }),
        json!(7),
    ] {
        let token = attack.forger.sign(&with(attack.access.clone(), "aud", audience.clone()));
        let response = attack.tenant.send(&Request::get(ADA).bearer(&token));
        assert_eq!(response.status, 401, "{audience}: {}", response.text());
    }
    for audience in [
        Value::Null,
        json!(""),
        json!("other"),
        json!("WEB"),
        json!(["web", "other"]),
        json!(["other", "web"]),
        json!(["web", "web"]),
        json!([]),
        json!([["web"]]),
        json!(7),
        json!(api),
    ] {
        let token = attack.forger.sign(&with(attack.id.clone(), "aud", audience.clone()));
        attack.proof_refused(&format!("aud {audience}"), &token);
    }
}

/// Another tenant, with a key of its own, under the same id or its own.
fn another_tenant() {
    let attack = Attack::new();
    for kid in [attack.forger.kid.as_str(), "another"] {
        let thief = Forger::foreign(kid);
        assert!(thief.is_other_than(&attack.forger));
        attack.refused(&format!("the key {kid} of another"), |claims| thief.sign(claims));
    }
    let another = Tenant::with("");
    let thief = Forger::of(&another);
    attack.refused("another tenant's key", |claims| thief.sign(claims));
    attack.refused("another tenant's own token", |claims| {
        thief.sign(&with(claims.clone(), "iss", another.http()))
    });
}

fn spoilt_signatures() {
    let attack = Attack::new();
    type Spoil = fn(&str) -> String;
    let spoilt: [(&str, Spoil); 9] = [
        ("none", |_| String::new()),
        ("truncated", |signature| signature[..signature.len() - 4].to_owned()),
        ("half", |signature| signature[..signature.len() / 2].to_owned()),
        ("longer", |signature| format!("{signature}AAAA")),
        ("padded", |signature| format!("{signature}==")),
        ("backwards", |signature| signature.chars().rev().collect()),
        ("zeros", |signature| "A".repeat(signature.len())),
        ("first letter", |signature| {
            format!("{}{}", if signature.starts_with('A') { 'B' } else { 'A' }, &signature[1..])
        }),
        ("no base64", |signature| "!".repeat(signature.len())),
    ];
    for (name, spoil) in spoilt {
        attack.refused(name, |claims| {
            let token = attack.forger.sign(claims);
            let (signed, signature) = token.rsplit_once('.').expect("three parts");
            format!("{signed}.{}", spoil(signature))
        });
    }
    // The signature of one token under the claims of another.
    attack.refused("claims of another", |claims| {
        let good = attack.forger.sign(&with(claims.clone(), "sub", "auth0|nobody"));
        let signature = good.rsplit_once('.').expect("three parts").1;
        format!("{}.{signature}", unsigned(&attack.forger.header().to_string(), &claims.to_string()))
    });
}

/// Readers differ on which one holds.
fn claims_that_stand_twice() {
    let attack = Attack::new();
    let header = attack.forger.header().to_string();
    for (claim, other) in [
        ("iss", json!("https://evil.test/")),
        ("aud", json!("x")),
        ("sub", json!("auth0|nobody")),
        ("exp", json!(1)),
    ] {
        let twice = |claims: &Value, first: bool| {
            let text = claims.to_string();
            let pair = format!("{claim:?}:{other}");
            let text = if first {
                format!("{{{pair},{}", &text[1..])
            } else {
                format!("{},{pair}}}", &text[..text.len() - 1])
            };
            attack.forger.sign_text(&header, &text)
        };
        attack.refused(&format!("{claim} twice, the other one first"), |claims| twice(claims, true));
        attack.refused(&format!("{claim} twice, the other one last"), |claims| twice(claims, false));
    }
    let twice = header.replacen('{', "{\"alg\":\"none\",", 1);
    attack.refused("alg twice", |claims| attack.forger.sign_text(&twice, &claims.to_string()));
}

fn tokens_of_the_other_kind() {
    let attack = Attack::new();
    attack.bearer_refused("an ID token as bearer", &attack.forger.sign(&attack.id));
    attack.proof_refused("an access token as link_with", &attack.forger.sign(&attack.access));
    let for_userinfo = with(attack.access.clone(), "aud", format!("{}userinfo", attack.tenant.http()));
    let response = attack.tenant.send(&Request::get(ADA).bearer(&attack.forger.sign(&for_userinfo)));
    assert_eq!(response.status, 401, "a token of /userinfo at the Management API: {}", response.text());
}

fn malformed_tokens() {
    let attack = Attack::new();
    let good = |claims: &Value| attack.forger.sign(claims);
    attack.refused("a dot", |_| ".".to_owned());
    attack.refused("two dots", |_| "..".to_owned());
    attack.refused("no dots", |claims| good(claims).replace('.', ""));
    attack.refused("five parts", |claims| good(claims) + ".x.y");
    attack.refused("three parts and a dot", |claims| good(claims) + ".");
    attack.refused("a quoted token", |claims| format!("\"{}\"", good(claims)));
    attack.refused("two tokens", |claims| format!("{0},{0}", good(claims)));
    attack.refused("claims that are a list", |_| {
        attack.forger.sign_text(&attack.forger.header().to_string(), "[]")
    });
    attack.refused("claims that are no JSON", |_| {
        attack.forger.sign_text(&attack.forger.header().to_string(), "{")
    });
    attack.refused("a header that is a list", |claims| attack.forger.sign_text("[]", &claims.to_string()));
    attack.refused("a header that is deep", |claims| {
        let deep = format!("{{\"alg\":\"RS256\",\"x\":{}{}}}", "[".repeat(3000), "]".repeat(3000));
        attack.forger.sign_text(&deep, &claims.to_string())
    });
    attack.refused("base64 with other letters", |claims| good(claims).replacen('e', "+", 1));
}

/// RFC 6750, 2.3: a token in an address ends up in logs. The Management API does
/// not look for one there.
fn a_token_in_the_query() {
    let attack = Attack::new();
    let token = attack.forger.sign(&attack.access);
    for name in ["access_token", "token", "authorization", "id_token"] {
        let response = attack.tenant.send(&Request::get(format!("{ADA}?{name}={token}")));
        assert_eq!(response.status, 401, "{name}: {}", response.text());
        assert_eq!(response.json()["message"], "Missing authentication", "{name}");
    }
    let form = Request::new("PATCH", ADA).form(&[("access_token", token.as_str())]);
    assert_eq!(attack.tenant.send(&form).status, 401);
    // Programs differ in which of two headers they believe.
    let two = Request::get(ADA).bearer("none").bearer(&token);
    assert_ne!(attack.tenant.send(&two).status, 200);
}
