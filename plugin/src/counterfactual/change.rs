//! A change to try on a copy of the input.

use super::world::{NewValue, World};
use crate::decide::Input;

/// One thing that could be otherwise.
pub(super) enum Change {
    /// A change of the login or an account: the words after "If", and the change.
    Fact(&'static str, fn(&mut World)),
    /// A change of a key of the settings: its new value, if there is one to try.
    Setting(fn(&World, &Input) -> Option<NewValue>),
}

impl Change {
    /// Applies the change to a world. None if it changes nothing, or makes the settings invalid.
    pub(super) fn apply(&self, world: &World, input: &Input) -> Option<World> {
        match self {
            Self::Fact(words, apply) => {
                let mut changed = world.clone();
                apply(&mut changed);
                changed.facts.push(words);
                (changed.event != world.event || changed.found != world.found).then_some(changed)
            }
            Self::Setting(value) => value(world, input).and_then(|it| world.apply_setting(it)),
        }
    }
}
