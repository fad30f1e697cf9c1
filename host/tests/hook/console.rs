//! `/console` of the hook: operators enter it after a login at an issuer.

mod desk;
mod logins;
mod options;
mod tokens;
mod work;

/// The modules' tests.
pub(crate) fn tests() -> Vec<crate::named_tests::Test> {
    [logins::TESTS, options::TESTS, tokens::TESTS, work::TESTS].concat()
}
