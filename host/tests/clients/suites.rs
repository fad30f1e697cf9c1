//! Suites that other programs run: the tenant that they ask, the packages that
//! they need, and their end.

#[path = "../serving/mod.rs"]
pub(crate) mod serving;

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

pub(crate) use serving::Tenant;
use serving::end;

/// Suites that other programs run.
pub(crate) struct Suites {
    /// The name of the suites in `LIGATURE_REQUIRE`.
    pub(crate) requirement: &'static str,
    /// The folder of the suites within `host/tests/`.
    pub(crate) sources: &'static str,
}

impl Suites {
    /// Returns the folder where the suites run: their copies beside the packages
    /// that they need. `None`: the reason has been printed, once.
    pub(crate) fn installed(
        &self,
        once: &'static OnceLock<Option<PathBuf>>,
        name: &str,
        packages: fn(&Path) -> Result<(), String>,
    ) -> Option<&'static Path> {
        let install = || {
            let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("a target folder");
            let folder = target.join(self.requirement);
            fs::create_dir_all(&folder).expect("a folder");
            // Another `cargo test` may be at it too; the lock ends with the file.
            let lock = File::create(folder.join("lock")).expect("a file");
            lock.lock().expect("it is locked");
            let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(self.sources);
            for file in fs::read_dir(sources).expect("the suites").map(|file| file.expect("a file").path()) {
                let Some(name) = file.file_name().filter(|_| file.is_file()) else { continue };
                let (bytes, copy) = (fs::read(&file).expect("a file"), folder.join(name));
                // A suite that is running already reads the same bytes.
                if fs::read(&copy).ok().as_ref() != Some(&bytes) {
                    fs::write(copy, bytes).expect("a copy");
                }
            }
            let Err(why) = packages(&folder) else { return Some(folder) };
            self.skip(name, &why);
            None
        };
        once.get_or_init(install).as_deref()
    }

    /// Prints why suites are skipped. Fails if they are required.
    pub(crate) fn skip(&self, name: &str, why: &str) {
        let why = format!("{}: those for {name} were not run: {why}", self.requirement);
        let required = std::env::var("LIGATURE_REQUIRE").unwrap_or_default();
        assert!(!required.split([',', ' ']).any(|name| name == self.requirement), "{why}");
        // Not `eprintln!`, which nobody sees of a test that passes.
        let _ = writeln!(std::io::stderr(), "{why}");
    }
}

/// Runs a suite, whose output is shown only if it fails.
pub(crate) fn run_to_its_end(suite: &mut Command, output: &Path, tenant: &Tenant) {
    run_with_log(suite, output, || tenant.log());
}

/// Runs a suite, whose output and tenant's log are shown only if it fails.
pub(crate) fn run_with_log(suite: &mut Command, output: &Path, log: impl Fn() -> String) {
    let file = File::create(output).expect("a file");
    suite.stdin(Stdio::null()).stderr(file.try_clone().expect("a file")).stdout(file);
    for proxy in ["http_proxy", "https_proxy", "all_proxy"] {
        suite.env_remove(proxy).env_remove(proxy.to_uppercase());
    }
    let mut child = suite.spawn().expect("the suite starts");
    let status = end(&mut child, Duration::from_mins(6));
    assert!(
        status.is_some_and(|status| status.success()),
        "{status:?}\n{}\n--- what the tenant said ---\n{}",
        fs::read_to_string(output).unwrap_or_default(),
        log(),
    );
}
