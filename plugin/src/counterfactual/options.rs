//! Changes of the settings, each as small as this login needs.
//!
//! Some options are never suggested, because they are too wide for one login:
//! `*`, which trusts or groups every connection; `mfa` and `privileged.decision`
//! as `ignore`, `trojan_identity` as `allow` and `unlink_cooldown_days` as 0, in
//! place of which the fact is suggested; and `verified_by_tenant` without the
//! connection, whose addresses are not verified.

use std::collections::BTreeMap;

use ligature_link_policy::members::overlay_members;
use ligature_link_policy::{LookUp, Mfa, Mode, Names, OnMultiple, PrivilegedDecision, is_enterprise};
use serde_json::value::RawValue;

use super::change::Change::{self, Setting};
use super::world::{NewValue, World};
use crate::address_claim::{AddressClaim, Trust};
use crate::decide::Input;
use crate::email;
use crate::situation::Situation;
use crate::trust::{Group, find_group};

pub(super) const OPTIONS: &[Change] = &[
    Setting(|w, _| (w.policy.mode != Mode::Auto).then(|| constant("mode", "\"auto\""))),
    Setting(|w, i| without_party("excluded_connections", &w.policy.excluded_connections, w, i)),
    Setting(|w, _| without("excluded_clients", &w.policy.excluded_clients, &[w.event.client_id.as_deref()?])),
    Setting(|w, _| {
        let organization = w.event.organization_id.as_deref()?;
        without("excluded_organizations", &w.policy.excluded_organizations, &[organization])
    }),
    Setting(unblocked_domain),
    Setting(|w, _| (w.policy.look_up != LookUp::EveryLogin).then(|| constant("look_up", "\"every_login\""))),
    Setting(trusted_roots),
    Setting(trusted_identities),
    Setting(one_group),
    Setting(|_, _| Some(constant("unverified_candidate", "\"suggest\""))),
    Setting(|_, _| Some(constant("email_compare", "\"ascii_ci\""))),
    Setting(|_, _| Some(constant("local_part_case", "\"allow\""))),
    Setting(|_, _| Some(constant("never_logged_in", "\"allow\""))),
    Setting(|_, _| {
        let only_if = "an older proof of the mailbox is enough for you".to_owned();
        Some(NewValue { only_if: Some(only_if), ..constant("require_verified", "\"both\"") })
    }),
    Setting(linked_organizations),
    Setting(|w, _| {
        let is_open = w.policy.on_multiple != OnMultiple::LinkAll;
        is_open.then(|| constant("on_multiple", "\"prefer_linked\""))
    }),
    Setting(|_, _| Some(constant("on_multiple", "\"choose\""))),
    Setting(|_, _| Some(constant("on_multiple", "\"link_all\""))),
    Setting(|_, _| Some(constant("same_provider", "\"suggest\""))),
    Setting(|_, _| Some(constant("same_provider", "\"allow\""))),
    Setting(|_, _| Some(constant("two_databases", "\"suggest\""))),
    Setting(|_, _| Some(constant("two_databases", "\"allow\""))),
    Setting(|w, _| (w.policy.mfa == Mfa::Deny).then(|| constant("mfa", "\"step_up\""))),
    Setting(|w, _| {
        let is_denied = w.policy.privileged.decision == PrivilegedDecision::NoOp;
        is_denied.then(|| nested(w, "privileged", "{\"decision\":\"suggest\"}")).flatten()
    }),
    Setting(|_, _| Some(constant("allow_demote_with_identities", "true"))),
    Setting(|w, _| nested(w, "limits", &format!("{{\"max_candidates\":{}}}", w.found.len().max(10)))),
    Setting(|w, i| {
        let input = w.input(i);
        let s = Situation::from_input(&input);
        let identities: usize = s.party().map(|account| account.user.identities.len().max(1)).sum();
        nested(w, "limits", &format!("{{\"max_identities\":{}}}", identities.max(20)))
    }),
    Setting(|w, _| {
        let asked = crate::linking_state::LinkingState::parse(w.event.user.app_metadata.as_deref()).prompts();
        nested(w, "prompts", &format!("{{\"max\":{}}}", asked.saturating_add(1)))
    }),
    Setting(|w, _| nested(w, "prompts", "{\"ask_again_after_days\":0}")),
    Setting(|_, _| Some(constant("blocked_candidate", "\"no_op\""))),
];

fn constant(key: &'static str, json: &str) -> NewValue {
    NewValue { key, json: json.to_owned(), only_if: None }
}

/// An object with these members over those that it has.
fn nested(world: &World, key: &'static str, over: &str) -> Option<NewValue> {
    let json = overlay_members(world.setting(key).unwrap_or("{}"), over).ok()?;
    Some(NewValue { key, json, only_if: None })
}

/// A list of names without some of them.
fn without(key: &'static str, list: &Names, names: &[&str]) -> Option<NewValue> {
    let rest: Vec<&String> = list.iter().filter(|it| !names.contains(&it.as_str())).collect();
    let is_shorter = rest.len() < list.len();
    let json = serde_json::to_string(&rest).ok().filter(|_| is_shorter)?;
    Some(NewValue { key, json, only_if: None })
}

fn without_party(key: &'static str, list: &Names, world: &World, input: &Input) -> Option<NewValue> {
    if list.is_empty() {
        return None;
    }
    let input = world.input(input);
    let s = Situation::from_input(&input);
    let names: Vec<&str> = s.party().flat_map(|it| it.claims()).map(|claim| claim.connection).collect();
    without(key, list, &names)
}

/// `blocked_domains` without the domain of the login's address, for the accounts'
/// connections alone.
fn unblocked_domain(world: &World, input: &Input) -> Option<NewValue> {
    let own = world.event.user.email.as_deref()?;
    let input = world.input(input);
    let s = Situation::from_input(&input);
    let names: Vec<&str> = s.party().flat_map(|it| it.claims()).map(|claim| claim.connection).collect();
    let blocked = world.policy.blocked_domains.iter();
    let mut blocked: BTreeMap<&String, Vec<&String>> =
        blocked.map(|(connection, domains)| (connection, domains.iter().collect())).collect();
    let mut let_in: Vec<String> = Vec::new();
    for (connection, domains) in &mut blocked {
        let before = domains.len();
        if *connection == "*" || names.contains(&connection.as_str()) {
            domains.retain(|domain| !domain.eq_ignore_ascii_case(email::domain_of(own)));
        }
        if domains.len() < before {
            let_in.push((*connection).clone());
        }
    }
    if let_in.is_empty() {
        return None;
    }
    blocked.retain(|_, domains| !domains.is_empty());
    let json = serde_json::to_string(&blocked).ok()?;
    let through = match let_in.iter().any(|it| it == "*") {
        true => "every connection".to_owned(),
        false => list_names(&let_in),
    };
    let domain = email::domain_of(own).to_ascii_lowercase();
    let only_if = format!("every address at {domain} may be linked if it comes through {through}");
    Some(NewValue { key: "blocked_domains", json, only_if: Some(only_if) })
}

/// Names in a sentence: the first of them, and how many more there are.
fn list_names(names: &[String]) -> String {
    const MOST_NAMED: usize = 5;
    let named: Vec<String> = names.iter().take(MOST_NAMED).map(|name| format!("`{name}`")).collect();
    match names.len().saturating_sub(MOST_NAMED) {
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}

/// The connections that the accounts' addresses rest on, each trusted for just
/// its address.
fn trusted_roots(world: &World, input: &Input) -> Option<NewValue> {
    let input = world.input(input);
    let s = Situation::from_input(&input);
    let roots: Vec<AddressClaim> = s.party().map(|account| *account.root()).collect();
    trusted(world, &roots)
}

/// The same, and the connections of linked identities that verify the address.
fn trusted_identities(world: &World, input: &Input) -> Option<NewValue> {
    let input = world.input(input);
    let s = Situation::from_input(&input);
    let own = s.current.email();
    let mut claims: Vec<AddressClaim> = s.party().map(|account| *account.root()).collect();
    let linked = s.party().flat_map(|account| account.linked()).filter(|it| it.is_verified && it.is_of(own));
    let before = claims.len();
    claims.extend(linked.copied());
    if claims.len() == before { None } else { trusted(world, &claims) }
}

fn trusted(world: &World, claims: &[AddressClaim]) -> Option<NewValue> {
    let text = |text: &str| serde_json::to_string(text).unwrap_or_default();
    let listed: Vec<&RawValue> = match world.setting("trusted_connections") {
        Some(list) => serde_json::from_str(list).ok()?,
        None => Vec::new(),
    };
    let mut entries: Vec<String> = listed.iter().map(|it| it.get().to_owned()).collect();
    let mut only_if: Vec<String> = Vec::new();
    for claim in claims {
        let is_missing =
            matches!(claim.trust, Trust::Untrusted | Trust::WithoutDomains | Trust::DomainNotOwned);
        if !is_missing || claim.connection.is_empty() {
            continue;
        }
        let name = text(claim.connection);
        let (entry, sure) = if is_enterprise(claim.strategy) || claim.trust == Trust::DomainNotOwned {
            let domain = email::domain_of(claim.address).to_ascii_lowercase();
            let entry = format!("{{\"name\":{name},\"domains\":[{}]}}", text(&domain));
            (entry, format!("the owner of `{}` owns {domain}", claim.connection))
        } else {
            (name.clone(), format!("`{}` verifies every address that it reports", claim.connection))
        };
        if entries.contains(&entry) {
            continue;
        }
        // In place of the name that stands there without domains.
        let alone = [name.clone(), format!("{{\"name\":{name}}}")];
        match entries.iter_mut().find(|it| alone.contains(it)) {
            Some(place) => *place = entry,
            None => entries.push(entry),
        }
        only_if.push(sure);
    }
    let only_if = (!only_if.is_empty()).then(|| only_if.join(" and "))?;
    let json = format!("[{}]", entries.join(","));
    Some(NewValue { key: "trusted_connections", json, only_if: Some(only_if) })
}

/// The connections of the accounts in one group: one that there is, since a
/// connection is in one group only. The precondition names its other connections.
fn one_group(world: &World, input: &Input) -> Option<NewValue> {
    let input = world.input(input);
    let s = Situation::from_input(&input);
    let claims: Vec<&AddressClaim> =
        s.party().flat_map(|account| account.claims()).filter(|it| !it.connection.is_empty()).collect();
    let of: Vec<Group> = claims.iter().map(|claim| find_group(&world.policy, claim)).collect();
    let name = of.iter().find_map(|it| match it {
        Group::Named(name) => Some((*name).to_owned()),
        Group::Others | Group::Own(_) => None,
    });
    let name = name.unwrap_or_else(|| "linked".to_owned());
    let (mut joining, mut leaving): (Vec<String>, Vec<String>) = (Vec::new(), Vec::new());
    for (claim, group) in claims.iter().zip(&of) {
        let connection = claim.connection.to_owned();
        if *group == Group::Named(&name) || joining.contains(&connection) {
            continue;
        }
        if !matches!(group, Group::Own(_)) {
            leaving.push(connection.clone());
        }
        joining.push(connection);
    }
    let groups = world.policy.connection_groups.iter();
    let mut groups: BTreeMap<String, Vec<String>> =
        groups.map(|(group, names)| (group.clone(), names.clone())).collect();
    for names in groups.values_mut() {
        names.retain(|it| !claims.iter().any(|claim| claim.connection == it));
    }
    let together = groups.entry(name).or_default();
    let others = together.clone();
    for claim in &claims {
        if !together.iter().any(|it| it == claim.connection || it == "*") {
            together.push(claim.connection.to_owned());
        }
    }
    groups.retain(|_, names| !names.is_empty());
    let mut only_if = Vec::new();
    if !joining.is_empty() && !others.is_empty() {
        let others = match others.iter().any(|it| it == "*") {
            true => "every connection that is in no other group".to_owned(),
            false => list_names(&others),
        };
        only_if.push(format!("{} may link with {others}, too", list_names(&joining)));
    }
    if !leaving.is_empty() {
        let link = if leaving.len() == 1 { "links" } else { "link" };
        let leaving = list_names(&leaving);
        only_if.push(format!("it is right that {leaving} then {link} to no connection outside the group"));
    }
    let only_if = (!only_if.is_empty()).then(|| only_if.join(" and "));
    let json = serde_json::to_string(&groups).ok()?;
    Some(NewValue { key: "connection_groups", json, only_if })
}

/// The organizations of the first two accounts that have different ones.
fn linked_organizations(world: &World, input: &Input) -> Option<NewValue> {
    let input = world.input(input);
    let s = Situation::from_input(&input);
    let of_login = world.event.organization_id.as_ref();
    let pair = s.pairs().find_map(|(a, b)| {
        let of_login = of_login.filter(|_| a.id() == s.current.id());
        let of_a = a.user.organizations.first().or(of_login)?;
        let of_b = b.user.organizations.first()?;
        (of_a != of_b).then(|| vec![of_a.clone(), of_b.clone()])
    })?;
    let mut linked: Vec<&Vec<String>> = world.policy.linked_organizations.iter().collect();
    linked.push(&pair);
    let only_if = Some("members of both may get access to each other's accounts".to_owned());
    let json = serde_json::to_string(&linked).ok()?;
    Some(NewValue { key: "linked_organizations", json, only_if })
}
