//! The form of most addresses, recognised in one pass. Every other address is parsed.

/// The longest part before the `@`, and the longest label of a domain, in bytes. Source: RFC 5321,
/// 4.5.3.1.1, and RFC 1035, 2.3.4.
const MAX_LOCAL_BYTES: usize = 64;
const MAX_LABEL_BYTES: usize = 63;

/// Returns whether an address consists of letters, digits and a few signs, with dots between them
/// and two labels or more in its domain.
pub(super) fn is_simple(address: &str) -> bool {
    let bytes = address.as_bytes();
    let Some(at) = bytes.iter().position(|byte| *byte == b'@') else { return false };
    let (local, domain) = (&bytes[..at], &bytes[at + 1..]);
    local.len() <= MAX_LOCAL_BYTES && are_atoms(local) && are_labels(domain)
}

/// The kind of a byte.
const KIND: [u8; 256] = {
    let mut kinds = [OTHER; 256];
    let mut byte = 0;
    while byte < 256 {
        kinds[byte] = match byte as u8 {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => WORD,
            b'-' => HYPHEN,
            b'_' | b'+' => SIGN,
            b'.' => DOT,
            _ => OTHER,
        };
        byte += 1;
    }
    kinds
};
const WORD: u8 = 0;
const HYPHEN: u8 = 1;
const SIGN: u8 = 2;
const DOT: u8 = 3;
const OTHER: u8 = 4;

/// Returns whether the bytes are letters, digits, `-`, `_` and `+` with single dots between them.
fn are_atoms(bytes: &[u8]) -> bool {
    let mut last = DOT;
    for &byte in bytes {
        let kind = KIND[usize::from(byte)];
        if kind == OTHER || kind == DOT && last == DOT {
            return false;
        }
        last = kind;
    }
    last != DOT
}

/// Returns whether the bytes are two labels or more: letters, digits and inner hyphens.
fn are_labels(bytes: &[u8]) -> bool {
    let (mut last, mut label, mut dots) = (DOT, 0, 0);
    for &byte in bytes {
        let kind = KIND[usize::from(byte)];
        let fits = match kind {
            WORD => true,
            HYPHEN => last != DOT,
            DOT => last == WORD,
            _ => false,
        };
        if !fits || label > MAX_LABEL_BYTES {
            return false;
        }
        (label, dots) = if kind == DOT { (0, dots + 1) } else { (label + 1, dots) };
        last = kind;
    }
    dots > 0 && label <= MAX_LABEL_BYTES && last == WORD
}

#[cfg(test)]
mod tests {
    use super::is_simple;

    #[test]
    fn the_addresses_of_most_people_are_simple() {
        for address in ["ada.lovelace@example.com", "a+x_y-z@mail.example.co.uk", "A@b.c", "1@2.3"] {
            assert!(is_simple(address), "{address}");
        }
        for address in [
            "a@b",
            ".a@b.c",
            "a.@b.c",
            "a..b@c.d",
            "a@-b.c",
            "a@b-.c",
            "a@b.c.",
            "a@b.c-",
            "a@@b.c",
            "é@b.c",
            "\"a\"@b.c",
            "",
            "@b.c",
            "a@",
        ] {
            assert!(!is_simple(address), "{address:?}");
        }
    }
}
