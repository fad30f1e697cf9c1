//! Keeping decisions, finding and counting them.

use ligature_host::directory::{
    Administration, DecisionCount, DecisionId, DecisionQuery, KeptBatch, KeptDecision, LeftOutPart,
    PluginVersion,
};
use ligature_host::model::{Decision, Level, Reason, RuleVerdict, Step, Timestamp};

use super::super::users::kind;
use super::super::{Implementation, Test};
use super::tests;

pub(crate) const TESTS: &[Test] = tests! {
    a_decision_is_kept_whole
    a_decision_is_cut_to_its_bounds
    decisions_are_found_by_each_condition
    hostile_queries_find_nothing
    pages_of_decisions_continue
    a_decision_counts_once_however_often_it_is_kept
    decisions_are_counted_by_day_kind_and_deciding_reason
    counts_of_made_up_codes_are_bounded
    decisions_that_threads_keep_are_counted_all
};

/// A decision of a login at this moment, without reasons.
pub(crate) fn decision(directory: &dyn Administration, user_id: &str) -> KeptDecision {
    let ambient = directory.ambient();
    KeptDecision {
        id: DecisionId::draw(ambient),
        at: ambient.now(),
        user_id: user_id.to_owned(),
        final_user_id: Some(user_id.to_owned()),
        client_id: None,
        connection: None,
        policy: None,
        policy_sha256: None,
        plugin: None,
        decision: Decision::Proceed,
        reasons: Vec::new(),
        trace: Vec::new(),
        counterfactual: None,
        left_out: Vec::new(),
    }
}

/// A reason of this code about these users.
pub(crate) fn reason(code: &str, level: Level, subject: &[&str]) -> Reason {
    Reason {
        code: code.to_owned(),
        level,
        subject: subject.iter().map(|&id| id.to_owned()).collect(),
        detail: "A sentence.".to_owned(),
    }
}

/// A decision with a reason of this code.
fn coded(directory: &dyn Administration, code: &str) -> KeptDecision {
    KeptDecision { reasons: vec![reason(code, Level::Info, &[])], ..decision(directory, "auth0|1") }
}

fn ids(found: &[KeptDecision]) -> Vec<&DecisionId> {
    found.iter().map(|kept| &kept.id).collect()
}

pub(crate) fn all() -> DecisionQuery {
    DecisionQuery { limit: 1_000, ..DecisionQuery::default() }
}

fn a_decision_is_kept_whole(implementation: &Implementation) {
    let opened = implementation.open();
    let directory = &*opened.directory;
    let full = KeptDecision {
        user_id: "google-oauth2|<script>\u{202e}\u{0}".to_owned(),
        client_id: Some("client".to_owned()),
        connection: Some("google-oauth2".to_owned()),
        policy: Some("policy".to_owned()),
        policy_sha256: Some("ab12".to_owned()),
        plugin: Some(PluginVersion { name: "plugin".to_owned(), sha256: "cd34".to_owned() }),
        reasons: vec![reason("MULTIPLE", Level::Finding, &["auth0|2", "auth0|3"])],
        trace: vec![RuleVerdict {
            rule: "rule".to_owned(),
            verdict: "goes on".to_owned(),
            evidence: "It has ada@corp.com and \"\u{0}\".".to_owned(),
        }],
        counterfactual: Some("[auto]\n".to_owned()),
        ..decision(directory, "")
    };
    let deny = Decision::Deny { message: "No.".to_owned() };
    let linked = Decision::Linked { primary: "auth0|1".to_owned() };
    let suggest = Decision::Suggest {
        step: Step::Confirm,
        candidates: vec!["auth0|2".to_owned(), "auth0|3".to_owned()],
    };
    for (made, final_user_id) in
        [(Decision::Proceed, Some("auth0|1")), (deny, None), (linked, Some("auth0|1")), (suggest, None)]
    {
        let kept = KeptDecision {
            id: DecisionId::draw(directory.ambient()),
            decision: made,
            final_user_id: final_user_id.map(str::to_owned),
            ..full.clone()
        };
        assert_eq!(
            directory.keep_decisions(std::slice::from_ref(&kept)),
            Ok(KeptBatch { kept: 1, unopened_conflicts: 0 })
        );
        let mut expected = kept.clone();
        expected.user_id = "google-oauth2|<script>\u{202e}\u{fffd}".to_owned();
        expected.trace[0].evidence = "It has a…@corp.com and \"\u{0}\".".to_owned();
        expected.left_out = vec![LeftOutPart::Texts];
        assert_eq!(directory.decision(&kept.id), Ok(expected));
    }
    let unknown = DecisionId::draw(directory.ambient());
    assert_eq!(kind(&directory.decision(&unknown).unwrap_err()), "not found");
}

fn a_decision_is_cut_to_its_bounds(implementation: &Implementation) {
    let opened = implementation.open();
    let directory = &*opened.directory;
    let verdict =
        RuleVerdict {
            rule: "rule".to_owned(), verdict: "goes on".to_owned(), evidence: "é".repeat(100_000)
        };
    let mut large = coded(directory, "LARGE");
    large.trace = vec![verdict; 100];
    large.reasons[0].subject = vec!["auth0|2".to_owned(); 10_000];
    directory.keep_decisions(std::slice::from_ref(&large)).unwrap();
    let kept = directory.decision(&large.id).unwrap();
    assert_eq!(kept.left_out, [LeftOutPart::Texts, LeftOutPart::Trace]);
    assert!(kept.trace.is_empty() && kept.reasons[0].code == "LARGE");
    assert!(serde_json::to_vec(&kept).unwrap().len() <= 16 << 10);
}

fn decisions_are_found_by_each_condition(implementation: &Implementation) {
    let opened = implementation.open();
    let directory = &*opened.directory;
    let now = directory.ambient().now();
    let later = |millis| Timestamp::from_millis(now.as_millis() + millis).unwrap();
    let first = KeptDecision { at: now, ..coded(directory, "LINKED_A") };
    let second = KeptDecision {
        at: later(1),
        user_id: "google-oauth2|2".to_owned(),
        decision: Decision::Linked { primary: "auth0|1".to_owned() },
        reasons: vec![reason("LINKED", Level::Info, &[]), reason("B", Level::Info, &[])],
        ..decision(directory, "auth0|1")
    };
    let third = KeptDecision {
        at: later(2),
        final_user_id: None,
        decision: Decision::Deny { message: "No.".to_owned() },
        ..decision(directory, "auth0|3")
    };
    directory.keep_decisions(&[first.clone(), second.clone(), third.clone()]).unwrap();
    let (one, two, three) = (&first.id, &second.id, &third.id);
    let text = |text: &str| Some(text.to_owned());
    for (query, expected) in [
        (all(), &[three, two, one][..]),
        (DecisionQuery { limit: 2, ..all() }, &[three, two]),
        (DecisionQuery { user_id: text("auth0|1"), ..all() }, &[two, one]),
        (DecisionQuery { user_id: text("google-oauth2|2"), ..all() }, &[two]),
        (DecisionQuery { user_id: text("auth0|9"), ..all() }, &[]),
        (DecisionQuery { kind: text("linked"), ..all() }, &[two]),
        (DecisionQuery { kind: text("suggest"), ..all() }, &[]),
        (DecisionQuery { code: text("LINKED"), ..all() }, &[two]),
        (DecisionQuery { code: text("B"), ..all() }, &[two]),
        (DecisionQuery { code: text("LINKED_A"), ..all() }, &[one]),
        (DecisionQuery { since: Some(later(1)), ..all() }, &[three, two]),
        (DecisionQuery { until: Some(later(1)), ..all() }, &[two, one]),
        (DecisionQuery { since: Some(later(1)), until: Some(later(1)), ..all() }, &[two]),
        (DecisionQuery { user_id: text("auth0|1"), kind: text("proceed"), ..all() }, &[one]),
        (DecisionQuery { user_id: text("auth0|1"), code: text("B"), since: Some(later(2)), ..all() }, &[]),
    ] {
        assert_eq!(ids(&directory.find_decisions(&query).unwrap()), expected, "{query:?}");
    }
}

fn hostile_queries_find_nothing(implementation: &Implementation) {
    let opened = implementation.open();
    let directory = &*opened.directory;
    directory.keep_decisions(&[coded(directory, "LINKED"), coded(directory, "odd code")]).unwrap();
    for hostile in ["%", "_", "L%", "LINKE_", "' OR ''='", "LINKED other", "\u{0}", "LINKED\u{0}", "odd code"]
    {
        let hostile = Some(hostile.to_owned());
        for query in [
            DecisionQuery { code: hostile.clone(), ..all() },
            DecisionQuery { kind: hostile.clone(), ..all() },
            DecisionQuery { user_id: hostile.clone(), ..all() },
        ] {
            assert_eq!(directory.find_decisions(&query), Ok(vec![]), "{query:?}");
        }
    }
    let odd = DecisionQuery { code: Some("other".to_owned()), ..all() };
    assert_eq!(directory.find_decisions(&odd).unwrap().len(), 1, "codes that nobody can search are one");
}

fn pages_of_decisions_continue(implementation: &Implementation) {
    let opened = implementation.open();
    let directory = &*opened.directory;
    let decisions: Vec<_> = (0..7).map(|_| decision(directory, "auth0|1")).collect();
    directory.keep_decisions(&decisions).unwrap();
    let id = |n: usize| &decisions[n].id;
    for user_id in [None, Some("auth0|1".to_owned())] {
        let of_user = DecisionQuery { user_id, limit: 3, ..DecisionQuery::default() };
        let before = |n: usize| DecisionQuery { before: Some(id(n).clone()), ..of_user.clone() };
        let after = |n: usize| DecisionQuery { after: Some(id(n).clone()), ..of_user.clone() };
        for (query, expected) in [
            (of_user.clone(), &[id(6), id(5), id(4)][..]),
            (before(4), &[id(3), id(2), id(1)]),
            (before(1), &[id(0)]),
            (before(0), &[]),
            (after(0), &[id(1), id(2), id(3)]),
            (after(5), &[id(6)]),
            (after(6), &[]),
            (DecisionQuery { before: Some(id(4).clone()), ..after(1) }, &[id(2), id(3)]),
        ] {
            assert_eq!(ids(&directory.find_decisions(&query).unwrap()), expected, "{query:?}");
        }
    }
}

fn count(directory: &dyn Administration) -> Vec<(String, String, u64)> {
    let counts = directory.count_decisions("").unwrap();
    counts.into_iter().map(|count| (count.kind, count.code, count.number)).collect()
}

fn a_decision_counts_once_however_often_it_is_kept(implementation: &Implementation) {
    let opened = implementation.open();
    let directory = &*opened.directory;
    let kept = coded(directory, "LINKED");
    directory.keep_decisions(std::slice::from_ref(&kept)).unwrap();
    let again = directory.keep_decisions(&[kept.clone(), kept, coded(directory, "LINKED")]);
    assert_eq!(again, Ok(KeptBatch { kept: 1, unopened_conflicts: 0 }));
    assert_eq!(count(directory), [("proceed".to_owned(), "LINKED".to_owned(), 2)]);
}

fn decisions_are_counted_by_day_kind_and_deciding_reason(implementation: &Implementation) {
    let opened = implementation.open();
    let directory = &*opened.directory;
    let day = |text: &str| text.parse::<Timestamp>().unwrap();
    let (monday, tuesday) = (day("2026-11-23T23:59:59.999Z"), day("2026-11-24T00:00:00Z"));
    let deny = Decision::Deny { message: "No.".to_owned() };
    let two = vec![reason("A", Level::Info, &[]), reason("B", Level::Info, &[])];
    let decisions = [
        KeptDecision { at: tuesday, ..coded(directory, "A") },
        KeptDecision { at: monday, reasons: two, ..decision(directory, "auth0|1") },
        KeptDecision { at: monday, ..coded(directory, "A") },
        KeptDecision { at: monday, decision: deny, ..decision(directory, "auth0|1") },
    ];
    directory.keep_decisions(&decisions).unwrap();
    let count = |day: &str, kind: &str, code: &str, number| DecisionCount {
        day: day.to_owned(),
        kind: kind.to_owned(),
        code: code.to_owned(),
        number,
    };
    let all = [
        count("2026-11-23", "deny", "", 1),
        count("2026-11-23", "proceed", "A", 2),
        count("2026-11-24", "proceed", "A", 1),
    ];
    assert_eq!(directory.count_decisions("2026-11-23").as_deref(), Ok(&all[..]));
    assert_eq!(directory.count_decisions("2026-11-24").as_deref(), Ok(&all[2..]));
    assert_eq!(directory.count_decisions("2026-11-25").as_deref(), Ok(&[][..]));
}

fn counts_of_made_up_codes_are_bounded(implementation: &Implementation) {
    let opened = implementation.open();
    let directory = &*opened.directory;
    let now = directory.ambient().now();
    let made_up: Vec<_> =
        (0..300).map(|n| KeptDecision { at: now, ..coded(directory, &format!("CODE_{n}")) }).collect();
    directory.keep_decisions(&made_up).unwrap();
    let counts = count(directory);
    assert!(counts.len() <= 201, "{}", counts.len());
    assert_eq!(counts.iter().map(|(_, _, number)| number).sum::<u64>(), 300);
    assert!(counts.iter().any(|(_, code, number)| code == "other" && *number == 100));
}

fn decisions_that_threads_keep_are_counted_all(implementation: &Implementation) {
    let opened = implementation.open();
    let directory = &*opened.directory;
    let now = directory.ambient().now();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..5 {
                    let two = ["A", "B"].map(|code| {
                        let conflict = vec![reason(code, Level::Conflict, &["auth0|2"])];
                        KeptDecision { at: now, reasons: conflict, ..decision(directory, "auth0|1") }
                    });
                    directory.keep_decisions(&two).unwrap();
                }
            });
        }
    });
    let twenty = |code: &str| ("proceed".to_owned(), code.to_owned(), 20);
    assert_eq!(count(directory), [twenty("A"), twenty("B")]);
    let conflicts = directory.conflicts(&super::conflicts::open()).unwrap();
    assert_eq!(conflicts.iter().map(|conflict| conflict.times).collect::<Vec<_>>(), [20, 20]);
}
