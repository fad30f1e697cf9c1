//! The result of a login at the host for tests.

use std::fmt;

use super::words;
use crate::{ApiError, LogLevel, Outcome, SettingsError, User};

/// A login that has got its decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decided {
    /// The policy's answer.
    pub outcome: Outcome,
    /// The primary that the login's user was linked into, if it was.
    pub linked: Option<String>,
    /// The users there are afterwards, in the order of their ids.
    pub users: Vec<User>,
    /// The calls that were refused or over budget, each once.
    pub refusals: Vec<Refusal>,
    /// The lines for the operator.
    pub log: Vec<(LogLevel, String)>,
}

/// A call of the policy that the guard refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The host call.
    pub call: String,
    /// The reason of the refusal.
    pub why: String,
    /// The number of such calls.
    pub times: u32,
}

/// The reason why a login got no decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// The policy document is invalid. The real host refuses it before any login.
    Settings(SettingsError),
    /// The policy returned an error.
    GaveUp(ApiError),
    /// The outcome breaks the contract, or does not say what was done.
    InvalidAnswer(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Settings(SettingsError { line: 0, message, .. }) => write!(f, "the settings: {message}"),
            Self::Settings(SettingsError { line, column, message }) => {
                write!(f, "the settings, line {line}, column {column}: {message}")
            }
            Self::GaveUp(error) => write!(f, "gave up: {}", words::describe_error(error)),
            Self::InvalidAnswer(what) => write!(f, "gave an invalid answer: {}", words::quote(what)),
        }
    }
}

impl std::error::Error for Failure {}
