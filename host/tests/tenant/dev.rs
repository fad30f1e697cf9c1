//! What the authors of tests need: `/dev/reset`.

mod reset;

use crate::Test;

pub(crate) fn tests() -> Vec<Test> {
    [reset::TESTS].concat()
}
