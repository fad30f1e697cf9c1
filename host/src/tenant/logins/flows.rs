//! Logins under way, and the secrets that continue them.

use std::sync::{Arc, Mutex, PoisonError};

use crate::ambient::Ambient;
use crate::model::{Moment, User};
use crate::tenant::config::Lifetimes;
use crate::tenant::logins::prove::MailedCode;
use crate::tenant::oauth::issued_tokens::Code;
use crate::tenant::pages::login_forms::Pending;
use crate::tenant::pages::tickets::Tickets;
use crate::tenant::people::attempts::Attempts;
use crate::tenant::people::login_name::login_name;
use crate::tenant::people::proved::Proved;
use crate::tenant::store::one_time::{OneTime, Use};
use crate::tenant::store::weight::Weighed;

/// What is under way.
pub(crate) struct Flows {
    /// Logins whose page is open.
    pub(crate) pending: OneTime<Arc<Pending>>,
    /// Authorization codes.
    pub(crate) codes: OneTime<Arc<Code>>,
    /// Codes that were used, and what came of them.
    pub(crate) spent_codes: OneTime<Arc<Mutex<Spent>>>,
    /// What `/co/authenticate` has given out.
    pub(crate) login_tickets: OneTime<Ticket>,
    /// How often one-time passwords are guessed.
    pub(crate) attempts: Attempts,
    /// One-time passwords, by connection and address.
    pub(crate) mailed_codes: OneTime<Arc<MailedCode>>,
    /// Links that verify an address.
    pub(crate) verifications: OneTime<Verification>,
    /// Links to a page that asks for a new password.
    pub(crate) resets: OneTime<ResetTicket>,
    /// Links that the Management API hands out.
    pub(crate) tickets: Tickets,
}

/// What a login ticket stands for.
#[derive(Clone)]
pub(crate) struct Ticket {
    pub(crate) client_id: String,
    pub(crate) proved: Proved,
    /// The browser that got it, as far as a cookie can tell.
    pub(crate) browser: String,
    /// Whether the browser brought that cookie, and will again.
    pub(crate) brought: bool,
    /// Whether somebody has logged in by it.
    pub(crate) used: Arc<Use>,
}

impl Weighed for Ticket {
    fn bytes(&self) -> usize {
        self.client_id.len() + self.proved.bytes() + self.browser.len()
    }
}

/// The user and the address that a verifying link stands for.
#[derive(Clone)]
pub(crate) struct Verification {
    pub(crate) user_id: String,
    pub(crate) email: String,
}

impl Weighed for Verification {
    fn bytes(&self) -> usize {
        self.user_id.len() + self.email.len()
    }
}

/// What a link to a page that asks for a new password stands for.
#[derive(Clone)]
pub(crate) struct ResetTicket {
    pub(crate) connection: String,
    pub(crate) email: String,
    /// The identity that the address was of, without `auth0|`.
    pub(crate) user_id: String,
    pub(crate) began: Moment,
}

impl Weighed for ResetTicket {
    fn bytes(&self) -> usize {
        self.connection.len() + self.email.len() + self.user_id.len()
    }
}

/// What came of a code.
#[derive(Default)]
pub(crate) struct Spent {
    /// The family of its refresh tokens.
    pub(crate) family: Option<String>,
    /// Whether it came again before that was known.
    pub(crate) replayed: bool,
}

impl Weighed for Mutex<Spent> {
    fn bytes(&self) -> usize {
        let spent = self.lock().unwrap_or_else(PoisonError::into_inner);
        spent.family.bytes()
    }
}

impl Flows {
    /// Ends the one-time passwords and links that were sent to the mailboxes and
    /// phones which this user logs in by.
    pub(crate) fn end_mailed_codes(&self, user: &User) {
        for identity in user.identities.iter().filter(|it| matches!(it.provider.as_str(), "email" | "sms")) {
            let is_own = identity.as_user_id() == user.user_id;
            let (email, rest) = (user.email.as_deref(), Some(&user.rest));
            let of_profile = |name: &str| identity.profile_data.as_ref()?.get(name)?.as_str();
            let of_root = |name: &str| rest.and_then(|it| it.get(name)).and_then(|it| it.as_str());
            let address = match (identity.provider.as_str(), is_own) {
                ("email", true) => email,
                ("email", false) => of_profile("email"),
                (_, true) => of_root("phone_number"),
                (_, false) => of_profile("phone_number"),
            };
            if let Some(address) = address {
                self.mailed_codes.take(&login_name(&identity.connection, &address.to_ascii_lowercase()));
            }
        }
    }

    pub(crate) fn new(lifetimes: &Lifetimes, ambient: &Ambient) -> Self {
        // Links in mails wait for people to read them.
        const MAIL_S: u64 = 86_400;
        Self {
            pending: OneTime::new(lifetimes.code.max(600), ambient),
            codes: OneTime::new(lifetimes.code, ambient),
            spent_codes: OneTime::new(lifetimes.code, ambient),
            login_tickets: OneTime::new(lifetimes.code, ambient),
            attempts: Attempts::new(ambient),
            mailed_codes: OneTime::new(lifetimes.mailed_code, ambient),
            verifications: OneTime::new(MAIL_S, ambient),
            resets: OneTime::new(MAIL_S, ambient),
            tickets: Tickets::new(ambient),
        }
    }
}
