//! The results of turns, each worked out once for the accounts that it concerns.
//!
//! A login concerns its own account and those that have its address, for the
//! guard looks up no other; a link its two sides. The same accounts stand in
//! thousands of states.

use std::collections::HashMap;

use crate::moves::{Game, Move};
use crate::world::{Address, Id, Player, World};

/// The turns of a game that were worked out.
pub(crate) struct Known<'a> {
    game: &'a Game,
    turns: HashMap<(World, Move), World>,
    /// The number of them that were logins and linked.
    pub(crate) linked: usize,
}

impl<'a> Known<'a> {
    pub(crate) fn of(game: &'a Game) -> Self {
        Self { game, turns: HashMap::new(), linked: 0 }
    }

    pub(crate) fn game(&self) -> &'a Game {
        self.game
    }

    /// The number of turns that went through the directory.
    pub(crate) fn len(&self) -> usize {
        self.turns.len()
    }

    /// The state after this turn.
    pub(crate) fn play(&mut self, before: &World, player: Player, what: Move) -> World {
        let Some(concerned) = concerned(before, what) else {
            return self.game.play(before, player, what).world;
        };
        let (inside, outside) = before.split(|account| concerned.contains(&account));
        let after = *self.turns.entry((inside, what)).or_insert_with(|| {
            let played = self.game.play(&inside, player, what);
            self.linked += usize::from(played.has_linked());
            played.world
        });
        after.joined(&outside)
    }
}

/// The accounts that a turn concerns; none where it does not go through the
/// directory.
fn concerned(before: &World, what: Move) -> Option<Vec<Id>> {
    let with_address = |own: Option<Id>, address: Option<Address>| {
        let has_it = |account: &Id| before.address(*account).map(|claim| claim.address) == address;
        before.accounts().filter(|account| own == Some(*account) || has_it(account)).collect()
    };
    let held = |account: Id| before.address(account).map(|claim| claim.address);
    match what {
        Move::LogIn(by, sent) => Some(match (before.owner(by), sent) {
            // A provider's word on the primary identity becomes the account's.
            (own, Some(sent)) if own.is_none_or(|own| own == by) => with_address(own, Some(sent.address)),
            (own, _) => with_address(own, own.and_then(held)),
        }),
        Move::Refresh(by) => Some(with_address(before.owner(by), before.owner(by).and_then(held))),
        Move::Link { primary, secondary } => Some(vec![primary, secondary]),
        Move::Unlink(id) => Some(before.owner(id).into_iter().collect()),
        Move::SignUp(..) | Move::Verify(_) | Move::Reset(_) | Move::ChangeAddress(..) => None,
    }
}
