//! Users whose address nobody else has: a preview of a directory does not read them.

use ligature_test_servers::Postgres;
use postgres::NoTls;
use serde_json::Value;

use crate::known_base::{POLICY, write_users};
use crate::place::Place;

/// Makes the document of every user unreadable whose address nobody else has.
const DAMAGE: &str = "UPDATE users SET document = 'damaged' WHERE email_lower IN \
    (SELECT email_lower FROM users GROUP BY email_lower HAVING COUNT(*) = 1)";

fn preview_damaged(directory: &str, damage: impl FnOnce(&Place) -> u64) {
    let place = Place::with_files(&[("policy.json", POLICY)]);
    let mut users = Vec::new();
    let expected = write_users(900, &mut users).expect("it is written to memory");
    place.write("users.ndjson", &users);
    place.good(&["users", "import", "users.ndjson", "--directory", directory]);
    let preview = ["backfill", "preview", "--policy", "policy.json", "--json", "--directory", directory];
    let before = place.good(&preview);
    assert_eq!(damage(&place), expected.users - expected.accounts);
    let export = place.run(&["users", "export", "--directory", directory]);
    assert_ne!(export.code, Some(0), "who reads every user fails");
    assert_eq!(place.good(&preview), before);
    let tally: Value = serde_json::from_str(&before).expect("JSON");
    assert_eq!(tally["accounts"], expected.accounts);
}

#[test]
fn a_preview_reads_no_user_whose_address_is_unique_in_sqlite() {
    preview_damaged("sqlite:users.db", |place| {
        let connection = rusqlite::Connection::open(place.file("users.db")).expect("it opens");
        connection.execute(DAMAGE, []).expect("it is damaged") as u64
    });
}

#[test]
fn a_preview_reads_no_user_whose_address_is_unique_in_postgres() {
    let Ok(server) = Postgres::start() else { return };
    let directory = server.schema();
    preview_damaged(&directory, |_| {
        let mut client = postgres::Client::connect(&directory, NoTls).expect("it connects");
        client.execute(DAMAGE, &[]).expect("it is damaged")
    });
}
