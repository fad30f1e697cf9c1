//! The words by which a page asks for a second account, for each step of a suggestion.
//!
//! They tell nothing of the other account but that it exists: nobody has proved it yet. The reason
//! is therefore that of the step, and not the fact about the account that a policy has found.

use crate::model::Step;

/// The words of one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SuggestionWords {
    /// The title of the page.
    pub(crate) heading: &'static str,
    /// The beginning of the sentence that ends with the address.
    pub(crate) found: &'static str,
    /// The request.
    pub(crate) request: &'static str,
    /// The state after the link.
    pub(crate) afterwards: &'static str,
    /// The reason for the request.
    pub(crate) why: &'static str,
}

const ONE_ACCOUNT: &str = "There is already an account with";
const BOTH_LOGINS: &str = "After that, both logins lead to one account.";

impl SuggestionWords {
    pub(crate) fn of_step(step: Step) -> Self {
        match step {
            Step::ReauthenticateCandidate => Self {
                heading: "You already have an account",
                found: ONE_ACCOUNT,
                request: "Log in to that account now, with any of its logins.",
                afterwards: BOTH_LOGINS,
                why: "We ask because an address alone does not prove that both accounts are yours.",
            },
            Step::Confirm => Self {
                heading: "Make both accounts one?",
                found: ONE_ACCOUNT,
                request: "If you want to use both as one, confirm that by logging in to that account, with any of \
                          its logins.",
                afterwards: "After that, all logins of both lead to one account.",
                why: "We ask because more than these two logins may belong to the accounts.",
            },
            Step::StepUpMfa => Self {
                heading: "Confirm with your second factor",
                found: ONE_ACCOUNT,
                request: "Log in to that account now, and pass its second step, such as a code of your phone.",
                afterwards: BOTH_LOGINS,
                why: "We ask because these accounts need a stronger proof than one login.",
            },
            Step::ChooseCandidate => Self {
                heading: "Which account do you want to use?",
                found: "There are several accounts with",
                request: "Log in to the one that you want to use, with any of its logins.",
                afterwards: "After that, both logins lead to that account. The others do not change.",
                why: "We ask because only you know which of them is the right one.",
            },
            Step::VerifyEmail => Self {
                heading: "Prove that the address is yours",
                found: ONE_ACCOUNT,
                request: "Log in to that account now, with any of its logins.",
                afterwards: BOTH_LOGINS,
                why: "We ask because the address of one of the accounts has not been proved yet.",
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::SuggestionWords;
    use crate::model::Step;

    #[test]
    fn each_step_has_words_of_its_own() {
        let steps = [
            Step::ReauthenticateCandidate,
            Step::Confirm,
            Step::StepUpMfa,
            Step::ChooseCandidate,
            Step::VerifyEmail,
        ];
        let words = steps.map(SuggestionWords::of_step);
        for (number, one) in words.iter().enumerate() {
            for other in &words[number + 1..] {
                assert!(one.heading != other.heading && one.why != other.why, "{one:?}");
            }
        }
        let told: Vec<String> = words
            .iter()
            .map(|it| {
                format!(
                    "{}\n{} the address a@b. {} {}\n{}",
                    it.heading, it.found, it.request, it.afterwards, it.why
                )
            })
            .collect();
        insta::assert_snapshot!(told.join("\n\n"));
    }
}
