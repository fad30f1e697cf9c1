use std::collections::VecDeque;

use super::Rows;
use crate::ambient::Ambient;
use crate::directory::records::{Records, TxError, TxResult};
use crate::directory::sql::connection::{Connection, Param, Row};
use crate::directory::sql::seal::Seal;

/// A connection that returns the next scripted row for each query.
struct Script(VecDeque<Option<Columns>>);

struct Columns(Vec<Option<String>>);

impl Row for Columns {
    fn text(&self, column: usize) -> TxResult<Option<&str>> {
        Ok(self.0[column].as_deref())
    }

    fn int(&self, column: usize) -> TxResult<Option<i64>> {
        Ok(self.0[column].as_deref().map(|number| number.parse().unwrap()))
    }

    fn bytes(&self, _: usize) -> TxResult<Option<&[u8]>> {
        Ok(None)
    }
}

impl Connection for Script {
    const LOCKS_ROWS: bool = false;

    fn execute(&mut self, _: &'static str, _: &[Param<'_>]) -> TxResult<u64> {
        panic!("nothing is changed");
    }

    fn query(
        &mut self,
        _: &'static str,
        _: &[Param<'_>],
        each: &mut dyn FnMut(&dyn Row) -> TxResult<()>,
    ) -> TxResult<()> {
        self.0.pop_front().expect("no further query").iter().try_for_each(|row| each(row))
    }
}

fn owned_by(user_id: &str) -> Option<Columns> {
    Some(Columns(vec![Some(user_id.to_owned()), Some("google-oauth2".to_owned()), None]))
}

fn user_with(user_id: &str, identities: &[&str]) -> Option<Columns> {
    let identity = |id: &&str| {
        let (provider, id) = id.split_once('|').unwrap();
        format!(r#"{{"provider": "{provider}", "user_id": "{id}", "connection": "{provider}"}}"#)
    };
    let identities: Vec<String> = identities.iter().map(identity).collect();
    let document = format!(r#"{{"user_id": "{user_id}", "identities": [{}]}}"#, identities.join(","));
    Some(Columns(vec![Some(document), Some("1".to_owned()), None, None, None]))
}

/// Looks up the owner of `google-oauth2|7` with these scripted rows.
fn owner(script: Vec<Option<Columns>>) -> TxResult<Option<String>> {
    let mut connection = Script(script.into());
    let seal = Seal { key: None, ambient: Ambient::system() };
    let mut rows = Rows::new(&mut connection, &seal);
    let found = rows.user_of("google-oauth2", "7")?;
    assert!(connection.0.is_empty(), "all was asked");
    Ok(found.map(|(_, stored)| stored.user.user_id.clone()))
}

#[test]
fn an_identity_that_is_linked_between_the_reads_has_an_owner() {
    // The owner is deleted between the two reads.
    let linked = vec![
        owned_by("google-oauth2|7"),
        None,
        owned_by("auth0|a"),
        user_with("auth0|a", &["auth0|a", "google-oauth2|7"]),
    ];
    assert_eq!(owner(linked).ok().flatten().as_deref(), Some("auth0|a"));
    // The former owner still exists, without the identity.
    let unlinked = vec![
        owned_by("auth0|a"),
        user_with("auth0|a", &["auth0|a"]),
        owned_by("google-oauth2|7"),
        user_with("google-oauth2|7", &["google-oauth2|7"]),
    ];
    assert_eq!(owner(unlinked).ok().flatten().as_deref(), Some("google-oauth2|7"));
}

#[test]
fn an_identity_that_nobody_has_any_more_has_no_owner() {
    assert_eq!(owner(vec![owned_by("google-oauth2|7"), None, None]).ok(), Some(None));
}

#[test]
fn an_identity_whose_owner_keeps_changing_is_looked_for_again() {
    let script = (0..3).flat_map(|_| [owned_by("auth0|a"), user_with("auth0|a", &["auth0|a"])]).collect();
    assert!(matches!(owner(script), Err(TxError::Conflict(_))));
}
