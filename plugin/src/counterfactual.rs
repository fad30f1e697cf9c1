//! Explains a decision by the smallest changes that would change it: decides again
//! with one to three changes.
//!
//! A rule that decides hides those behind it. So a change is tried on top of
//! another only where that one has changed the reasons: it got past the rule
//! that decided before. Settings are changed in their document, which is read
//! and checked again, so that a suggested setting is valid.

mod change;
mod facts;
mod options;
mod world;

use crate::decide::{BeforeLookUp, Input, PlannedDecision, PlannedOutcome};
use crate::reason::truncate;
use change::Change;
use facts::FACTS;
use options::OPTIONS;
use world::World;

/// The most things that are changed together.
const TOGETHER: usize = 3;
/// The most changes that are tried.
const TRIES: usize = 600;
/// The most that all tries may read, in bytes of documents, metadata and
/// records: a login that is explained must not run out of fuel where the same
/// login by itself does not.
const READ: usize = 3_000_000;
/// Worlds of one round that are built on.
const BUILT_ON: usize = 8;
/// The longest text that the contract allows, in bytes.
const TEXT: usize = 1024;

const NOT_LOOKED_UP: &str = "No other account was looked up, so no change could be tried.";
const TOO_LARGE: &str = "The accounts hold too much data to try changes.";
const NONE_FOUND: &str = "No change that was tried, alone or with others, alters the decision.";

/// Returns the smallest changes that would change the decision, in sentences.
#[must_use]
pub fn explain(input: &Input, plan: &PlannedOutcome) -> Option<String> {
    let tries = READ / world::estimate_bytes(input);
    // The changes that are left out could be the smallest ones.
    if tries < iter_changes().count() {
        return Some(TOO_LARGE.to_owned());
    }
    let start = World::from_input(input);
    if matches!(plan.decision, PlannedDecision::Link(_)) {
        return explain_link(&start, input);
    }
    if !BeforeLookUp::weigh(input.login()).needs_look_up() {
        // The host can look up what this login may not: it tries the settings.
        return Some(towards_look_up(start, input).map_or_else(
            || NOT_LOOKED_UP.to_owned(),
            |world| write_sentence(&world, "the other accounts with this address would be looked up"),
        ));
    }
    let found = search(&start, input, plan, tries.min(TRIES));
    let mut text = String::new();
    for suggestion in select_suggestions(&found) {
        let sentence = write_sentence(&suggestion.world, outcome_words(suggestion.nearness));
        if text.len() + 1 + sentence.len() <= TEXT {
            if !text.is_empty() {
                text.push(' ');
            }
            text.push_str(&sentence);
        }
    }
    Some(if text.is_empty() { NONE_FOUND.to_owned() } else { text })
}

/// The changes with which the other accounts would be looked up: each gets past
/// the rule that stops the login before.
fn towards_look_up(start: World, input: &Input) -> Option<World> {
    let mut world = start;
    for _ in 0..TOGETHER {
        let passed = world.rules_before_look_up(input).passed();
        let changes = OPTIONS.iter().chain(FACTS);
        world = changes
            .filter_map(|change| change.apply(&world, input))
            .find(|changed| changed.rules_before_look_up(input).passed() > passed)?;
        if world.rules_before_look_up(input).needs_look_up() {
            return Some(world);
        }
    }
    None
}

/// Finds a change that keeps two linked accounts apart.
fn explain_link(start: &World, input: &Input) -> Option<String> {
    facts::AWAY.iter().filter_map(|change| change.apply(start, input)).find_map(|world| {
        let nearness = rank_decision(&world.decide(input).decision);
        (nearness < LINKED).then(|| write_sentence(&world, outcome_words(nearness)))
    })
}

/// A set of changes that leads nearer to a link.
struct ChangeSet {
    steps: Vec<usize>,
    world: World,
    nearness: u8,
}

fn iter_changes() -> impl Iterator<Item = &'static Change> {
    FACTS.iter().chain(OPTIONS)
}

/// Finds every smallest set of changes that leads nearer to a link, up to the
/// smallest size that makes one.
fn search(start: &World, input: &Input, plan: &PlannedOutcome, mut tries: usize) -> Vec<ChangeSet> {
    let now = rank_decision(&plan.decision);
    let mut found: Vec<ChangeSet> = Vec::new();
    let mut built_on = vec![(Vec::new(), start.clone(), collect_codes(plan))];
    let mut seen: Vec<Vec<usize>> = Vec::new();
    for _ in 0..TOGETHER {
        let mut next = Vec::new();
        for (steps, world, reasons) in &built_on {
            for (index, change) in iter_changes().enumerate() {
                let mut steps: Vec<usize> = steps.clone();
                match steps.binary_search(&index) {
                    Ok(_) => continue,
                    Err(place) => steps.insert(place, index),
                }
                if seen.contains(&steps) {
                    continue;
                }
                if tries == 0 {
                    return found;
                }
                tries -= 1;
                let Some(world) = change.apply(world, input) else { continue };
                let plan = world.decide(input);
                let (nearness, codes) = (rank_decision(&plan.decision), collect_codes(&plan));
                seen.push(steps.clone());
                let is_more = |it: &ChangeSet| {
                    it.nearness >= nearness && it.steps.iter().all(|step| steps.contains(step))
                };
                // No advice removes two protections for one login.
                let is_sound = world.given_up.len() < 2;
                if nearness > now && is_sound && !found.iter().any(is_more) {
                    found.push(ChangeSet { steps: steps.clone(), world: world.clone(), nearness });
                }
                if nearness < LINKED && codes != *reasons && next.len() < BUILT_ON {
                    next.push((steps, world, codes));
                }
            }
        }
        if found.iter().any(|it| it.nearness == LINKED) {
            break;
        }
        built_on = next;
    }
    found
}

/// Selects the changes to suggest, for a link and for a question where that takes
/// fewer: the safest change of settings and the smallest of facts; both together
/// only where neither is enough.
fn select_suggestions(found: &[ChangeSet]) -> Vec<&ChangeSet> {
    let mut selected: Vec<&ChangeSet> = Vec::new();
    let gives_up = |selected: &[&ChangeSet]| selected.iter().any(|it| !it.world.given_up.is_empty());
    for nearness in (0..=LINKED).rev() {
        let smallest = |is_kind: &dyn Fn(&World) -> bool| {
            let of_kind = found.iter().filter(|it| it.nearness == nearness && is_kind(&it.world));
            of_kind.min_by_key(|it| (it.world.given_up.len(), it.steps.len(), it.world.only_if.len()))
        };
        let settings = smallest(&|world| world.facts.is_empty());
        let facts = smallest(&|world| world.changed.is_empty());
        let mixed = smallest(&|_| true).filter(|_| settings.is_none() && facts.is_none());
        let most = selected.iter().map(|it| it.steps.len()).min().unwrap_or(usize::MAX);
        // To ask gives less up than to link.
        let is_safer = |it: &ChangeSet| it.world.given_up.is_empty() && gives_up(&selected);
        let better = [settings, facts, mixed].into_iter().flatten();
        let better: Vec<&ChangeSet> = better.filter(|it| it.steps.len() < most || is_safer(it)).collect();
        selected.extend(better);
    }
    selected
}

fn collect_codes(plan: &PlannedOutcome) -> Vec<(String, Vec<String>)> {
    plan.reasons.iter().map(|it| (it.code.clone(), it.subject.clone())).collect()
}

/// Writes a sentence in the form of the contract: the host tries the settings of a
/// sentence that begins with "If the settings had {".
fn write_sentence(world: &World, so: &str) -> String {
    let mut conditions = world.facts.join(" and ");
    if let Some(settings) = world.changed_settings() {
        if !conditions.is_empty() {
            conditions.push_str(" and ");
        }
        conditions.push_str("the settings had ");
        conditions.push_str(&settings);
    }
    let mut text = format!("If {conditions}, {so}.");
    for only_if in &world.only_if {
        text.push_str(&format!(" Only if {only_if}."));
    }
    for given_up in &world.given_up {
        text.push_str(&format!(" This removes a protection: {given_up}"));
    }
    // Cut, the settings would be none.
    if text.len() > TEXT { truncate(text) } else { text.replace(char::is_control, "�") }
}

/// The rank of a link, the highest.
const LINKED: u8 = 3;

/// Ranks a decision by how near it is to a link.
fn rank_decision(decision: &PlannedDecision) -> u8 {
    match decision {
        PlannedDecision::Deny(_) => 0,
        PlannedDecision::Proceed => 1,
        PlannedDecision::Ask(..) => 2,
        PlannedDecision::Link(_) => LINKED,
    }
}

fn outcome_words(nearness: u8) -> &'static str {
    match nearness {
        0 => "the login would be denied",
        1 => "the login would continue without a link",
        2 => "the user would be asked",
        _ => "the accounts would be linked",
    }
}
