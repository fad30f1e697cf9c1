//! The runs of a backfill, whose groups processes share.

use std::collections::BTreeSet;
use std::thread;

use ligature_host::directory::{
    Administration, BackfillRun, BackfillStore, CheckedLink, ClaimedGroups, GroupClaim, GroupLinker,
    GroupLinks, GroupResult, JournalQuery, MetadataUpdate, RunGroup, RunGroupState, Undo,
};
use ligature_host::model::{ApiError, MetadataPatch, Timestamp, User};

use super::super::users::{ada, at, by, google, link, metadata, user};
use super::super::{Implementation, Test};
use super::{tests, with};

pub(crate) const TESTS: &[Test] = tests! {
    a_directory_has_an_id_that_no_other_one_has
    a_run_is_stored_once
    a_run_is_found_by_the_beginning_of_its_id
    a_group_belongs_to_one_claim_at_a_time
    a_claim_holds_until_its_end_and_not_after_it
    a_result_counts_only_while_the_claim_holds_the_group
    a_claim_can_be_extended_and_released
    named_groups_can_be_claimed
    groups_behind_an_id_can_be_claimed
    groups_are_linked_with_their_results
    a_link_of_several_groups_is_made_whole_or_not_at_all
    a_group_with_another_account_is_not_linked
    a_group_that_another_claim_holds_is_not_linked
    accounts_are_found_by_the_addresses_of_others
    groups_are_counted_by_state_and_reason
};

const RUN: &str = "5ff860bf1190596c";

/// Calls the test with the store of a directory that is, or whose journal is, a database. Other
/// directories have none.
fn with_store(on: &Implementation, test: impl FnOnce(&dyn BackfillStore)) {
    let opened = on.open();
    let store = opened.directory.backfill_store();
    let is_database = match on {
        Implementation::Memory | Implementation::DryRun => false,
        Implementation::Sqlite | Implementation::Postgres(_) | Implementation::Pooled(_) => true,
        Implementation::Auth0 => store.is_some(),
    };
    assert_eq!(store.is_some(), is_database);
    if let Some(store) = store {
        test(store);
    }
}

fn time(millis: u64) -> Timestamp {
    Timestamp::from_millis(1_795_687_200_000 + millis).expect("a time")
}

fn run() -> BackfillRun {
    BackfillRun { run_id: RUN.to_owned(), began_at: time(0), is_ready: false, record: "{}".to_owned() }
}

fn a_directory_has_an_id_that_no_other_one_has(on: &Implementation) {
    let [one, other] = [on.open(), on.open()];
    if matches!(on, Implementation::Auth0) {
        // It has the domain of its tenant, which these do not know.
        return;
    }
    let id = one.directory.directory_id().unwrap();
    assert!(id.len() > 20, "{id}");
    assert_eq!(one.directory.directory_id(), Ok(id.clone()), "the same each time");
    assert_ne!(other.directory.directory_id(), Ok(id));
}

/// Stores a run with so many groups, whose ids are `000`, `001` …
fn store_run(store: &dyn BackfillStore, number: usize) {
    store.begin_run(&run()).expect("a run");
    let groups: Vec<_> = (0..number).map(|it| (format!("{it:03}"), format!("{{\"n\":{it}}}"))).collect();
    store.add_run_groups(RUN, &groups).expect("groups");
    store.open_run(RUN).expect("a run");
}

fn following(after: &str, limit: usize) -> ClaimedGroups {
    ClaimedGroups::Following { after: after.to_owned(), limit }
}

/// A claim of two groups from a time for 100 ms.
fn claim(name: &str, millis: u64) -> GroupClaim {
    GroupClaim {
        run_id: RUN.to_owned(),
        claim: name.to_owned(),
        state: RunGroupState::Waiting,
        which: following("", 2),
        now: time(millis),
        until: time(millis + 100),
    }
}

fn ids(groups: &[RunGroup]) -> Vec<&str> {
    groups.iter().map(|group| group.group_id.as_str()).collect()
}

fn linked(group_id: &str) -> GroupResult {
    GroupResult {
        group_id: group_id.to_owned(),
        state: RunGroupState::Linked,
        reason: "LINKED_VERIFIED_BOTH".to_owned(),
        detail: String::new(),
    }
}

fn a_run_is_stored_once(on: &Implementation) {
    with_store(on, |store| {
        assert_eq!(store.run(RUN), Ok(None));
        assert_eq!(store.begin_run(&run()), Ok(run()));
        let again = BackfillRun { record: "[]".to_owned(), ..run() };
        assert_eq!(store.begin_run(&again), Ok(run()), "the first one stays");
        store.add_run_groups(RUN, &[("a".to_owned(), "1".to_owned())]).expect("groups");
        store.add_run_groups(RUN, &[("a".to_owned(), "2".to_owned())]).expect("groups");
        store.open_run(RUN).expect("a run");
        assert_eq!(store.runs(10), Ok(vec![BackfillRun { is_ready: true, ..run() }]));
        let groups = store.run_groups(RUN, "", 10).expect("groups");
        assert_eq!((groups[0].plan.as_str(), groups.len()), ("1", 1));
        assert_eq!(store.run_groups(RUN, "a", 10), Ok(Vec::new()));
    });
}

fn a_run_is_found_by_the_beginning_of_its_id(on: &Implementation) {
    with_store(on, |store| {
        for run_id in ["5ff8", "5ff9", "6000"] {
            store.begin_run(&BackfillRun { run_id: run_id.to_owned(), ..run() }).expect("a run");
        }
        let find = |beginning: &str, limit| {
            let mut found = store.find_runs(beginning, limit).expect("ids");
            found.sort();
            found
        };
        assert_eq!(find("5ff", 10), ["5ff8", "5ff9"]);
        assert_eq!(find("5ff9", 10), ["5ff9"]);
        assert_eq!(find("5ff", 1).len(), 1);
        for other in ["5_", "%", "5ff80", "ff", "5FF"] {
            assert!(find(other, 10).is_empty(), "{other}");
        }
    });
}

fn a_group_belongs_to_one_claim_at_a_time(on: &Implementation) {
    with_store(on, |store| {
        store_run(store, 100);
        let claimed: Vec<String> = thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|number| {
                    scope.spawn(move || {
                        let mut mine = Vec::new();
                        for round in 0.. {
                            let claim = GroupClaim {
                                which: following("", 3),
                                ..claim(&format!("{number} {round}"), 0)
                            };
                            let groups = match store.claim_groups(&claim) {
                                Ok(groups) => groups,
                                // Many connections of one small server.
                                Err(ApiError::Unavailable(_) | ApiError::TimedOut) => continue,
                                Err(error) => panic!("{error}"),
                            };
                            if groups.is_empty() {
                                return mine;
                            }
                            mine.extend(groups.into_iter().map(|group| group.group_id));
                        }
                        mine
                    })
                })
                .collect();
            threads.into_iter().flat_map(|it| it.join().expect("a thread")).collect()
        });
        let different: BTreeSet<&String> = claimed.iter().collect();
        assert_eq!((claimed.len(), different.len()), (100, 100));
    });
}

fn a_claim_holds_until_its_end_and_not_after_it(on: &Implementation) {
    with_store(on, |store| {
        store_run(store, 2);
        assert_eq!(ids(&store.claim_groups(&claim("one", 0)).expect("groups")), ["000", "001"]);
        assert_eq!(store.has_groups(RUN, RunGroupState::Waiting), Ok(true), "though all are claimed");
        assert_eq!(store.has_groups(RUN, RunGroupState::Linked), Ok(false));
        assert_eq!(store.claim_groups(&claim("two", 100)), Ok(Vec::new()), "the last millisecond");
        let taken = store.claim_groups(&claim("three", 101)).expect("groups");
        assert_eq!((ids(&taken), taken[0].claims), (vec!["000", "001"], 2));
    });
}

fn a_result_counts_only_while_the_claim_holds_the_group(on: &Implementation) {
    with_store(on, |store| {
        store_run(store, 2);
        store.claim_groups(&claim("one", 0)).expect("groups");
        store.claim_groups(&claim("two", 101)).expect("groups");
        assert_eq!(store.finish_groups(&claim("one", 0), &[linked("000")]), Ok(0));
        assert_eq!(store.finish_groups(&claim("two", 101), &[linked("000")]), Ok(1));
        assert_eq!(store.finish_groups(&claim("two", 101), &[linked("000")]), Ok(0), "it is released");
        let waiting = store.claim_groups(&claim("three", 300)).expect("groups");
        assert_eq!(ids(&waiting), ["001"]);
    });
}

fn a_claim_can_be_extended_and_released(on: &Implementation) {
    with_store(on, |store| {
        store_run(store, 2);
        let one = claim("one", 0);
        store.claim_groups(&one).expect("groups");
        assert_eq!(store.extend_claim(&GroupClaim { until: time(500), ..one.clone() }), Ok(2));
        assert_eq!(store.claim_groups(&claim("two", 400)), Ok(Vec::new()));
        store.release_claim(&one).expect("released");
        assert_eq!(store.extend_claim(&one), Ok(0));
        assert_eq!(ids(&store.claim_groups(&claim("three", 400)).expect("groups")), ["000", "001"]);
    });
}

fn named_groups_can_be_claimed(on: &Implementation) {
    with_store(on, |store| {
        store_run(store, 4);
        let named = |name: &str, ids: [&str; 2]| {
            let which = ClaimedGroups::Named(ids.map(str::to_owned).into());
            store.claim_groups(&GroupClaim { which, ..claim(name, 0) }).expect("groups")
        };
        assert_eq!(ids(&named("one", ["003", "001"])), ["001", "003"]);
        assert_eq!(ids(&named("two", ["001", "002"])), ["002"], "the other one is held");
        assert_eq!(named("three", ["003", "nobody"]), Vec::new());
        assert_eq!(ids(&store.claim_groups(&claim("four", 0)).expect("groups")), ["000"]);
    });
}

fn groups_behind_an_id_can_be_claimed(on: &Implementation) {
    with_store(on, |store| {
        store_run(store, 4);
        let behind = |name: &str, after: &str| {
            let claim = GroupClaim { which: following(after, 10), ..claim(name, 0) };
            store.claim_groups(&claim).expect("groups")
        };
        assert_eq!(ids(&behind("one", "001")), ["002", "003"]);
        assert_eq!(behind("two", "001"), Vec::new());
        assert_eq!(ids(&behind("three", "")), ["000", "001"]);
    });
}

/// Calls the test with a directory that has these users and a claimed group `000`, if the directory is
/// a database with both.
fn with_linker(
    on: &Implementation,
    users: Vec<User>,
    test: impl FnOnce(&dyn Administration, &dyn GroupLinker, &dyn BackfillStore),
) {
    let opened = with(on, users);
    let directory = &*opened.directory;
    let is_both =
        matches!(on, Implementation::Sqlite | Implementation::Postgres(_) | Implementation::Pooled(_));
    assert_eq!(directory.group_linker().is_some(), is_both);
    if let (Some(linker), Some(store)) = (directory.group_linker(), directory.backfill_store()) {
        store_run(store, 2);
        store.claim_groups(&claim("one", 0)).expect("groups");
        test(directory, linker, store);
    }
}

/// The links of accounts with one address into the first one.
fn group_links(directory: &dyn Administration, group_id: &str, ids: &[&str]) -> GroupLinks {
    let stored = |id: &&str| directory.get(id).expect("a user");
    let accounts: Vec<_> = ids.iter().map(stored).collect();
    let primary = accounts[0].version;
    let links = accounts.iter().zip(ids).skip(1).zip(0..).map(|((secondary, id), done)| CheckedLink {
        primary_version: Some(primary + done),
        secondary_version: Some(secondary.version),
        ..link(ids[0], id)
    });
    let links = links.collect();
    GroupLinks { accounts, links, result: linked(group_id) }
}

fn other(id: &str, email: &str) -> User {
    user(&format!(r#"{{"user_id": "{id}", "email": "{email}", "email_verified": true}}"#))
}

fn is_state_changed(result: Result<(), ApiError>) -> bool {
    matches!(result, Err(ApiError::StateChanged(_)))
}

fn groups_are_linked_with_their_results(on: &Implementation) {
    let users = vec![
        ada(),
        google(),
        other("github|1", "Ada@example.com"),
        other("auth0|8", "grace@example.com"),
        other("github|8", "grace@example.com"),
    ];
    with_linker(on, users, |directory, linker, store| {
        let ada = group_links(directory, "000", &["auth0|1", "google-oauth2|115", "github|1"]);
        let grace = group_links(directory, "001", &["github|8", "auth0|8"]);
        linker.link_groups(&claim("one", 0), &[ada, grace]).expect("links");
        let has = |id: &str| {
            let user = directory.get(id).expect("a user").user.clone();
            user.identities.iter().map(|it| it.as_user_id()).collect::<Vec<_>>()
        };
        assert_eq!(has("auth0|1"), ["auth0|1", "google-oauth2|115", "github|1"]);
        assert_eq!(has("github|8"), ["github|8", "auth0|8"]);
        assert_eq!(directory.count(), Ok(2));
        let entries = directory.journal(&JournalQuery { limit: 10, ..JournalQuery::default() });
        let entries = entries.expect("entries");
        let secondaries: Vec<&str> = entries.iter().map(|it| it.secondary.as_str()).collect();
        assert_eq!(secondaries, ["auth0|8", "github|1", "google-oauth2|115"]);
        let counts = store.count_groups(RUN).expect("counts");
        assert_eq!((counts.len(), counts[0].state, counts[0].number), (1, RunGroupState::Linked, 2));
        // Each of them can be undone like any other link.
        for entry in entries {
            let undo = Undo { id: entry.id, provenance: by("ada"), now: at(200), dry_run: false };
            directory.undo(&undo).expect("undone");
        }
        assert_eq!(directory.count(), Ok(5));
    });
}

fn a_link_of_several_groups_is_made_whole_or_not_at_all(on: &Implementation) {
    let users =
        vec![ada(), google(), other("auth0|8", "grace@example.com"), other("github|8", "grace@example.com")];
    with_linker(on, users, |directory, linker, store| {
        let ada = group_links(directory, "000", &["auth0|1", "google-oauth2|115"]);
        let grace = group_links(directory, "001", &["github|8", "auth0|8"]);
        let patch = MetadataPatch { user_metadata: Some(metadata(r#"{"lang": "fr"}"#)), app_metadata: None };
        let update = MetadataUpdate { user_id: "auth0|8", version: None, patch: &patch, now: at(5) };
        directory.patch_metadata(&update).expect("a user");
        let before = directory.page("", 10).expect("users");
        assert!(is_state_changed(linker.link_groups(&claim("one", 0), &[ada.clone(), grace])));
        assert_eq!(directory.page("", 10).expect("users"), before);
        let entries = directory.journal(&JournalQuery { limit: 10, ..JournalQuery::default() });
        assert_eq!(entries.expect("entries"), Vec::new());
        let counts = store.count_groups(RUN).expect("counts");
        assert_eq!((counts.len(), counts[0].state), (1, RunGroupState::Waiting));
        linker.link_groups(&claim("one", 0), &[ada]).expect("the other group alone");
        assert_eq!(directory.count(), Ok(3));
    });
}

fn a_group_with_another_account_is_not_linked(on: &Implementation) {
    with_linker(on, vec![ada(), google()], |directory, linker, _| {
        let decided = group_links(directory, "000", &["auth0|1", "google-oauth2|115"]);
        directory.create(other("github|1", "ADA@example.com")).expect("a user");
        assert!(is_state_changed(linker.link_groups(&claim("one", 0), &[decided])));
        directory.delete("github|1").expect("a user");
        let mut wrong = group_links(directory, "000", &["auth0|1", "google-oauth2|115"]);
        wrong.links[0].request.secondary = "github|1".to_owned();
        assert!(is_state_changed(linker.link_groups(&claim("one", 0), &[wrong])), "of another group");
        let mut same = group_links(directory, "000", &["auth0|1", "google-oauth2|115"]);
        same.links[0].request.secondary = "auth0|1".to_owned();
        assert!(is_state_changed(linker.link_groups(&claim("one", 0), &[same])), "with itself");
        let mut older = group_links(directory, "000", &["auth0|1", "google-oauth2|115"]);
        older.links[0].primary_version = None;
        assert!(is_state_changed(linker.link_groups(&claim("one", 0), &[older])), "at no version");
        assert_eq!(directory.count(), Ok(2));
    });
}

fn a_group_that_another_claim_holds_is_not_linked(on: &Implementation) {
    with_linker(on, vec![ada(), google()], |directory, linker, store| {
        let decided = group_links(directory, "000", &["auth0|1", "google-oauth2|115"]);
        store.claim_groups(&claim("two", 101)).expect("groups");
        assert!(is_state_changed(linker.link_groups(&claim("one", 0), std::slice::from_ref(&decided))));
        assert_eq!(directory.count(), Ok(2));
        linker.link_groups(&claim("two", 101), &[decided]).expect("links");
        assert_eq!(directory.count(), Ok(1));
    });
}

fn accounts_are_found_by_the_addresses_of_others(on: &Implementation) {
    let users = vec![
        ada(),
        other("github|1", "ADA@example.com"),
        other("github|8", "grace'%_@example.com"),
        user(r#"{"user_id": "sms|7"}"#),
        user(r#"{"user_id": "sms|8"}"#),
    ];
    with_linker(on, users, |_, linker, _| {
        let find = |ids: &[&str], limit| {
            let found = linker.users_with_addresses_of(ids, limit).expect("users");
            found.iter().map(|it| it.user.user_id.clone()).collect::<Vec<_>>()
        };
        assert_eq!(find(&["github|1"], 10), ["auth0|1", "github|1"]);
        assert_eq!(
            find(&["github|1", "auth0|1", "github|8", "sms|7"], 10),
            ["auth0|1", "github|1", "github|8"]
        );
        assert_eq!(find(&["auth0|1"], 1).len(), 1);
        assert!(find(&["sms|7", "auth0|nobody"], 10).is_empty(), "without an address");
        assert!(find(&[], 10).is_empty());
    });
}

fn groups_are_counted_by_state_and_reason(on: &Implementation) {
    with_store(on, |store| {
        store_run(store, 5);
        let first = claim("one", 0);
        store.claim_groups(&first).expect("groups");
        let left_out = GroupResult {
            state: RunGroupState::LeftOut,
            reason: "DECISION_CHANGED".to_owned(),
            ..linked("001")
        };
        assert_eq!(store.finish_groups(&first, &[linked("000"), left_out]), Ok(2));
        let counts = store.count_groups(RUN).expect("counts");
        let counts: Vec<_> =
            counts.iter().map(|it| (it.state.as_str(), it.reason.as_str(), it.number)).collect();
        let expected =
            [("waiting", "", 3), ("linked", "LINKED_VERIFIED_BOTH", 1), ("left_out", "DECISION_CHANGED", 1)];
        assert_eq!(counts, expected);
    });
}
