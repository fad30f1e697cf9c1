//! The syntax of e-mail addresses and phone numbers. The policy that compares them
//! and the tenant that accepts them share it, so that no user signs up with an
//! address that the policy reads differently.

mod simple;

use email_address::{EmailAddress, Options};

/// The form of an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddressForm {
    /// An address that can be compared.
    Plain,
    /// An address with characters beyond ASCII.
    NonAscii,
    /// No address, or an address of a kind that is not compared: quoted, with a
    /// display name, with an IP literal, at a domain without a dot, too long,
    /// with control characters.
    Malformed,
}

/// Longest address, in bytes. Source: Auth0's OpenAPI document.
const MAX_BYTES: usize = 254;

/// Returns the form of an address.
#[must_use]
pub fn classify_address(address: &str) -> AddressForm {
    if simple::is_simple(address) { AddressForm::Plain } else { parse_address(address) }
}

fn parse_address(address: &str) -> AddressForm {
    if address.len() > MAX_BYTES || address.chars().any(char::is_control) {
        return AddressForm::Malformed;
    }
    if !address.is_ascii() {
        return AddressForm::NonAscii;
    }
    let options = Options::default().without_domain_literal().without_display_text().with_required_tld();
    match EmailAddress::parse_with_options(address, options) {
        Ok(_) if !address.contains('"') => AddressForm::Plain,
        _ => AddressForm::Malformed,
    }
}

/// Returns whether a tenant accepts the text as an address: one that the policy can
/// compare.
#[must_use]
pub fn is_email_address(text: &str) -> bool {
    classify_address(text) == AddressForm::Plain
}

/// Returns whether a tenant accepts the text as a phone number: `+` and up to 15
/// digits.
///
/// Source: Auth0's OpenAPI document, `phone_number`; the length is E.164's.
#[must_use]
pub fn is_phone_number(text: &str) -> bool {
    text.strip_prefix('+').is_some_and(|digits| {
        (1..=15).contains(&digits.len()) && digits.bytes().all(|digit| digit.is_ascii_digit())
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::simple::is_simple;
    use super::{AddressForm, classify_address, is_phone_number, parse_address};

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]
        #[test]
        fn every_simple_address_is_a_plain_one(
            address in "[aZ0_+.-]{1,8}@[aZ0.-]{1,9}|[a.]{50,60}@[a.-]{1,9}[.][a-z]{1,9}|[a.]{1,9}@[a.-]{50,60}[.][a-z]{1,9}"
        ) {
            if is_simple(&address) {
                prop_assert_eq!(parse_address(&address), AddressForm::Plain, "{}", address);
            }
        }
    }

    #[test]
    fn only_plain_addresses_are_compared() {
        assert_eq!(classify_address("ada.lovelace+x@mail.example.com"), AddressForm::Plain);
        for malformed in [
            "",
            "undefined",
            "ada",
            "@example.com",
            "ada@",
            "a@b@example.com",
            "ada@example.com.",
            "ada@localhost",
            "\"a b\"@example.com",
            "ada@[192.0.2.1]",
            "ada\n@example.com",
            "ada@example..com",
            "Ada <ada@example.com>",
            " ada@example.com",
        ] {
            assert_eq!(classify_address(malformed), AddressForm::Malformed, "{malformed:?}");
        }
        assert_eq!(classify_address(&format!("{}@example.com", "a".repeat(320))), AddressForm::Malformed);
        let of_bytes = |bytes: usize| {
            let label = "b".repeat(60);
            format!("{}@{label}.{label}.{label}.{}.com", "a".repeat(60), "c".repeat(bytes - 248))
        };
        assert_eq!((of_bytes(254).len(), classify_address(&of_bytes(254))), (254, AddressForm::Plain));
        assert_eq!(classify_address(&of_bytes(255)), AddressForm::Malformed);
        for beyond in [
            "mıke@example.com",
            "straße@example.com",
            "ｊane@example.com",
            "a@раypal.com",
            "a\u{200b}@example.com",
        ] {
            assert_eq!(classify_address(beyond), AddressForm::NonAscii, "{beyond}");
        }
    }

    #[test]
    fn a_phone_number_is_a_plus_and_digits() {
        for number in ["+1", "+15550100", "+123456789012345"] {
            assert!(is_phone_number(number), "{number}");
        }
        for other in ["", "+", "15550100", "+1 555", "+1555x", "+1234567890123456", "+１５５"] {
            assert!(!is_phone_number(other), "{other:?}");
        }
    }
}
