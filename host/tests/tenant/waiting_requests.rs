//! How many requests wait for a database whose tables are locked: no more than there are places.

use crate::console::desk;
use crate::http::{Request, Response};
use crate::outages::{client, started_with};
use crate::tenants::{Tenant, database_user, text};
use ligature_test_servers::NoServer;

crate::tests![the_check_of_a_users_token_takes_a_place, the_console_makes_a_few_pages_at_once];

/// Sends requests at the same time while every table is locked.
fn send_while_locked(url: &str, tenant: &Tenant, requests: &[Request]) -> Vec<Response> {
    let mut other = client(url);
    let mut locking = other.transaction().expect("a transaction");
    let lock_all = "DO $$ DECLARE name text; BEGIN
        FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = current_schema() LOOP
            EXECUTE format('LOCK TABLE %I IN ACCESS EXCLUSIVE MODE', name);
        END LOOP;
    END $$";
    locking.batch_execute(lock_all).expect("the locks");
    let responses = std::thread::scope(|scope| {
        let sent: Vec<_> = requests.iter().map(|request| scope.spawn(move || tenant.send(request))).collect();
        sent.into_iter().map(|it| it.join().expect("an answer")).collect()
    });
    locking.rollback().expect("the locks end");
    responses
}

/// Counts the responses with status 503 that contain these words. Each tells to wait.
fn count_refused(responses: &[Response], words: &str) -> usize {
    let refused = responses.iter().filter(|it| it.status == 503 && it.text().contains(words));
    refused.inspect(|it| assert_eq!(it.header("retry-after"), Some("1"), "{}", it.text())).count()
}

fn the_check_of_a_users_token_takes_a_place() -> Result<(), NoServer> {
    let limits = "\n[rate_limit]\nrequests_at_once = 1\n";
    let (_server, url, tenant) =
        started_with(&(limits.to_owned() + &database_user("ada", "ada@example.com")))?;
    let tokens = tenant.password_tokens("web", "ada@example.com", "openid read:current_user");
    let own = Request::get("/api/v2/users/auth0%7Cada").bearer(&text(&tokens["access_token"]));
    assert_eq!(tenant.send(&own).status, 200);
    let responses = send_while_locked(&url, &tenant, &vec![own.clone(); 8]);
    let waited = count_refused(&responses, "The directory is busy");
    assert_eq!((waited, count_refused(&responses, "The tenant is busy")), (1, 7));
    assert_eq!(tenant.send(&own).status, 200);
    Ok(())
}

fn the_console_makes_a_few_pages_at_once() -> Result<(), NoServer> {
    let (_server, url, tenant) = started_with(desk::ENABLED)?;
    let page = Request::get("/console/journal").header("accept", "text/html");
    assert_eq!(tenant.send(&page).status, 200);
    let responses = send_while_locked(&url, &tenant, &vec![page.clone(); 40]);
    assert_eq!(
        count_refused(&responses, "The console is busy with other pages. Nothing was changed."),
        40 - 16
    );
    assert_eq!(tenant.send(&page).status, 200);
    Ok(())
}
