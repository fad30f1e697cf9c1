//! Invariant I10: two logins at once, in every order of their steps.

use ligature_link_policy::{OnMultiple, Policy};
use link_users_by_email::bindings::{Identity, LoginEvent, User};

use super::world::World;
use super::{auto, event, good, links, plan};

/// Every interleaving of two logins, step by step: each looks up, then carries
/// out what it planned on what it saw. A link whose accounts have changed since
/// is refused, as the directory does.
#[test]
fn i10_no_interleaving_of_two_logins_makes_two_primaries() {
    let ids = ["auth0|1", "google-oauth2|2", "github|3"];
    let mut links_made = 0;
    for count in 2..=3 {
        for policy in [auto(), Policy { on_multiple: OnMultiple::LinkAll, ..auto() }] {
            for ages in [[1, 2, 3], [3, 2, 1], [2, 2, 2]] {
                let users: Vec<User> = ids[..count].iter().zip(ages).map(|(id, age)| good(id, age)).collect();
                for (a, b) in [(0, 1), (1, 0), (0, count - 1), (count - 1, 1)] {
                    // 0: both look before either links; 1 and 2: one after the other.
                    for order in 0..3 {
                        links_made += interleave(&users, a, b, order, &policy);
                    }
                }
            }
        }
    }
    assert!(links_made > 50, "the check checks something: {links_made}");
}

fn interleave(users: &[User], a: usize, b: usize, order: u8, policy: &Policy) -> usize {
    let mut world = World { users: users.to_vec() };
    let (one, other) = (&users[a].user_id, &users[b].user_id);
    let made = match order {
        // Both look before either links: the second one's view is outdated.
        0 => {
            let (first, second) = (look(&world, one), look(&world, other));
            let changed = carry_out(&mut world, first, policy, &[]);
            let lost = carry_out(&mut world, second, policy, &changed);
            (changed.len() + lost.len()) / 2
        }
        // One after the other.
        1 => {
            let view = look(&world, one);
            let first = carry_out(&mut world, view, policy, &[]);
            let view = look(&world, other);
            (first.len() + carry_out(&mut world, view, policy, &[]).len()) / 2
        }
        // The second one looks first and acts last.
        _ => {
            let view = look(&world, other);
            let first = look(&world, one);
            let changed = carry_out(&mut world, first, policy, &[]);
            (changed.len() + carry_out(&mut world, view, policy, &changed).len()) / 2
        }
    };
    let own = |it: &Identity| format!("{}|{}", it.provider, it.user_id);
    let mut identities: Vec<String> =
        world.users.iter().flat_map(|user| user.identities.iter().map(own)).collect();
    identities.sort();
    let mut expected: Vec<String> = users.iter().map(|user| user.user_id.clone()).collect();
    expected.sort();
    assert_eq!(identities, expected, "every identity is there, once");
    assert!(world.users.iter().filter(|user| user.identities.len() > 1).count() <= 1, "one primary");
    made
}

/// The accounts that a login sees. One through an account that has become an identity of
/// another is that other's login.
fn look(world: &World, id: &str) -> Option<(LoginEvent, Vec<User>)> {
    let is_own = |it: &Identity| format!("{}|{}", it.provider, it.user_id) == id;
    let own = world.users.iter().find(|user| user.identities.iter().any(is_own))?;
    let others = world.users.iter().filter(|user| user.user_id != own.user_id).cloned().collect();
    Some((event(own), others))
}

/// Carries out what is planned on that view; a link whose accounts have changed
/// since is refused. Returns which accounts were changed, two for each link.
fn carry_out(
    world: &mut World,
    view: Option<(LoginEvent, Vec<User>)>,
    policy: &Policy,
    changed_since: &[String],
) -> Vec<String> {
    let mut changed = Vec::new();
    let Some((event, found)) = view else { return changed };
    for request in links(&plan(&event, policy, &found)) {
        let pair = [request.primary.clone(), request.secondary.clone()];
        if pair.iter().all(|id| !changed_since.contains(id)) && world.apply(request).is_ok() {
            changed.extend(pair);
        }
    }
    changed
}
