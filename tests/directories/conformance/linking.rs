//! Links, which make two users one, and unlinks, which make an identity a user again.

use ligature_host::directory::{CheckedLink, EntryKind, JournalQuery, MetadataUpdate, Undo, Unlink};
use ligature_host::model::{ApiError, MetadataPatch, User};

use super::super::users::{
    InFewWords, ada, at, by, google, kind, link, metadata, unlink, user, without_mark,
};
use super::super::{Implementation, Test};
use super::{kept, tests, with};

pub(crate) const TESTS: &[Test] = tests! {
    a_link_moves_the_identities_and_removes_the_secondary
    a_link_takes_the_secondarys_own_secondaries_along
    a_link_decided_on_an_older_version_is_refused
    what_is_linked_already_is_not_linked_again
    a_user_is_not_linked_to_itself
    a_login_through_a_linked_identity_is_its_primarys
    an_unlinked_identity_is_a_user_without_metadata
    an_unlinked_identity_keeps_the_factors_of_the_account_if_it_has_to
    an_unlinked_identity_cools_down_from_each_that_stays
    a_link_takes_the_secondarys_marks_along
    an_undo_takes_back_the_marks_that_the_link_brought
    the_main_identity_cannot_be_unlinked
    unlinking_what_is_not_there_changes_nothing
    a_version_is_never_used_again
};

fn a_link_moves_the_identities_and_removes_the_secondary(implementation: &Implementation) {
    let opened = with(implementation, [ada(), google()]);
    let directory = &opened.directory;
    let mut request = link("auth0|1", "google-oauth2|115");
    request.request.user_metadata = Some(metadata(r#"{"lang": "en"}"#));
    let linked = directory.link(&request).unwrap();
    assert_eq!(directory.user("auth0|1"), *linked);
    assert_eq!(directory.identities("auth0|1"), ["auth0|1", "google-oauth2|115"]);
    let profile = linked.identities[1].profile_data.as_ref().unwrap();
    // A tenant derives the others.
    let derived = |key: &str| implementation.is_tenant() && ["name", "nickname", "picture"].contains(&key);
    let keys: Vec<&String> = profile.keys().filter(|key| !derived(key)).collect();
    assert_eq!(keys, ["email", "email_verified", "given_name"]);
    assert_eq!(linked.identities[0].profile_data.as_ref().unwrap()["name"], "Ada");
    assert_eq!(linked.user_metadata, Some(metadata(r#"{"theme": "dark", "lang": "en"}"#)));
    assert_eq!((linked.app_metadata.as_ref(), linked.logins_count), (None, Some(3)));
    assert_eq!(opened.users().get("auth0|1").unwrap().user.roles, ["reader"]);
    if !implementation.is_tenant() {
        assert_eq!(linked.updated_at, Some(at(100)));
    }
    assert_eq!(kind(&directory.get("google-oauth2|115").unwrap_err()), "not found");
    assert_eq!(directory.find_by_email("ada@example.com", 10).unwrap().len(), 1);
}

fn a_link_takes_the_secondarys_own_secondaries_along(implementation: &Implementation) {
    let sms = user(r#"{"user_id": "sms|7", "phone_number": "+1"}"#);
    let opened = with(implementation, [ada(), google(), sms]);
    let directory = &opened.directory;
    directory.link(&link("google-oauth2|115", "sms|7")).unwrap();
    directory.link(&link("auth0|1", "google-oauth2|115")).unwrap();
    assert_eq!(directory.identities("auth0|1"), ["auth0|1", "google-oauth2|115", "sms|7"]);
    assert_eq!(directory.owner_of("sms", "sms", "7").as_deref(), Some("auth0|1"));
    let phone = directory.user("auth0|1").identities[2].profile_data.clone().unwrap();
    assert_eq!(phone["phone_number"], "+1");
}

fn a_link_decided_on_an_older_version_is_refused(implementation: &Implementation) {
    let opened = with(implementation, [ada(), google()]);
    let directory = &opened.directory;
    let mut request = link("auth0|1", "google-oauth2|115");
    request.primary_version = Some(directory.get("auth0|1").unwrap().version);
    request.secondary_version = Some(directory.get("google-oauth2|115").unwrap().version);
    let patch = MetadataPatch { user_metadata: Some(metadata(r#"{"lang": "fr"}"#)), app_metadata: None };
    directory
        .patch_metadata(&MetadataUpdate {
            user_id: "google-oauth2|115",
            version: None,
            patch: &patch,
            now: at(5),
        })
        .unwrap();
    let before = opened.users().all();
    let error = directory.link(&request).unwrap_err();
    assert_eq!(error, ApiError::StateChanged("google-oauth2|115 was changed".to_owned()));
    assert_eq!(opened.users().all(), before);
    opened.users().delete("google-oauth2|115").unwrap();
    let error = directory.link(&request).unwrap_err();
    assert_eq!(error, ApiError::StateChanged("google-oauth2|115 is gone".to_owned()));
    assert!(directory.journal(&JournalQuery { limit: 10, ..JournalQuery::default() }).unwrap().is_empty());
}

fn what_is_linked_already_is_not_linked_again(implementation: &Implementation) {
    let opened = with(implementation, [ada(), google(), user(r#"{"user_id": "sms|7"}"#)]);
    let directory = &opened.directory;
    directory.link(&link("auth0|1", "google-oauth2|115")).unwrap();
    for (primary, secondary) in
        [("auth0|1", "google-oauth2|115"), ("sms|7", "google-oauth2|115"), ("google-oauth2|115", "sms|7")]
    {
        let error = directory.link(&link(primary, secondary)).unwrap_err();
        let words = "google-oauth2|115 is already an identity of auth0|1";
        assert_eq!(error, ApiError::AlreadyLinked(words.to_owned()), "{secondary} into {primary}");
    }
    assert_eq!(kind(&directory.link(&link("auth0|1", "auth0|9")).unwrap_err()), "not found");
    assert_eq!(kind(&directory.link(&link("auth0|9", "sms|7")).unwrap_err()), "not found");
}

fn a_user_is_not_linked_to_itself(implementation: &Implementation) {
    let opened = with(implementation, [ada()]);
    assert_eq!(kind(&opened.directory.link(&link("auth0|1", "auth0|1")).unwrap_err()), "invalid");
}

fn a_login_through_a_linked_identity_is_its_primarys(implementation: &Implementation) {
    let opened = with(implementation, [ada(), google()]);
    let directory = &opened.directory;
    let google = ("google-oauth2", "google-oauth2", "115");
    assert_eq!(directory.owner_of(google.0, google.1, google.2).as_deref(), Some("google-oauth2|115"));
    directory.link(&link("auth0|1", "google-oauth2|115")).unwrap();
    assert_eq!(directory.owner_of(google.0, google.1, google.2).as_deref(), Some("auth0|1"));
    let other =
        ligature_host::model::IdentityKey { connection: "other", provider: "google-oauth2", user_id: "115" };
    assert_eq!(kind(&directory.owner(other).unwrap_err()), "invalid");
}

fn an_unlinked_identity_is_a_user_without_metadata(implementation: &Implementation) {
    let opened = with(implementation, [ada(), google()]);
    let directory = &opened.directory;
    directory.link(&link("auth0|1", "google-oauth2|115")).unwrap();
    let rest = directory.unlink(&unlink("auth0|1", "google-oauth2", "115")).unwrap();
    assert_eq!(directory.user("auth0|1"), *rest);
    assert_eq!(directory.identities("auth0|1"), ["auth0|1"]);
    assert!(rest.identities[0].profile_data.is_some(), "as recorded");
    let separated = directory.user("google-oauth2|115");
    assert_eq!(separated.email.as_deref(), Some("ada@example.com"));
    assert!(separated.email_verified.is_verified());
    assert_eq!(
        (separated.user_metadata.as_ref(), separated.roles.len(), separated.logins_count),
        (None, 0, None)
    );
    if !implementation.is_tenant() {
        assert_eq!(separated.created_at, Some(at(200)));
    }
    // The cool-down that the policy reads.
    let mark = |from: &str| {
        metadata(&format!(
            r#"{{"linking": {{"unlinked": [{{"from": "{from}", "at": {}, "by": "operator"}}]}}}}"#,
            at(200).as_millis()
        ))
    };
    assert_eq!(separated.app_metadata, Some(mark("auth0|1")));
    assert_eq!(rest.app_metadata, Some(mark("google-oauth2|115")));
    let entries = directory.journal(&JournalQuery { limit: 1, ..JournalQuery::default() }).unwrap();
    assert_eq!(entries[0].kind, EntryKind::Unlink);
}

/// The cool-down applies to identities, because the user of an identity may change.
/// Without a factor, whoever has the identity's password alone could log in. Its own, from before
/// the link, stay in any case.
fn an_unlinked_identity_keeps_the_factors_of_the_account_if_it_has_to(implementation: &Implementation) {
    // A tenant does not show the factors that a user has enrolled.
    if implementation.is_tenant() {
        return;
    }
    let factors = |of: &str, list: &str| user(&format!(r#"{{"user_id": "{of}", "multifactor": {list}}}"#));
    for (account, own, keeps_factors, expected) in [
        (r#"["guardian"]"#, "[]", true, "guardian"),
        (r#"["guardian"]"#, "[]", false, ""),
        (r#"["guardian"]"#, r#"["otp"]"#, true, "guardian otp"),
        (r#"["guardian"]"#, r#"["otp"]"#, false, "otp"),
        ("[]", r#"["otp"]"#, true, "otp"),
        ("[]", "[]", true, ""),
    ] {
        let opened = with(implementation, [factors("auth0|1", account), factors("sms|7", own)]);
        let directory = &opened.directory;
        directory.link(&link("auth0|1", "sms|7")).unwrap();
        directory.unlink(&Unlink { keeps_factors, ..unlink("auth0|1", "sms", "7") }).unwrap();
        let held = directory.user("sms|7").mfa_factors().join(" ");
        assert_eq!(held, expected, "{account} {own} {keeps_factors}");
    }
}

fn an_unlinked_identity_cools_down_from_each_that_stays(implementation: &Implementation) {
    let opened = with(implementation, [ada(), google(), user(r#"{"user_id": "sms|7"}"#)]);
    let directory = &opened.directory;
    directory.link(&link("auth0|1", "google-oauth2|115")).unwrap();
    directory.link(&link("auth0|1", "sms|7")).unwrap();
    let rest = directory.unlink(&unlink("auth0|1", "google-oauth2", "115")).unwrap();
    assert_eq!(marks(&directory.user("google-oauth2|115")), ["auth0|1", "sms|7"]);
    assert_eq!(marks(&rest), ["google-oauth2|115"]);
}

fn a_link_takes_the_secondarys_marks_along(implementation: &Implementation) {
    let opened = with(implementation, [ada(), google(), user(r#"{"user_id": "sms|7"}"#)]);
    let directory = &opened.directory;
    directory.link(&link("google-oauth2|115", "sms|7")).unwrap();
    directory.unlink(&unlink("google-oauth2|115", "sms", "7")).unwrap();
    let before = [directory.user("auth0|1"), directory.user("google-oauth2|115")];
    directory.link(&CheckedLink { now: at(250), ..link("auth0|1", "google-oauth2|115") }).unwrap();
    let first = directory.last_link().id;
    assert_eq!(marks(&directory.user("auth0|1")), ["sms|7"]);

    let dry = Undo { id: first.clone(), provenance: by("the test"), now: at(300), dry_run: true };
    directory.undo(&dry).unwrap();
    directory.undo_at(&first, 300).unwrap();
    let apart = [directory.user("auth0|1"), directory.user("google-oauth2|115")];
    assert_eq!(
        (marks(&apart[0]), marks(&apart[1])),
        (vec!["google-oauth2|115".to_owned()], vec!["sms|7".to_owned(), "auth0|1".to_owned()],)
    );
    let kept = |user| without_mark(kept(implementation, user));
    assert_eq!(apart.map(kept), before.map(kept));
}

/// The marks that a later unlink has written are none of the link's.
fn an_undo_takes_back_the_marks_that_the_link_brought(implementation: &Implementation) {
    let opened = with(implementation, [ada(), google(), user(r#"{"user_id": "sms|7"}"#)]);
    let directory = &opened.directory;
    let marked = metadata(r#"{"linking": {"unlinked": [{"from": "github|9", "at": 5}]}}"#);
    let patch = MetadataPatch::for_app_metadata(marked);
    directory
        .patch_metadata(&MetadataUpdate {
            user_id: "google-oauth2|115",
            version: None,
            patch: &patch,
            now: at(50),
        })
        .unwrap();
    directory.link(&link("auth0|1", "google-oauth2|115")).unwrap();
    let first = directory.last_link().id;
    directory.link(&CheckedLink { now: at(150), ..link("auth0|1", "sms|7") }).unwrap();
    directory.unlink(&unlink("auth0|1", "sms", "7")).unwrap();
    assert_eq!(marks(&directory.user("auth0|1")), ["github|9", "sms|7"]);
    directory.undo_at(&first, 300).unwrap();
    assert_eq!(marks(&directory.user("auth0|1")), ["sms|7", "google-oauth2|115"]);
    assert_eq!(marks(&directory.user("google-oauth2|115")), ["github|9", "auth0|1"]);
}

/// The identities that an account cools down from.
fn marks(user: &User) -> Vec<String> {
    let unlinked = user.app_metadata.as_ref().map(|it| &it["linking"]["unlinked"]);
    let froms = unlinked.and_then(|it| it.as_array()).into_iter().flatten().map(|mark| mark["from"].as_str());
    froms.map(|from| from.expect("a mark's identity").to_owned()).collect()
}

fn the_main_identity_cannot_be_unlinked(implementation: &Implementation) {
    let opened = with(implementation, [ada()]);
    let error = opened.directory.unlink(&unlink("auth0|1", "auth0", "1")).unwrap_err();
    assert_eq!(error, ApiError::Invalid("the main identity cannot be removed".to_owned()));
}

fn unlinking_what_is_not_there_changes_nothing(implementation: &Implementation) {
    let opened = with(implementation, [ada(), google()]);
    let directory = &opened.directory;
    directory.link(&link("auth0|1", "google-oauth2|115")).unwrap();
    let before = directory.get("auth0|1").unwrap();
    for id in ["google-oauth2|115", "116"] {
        let same = directory.unlink(&unlink("auth0|1", "google-oauth2", id)).unwrap();
        assert_eq!(same.identities.len(), 2);
    }
    assert_eq!(directory.get("auth0|1").unwrap(), before);
    assert_eq!(kind(&directory.unlink(&unlink("auth0|9", "auth0", "1")).unwrap_err()), "not found");
}

/// A decision made on a user that was removed must not fit the next one of its
/// id.
fn a_version_is_never_used_again(implementation: &Implementation) {
    let opened = with(implementation, [ada(), google()]);
    let directory = &opened.directory;
    let old = directory.get("google-oauth2|115").unwrap().version;
    std::thread::sleep(std::time::Duration::from_millis(3));
    directory.link(&link("auth0|1", "google-oauth2|115")).unwrap();
    directory.undo_at(&directory.last_link().id, 300).unwrap();
    let mut late = link("auth0|1", "google-oauth2|115");
    late.secondary_version = Some(old);
    assert_eq!(kind(&directory.link(&late).unwrap_err()), "state changed");
}
