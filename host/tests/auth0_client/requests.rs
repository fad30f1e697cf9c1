//! The requests that the client sends.

use serde_json::json;

use ligature_host::auth0::{CallErrorKind, Named, UsersApi};

use crate::standin::{Seen, Standin, Step, answer, json as json_answer};
use crate::{LINKED, LONG, Test};

const IDENTITIES: &str = r#"[{"provider":"auth0","user_id":"1","connection":"c","isSocial":false},
    {"provider":"google-oauth2","user_id":1080,"connection":"google-oauth2","isSocial":true}]"#;

fn identities(seen: &Seen) -> Option<Vec<Step>> {
    seen.path.contains("/identities").then(|| vec![json_answer("201 Created", "", IDENTITIES)])
}

#[test]
fn ids_are_encoded_and_a_link_names_the_bare_id() {
    let standin = Standin::start(identities);
    let test = Test::new(&standin);
    let (client, limit) = (&test.client, test.limit(LONG));
    let linked = client.link("auth0|1", LINKED, limit).expect("identities");
    assert_eq!(linked[1].user_id, "1080");
    client.unlink("samlp|conn|a@b.c", LINKED, limit).expect("identities");
    client.patch_user("auth0|1", &json!({"app_metadata": {"a": null}}), limit).expect("a user");
    let seen = standin.requests("/api/v2/");
    let lines: Vec<String> = seen.iter().map(|seen| format!("{} {}", seen.method, seen.path)).collect();
    assert_eq!(
        lines,
        [
            "POST /api/v2/users/auth0%7C1/identities",
            "DELETE /api/v2/users/samlp%7Cconn%7Ca%40b.c/identities/google-oauth2/1080",
            "PATCH /api/v2/users/auth0%7C1",
        ]
    );
    assert_eq!(seen[0].json(), json!({"provider": "google-oauth2", "user_id": "1080"}));
    assert_eq!((seen[0].header("content-type"), seen[1].header("content-type")), ("application/json", ""));
    assert_eq!(seen[2].json(), json!({"app_metadata": {"a": null}}));
}

#[test]
fn an_address_is_asked_for_as_it_is() {
    let standin = Standin::start(|seen| {
        seen.path.starts_with("/api/v2/users-by-email").then(|| vec![json_answer("200 OK", "", "[]")])
    });
    let test = Test::new(&standin);
    let found = test.client.users_by_email("Ada+x&y@Example.com", test.limit(LONG)).expect("users");
    assert!(found.is_empty());
    let path = &standin.requests("/api/v2/")[0].path;
    assert_eq!(path, "/api/v2/users-by-email?email=Ada%2Bx%26y%40Example.com");
}

/// Users write their own `user_metadata`, up to megabytes of it.
#[test]
fn a_stranger_with_much_metadata_does_not_hide_the_users_of_an_address() {
    let standin = Standin::start(|seen| {
        if !seen.path.starts_with("/api/v2/users") {
            return None;
        }
        let user = |id: &str, verified: bool, rest: &str| {
            format!(
                r#"{{"user_id":"{id}","email":"ada@example.com","email_verified":{verified},"identities":[]{rest}}}"#
            )
        };
        let much = format!(r#","user_metadata":{{"much":"{}"}}"#, "x".repeat(3 << 20));
        let little = r#","user_metadata":{"language":"en"}"#;
        let (stranger, owner) = ("auth0|stranger", "google-oauth2|1");
        let body = match seen.path.as_str() {
            "/api/v2/users/google-oauth2%7C1" => user(owner, true, little),
            path if path.ends_with("&fields=user_metadata&include_fields=false") => {
                format!("[{},{}]", user(stranger, false, ""), user(owner, true, ""))
            }
            _ => format!("[{},{}]", user(stranger, false, &much), user(owner, true, little)),
        };
        Some(vec![json_answer("200 OK", "", &body)])
    });
    let test = Test::new(&standin);
    let found = test.client.users_by_email("ada@example.com", test.limit(LONG)).expect("users");
    let seen: Vec<_> = found
        .iter()
        .map(|user| {
            (user.user_id.as_str(), user.user_metadata.as_ref().is_some_and(|it| it.contains_key("language")))
        })
        .collect();
    assert_eq!(seen, [("auth0|stranger", false), ("google-oauth2|1", true)]);
    assert_eq!(standin.requests("/api/v2/").len(), 3);
}

#[test]
fn an_id_that_would_name_another_endpoint_is_not_sent() {
    let standin = Standin::start(|_| None);
    let test = Test::new(&standin);
    for id in ["", ".", ".."] {
        let error = test.client.user(id, test.limit(LONG)).unwrap_err();
        assert!(matches!(error.kind, CallErrorKind::NotSent(_)), "{error}");
    }
    assert!(standin.requests("/").is_empty());
}

#[test]
fn a_login_has_one_correlation_id_and_errors_print_it() {
    let standin = Standin::start(|seen| {
        let body = r#"{"statusCode":404,"error":"Not Found","message":"The user does not exist.","errorCode":"inexistent_user"}"#;
        (seen.method == "GET").then(|| vec![json_answer("404 Not Found", "", body)])
    });
    let test = Test::new(&standin);
    let logins = [0, 1].map(|_| test.client.for_login().expect("calls of a login"));
    let mut ids = Vec::new();
    for login in &logins {
        for _ in 0..2 {
            let error = login.user("auth0|1", test.limit(LONG)).unwrap_err();
            assert!(error.is_not_found());
            let id =
                standin.requests("/api/v2/").pop().expect("a request").header("x-correlation-id").to_owned();
            let text = format!(
                "the tenant refuses the request: The user does not exist. (status 404, inexistent_user) \
                 [correlation id {id}]"
            );
            assert_eq!(error.to_string(), text);
            ids.push(id);
        }
    }
    assert!(ids[0] == ids[1] && ids[2] == ids[3] && ids[0] != ids[2], "{ids:?}");
    assert!(ids.iter().all(|id| (1..=64).contains(&id.len())), "{ids:?}");
}

/// A gateway's 404 must not be read as a missing user.
#[test]
fn a_page_of_a_gateway_does_not_say_that_a_user_is_gone() {
    let html = "content-type: text/html\r\n";
    for (headers, body) in [(html, "<!doctype html><title>404</title>"), ("", ""), (html, "Not found")] {
        let standin = Standin::start(move |seen| {
            seen.path.starts_with("/api/v2/").then(|| vec![answer("404 Not Found", headers, body)])
        });
        let test = Test::new(&standin);
        let (client, limit) = (&test.client, test.limit(LONG));
        for error in [client.user("auth0|1", limit).map(drop), client.roles("auth0|1", limit).map(drop)] {
            let error = error.unwrap_err();
            assert!(!error.is_not_found() && error.to_string().contains("(status 404)"), "{error}");
        }
        assert!(client.link("auth0|1", LINKED, limit).unwrap_err().may_have_effect());
    }
}

#[test]
fn a_missing_scope_is_named_with_its_purpose() {
    let standin = Standin::start(|seen| {
        let body =
            r#"{"statusCode":403,"error":"Forbidden","message":"whatever","errorCode":"insufficient_scope"}"#;
        seen.path.starts_with("/api/v2/").then(|| vec![json_answer("403 Forbidden", "", body)])
    });
    let test = Test::new(&standin);
    let (client, limit) = (&test.client, test.limit(LONG));
    let errors = [
        client.user("auth0|1", limit).map(drop),
        client.link("auth0|1", LINKED, limit).map(drop),
        client.patch_user("auth0|1", &json!({}), limit).map(drop),
        client.roles("auth0|1", limit).map(drop),
        client.add_member("org_1", "auth0|1", limit),
    ];
    let texts = errors.map(|error| error.unwrap_err().to_string());
    let purposes = [
        "the scope read:users of the Management API, which Ligature needs to look up users;",
        "the scope update:users of the Management API, which Ligature needs to link and unlink identities;",
        "the scope update:users of the Management API, which Ligature needs to write metadata;",
        "the scope read:users or read:roles of the Management API, which Ligature needs to note the roles of a user that a \
         link removes;",
        "the scope create:organization_members of the Management API, which Ligature needs to give memberships of organizations back \
         when a link is undone;",
    ];
    for (text, purpose) in texts.iter().zip(purposes) {
        assert!(text.contains(purpose) && text.contains("(status 403, insufficient_scope)"), "{text}");
    }
}

/// A link reads roles and organizations: without their scopes, each refusal would cost every
/// link a request.
#[test]
fn an_optional_scope_that_is_missing_is_noticed_once_for_each_token() {
    let standin = Standin::start(|seen| {
        let body =
            r#"{"statusCode":403,"error":"Forbidden","message":"whatever","errorCode":"insufficient_scope"}"#;
        let is_refused = seen.path.contains("/roles") || seen.path.contains("/users/auth0%7C1?");
        let expired = r#"{"statusCode":401,"error":"Unauthorized","message":"Expired token"}"#;
        if seen.path.contains("auth0%7C9") && seen.earlier == 0 {
            return Some(vec![json_answer("401 Unauthorized", "", expired)]);
        }
        is_refused.then(|| vec![json_answer("403 Forbidden", "", body)])
    });
    let test = Test::new(&standin);
    let (client, limit) = (&test.client, test.limit(LONG));
    let first = client.roles("auth0|1", limit).unwrap_err();
    assert_eq!(client.roles("auth0|2", limit).unwrap_err(), first);
    assert_eq!(client.with_new_correlation_id().roles("auth0|3", limit).unwrap_err().kind, first.kind);
    assert_eq!(standin.requests("/api/v2/").len(), 1);
    // Another need is asked for, and so is the same one with another token.
    client.organizations("auth0|1", limit).unwrap_err();
    let _ = client.user("auth0|9", limit);
    assert_eq!(client.roles("auth0|1", limit).unwrap_err().kind, first.kind);
    let roles = standin.requests("/api/v2/").into_iter().filter(|seen| seen.path.contains("/roles"));
    assert_eq!(roles.count(), 2);
}

#[test]
fn all_pages_of_a_list_are_read() {
    let page = |from: usize, count: usize| {
        let entries =
            (from..from + count).map(|n| json!({"id": format!("rol_{n}"), "name": format!("role {n}")}));
        serde_json::Value::from_iter(entries).to_string()
    };
    let standin = Standin::start(move |seen| {
        let pages = [page(0, 50), page(50, 7)];
        let number: usize = seen.path.split_once("&page=")?.1.parse().ok()?;
        Some(vec![json_answer("200 OK", "", &pages[number])])
    });
    let test = Test::new(&standin);
    let roles = test.client.roles("auth0|1", test.limit(LONG)).expect("roles");
    assert_eq!(
        (roles.len(), &roles[56]),
        (57, &Named { id: "rol_56".to_owned(), name: "role 56".to_owned() })
    );
    let paths: Vec<String> = standin.requests("/api/v2/").into_iter().map(|seen| seen.path).collect();
    let path = "/api/v2/users/auth0%7C1/roles?per_page=50&page=";
    assert_eq!(paths, [format!("{path}0"), format!("{path}1")]);

    // A tenant that answers with the same page for ever.
    let standin = Standin::start(move |seen| {
        seen.path.contains("/organizations").then(|| vec![json_answer("200 OK", "", &page(0, 50))])
    });
    let test = Test::new(&standin);
    assert_eq!(test.client.organizations("auth0|1", test.limit(LONG)).expect("organizations").len(), 50);
}

#[test]
fn roles_and_members_are_added_without_content() {
    let standin = Standin::start(|seen| {
        (seen.method == "POST" && seen.path != "/oauth/token").then(|| vec![answer("204 No Content", "", "")])
    });
    let test = Test::new(&standin);
    let (client, limit) = (&test.client, test.limit(LONG));
    client.assign_roles("auth0|1", &[], limit).expect("nothing to do");
    client.assign_roles("auth0|1", &["rol_1".to_owned()], limit).expect("a role");
    client.add_member("org_1", "auth0|1", limit).expect("a member");
    let seen = standin.requests("/api/v2/");
    assert_eq!(
        (&*seen[0].path, seen[0].json()),
        ("/api/v2/users/auth0%7C1/roles", json!({"roles": ["rol_1"]}))
    );
    assert_eq!(
        (&*seen[1].path, seen[1].json()),
        ("/api/v2/organizations/org_1/members", json!({"members": ["auth0|1"]}))
    );
    assert_eq!(seen.len(), 2);
}

#[test]
fn connections_are_kept() {
    let standin = Standin::start(|_| None);
    let test = Test::new(&standin);
    for _ in 0..5 {
        test.user(LONG).expect("a user");
    }
    assert_eq!(standin.connections(), 1);
}
