//! The owner of a login after the decision: another login of the same person may
//! have linked the accounts meanwhile.

use std::sync::Arc;

use crate::directory::{Directory, as_user};
use crate::model::{ApiError, Decision, Level, LoginEvent, Outcome, Reason, User};

/// The user that a login goes on as.
#[derive(Debug, Clone, PartialEq)]
pub enum GoesOnAs {
    /// The one that has the identity, as the directory had it after the decision.
    User(Arc<User>),
    /// Nobody: the login is denied.
    Nobody,
    /// Nobody: the account was removed meanwhile.
    Gone,
    /// The directory did not tell. No token may be issued.
    Unknown(ApiError),
}

/// The state of the accounts of a login after it was decided.
enum Afterwards {
    /// The decision stands.
    Settled(GoesOnAs),
    /// The identity is no longer its user's, nor that of whoever the user became.
    Unlinked,
    /// The decision was about accounts that are others by now.
    Overtaken(Overtaken),
}

/// A login that another one has overtaken.
struct Overtaken {
    /// The same login, as that of whoever has the identity by now.
    event: Arc<LoginEvent>,
    /// The news of the accounts.
    news: News,
}

/// A change that another login made meanwhile.
enum News {
    /// This account and the owner are one user by now.
    Linked { account: String, owner: String },
    /// An account was changed, and nothing was linked.
    Changed,
}

/// One time that a login was decided.
pub struct Round<R> {
    /// The decision.
    pub outcome: Outcome,
    /// Accounts that were changed or linked by somebody else while it was made.
    pub lost: Vec<String>,
    /// Whatever else came of it.
    pub asked: R,
}

/// A login whose decision stands.
#[derive(Debug)]
pub struct Settled<R> {
    /// The decision.
    pub outcome: Outcome,
    /// The round that it was made in.
    pub asked: R,
    /// The rounds before, about accounts that are others by now.
    pub overtaken: Vec<R>,
    /// The user that the login goes on as.
    pub goes_on_as: GoesOnAs,
}

/// How often a login is decided again, where others keep overtaking it.
const ROUNDS: u32 = 4;

/// Decides a login until the accounts are those that it was decided for. `ask`
/// decides it as that of the event's user; the flag says whether nothing was
/// linked meanwhile, so that an answer to a question still counts.
pub fn until_settled<R>(
    first: &Arc<LoginEvent>,
    directory: &dyn Directory,
    mut ask: impl FnMut(&Arc<LoginEvent>, bool) -> Round<R>,
) -> Settled<R> {
    let (mut overtaken, mut event, mut news) = (Vec::new(), first.clone(), None);
    let mut rounds_left = ROUNDS;
    loop {
        let Round { outcome, lost, asked } = ask(&event, news.is_none());
        let is_denied = matches!(outcome.decision, Decision::Deny { .. });
        let is_last = rounds_left == 0;
        let (outcome, goes_on_as) = match afterwards(&event, &lost, &outcome, directory) {
            Afterwards::Settled(GoesOnAs::Gone) => (gone(&event), GoesOnAs::Gone),
            Afterwards::Unlinked => (unlinked(&event), GoesOnAs::Nobody),
            Afterwards::Settled(goes_on_as) => (tell(news.as_ref(), outcome), goes_on_as),
            Afterwards::Overtaken(_) if is_last && is_denied => (outcome, GoesOnAs::Nobody),
            Afterwards::Overtaken(_) if is_last => (never_settled(&event), GoesOnAs::Nobody),
            Afterwards::Overtaken(Overtaken { event: by_now, news: heard }) => {
                overtaken.push(asked);
                (event, rounds_left) = (by_now, rounds_left - 1);
                // That something was changed is no news of who has the identity.
                news = match heard {
                    News::Changed => news.or(Some(heard)),
                    heard => Some(heard),
                };
                continue;
            }
        };
        return Settled { outcome, asked, overtaken, goes_on_as };
    }
}

/// Reads again who has the identity of this login.
fn afterwards(
    event: &Arc<LoginEvent>,
    lost: &[String],
    outcome: &Outcome,
    directory: &dyn Directory,
) -> Afterwards {
    let is_denied = matches!(outcome.decision, Decision::Deny { .. });
    if is_denied && lost.is_empty() {
        return Afterwards::Settled(GoesOnAs::Nobody);
    }
    let owner = event.identity().map(|identity| directory.owner(identity.key()));
    let owner = match owner {
        Some(Ok(Some(owner))) => owner.user,
        Some(Err(_)) if is_denied => return Afterwards::Settled(GoesOnAs::Nobody),
        Some(Err(error)) => return Afterwards::Settled(GoesOnAs::Unknown(error)),
        Some(Ok(None)) | None => return Afterwards::Settled(GoesOnAs::Gone),
    };
    let before = &event.user.user_id;
    let (decided_as, is_linked) = match &outcome.decision {
        Decision::Linked { primary } => (primary, true),
        _ => (before, false),
    };
    let has = |user_id: &String| owner.identities.iter().any(|it| it.as_user_id() == *user_id);
    let joined = if owner.user_id == *decided_as {
        lost.iter().find(|it| !is_linked && has(it))
    } else {
        Some(before).filter(|it| owner.user_id != **it && has(it))
    };
    let news = match joined {
        Some(account) => News::Linked { account: account.clone(), owner: owner.user_id.clone() },
        None if owner.user_id != *decided_as => return Afterwards::Unlinked,
        // As the accounts are now, they may be linked.
        None if is_denied => News::Changed,
        None => return Afterwards::Settled(GoesOnAs::User(owner)),
    };
    let event = Arc::new(as_user(LoginEvent::clone(event), &owner));
    Afterwards::Overtaken(Overtaken { event, news })
}

/// Tells of a settled login what had overtaken it. Where another login has linked
/// the accounts, this one is linked.
fn tell(news: Option<&News>, mut outcome: Outcome) -> Outcome {
    let Some(news) = news else { return outcome };
    let News::Linked { account, owner } = news else { return outcome };
    let detail =
        format!("Another login was faster: {account} is linked into {owner}, as which this login goes on.");
    let reason = race_lost(vec![owner.clone(), account.clone()], detail);
    if let Decision::Proceed = outcome.decision {
        outcome.decision = Decision::Linked { primary: owner.clone() };
        outcome.reasons.insert(0, reason);
    } else {
        outcome.reasons.push(reason);
    }
    outcome
}

/// The end of a login whose account was removed while it was decided.
fn gone(event: &LoginEvent) -> Outcome {
    let detail = "The account of this login was removed while the login was decided: nobody is logged in.";
    denied(event, "This account is no longer there.", detail)
}

/// The end of a login whose identity was unlinked while it was decided.
fn unlinked(event: &LoginEvent) -> Outcome {
    let detail = "The identity of this login was unlinked while the login was decided: nobody is logged in.";
    denied(event, "Your accounts have just been changed. Please log in again.", detail)
}

/// The end of a login whose accounts are others whenever it has been decided.
fn never_settled(event: &LoginEvent) -> Outcome {
    let detail = "The accounts of this login keep changing while it is decided: nobody is logged in.";
    denied(event, "The login could not be completed. Please try again later.", detail)
}

fn denied(event: &LoginEvent, message: &str, detail: &str) -> Outcome {
    Outcome {
        decision: Decision::Deny { message: message.to_owned() },
        reasons: vec![race_lost(vec![event.user.user_id.clone()], detail.to_owned())],
        trace: Vec::new(),
        counterfactual: None,
    }
}

/// As the built-in policy says it.
fn race_lost(subject: Vec<String>, detail: String) -> Reason {
    Reason { code: "RACE_LOST".to_owned(), level: Level::Info, subject, detail }
}
