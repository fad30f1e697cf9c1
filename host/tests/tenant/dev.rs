//! The endpoints for the authors of tests: the reset, injected faults, fixed names, webhooks,
//! and the page of the endpoints.

mod faults;
mod fixed_names;
mod reset;
mod supported;
mod webhooks;

use crate::Test;

pub(crate) fn tests() -> Vec<Test> {
    [faults::TESTS, fixed_names::TESTS, reset::TESTS, supported::TESTS, webhooks::TESTS].concat()
}
