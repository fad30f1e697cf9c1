//! Streaming users from a JSON text, which may be larger than the memory.

use std::cell::Cell;
use std::io::{BufRead, ErrorKind};

use serde::Deserializer as _;
use serde::de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use super::found_user::{FoundUser, UserVisitor};
use super::place::{Place, PositionTracker, TOO_LONG, TrackedReader};
use super::read_error::{ReadError, unreadable};
use crate::reading::{rewrite_message, strip_place};

/// Reads the elements of an array that is the whole text.
pub(super) fn read_array<E: From<ReadError>>(
    text: Box<dyn BufRead>,
    source: (&str, (u64, u64)),
    each: &mut UserVisitor<'_, E>,
) -> Result<(), E> {
    let (mut users, mut json) = begin(text, source.1, each);
    let read = read_documents(&mut json, |json| json.deserialize_seq(&mut users));
    users.finish(source, read)
}

/// Reads the elements of the array `users` of an object that is the whole text.
/// `announced` is set to the number of users that the text states.
pub(super) fn read_wrapped<'e, E: From<ReadError>>(
    text: Box<dyn BufRead>,
    source: (&str, (u64, u64)),
    announced: &'e Cell<u64>,
    each: &'e mut UserVisitor<'_, E>,
) -> Result<(), E> {
    let (mut users, mut json) = begin(text, source.1, each);
    users.announced = Some(announced);
    let read = read_documents(&mut json, |json| json.deserialize_map(Wrapper(&mut users)));
    users.finish(source, read)
}

/// Reads concatenated documents, such as the pages of a listing.
fn read_documents(
    json: &mut Json,
    mut read: impl FnMut(&mut Json) -> Result<(), serde_json::Error>,
) -> Result<(), serde_json::Error> {
    loop {
        read(json)?;
        match json.end() {
            Err(error) if error.is_syntax() => {}
            end => return end,
        }
    }
}

/// Reads concatenated objects.
pub(super) fn read_concatenated<E: From<ReadError>>(
    text: Box<dyn BufRead>,
    source: (&str, (u64, u64)),
    each: &mut UserVisitor<'_, E>,
) -> Result<(), E> {
    let (mut users, json) = begin(text, source.1, each);
    let tracker = users.tracker.clone();
    let mut objects = json.into_iter::<Box<RawValue>>();
    let mut read = Ok(());
    while read.is_ok() {
        tracker.await_value();
        match objects.next() {
            None => break,
            Some(user) => read = user.and_then(|user| users.hand_out(&user)),
        }
    }
    users.finish(source, read)
}

/// Returns the value at the beginning of a text, if it is complete.
pub(super) fn find_first_value(text: &[u8]) -> Option<&str> {
    let mut values = serde_json::Deserializer::from_slice(text).into_iter::<&RawValue>();
    values.next()?.ok().map(RawValue::get)
}

/// Returns whether the object at the beginning of a text has the key `users`.
pub(super) fn holds_users(text: &[u8]) -> bool {
    probe(text).0
}

/// Returns the first user of the array `users` in the object at the beginning of a text.
pub(super) fn find_wrapped_array(text: &[u8]) -> Option<&str> {
    probe(text).1.map(RawValue::get)
}

/// Returns whether an object, which may be truncated, has `users`, and the first of them.
fn probe(text: &[u8]) -> (bool, Option<&RawValue>) {
    struct Probe<'p, 'de>(&'p mut bool, &'p mut Option<&'de RawValue>);

    impl<'de> Visitor<'de> for Probe<'_, 'de> {
        type Value = ();

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<(), A::Error> {
            while let Some(key) = fields.next_key::<String>()? {
                if key == "users" {
                    *self.0 = true;
                    return fields.next_value_seed(First(self.1));
                }
                fields.next_value::<IgnoredAny>()?;
            }
            Ok(())
        }
    }

    struct First<'p, 'de>(&'p mut Option<&'de RawValue>);

    impl<'de> DeserializeSeed<'de> for First<'_, 'de> {
        type Value = ();

        fn deserialize<D: serde::Deserializer<'de>>(self, users: D) -> Result<(), D::Error> {
            users.deserialize_seq(self)
        }
    }

    impl<'de> Visitor<'de> for First<'_, 'de> {
        type Value = ();

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("an array of users")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut users: A) -> Result<(), A::Error> {
            *self.0 = users.next_element()?;
            Err(A::Error::custom("enough"))
        }
    }

    let (mut is_found, mut first) = (false, None);
    let _ = serde_json::Deserializer::from_slice(text).deserialize_map(Probe(&mut is_found, &mut first));
    (is_found, first)
}

type Json = serde_json::Deserializer<serde_json::de::IoRead<TrackedReader<Box<dyn BufRead>>>>;

/// Creates the visitor and the parser of a text.
fn begin<'e, 'f, E>(
    text: Box<dyn BufRead>,
    (line, column): (u64, u64),
    each: &'e mut UserVisitor<'f, E>,
) -> (Users<'e, 'f, E>, Json) {
    let tracker = PositionTracker::new(line, column);
    let text = TrackedReader { text, tracker: tracker.clone() };
    (
        Users { each, number: 0, tracker, stopped: None, announced: None },
        serde_json::Deserializer::from_reader(text),
    )
}

/// A visitor that passes users on as they are read.
struct Users<'e, 'f, E> {
    each: &'e mut UserVisitor<'f, E>,
    number: u64,
    tracker: PositionTracker,
    stopped: Option<E>,
    announced: Option<&'e Cell<u64>>,
}

impl<E: From<ReadError>> Users<'_, '_, E> {
    /// Passes one user on.
    fn hand_out(&mut self, user: &RawValue) -> Result<(), serde_json::Error> {
        self.number += 1;
        let (line, column) = self.tracker.begun();
        let place = Place { line, column, user: Some(self.number) };
        let found = FoundUser { number: self.number, place, json: Ok(user.get()) };
        (self.each)(found).map_err(|stop| {
            self.stopped = Some(stop);
            serde_json::Error::custom("stopped")
        })
    }

    /// Converts the result of the parser.
    fn finish(self, source: (&str, (u64, u64)), read: Result<(), serde_json::Error>) -> Result<(), E> {
        let (name, (line, column)) = source;
        match (self.stopped, read) {
            (Some(stop), _) => Err(stop),
            (None, Ok(())) => Ok(()),
            (None, Err(error)) if error.io_error_kind() == Some(ErrorKind::FileTooLarge) => {
                let (line, column) = self.tracker.begun();
                let (file, after, what) = (name.to_owned(), self.number, TOO_LONG.to_owned());
                Err(ReadError::Broken { file, line, column, after, what }.into())
            }
            (None, Err(error)) if error.is_io() => Err(unreadable(name, error.into()).into()),
            (None, Err(error)) => {
                let words = error.to_string();
                let what = if error.is_eof() {
                    "the file breaks off in the middle".to_owned()
                } else {
                    rewrite_message(strip_place(&words, error.line(), error.column()))
                };
                let before = if error.line() == 1 { column - 1 } else { 0 };
                Err(ReadError::Broken {
                    file: name.to_owned(),
                    line: line - 1 + error.line() as u64,
                    column: before + error.column().max(1) as u64,
                    after: self.number,
                    what,
                }
                .into())
            }
        }
    }
}

impl<'de, E: From<ReadError>> Visitor<'de> for &mut Users<'_, '_, E> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an array of users")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut users: A) -> Result<(), A::Error> {
        loop {
            self.tracker.await_value();
            let Some(user) = users.next_element::<Box<RawValue>>()? else { return Ok(()) };
            self.hand_out(&user).map_err(A::Error::custom)?;
        }
    }
}

impl<'de, E: From<ReadError>> DeserializeSeed<'de> for &mut Users<'_, '_, E> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, users: D) -> Result<(), D::Error> {
        users.deserialize_seq(self)
    }
}

/// A visitor of the object around users.
struct Wrapper<'u, 'e, 'f, E>(&'u mut Users<'e, 'f, E>);

impl<'de, E: From<ReadError>> Visitor<'de> for Wrapper<'_, '_, '_, E> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object with `users`")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<(), A::Error> {
        let mut has_users = false;
        while let Some(key) = fields.next_key::<String>()? {
            if key == "users" {
                has_users = true;
                fields.next_value_seed(&mut *self.0)?;
            } else if key == "total" {
                let total = fields.next_value::<Value>()?.as_u64().unwrap_or(0);
                if let Some(announced) = self.0.announced {
                    announced.set(announced.get().max(total));
                }
            } else {
                fields.next_value::<IgnoredAny>()?;
            }
        }
        if has_users { Ok(()) } else { Err(A::Error::custom("`users` is missing in this page of users")) }
    }
}
