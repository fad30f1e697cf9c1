//! Every case in `tests/cases` and `examples/cases`, decided natively and held
//! against the decision, the reasons, the links and the number of calls of its snapshot:
//! one named test each.
//!
//! The snapshots are the component's (`ligature-tests`, suite `cases`). This
//! suite builds no component, so that mutants of the policy are tried in
//! seconds.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use libtest_mimic::{Arguments, Failed, Trial};
use ligature_decision_tests::{Decided, Login, log_in_through};
use ligature_host::directory::Directory;
use ligature_host::harness::{Case, snapshot_path};
use ligature_host::model::{LinkRequest, mask_addresses};
use ligature_link_policy::Policy;
use serde_json::{Value, json};

fn main() {
    let arguments = Arguments::from_args();
    let trials = ["tests/cases", "examples/cases"].iter().flat_map(|directory| trials(directory)).collect();
    libtest_mimic::run(&arguments, trials).exit();
}

fn trials(directory: &str) -> Vec<Trial> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let entries = std::fs::read_dir(workspace.join(directory)).expect("the cases are there");
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("a readable directory").path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "json"));
    files.sort();
    assert!(!files.is_empty(), "{directory} holds no case");
    files.into_iter().map(trial).collect()
}

fn trial(file: PathBuf) -> Trial {
    let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    Trial::test(name, move || check(&file))
}

fn check(file: &Path) -> Result<(), Failed> {
    let case = Case::read_file(file)?;
    let decided = decided(&case)?;
    let expected = expected(file)?;
    if decided != expected {
        let text = |value| serde_json::to_string_pretty(value).unwrap_or_default();
        return Err(format!("expected {}\n\ndecided {}", text(&expected), text(&decided)).into());
    }
    Ok(())
}

fn decided(case: &Case) -> Result<Value, Failed> {
    let policy = Policy::parse(&case.policy.text).map_err(|error| error.message)?;
    let document = case.policy.text.clone();
    let (memory, case) = case.arrive()?;
    let memory = Arc::new(memory);
    let guarded: Arc<dyn Directory> = Arc::new(case.faulty_directory(memory.clone()));
    let login = Login {
        event: &case.event,
        answer: case.answer.as_ref(),
        policy: &policy,
        document: &document,
        now: case.now,
    };
    let Decided { outcome, calls, links } =
        log_in_through(&*memory, guarded, login).map_err(|failure| format!("{failure:?}"))?;
    let links: Vec<Value> = links.iter().map(link).collect();
    let decided =
        json!({ "decision": outcome.decision, "reasons": outcome.reasons, "calls": calls, "links": links });
    Ok(masked(decided))
}

/// A link of a snapshot.
fn link(request: &LinkRequest) -> Value {
    let mut link = json!({ "primary": request.primary, "secondary": request.secondary });
    for (key, patch) in [("user_metadata", &request.user_metadata), ("app_metadata", &request.app_metadata)] {
        if let Some(patch) = patch {
            link[key] = json!(patch);
        }
    }
    link
}

/// The decision, the reasons and the calls of the case's snapshot.
fn expected(file: &Path) -> Result<Value, Failed> {
    let path = snapshot_path(file);
    let text = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let body = text.strip_prefix("---\n").and_then(|text| text.split_once("\n---\n"));
    let (_, body) = body.ok_or("a snapshot has a header")?;
    let mut report: Value = serde_json::from_str(body)?;
    let calls = report["calls"].as_array().map(Vec::as_slice).unwrap_or_default();
    let links = calls.iter().filter(|call| call["call"] == "accounts.link");
    let links: Vec<Value> = links.map(|call| call["request"].clone()).collect();
    let calls = calls.len();
    Ok(json!({
        "decision": report["decision"].take(), "reasons": report["reasons"].take(), "calls": calls, "links": links
    }))
}

/// Snapshots hold no address that can belong to somebody.
fn masked(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(mask_addresses(&text).into_owned()),
        Value::Array(items) => items.into_iter().map(masked).collect(),
        Value::Object(fields) => fields.into_iter().map(|(key, value)| (key, masked(value))).collect(),
        other => other,
    }
}
