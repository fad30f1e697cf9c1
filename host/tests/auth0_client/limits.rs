//! Tenants that limit the rate of requests.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use ligature_host::ambient::Ambient;
use ligature_host::auth0::{CallErrorKind, UsersApi};
use ligature_host::clock::ManualClock;
use ligature_host::random::SeededRandom;

use crate::standin::{Standin, Step, USER, json};
use crate::{LINKED, LONG, Test, timed};

const LIMITED: &str = r#"{"statusCode":429,"error":"Too Many Requests","message":"Global limit has been reached","errorCode":"too_many_requests"}"#;

fn calls(standin: &Standin) -> usize {
    standin.requests("/api/v2/").len()
}

/// Refuses the first call with these headers.
fn limited_once(headers: &str) -> Standin {
    let refusal = json("429 Too Many Requests", headers, LIMITED);
    Standin::start(move |seen| {
        (seen.path.starts_with("/api/v2/") && seen.earlier == 0).then(|| vec![refusal.clone()])
    })
}

fn epoch() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("a time after 1970").as_secs()
}

/// 2026-11-26T10:00:00Z.
const TEN: u64 = 1_795_687_200;
const AT_TEN: &str = "date: Thu, 26 Nov 2026 10:00:00 GMT\r\n";

#[test]
fn each_form_of_a_refusal_is_waited_for() {
    let reset =
        |at: u64| format!("x-ratelimit-limit: 10\r\nx-ratelimit-remaining: 0\r\nx-ratelimit-reset: {at}\r\n");
    let cases = [
        ("retry-after: 1\r\n".to_owned(), 900..10_000),
        (format!("{AT_TEN}retry-after: Thu, 26 Nov 2026 10:00:01 GMT\r\n"), 900..10_000),
        // By the tenant's clock, which is far from this machine's.
        (format!("{AT_TEN}{}", reset(TEN + 1)), 900..10_000),
        (format!("x-ratelimit-reset: {}\r\n", epoch() + 2), 900..10_000),
        (format!("retry-after: 1\r\n{AT_TEN}{}", reset(TEN + 3_600)), 900..10_000),
        ("auth0-ratelimit: client;q=10;t=1;r=0\r\n".to_owned(), 900..10_000),
        (String::new(), 50..10_000),
    ];
    std::thread::scope(|scope| {
        for (headers, expected) in cases {
            scope.spawn(move || {
                let standin = limited_once(&headers);
                let (result, time) = timed(|| Test::new(&standin).user(LONG));
                result.unwrap_or_else(|error| panic!("{headers:?}: {error}"));
                assert_eq!(calls(&standin), 2, "{headers:?}");
                assert!(expected.contains(&time.as_millis()), "{headers:?}: {time:?}");
            });
        }
    });
}

#[test]
fn a_refused_link_had_no_effect_and_is_sent_again() {
    let standin = limited_once("retry-after: 0\r\n");
    let test = Test::new(&standin);
    // The usual answer is no list of identities.
    let error = test.client.link("auth0|1", LINKED, test.limit(LONG)).unwrap_err();
    assert!(matches!(error.kind, CallErrorKind::Unreadable(_)), "{error}");
    assert_eq!(calls(&standin), 2);
}

#[test]
fn no_login_waits_longer_than_its_limit() {
    let standin = limited_once("retry-after: 60\r\n");
    let test = Test::new(&standin);
    let (error, time) = timed(|| test.user(Duration::from_secs(5)).unwrap_err());
    assert_eq!(error.kind, CallErrorKind::RateLimited { retry_after: Some(Duration::from_secs(60)) });
    assert!(
        error.to_string().starts_with("the tenant's rate limit is reached; wait 60 s [correlation id "),
        "{error}"
    );
    assert!(time < Duration::from_secs(2), "{time:?}");
    // The next login does not even ask.
    let (error, time) = timed(|| test.user(Duration::from_secs(5)).unwrap_err());
    assert!(matches!(error.kind, CallErrorKind::RateLimited { retry_after: Some(_) }), "{error}");
    assert!(time < Duration::from_secs(1), "{time:?}");
    assert_eq!(calls(&standin), 1);
}

#[test]
fn a_clock_ten_minutes_off_changes_no_wait() {
    let headers = format!("{AT_TEN}x-ratelimit-reset: {}\r\n", TEN + 7);
    for local in ["2026-11-26T09:50:00Z", "2026-11-26T10:10:00Z"] {
        let standin = limited_once(&headers);
        let clock = Arc::new(ManualClock::starting_at(local.parse().expect("a time")));
        let test = Test::by(&standin, Ambient::new(clock, Arc::new(SeededRandom::new(1))));
        let error = test.user(Duration::from_secs(5)).unwrap_err();
        assert_eq!(error.kind, CallErrorKind::RateLimited { retry_after: Some(Duration::from_secs(7)) });
    }
}

/// Starts a tenant that allows `allowed` calls in each second, and counts those beyond.
fn strict(allowed: usize) -> (Standin, Arc<AtomicUsize>) {
    let start = Instant::now();
    let counts: Arc<[AtomicUsize; 60]> = Arc::new(std::array::from_fn(|_| AtomicUsize::new(0)));
    let beyond = Arc::new(AtomicUsize::new(0));
    let seen_beyond = beyond.clone();
    let standin = Standin::start(move |seen| {
        if !seen.path.starts_with("/api/v2/") {
            return None;
        }
        let second = usize::try_from(start.elapsed().as_secs()).expect("a second");
        let count = counts[second].fetch_add(1, Ordering::SeqCst) + 1;
        let headers = format!(
            "{AT_TEN}x-ratelimit-limit: {allowed}\r\nx-ratelimit-remaining: {}\r\nx-ratelimit-reset: {}\r\n",
            allowed.saturating_sub(count),
            TEN + 1
        );
        if count > allowed {
            seen_beyond.fetch_add(1, Ordering::SeqCst);
            return Some(vec![json("429 Too Many Requests", &headers, LIMITED)]);
        }
        Some(vec![Step::Pause(Duration::from_millis(20)), json("200 OK", &headers, USER)])
    });
    (standin, beyond)
}

#[test]
fn logins_share_what_the_tenant_allows() {
    let (standin, beyond) = strict(4);
    let test = Test::new(&standin);
    // From here on, the limiter knows what is allowed.
    test.user(LONG).expect("a user");
    let (results, time) = timed(|| {
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..16).map(|_| scope.spawn(|| test.user(LONG))).collect();
            threads.into_iter().map(|thread| thread.join().expect("a result")).collect::<Vec<_>>()
        })
    });
    for result in results {
        result.expect("a user");
    }
    assert!((Duration::from_secs(2)..Duration::from_secs(15)).contains(&time), "{time:?}");
    // The seconds of the stand-in and of the limiter begin at different times.
    let beyond = beyond.load(Ordering::SeqCst);
    assert!(beyond <= 8, "{beyond} requests were too many");
}
