//! A login of a person, as operators see it: from the decision to the settled conflict.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::json;
use tempfile::NamedTempFile;

use super::desk::{ADA, Desk, ENABLED, unescape};
use crate::http::{Request, connect, host};
use crate::tenants::{DATABASE, Tenant, by_google, by_password, database_user};

crate::tests![
    a_decision_is_explained_and_counted,
    a_conflict_is_settled_and_waits_again,
    the_live_tail_shows_logins_and_resumes,
    a_hostile_user_agent_and_profile_are_text,
    a_reset_ends_what_the_tail_shows,
];

/// A tenant whose policy links accounts, and the file of the policy.
fn tenant() -> (Tenant, NamedTempFile) {
    let policy = NamedTempFile::new().expect("a file");
    let text = json!({ "mode": "auto", "trusted_connections": ["google-oauth2", DATABASE] });
    std::fs::write(policy.path(), text.to_string()).expect("it is written");
    let args = ["--policy", policy.path().to_str().expect("UTF-8")];
    let users = format!("{ENABLED}{}", database_user("ada", "ada@example.com"));
    (Tenant::started(&users, &args), policy)
}

/// Two accounts of databases have the address of the Google account.
fn contradictory() -> Tenant {
    let staff =
        database_user("staff", "ada@example.com").replace("Username-Password-Authentication", "Staff");
    Tenant::with(&format!("{ENABLED}{}{staff}", database_user("ada", "ada@example.com")))
}

/// The page, once it has this text: decisions are written shortly after the login.
fn page_with(desk: &mut Desk, path: &str, text: &str) -> String {
    let until = Instant::now() + Duration::from_secs(20);
    loop {
        let page = desk.page(path);
        if page.contains(text) {
            return page;
        }
        assert!(Instant::now() < until, "{text}: {page}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// The first link to an address that begins like this.
fn link(page: &str, start: &str) -> String {
    let address = page.split_once(&format!("href=\"{start}")).and_then(|(_, rest)| rest.split_once('"'));
    format!("{start}{}", unescape(address.unwrap_or_else(|| panic!("no {start}: {page}")).0))
}

fn a_decision_is_explained_and_counted() {
    let (tenant, _policy) = tenant();
    let mut desk = Desk::at(&tenant);
    assert!(desk.page("/console").contains("No decision was kept yet."));
    by_google(&mut tenant.browser(), "1080", &[]);
    let list = page_with(&mut desk, "/console/decisions", "google-oauth2|1080");
    let page = desk.page(&link(&list, "/console/decisions/"));
    for words in [
        "The accounts are one, and the login went on as auth0|ada.",
        "<code>LINKED_VERIFIED_BOTH</code>",
        "<dt>Application</dt><dd>web</dd>",
        "<dt>Connection</dt><dd>google-oauth2</dd>",
        "<th scope=\"col\">Verdict</th>",
    ] {
        assert!(page.contains(words), "{words}: {page}");
    }
    assert!(page.matches("<tr><td>").count() > 5, "no trace: {page}");
    let entry = desk.page(&link(&page, "/console/journal/"));
    assert!(entry.contains("google-oauth2|1080 was linked into auth0|ada"), "{entry}");
    let home = desk.page("/console");
    assert!(home.contains("<td>0</td><td>1</td><td>0</td><td>0</td>"), "{home}");
    by_password(&mut tenant.browser(), "ada@example.com", &[]);
    page_with(&mut desk, "/console", "<td>1</td><td>1</td><td>0</td><td>0</td>");
    let user = desk.page("/console/users/auth0%7Cada");
    assert!(user.contains("LINKED_VERIFIED_BOTH"), "{user}");
    assert!(desk.page("/console/decisions?kind=linked").matches("<tr><td><a").count() == 1);
}

fn a_conflict_is_settled_and_waits_again() {
    let tenant = contradictory();
    let mut desk = Desk::at(&tenant);
    assert!(desk.page("/console").contains("No conflict waits."));
    by_google(&mut tenant.browser(), "1080", &[]);
    let queue = page_with(&mut desk, "/console/conflicts", "<article>");
    assert!(queue.contains("ada@example.com, verified") && queue.contains("once"), "{queue}");
    assert!(desk.page("/console").contains("1 conflict waits"));
    let action = link(&queue.replace("action=\"", "href=\""), "/console/conflicts/");
    let action = if action.ends_with("/settle") { action } else { panic!("no form: {queue}") };
    let settled = desk.submit(&queue, &action, &[("note", "two persons"), ("separate", "yes")]);
    assert_eq!(settled.status, 303, "{}", settled.text());
    assert!(desk.page(&settled.location()).contains("The conflict was settled."));
    assert!(desk.page("/console").contains("No conflict waits."));
    assert!(desk.page("/console/conflicts?settled=yes").contains("by local: two persons"));
    let user = desk.page("/console/users/auth0%7Cada");
    assert!(user.contains("<dt>linking.unlinked</dt>"), "{user}");
    let lines = tenant.log_of("audit");
    let audited = lines.iter().find(|line| line["action"] == "settle a conflict");
    assert_eq!(audited.expect("a line")["done"], true);
}

/// The events of the live tail.
struct Tail {
    stream: TcpStream,
    text: String,
}

impl Tail {
    fn open(tenant: &Tenant, last: Option<&str>) -> Self {
        let mut stream = connect(tenant.http());
        let mut request = Request::get("/console/live/events").header("sec-fetch-site", "same-origin");
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        stream.write_all(&request.bytes(host(tenant.http()))).expect("a request");
        let mut tail = Self { stream, text: String::new() };
        tail.read_until("\r\n\r\n");
        assert!(tail.text.starts_with("HTTP/1.1 200"), "{}", tail.text);
        assert!(tail.text.contains("content-type: text/event-stream"), "{}", tail.text);
        tail
    }

    fn read_until(&mut self, end: &str) -> &str {
        let mut part = [0; 4_096];
        while !self.text.contains(end) {
            let read = self.stream.read(&mut part).expect("an event");
            assert!(read > 0, "the tail has ended: {}", self.text);
            self.text += &String::from_utf8_lossy(&part[..read]);
        }
        &self.text
    }

    /// The ids of the events.
    fn ids(&self) -> Vec<String> {
        self.text.lines().filter_map(|line| line.strip_prefix("id: ")).map(str::to_owned).collect()
    }
}

fn the_live_tail_shows_logins_and_resumes() {
    let (tenant, _policy) = tenant();
    let mut tail = Tail::open(&tenant, None);
    by_google(&mut tenant.browser(), "1080", &[]);
    let event = tail.read_until("LINKED_VERIFIED_BOTH").to_owned();
    tail.read_until("</li>");
    assert!(event.contains("event: decision"), "{event}");
    assert!(tail.text.contains("<summary>Trace</summary>"), "{}", tail.text);
    let seen = tail.ids();
    assert_eq!(seen.len(), 1);
    drop(tail);
    // A login while nobody watches.
    by_password(&mut tenant.browser(), "ada@example.com", &[]);
    let mut desk = Desk::at(&tenant);
    page_with(&mut desk, "/console", "<td>1</td><td>1</td><td>0</td><td>0</td>");
    let mut again = Tail::open(&tenant, Some(&seen[0]));
    again.read_until("</li>");
    let missed = again.ids();
    assert!(missed.len() == 1 && missed != seen, "{}", again.text);
    // Google is a login of Ada's account by now.
    again.text.clear();
    by_google(&mut tenant.browser(), "1080", &[]);
    again.read_until("</li>");
    assert!(again.ids().len() == 1 && again.ids() != missed, "{}", again.text);
}

fn a_hostile_user_agent_and_profile_are_text() {
    let script = "</script><img src=x onerror=alert(1)>\u{202e}";
    let account = "\n[[connections.accounts]]\nuser_id = \"<img>\"\nemail = \"eve@example.com\"\nname = NAME\n\
                   nickname = NAME\npicture = NAME\n";
    let account = account.replace("NAME", &serde_json::Value::from(script).to_string());
    let github = format!("\n[[connections]]\nname = \"github\"\nstrategy = \"github\"\n{account}");
    let tenant = Tenant::with(&format!("{ENABLED}{github}"));
    let mut tail = Tail::open(&tenant, None);
    let mut browser = tenant.browser();
    let state = crate::tenants::open(&mut browser, &[]);
    let fields = [("state", state.as_str()), ("connection", "github"), ("account", "<img>")];
    let origin = tenant.http().trim_end_matches('/').to_owned();
    let agent = "<img src=x onerror=alert(2)>";
    let login =
        Request::post("/u/stand-in").form(&fields).header("origin", origin).header("user-agent", agent);
    let login = browser.send(login);
    assert!(login.answer().contains_key("code"), "{} {}", login.status, login.text());
    tail.read_until("</li>");
    let mut desk = Desk::at(&tenant);
    let list = page_with(&mut desk, "/console/decisions", "github|&#60;img&#62;");
    let decision = desk.page(&link(&list, "/console/decisions/"));
    let user = desk.page("/console/users/github%7C%3Cimg%3E");
    assert!(user.contains("&#60;/script&#62;"), "{user}");
    let pages =
        [tail.text, list, decision, user, desk.page("/console"), desk.page("/console/users?q=github")];
    for page in pages {
        assert!(
            !page.contains("<img") && !page.contains("</script>") && !page.contains('\u{202e}'),
            "{page}"
        );
    }
}

fn a_reset_ends_what_the_tail_shows() {
    let (tenant, _policy) = tenant();
    by_password(&mut tenant.browser(), "ada@example.com", &[]);
    let mut desk = Desk::at(&tenant);
    page_with(&mut desk, "/console/decisions", ADA);
    assert_eq!(tenant.send(&Request::post("/dev/reset")).status, 204);
    assert!(desk.page("/console/decisions").contains("There are no such decisions."));
    let mut tail = Tail::open(&tenant, None);
    by_password(&mut tenant.browser(), "ada@example.com", &[]);
    tail.read_until("</li>");
    assert_eq!(tail.ids().len(), 1);
}
