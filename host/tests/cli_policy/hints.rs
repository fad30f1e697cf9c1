//! Changes of the settings that `run --explain` suggests.

use insta::assert_snapshot;

use crate::ligature;

/// The decision of a case, and what would change it.
fn hints(case: &str) -> String {
    let ran = ligature(&["run", &format!("tests/cases/{case}.json"), "--explain"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    let section = |title: &str| {
        let (_, behind) = ran.stdout.split_once(title).expect("the section is there");
        behind.split("\n\n").next().unwrap_or_default().trim_end().to_owned()
    };
    let decision = section("\nDecision\n");
    format!("{decision}\nWhat would change it:{}", section("What would change it:"))
}

macro_rules! told {
    ($($name:ident $case:literal)+) => {
        $(#[test]
        fn $name() {
            assert_snapshot!(hints($case));
        })+
    };
}

told! {
    of_an_enterprise_connection_listed_by_name "enterprise-listed-by-name"
    of_an_enterprise_connection_listed_by_strategy "enterprise-listed-by-strategy"
    of_an_enterprise_connection_without_a_group "enterprise-without-a-group"
    of_an_enterprise_connection_by_star "enterprise-by-star"
    of_an_enterprise_connection_beside_a_group "enterprise-beside-a-group"
    of_a_blocked_domain "blocked-domain-beside-another"
    of_three_changes_together "enterprise-three-changes"
    of_a_policy_that_is_off_and_has_looked_nobody_up "enterprise-mode-off"
    of_a_candidate_whose_verification_is_a_text "candidate-verified-text"
    of_a_candidate_whose_verification_is_null "candidate-verified-null"
    of_a_candidate_without_a_verification "candidate-verified-absent"
    of_a_connection_that_sends_no_verification "verified-by-tenant-without-claim"
    of_a_connection_that_the_tenant_vouches_for "verified-by-tenant-with-a-claim"
    of_an_option_that_gives_a_protection_up "S-43"
    of_domains_that_do_not_hold_the_address "S-09"
    of_an_unverified_login "S-02"
}
