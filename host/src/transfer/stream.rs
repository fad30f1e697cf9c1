//! Users of a JSON text, one by one as it is read: the text may be larger than the
//! memory.

use std::cell::Cell;
use std::io::{BufRead, ErrorKind};

use serde::Deserializer as _;
use serde::de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use super::place::{OnTheWay, Place, TOO_LONG, Way};
use super::read::{Each, Found, ReadError, unreadable};
use crate::reading::{in_plain_words, without_place};

/// The elements of an array that is the whole text.
pub(super) fn array<E: From<ReadError>>(
    text: Box<dyn BufRead>,
    of: (&str, (u64, u64)),
    each: &mut Each<'_, E>,
) -> Result<(), E> {
    let (mut users, mut json) = begin(text, of.1, each);
    let read = each_of(&mut json, |json| json.deserialize_seq(&mut users));
    users.ended(of, read)
}

/// The elements of the array `users` of the object that is the whole text.
/// `announced` becomes how many users it says that there are.
pub(super) fn within<'e, E: From<ReadError>>(
    text: Box<dyn BufRead>,
    of: (&str, (u64, u64)),
    announced: &'e Cell<u64>,
    each: &'e mut Each<'_, E>,
) -> Result<(), E> {
    let (mut users, mut json) = begin(text, of.1, each);
    users.announced = Some(announced);
    let read = each_of(&mut json, |json| json.deserialize_map(Within(&mut users)));
    users.ended(of, read)
}

/// Reads all that stand one behind the other, such as pages of a listing.
fn each_of(
    json: &mut Json,
    mut read: impl FnMut(&mut Json) -> Result<(), serde_json::Error>,
) -> Result<(), serde_json::Error> {
    loop {
        read(json)?;
        match json.end() {
            Err(error) if error.is_syntax() => {}
            ended => return ended,
        }
    }
}

/// Objects that stand one behind the other.
pub(super) fn spread<E: From<ReadError>>(
    text: Box<dyn BufRead>,
    of: (&str, (u64, u64)),
    each: &mut Each<'_, E>,
) -> Result<(), E> {
    let (mut users, json) = begin(text, of.1, each);
    let way = users.way.clone();
    let mut objects = json.into_iter::<Box<RawValue>>();
    let mut read = Ok(());
    while read.is_ok() {
        way.await_value();
        match objects.next() {
            None => break,
            Some(user) => read = user.and_then(|user| users.hand_out(&user)),
        }
    }
    users.ended(of, read)
}

/// The value at the beginning of this text, if it stands there whole.
pub(super) fn first_value(text: &[u8]) -> Option<&str> {
    let mut values = serde_json::Deserializer::from_slice(text).into_iter::<&RawValue>();
    values.next()?.ok().map(RawValue::get)
}

/// Whether `users` is a key of the object at the beginning of this text.
pub(super) fn holds_users(text: &[u8]) -> bool {
    probed(text).0
}

/// The first user of the array `users` of the object at the beginning of this text.
pub(super) fn first_within(text: &[u8]) -> Option<&str> {
    probed(text).1.map(RawValue::get)
}

/// What is told of an object whose end need not be there: whether it has `users`, and
/// the first of them.
fn probed(text: &[u8]) -> (bool, Option<&RawValue>) {
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

type Json = serde_json::Deserializer<serde_json::de::IoRead<OnTheWay<Box<dyn BufRead>>>>;

fn begin<'e, 'f, E>(
    text: Box<dyn BufRead>,
    (line, column): (u64, u64),
    each: &'e mut Each<'f, E>,
) -> (Users<'e, 'f, E>, Json) {
    let way = Way::from(line, column);
    let text = OnTheWay { text, way: way.clone() };
    (
        Users { each, number: 0, way, stopped: None, announced: None },
        serde_json::Deserializer::from_reader(text),
    )
}

/// Hands out users as they are read.
struct Users<'e, 'f, E> {
    each: &'e mut Each<'f, E>,
    number: u64,
    way: Way,
    stopped: Option<E>,
    announced: Option<&'e Cell<u64>>,
}

impl<E: From<ReadError>> Users<'_, '_, E> {
    fn hand_out(&mut self, user: &RawValue) -> Result<(), serde_json::Error> {
        self.number += 1;
        let (line, column) = self.way.begun();
        let place = Place { line, column, user: Some(self.number) };
        let found = Found { number: self.number, place, json: Ok(user.get()) };
        (self.each)(found).map_err(|stop| {
            self.stopped = Some(stop);
            serde_json::Error::custom("stopped")
        })
    }

    fn ended(self, of: (&str, (u64, u64)), read: Result<(), serde_json::Error>) -> Result<(), E> {
        let (name, (line, column)) = of;
        match (self.stopped, read) {
            (Some(stop), _) => Err(stop),
            (None, Ok(())) => Ok(()),
            (None, Err(error)) if error.io_error_kind() == Some(ErrorKind::FileTooLarge) => {
                let (line, column) = self.way.begun();
                let (file, after, what) = (name.to_owned(), self.number, TOO_LONG.to_owned());
                Err(ReadError::Broken { file, line, column, after, what }.into())
            }
            (None, Err(error)) if error.is_io() => Err(unreadable(name, error.into()).into()),
            (None, Err(error)) => {
                let words = error.to_string();
                let what = if error.is_eof() {
                    "the file breaks off in the middle".to_owned()
                } else {
                    in_plain_words(without_place(&words, error.line(), error.column()))
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
            self.way.await_value();
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

/// The object around users.
struct Within<'u, 'e, 'f, E>(&'u mut Users<'e, 'f, E>);

impl<'de, E: From<ReadError>> Visitor<'de> for Within<'_, '_, '_, E> {
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
