//! Finding a name in a long list.

/// The most names of a list that is searched one by one, because an index would cost more.
const FEW: usize = 4;

/// A hash table of the places of names in a list. It does not hold the names.
///
/// It is built when the document is read. A look-up visits at most the longest run of used slots.
/// The document alone determines that run: an operator writes it, and no name of a login
/// makes the run longer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Index {
    /// Places from 1, and 0 in a free slot, each with all bits inverted: a snapshot keeps bytes that
    /// are not zero in fewer pieces. At most a quarter is used, so that runs are short.
    slots: Box<[u32]>,
    /// Shifts a hash to the number of its first slot.
    shift: u32,
}

impl Index {
    /// The index of a list of so many names; none if they are few. Of equal names, it has the first.
    /// A place may be without a name.
    // No list of the names is made for this: memory of the guest is not used again, and what was in
    // it would be a part of the snapshot.
    pub(crate) fn new<'a>(count: usize, name_at: impl Fn(usize) -> Option<&'a str>) -> Option<Box<Self>> {
        (count > FEW).then(|| Box::new(Self::of_many(count, name_at)))
    }

    fn of_many<'a>(count: usize, name_at: impl Fn(usize) -> Option<&'a str>) -> Self {
        let slots = (count * 4).next_power_of_two();
        let mut index = Self { slots: vec![!0; slots].into(), shift: u64::BITS - slots.trailing_zeros() };
        for (number, place) in (1..).zip(0..count) {
            if let Some(name) = name_at(place)
                && let Err(free) = index.search(name, |place| name_at(place) == Some(name))
                && let Some(slot) = index.slots.get_mut(free)
            {
                *slot = !number;
            }
        }
        index
    }

    /// Returns the place of a name. `is_at` compares it with the name at a place.
    pub(crate) fn find(&self, name: &str, is_at: impl Fn(usize) -> bool) -> Option<usize> {
        self.search(name, is_at).ok()
    }

    /// Returns the place of a name, or else the number of the free slot where the search ended.
    fn search(&self, name: &str, is_at: impl Fn(usize) -> bool) -> Result<usize, usize> {
        let mut slot = (hash(name) >> self.shift) as usize;
        loop {
            // No slot is outside: the hash is shifted, and the next slot is masked.
            let number = self.slots.get(slot).map_or(0, |slot| !slot);
            let Some(place) = (number as usize).checked_sub(1) else { return Err(slot) };
            if is_at(place) {
                return Ok(place);
            }
            slot = (slot + 1) & (self.slots.len() - 1);
        }
    }
}

/// The hash of a name, regardless of ASCII case. It withstands no attacker who chooses the names
/// of the list.
fn hash(name: &str) -> u64 {
    /// In every byte, the bit in which a capital differs from its small letter.
    const CASE: u64 = 0x2020_2020_2020_2020;
    /// The golden ratio's digits.
    const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
    let add = |hash: u64, word: u64| (hash.rotate_left(29) ^ (word | CASE)).wrapping_mul(ODD);
    let bytes = name.as_bytes();
    let mut hash = bytes.len() as u64;
    for word in bytes.as_chunks().0 {
        hash = add(hash, u64::from_le_bytes(*word));
    }
    // The last eight bytes may overlap with those before.
    let last = match bytes.last_chunk() {
        Some(word) => u64::from_le_bytes(*word),
        None => bytes.iter().fold(0, |word, byte| word << 8 | u64::from(*byte)),
    };
    hash = add(hash, last);
    // The number of the slot is made of the highest bits, which this lets depend on every byte.
    (hash ^ hash >> 32).wrapping_mul(ODD)
}

#[cfg(test)]
mod tests {
    use super::{Index, hash};

    /// Names as operators write them: they differ in few characters.
    fn kinds() -> Vec<Vec<String>> {
        let forms: [fn(usize) -> String; 6] = [
            |number| format!("connection-{number}"),
            |number| format!("{number}.example.com"),
            |number| format!("auth0|{number:024x}"),
            |number| format!("{number}"),
            |number| format!("org_{:016x}", (number as u64).wrapping_mul(0x2545_f491_4f6c_dd1d)),
            |number| format!("{}-samlp", "x".repeat(number % 500) + &number.to_string()),
        ];
        forms.iter().map(|form| (0..2_000).map(form).collect()).collect()
    }

    #[test]
    fn every_name_has_its_place_and_no_other_name_has_one() {
        for names in kinds() {
            for count in [5, 10, 1_000, 2_000] {
                let listed: Vec<&str> = names.iter().take(count).map(String::as_str).collect();
                let index = Index::of_many(listed.len(), |place| Some(listed[place]));
                let find = |name: &str| index.find(name, |place| listed[place] == name);
                for (place, name) in names.iter().enumerate() {
                    assert_eq!(find(name), (place < count).then_some(place), "{name}");
                }
                assert_eq!(find(""), None);
            }
        }
    }

    #[test]
    fn equal_names_have_the_first_place_and_take_one_slot() {
        let listed: Vec<&str> = ["a", "b"].repeat(500);
        let index = Index::of_many(listed.len(), |place| Some(listed[place]));
        let find = |name: &str| index.find(name, |place| listed[place] == name);
        assert_eq!((find("a"), find("b"), find("c")), (Some(0), Some(1), None));
        assert_eq!(index.slots.iter().filter(|slot| **slot != !0).count(), 2);
    }

    #[test]
    fn the_hash_ignores_case() {
        assert_eq!(hash("Admin"), hash("aDMIN"));
        assert_eq!(hash("Acme.Example.COM"), hash("aCME.eXAMPLE.com"));
        assert_ne!(hash("acme.example.com"), hash("acne.example.com"));
    }

    /// A look-up that is no more than a few slots long costs the same in any list.
    #[test]
    fn runs_stay_short() {
        for names in kinds() {
            for count in [5, 10, 100, 1_000, 2_000] {
                let listed: Vec<&str> = names.iter().take(count).map(String::as_str).collect();
                let index = Index::of_many(listed.len(), |place| Some(listed[place]));
                let longest = index.slots.split(|slot| *slot == !0).map(<[u32]>::len).max();
                assert!(longest < Some(16), "{longest:?} slots in a row, of {count} like {}", names[1]);
            }
        }
    }
}
