//! Comparing bytes, eight at a time.
//!
//! The C library of the target compares one byte at a time, which took an eighth of the fuel of a
//! login.

use std::cmp::Ordering;

use crate::json::{load_word, order_of_eight};

/// Returns the order of two texts of equal length.
#[inline(always)]
pub(crate) fn order_of_bytes(a: &[u8], b: &[u8]) -> Ordering {
    let differ = |at: usize| {
        let (ours, theirs) = (load_word(a, at), load_word(b, at));
        (ours != theirs).then(|| order_of_eight(ours, theirs))
    };
    // The last eight bytes may be compared again, where they are equal.
    let last = a.len().saturating_sub(8);
    let mut at = 0;
    while at < last {
        if let Some(order) = differ(at) {
            return order;
        }
        at += 8;
    }
    differ(last).unwrap_or(Ordering::Equal)
}

#[cfg(target_family = "wasm")]
mod symbol {
    #![expect(unsafe_code, reason = "the compiler calls this function by its C name and with pointers")]

    use super::order_of_bytes;

    // SAFETY: the name and the signature are those of the C standard, and so is the result.
    #[unsafe(no_mangle)]
    unsafe extern "C" fn memcmp(a: *const u8, b: *const u8, length: usize) -> i32 {
        if length == 0 {
            // The addresses may be null then.
            return 0;
        }
        // SAFETY: the caller passes the addresses of so many bytes each.
        let (a, b) =
            unsafe { (std::slice::from_raw_parts(a, length), std::slice::from_raw_parts(b, length)) };
        order_of_bytes(a, b) as i32
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::order_of_bytes;

    proptest! {
        #[test]
        fn the_order_is_that_of_the_bytes(
            a in prop::collection::vec(0_u8..4, 0..40),
            changes in prop::collection::vec((0_usize..40, any::<u8>()), 0..3),
        ) {
            let mut b = a.clone();
            for (place, byte) in changes {
                if let Some(held) = b.get_mut(place) {
                    *held = byte;
                }
            }
            prop_assert_eq!(order_of_bytes(&a, &b), a.cmp(&b));
        }
    }
}
