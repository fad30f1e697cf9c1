//! `/account`, the page on which users see and change their ways to log in.

mod add;
mod attacks;
mod faults;
mod freshness;
pub(crate) mod history;
mod linked_login;
pub(crate) mod notices;
mod notices_elsewhere;
mod outages;
mod page;
pub(crate) mod person;
mod remove;

/// The modules' tests.
pub(crate) fn tests() -> Vec<crate::Test> {
    [
        add::TESTS,
        attacks::TESTS,
        faults::TESTS,
        freshness::TESTS,
        history::TESTS,
        linked_login::TESTS,
        notices::TESTS,
        notices_elsewhere::TESTS,
        outages::TESTS,
        page::TESTS,
        remove::TESTS,
    ]
    .concat()
}
