//! Paths of the Management API.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::CallErrorKind;

/// Every character of an id or a value is encoded, except those that never are.
///
/// Source: RFC 3986, section 2.3.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The path of an endpoint of the Management API: `/api/v2/` and these segments, each
/// encoded.
///
/// # Errors
///
/// If a segment is empty, `.` or `..`: the path would be that of another endpoint.
pub(super) fn path(segments: &[&str]) -> Result<String, CallErrorKind> {
    let mut path = "/api/v2".to_owned();
    for segment in segments {
        if ["", ".", ".."].contains(segment) {
            return Err(CallErrorKind::NotSent(format!("the id \"{segment}\" is invalid")));
        }
        path.push('/');
        path.extend(utf8_percent_encode(segment, ENCODED));
    }
    Ok(path)
}

/// Adds a query parameter to a path.
pub(super) fn with_parameter(path: &str, name: &str, value: &str) -> String {
    let before = if path.contains('?') { '&' } else { '?' };
    format!("{path}{before}{name}={}", utf8_percent_encode(value, ENCODED))
}

#[cfg(test)]
mod tests {
    use super::{path, with_parameter};

    #[test]
    fn an_id_is_one_segment_whatever_it_contains() {
        assert_eq!(path(&["users", "auth0|1"]).unwrap(), "/api/v2/users/auth0%7C1");
        let hostile = path(&["users", "a|../../roles?x=1#y%2F \u{fc}\n"]).unwrap();
        assert_eq!(hostile, "/api/v2/users/a%7C..%2F..%2Froles%3Fx%3D1%23y%252F%20%C3%BC%0A");
    }

    #[test]
    fn an_id_that_would_name_another_endpoint_is_refused() {
        for id in ["", ".", ".."] {
            assert!(path(&["users", id]).is_err(), "{id:?}");
        }
    }

    #[test]
    fn a_value_of_the_query_is_encoded() {
        let path = with_parameter("/x", "email", "a+b&c@example.com");
        assert_eq!(path, "/x?email=a%2Bb%26c%40example.com");
        assert_eq!(with_parameter(&path, "page", "0"), "/x?email=a%2Bb%26c%40example.com&page=0");
    }
}
