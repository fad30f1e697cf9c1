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

    fn page(self, name: &'static str, path: String) -> Page {
        Page { name, path, cookies: self.cookie_header() }
    }
}

/// Returns the pages of a tenant. The user of this number has a password, and has never logged in.
pub(crate) fn pages(http: SocketAddr, unused: usize) -> Vec<Page> {
    let requests = Requests::of(http, false);
    let browser = || Browser { line: Line::open(http), requests: requests.clone(), cookies: Vec::new() };
    let mut visitor = browser();
    let login_page = visitor.get("/account");
    let mut owner = browser();
    let own_login = owner.get("/account");
    let fields = [("state", state_of(&own_login)), ("username", &*login(0)), ("password", PASSWORD)];
    owner.submit("/u/login", &fields);
    let mut asked = browser();
    let stranger = asked.get("/account");
    let email = login(unused);
    let account = [
        ("state", state_of(&stranger)),
        ("connection", "google-oauth2"),
        ("user_id", &*email),
        ("name", "Somebody"),
        ("email", &*email),
        ("email_verified", "true"),
    ];
    let suggestion = asked.submit("/u/stand-in", &account);
    vec![
        visitor.page("login page", login_page),
        asked.page("suggestion page", suggestion),
        owner.page("account page", "/account".to_owned()),
        browser().page("console page", "/console".to_owned()),
    ]
}

fn state_of(path: &str) -> &str {
    let query = path.split_once('?').map_or("", |(_, query)| query);
    query.split('&').find_map(|pair| pair.strip_prefix("state=")).expect("a state")
}

/// Requests a page so many times, one after the other. Returns the times, and the size in bytes.
pub(crate) fn measure(http: SocketAddr, page: &Page, times: usize) -> (Vec<Duration>, usize) {
    let request = Requests::of(http, false).get(&page.path, &page.cookies);
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
