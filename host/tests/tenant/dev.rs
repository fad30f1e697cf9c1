//! The endpoints for the authors of tests: the reset, injected faults, and fixed names.

mod faults;
mod fixed_names;
mod reset;

use crate::Test;

pub(crate) fn tests() -> Vec<Test> {
    [faults::TESTS, fixed_names::TESTS, reset::TESTS].concat()
}
