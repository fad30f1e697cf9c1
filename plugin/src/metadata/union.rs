//! Finds the elements of an array that another array lacks.

use std::collections::BTreeSet;

use crate::json::Element;

/// The number of elements up to which comparing each with each is the cheapest.
const FEW: usize = 12;

/// Calls back with each element that is not known, once. Changes `known`.
pub(super) fn visit_new<'a>(
    known: &mut Vec<Element<'a>>,
    elements: &[Element<'a>],
    each: &mut dyn FnMut(&'a [u8]),
) {
    if known.len() + elements.len() <= FEW {
        for element in elements {
            if !known.iter().any(|known| known.same(element)) {
                known.push(*element);
                each(element.text);
            }
        }
        return;
    }
    let mut set = Set::with_size(known.len() + elements.len());
    for (place, element) in known.iter().enumerate() {
        set.insert(known, element, place);
    }
    for element in elements {
        if set.insert(known, element, known.len()) {
            known.push(*element);
            each(element.text);
        }
    }
}

/// A hash table of places in a list. A tree takes over where elements collide, as
/// an attacker could choose them.
struct Set<'a> {
    /// The place, from 1; 0 for none.
    slots: Vec<u32>,
    shift: u32,
    /// The number of further slots that may be probed without success.
    patience: usize,
    tree: BTreeSet<&'a [u8]>,
}

impl<'a> Set<'a> {
    fn with_size(size: usize) -> Self {
        let slots = (2 * size).next_power_of_two();
        let shift = 64 - slots.trailing_zeros();
        Self { slots: vec![0; slots], shift, patience: 4 * slots, tree: BTreeSet::new() }
    }

    /// Returns whether the element is new. `place` is its place in the list, now or
    /// after it was added.
    fn insert(&mut self, list: &[Element<'a>], element: &Element<'a>, place: usize) -> bool {
        let mut at = (element.hash() >> self.shift) as usize;
        while self.patience > 0 {
            match self.slots[at] as usize {
                0 => {
                    self.slots[at] = place as u32 + 1;
                    return true;
                }
                known if list[known - 1].same(element) => return false,
                _ => at = (at + 1) & (self.slots.len() - 1),
            }
            self.patience -= 1;
        }
        self.tree.extend(
            self.slots.drain(..).filter(|known| *known > 0).map(|known| list[known as usize - 1].text),
        );
        self.tree.insert(element.text)
    }
}
