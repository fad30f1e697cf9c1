//! Privileged accounts, by roles and by marks in several places.

use serde_json::Value;

use crate::known_base::{POLICY, write_privileged};
use crate::place::Place;

#[test]
fn privileged_accounts_are_not_linked_wherever_their_power_is_written() {
    const PAIRS: u64 = 200;
    for seed in [1, 2] {
        let place = Place::with_files(&[("policy.json", POLICY)]);
        let mut users = Vec::new();
        let (links, privileged) = write_privileged(PAIRS, seed, &mut users).expect("it is written to memory");
        assert!(links > PAIRS / 2 && privileged > PAIRS / 5, "{links} {privileged}");
        place.write("users.ndjson", &users);
        place.good(&["users", "import", "users.ndjson"]);
        let preview = ["backfill", "preview", "--policy", "policy.json", "--report", "report", "--json"];
        let of_directory = place.json(&preview);
        let of_file = place.json(&[&preview[..4], &["--users", "users.ndjson", "--json"]].concat());
        assert_eq!(of_directory, of_file);
        assert_eq!(of_directory["groups_by_kind"]["LINK"], links, "{of_directory}");
        assert_eq!(of_directory["reasons"]["SUGGEST"]["PRIVILEGED_ACCOUNT"], privileged, "{of_directory}");
        let apply = ["backfill", "apply", "report/plan.ndjson", "--policy", "policy.json", "--json"];
        let applied: Value = place.json(&apply);
        assert_eq!(crate::runs::count(&applied, "linked"), links);
    }
}
