//! Users and logins in few words, and errors in words.

use crate::{ApiError, Connection, Identity, LoginEvent, User, Verification};

/// A user with this id and this address, verified, of a connection that is
/// called as its provider. Different values are set afterwards:
/// `User { blocked: true, ..user("auth0|1", "ada@example.com") }`.
#[must_use]
pub fn user(id: &str, email: &str) -> User {
    let (provider, own_id) = id.split_once('|').unwrap_or((id, ""));
    let identity = Identity {
        provider: provider.to_owned(),
        user_id: own_id.to_owned(),
        connection: provider.to_owned(),
        is_social: !matches!(provider, "auth0" | "email" | "sms"),
        email: None,
        email_verified: Verification::Absent,
    };
    User {
        user_id: id.to_owned(),
        email: Some(email.to_owned()),
        email_verified: Verification::Verified,
        created_at: None,
        last_login: None,
        logins_count: None,
        blocked: false,
        identities: vec![identity],
        roles: Vec::new(),
        organizations: Vec::new(),
        mfa_factors: Vec::new(),
        user_metadata: None,
        app_metadata: None,
    }
}

/// A login of this user through the connection of its own identity.
#[must_use]
pub fn login(user: User) -> LoginEvent {
    let own = user.identities.first();
    let connection = Connection {
        name: own.map(|it| it.connection.clone()).unwrap_or_default(),
        strategy: own.map(|it| it.provider.clone()).unwrap_or_default(),
    };
    LoginEvent {
        user,
        connection,
        client_id: None,
        organization_id: None,
        protocol: None,
        prompt: Vec::new(),
        methods: Vec::new(),
        settings: "{}".to_owned(),
        trace: false,
    }
}

/// The longest name within a message, in bytes.
pub(super) const NAME: usize = 100;

/// The longest message, in bytes.
const LONGEST_TEXT: usize = 1 << 10;

/// An error, as the host words it.
pub(super) fn describe_error(error: &ApiError) -> String {
    match error {
        ApiError::Refused(why) => format!("refused: {}", quote(why)),
        ApiError::BudgetSpent(which) => format!("budget spent: {}", quote(which)),
        ApiError::NotFound(what) => format!("not found: {}", quote(what)),
        ApiError::AlreadyLinked(what) => format!("already linked: {}", quote(what)),
        ApiError::StateChanged(what) => format!("state changed: {}", quote(what)),
        ApiError::RateLimited(Some(seconds)) => format!("rate-limited: wait {seconds} s"),
        ApiError::RateLimited(None) => "rate-limited".to_owned(),
        ApiError::TimedOut => "timed out".to_owned(),
        ApiError::Unavailable(how) => format!("unavailable: {}", quote(how)),
        ApiError::TooMany(limit) => format!("more than {limit} users"),
        ApiError::Invalid(what) => format!("invalid: {}", quote(what)),
        ApiError::Other(what) => quote(what),
    }
}

/// A message as it is printed for people.
pub(super) fn quote(text: &str) -> String {
    join_lines(text, LONGEST_TEXT)
}

/// Returns whether the character changes the direction of text.
pub(super) fn is_bidi_control(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The text with what controls a terminal escaped, cut with `…` where it would
/// be longer than this many bytes.
pub(super) fn join_lines(text: &str, bytes: usize) -> String {
    let mut shown = String::new();
    for c in text.chars() {
        let before = shown.len();
        if c.is_control() || is_bidi_control(c) || matches!(c, '\u{2028}' | '\u{2029}') {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
        if shown.len() > bytes {
            shown.truncate(before);
            shown.push('…');
            break;
        }
    }
    shown
}
