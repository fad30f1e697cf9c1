//! Every case in `tests/cases` and `examples/cases` against its snapshot: one
//! named test each.
//!
//! `INSTA_UPDATE=always cargo test -p ligature-tests --test cases` accepts all
//! of them, `cargo insta review` one by one, `ligature test --accept` by path.

use std::path::{Path, PathBuf};

use insta::Settings;
use libtest_mimic::{Arguments, Failed, Trial};
use ligature_host::harness::{Case, run, snapshot_path};
use ligature_tests::{POLICY, workspace};

fn main() {
    let arguments = Arguments::from_args();
    let trials = ["tests/cases", "examples/cases"].iter().flat_map(|directory| trials(directory)).collect();
    libtest_mimic::run(&arguments, trials).exit();
}

fn trials(directory: &str) -> Vec<Trial> {
    let entries = std::fs::read_dir(workspace().join(directory)).expect("the cases are there");
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("a readable directory").path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "json"));
    files.sort();
    files.into_iter().map(trial).collect()
}

fn trial(file: PathBuf) -> Trial {
    let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    Trial::test(name.clone(), move || check(&name, &file))
}

fn check(name: &str, file: &Path) -> Result<(), Failed> {
    let case = Case::read(file)?;
    case.policy.check(&POLICY)??;
    let report = run(&POLICY, &case, false);
    let again = run(&POLICY, &case, false);
    assert_eq!(report.to_snapshot(), again.to_snapshot(), "the same case, decided twice");
    assert_eq!(
        report.cost.map(|cost| cost.fuel),
        again.cost.map(|cost| cost.fuel),
        "the fuel of the same case"
    );

    let mut settings = Settings::new();
    settings.set_snapshot_path(snapshot_path(file).parent().ok_or("a snapshot lies in a directory")?);
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.set_description(&case.title);
    settings.set_input_file(file);
    settings.bind(|| insta::assert_snapshot!(name, report.to_snapshot()));
    Ok(())
}
