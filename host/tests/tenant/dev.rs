//! The endpoints for the authors of tests: `/dev/reset` and `/dev/faults`.

mod faults;
mod reset;

use crate::Test;

pub(crate) fn tests() -> Vec<Test> {
    [faults::TESTS, reset::TESTS].concat()
}
