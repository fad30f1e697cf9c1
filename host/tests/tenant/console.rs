//! `/console`, the operators' pages.

mod attacks;
mod decisions;
pub(crate) mod desk;
mod logins;
mod merge;
mod pages;
mod undo;

/// The modules' tests.
pub(crate) fn tests() -> Vec<crate::Test> {
    [attacks::TESTS, decisions::TESTS, logins::TESTS, merge::TESTS, pages::TESTS, undo::TESTS].concat()
}
