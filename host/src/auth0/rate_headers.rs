//! The headers by which a tenant limits the rate of requests.

use std::time::Duration;

use jiff::fmt::rfc2822::DateTimeParser;

/// The rate limit as one answer states it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct RateHeaders {
    /// The requests that the tenant allows, and how many of them are left.
    pub(super) quota: Option<Quota>,
    /// The time to wait before the next request, if the answer states one.
    pub(super) retry_after: Option<Duration>,
}

/// A quota and the time until it is full again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Quota {
    pub(super) limit: u32,
    pub(super) remaining: u32,
    pub(super) reset_after: Duration,
}

impl RateHeaders {
    /// Reads the headers. `X-RateLimit-Reset` is a time by the tenant's clock, which
    /// `Date` shows; `local` is the time since 1970 by this machine's clock, which may be
    /// minutes off, and counts if there is no `Date`.
    ///
    /// Sources: Auth0, "Rate Limit Policy" (`X-RateLimit-*`, and `Auth0-RateLimit` of
    /// custom policies); RFC 9110, section 10.2.3 (`Retry-After`).
    pub(super) fn from_headers<'a>(header: impl Fn(&str) -> Option<&'a str>, local: Duration) -> Self {
        let now = header("date").and_then(http_date).unwrap_or(local);
        let number = |name| header(name).and_then(|text| text.trim().parse::<u64>().ok());
        let reset = number("x-ratelimit-reset").map(|at| Duration::from_secs(at).saturating_sub(now));
        let standard = || {
            Some(Quota {
                limit: saturate(number("x-ratelimit-limit")?),
                remaining: saturate(number("x-ratelimit-remaining")?),
                reset_after: reset?,
            })
        };
        let quota = standard().or_else(|| header("auth0-ratelimit").and_then(custom_policy));
        let asked = header("retry-after").and_then(|text| match text.trim().parse() {
            Ok(seconds) => Some(Duration::from_secs(seconds)),
            Err(_) => Some(http_date(text)?.saturating_sub(now)),
        });
        let full = reset.or(quota.map(|quota| quota.reset_after));
        Self { quota, retry_after: asked.or(full) }
    }
}

fn saturate(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// Reads `client;q=10;t=1;r=9`: the quota, the seconds until it is full, the rest. The
/// policy with the smallest rest counts.
fn custom_policy(text: &str) -> Option<Quota> {
    let read = |policy: &str| {
        let field = |name: &str| {
            let fields = policy.split(';').filter_map(|field| field.trim().split_once('='));
            fields.filter(|(known, _)| *known == name).find_map(|(_, value)| value.parse::<u32>().ok())
        };
        let reset_after = Duration::from_secs(u64::from(field("t")?));
        Some(Quota { limit: field("q")?, remaining: field("r")?, reset_after })
    };
    text.split(',').filter_map(read).min_by_key(|quota| quota.remaining)
}

/// Returns the time since 1970 of a date such as `Sun, 06 Nov 1994 08:49:37 GMT`.
pub(super) fn http_date(text: &str) -> Option<Duration> {
    let time = DateTimeParser::new().parse_timestamp(text.trim()).ok()?;
    u64::try_from(time.as_second()).ok().map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Quota, RateHeaders};

    /// 2026-11-26T10:00:00Z.
    const NOW: u64 = 1_795_687_200;
    const DATE: (&str, &str) = ("date", "Thu, 26 Nov 2026 10:00:00 GMT");

    fn read(headers: &[(&str, &str)], local: u64) -> RateHeaders {
        let find = |name: &str| headers.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
        RateHeaders::from_headers(find, Duration::from_secs(local))
    }

    fn seconds(seconds: u64) -> Option<Duration> {
        Some(Duration::from_secs(seconds))
    }

    #[test]
    fn a_reset_is_a_time_by_the_tenants_clock() {
        let reset = (NOW + 3).to_string();
        let headers =
            [("x-ratelimit-limit", "10"), ("x-ratelimit-remaining", "4"), ("x-ratelimit-reset", &*reset)];
        let quota = Quota { limit: 10, remaining: 4, reset_after: Duration::from_secs(3) };
        let expected = RateHeaders { quota: Some(quota), retry_after: seconds(3) };
        assert_eq!(read(&headers, NOW), expected);
        // This machine's clock is ten minutes ahead, then ten minutes behind.
        let with_date = [&headers[..], &[DATE]].concat();
        assert_eq!(read(&with_date, NOW + 600), expected);
        assert_eq!(read(&with_date, NOW - 600), expected);
        assert_eq!(read(&[("x-ratelimit-reset", &*reset), DATE], 0).retry_after, seconds(3));
    }

    #[test]
    fn retry_after_comes_before_the_reset() {
        let reset = ("x-ratelimit-reset", "1795687290");
        assert_eq!(read(&[DATE, reset, ("retry-after", "7")], 0).retry_after, seconds(7));
        let date = ("retry-after", "Thu, 26 Nov 2026 10:00:05 GMT");
        assert_eq!(read(&[DATE, reset, date], 0).retry_after, seconds(5));
        assert_eq!(read(&[DATE, reset, ("retry-after", "soon")], 0).retry_after, seconds(90));
        assert_eq!(read(&[DATE], 0), RateHeaders::default());
    }

    #[test]
    fn a_custom_policy_has_a_header_of_its_own() {
        let header = ("auth0-ratelimit", "tenant;q=100;t=60;r=50, client;q=10;t=2;r=9");
        let quota = Quota { limit: 10, remaining: 9, reset_after: Duration::from_secs(2) };
        assert_eq!(read(&[header], NOW), RateHeaders { quota: Some(quota), retry_after: seconds(2) });
        assert_eq!(read(&[("auth0-ratelimit", "client;q=x")], NOW), RateHeaders::default());
    }

    #[test]
    fn numbers_that_make_no_sense_are_no_quota() {
        for value in ["", "-1", "1.5", "99999999999999999999999"] {
            let headers = [
                ("x-ratelimit-limit", value),
                ("x-ratelimit-remaining", value),
                ("x-ratelimit-reset", value),
                ("retry-after", value),
            ];
            assert_eq!(read(&headers, NOW), RateHeaders::default(), "{value:?}");
        }
    }
}
