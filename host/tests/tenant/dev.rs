//! The endpoints for the authors of tests: the reset, injected faults, fixed names, and webhooks.

mod faults;
mod fixed_names;
mod reset;
mod webhooks;

use crate::Test;

pub(crate) fn tests() -> Vec<Test> {
    [faults::TESTS, fixed_names::TESTS, reset::TESTS, webhooks::TESTS].concat()
}
