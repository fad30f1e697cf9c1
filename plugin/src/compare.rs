//! Comparing bytes, eight at a time.
//!
//! The C library of the target compares one byte at a time, which took an eighth of the fuel of a
//! login.

#![expect(unsafe_code, reason = "eight bytes are loaded by a pointer, without a check of the place")]

use std::cmp::Ordering;

/// Returns the order of two texts of this length.
///
/// # Safety
///
/// Both pointers are valid for reads of `length` bytes.
#[inline(always)]
unsafe fn order_of_bytes(a: *const u8, b: *const u8, length: usize) -> Ordering {
    macro_rules! differ {
        ($word:ty, $at:expr) => {
            // SAFETY: the callers below pass places whose word ends within the length.
            let (ours, theirs) = unsafe {
                (a.add($at).cast::<$word>().read_unaligned(), b.add($at).cast::<$word>().read_unaligned())
            };
            if ours != theirs {
                return <$word>::from_be(ours).cmp(&<$word>::from_be(theirs));
            }
        };
    }
    if length >= 8 {
        let mut at = 0;
        while at < length - 8 {
            differ!(u64, at);
            at += 8;
        }
        // Bytes that are compared twice are equal.
        differ!(u64, length - 8);
    } else if length >= 4 {
        differ!(u32, 0);
        differ!(u32, length - 4);
    } else {
        for at in 0..length {
            differ!(u8, at);
        }
    }
    Ordering::Equal
}

#[cfg(target_family = "wasm")]
mod symbol {
    use super::order_of_bytes;

    // SAFETY: the name and the signature are those of the C standard, and so is the result.
    #[unsafe(no_mangle)]
    unsafe extern "C" fn memcmp(a: *const u8, b: *const u8, length: usize) -> i32 {
        // SAFETY: the caller passes the addresses of so many bytes each.
        unsafe { order_of_bytes(a, b, length) as i32 }
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
            // SAFETY: both have this length.
            let order = unsafe { order_of_bytes(a.as_ptr(), b.as_ptr(), a.len()) };
            prop_assert_eq!(order, a.cmp(&b));
        }
    }
}
