//! `/account`, the page on which users see and change their ways to log in.

mod attacks;
mod page;
mod person;

/// The modules' tests.
pub(crate) fn tests() -> Vec<crate::Test> {
    [attacks::TESTS, page::TESTS].concat()
}
