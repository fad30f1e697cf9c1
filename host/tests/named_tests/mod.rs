//! Lists of named tests, which a suite runs and reports one by one.

use libtest_mimic::{Arguments, Completion, Conclusion, Trial};
use ligature_test_servers::NoServer;

/// A test and its name.
pub(crate) type Test = (&'static str, fn() -> Completion);

/// The end of a test: one that the machine cannot run is reported as ignored.
pub(crate) trait End {
    fn completion(self) -> Completion;
}

impl End for () {
    fn completion(self) -> Completion {
        Completion::Completed
    }
}

impl End for Result<(), NoServer> {
    fn completion(self) -> Completion {
        match self {
            Ok(()) => Completion::Completed,
            Err(NoServer(why)) => Completion::ignored_with(why),
        }
    }
}

impl End for Completion {
    fn completion(self) -> Completion {
        self
    }
}

/// Declares the list of a module's tests, each under its own name.
macro_rules! tests {
    ($($name:ident),* $(,)?) => {
        pub(crate) const TESTS: &[crate::named_tests::Test] =
            &[$((stringify!($name), || crate::named_tests::End::completion($name()))),*];
    };
}
pub(crate) use tests;

/// Runs the tests of these modules as the program's arguments say.
pub(crate) fn run<Tests: Into<Vec<Test>>>(
    modules: impl IntoIterator<Item = (&'static str, Tests)>,
) -> Conclusion {
    let trials = modules.into_iter().flat_map(|(module, tests)| {
        tests
            .into()
            .into_iter()
            .map(move |(name, test)| Trial::ignorable_test(format!("{module}::{name}"), move || Ok(test())))
    });
    libtest_mimic::run(&read_arguments(), trials.collect())
}

/// Reads the program's arguments. Like other tests, these regard `RUST_TEST_THREADS`.
pub(crate) fn read_arguments() -> Arguments {
    let arguments = Arguments::from_args();
    let threads = || std::env::var("RUST_TEST_THREADS").ok()?.parse().ok();
    Arguments { test_threads: arguments.test_threads.or_else(threads), ..arguments }
}
