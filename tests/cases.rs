//! Every case in `tests/cases` and `examples/cases` against its snapshot: one
//! named test each, and decided once more as `ligature run --event` decides it.
//!
//! `INSTA_UPDATE=always cargo test -p ligature-tests --test cases` accepts all
//! of them, `cargo insta review` one by one, `ligature test --accept` by path.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use insta::Settings;
use libtest_mimic::{Arguments, Completion, Failed, Trial};
use ligature_host::ambient::Ambient;
use ligature_host::decide::{DecisionRequest, Policy};
use ligature_host::directory::{Administration, Memory, arrive};
use ligature_host::harness::{Case, record_case, run_case, run_case_in_directory, snapshot_path};
use ligature_host::model::{LoginEvent, User};
use ligature_host::recording::{Redaction, reconsider, replay};
use ligature_host::sandbox::Settings as PolicySettings;
use ligature_tests::{POLICY, workspace};
use serde_json::Value;

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
    assert!(!files.is_empty(), "{directory} holds no case");
    files.into_iter().flat_map(trials_of_case).collect()
}

fn trials_of_case(file: PathBuf) -> [Trial; 4] {
    let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let as_event = format!("{name}::is_decided_alike_as_an_event");
    let hints = format!("{name}::is_decided_as_its_hints_say");
    let replayed = format!("{name}::is_replayed_from_its_recording");
    let (copy, hinted, recorded) = (file.clone(), file.clone(), file.clone());
    [
        Trial::test(name.clone(), move || check(&name, &file)),
        Trial::ignorable_test(as_event, move || check_as_event(&copy)),
        Trial::ignorable_test(hints, move || check_hints(&hinted)),
        Trial::test(replayed, move || check_replay(&recorded)),
    ]
}

/// Cases whose users only other directories hold: no import takes them.
const NOT_KEPT: [&str; 2] = ["S-32-control", "S-37-stale-copy"];

/// Decides the case's event in a directory of its users, and expects the decision
/// and the reasons of the case.
fn check_as_event(file: &Path) -> Result<Completion, Failed> {
    let case = Case::read_file(file)?;
    let is_kept = !file.file_stem().is_some_and(|name| NOT_KEPT.iter().any(|it| name == *it));
    if !case.faults.is_empty() || case.exact_look_up || !is_kept {
        return Ok(Completion::ignored_with("no directory of ours has such faults, look-ups or users"));
    }
    let directory: Arc<dyn Administration> = Arc::new(Memory::new(&Ambient::system()));
    create(&*directory, &case.users)?;
    let whole: Value = serde_json::from_str(&std::fs::read_to_string(file)?)?;
    let event: LoginEvent = serde_json::from_value(whole["event"].clone())?;
    let event = Arc::new(arrive(&*directory, event, case.now)?);
    let arrived = Case { event, ..case.clone() };
    let settings = case.policy.settings();
    let policy = Policy { name: POLICY.name(), plugin: &POLICY, settings: &settings };
    let in_directory = run_case_in_directory(&[policy], &arrived, &directory, false)?.report;

    let alone = run_case(&POLICY, &case, false)?;
    assert_eq!(in_directory.decision, alone.decision);
    assert_eq!(in_directory.reasons, alone.reasons);
    Ok(Completion::Completed)
}

/// Adds each hint to the case's policy, and expects the decision that the hint
/// names, which is not the case's.
fn check_hints(file: &Path) -> Result<Completion, Failed> {
    let text = std::fs::read_to_string(file)?;
    let explained = run_case(&POLICY, &Case::parse(file, &text)?, true)?;
    assert!(explained.failure.is_none(), "{:?}", explained.failure);
    if explained.hints.is_empty() {
        return Ok(Completion::ignored_with("the case has no hints"));
    }
    for hint in explained.hints {
        let mut whole: Value = serde_json::from_str(&text)?;
        let policy = whole["policy"].as_object_mut().ok_or("the case has a policy")?;
        policy.extend(hint.settings);
        let pasted = Case::parse(file, &whole.to_string())?;
        pasted.policy.check(&POLICY)?;
        let decision = run_case(&POLICY, &pasted, false)?.decision;
        assert_eq!(decision.kind(), hint.decision, "{}", pasted.policy.text);
        assert_ne!(decision.kind(), explained.decision.kind(), "{}", pasted.policy.text);
    }
    Ok(Completion::Completed)
}

/// Records the case, plainly and with masked addresses, and expects that each recording is
/// decided as the case was.
fn check_replay(file: &Path) -> Result<(), Failed> {
    let case = Case::read_file(file)?;
    // A file ends with a line end, which the recording has not.
    let settings = PolicySettings::new(format!("{}\n", case.policy.text));
    let login = record_case(&[Policy { name: POLICY.name(), plugin: &POLICY, settings: &settings }], &case)?;
    for is_masking in [false, true] {
        let json = login.to_json(&Redaction::new(is_masking, &Ambient::system()))?;
        let recorded = Case::parse(file, json.as_str())?;
        let recording = recorded.recording.clone().ok_or("the case is a recording")?;
        let settings = recorded.policy.settings();
        let policy = Policy { name: POLICY.name(), plugin: &POLICY, settings: &settings };
        let request = DecisionRequest {
            event: &recorded.event,
            now: recorded.now,
            trace: false,
            answer: recorded.answer.as_ref(),
        };
        let replayed = replay(&[policy], request, &recording);
        assert_eq!((replayed.differences, replayed.notes), (vec![], vec![]), "masked: {is_masking}\n{json}");
        // The other policy is the same one: all its calls are known.
        let again = reconsider(&[policy], request, &recording);
        assert_eq!((again.is_same(), again.not_known.clone()), (true, None), "{again:?}\n{json}");
    }
    Ok(())
}

/// Adds a case's users, also those of which an import takes one only: two of one
/// address in one database.
fn create(directory: &dyn Administration, users: &[User]) -> Result<(), Failed> {
    for user in users {
        directory.create(user.clone())?;
    }
    Ok(())
}

fn check(name: &str, file: &Path) -> Result<(), Failed> {
    let case = Case::read_file(file)?;
    case.policy.check(&POLICY)?;
    let report = run_case(&POLICY, &case, false)?;
    let again = run_case(&POLICY, &case, false)?;
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
