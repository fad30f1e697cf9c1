//! Random steps on a directory and on the model, the directory in memory. After every
//! step, both have returned the same result and contain the same users, and the
//! invariants hold: every identity has one owner, none is lost, none is nested deeper
//! than one level, and an undo directly after its link restores both users.

use std::collections::BTreeMap;
use std::sync::Arc;

use ligature_host::ambient::Ambient;
use ligature_host::directory::{
    Administration, Credential, EntryId, EntryKind, JournalQuery, Memory, MetadataUpdate, Undo, UndoError,
};
use ligature_host::model::{ApiError, MetadataPatch, User};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};

use super::conformance::credentials::credential;
use super::users::{InFewWords, at, by, counted, link, metadata, unlink, user, without_mark};
use super::{Implementation, Test};

pub(crate) const TESTS: &[Test] = &[("does_what_the_memory_does", does_what_the_memory_does)];

/// The users there can be, each with its own identity.
const IDS: [(&str, &str); 6] = [
    ("auth0", "1"),
    ("auth0", "2"),
    ("google-oauth2", "3"),
    ("sms", "4"),
    ("samlp", "acme|5"),
    ("github", "6"),
];

#[derive(Debug, Clone)]
enum Step {
    Create(usize, u8),
    Delete(usize),
    Patch(usize, u8),
    Count(usize),
    Link { primary: usize, secondary: usize, writes: Option<u8>, stale: bool },
    Unlink(usize, usize),
    Undo(usize),
    SetPassword(usize, u8),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let id = || 0..IDS.len();
    let step = prop_oneof![
        3 => (id(), any::<u8>()).prop_map(|(id, kind)| Step::Create(id, kind)),
        1 => id().prop_map(Step::Delete),
        2 => (id(), any::<u8>()).prop_map(|(id, kind)| Step::Patch(id, kind)),
        1 => id().prop_map(Step::Count),
        5 => (id(), id(), proptest::option::of(any::<u8>()), prop::bool::weighted(0.1)).prop_map(
            |(primary, secondary, writes, stale)| Step::Link { primary, secondary, writes, stale }
        ),
        2 => (id(), id()).prop_map(|(primary, identity)| Step::Unlink(primary, identity)),
        3 => (0_usize..4).prop_map(Step::Undo),
        2 => (id(), any::<u8>()).prop_map(|(id, kind)| Step::SetPassword(id, kind)),
    ];
    proptest::collection::vec(step, 1..30)
}

fn does_what_the_memory_does(implementation: &Implementation) {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(24);
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let run = TestRunner::new(config).run(&steps(), |steps| {
        let opened = implementation.open();
        let mut pair = Pair {
            subject: opened.directory.clone(),
            model: Arc::new(Memory::new(&Ambient::system())),
            links: Vec::new(),
        };
        // All users from the start, or most steps would find nobody.
        for id in 0..IDS.len() {
            pair.step(&Step::Create(id, 7), 0)?;
        }
        for (n, step) in steps.iter().enumerate() {
            pair.step(step, n as u64 + 1)?;
        }
        Ok(())
    });
    if let Err(error) = run {
        panic!("{error}");
    }
}

fn id(n: usize) -> String {
    format!("{}|{}", IDS[n].0, IDS[n].1)
}

/// A user of this id; `kind` makes some differ.
fn build_user(n: usize, kind: u8) -> User {
    let logins = if kind & 1 == 0 { String::new() } else { format!(r#", "logins_count": {}"#, kind % 7) };
    let app = if kind & 2 == 0 {
        String::new()
    } else {
        r#", "app_metadata": {"plan": "pro", "x": 0.30000000000000004}"#.to_owned()
    };
    let roles = if kind & 4 == 0 { "[]" } else { r#"["reader"]"# };
    user(&format!(
        r#"{{"user_id": "{}", "email": "User{}@Example.com", "email_verified": {}, "name": "N{n}", "roles": {roles}{logins}{app}}}"#,
        id(n),
        n % 2,
        kind & 8 == 0
    ))
}

struct Pair {
    subject: Arc<dyn Administration>,
    model: Arc<dyn Administration>,
    /// Links made, as the entries of subject and model.
    links: Vec<[EntryId; 2]>,
}

/// An answer without what differs between two runs.
type Told = Result<String, String>;

fn told<T: std::fmt::Debug>(answer: Result<T, ApiError>) -> Told {
    answer.map(|answer| format!("{answer:?}")).map_err(|error| error.to_string())
}

impl Pair {
    fn step(&mut self, step: &Step, n: u64) -> Result<(), TestCaseError> {
        let before = self.subject.all();
        let [subject, model] =
            [&self.subject, &self.model].map(|directory| apply(directory, step, n, &self.links));
        prop_assert_eq!(&subject.0, &model.0, "{:?}", step);
        if let (Some(subject), Some(model)) = (subject.1, model.1) {
            self.links.push([subject, model]);
        }
        let users = self.subject.all();
        prop_assert_eq!(&users, &self.model.all(), "{:?}", step);
        let uses = |of: &Arc<dyn Administration>| {
            users.iter().map(|user| of.last_uses(&user.identities)).collect::<Vec<_>>()
        };
        prop_assert_eq!(uses(&self.subject), uses(&self.model), "{:?}", step);
        self.check_identities(&before, &users, step)?;
        self.check_credentials(&users)?;
        self.check_undo(&before, step, n)
    }

    fn check_identities(&self, before: &[User], users: &[User], step: &Step) -> Result<(), TestCaseError> {
        let owners = owners(users);
        prop_assert_eq!(
            owners.len(),
            users.iter().map(|user| user.identities.len()).sum::<usize>(),
            "owned twice"
        );
        for (identity, owner) in &owners {
            let is_user = users.iter().any(|user| user.user_id == *identity);
            prop_assert!(
                !is_user || owner == identity,
                "{} is both a user and an identity of {}",
                identity,
                owner
            );
        }
        for user in users {
            prop_assert_eq!(&user.identities[0].as_user_id(), &user.user_id);
        }
        for (provider, id) in IDS {
            let connections = users.iter().flat_map(|user| &user.identities);
            let connection = connections
                .filter(|it| it.provider == provider && it.user_id == id)
                .map(|it| &it.connection)
                .next();
            let connection = connection.map_or(provider, String::as_str);
            let known = self.subject.owner_of(connection, provider, id);
            prop_assert_eq!(known.as_ref(), owners.get(&format!("{provider}|{id}")));
        }
        if !matches!(step, Step::Create(..) | Step::Delete(..)) {
            let names = |owners: BTreeMap<String, String>| owners.into_keys().collect::<Vec<_>>();
            prop_assert_eq!(
                names(owners),
                names(self::owners(before)),
                "{:?} made or lost an identity",
                step
            );
        }
        Ok(())
    }

    /// Passwords are where the model has them, and no identity's but one that is there.
    fn check_credentials(&self, users: &[User]) -> Result<(), TestCaseError> {
        prop_assert_eq!(self.subject.count(), Ok(users.len() as u64));
        let owners = owners(users);
        for (provider, id) in IDS {
            let [subject, model] =
                [&self.subject, &self.model].map(|it| it.credential_of("auth0", id).expect("an answer"));
            prop_assert_eq!(&subject, &model);
            let is_there = provider == "auth0" && owners.contains_key(&format!("{provider}|{id}"));
            prop_assert!(subject.is_none() || is_there, "{}|{} left a password", provider, id);
        }
        Ok(())
    }

    /// A link that is taken back at once leaves everything as it was, but for
    /// the marks of the cool-down. Tried on the model: the subject does the same.
    fn check_undo(&self, before: &[User], step: &Step, n: u64) -> Result<(), TestCaseError> {
        let (Step::Link { .. }, Some([entry, _])) = (step, self.links.last()) else { return Ok(()) };
        let dry = Undo { id: entry.clone(), provenance: by("the test"), now: at(n), dry_run: true };
        let Ok(undoing) = self.subject.undo(&dry) else { return Ok(()) };
        if undoing.link.at != at(n) {
            return Ok(());
        }
        for restored in [undoing.primary, undoing.secondary] {
            let was = before.iter().find(|user| user.user_id == restored.user_id);
            prop_assert_eq!(was.cloned().map(without_mark), Some(without_mark(User::clone(&restored))));
        }
        Ok(())
    }
}

fn owners(users: &[User]) -> BTreeMap<String, String> {
    let identities = users
        .iter()
        .flat_map(|user| user.identities.iter().map(move |it| (it.as_user_id(), user.user_id.clone())));
    identities.collect()
}

type Entry = Option<EntryId>;

fn apply(directory: &Arc<dyn Administration>, step: &Step, n: u64, links: &[[EntryId; 2]]) -> (Told, Entry) {
    let is_subject = links.first().is_none_or(|[subject, _]| directory.journal_entry(subject).is_ok());
    let answer = match step {
        Step::Create(user, kind) => {
            told(directory.create(build_user(*user, *kind)).map(|stored| stored.user))
        }
        Step::Delete(user) => told(directory.delete(&id(*user))),
        Step::Patch(user, kind) => {
            let patch = MetadataPatch {
                user_metadata: (kind & 1 == 0).then(|| metadata(&format!(r#"{{"k{}": {kind}}}"#, kind % 3))),
                app_metadata: (kind & 2 == 0)
                    .then(|| metadata(if kind & 4 == 0 { "{}" } else { r#"{"plan": null}"# })),
            };
            told(
                directory
                    .patch_metadata(&MetadataUpdate {
                        user_id: &id(*user),
                        version: None,
                        patch: &patch,
                        now: at(n),
                    })
                    .map(|stored| stored.user),
            )
        }
        Step::SetPassword(user, kind) => {
            let password = Some(format!("$argon2id${kind}"));
            let address = format!("login{}@example.com", kind % 2);
            let username = (kind & 4 == 0).then_some("somebody");
            let new = Credential { password, ..credential(IDS[*user].1, &address, username) };
            told(directory.set_credential(&new))
        }
        Step::Count(user) => told(directory.count_login(&counted(&id(*user), at(n), ip(n)))),
        Step::Link { primary, secondary, writes, stale } => {
            let mut request = link(&id(*primary), &id(*secondary));
            request.now = at(n);
            request.request.user_metadata =
                writes.map(|kind| metadata(&format!(r#"{{"k{}": "linked"}}"#, kind % 3)));
            if *stale {
                request.secondary_version = Some(1);
            }
            let linked = directory.link(&request);
            let entry = linked.as_ref().ok().map(|_| newest_link(directory, n));
            return (told(linked), entry);
        }
        Step::Unlink(primary, identity) => {
            let (provider, user_id) = IDS[*identity];
            let mut request = unlink(&id(*primary), provider, user_id);
            request.now = at(n);
            told(directory.unlink(&request))
        }
        Step::Undo(back) => match links.len().checked_sub(back + 1).map(|place| &links[place]) {
            None => Ok("nothing to undo".to_owned()),
            Some([subject, model]) => {
                let entry = if is_subject { subject } else { model };
                match directory.undo_at(entry, n) {
                    Ok(undoing) => Ok(format!(
                        "{:?} {:?} {:?}",
                        undoing.primary, undoing.secondary, undoing.not_restored
                    )),
                    Err(UndoError::Directory(error)) => Err(error.to_string()),
                    // Entries that a refusal names have other ids in the model.
                    Err(UndoError::Refused(refusal)) => Err(without_ids(&refusal.why)),
                }
            }
        },
    };
    (answer, None)
}

/// The sender's address, which only every other login has.
fn ip(n: u64) -> Option<std::net::IpAddr> {
    n.is_multiple_of(2).then(|| [192, 0, 2, u8::try_from(n % 200).expect("a byte")].into())
}

fn newest_link(directory: &Arc<dyn Administration>, n: u64) -> EntryId {
    let query = JournalQuery { limit: 100, ..JournalQuery::default() };
    let entries = directory.journal(&query).expect("a journal");
    let newest = entries.into_iter().find(|entry| entry.at == at(n) && entry.kind == EntryKind::Link);
    newest.expect("the link is in the journal").id
}

/// UUIDs are of 36 characters with four dashes.
fn without_ids(text: &str) -> String {
    let is_id =
        |word: &&str| word.trim_end_matches([',', '.', ';']).len() == 36 && word.matches('-').count() == 4;
    text.split(' ').map(|word| if is_id(&word) { "ID" } else { word }).collect::<Vec<_>>().join(" ")
}
