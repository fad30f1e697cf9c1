//! `/console`, the operators' pages.

mod attacks;
mod desk;
mod merge;
mod pages;
mod undo;

/// The modules' tests.
pub(crate) fn tests() -> Vec<crate::Test> {
    [attacks::TESTS, merge::TESTS, pages::TESTS, undo::TESTS].concat()
}
