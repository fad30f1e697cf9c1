//! Masks of addresses and names that keep equal ones equal.

use std::borrow::Cow;

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::ambient::Ambient;
use crate::model::replace_addresses;

/// A random key, which is never written anywhere: without it, nobody can find an address by
/// masking guesses. Masks of different keys are different.
pub(super) struct MaskKey([u8; 32]);

/// The longest part of a plain address before the `@`, in bytes.
///
/// Source: RFC 5321, section 4.5.3.1.1.
const MAX_LOCAL: usize = 64;
/// The longest plain address, in bytes.
///
/// Source: Auth0's OpenAPI document.
const MAX_ADDRESS: usize = 254;

impl MaskKey {
    pub(super) fn draw(ambient: &Ambient) -> Self {
        let mut key = [0; 32];
        ambient.random().fill(&mut key);
        Self(key)
    }

    /// Masks the addresses in a text. The domain stays, because policies list domains. Two
    /// addresses that are equal, or equal but for the case of ASCII letters, are so after it,
    /// and an address that cannot be compared stays one.
    pub(super) fn mask_addresses<'a>(&self, text: &'a str) -> Cow<'a, str> {
        replace_addresses(text, |local, domain| Some(self.mask_address(local, domain)))
    }

    /// Masks the addresses in every text and every key of a value.
    pub(super) fn mask_value(&self, value: Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.mask_addresses(&text).into_owned()),
            Value::Array(items) => items.into_iter().map(|item| self.mask_value(item)).collect(),
            Value::Object(fields) => fields
                .into_iter()
                .map(|(key, value)| (self.mask_addresses(&key).into_owned(), self.mask_value(value)))
                .collect(),
            other => other,
        }
    }

    /// Masks a name, a number or another text about a person. Returns none for a blank text, which
    /// says that there is none, and for one with an address, which is masked where all addresses
    /// are.
    pub(super) fn mask_personal(&self, text: &str) -> Option<String> {
        let is_address = self.mask_addresses(text) != text;
        let is_masked = !is_address && !text.trim().is_empty();
        is_masked.then(|| format!("masked-{}", letters(&self.digest("personal", text)[..5])))
    }

    /// Masks a text that stands in the place of an address, as [`MaskKey::mask_personal`] does.
    /// One that cannot be compared stays one.
    pub(super) fn mask_email(&self, text: &str) -> Option<String> {
        let is_beyond_ascii = !text.is_ascii() && !text.chars().any(char::is_control);
        Some(self.mask_personal(text)? + if is_beyond_ascii { "é" } else { "" })
    }

    /// The text that stands for a secret.
    pub(super) fn stand_in(&self, secret: &str) -> String {
        format!("left out, {}", letters(&self.digest("secret", secret)[..5]))
    }

    fn mask_address(&self, local: &str, domain: &str) -> String {
        // A dot at the end may be that of a sentence.
        let end = domain.trim_end_matches(['.', '-']);
        let lower = format!("{local}@{end}").to_ascii_lowercase();
        let mut masked = letters(&self.digest("address", &lower)[..10]);
        if local.bytes().any(|byte| byte.is_ascii_uppercase()) {
            masked = self.vary_case(&masked, local);
        }
        format!("{masked}{}@{domain}", form_of(local, domain))
    }

    /// Gives letters another case, the same one for the same text.
    fn vary_case(&self, masked: &str, text: &str) -> String {
        let digest = self.digest("case", text);
        // At least one letter differs.
        let first = usize::from(digest[31]) % masked.len();
        let vary = |(index, letter): (usize, char)| {
            let is_upper = index == first || digest[index % 31] & 1 == 1;
            if is_upper { letter.to_ascii_uppercase() } else { letter }
        };
        masked.chars().enumerate().map(vary).collect()
    }

    // The digest is cut, so that nobody can extend it.
    fn digest(&self, purpose: &str, text: &str) -> [u8; 32] {
        let digest = Sha256::new().chain_update(self.0).chain_update(purpose).chain_update([0]);
        digest.chain_update(text).finalize().into()
    }
}

/// The letters that stand for bytes, two each.
fn letters(bytes: &[u8]) -> String {
    let letter = |half: u8| char::from(b'a' + half);
    bytes.iter().flat_map(|byte| [letter(byte >> 4), letter(byte & 15)]).collect()
}

/// The end of a masked part before the `@` that keeps the form of the address: a plain one, one
/// beyond ASCII, or one that cannot be compared.
fn form_of(local: &str, domain: &str) -> &'static str {
    let is_too_long = local.len() > MAX_LOCAL || local.len() + 1 + domain.len() > MAX_ADDRESS;
    let is_in_place = !local.starts_with('.') && !local.ends_with('.') && !local.contains("..");
    let is_atom = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+/=?^_`{|}~-.".contains(c);
    match () {
        () if is_too_long || local.chars().any(char::is_control) => "..",
        () if !local.is_ascii() => "é",
        () if is_in_place && local.chars().all(is_atom) => "",
        () => "..",
    }
}

#[cfg(test)]
mod tests {
    use super::MaskKey;
    use crate::ambient::Ambient;
    use crate::model::Addresses;

    fn key() -> MaskKey {
        MaskKey::draw(&Ambient::system())
    }

    const ADDRESSES: [&str; 16] = [
        "ada@corp.com",
        "Ada@corp.com",
        "ADA@Corp.com",
        "aDa@corp.com",
        "ada@corp.org",
        "ada+news@corp.com",
        "a.da@corp.com",
        "adá@corp.com",
        "ADá@corp.com",
        "a..da@corp.com",
        "a@b@corp.com",
        "\"ada l\"@corp.com",
        "ada@sub.corp.com",
        "o'brien@corp.com",
        "bob@corp.com",
        "BOB@CORP.COM",
    ];

    /// Holds for every pair: what a policy or the guard compares gives the same answer.
    #[test]
    fn every_comparison_of_two_addresses_gives_the_same_answer_for_their_masks() {
        let key = key();
        let domain = |address: &str| address.rsplit_once('@').unwrap().1.to_owned();
        for a in ADDRESSES {
            for b in ADDRESSES {
                let (ma, mb) = (key.mask_addresses(a).into_owned(), key.mask_addresses(b).into_owned());
                assert_eq!(a == b, ma == mb, "{a} {b}: {ma} {mb}");
                assert_eq!(a.eq_ignore_ascii_case(b), ma.eq_ignore_ascii_case(&mb), "{a} {b}: {ma} {mb}");
                assert_eq!(a.is_ascii(), ma.is_ascii());
                let looked_up = |a: &str, b: &str| Addresses::from_email(a).unwrap().contains(b);
                assert_eq!(looked_up(a, b), looked_up(&ma, &mb), "{a} {b}: {ma} {mb}");
                assert_eq!(domain(a), domain(&ma));
            }
        }
    }

    /// Addresses of a few characters, so that many pairs are equal or nearly so.
    fn random_address(random: &mut fastrand::Rng) -> String {
        const PARTS: [&str; 12] = ["a", "A", "b", "B", ".", "+", "-", "é", "É", "@", "\"", "'"];
        const DOMAINS: [&str; 5] = ["x.com", "X.com", "y.com", "sub.x.com", "é.com"];
        let local: String = (0..random.usize(1..3)).map(|_| PARTS[random.usize(..PARTS.len())]).collect();
        format!("a{local}@{}", DOMAINS[random.usize(..DOMAINS.len())])
    }

    #[test]
    fn random_addresses_are_equal_if_and_only_if_their_masks_are() {
        let (key, mut random) = (key(), fastrand::Rng::with_seed(15));
        let mut equal = 0;
        for _ in 0..20_000 {
            let (a, b) = (random_address(&mut random), random_address(&mut random));
            let (ma, mb) = (key.mask_addresses(&a).into_owned(), key.mask_addresses(&b).into_owned());
            assert_eq!(a == b, ma == mb, "{a} {b}: {ma} {mb}");
            assert_eq!(a.eq_ignore_ascii_case(&b), ma.eq_ignore_ascii_case(&mb), "{a} {b}: {ma} {mb}");
            equal += u32::from(a.eq_ignore_ascii_case(&b));
        }
        assert!(equal > 100, "{equal}");
    }

    #[test]
    fn an_address_is_masked_alike_wherever_it_stands() {
        let key = key();
        // No mask has the letter z.
        let masked = key.mask_addresses("zoe@corp.com").into_owned();
        assert!(!masked.contains("zoe"), "{masked}");
        for text in ["samlp|conn|zoe@corp.com", "of zoe@corp.com, bob.", "It is zoe@corp.com."] {
            let found = key.mask_addresses(text).into_owned();
            assert_eq!(found, text.replace("zoe@corp.com", &masked));
        }
        assert_eq!(key.mask_addresses("ligature:login@0.1.0"), "ligature:login@0.1.0");
    }

    #[cfg(feature = "tenant")]
    #[test]
    fn an_address_that_cannot_be_compared_stays_one() {
        use ligature_contact_syntax::classify_address;
        let (key, long) = (key(), format!("{}@corp.com", "a".repeat(65)));
        for text in ["ada", "adá", "ada corp", "ad\u{1}á", "@corp.com"] {
            let masked = key.mask_email(text).unwrap();
            assert_eq!(classify_address(text), classify_address(&masked), "{text}");
            assert!(masked.starts_with("masked-"), "{masked}");
        }
        for address in
            ADDRESSES.into_iter().chain([long.as_str(), "ada@localhost", "ada@corp..com", ".ada@corp.com"])
        {
            let masked = key.mask_addresses(address);
            assert_eq!(classify_address(address), classify_address(&masked), "{address} {masked}");
        }
    }

    #[test]
    fn masks_of_two_keys_differ() {
        assert_ne!(key().mask_addresses("ada@corp.com"), key().mask_addresses("ada@corp.com"));
    }

    #[test]
    fn a_name_is_masked_and_an_address_in_its_place_is_not_masked_twice() {
        let key = key();
        assert_eq!(key.mask_personal("Ada"), key.mask_personal("Ada"));
        assert_ne!(key.mask_personal("Ada"), key.mask_personal("Bob"));
        assert_eq!(
            [key.mask_personal("ada@corp.com"), key.mask_personal(""), key.mask_email(" ")],
            [None, None, None]
        );
        assert!(!key.mask_personal("Ada").unwrap().contains("Ada"));
    }
}
