//! A client that sends exactly the given bytes and follows no redirect.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

#[path = "strict_page.rs"]
mod strict_page;

#[allow(unused_imports, reason = "each suite uses what it needs")]
pub(crate) use strict_page::assert_strict;

/// A request.
#[derive(Clone)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// An answer.
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    pub(crate) fn new(method: &str, target: impl Into<String>) -> Self {
        Self { method: method.to_owned(), target: target.into(), headers: Vec::new(), body: Vec::new() }
    }

    pub(crate) fn get(target: impl Into<String>) -> Self {
        Self::new("GET", target)
    }

    pub(crate) fn post(target: impl Into<String>) -> Self {
        Self::new("POST", target)
    }

    pub(crate) fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    pub(crate) fn bearer(self, token: &str) -> Self {
        self.header("authorization", format!("Bearer {token}"))
    }

    pub(crate) fn body(self, kind: &str, body: impl Into<Vec<u8>>) -> Self {
        Self { body: body.into(), ..self.header("content-type", kind) }
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        self.body("application/json", body.to_string())
    }

    pub(crate) fn form(self, fields: &[(&str, &str)]) -> Self {
        self.body("application/x-www-form-urlencoded", encoded(fields))
    }

    /// Returns the bytes of the request. A `Host` header of the request replaces the tenant's.
    pub(crate) fn bytes(&self, host: &str) -> Vec<u8> {
        let mut head = format!("{} {} HTTP/1.1\r\n", self.method, self.target);
        if !self.headers.iter().any(|(name, _)| name == "host") {
            head += &format!("host: {host}\r\n");
        }
        for (name, value) in &self.headers {
            head += &format!("{name}: {value}\r\n");
        }
        if !self.body.is_empty() || self.method == "POST" {
            head += &format!("content-length: {}\r\n", self.body.len());
        }
        [head.as_bytes(), b"connection: close\r\n\r\n", &self.body].concat()
    }
}

impl Response {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(it, _)| it == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|why| panic!("{why}: {}", self.text()))
    }

    /// Returns the URL of a redirect.
    pub(crate) fn location(&self) -> String {
        self.header("location").unwrap_or_else(|| panic!("{}: {}", self.status, self.text())).to_owned()
    }

    /// The parameters of a redirect, from its query or its fragment.
    pub(crate) fn answer(&self) -> BTreeMap<String, String> {
        let url = url::Url::parse(&self.location()).expect("an absolute address");
        let pairs =
            |text: &str| url::form_urlencoded::parse(text.as_bytes()).into_owned().collect::<Vec<_>>();
        [url.query(), url.fragment()].into_iter().flatten().flat_map(pairs).collect()
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let end = bytes.windows(4).position(|it| it == b"\r\n\r\n")?;
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let mut lines = head.split("\r\n");
        let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
        let headers: Vec<_> = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()))
            .collect();
        let body = bytes[end + 4..].to_vec();
        let chunked = headers.iter().any(|(name, _)| name == "transfer-encoding");
        assert!(!chunked, "the tenant knows how long its answers are");
        Some(Self { status, headers, body })
    }
}

pub(crate) fn encoded(fields: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

/// The host with its port of an address.
pub(crate) fn host(address: &str) -> &str {
    address.split_once("://").map_or(address, |(_, host)| host.trim_end_matches('/'))
}

pub(crate) fn connect(address: &str) -> TcpStream {
    let stream = TcpStream::connect(host(address)).expect("the tenant listens");
    // Longer than any limit of the tenant's: a test waits for those.
    stream.set_read_timeout(Some(Duration::from_mins(2))).expect("a timeout");
    stream
}

/// Sends a request to an address.
pub(crate) fn send(address: &str, request: &Request) -> Response {
    let response = exchange(address, &request.bytes(host(address))).expect("an answer");
    assert_strict(&request.target, &response);
    response
}

/// Sends bytes. `None`: the tenant hung up without an answer.
pub(crate) fn exchange(address: &str, bytes: &[u8]) -> Option<Response> {
    let mut stream = connect(address);
    // The tenant may stop reading a request that it refuses early.
    let _ = stream.write_all(bytes);
    answer(&mut stream)
}

/// Reads until the tenant closes the connection.
pub(crate) fn answer(stream: &mut TcpStream) -> Option<Response> {
    let mut bytes = Vec::new();
    let mut part = [0; 16 << 10];
    loop {
        match stream.read(&mut part) {
            Ok(0) => break,
            Ok(read) => bytes.extend_from_slice(&part[..read]),
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => break,
            Err(error) => panic!("the tenant neither answers nor hangs up: {error}"),
        }
    }
    Response::read(&bytes)
}

/// A browser: it keeps cookies, and says where its forms come from.
#[derive(Clone)]
pub(crate) struct Browser {
    address: String,
    pub(crate) cookies: BTreeMap<String, String>,
}

impl Browser {
    pub(crate) fn at(address: &str) -> Self {
        Self { address: address.to_owned(), cookies: BTreeMap::new() }
    }

    pub(crate) fn send(&mut self, request: Request) -> Response {
        let cookies: Vec<String> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request = if cookies.is_empty() { request } else { request.header("cookie", cookies.join("; ")) };
        let response = send(&self.address, &request);
        for (_, cookie) in response.headers.iter().filter(|(name, _)| name == "set-cookie") {
            let mut parts = cookie.split("; ");
            let (name, value) = parts.next().and_then(|it| it.split_once('=')).expect("a cookie");
            if parts.any(|it| it == "Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        response
    }

    /// Follows a link to one of the tenant's own pages.
    pub(crate) fn get(&mut self, target: &str) -> Response {
        let target = target.strip_prefix(self.address.trim_end_matches('/')).unwrap_or(target).to_owned();
        self.send(Request::get(target))
    }

    /// Sends a form of one of the tenant's own pages.
    pub(crate) fn submit(&mut self, target: &str, fields: &[(&str, &str)]) -> Response {
        let origin = self.address.trim_end_matches('/').to_owned();
        self.send(Request::post(target).form(fields).header("origin", origin))
    }
}

/// The login that a page of the tenant's is about.
pub(crate) fn state_of(page: &Response) -> String {
    page.answer().remove("state").unwrap_or_else(|| panic!("no state: {}", page.location()))
}
