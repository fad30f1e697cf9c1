//! The rules of `conformance` that no tenant can keep, with the reasons.

use super::super::Test;

const ARRIVALS: &str = "a tenant creates and updates users itself, before a login's event";
const USERS: &str = "users of a tenant are created, replaced and deleted at the tenant";
const COUNTS: &str = "a tenant counts logins itself";
const SHOWN: &str = "a tenant derives a name and a picture, and shows roles elsewhere";
const CREDENTIALS: &str = "a tenant alone knows the passwords of its users";
const IMPORTS: &str = "users are imported by the tenant's own import";

/// Whole modules.
const MODULES: &[(&str, &str)] = &[
    ("arriving", ARRIVALS),
    ("credentials", CREDENTIALS),
    ("imported_credentials", CREDENTIALS),
    ("importing", IMPORTS),
];

/// Single rules.
const RULES: &[(&str, &str)] = &[
    ("a_user_comes_back_as_it_was", SHOWN),
    ("a_user_is_made_once", USERS),
    ("a_user_that_cannot_be_kept_is_refused", USERS),
    ("an_update_needs_the_version_that_was_read", USERS),
    ("a_login_is_counted_and_is_no_change", COUNTS),
    ("no_change_takes_back_a_count_of_logins", COUNTS),
    ("the_time_of_the_last_login_is_that_of_the_last_one", COUNTS),
    ("a_look_up_ignores_the_case_of_ascii_letters_only", "a tenant's look-up is case-sensitive"),
    ("an_unlink_gives_the_user_of_a_link_back", "a tenant makes the user from the profile of its identity"),
    ("ids_are_found_by_their_beginning", "a tenant finds a user by its whole id only"),
    ("a_login_is_no_use_of_an_identity_of_somebody_else", COUNTS),
    (
        "the_last_use_of_an_identity_stays_over_a_link_an_unlink_and_an_undo",
        "a tenant knows the last login of a user only",
    ),
    ("an_own_profile_stays_while_others_are_linked", "a tenant keeps the profileData of a root identity"),
    ("an_undo_names_the_profiles_that_later_logins_changed", ARRIVALS),
    (
        "an_undo_names_no_link_where_none_took_the_primary",
        "a tenant finds a user by its root identity; others are found by the links of the journal",
    ),
];

/// Returns why a rule is left out; none if a tenant keeps it.
pub(super) fn find_reason(module: &str, name: &str) -> Option<&'static str> {
    let in_list = |list: &[(&str, &'static str)], it: &str| {
        list.iter().find(|(known, _)| *known == it).map(|(_, why)| *why)
    };
    in_list(MODULES, module).or_else(|| in_list(RULES, name))
}

/// Checks that every rule of the list exists.
pub(super) fn check(modules: &[(&str, &[Test])]) {
    let exists = |rule: &str| modules.iter().any(|(_, tests)| tests.iter().any(|(name, _)| *name == rule));
    for (rule, _) in RULES {
        assert!(exists(rule), "there is no rule {rule}");
    }
    for (module, _) in MODULES {
        assert!(modules.iter().any(|(name, _)| name == module), "there is no module {module}");
    }
}
