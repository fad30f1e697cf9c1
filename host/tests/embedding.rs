//! The library as an embedder uses it: its public interface, under each set of
//! cargo features.

use std::path::Path;
use std::sync::Arc;

use ligature_host::ambient::Ambient;
use ligature_host::decide::Policy;
use ligature_host::directory::{
    Administration, EntryKind, JournalQuery, Location, Memory, OpenError, OpenMode, OpenOptions, Provenance,
    Undo, arrive, open,
};
use ligature_host::harness::{Case, run_case_in_directory};
use ligature_host::model::Decision;
use ligature_host::sandbox::{Options, Sandbox, Settings};
#[cfg(feature = "postgres")]
use ligature_test_servers::Postgres;

const DEMO: &str = include_str!("../../examples/cases/verified-google-login.json");
const SECONDARY: &str = "google-oauth2|115014287643218005122";
const PRIMARY: &str = "auth0|6571c0ffee0000000000a001";

#[test]
fn a_login_is_linked_and_undone_in_memory() {
    link_and_undo(Arc::new(Memory::new(&Ambient::system())));
}

#[cfg(feature = "sqlite")]
#[test]
fn a_login_is_linked_and_undone_in_sqlite() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let location = Location::Sqlite(folder.path().join("users.db"));
    link_and_undo(opened(&location).expect("it opens"));
}

#[cfg(feature = "postgres")]
#[test]
fn a_login_is_linked_and_undone_in_postgres() {
    let server = match Postgres::start() {
        Ok(server) => server,
        Err(why) => return eprintln!("{}", why.0),
    };
    let location = Location::Postgres(server.schema());
    link_and_undo(opened(&location).expect("it opens"));
}

#[test]
fn a_database_opens_or_names_its_feature() {
    let databases = [
        (cfg!(feature = "sqlite"), "sqlite:/no/such/folder/users.db", "sqlite"),
        (cfg!(feature = "postgres"), "postgres://ada:s3cret@127.0.0.1:1/db", "postgres"),
    ];
    for (is_built_in, location, feature) in databases {
        let location: Location = location.parse().expect("a location");
        let error = opened(&location).err().expect("there is no such directory");
        let told = error.to_string();
        match error {
            OpenError::NotBuiltIn { feature: named, .. } => {
                assert!(!is_built_in, "{told}");
                assert_eq!(named, feature);
                assert!(told.ends_with(&format!("cargo feature `{feature}`")), "{told}");
            }
            _ => assert!(is_built_in, "{told}"),
        }
        assert!(!told.contains("s3cret"), "{told}");
    }
}

fn opened(location: &Location) -> Result<Arc<dyn Administration>, OpenError> {
    let ambient = &Ambient::system();
    open(location, OpenOptions { key: None, journal: None, mode: OpenMode::Create, ambient, notify: &|_| {} })
}

/// Decides the demo's login by a plugin of the embedder's own, and takes the link back.
fn link_and_undo(directory: Arc<dyn Administration>) {
    let sandbox = Sandbox::start(Options::default(), &Ambient::system()).expect("the sandbox starts");
    let plugin = sandbox.load("pinned", ligature_test_guests::PINNED).expect("the plugin loads");
    let mut case = Case::parse(Path::new("demo.json"), DEMO).expect("a case");
    for user in &case.users {
        directory.create(user.clone()).expect("the user is created");
    }
    let event = arrive(&*directory, (*case.event).clone(), case.now).expect("the login arrives");
    case.event = Arc::new(event);

    let settings = Settings::new("{}");
    let policies = [Policy { name: "pinned", plugin: &plugin, settings: &settings }];
    let login = run_case_in_directory(&policies, &case, &directory, false).expect("the login is decided");
    assert_eq!(login.report.failure, None);
    assert_eq!(login.report.decision, Decision::Linked { primary: PRIMARY.to_owned() });
    assert!(directory.get(SECONDARY).is_err(), "the secondary is an identity of the primary");

    let query = JournalQuery { kind: Some(EntryKind::Link), limit: 10, ..JournalQuery::default() };
    let entries = directory.journal(&query).expect("the journal answers");
    assert_eq!(entries.len(), 1);
    let provenance = Arc::new(Provenance::operator("embedder"));
    let undo = Undo { id: entries[0].id.clone(), provenance, now: case.now, dry_run: false };
    directory.undo(&undo).expect("the link is undone");
    let secondary = directory.get(SECONDARY).expect("the secondary is a user again");
    assert_eq!(secondary.user.identities.len(), 1);
}
