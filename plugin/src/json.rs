//! Reading JSON objects side by side, as the host writes them.
//!
//! The host writes compact text with unique keys in the order of their bytes.
//! Two such objects are merged in one pass, with no tree and no index. A text
//! of another form is [`UnexpectedForm`]; [`to_canonical`] rewrites it.

mod scan;

use std::borrow::Cow;
use std::cmp::Ordering;

use ligature_link_policy::members;

pub(crate) use scan::{
    UnexpectedForm, any_escape_or, are_equal, holds_capital, load_word, may_hold_controls, order_of_eight,
};
use scan::{count_plain, mark_quotes, next_character, skip_value, unescape};

/// A place in a JSON text. Numbers and words are not checked: they are only
/// copied.
pub(crate) struct Reader<'a> {
    pub(crate) text: &'a [u8],
    pub(crate) at: usize,
    /// The key whose value was stepped to last.
    pub(crate) key: Key<'a>,
}

/// A key of an object.
#[derive(Clone, Copy, Default)]
pub(crate) struct Key<'a> {
    /// The key as it is written, with its quotes and its colon.
    pub(crate) written: &'a [u8],
    /// The first seven bytes of the unescaped name, zeros after its end. The
    /// eighth byte is zero, too, if the name has no escape.
    head: u64,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { text: text.as_bytes(), at: 0, key: Key::default() }
    }

    /// The byte at this place; zero, which no JSON holds, at the end.
    pub(crate) fn here(&self) -> u8 {
        self.text.get(self.at).copied().unwrap_or_default()
    }

    fn step(&mut self, over: u8) -> Result<(), UnexpectedForm> {
        if self.here() != over {
            return Err(UnexpectedForm);
        }
        self.at += 1;
        Ok(())
    }

    /// Steps into an object, to the value of its first key, if it has any.
    pub(crate) fn open(&mut self) -> Result<bool, UnexpectedForm> {
        self.step(b'{')?;
        if self.here() == b'}' { self.next() } else { self.step_to_value() }
    }

    /// Steps from the end of a value to the value of the next key, or out of
    /// the object.
    pub(crate) fn next(&mut self) -> Result<bool, UnexpectedForm> {
        if self.here() == b',' {
            self.at += 1;
            return self.step_to_value();
        }
        self.step(b'}').map(|()| false)
    }

    fn step_to_value(&mut self) -> Result<bool, UnexpectedForm> {
        let from = self.at;
        self.step(b'"')?;
        let first = load_word(self.text, self.at);
        let ends = mark_quotes(first);
        self.key.head = first & (ends ^ ends.wrapping_sub(1)) >> 8;
        self.at +=
            if ends == 0 { count_plain(self.text, self.at) } else { ends.trailing_zeros() as usize / 8 };
        if self.here() != b'"' {
            self.at = from + 1;
            self.key.head = self.step_over_escapes()?;
        }
        self.step(b'"')?;
        self.step(b':')?;
        self.key.written = self.since(from)?;
        Ok(true)
    }

    /// Steps to the end of a name with escapes, and gives its head.
    fn step_over_escapes(&mut self) -> Result<u64, UnexpectedForm> {
        let (mut head, mut place) = (1 << 56, 0);
        while self.here() != b'"' {
            let (byte, length) =
                next_character(self.text.get(self.at..).unwrap_or_default()).ok_or(UnexpectedForm)?;
            self.at += length;
            if place < 56 {
                head |= u64::from(byte) << place;
                place += 8;
            }
        }
        Ok(head)
    }

    fn since(&self, from: usize) -> Result<&'a [u8], UnexpectedForm> {
        self.text.get(from..self.at).ok_or(UnexpectedForm)
    }

    /// Steps over a value.
    pub(crate) fn skip(&mut self) -> Result<(), UnexpectedForm> {
        self.at = skip_value(self.text, self.at)?;
        Ok(())
    }

    /// Steps over a value, and gives it.
    pub(crate) fn value(&mut self) -> Result<&'a [u8], UnexpectedForm> {
        let from = self.at;
        self.skip()?;
        self.since(from)
    }

    /// Steps over the value of the key, and gives both.
    fn member(&mut self) -> Result<&'a [u8], UnexpectedForm> {
        let from = self.at - self.key.written.len();
        self.skip()?;
        self.since(from)
    }

    /// Steps over an array.
    pub(crate) fn elements(&mut self, list: &mut Vec<Element<'a>>) -> Result<(), UnexpectedForm> {
        list.clear();
        self.step(b'[')?;
        let (text, mut at) = (self.text, self.at);
        if self.here() != b']' {
            loop {
                let end = skip_value(text, at)?;
                let unused = 8_usize.saturating_sub(end - at) * 8;
                let head = load_word(text, at) << unused >> unused;
                list.push(Element { text: text.get(at..end).ok_or(UnexpectedForm)?, head });
                at = end + 1;
                if text.get(end) != Some(&b',') {
                    self.at = end;
                    break;
                }
            }
        }
        self.step(b']')
    }

    /// Checks that the text ends here.
    pub(crate) fn finish(&self) -> Result<(), UnexpectedForm> {
        if self.at == self.text.len() { Ok(()) } else { Err(UnexpectedForm) }
    }
}

impl<'a> Key<'a> {
    /// Returns the name without its quotes. Escapes stay: no name that this code compares has one.
    pub(crate) fn raw(&self) -> &'a [u8] {
        self.written.get(1..self.written.len() - 2).unwrap_or_default()
    }

    fn is_plain(&self) -> bool {
        self.head >> 56 == 0
    }

    /// The name, unescaped.
    pub(crate) fn name(&self) -> Cow<'a, str> {
        if self.is_plain() {
            return String::from_utf8_lossy(self.raw());
        }
        let quoted = &self.written[..self.written.len() - 1];
        Cow::Owned(serde_json::from_slice(quoted).unwrap_or_default())
    }

    /// The order of the unescaped bytes.
    fn order(&self, other: &Self) -> Ordering {
        if (self.head ^ other.head) << 8 != 0 {
            return order_of_eight(self.head, other.head);
        }
        let (ours, theirs) = (self.raw(), other.raw());
        if !(self.is_plain() && other.is_plain()) {
            return unescape(ours).cmp(unescape(theirs));
        }
        // A plain name has no zero, so that the shorter one comes first.
        let mut at = 7;
        while at < ours.len().max(theirs.len()) {
            let (ours, theirs) = (load_word(ours, at), load_word(theirs, at));
            if ours != theirs {
                return order_of_eight(ours, theirs);
            }
            at += 8;
        }
        // Both contain a zero only if the text is not JSON.
        ours.len().cmp(&theirs.len())
    }
}

/// An element of an array.
#[derive(Clone, Copy)]
pub(crate) struct Element<'a> {
    pub(crate) text: &'a [u8],
    /// The first eight bytes of the name, zeros after its end.
    head: u64,
}

impl Element<'_> {
    pub(crate) fn same(&self, other: &Self) -> bool {
        self.head == other.head
            && self.text.len() == other.text.len()
            && (self.text.len() <= 8 || are_equal(self.text, other.text))
    }

    pub(crate) fn hash(&self) -> u64 {
        const MIXER: u64 = 0x9e37_79b9_7f4a_7c15;
        let mut hash = self.head.wrapping_mul(MIXER);
        let mut at = 8;
        while at < self.text.len() {
            hash = (hash.rotate_left(5) ^ load_word(self.text, at)).wrapping_mul(MIXER);
            at += 8;
        }
        hash
    }
}

/// A key of two objects that are read side by side.
pub(crate) enum Pair<'a> {
    /// Only the first object has the key: the member as it is written.
    First(&'a [u8]),
    /// Only the second object has the key: the member as it is written, and the offset at which the
    /// first object would have it. `is_last` means that the first object ends there.
    Second { member: &'a [u8], place: usize, is_last: bool },
    /// Both objects have the key. Both readers are at its value, which the caller has to read or
    /// skip.
    Both,
}

/// Receives a pair, with both readers.
pub(crate) type OnPair<'f, 'a> =
    &'f mut dyn FnMut(Pair<'a>, &mut Reader<'a>, &mut Reader<'a>) -> Result<(), UnexpectedForm>;

/// Reads two objects side by side.
pub(crate) fn visit_pairs<'a>(
    first: &mut Reader<'a>,
    second: &mut Reader<'a>,
    each: OnPair<'_, 'a>,
) -> Result<(), UnexpectedForm> {
    let (mut a, mut b) = (first.open()?, second.open()?);
    // Next to an empty object, any order of keys is right.
    let is_compared = a && b;
    let mut last: Option<Key> = None;
    while a || b {
        let order = match (a, b) {
            (true, true) => first.key.order(&second.key),
            (true, false) => Ordering::Less,
            _ => Ordering::Greater,
        };
        let key = if order == Ordering::Greater { second.key } else { first.key };
        // If all keys ascend, so do those of each side.
        if is_compared && last.is_some_and(|last| last.order(&key) != Ordering::Less) {
            return Err(UnexpectedForm);
        }
        last = Some(key);
        match order {
            Ordering::Less => {
                let member = first.member()?;
                each(Pair::First(member), first, second)?;
                a = first.next()?;
            }
            Ordering::Greater => {
                let place = first.at - if a { first.key.written.len() } else { 1 };
                let member = second.member()?;
                each(Pair::Second { member, place, is_last: !a }, first, second)?;
                b = second.next()?;
            }
            Ordering::Equal => {
                each(Pair::Both, first, second)?;
                (a, b) = (first.next()?, second.next()?);
            }
        }
    }
    Ok(())
}

/// Writes the object in the form that the host writes, down to this many levels
/// below the first; below, only white space is removed. If members have the same key, the
/// last counts. A text that is not an object becomes an empty object.
pub(crate) fn to_canonical(text: &str, levels: usize) -> String {
    let mut out = String::new();
    match write(&mut out, text, levels) {
        Ok(()) => out,
        Err(_) => "{}".to_owned(),
    }
}

fn write(out: &mut String, text: &str, levels: usize) -> serde_json::Result<()> {
    members::write(out, members::parse_members(text)?, &mut |out, value| {
        if levels > 0 && value.starts_with('{') {
            return write(out, value, levels - 1);
        }
        write_compact(out, value);
        Ok(())
    })
}

/// Writes the text without the white space between values.
pub(crate) fn write_compact(out: &mut String, text: &str) {
    let (mut in_text, mut escaped) = (false, false);
    out.extend(text.chars().filter(|c| {
        let keep = in_text || !c.is_ascii_whitespace();
        (in_text, escaped) = match *c {
            _ if escaped => (in_text, false),
            '\\' => (in_text, in_text),
            '"' => (!in_text, false),
            _ => (in_text, false),
        };
        keep
    }));
}
