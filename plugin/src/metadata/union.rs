//! Which elements of an array are not in another one.

use std::collections::BTreeSet;

use crate::json::Element;

/// Up to so many elements in all, comparing each with each is the cheapest.
const FEW: usize = 12;

/// Passes on each element that is not known, once. `known` may be changed.
pub(super) fn each_new<'a>(
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
    let mut set = Set::of_size(known.len() + elements.len());
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

/// A hash table of places in a list, and a tree where somebody has chosen the
/// elements to collide.
struct Set<'a> {
    /// The place, from 1; 0 for none.
    slots: Vec<u32>,
    shift: u32,
    /// How many more slots may be looked at in vain.
    patience: usize,
    tree: BTreeSet<&'a [u8]>,
}

impl<'a> Set<'a> {
    fn of_size(size: usize) -> Self {
        let slots = (2 * size).next_power_of_two();
        let shift = 64 - slots.trailing_zeros();
        Self { slots: vec![0; slots], shift, patience: 4 * slots, tree: BTreeSet::new() }
    }

    /// Whether the element is new. Its place in the list is, or is going to be,
    /// this one.
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
