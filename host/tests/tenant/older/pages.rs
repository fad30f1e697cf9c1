//! Logins from pages of the application, and callbacks with a fragment.

use super::{ORIGIN, both, code, own_login, refused, start_with_a_link, tenant, without};
use crate::http::{Request, Response};
use crate::tenants::{CALLBACK, authorize, by_password, claims, text};

crate::tests![
    a_password_from_a_page_of_the_client,
    a_code_from_a_page_of_the_client,
    a_password_from_a_page_of_somebody_else,
    auth_params_as_form_keys,
    an_address_with_a_fragment,
    an_address_with_a_fragment_of_somebody_else,
];

/// The fields of a page's only form.
fn fields(page: &Response) -> Vec<(String, String)> {
    let page = page.text();
    let attribute = |tag: &str, name: &str| {
        let text = tag.split(&format!("{name}=\"")).nth(1)?.split('"').next()?;
        Some(text.replace("&amp;", "&").replace("&#38;", "&"))
    };
    let tags = page.split("<input").skip(1);
    tags.filter_map(|tag| Some((attribute(tag, "name")?, attribute(tag, "value")?))).collect()
}

fn a_password_from_a_page_of_the_client() {
    let tenant = tenant();
    for request in both("/usernamepassword/login", &own_login("spa")) {
        let page = tenant.send(&request);
        assert_eq!(page.status, 200, "{}", page.text());
        assert_eq!(page.header("access-control-allow-origin"), Some(ORIGIN));
        assert!(page.text().contains(&format!("{}login/callback", tenant.http())), "{}", page.text());
        let fields = fields(&page);
        let fields: Vec<_> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let mut browser = tenant.browser();
        let send = |browser: &mut crate::http::Browser| {
            browser.send(Request::post("/login/callback").form(&fields).header("origin", ORIGIN))
        };
        let answer = send(&mut browser);
        assert!(answer.location().starts_with(&format!("{CALLBACK}#")), "{}", answer.location());
        let answer = answer.answer();
        assert_eq!(claims(&answer["id_token"].as_str().into())["sub"], "auth0|ada");
        assert_eq!((answer["state"].as_str(), answer.contains_key("access_token")), ("the state", true));
        // The tenant did not know the browser, so it has no session there.
        let silent = browser.get(&authorize(&[("prompt", "none")]));
        assert_eq!(silent.answer()["error"], "login_required");
        assert_eq!(send(&mut browser).answer()["error"], "access_denied", "it is good once");
    }
    let mut wrong = own_login("spa");
    wrong.iter_mut().find(|(name, _)| *name == "password").expect("it is there").1 = "wrong";
    for request in both("/usernamepassword/login", &wrong) {
        let (status, error, words) = refused(&tenant.send(&request));
        assert_eq!(
            (status, error.as_str(), words.as_str()),
            (401, "invalid_user_password", "Wrong email or password.")
        );
    }
}

/// A popup of auth0-js 8 sends this request.
fn a_code_from_a_page_of_the_client() {
    let tenant = tenant();
    let start = [("client_id", "spa"), ("connection", "sms"), ("phone_number", "+15550122")];
    tenant.send(&Request::post("/passwordless/start").form(&start));
    let code = code(&tenant, "+15550122");
    let mut fields = own_login("spa");
    for (name, value) in [("connection", "sms"), ("username", "+15550122"), ("password", code.as_str())] {
        fields.iter_mut().find(|(other, _)| *other == name).expect("it is there").1 = value;
    }
    let ask =
        || tenant.send(&Request::post("/usernamepassword/login").form(&fields).header("origin", ORIGIN));
    let page = ask();
    assert!(page.text().contains("login/callback"), "{}", page.text());
    assert_eq!(refused(&ask()).0, 401, "a code is good once");
}

fn a_password_from_a_page_of_somebody_else() {
    let tenant = tenant();
    for origin in ["http://evil.test", "null", "http://localhost:3001"] {
        for client in ["spa", "web"] {
            let request = Request::post("/usernamepassword/login").form(&own_login(client));
            let response = tenant.send(&request.header("origin", origin));
            assert_eq!(response.status, 403, "{origin}: {}", response.text());
            assert!(!response.text().contains("<form"), "{origin}");
        }
    }
}

fn auth_params_as_form_keys() {
    let tenant = tenant();
    let to = "link@example.com";
    let started = start_with_a_link(&tenant, to);
    assert_eq!(started.status, 200, "{}", started.text());
    let outbox = tenant.send(&Request::get("/dev/outbox")).json();
    let mail = outbox.as_array().expect("a list").iter().find(|it| it["to"] == to).expect("it was sent");
    let answer = tenant.browser().get(&text(&mail["link"])).answer();
    assert_eq!(answer["state"], "within");
    assert_eq!(claims(&answer["id_token"].as_str().into())["aud"], "spa");
}

fn an_address_with_a_fragment() {
    let tenant = tenant();
    for fragment in ["#", "#/login", "#/login?x=1", "#access_token=x"] {
        let uri = format!("{CALLBACK}{fragment}");
        let token = [("response_type", "token"), ("scope", "openid"), ("nonce", ""), ("redirect_uri", &uri)];
        let answer = by_password(&mut tenant.browser(), "ada@example.com", &token);
        let wanted = format!("{CALLBACK}#access_token=ey");
        assert!(answer.location().starts_with(&wanted), "{}", answer.location());
        let answer = by_password(&mut tenant.browser(), "ada@example.com", &[("redirect_uri", &uri)]);
        assert!(answer.location().starts_with(&format!("{CALLBACK}?code=")), "{}", answer.location());
        // Given for tokens with the address as it was asked with, or as it came.
        let fields = [
            ("grant_type", "authorization_code"),
            ("code", &answer.answer()["code"]),
            ("redirect_uri", &uri),
        ];
        let tokens = tenant.token("web", &fields);
        assert_eq!(tokens.status, 200, "{}", tokens.text());
    }
}

fn an_address_with_a_fragment_of_somebody_else() {
    for tenant in [tenant(), without()] {
        for uri in [
            "http://evil.test/#http://localhost:3000/callback",
            "http://evil.test/callback#",
            "http://localhost:3000/callback/evil#x",
            "http://localhost:3000/#/callback",
            "http://localhost:3000@evil.test/callback#",
            "#http://localhost:3000/callback",
        ] {
            let response =
                tenant.send(&Request::get(authorize(&[("redirect_uri", uri), ("prompt", "none")])));
            assert_eq!((response.status, response.header("location")), (400, None), "{uri}");
            assert!(response.text().contains("Callback URL mismatch"), "{uri}: {}", response.text());
        }
    }
}
