//! Confirming a link: the owner has proved both accounts, and has seen what changes.

use std::sync::Arc;

use axum::http::StatusCode;
use axum::response::Response;

use crate::directory::{Evidence, Provenance, Stored};
use crate::merge::{MergeAuthor, MergeError, MergePlan, Merged};
use crate::model::{Proof, mask_addresses};
use crate::tenant::account::account_visit::{
    AccountVisit, Refusal, error_page, show, show_unavailable, submit,
};
use crate::tenant::account::change::Change;
use crate::tenant::account::link_page::{Accounts, CANCEL, LinkChoice, render_link};
use crate::tenant::account::paths::LINK;
use crate::tenant::account::second_account::{SecondAccount, is_untouched};
use crate::tenant::config::ACCOUNT_CLIENT;
use crate::tenant::flows::account_proof::AccountProof;
use crate::tenant::flows::authorization::Authorization;
use crate::tenant::http::html;
use crate::tenant::http::html::see_result;
use crate::tenant::http::visit::Visit;
use crate::tenant::logins::outcome::NotLoggedIn;
use crate::tenant::notices::ChangeKind;
use crate::tenant::oauth::browser_visit::login_context;
use crate::tenant::people::proved_identity::ProvedIdentity;

fn show_used() -> Response {
    let words = "This page has expired, or was used already: it is valid for five minutes. Your account shows whether the login was added.";
    let links = [("/account/add", "Begin again"), ("/account", "Your account")];
    html::error_page_with_links(StatusCode::BAD_REQUEST, words, &links)
}

/// `GET /account/link`: the preview of a link.
pub(super) async fn preview(visit: Visit) -> Response {
    show(visit, |visit| {
        let proofs = &visit.tenant().flows.account_proofs;
        let Some(proof) = proofs.get(visit.proof_name()) else { return show_used() };
        let choice = LinkChoice::from_params(&visit.visit.params);
        let read = visit.accept_proof(&proof).and_then(|()| visit.read_second(&proof.second));
        match read {
            // The login is one of the account's own.
            Ok(other) if other.stored.user.user_id == visit.user().user_id => show_known(StatusCode::OK),
            Ok(other) => {
                let accounts = Accounts { this: &visit.account, other: &other };
                render_link(visit, &accounts, choice, StatusCode::OK)
            }
            Err(refusal) => *refusal,
        }
    })
    .await
}

fn show_known(status: StatusCode) -> Response {
    let words = "You already log in to this account in that way. Nothing was changed.";
    html::message_page_with_links(
        status,
        ("You have this login already", words),
        &[("/account", "Your account")],
    )
}

/// `POST /account/link`: links the two accounts, or shows the preview of another choice. Nothing is
/// linked with another choice than the one that the form was shown with.
pub(super) async fn confirm(visit: Visit) -> Response {
    submit(visit, LINK, |visit| {
        let proofs = &visit.tenant().flows.account_proofs;
        let Some(proof) = proofs.get(visit.proof_name()) else { return show_used() };
        let (params, choice) = (&visit.visit.params, LinkChoice::from_params(&visit.visit.params));
        let is_other = params.get("shown") != Some(choice.name().as_str());
        if is_other || params.get("show").is_some() {
            return see_result(&visit.address(&choice.preview_path(visit.proof_name(), is_other)));
        }
        let accepted = visit
            .accept_proof(&proof)
            .and_then(|()| visit.require_fresh(&Change::Add, StatusCode::FORBIDDEN));
        if let Err(refusal) = accepted {
            return *refusal;
        }
        // If two forms are sent at once, one of them finds the proof. A refusal gives it back.
        match proofs.spend(visit.proof_name(), |proof| visit.link(proof)) {
            None => show_used(),
            Some(Ok(response)) => response,
            Some(Err(refusal)) => *refusal,
        }
    })
    .await
}

/// `POST /account/link/cancel`: uses up the proof, and links nothing.
pub(super) async fn cancel(visit: Visit) -> Response {
    submit(visit, CANCEL, |visit| {
        let proofs = &visit.tenant().flows.account_proofs;
        match proofs.get(visit.proof_name()).map(|proof| visit.accept_proof(&proof)) {
            Some(Err(refusal)) => return *refusal,
            Some(Ok(())) => drop(proofs.take(visit.proof_name())),
            None => {}
        }
        see_result(&visit.address("/account"))
    })
    .await
}

impl AccountVisit<'_> {
    fn link(&self, proof: &Arc<AccountProof>) -> Result<Response, Refusal> {
        let choice = LinkChoice::from_params(&self.visit.params);
        let second = &proof.second;
        let other = self.read_other(second)?;
        let changed = |other: &SecondAccount| {
            let accounts = Accounts { this: &self.account, other };
            Box::new(render_link(self, &accounts, choice, StatusCode::CONFLICT))
        };
        let plan = self.plan(&other, choice)?;
        if self.visit.params.get("plan") != Some(plan.digest().as_str()) {
            return Err(changed(&other));
        }
        if !other.is_new {
            return self.carry_out(&plan, second).map_err(|why| self.explain(why, second, changed));
        }
        let stored = self.create_second(second)?;
        if !is_untouched(&stored.user, second) {
            return Err(changed(&SecondAccount { stored, is_new: false }));
        }
        let created = SecondAccount { stored, is_new: true };
        let linked = self
            .plan(&created, choice)
            .and_then(|plan| self.carry_out(&plan, second).map_err(|why| self.explain(why, second, changed)));
        if linked.is_err() {
            self.tenant().logins.remove_unused(&second.user.user_id);
        }
        linked
    }

    /// Reads the second account. Refuses it if another tab has added it meanwhile.
    fn read_other(&self, second: &ProvedIdentity) -> Result<SecondAccount, Refusal> {
        let other = self.read_second(second)?;
        let is_added = other.stored.user.user_id == self.user().user_id;
        if is_added { Err(Box::new(show_known(StatusCode::FORBIDDEN))) } else { Ok(other) }
    }

    fn plan(&self, other: &SecondAccount, choice: LinkChoice) -> Result<MergePlan, Refusal> {
        let accounts = Accounts { this: &self.account, other };
        accounts.plan(choice, self).map_err(|refusal| {
            tracing::warn!(
                target: "audit", user = %mask_addresses(&self.user().user_id), why = %refusal, "a link was refused"
            );
            Box::new(render_link(self, &accounts, choice, StatusCode::FORBIDDEN))
        })
    }

    /// Creates the account of an identity that has none, without a decision of the policies, which
    /// could link it to another user.
    fn create_second(&self, second: &ProvedIdentity) -> Result<Stored, Refusal> {
        let tenant = self.tenant();
        let authorization = Authorization::on_own_page(ACCOUNT_CLIENT, self.address("/account"), None);
        let Some(client) = tenant.config.client_of_login(ACCOUNT_CLIENT) else {
            return Err(Box::new(show_used()));
        };
        let context = login_context(client, &authorization, &self.visit.sender);
        tenant.logins.find_or_create_user(second, &context).map_err(|why| {
            let status = match why {
                NotLoggedIn::Failed(_) => StatusCode::SERVICE_UNAVAILABLE,
                _ => StatusCode::FORBIDDEN,
            };
            Box::new(error_page(status, "The new login could not be added. Nothing was changed."))
        })
    }

    fn carry_out(&self, plan: &MergePlan, second: &ProvedIdentity) -> Result<Response, MergeError> {
        let tenant = self.tenant();
        let author = MergeAuthor::Owner(Arc::new(self.link_provenance(plan, second)));
        let Merged { user, link } =
            plan.carry_out(&*tenant.directory_without_notices, &author, tenant.ambient.now())?;
        tenant.people.end_refresh_tokens(&plan.moved.identities, &user.user_id);
        let told = self.tell(ChangeKind::Added(link), [&plan.kept, &plan.moved]);
        tracing::info!(
            target: "audit", user = %mask_addresses(&user.user_id), told, by = self.session.proved.method,
            second = second.method, "a user has added a way to log in"
        );
        Ok(see_result(&self.address("/account?done=linked")))
    }

    fn link_provenance(&self, plan: &MergePlan, second: &ProvedIdentity) -> Provenance {
        let this = self.user().user_id.clone();
        let other = if plan.kept.user_id == this { &plan.moved } else { &plan.kept };
        let proof = Proof {
            current: this,
            candidate: other.user_id.clone(),
            proved_at: second.at,
            methods: second.methods_for(&other.user_id),
        };
        Provenance {
            evidence: Some(Evidence {
                methods: self.session.proved.methods_for(&self.user().user_id),
                client_id: Some(ACCOUNT_CLIENT.to_owned()),
                proof: Some(proof),
                ..Evidence::from_request(&plan.kept)
            }),
            ..self.provenance()
        }
    }

    /// Explains why a link was not carried out. If an account has changed, the preview is shown
    /// again.
    fn explain(
        &self,
        why: MergeError,
        second: &ProvedIdentity,
        changed: impl Fn(&SecondAccount) -> Refusal,
    ) -> Refusal {
        match why {
            MergeError::Changed(_) => match self.read_other(second) {
                Ok(other) => changed(&other),
                Err(refusal) => refusal,
            },
            MergeError::Directory(error) => Box::new(show_unavailable(&error)),
        }
    }
}
