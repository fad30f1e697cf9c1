//! The requests that the load sends to a tenant.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::load::{Answer, Line, Talk};
use crate::users::email;

/// Users with a password.
pub(crate) const LOGINS: usize = 10_000;
pub(crate) const PASSWORD: &str = "correct horse battery";
pub(crate) const CALLBACK: &str = "http://localhost:3000/callback";
const DATABASE: &str = "Username-Password-Authentication";

/// Source: RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// The n-th of the users with a password.
pub(crate) fn login(n: usize) -> String {
    format!("login.{n}@example.com")
}

fn encoded(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

fn form(fields: &[(&str, &str)]) -> String {
    let fields: Vec<String> =
        fields.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
    fields.join("&")
}

/// Requests to one tenant.
#[derive(Clone)]
pub(crate) struct Requests {
    host: String,
    issuer: String,
}

impl Requests {
    /// Opens a connection over http or https.
    pub(crate) fn of(address: SocketAddr, is_tls: bool) -> Self {
        let host = format!("localhost:{}", address.port());
        Self { issuer: format!("http{}://{host}/", if is_tls { "s" } else { "" }), host }
    }

    pub(crate) fn get(&self, path: &str, headers: &str) -> Vec<u8> {
        format!("GET {path} HTTP/1.1\r\nhost: {}\r\n{headers}\r\n", self.host).into_bytes()
    }

    fn post(&self, path: &str, kind: &str, headers: &str, body: &str) -> Vec<u8> {
        let (host, length) = (&self.host, body.len());
        format!("POST {path} HTTP/1.1\r\nhost: {host}\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n{headers}\r\n{body}")
            .into_bytes()
    }

    pub(crate) fn post_form(&self, path: &str, headers: &str, fields: &[(&str, &str)]) -> Vec<u8> {
        self.post(path, "application/x-www-form-urlencoded", headers, &form(fields))
    }

    /// A token of the Management API.
    pub(crate) fn client_credentials(&self) -> Vec<u8> {
        let audience = format!("{}api/v2/", self.issuer);
        let fields = [
            ("grant_type", "client_credentials"),
            ("client_id", "management"),
            ("client_secret", "the secret of the management"),
            ("audience", audience.as_str()),
        ];
        self.post_form("/oauth/token", "", &fields)
    }

    /// Tokens for the n-th user with a password.
    pub(crate) fn by_password(&self, n: usize) -> Vec<u8> {
        let fields = [
            ("grant_type", "http://auth0.com/oauth/grant-type/password-realm"),
            ("client_id", "web"),
            ("client_secret", "the secret of the web application"),
            ("realm", DATABASE),
            ("username", &login(n)),
            ("password", PASSWORD),
            ("scope", "openid profile email"),
        ];
        self.post_form("/oauth/token", "", &fields)
    }

    /// Makes the n-th user with a password.
    pub(crate) fn new_user(&self, token: &str, n: usize) -> Vec<u8> {
        let body = format!(
            r#"{{"connection":"{DATABASE}","user_id":"login{n}","email":"{}","email_verified":true,"password":"{PASSWORD}","name":"Login {n}"}}"#,
            login(n)
        );
        self.post("/api/v2/users", "application/json", &bearer(token), &body)
    }

    /// The access token that the answer to this has.
    pub(crate) fn token(line: &mut Line, request: &[u8]) -> String {
        let answer: serde_json::Value = serde_json::from_slice(&line.once(request)).expect("JSON");
        answer["access_token"].as_str().expect("an access token").to_owned()
    }
}

/// A header.
pub(crate) fn bearer(token: &str) -> String {
    format!("authorization: Bearer {token}\r\n")
}

/// The same request again and again.
pub(crate) struct Same(pub(crate) Arc<[u8]>);

impl Talk for Same {
    fn ask(&mut self, request: &mut Vec<u8>) {
        request.extend_from_slice(&self.0);
    }

    fn hear(&mut self, answer: &Answer<'_>) -> bool {
        answer.expect(&[200]);
        true
    }
}

/// The password-realm grant, for any of the users with a password.
pub(crate) struct ByPassword(pub(crate) Requests);

impl Talk for ByPassword {
    fn ask(&mut self, request: &mut Vec<u8>) {
        *request = self.0.by_password(fastrand::usize(..LOGINS));
    }

    fn hear(&mut self, answer: &Answer<'_>) -> bool {
        answer.expect(&[200]);
        true
    }
}

/// Makes the users with a password.
pub(crate) struct NewUsers {
    pub(crate) requests: Requests,
    pub(crate) token: String,
    /// The next user, counted over all connections.
    pub(crate) next: Arc<AtomicUsize>,
}

impl Talk for NewUsers {
    fn ask(&mut self, request: &mut Vec<u8>) {
        *request = match self.next.fetch_add(1, Ordering::Relaxed) {
            n if n < LOGINS => self.requests.new_user(&self.token, n),
            // While other connections' are made.
            _ => self.requests.get("/healthz", ""),
        };
    }

    fn hear(&mut self, answer: &Answer<'_>) -> bool {
        answer.expect(&[200, 201]);
        answer.status == 201
    }
}

/// Users by their addresses, at random.
pub(crate) struct ByEmail {
    before: Vec<u8>,
    behind: Vec<u8>,
    users: usize,
}

impl ByEmail {
    pub(crate) fn new(requests: &Requests, token: &str, users: usize) -> Self {
        let whole = requests.get("/api/v2/users-by-email?email=\0", &bearer(token));
        let hole = whole.iter().position(|it| *it == 0).expect("it is there");
        Self { before: whole[..hole].to_vec(), behind: whole[hole + 1..].to_vec(), users }
    }
}

impl Talk for ByEmail {
    fn ask(&mut self, request: &mut Vec<u8>) {
        let email = email(fastrand::usize(..self.users));
        let (local, domain) = email.split_once('@').expect("an address");
        for part in [&*self.before, local.as_bytes(), b"%40", domain.as_bytes(), &*self.behind] {
            request.extend_from_slice(part);
        }
    }

    fn hear(&mut self, answer: &Answer<'_>) -> bool {
        answer.expect(&[200]);
        assert!(answer.body.len() > 100, "there is no such user");
        true
    }
}

/// Half users by their addresses; tokens, users of tokens and keys the rest.
pub(crate) struct Mix {
    pub(crate) by_email: ByEmail,
    pub(crate) others: [Arc<[u8]>; 3],
    /// The index of this connection's first user.
    pub(crate) n: usize,
}

impl Talk for Mix {
    fn ask(&mut self, request: &mut Vec<u8>) {
        self.n += 1;
        match self.n % 2 {
            0 => self.by_email.ask(request),
            _ => request.extend_from_slice(&self.others[self.n / 2 % 3]),
        }
    }

    fn hear(&mut self, answer: &Answer<'_>) -> bool {
        answer.expect(&[200]);
        true
    }
}

/// A browser and an application: from `/authorize` to the tokens, again and
/// again, each time another user in another browser.
pub(crate) struct Redirects {
    requests: Requests,
    begin: Vec<u8>,
    step: Step,
}

enum Step {
    Authorize,
    Page { state: String, cookie: String },
    Password { state: String, cookie: String },
    Token { code: String },
}

impl Redirects {
    pub(crate) fn new(requests: &Requests) -> Self {
        let query = form(&[
            ("client_id", "web"),
            ("response_type", "code"),
            ("redirect_uri", CALLBACK),
            ("scope", "openid profile email"),
            ("state", "of the application"),
            ("nonce", "of the application"),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
        ]);
        let begin = requests.get(&format!("/authorize?{query}"), "");
        Self { requests: requests.clone(), begin, step: Step::Authorize }
    }
}

impl Talk for Redirects {
    fn ask(&mut self, request: &mut Vec<u8>) {
        let requests = &self.requests;
        *request = match &self.step {
            Step::Authorize => self.begin.clone(),
            Step::Page { state, cookie } => requests.get(&format!("/u/login?state={state}"), cookie),
            Step::Password { state, cookie } => {
                let (state, user) = (state.as_str(), login(fastrand::usize(..LOGINS)));
                let fields = [("state", state), ("username", &user), ("password", PASSWORD)];
                requests.post_form("/u/login", cookie, &fields)
            }
            Step::Token { code } => {
                let fields = [
                    ("grant_type", "authorization_code"),
                    ("client_id", "web"),
                    ("client_secret", "the secret of the web application"),
                    ("code", code),
                    ("code_verifier", VERIFIER),
                    ("redirect_uri", CALLBACK),
                ];
                requests.post_form("/oauth/token", "", &fields)
            }
        };
    }

    fn hear(&mut self, answer: &Answer<'_>) -> bool {
        let step = std::mem::replace(&mut self.step, Step::Authorize);
        self.step = match step {
            Step::Authorize => {
                answer.expect(&[302, 303]);
                let cookie =
                    answer.header("set-cookie").and_then(|it| it.split(';').next()).expect("a cookie");
                Step::Page { state: of_location(answer, "state"), cookie: format!("cookie: {cookie}\r\n") }
            }
            Step::Page { state, cookie } => {
                answer.expect(&[200]);
                Step::Password { state, cookie }
            }
            Step::Password { .. } => {
                answer.expect(&[302, 303]);
                Step::Token { code: of_location(answer, "code") }
            }
            Step::Token { .. } => {
                answer.expect(&[200]);
                return true;
            }
        };
        false
    }
}

/// A parameter of where the answer leads.
fn of_location(answer: &Answer<'_>, name: &str) -> String {
    let query = answer.header("location").and_then(|it| it.split_once('?')).map(|(_, query)| query);
    let found = query.and_then(|query| {
        query.split('&').find_map(|pair| pair.split_once('=').filter(|(key, _)| *key == name))
    });
    found.unwrap_or_else(|| panic!("no {name} in {query:?}")).1.to_owned()
}
