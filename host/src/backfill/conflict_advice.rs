//! The ways in which a person decides a conflict, by the reason of the built-in policy.

/// Returns the advice about conflicts with a reason. Reasons of other policies have a general one.
pub(super) fn advise(reason: &str) -> &'static str {
    match reason {
        "MULTIPLE_CANDIDATES" => {
            "More than two accounts could be one person's. If they usually are, set `on_multiple` in the policy to \
             `link_all`, or to `choose` so that users are asked, and preview again. Otherwise merge them by hand, two \
             at a time."
        }
        "TWO_DATABASE_ACCOUNTS" => {
            "Two accounts with passwords of their own may belong to a family that shares a mailbox. Ask the person, \
             and merge the accounts by hand. Where each mailbox has one owner, set `two_databases` in the policy."
        }
        "NON_UNIQUE_EMAIL_CONNECTION" => {
            "Several people share an address in one of the databases. Merge the accounts by hand, and only after the \
             person has proved both."
        }
        "CASE_VARIANT_CANDIDATES" => {
            "One connection has several accounts that differ in the case of the address. Find out there which of them \
             is used, and merge or remove the others."
        }
        "TOO_MANY_CANDIDATES" => {
            "More accounts have the address than the policy examines, as with a test address or an address of a team. \
             Find out why. If the number is right, raise `limits.max_candidates` in the policy, and preview again."
        }
        "TWO_MANAGED" => {
            "A company's directory manages both accounts, and neither can become a part of the other. Correct it in \
             that directory."
        }
        "METADATA_CONFLICT" => {
            "A key of the metadata must be equal in both accounts, and is not. Find out which value is right, correct \
             the other one, and preview again."
        }
        "PLUGIN_FAILED" => "The policy's plugin has failed. Correct it, and preview again.",
        _ => "Read the reason in words below, and merge the accounts by hand if they belong to one person.",
    }
}
