//! The pages that people see: the time of each, and its size.

use std::net::SocketAddr;
use std::time::Duration;

use crate::load::Line;
use crate::talks::{PASSWORD, Requests, login};

/// A page, and the cookies of the browser that sees it.
pub(crate) struct Page {
    pub(crate) name: &'static str,
    path: String,
    cookies: String,
}

/// A browser that follows no redirect by itself.
struct Browser {
    line: Line,
    requests: Requests,
    cookies: Vec<(String, String)>,
}

impl Browser {
    fn cookie_header(&self) -> String {
        let all: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        if all.is_empty() { String::new() } else { format!("cookie: {}\r\n", all.join("; ")) }
    }

    /// Sends a request, keeps the cookies, and returns the path to which the answer leads.
    fn follow(&mut self, request: &[u8]) -> String {
        let (_, answer) = self.line.timed(request);
        answer.expect(&[302, 303]);
        let location = answer.header("location").expect("a redirect").to_owned();
        for cookie in answer.headers("set-cookie") {
            let pair = cookie.split(';').next().unwrap_or_default();
            let Some((name, value)) = pair.split_once('=') else { continue };
            self.cookies.retain(|(known, _)| known != name);
            self.cookies.push((name.to_owned(), value.to_owned()));
        }
        match location.split_once("//").and_then(|(_, rest)| rest.split_once('/')) {
            Some((_, path)) => format!("/{path}"),
            None => location,
        }
    }

    fn get(&mut self, path: &str) -> String {
        let request = self.requests.get(path, &self.cookie_header());
        self.follow(&request)
    }

    fn submit(&mut self, path: &str, fields: &[(&str, &str)]) -> String {
        let request = self.requests.post_form(path, &self.cookie_header(), fields);
        self.follow(&request)
    }

    /// Returns a page's path, with the cookies of this browser.
    fn page(&self, path: String) -> (String, String) {
        (path, self.cookie_header())
    }
}

/// Names of the pages, as [`pages`] returns them.
pub(crate) const NAMES: [&str; 14] = [
    "start page",
    "outbox page",
    "login page",
    "stand-in page",
    "suggestion page",
    "account page",
    "account history page",
    "link preview page",
    "console page",
    "console users page",
    "console user page",
    "console decisions page",
    "console live page",
    "merge preview page",
];

/// Returns the pages of a tenant. The user of this number has a password, and has never logged in.
pub(crate) fn pages(http: SocketAddr, unused: usize) -> Vec<Page> {
    let requests = Requests::of(http, false);
    let browser = || Browser { line: Line::open(http), requests: requests.clone(), cookies: Vec::new() };
    let mut visitor = browser();
    let login_page = visitor.get("/account");
    let stand_in_page = format!("/u/stand-in?state={}&connection=google-oauth2", state_of(&login_page));
    let mut owner = browser();
    let own_login = owner.get("/account");
    let fields = [("state", state_of(&own_login)), ("username", &*login(0)), ("password", PASSWORD)];
    owner.submit("/u/login", &fields);
    let (asked, suggestion) = suggest(browser(), &login(unused));
    let mut adding = browser();
    let own_login = adding.get("/account");
    let fields = [("state", state_of(&own_login)), ("username", &*login(1)), ("password", PASSWORD)];
    adding.submit("/u/login", &fields);
    let second_login = adding.get("/account/add");
    let preview = stand_in(&mut adding, state_of(&second_login), &format!("other.{}", login(unused)));
    let user = |n: usize| format!("auth0%7Clogin{n}");
    let paths = [
        visitor.page("/".to_owned()),
        visitor.page("/dev/outbox".to_owned()),
        visitor.page(login_page),
        visitor.page(stand_in_page),
        asked.page(suggestion),
        owner.page("/account".to_owned()),
        owner.page("/account/history".to_owned()),
        adding.page(preview),
        visitor.page("/console".to_owned()),
        visitor.page("/console/users?q=login.1%40example.com".to_owned()),
        visitor.page(format!("/console/users/{}", user(1))),
        visitor.page("/console/decisions".to_owned()),
        visitor.page("/console/live".to_owned()),
        visitor.page(format!("/console/merge?keep={}&move={}", user(1), user(2))),
    ];
    let named = NAMES.into_iter().zip(paths);
    named.map(|(name, (path, cookies))| Page { name, path, cookies }).collect()
}

/// Logs in with the address of another account. Returns the page that suggests the account.
fn suggest(mut browser: Browser, email: &str) -> (Browser, String) {
    let stranger = browser.get("/account");
    let suggestion = stand_in(&mut browser, state_of(&stranger), email);
    (browser, suggestion)
}

/// Logs in at the stand-in provider with a new account of this address.
fn stand_in(browser: &mut Browser, state: &str, email: &str) -> String {
    let account = [
        ("state", state),
        ("connection", "google-oauth2"),
        ("user_id", email),
        ("name", "Somebody"),
        ("email", email),
        ("email_verified", "true"),
    ];
    browser.submit("/u/stand-in", &account)
}

fn state_of(path: &str) -> &str {
    let query = path.split_once('?').map_or("", |(_, query)| query);
    query.split('&').find_map(|pair| pair.strip_prefix("state=")).expect("a state")
}

/// Requests a page so many times, one after the other. Returns the times, and the size in bytes.
pub(crate) fn measure(http: SocketAddr, page: &Page, times: usize) -> (Vec<Duration>, usize) {
    let request =
        Requests::of(http, false).get(&page.path, &format!("accept: text/html\r\n{}", page.cookies));
    let mut line = Line::open(http);
    let mut size = 0;
    let all = (0..times).map(|_| {
        let (took, answer) = line.timed(&request);
        answer.expect(&[200]);
        size = answer.body.len();
        took
    });
    (all.collect(), size)
}
