//! Comparing bytes, eight at a time.
//!
//! The C library of the target compares one byte at a time, which took an eighth of the fuel of a
//! login.

use std::cmp::Ordering;

/// Returns the order of two texts of equal length.
#[inline(always)]
pub(crate) fn order_of_bytes(a: &[u8], b: &[u8]) -> Ordering {
    let length = a.len();
    let mut at = 0;
    while let (Some(ours), Some(theirs)) = (word(a, at), word(b, at)) {
        if ours != theirs {
            return u64::from_be(ours).cmp(&u64::from_be(theirs));
        }
        at += 8;
    }
    if at == length {
        return Ordering::Equal;
    }
    // The last eight bytes: those that were compared before are equal.
    if let Some(last) = length.checked_sub(8)
        && let (Some(ours), Some(theirs)) = (word(a, last), word(b, last))
    {
        return u64::from_be(ours).cmp(&u64::from_be(theirs));
    }
    while let (Some(ours), Some(theirs)) = (a.get(at), b.get(at)) {
        if ours != theirs {
            return ours.cmp(theirs);
        }
        at += 1;
    }
    Ordering::Equal
}

#[inline(always)]
fn word(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..)?.first_chunk().map(|eight| u64::from_ne_bytes(*eight))
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
