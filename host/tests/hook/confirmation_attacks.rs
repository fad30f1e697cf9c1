//! Attacks on the confirmation of another account, by their numbers in `docs/security.md`.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

use crate::http::{Request, send};
use crate::scene::{CONTINUE, DATABASE, EMAIL, POST_LOGIN, Scene, TRANSACTION, answer_of, field, nonce};
use crate::service::{GOOGLE, SECRET, codes, event, event_of, now, signed_to};

crate::tests![
    s_84_a_prepared_page_links_nothing_for_another_person,
    s_85_an_answer_about_changed_accounts_links_nothing,
    s_91_an_unlinked_account_is_not_asked_about_again,
    s_92_a_user_who_declines_is_not_asked_at_once_again,
    s_93_journal_and_log_say_who_has_confirmed_what,
    s_95_an_account_whose_address_is_not_verified_is_not_linked,
    s_96_no_other_answer_links,
    s_97_the_way_back_leads_to_the_tenant_only,
    s_98_nothing_of_the_other_account_is_shown_before_the_login,
    s_99_the_log_has_no_token_and_no_whole_address,
    a_required_link_is_not_avoided_by_coming_back_without_an_answer,
    a_required_link_is_not_avoided_by_a_proof_that_does_not_suffice,
    a_question_for_a_second_factor_tells_nothing_of_it_before_a_proof,
    a_request_of_one_stage_of_a_login_is_refused_at_the_other,
    a_required_link_is_not_avoided_by_a_long_name,
    a_user_who_cannot_be_asked_goes_on_unlinked,
    no_other_site_sends_the_forms_or_frames_the_pages,
    one_browser_takes_no_thread_from_logins,
];

/// An attacker sends the page of their own login to another person, who logs in.
fn s_84_a_prepared_page_links_nothing_for_another_person() {
    let scene = Scene::new();
    let asked = scene.ask(&event());
    // Another browser does not even see the question, and is not sent to the attacker's login.
    let mut victim = scene.visitor();
    victim.user_agent = "Mozilla/5.0 (Macintosh) Safari/605.1".to_owned();
    let page = victim.open(&asked);
    assert_eq!(page.status, 403);
    assert!(!page.text().contains("continue") && page.text().contains("close this page"), "{}", page.text());

    // A browser of the same kind is told who has logged in; the answer comes from another address.
    let mut victim = scene.visitor();
    let answer = victim.confirm(&asked);
    let mut resumed = event();
    resumed["request"]["ip"] = json!("198.51.100.9");
    let ended = scene.resume(&resumed, Some(&answer));
    assert_eq!((&ended["action"], codes(&ended)[0]), (&json!("proceed"), "CONFIRMATION_REFUSED"));

    assert_eq!(scene.place.links(), 0);
    scene.service.log_with("an answer to a question does not count");

    // The login of another browser does not end in this one.
    let scene = Scene::new();
    let asked = scene.ask(&event());
    let (mut attacker, mut victim) = (scene.visitor(), scene.visitor());
    let page = attacker.open(&asked);
    let sent = attacker.submit("/v1/confirm/login", &page);
    let callback = attacker.log_in_at(&sent.location(), EMAIL);
    assert_eq!(victim.get_hook(&callback).status, 400);
}

fn s_85_an_answer_about_changed_accounts_links_nothing() {
    let scene = Scene::new();
    let answer = scene.confirmed(&event());
    scene.patch(DATABASE, &json!({ "email": "new@example.com", "email_verified": true }));
    let ended = scene.resume(&event(), Some(&answer));
    assert_eq!(ended["action"], "proceed", "{ended}");
    assert_eq!((codes(&ended)[0], scene.place.links()), ("PROOF_FOREIGN", 0));

    let scene = Scene::new();
    let answer = scene.confirmed(&event());
    let mut resumed = event();
    resumed["user"]["email"] = json!("moved@example.com");
    let ended = scene.resume(&resumed, Some(&answer));
    assert_eq!(codes(&ended)[0], "CONFIRMATION_REFUSED", "{ended}");
    assert_eq!((&ended["action"], scene.place.links()), (&json!("proceed"), 0));
}

fn s_91_an_unlinked_account_is_not_asked_about_again() {
    let scene = Scene::new();
    let answer = scene.confirmed(&event());
    scene.resume(&event(), Some(&answer));
    assert!(scene.place.ligature(&["undo", &scene.link_id()]).status.success());
    let next = scene.ask(&event());
    assert_eq!(next["action"], "proceed", "{next}");
    assert_eq!(codes(&next)[0], "UNLINKED_BY_OPERATOR");
    // The old answer does not link them again.
    let replayed = scene.resume(&event(), Some(&answer));
    assert_eq!((&replayed["action"], scene.place.links()), (&json!("proceed"), 1), "{replayed}");
}

fn s_92_a_user_who_declines_is_not_asked_at_once_again() {
    let scene = Scene::new();
    let asked = scene.ask(&event());
    let mut visitor = scene.visitor();
    let page = visitor.open(&asked);
    let answer = answer_of(&visitor.submit("/v1/confirm/decline", &page), TRANSACTION);
    assert_eq!(codes(&scene.resume(&event(), Some(&answer)))[0], "DECLINED");
    let next = scene.ask(&event());
    assert_eq!(next["action"], "proceed", "{next}");
    let prompts = &scene.place.json(&["users", "show", GOOGLE])["app_metadata"]["linking"]["prompts"];
    assert_eq!(*prompts, json!(1));

    // An answer to an earlier prompt does not count once the user was asked again.
    let scene = Scene::with_policy(&json!({ "mode": "suggest", "prompts": { "ask_again_after_days": 0 } }));
    let early = scene.confirmed(&event());
    assert_eq!(scene.ask(&event())["action"], "redirect");
    let ended = scene.resume(&event(), Some(&early));
    assert_eq!((codes(&ended)[0], scene.place.links()), ("CONFIRMATION_REFUSED", 0), "{ended}");
}

fn s_93_journal_and_log_say_who_has_confirmed_what() {
    let scene = Scene::new();
    let answer = scene.confirmed(&event());
    scene.resume(&event(), Some(&answer));
    let shown = scene.place.ligature(&["journal", "show", &scene.link_id()]);
    let shown = String::from_utf8(shown.stdout).expect("UTF-8");
    for part in [
        &format!("{GOOGLE} into {DATABASE}"),
        &format!("{DATABASE} was proved at"),
        "LINKED_BY_PROOF",
        "policy       sha256",
        "plugin       link-users-by-email",
    ] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    // A notifier reads it in the log.
    let log = scene.service.log_with("accounts were linked");
    let line = log.lines().find(|line| line.contains("accounts were linked")).unwrap_or_default();
    for part in [
        "INFO audit",
        &format!("user={GOOGLE}"),
        &format!("primary={DATABASE}"),
        "policy=\"link-users-by-email\"",
        "reasons=\"LINKED_BY_PROOF",
    ] {
        assert!(line.contains(part), "{part}: {line}");
    }
    scene.resume(&event(), None);
    assert_eq!(scene.service.log().matches("accounts were linked").count(), 1, "a later login links nothing");
}

fn s_95_an_account_whose_address_is_not_verified_is_not_linked() {
    let scene = Scene::new();
    let asked = scene.ask(&event());
    scene.patch(DATABASE, &json!({ "email_verified": false }));
    let mut visitor = scene.visitor();
    let page = visitor.open(&asked);
    let again = visitor.log_in(&page, EMAIL);
    assert!(again.text().contains("The address of that account is not verified"), "{}", again.text());
    let answer = answer_of(&visitor.submit("/v1/confirm/decline", &again), TRANSACTION);
    assert_eq!(scene.resume(&event(), Some(&answer))["action"], "proceed");
    assert_eq!(scene.place.links(), 0);
}

/// Altered, of another user's login, of another policy, or none at all.
fn s_96_no_other_answer_links() {
    let scene = Scene::new();
    let answer = scene.confirmed(&event());
    let altered = |place: usize| {
        let mut text = answer.clone();
        let other = if &text[place..=place] == "A" { "B" } else { "A" };
        text.replace_range(place..=place, other);
        text
    };
    // The answer of another service with the same secret and policy.
    let elsewhere = Scene::new();
    let asked = elsewhere.ask(&{
        let mut other = event_of("facebook|2", EMAIL, "facebook");
        other["request"] = event()["request"].clone();
        other
    });
    let foreign = elsewhere.visitor().confirm(&asked);
    let question = asked["token"].as_str().expect("a token").to_owned();
    for other in
        [Some(altered(0)), Some(altered(60)), Some(foreign), Some(question), Some(String::new()), None]
    {
        let ended = scene.resume(&event(), other.as_deref());
        assert_eq!(
            (&ended["action"], codes(&ended)[0]),
            (&json!("proceed"), "CONFIRMATION_REFUSED"),
            "{ended}"
        );
    }
    // The page refuses an altered question, and the login can go on.
    let refused = scene.visitor().open_token("altered", TRANSACTION);
    assert_eq!(refused.status, 400);
    assert!(refused.text().contains(&format!("{}continue?state={TRANSACTION}", scene.tenant.http)));

    scene
        .place
        .write("policy.json", json!({ "mode": "suggest", "limits": { "max_candidates": 9 } }).to_string());
    scene.service.log_with("plugin and policy reloaded");
    let ended = scene.resume(&event(), Some(&answer));
    assert_eq!((&ended["action"], codes(&ended)[0]), (&json!("proceed"), "CONFIRMATION_REFUSED"), "{ended}");
    assert_eq!(scene.place.links(), 0);
}

fn s_97_the_way_back_leads_to_the_tenant_only() {
    let scene = Scene::new();
    let asked = scene.ask(&event());
    let token = asked["token"].as_str().expect("a token");
    let start = format!("action=\"{}continue?state=", scene.tenant.http);
    for state in ["//evil.example/", "\"><script>alert(1)</script>", "a&redirect_uri=https://evil.example"] {
        let mut visitor = scene.visitor();
        let page = visitor.open_token(token, state);
        let back = visitor.submit("/v1/confirm/decline", &page).text();
        assert!(back.contains(&start), "{back}");
        assert!(!back.contains("evil.example/\"") && !back.contains("<script>alert"), "{back}");
    }
    for state in [String::new(), "x".repeat(701), "ü".to_owned()] {
        let page = scene.visitor().open_token(token, &state);
        assert_eq!(page.status, 400, "{state}");
        assert!(!page.text().contains("continue?state"), "{}", page.text());
    }
}

fn s_98_nothing_of_the_other_account_is_shown_before_the_login() {
    let scene = Scene::new();
    let asked = scene.ask(&event());
    let mut visitor = scene.visitor();
    let page = visitor.open(&asked);
    let sent = visitor.submit("/v1/confirm/login", &page);
    let mut seen = vec![asked["token"].as_str().unwrap_or_default().to_owned(), page.text(), sent.location()];
    seen.extend(visitor.hook.cookies.values().cloned());
    for text in seen {
        let decoded = URL_SAFE_NO_PAD.decode(&text).unwrap_or_default();
        for hidden in ["the-database-account", "auth0|", "Username-Password", "Countess of Lovelace"] {
            assert!(!text.contains(hidden), "{hidden}: {text}");
            assert!(!decoded.windows(hidden.len()).any(|it| it == hidden.as_bytes()), "{hidden}");
        }
    }
}

fn s_99_the_log_has_no_token_and_no_whole_address() {
    let scene = Scene::new();
    let asked = scene.ask(&event());
    let answer = scene.visitor().confirm(&asked);
    scene.resume(&event(), Some(&answer));
    scene.visitor().open_token("altered", TRANSACTION);
    let log = scene.service.log_with("a confirmation was refused");
    let token = asked["token"].as_str().expect("a token");
    for secret in [token, &answer, SECRET, "the-secret-of-the-confirmation", EMAIL, TRANSACTION] {
        assert!(!log.contains(secret), "{secret} in {log}");
    }
    assert!(log.contains("code=\"proved\""), "{log}");
}

/// Whoever drops the answer on the way back has declined.
fn a_required_link_is_not_avoided_by_coming_back_without_an_answer() {
    let policy =
        json!({ "mode": "required", "prompts": { "grace": 0, "ask_again_after_days": 0, "max": 9 } });
    let scene = Scene::with_policy(&policy);
    assert_eq!(scene.ask(&event())["action"], "redirect");
    for answer in [None, Some("altered")] {
        let ended = scene.resume(&event(), answer);
        assert_eq!(ended["action"], "deny", "{ended}");
        assert_eq!(codes(&ended)[..2], ["CONFIRMATION_REFUSED", "LINK_REQUIRED"], "{ended}");
    }
    // Each login is decided twice, and counted and logged once: as it is answered.
    let page = scene.service.get("/metrics").text();
    for line in [
        "ligature_logins_total{kind=\"suggest\"} 1",
        "ligature_logins_total{kind=\"deny\"} 2",
        "ligature_login_reasons_total{code=\"CONFIRMATION_REFUSED\"} 2",
    ] {
        assert!(page.contains(line), "no {line} in:\n{page}");
    }
    let log = scene.service.log_with("reasons=\"CONFIRMATION_REFUSED LINK_REQUIRED");
    assert_eq!(log.matches("login decided").count(), 3, "{log}");
    let answer = scene.confirmed(&event());
    assert_eq!(scene.resume(&event(), Some(&answer))["action"], "set_primary_user");
}

/// The policy asks for more than was proved, or the account that was proved has changed.
fn a_required_link_is_not_avoided_by_a_proof_that_does_not_suffice() {
    let policy =
        json!({ "mode": "required", "prompts": { "grace": 0, "ask_again_after_days": 0, "max": 9 } });
    for (change, why) in [
        (json!({ "app_metadata": { "roles": ["admin"] } }), "CONFIRMATION_INSUFFICIENT"),
        (json!({ "email": "new@example.com", "email_verified": true }), "PROOF_FOREIGN"),
    ] {
        let scene = Scene::with_policy(&policy);
        let answer = scene.confirmed(&event());
        scene.patch(DATABASE, &change);
        let ended = scene.resume(&event(), Some(&answer));
        assert_eq!((&ended["action"], scene.place.links()), (&json!("deny"), 0), "{ended}");
        assert_eq!(codes(&ended)[..2], [why, "LINK_REQUIRED"], "{ended}");
    }
}

/// A request for a factor before a proof would tell a stranger that the account has one, or is privileged.
fn a_question_for_a_second_factor_tells_nothing_of_it_before_a_proof() {
    let mut enrolled = event();
    enrolled["user"]["multifactor"] = json!(["guardian"]);
    let roles = json!({ "app_metadata": { "roles": ["admin"] } });
    for (login, change) in [(enrolled, json!({ "name": "Ada" })), (event(), roles)] {
        let scene = Scene::new();
        scene.patch(DATABASE, &change);
        let asked = scene.ask(&login);
        let mut visitor = scene.visitor();
        let page = visitor.open(&asked);
        let sent = visitor.submit("/v1/confirm/login", &page).answer();
        assert!(!sent.contains_key("acr_values"), "{sent:?}");
        assert!(page.text().contains("You already have an account"), "{}", page.text());
        let answer = answer_of(&visitor.submit("/v1/confirm/decline", &page), TRANSACTION);
        let ended = scene.resume(&login, Some(&answer));
        assert_eq!((codes(&ended)[0], scene.place.links()), ("DECLINED", 0), "{ended}");
    }
}

/// A process that has not seen a signature accepts it, behind a balancer for example.
fn a_request_of_one_stage_of_a_login_is_refused_at_the_other() {
    let scene = Scene::new();
    let first = json!({ "event": event(), "can_redirect": true, "nonce": nonce() });
    let back = json!({ "event": event(), "answer": null, "nonce": nonce() });
    for (path, body, why) in [
        (CONTINUE, first, "missing field `answer`"),
        (POST_LOGIN, back, "`answer` belongs to the request after the page"),
    ] {
        let refused = scene.service.send(&signed_to(path, body.to_string(), SECRET, now()));
        assert_eq!((refused.status, &refused.json()["error"]), (400, &json!("event_invalid")), "{path}");
        assert!(refused.text().contains(why), "{}", refused.text());
    }
}

fn a_required_link_is_not_avoided_by_a_long_name() {
    let scene = Scene::with_policy(&json!({ "mode": "required" }));
    let mut login = event();
    login["user"]["name"] = json!("\u{1}".repeat(100));
    login["request"]["ip"] = json!("9".repeat(800));
    let asked = scene.ask(&login);
    let page = scene.visitor().open(&asked);
    assert!(page.text().contains("logged in with Google"), "{}", page.text());
}

/// A refusal would lock the user out: each later question is as long.
fn a_user_who_cannot_be_asked_goes_on_unlinked() {
    let prompts = json!({ "grace": 0, "ask_again_after_days": 0 });
    let scene = Scene::with_policy(&json!({ "mode": "required", "prompts": prompts }));
    let mut login = event();
    login["request"]["ip"] = json!("9".repeat(2_000));
    for _ in 0..2 {
        let ended = scene.ask(&login);
        assert_eq!(
            (&ended["action"], codes(&ended)[0]),
            (&json!("proceed"), "CONFIRMATION_UNAVAILABLE"),
            "{ended}"
        );
    }
    assert_eq!(scene.place.links(), 0);
    scene.service.log_with("a user cannot be asked");
}

fn no_other_site_sends_the_forms_or_frames_the_pages() {
    let scene = Scene::new();
    let asked = scene.ask(&event());
    let mut visitor = scene.visitor();
    let page = visitor.open(&asked);
    let cookie = page.header("set-cookie").expect("a cookie").to_owned();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax") && cookie.contains("Path=/"));
    let name = field(&page, "page");
    for path in ["/v1/confirm/login", "/v1/confirm/decline"] {
        for (header, value) in [("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")] {
            let form = Request::post(path).form(&[("page", &name)]).header(header, value);
            assert_eq!(visitor.hook.send(form).status, 403, "{path} {header}");
        }
        // The name of another page, and no cookie.
        assert_eq!(visitor.hook.submit(path, &[("page", "another")]).status, 400);
        assert_eq!(scene.visitor().submit(path, &page).status, 400);
    }
    let back = visitor.submit("/v1/confirm/decline", &page);
    for page in [&page, &back] {
        let policy = page.header("content-security-policy").expect("a policy");
        assert!(policy.starts_with("default-src 'none'") && policy.contains("frame-ancestors 'none'"));
        assert_eq!(page.header("x-frame-options"), Some("DENY"));
        assert_eq!(page.header("referrer-policy"), Some("strict-origin"));
        assert_eq!(page.header("cache-control"), Some("no-store"));
    }
    // The way back needs no script, and has one that browsers keep.
    let text = back.text();
    assert!(text.contains("<button type=\"submit\">"), "{text}");
    let address = text.split_once("<script src=\"").and_then(|(_, rest)| rest.split_once('"'));
    let (address, _) = address.unwrap_or_else(|| panic!("{text}"));
    let expected = format!("{}/v1/confirm/submit.js?v=", scene.public_url);
    assert!(address.starts_with(&expected), "{address}");
    let script = visitor.get_hook(address);
    assert_eq!(script.status, 200);
    assert_eq!(script.header("cache-control"), Some("public, max-age=31536000, immutable"));
    assert!(script.text().contains("document.forms[0].submit();"), "{}", script.text());
}

/// A browser may send its callback any number of times, and the tenant may be slow.
fn one_browser_takes_no_thread_from_logins() {
    let scene = Scene::new();
    let asked = scene.ask(&event());
    let mut visitor = scene.visitor();
    let page = visitor.open(&asked);
    let sent = visitor.submit("/v1/confirm/login", &page);
    let callback = visitor.log_in_at(&sent.location(), EMAIL);
    let target = callback.strip_prefix(&scene.public_url).expect("a path").to_owned();
    let (name, value) = visitor.hook.cookies.first_key_value().expect("a cookie");
    let request = Request::get(target).header("cookie", format!("{name}={value}"));
    scene.tenant.signal("STOP");
    let statuses: Vec<u16> = std::thread::scope(|threads| {
        let ask = || send(&scene.public_url, &request).status;
        let asking: Vec<_> = (0..48).map(|_| threads.spawn(ask)).collect();
        scene.service.log_with("code=\"busy\"");
        scene.tenant.signal("CONT");
        asking.into_iter().map(|it| it.join().expect("an answer")).collect()
    });
    let busy = statuses.iter().filter(|status| **status == 503).count();
    assert!((1..=16).contains(&busy), "{statuses:?}");
}
