//! The signature of a request: HMAC-SHA-256 over `TIMESTAMP.BODY`.

use std::time::Duration;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;
use axum::http::HeaderMap;

use super::refusal::RequestRefusal;
use super::request_limits::WINDOW;
use super::secrets::Secrets;

/// The header with the time of the signature, in seconds since 1970.
pub(super) const TIMESTAMP: &str = "x-ligature-timestamp";
/// The header with the signature: `v1=` and 64 hexadecimal digits.
pub(super) const SIGNATURE: &str = "x-ligature-signature";
/// A time stamp above this one is in milliseconds: it is the year 5138 in seconds.
const MILLISECONDS: u64 = 100_000_000_000;

/// The claim of a request's headers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct UnverifiedSignature {
    /// The time stamp as it was sent and signed.
    text: String,
    timestamp: u64,
    tag: [u8; 32],
}

/// A request whose signature is valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Signed {
    /// The time of the signature, in seconds since 1970.
    pub(super) timestamp: u64,
    /// The signature.
    pub(super) tag: [u8; 32],
    /// The number of the secret: 0 is the current one, and 1 the one before it.
    pub(super) secret: usize,
}

impl UnverifiedSignature {
    /// Reads the headers, and compares the time stamp with the clock.
    pub(super) fn from_headers(headers: &HeaderMap, since_epoch: Duration) -> Result<Self, RequestRefusal> {
        let header = |name| match headers.get(name) {
            None => Err(RequestRefusal::NotSigned(name)),
            Some(value) => Ok(value.to_str().unwrap_or_default()),
        };
        let signature = header(SIGNATURE)?;
        let text = header(TIMESTAMP)?;
        let tag =
            signature.strip_prefix("v1=").and_then(parse_tag).ok_or(RequestRefusal::SignatureMalformed)?;
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let timestamp: u64 = text
            .parse()
            .ok()
            .filter(|_| is_number)
            .ok_or(RequestRefusal::TimestampMalformed { is_millis: false })?;
        if timestamp > MILLISECONDS {
            return Err(RequestRefusal::TimestampMalformed { is_millis: true });
        }
        let now = since_epoch.as_secs();
        if now.abs_diff(timestamp) > WINDOW.as_secs() {
            return Err(RequestRefusal::ClockOff {
                is_ahead: timestamp > now,
                seconds: now.abs_diff(timestamp),
            });
        }
        Ok(Self { text: text.to_owned(), timestamp, tag })
    }

    /// Verifies the signature of the body by each secret.
    pub(super) fn verify(&self, body: &[u8], secrets: &Secrets) -> Result<Signed, RequestRefusal> {
        let mut by = None;
        for (number, key) in secrets.keys().iter().enumerate() {
            let mut context = hmac::Context::with_key(key);
            context.update(self.text.as_bytes());
            context.update(b".");
            context.update(body);
            if verify_slices_are_equal(context.sign().as_ref(), &self.tag).is_ok() {
                by = Some(number);
            }
        }
        let secret = by.ok_or(RequestRefusal::SignatureWrong)?;
        Ok(Signed { timestamp: self.timestamp, tag: self.tag, secret })
    }
}

fn parse_tag(digits: &str) -> Option<[u8; 32]> {
    let digits = digits.as_bytes();
    if digits.len() != 64 || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let mut tag = [0; 32];
    for (byte, pair) in tag.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(tag)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use axum::http::HeaderMap;

    use super::{SIGNATURE, TIMESTAMP, UnverifiedSignature};
    use crate::hook::refusal::RequestRefusal;
    use crate::hook::secrets::{Secret, Secrets};

    const NOW: Duration = Duration::from_millis(1_795_687_200_999);

    fn headers(timestamp: &str, signature: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(TIMESTAMP, timestamp.parse().unwrap());
        headers.insert(SIGNATURE, signature.parse().unwrap());
        headers
    }

    /// A signature that another implementation made: `printf '%s' '1795687200.{"event":{}}' | openssl dgst
    /// -sha256 -hmac 'xzxzxzxzxzxzxzxzxzxzxzxzxzxzxzxz'`.
    const BY_OPENSSL: &str = "46f63cae005f8b27201f6176a258b4f79c429060c4b548526b10f432ee956bfe";

    #[test]
    fn a_signature_of_openssl_is_accepted() {
        let secrets = Secrets::new(&[Secret::of_variable("V", &"xz".repeat(16))]).unwrap();
        let claim =
            UnverifiedSignature::from_headers(&headers("1795687200", &format!("v1={BY_OPENSSL}")), NOW)
                .unwrap();
        assert_eq!(claim.verify(br#"{"event":{}}"#, &secrets).unwrap().secret, 0);
        assert_eq!(claim.verify(br#"{"event":{} }"#, &secrets), Err(RequestRefusal::SignatureWrong));
        // The text of the time stamp is signed, not its number.
        let claim =
            UnverifiedSignature::from_headers(&headers("01795687200", &format!("v1={BY_OPENSSL}")), NOW)
                .unwrap();
        assert_eq!(claim.verify(br#"{"event":{}}"#, &secrets), Err(RequestRefusal::SignatureWrong));
    }

    #[test]
    fn the_old_secret_is_accepted_beside_the_current_one() {
        let secrets = ["yz", "xz"].map(|it| Secret::of_variable("V", &it.repeat(16)));
        let secrets = Secrets::new(&secrets).unwrap();
        let claim =
            UnverifiedSignature::from_headers(&headers("1795687200", &format!("v1={BY_OPENSSL}")), NOW)
                .unwrap();
        assert_eq!(claim.verify(br#"{"event":{}}"#, &secrets).unwrap().secret, 1);
    }

    #[test]
    fn the_window_is_300_seconds_to_the_second() {
        let read = |timestamp: u64| {
            UnverifiedSignature::from_headers(
                &headers(&timestamp.to_string(), &format!("v1={BY_OPENSSL}")),
                NOW,
            )
        };
        assert!(read(1_795_686_900).is_ok() && read(1_795_687_500).is_ok());
        assert_eq!(read(1_795_686_899), Err(RequestRefusal::ClockOff { is_ahead: false, seconds: 301 }));
        assert_eq!(read(1_795_687_501), Err(RequestRefusal::ClockOff { is_ahead: true, seconds: 301 }));
        assert_eq!(read(1_795_687_200_999), Err(RequestRefusal::TimestampMalformed { is_millis: true }));
    }

    #[test]
    fn malformed_headers_are_refused() {
        let right = format!("v1={BY_OPENSSL}");
        for timestamp in ["", "+1795687200", "1795687200.5", "-1", "soon", "99999999999999999999999"] {
            let read = UnverifiedSignature::from_headers(&headers(timestamp, &right), NOW);
            assert_eq!(read, Err(RequestRefusal::TimestampMalformed { is_millis: false }), "{timestamp}");
        }
        for signature in ["", "v1=", BY_OPENSSL, &right[..66], &format!("{right}0"), "v1=ü"] {
            let read = UnverifiedSignature::from_headers(&headers("1795687200", signature), NOW);
            assert_eq!(read, Err(RequestRefusal::SignatureMalformed), "{signature}");
        }
        assert_eq!(
            UnverifiedSignature::from_headers(&HeaderMap::new(), NOW),
            Err(RequestRefusal::NotSigned(SIGNATURE))
        );
    }
}
