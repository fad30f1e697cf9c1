//! The component in a fresh sandbox for each login: `ligature bench`, as another process.

use std::path::Path;

use serde_json::Value;

use crate::times::Times;
use crate::{Place, program::program};

/// The figures of the component.
pub(crate) struct Component {
    pub(crate) times: Times,
    /// The fuel of one login.
    pub(crate) fuel: u64,
}

/// Measures how a case's login is decided for so many seconds.
pub(crate) fn measure(place: &Place, case: &Path, seconds: f64) -> Component {
    let seconds = seconds.to_string();
    let printed = run(place, &["bench", &case.to_string_lossy(), "--seconds", &seconds, "--json"]);
    let figures: Value = serde_json::from_str(&printed).expect("figures");
    let fuel = figures["fuel"].as_u64().expect("the fuel of a login");
    Component { times: Times::read(&figures), fuel }
}

/// Returns the user that a case's login is linked with, and the code of the first reason.
pub(crate) fn decide(place: &Place, case: &Path) -> (Option<String>, String) {
    let printed = run(place, &["run", &case.to_string_lossy(), "--json"]);
    let report: Value = serde_json::from_str(&printed).expect("a report");
    let linked = report["decision"]["primary"].as_str().map(str::to_owned);
    (linked, report["reasons"][0]["code"].as_str().unwrap_or_default().to_owned())
}

/// Runs the program to its end, and returns what it prints.
pub(crate) fn run(place: &Place, arguments: &[&str]) -> String {
    let output = program(&place.0).args(arguments).output().expect("the program runs");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "`ligature {}` failed: {errors}", arguments.join(" "));
    String::from_utf8(output.stdout).expect("UTF-8")
}
