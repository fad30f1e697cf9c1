//! A connection that ends at a COMMIT: the response is lost, and the change may or
//! may not have been made.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use ligature_host::ambient::Ambient;
use ligature_host::directory::{Administration, JournalQuery, MetadataUpdate, OpenMode, SqlDirectory};
use ligature_host::model::{ApiError, MetadataPatch};
use ligature_test_servers::Postgres;

use super::users::{InFewWords, ada, at, google, link};

type Test = (&'static str, fn(&Postgres));

/// The tests of it.
pub(crate) const LOST_COMMITS: &[Test] = &[
    ("a_commit_that_was_made_is_answered", a_commit_that_was_made_is_answered),
    ("a_commit_that_was_not_made_is_made", a_commit_that_was_not_made_is_made),
    ("a_commit_that_is_made_later_is_answered", a_commit_that_is_made_later_is_answered),
];

/// The point at which the proxy cuts a connection.
#[derive(Clone, Copy)]
enum Cut {
    /// The server gets the COMMIT; its answer is lost.
    BehindCommit,
    /// The server does not get it.
    BeforeCommit,
}

/// Stands between the program and the server, and cuts a number of commits.
struct Proxy {
    port: u16,
    left: Arc<AtomicU32>,
}

impl Proxy {
    fn before(socket: PathBuf, cut: Cut) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let left = Arc::new(AtomicU32::new(0));
        let counted = left.clone();
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let (Ok(client), counted) = (client, counted.clone()) else { return };
                let Ok(server) = UnixStream::connect(&socket) else { return };
                std::thread::spawn(move || pass(client, server, cut, &counted));
            }
        });
        Self { port, left }
    }

    fn cut(&self, commits: u32) {
        self.left.store(commits, Ordering::SeqCst);
    }

    fn url(&self, schema_url: &str) -> String {
        let (_, rest) = schema_url.split_once("/postgres").expect("a database");
        format!("postgres://ligature@127.0.0.1:{}/postgres{rest}", self.port)
    }
}

fn pass(mut client: TcpStream, mut server: UnixStream, cut: Cut, left: &AtomicU32) {
    let (mut to_client, mut from_server) = (client.try_clone().unwrap(), server.try_clone().unwrap());
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut from_server, &mut to_client);
        let _ = to_client.shutdown(std::net::Shutdown::Both);
    });
    let mut bytes = [0; 64 << 10];
    while let Ok(read @ 1..) = client.read(&mut bytes) {
        let is_commit = bytes[..read].windows(7).any(|it| it == b"COMMIT\0");
        let is_cut = is_commit
            && left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok();
        if is_cut {
            let _ = client.shutdown(std::net::Shutdown::Both);
        }
        if !(is_cut && matches!(cut, Cut::BeforeCommit)) && server.write_all(&bytes[..read]).is_err() {
            return;
        }
        if is_cut {
            // The server reads what was sent before it sees the end.
            let _ = server.shutdown(std::net::Shutdown::Write);
            return;
        }
    }
    let _ = server.shutdown(std::net::Shutdown::Both);
}

/// Asserts that each kind of change succeeds exactly once although its connection is cut at the
/// commit.
fn every_change_is_there_once(directory: &Arc<dyn Administration>, cut: impl Fn()) {
    cut();
    directory.create(ada()).expect("a user");
    cut();
    directory.create(google()).expect("another");
    cut();
    let plan = serde_json::from_str(r#"{"plan": "pro"}"#).unwrap();
    let patch = MetadataPatch { user_metadata: Some(plan), app_metadata: None };
    let before = directory.get("auth0|1").unwrap().version;
    directory
        .patch_metadata(&MetadataUpdate {
            user_id: "auth0|1",
            version: Some(before),
            patch: &patch,
            now: at(1),
        })
        .expect("a patch");
    assert_eq!(directory.get("auth0|1").unwrap().version, before + 1);
    cut();
    directory.link(&link("auth0|1", "google-oauth2|115")).expect("a link");
    let entries = directory.journal(&JournalQuery { limit: 10, ..JournalQuery::default() }).unwrap();
    assert_eq!(entries.len(), 1, "one link, one entry");
    assert_eq!(directory.user("auth0|1").identities.len(), 2);
    cut();
    assert_eq!(directory.delete("auth0|1"), Ok(true));
    assert!(matches!(directory.get("auth0|1"), Err(ApiError::NotFound(_))));
    // A refusal stays one.
    directory.create(ada()).expect("a user");
    cut();
    assert!(matches!(directory.create(ada()), Err(ApiError::Invalid(_))));
}

/// A directory behind a proxy, and the URL that leads past it.
fn opened(server: &Postgres, cut: Cut) -> (Arc<dyn Administration>, Proxy, String) {
    let proxy = Proxy::before(server.socket(), cut);
    let schema = server.schema();
    let directory = SqlDirectory::postgres(&proxy.url(&schema), None, OpenMode::Create, &Ambient::system())
        .expect("it opens");
    (Arc::new(directory), proxy, schema)
}

fn a_commit_that_was_made_is_answered(server: &Postgres) {
    let (directory, proxy, _) = opened(server, Cut::BehindCommit);
    every_change_is_there_once(&directory, || proxy.cut(1));
}

fn a_commit_that_was_not_made_is_made(server: &Postgres) {
    let (directory, proxy, _) = opened(server, Cut::BeforeCommit);
    every_change_is_there_once(&directory, || proxy.cut(2));
}

/// The server takes its time to commit, such as when a replica is slow: the change
/// is not there yet when it is looked for, and is when it is tried again.
fn a_commit_that_is_made_later_is_answered(server: &Postgres) {
    let (directory, proxy, schema) = opened(server, Cut::BehindCommit);
    directory.create(ada()).expect("a user");
    let mut operator = postgres::Client::connect(&schema, postgres::NoTls).expect("it answers");
    operator
        .batch_execute(
            "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS \
               $$ BEGIN PERFORM pg_sleep(0.7); RETURN NULL; END $$; \
             CREATE CONSTRAINT TRIGGER slow AFTER INSERT OR UPDATE ON users DEFERRABLE INITIALLY DEFERRED \
               FOR EACH ROW EXECUTE FUNCTION slow()",
        )
        .expect("a trigger");
    proxy.cut(1);
    directory.create(google()).expect("a user");
    proxy.cut(1);
    directory.link(&link("auth0|1", "google-oauth2|115")).expect("a link");
    assert_eq!(directory.journal(&JournalQuery { limit: 10, ..JournalQuery::default() }).unwrap().len(), 1);
}
