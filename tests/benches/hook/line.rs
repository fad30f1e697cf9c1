//! A kept connection that sends signed requests.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::hmac;

pub(crate) const SECRET: &str = "the-secret-of-the-bench-0123456789abcdef";

/// Distinguishes the nonces of all connections.
static NONCE: AtomicU64 = AtomicU64::new(0);

/// A kept connection that sends signed requests.
pub(crate) struct Line {
    stream: TcpStream,
    key: hmac::Key,
    number: u64,
    buffer: Vec<u8>,
}

/// An answer: its status line and headers, and its body.
pub(crate) struct Answer {
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Line {
    pub(crate) fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("the service accepts connections");
        stream.set_nodelay(true).expect("an option");
        stream.set_read_timeout(Some(Duration::from_secs(60))).expect("an option");
        let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
        Self { stream, key, number: NONCE.fetch_add(1 << 32, Ordering::Relaxed), buffer: vec![0; 16 << 10] }
    }

    /// Sends a request with this event, a JSON text, and reads its answer.
    pub(crate) fn ask(&mut self, event: &str) -> Answer {
        self.number += 1;
        let body = format!("{{\"nonce\":\"{}\",\"event\":{event}}}", self.number);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a time").as_secs();
        let tag = hmac::sign(&self.key, format!("{now}.{body}").as_bytes());
        let tag: String = tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        let request = format!(
            "POST /v1/auth0/post-login HTTP/1.1\r\nhost: hook\r\nx-ligature-timestamp: {now}\r\n\
             x-ligature-signature: v1={tag}\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        self.stream.write_all(request.as_bytes()).expect("the service reads");
        let mut held = 0;
        loop {
            let read = self.stream.read(&mut self.buffer[held..]).expect("the service answers");
            assert!(read > 0, "the service hung up");
            held += read;
            let answer = String::from_utf8_lossy(&self.buffer[..held]);
            let Some((head, body)) = answer.split_once("\r\n\r\n") else { continue };
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
            if body.len() == length.unwrap_or(0usize) {
                return Answer { head: head.to_owned(), body: body.to_owned() };
            }
        }
    }
}
