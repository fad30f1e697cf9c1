//! The options that narrow a plan, with the numbers of groups that they select.

use std::fs;

use serde_json::Value;

use crate::known_base::{LINK_ALL, write_pairs, write_threes};
use crate::place::Place;
use crate::runs::{apply, apply_with, count};
use crate::user_base::{import, preview};

/// The groups of two accounts, and of three.
const PAIRS: u64 = 30;
const THREES: u64 = 12;

fn place() -> Place {
    let place = Place::with_files(&[("policy.json", LINK_ALL)]);
    let mut users = Vec::new();
    write_pairs(PAIRS, &mut users).expect("it is written to memory");
    write_threes(THREES, &mut users).expect("it is written to memory");
    place.write("users.ndjson", &users);
    import(&place);
    preview(&place);
    place
}

/// Returns the number of groups that the options select.
fn select(place: &Place, options: &[&str]) -> u64 {
    let counts = place.json(&apply_with(&[&["--dry-run", "--json"], options].concat()));
    let (selected, not_selected) = (count(&counts, "would_link"), counts["not_selected"].as_u64());
    assert_eq!(not_selected, Some(PAIRS + THREES - selected), "{counts}");
    selected
}

#[test]
fn each_option_selects_its_groups() {
    let place = place();
    assert_eq!(select(&place, &[]), PAIRS + THREES);
    let only = |reason: &str| format!("reason={reason}");
    let both = only("LINKED_VERIFIED_BOTH");
    assert_eq!(select(&place, &["--only", &both]), PAIRS + THREES);
    let two = "google-oauth2,Username-Password-Authentication";
    assert_eq!(select(&place, &["--connections", two]), PAIRS);
    assert_eq!(select(&place, &["--connections", &format!("{two},github")]), PAIRS + THREES);
    // The shares are of the hashes of the addresses, and do not change.
    assert_eq!(select(&place, &["--sample", "50%"]), 24);
    assert_eq!(select(&place, &["--sample", "50%", "--connections", two]), 15);
    assert_eq!(select(&place, &["--sample", "100%"]), PAIRS + THREES);
}

#[test]
fn a_review_selects_what_a_person_has_approved() {
    let place = place();
    let plan = fs::read_to_string(place.file("report/plan.ndjson")).expect("a plan");
    let groups: Vec<Value> = plan.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let ids: Vec<&str> = groups.iter().filter_map(|group| group["group"].as_str()).collect();
    assert_eq!(ids.len() as u64, PAIRS + THREES);
    let review = format!("# by Ada\n{}\n{},approved\n{},rejected\n{}\n", ids[0], ids[1], ids[2], ids[3]);
    place.write("review", review.as_bytes());
    assert_eq!(select(&place, &["--groups", "review"]), 3);
    place.write("others", format!("{review}*,approved\n").as_bytes());
    assert_eq!(select(&place, &["--groups", "others"]), PAIRS + THREES - 1);
    let run = apply(&place, &["--groups", "review"]);
    assert_eq!((count(&run, "linked"), &run["plan"]["not_selected"]), (3, &(PAIRS + THREES - 3).into()));
    let rest = apply(&place, &["--groups", "others"]);
    assert_eq!((count(&rest, "linked"), count(&rest, "left_out")), (PAIRS + THREES - 4, 3), "{rest}");
}
