//! What would have changed a decision: found by deciding again with one thing
//! changed.

use link_policy::{
    BlockedCandidate, Caution, Mfa, Mode, OnMultiple, Policy, PrivilegedDecision, RequireVerified,
    Strictness, TrustedConnection,
};

use crate::bindings::AuthenticationMethod;
use crate::bindings::{LoginEvent, Timestamp, User, Verification};
use crate::decide::{Input, Plan, PlannedDecision, decide, needs_look_up};

/// One change, the smallest first.
struct Change {
    words: &'static str,
    apply: fn(&mut World),
}

/// What a decision rests on, to be changed.
struct World {
    event: LoginEvent,
    policy: Policy,
    found: Vec<User>,
    now: Timestamp,
}

/// Changes that could turn a decision towards a link.
const TOWARDS: &[Change] = &[
    Change {
        words: "the login's address were verified",
        apply: |w| w.event.user.email_verified = Verification::Verified,
    },
    Change {
        words: "the other account had verified its address",
        apply: |w| each(w, |it| it.email_verified = Verification::Verified),
    },
    Change { words: "the login's account were not blocked", apply: |w| w.event.user.blocked = false },
    Change { words: "the other account were not blocked", apply: |w| each(w, |it| it.blocked = false) },
    Change { words: "only one other account had the address", apply: |w| w.found.truncate(1) },
    Change {
        words: "the other account had logged in before",
        apply: |w| each(w, |it| it.logins_count = it.logins_count.max(Some(1))),
    },
    Change { words: "`app_metadata` held no marks", apply: unmark },
    Change {
        words: "this login were interactive",
        apply: |w| {
            w.event.protocol = None;
            w.event.prompt.clear();
        },
    },
    Change {
        words: "no account had roles",
        apply: |w| {
            w.event.user.roles.clear();
            each(w, |it| it.roles.clear());
        },
    },
    Change {
        words: "this login had passed a second factor just now",
        apply: |w| {
            let factor = AuthenticationMethod { name: "mfa".to_owned(), factor: None, at: Some(w.now) };
            w.event.methods.push(factor);
        },
    },
    Change {
        words: "no account had linked identities that do not prove the address",
        apply: |w| {
            w.event.user.identities.truncate(1);
            each(w, |it| it.identities.truncate(1));
        },
    },
    Change { words: "the policy's `mode` were `auto`", apply: |w| w.policy.mode = Mode::Auto },
    Change {
        words: "`excluded_connections`, `excluded_clients` and `excluded_organizations` did not name this login",
        apply: |w| {
            w.policy.excluded_connections.clear();
            w.policy.excluded_clients.clear();
            w.policy.excluded_organizations.clear();
        },
    },
    Change {
        words: "`blocked_domains` did not name the domain",
        apply: |w| w.policy.blocked_domains.clear(),
    },
    Change {
        words: "`trusted_connections` trusted the connections for this address, an enterprise one with its domain",
        apply: trust_all,
    },
    Change {
        words: "`trusted_connections` trusted the connections for this address, and `verified_by_tenant` named none",
        apply: |w| {
            trust_all(w);
            w.policy.verified_by_tenant.clear();
        },
    },
    Change { words: "`local_part_case` were `allow`", apply: |w| w.policy.local_part_case = Caution::Allow },
    Change { words: "`never_logged_in` were `allow`", apply: |w| w.policy.never_logged_in = Caution::Allow },
    Change { words: "`trojan_identity` were `allow`", apply: |w| w.policy.trojan_identity = Caution::Allow },
    Change {
        words: "`require_verified` were `both`",
        apply: |w| w.policy.require_verified = RequireVerified::Both,
    },
    Change {
        words: "`connection_groups` placed both connections in one group",
        apply: |w| {
            w.policy.connection_groups.clear();
            w.policy.connection_groups.insert("all".to_owned(), vec!["*".to_owned()]);
        },
    },
    Change {
        words: "the accounts were in one organization",
        apply: |w| {
            w.event.organization_id = None;
            w.event.user.organizations.clear();
        },
    },
    Change { words: "`on_multiple` were `link_all`", apply: |w| w.policy.on_multiple = OnMultiple::LinkAll },
    Change { words: "`same_provider` were `allow`", apply: |w| w.policy.same_provider = Strictness::Allow },
    Change { words: "`two_databases` were `allow`", apply: |w| w.policy.two_databases = Strictness::Allow },
    Change { words: "`mfa` were `ignore`", apply: |w| w.policy.mfa = Mfa::Ignore },
    Change {
        words: "`privileged.decision` were `ignore`",
        apply: |w| w.policy.privileged.decision = PrivilegedDecision::Ignore,
    },
    Change {
        words: "`allow_demote_with_identities` were true",
        apply: |w| w.policy.allow_demote_with_identities = true,
    },
    Change {
        words: "`limits` were larger",
        apply: |w| {
            w.policy.limits.max_candidates = u32::MAX;
            w.policy.limits.max_identities = u32::MAX;
        },
    },
    Change {
        words: "`prompts.max` and `prompts.ask_again_after_days` allowed another prompt",
        apply: |w| {
            w.policy.prompts.max = u32::MAX;
            w.policy.prompts.ask_again_after_days = 0;
        },
    },
    Change { words: "`unlink_cooldown_days` were 0", apply: |w| w.policy.unlink_cooldown_days = 0 },
    Change {
        words: "`blocked_candidate` were `no_op`",
        apply: |w| w.policy.blocked_candidate = BlockedCandidate::NoOp,
    },
];

/// Changes that could turn a decision away from a link.
const AWAY: &[Change] = &[
    Change {
        words: "the other account had not verified its address",
        apply: |w| each(w, |it| it.email_verified = Verification::Unverified),
    },
    Change {
        words: "the login's address were not verified",
        apply: |w| w.event.user.email_verified = Verification::Unverified,
    },
    Change { words: "the policy's `mode` were `observe`", apply: |w| w.policy.mode = Mode::Observe },
];

fn each(world: &mut World, change: fn(&mut User)) {
    world.found.iter_mut().for_each(change);
}

fn trust_all(world: &mut World) {
    world.policy.trusted_connections = vec![TrustedConnection::Name("*".to_owned())];
}

fn unmark(world: &mut World) {
    world.event.user.app_metadata = None;
    each(world, |user| user.app_metadata = None);
}

/// The smallest single change that would change the decision, in a sentence;
/// none if no single one of those tried does.
#[must_use]
pub fn of(input: &Input, plan: &Plan) -> Option<String> {
    let links = matches!(plan.decision, PlannedDecision::Link(_));
    let looked_up = needs_look_up(input.event, input.policy);
    let changed = |change: &Change| -> Option<&'static str> {
        let mut event = input.event.clone();
        event.trace = false;
        let mut world =
            World { event, policy: input.policy.clone(), found: input.found.to_vec(), now: input.now };
        (change.apply)(&mut world);
        if !looked_up {
            return needs_look_up(&world.event, &world.policy).then_some(LOOKED_UP);
        }
        let again =
            decide(&Input { event: &world.event, policy: &world.policy, found: &world.found, ..*input });
        (kind(&again.decision) != kind(&plan.decision)).then(|| outcome_words(&again.decision))
    };
    let changes = if links { AWAY } else { TOWARDS };
    // A change that links says more than one that only asks.
    let mut found: Option<(&Change, &'static str)> = None;
    for change in changes {
        if let Some(words) = changed(change)
            && (found.is_none() || (words == LINKED && found.is_some_and(|(_, words)| words != LINKED)))
        {
            found = Some((change, words));
        }
    }
    found.map(|(change, words)| format!("If {}, {words}.", change.words))
}

const LOOKED_UP: &str = "the other accounts with this address would be looked up";
const LINKED: &str = "the accounts would be linked";

fn kind(decision: &PlannedDecision) -> u8 {
    match decision {
        PlannedDecision::Proceed => 0,
        PlannedDecision::Ask(..) => 1,
        PlannedDecision::Deny(_) => 2,
        PlannedDecision::Link(_) => 3,
    }
}

fn outcome_words(decision: &PlannedDecision) -> &'static str {
    match decision {
        PlannedDecision::Proceed => "the login would go on unlinked",
        PlannedDecision::Ask(..) => "the user would be asked",
        PlannedDecision::Deny(_) => "the login would be denied",
        PlannedDecision::Link(_) => LINKED,
    }
}
