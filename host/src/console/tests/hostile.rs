//! Hostile texts and requests.

use axum::http::StatusCode;

use super::{Office, SCRIPT, user};
use crate::directory::KeptDecision;
use crate::model::{Decision, Level, Reason, RuleVerdict};

/// The pages that show a decision.
fn pages_of(id: &str) -> [String; 6] {
    [
        "/console".to_owned(),
        "/console/decisions".to_owned(),
        format!("/console/decisions/{id}"),
        "/console/conflicts".to_owned(),
        "/console/conflicts?settled=yes".to_owned(),
        "/console/live".to_owned(),
    ]
}

#[test]
fn foreign_text_of_decisions_is_text() {
    let office = Office::open();
    let deny = Decision::Deny { message: SCRIPT.to_owned() };
    let id = office.keep(deny, (SCRIPT, Level::Conflict), SCRIPT);
    for path in [
        "/console".to_owned(),
        "/console/decisions".to_owned(),
        format!("/console/decisions/{id}"),
        "/console/conflicts".to_owned(),
        "/console/live".to_owned(),
    ] {
        let page = office.page(&path);
        assert!(
            !page.contains("<img") && !page.contains('\u{202e}') && !page.contains('\r'),
            "{path}: {page}"
        );
        let scripts = page.matches("<script").count();
        assert_eq!(scripts, usize::from(path == "/console/live"), "{path}: {page}");
    }
}

/// A decision in which each text is this one.
fn filled(office: &Office, text: &str) -> KeptDecision {
    let own = Some(text.to_owned());
    let verdict = || RuleVerdict { rule: text.into(), verdict: text.into(), evidence: text.into() };
    let reason = || Reason {
        code: text.into(),
        level: Level::Conflict,
        subject: vec![format!("github|{text}")],
        detail: text.into(),
    };
    KeptDecision {
        user_id: format!("github|{text}"),
        final_user_id: own.clone(),
        client_id: own.clone(),
        connection: own.clone(),
        policy: own.clone(),
        policy_sha256: own.clone(),
        reasons: (0..3).map(|_| reason()).collect(),
        trace: (0..5).map(|_| verdict()).collect(),
        counterfactual: own,
        ..office.make(Decision::Deny { message: text.to_owned() }, ("X", Level::Info), text)
    }
}

#[test]
fn each_text_of_a_decision_is_text() {
    let long = SCRIPT.to_owned() + &"é".repeat(500 - SCRIPT.chars().count());
    for text in [SCRIPT, &long, "\"' onmouseover=alert(1) x=\"", "{{ 7 * 7 }}<!--"] {
        let id = format!("github|{text}");
        let office = Office::with_users([user(&id, text), user("auth0|1", text)]);
        let kept = filled(&office, text);
        let decision = kept.id.to_string();
        office.keep_all(&[kept]);
        let check = |path: &str| {
            let script = "<script src=\"/console/live.js\" defer></script>";
            let page = office.page(path).replace(if path == "/console/live" { script } else { "\0" }, "");
            for wrong in ["<img", "</script>", "<!--", "\u{202e}", "\r", "\"' on"] {
                // A field has a typed text as it is, so that the form sends it back.
                let is_typed = ["\u{202e}", "\r"].contains(&wrong) && path.contains("?user=");
                assert!(is_typed || !page.contains(wrong), "{path}: {wrong:?}: {page}");
            }
        };
        pages_of(&decision).iter().for_each(|path| check(path));
        let user: String =
            percent_encoding::utf8_percent_encode(&id, percent_encoding::NON_ALPHANUMERIC).to_string();
        check(&format!("/console/users/{user}"));
        check(&format!("/console/decisions?user={user}"));
        let page = office.page("/console/conflicts");
        let note: String = url::form_urlencoded::byte_serialize(text.as_bytes()).collect();
        assert_eq!(office.settle(&page, &format!("note={note}")).0, StatusCode::SEE_OTHER);
        check("/console/conflicts?settled=yes");
    }
}

#[test]
fn pages_stay_small_with_long_texts() {
    let text = "<".repeat(200);
    let office = Office::with_users([user(&format!("github|{text}"), &text)]);
    for number in 0..30 {
        let mut kept = filled(&office, &text);
        kept.reasons.iter_mut().for_each(|reason| reason.code = format!("CODE_{number}"));
        office.keep_all(&[kept]);
    }
    let kept = filled(&office, &text);
    let id = kept.id.to_string();
    office.keep_all(&[kept]);
    let sizes = pages_of(&id).map(|path| (office.get(&path).1.len(), path));
    assert!(sizes.iter().all(|(size, _)| *size <= 30_000), "{sizes:?}");
}
