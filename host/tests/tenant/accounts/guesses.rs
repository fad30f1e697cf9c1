//! Guessing of passwords and codes.

use std::io::Write;

use serde_json::json;
use tokio::net::TcpSocket;

use super::tenant_with;
use crate::http::{Request, Response, answer, host};
use crate::tenants::{DATABASE, PASSWORD, REALM_GRANT, Tenant, database_user, secret_of};

crate::tests![
    ten_wrong_passwords_lock_one_sender_out,
    guesses_at_codes_that_there_are_not_lock_nothing,
    ten_wrong_codes_lock_one_sender_out,
    a_strangers_guesses_end_no_code_of_the_owner,
    one_login_has_one_count_for_its_address_and_its_username,
];

fn tenant() -> Tenant {
    tenant_with(&database_user("ada", "ada@example.com"), &[])
}

/// Sends a request from another address of this machine.
pub(super) fn send_from(tenant: &Tenant, sender: &str, request: &Request) -> Response {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().expect("a runtime");
    let connected = runtime.block_on(async {
        let port = tenant.http().trim_end_matches('/').rsplit(':').next().expect("a port");
        let socket = TcpSocket::new_v4()?;
        socket.bind(format!("{sender}:0").parse().expect("an address"))?;
        socket.connect(format!("127.0.0.1:{port}").parse().expect("an address")).await?.into_std()
    });
    let mut stream = connected.expect("the tenant listens");
    stream.set_nonblocking(false).expect("it blocks");
    stream.write_all(&request.bytes(host(tenant.http()))).expect("it is sent");
    answer(&mut stream).expect("an answer")
}

fn password_from(tenant: &Tenant, sender: &str, password: &str) -> u16 {
    let fields = [
        ("grant_type", REALM_GRANT),
        ("realm", DATABASE),
        ("username", "ada@example.com"),
        ("password", password),
        ("client_id", "web"),
        ("client_secret", secret_of("web").expect("a secret")),
    ];
    send_from(tenant, sender, &Request::post("/oauth/token").form(&fields)).status
}

fn ten_wrong_passwords_lock_one_sender_out() {
    let tenant = tenant();
    for _ in 0..10 {
        assert_eq!(password_from(&tenant, "127.0.0.2", "a wrong password"), 403);
    }
    assert_eq!(password_from(&tenant, "127.0.0.2", PASSWORD), 429);
    assert_eq!(password_from(&tenant, "127.0.0.3", PASSWORD), 200);
    // The owner's login gives the guesser no new attempts.
    assert_eq!(password_from(&tenant, "127.0.0.2", PASSWORD), 429);
}

fn code_from(tenant: &Tenant, sender: &str, code: &str) -> u16 {
    let body = json!({ "connection": "email", "email": "ada@example.com", "verification_code": code });
    send_from(tenant, sender, &Request::post("/passwordless/verify").json(&body)).status
}

fn start(tenant: &Tenant) -> String {
    let start =
        json!({ "client_id": "spa", "connection": "email", "send": "code", "email": "ada@example.com" });
    assert_eq!(tenant.send(&Request::post("/passwordless/start").json(&start)).status, 200);
    crate::tenants::text(&super::mails(tenant, "ada@example.com")[0]["code"])
}

fn guesses_at_codes_that_there_are_not_lock_nothing() {
    let tenant = tenant();
    for _ in 0..30 {
        assert_eq!(code_from(&tenant, "127.0.0.2", "000000"), 403);
    }
    let code = start(&tenant);
    assert_eq!(code_from(&tenant, "127.0.0.2", &code), 200);
}

fn ten_wrong_codes_lock_one_sender_out() {
    let tenant = tenant();
    let mut statuses = Vec::new();
    for _ in 0..6 {
        let code = start(&tenant);
        let wrong = if code == "000000" { "000001" } else { "000000" };
        statuses.extend((0..2).map(|_| code_from(&tenant, "127.0.0.2", wrong)));
    }
    assert_eq!(statuses.iter().filter(|status| **status == 403).count(), 10, "{statuses:?}");
    assert_eq!(statuses.last(), Some(&429));
    let code = start(&tenant);
    assert_eq!(code_from(&tenant, "127.0.0.3", &code), 200);
}

fn a_strangers_guesses_end_no_code_of_the_owner() {
    let tenant = tenant();
    let wrong = |code: &str| if code == "000000" { "000001" } else { "000000" };
    let code = start(&tenant);
    let statuses: Vec<u16> = (0..9).map(|_| code_from(&tenant, "127.0.0.2", wrong(&code))).collect();
    assert!(statuses.iter().all(|status| *status == 403), "{statuses:?}");
    // A code is no longer valid for a sender who has guessed three times.
    assert_eq!(code_from(&tenant, "127.0.0.2", &code), 403);
    assert_eq!(code_from(&tenant, "127.0.0.3", &code), 200);
    // Twelve attempts by all senders together end the code.
    let code = start(&tenant);
    for sender in 10..14 {
        (0..3).for_each(|_| assert_eq!(code_from(&tenant, &format!("127.0.0.{sender}"), wrong(&code)), 403));
    }
    assert_eq!(code_from(&tenant, "127.0.0.4", &code), 403);
}

fn one_login_has_one_count_for_its_address_and_its_username() {
    let users = database_user("ada", "ada@example.com") + "username = \"lovelace\"\n";
    let tenant = tenant_with(&users, &[]);
    let log_in = |login: &str, password: &str| super::log_in(&tenant, login, password).status;
    for login in ["ada@example.com", "lovelace"] {
        assert_eq!((0..5).map(|_| log_in(login, "a wrong password")).max(), Some(403));
    }
    assert_eq!((log_in("lovelace", PASSWORD), log_in("ADA@example.com", PASSWORD)), (429, 429));
}
