//! The form of most addresses, recognised by one load and one shift for each byte. Every other
//! address is parsed.

/// The longest address that is recognised here, in bytes. The part before the `@` then has at most 64
/// bytes, and a label at most 63, which are the limits of RFC 5321, 4.5.3.1.1, and RFC 1035, 2.3.4.
const MAX_BYTES: usize = 64;

/// Returns whether an address consists of letters, digits and a few signs, with dots between them
/// and two labels or more in its domain. An address of more than 64 bytes is not recognised.
pub(super) fn is_simple(address: &str) -> bool {
    if address.len() > MAX_BYTES {
        return false;
    }
    let mut state = LOCAL_START;
    for byte in address.bytes() {
        // The distances are multiples of the width; the bits above them belong to other states.
        state = NEXT[usize::from(byte)] >> (state & STATE_BITS);
    }
    state & STATE_BITS == LAST_LABEL
}

/// The states: the place, in bits, of the next state in the entry of a byte.
const WIDTH: u64 = 6;
const STATE_BITS: u64 = (1 << WIDTH) - 1;
const REFUSED: u64 = 0;
/// At the first byte, or behind a dot before the `@`.
const LOCAL_START: u64 = WIDTH;
const LOCAL: u64 = 2 * WIDTH;
/// Behind the `@`.
const DOMAIN_START: u64 = 3 * WIDTH;
const FIRST_LABEL: u64 = 4 * WIDTH;
const FIRST_LABEL_HYPHEN: u64 = 5 * WIDTH;
/// Behind a dot of the domain.
const LABEL_START: u64 = 6 * WIDTH;
const LAST_LABEL: u64 = 7 * WIDTH;
const LAST_LABEL_HYPHEN: u64 = 8 * WIDTH;
const STATES: u64 = 9;

/// The next states after each byte, one beside the other.
static NEXT: [u64; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut state = 0;
        while state < STATES {
            table[byte] |= find_next(state * WIDTH, byte as u8) << (state * WIDTH);
            state += 1;
        }
        byte += 1;
    }
    table
};

const fn find_next(state: u64, byte: u8) -> u64 {
    match (state, byte) {
        (LOCAL_START | LOCAL, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'+') => LOCAL,
        (LOCAL, b'.') => LOCAL_START,
        (LOCAL, b'@') => DOMAIN_START,
        (DOMAIN_START | FIRST_LABEL | FIRST_LABEL_HYPHEN, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9') => {
            FIRST_LABEL
        }
        (FIRST_LABEL | FIRST_LABEL_HYPHEN, b'-') => FIRST_LABEL_HYPHEN,
        (FIRST_LABEL | LAST_LABEL, b'.') => LABEL_START,
        (LABEL_START | LAST_LABEL | LAST_LABEL_HYPHEN, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9') => LAST_LABEL,
        (LAST_LABEL | LAST_LABEL_HYPHEN, b'-') => LAST_LABEL_HYPHEN,
        _ => REFUSED,
    }
}

#[cfg(test)]
mod tests {
    use super::is_simple;

    #[test]
    fn the_addresses_of_most_people_are_simple() {
        for address in
            ["ada.lovelace@example.com", "a+x_y-z@mail.example.co.uk", "A@b.c", "1@2.3", "a@b-c.d--e.f"]
        {
            assert!(is_simple(address), "{address}");
        }
        for address in [
            "a@b",
            ".a@b.c",
            "a.@b.c",
            "a..b@c.d",
            "a@-b.c",
            "a@b-.c",
            "a@b.-c",
            "a@b..c",
            "a@b.c.",
            "a@b.c-",
            "a@@b.c",
            "a@b@c.d",
            "é@b.c",
            "a@é.c",
            "\"a\"@b.c",
            "",
            "@b.c",
            "a@",
            "a@b.c\0",
            "a@b.c ",
        ] {
            assert!(!is_simple(address), "{address:?}");
        }
    }

    #[test]
    fn an_address_of_64_bytes_is_the_longest_simple_one() {
        let longest = format!("{}@b.c", "a".repeat(60));
        assert!(is_simple(&longest) && !is_simple(&format!("a{longest}")));
    }
}
