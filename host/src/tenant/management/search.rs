//! The user search: the parameter `q` of `GET /api/v2/users`, in the syntax of
//! `search_engine=v3`.
//!
//! `tantivy_query_grammar` parses the Lucene syntax. This file refuses syntax that Auth0 does
//! not support, and syntax that the grammar reads differently from Lucene. It matches users
//! against the resulting query. A value must match as a whole, in any letter case.
//!
//! Source: Auth0's "User Search Query Syntax" and "Migrate from Search v2 to v3".

use std::cmp::Ordering;

use jiff::{Timestamp, ToSpan, tz::TimeZone};
use serde_json::Value;
use tantivy_query_grammar::{
    Delimiter, Occur, UserInputAst, UserInputBound, UserInputLeaf, UserInputLiteral, parse_query,
};

use super::search_conditions::{Condition, Operand, Test, to_lowercase};

/// The longest query, in bytes. It is limited because the grammar's time grows with the square
/// of the length.
const MAX_BYTES: usize = 4096;
/// The deepest nesting of parentheses. It is limited because a level with a NOT costs the
/// grammar 16 KB of stack in a debug build.
const MAX_DEPTH: usize = 16;

/// A parsed query.
#[derive(Debug)]
pub(super) struct Query(Condition);

impl Query {
    /// Parses a query. A blank query matches every user. The error is a sentence for the response.
    pub(super) fn parse(q: &str) -> Result<Self, String> {
        if q.len() > MAX_BYTES {
            return Err(format!("The query is longer than {MAX_BYTES} bytes."));
        }
        let text = prepare(q)?;
        let words: Vec<_> = text.split(' ').filter(|word| !word.is_empty()).collect();
        if words.windows(2).any(|pair| pair[0].ends_with("NOT") && pair[1] == "NOT") {
            return Err("The query has NOT twice in a row.".into());
        }
        let ast = parse_query(&text)
            .map_err(|_| "The query is not Lucene's; values with blanks, colons or brackets need quotes.")?;
        parse_node(ast, words.iter().any(|word| word.ends_with("OR"))).map(Self)
    }

    /// Returns an email address, in lower case, that every match must have in some letter case, if
    /// the query requires one. A lookup of the address that ignores ASCII case therefore finds
    /// every match.
    pub(super) fn address(&self) -> Option<&str> {
        fn required(condition: &Condition) -> Option<&str> {
            match condition {
                Condition::All(conditions) => conditions.iter().find_map(required),
                Condition::Any(conditions) if conditions.len() == 1 => required(&conditions[0]),
                Condition::Field(Some(field), Test::Is(Operand { text, .. })) => {
                    (field == "email" && text.is_ascii() && text.contains('@')).then_some(text)
                }
                _ => None,
            }
        }
        required(&self.0)
    }

    /// Returns whether a user, in the shape of Auth0's user object, matches.
    pub(super) fn matches(&self, user: &Value) -> bool {
        self.0.matches(user)
    }
}

/// Returns the query with a blank for each white space character outside quotes. Refuses a
/// query in which the grammar could see a quote or parenthesis that this function does not see:
/// the grammar recurses into each of them, and starts the next term wherever the last one
/// ended.
fn prepare(q: &str) -> Result<String, String> {
    let (mut text, mut depth, mut quoted, mut chars) = (String::new(), 0_usize, false, q.chars());
    while let Some(c) = chars.next() {
        text.push(if c.is_whitespace() && !quoted { ' ' } else { c });
        match c {
            '\\' => match chars.next() {
                Some(next) if quoted || !matches!(next, '\\' | '"' | '(' | ')') => text.push(next),
                _ => return Err("A value with `\\`, `\"`, `(` or `)` in it needs double quotes.".into()),
            },
            '"' => quoted = !quoted,
            _ if quoted => {}
            '(' if depth == MAX_DEPTH => return Err(format!("Parentheses nest more than {MAX_DEPTH} deep.")),
            '(' => depth += 1,
            ')' => depth = depth.checked_sub(1).ok_or("The query closes a parenthesis that is not open.")?,
            '-' if text.ends_with(":-") => return Err("A value that begins with `-` needs quotes.".into()),
            '/' | '\'' => return Err(format!("A value with `{c}` in it needs double quotes.")),
            _ => {}
        }
    }
    (!quoted && depth == 0).then_some(text).ok_or("The query leaves a quote or parenthesis open.".into())
}

fn parse_node(ast: UserInputAst, has_or: bool) -> Result<Condition, String> {
    match ast {
        UserInputAst::Clause(clauses) => parse_group(clauses, has_or),
        UserInputAst::Leaf(leaf) => match *leaf {
            UserInputLeaf::All => Ok(Condition::All(Vec::new())),
            UserInputLeaf::Exists { field } => Ok(Condition::Field(Some(check_field(field)?), Test::Exists)),
            UserInputLeaf::Literal(literal) => parse_literal(literal),
            UserInputLeaf::Range { field: Some(field), lower, upper } => {
                parse_range(check_field(field)?, [lower, upper])
            }
            _ => Err("Regular expressions, `IN [...]` and ranges without a field are not supported.".into()),
        },
        UserInputAst::Boost(..) => Err("Boosts (`^`) are not supported: results have no rank.".into()),
    }
}

/// Combines terms side by side, as Lucene does. All required terms must match; if there are
/// none, any of the optional terms must match. No forbidden term may match.
///
/// The grammar marks a run of ANDs beside other terms as a group that should match, as it marks
/// the terms of an OR. In a query without OR, such a group must match.
fn parse_group(clauses: Vec<(Option<Occur>, UserInputAst)>, has_or: bool) -> Result<Condition, String> {
    let has = |wanted| clauses.iter().any(|(occur, _)| *occur == wanted);
    if has_or && has(Some(Occur::Should)) && (has(None) || has(Some(Occur::Must))) {
        return Err("The query mixes OR with `+` or terms without an operator; add parentheses.".into());
    }
    let (mut all, mut any) = (Vec::new(), Vec::new());
    for (occur, ast) in clauses {
        let condition = parse_node(ast, has_or)?;
        match occur {
            Some(Occur::MustNot) => all.push(Condition::Not(Box::new(condition))),
            Some(Occur::Should) if has_or => any.push(condition),
            None if !forbids(&condition) => any.push(condition),
            _ => all.push(condition),
        }
    }
    if all.iter().all(forbids) && !any.is_empty() {
        all.push(Condition::Any(any));
    }
    Ok(Condition::All(all))
}

fn forbids(condition: &Condition) -> bool {
    matches!(condition, Condition::Not(_))
        || matches!(condition, Condition::All(it) if !it.is_empty() && it.iter().all(forbids))
}

fn parse_range(field: String, bounds: [UserInputBound; 2]) -> Result<Condition, String> {
    let mut ends = Vec::new();
    let sides = bounds.iter().zip([Ordering::Greater, Ordering::Less]);
    for (bound, side) in sides.filter(|(bound, _)| **bound != UserInputBound::Unbounded) {
        let (text, inclusive) = (bound.term_str(), matches!(bound, UserInputBound::Inclusive(_)));
        if text.contains(['*', '?', '~', '^', '\\']) {
            return Err("A range ends in plain values, or in `*` between brackets.".into());
        }
        ends.push((parse_operand(&field, text, false)?, side, inclusive));
    }
    Ok(Condition::Field(Some(field), if ends.is_empty() { Test::Exists } else { Test::Range(ends) }))
}

fn parse_literal(literal: UserInputLiteral) -> Result<Condition, String> {
    let UserInputLiteral { field_name, phrase, delimiter, slop, prefix } = literal;
    if slop != 0 || prefix {
        return Err("After a value in quotes, `~` and `*` are not supported.".into());
    }
    let parts = if delimiter == Delimiter::None { parse_word(&phrase)? } else { vec![phrase] };
    if field_name.as_deref() == Some("_exists_") {
        return Ok(Condition::Field(Some(check_field(parts.join("*"))?), Test::Exists));
    }
    let field = field_name.map(check_field).transpose()?;
    let is_pattern = parts.len() > 1;
    if is_pattern && parts[0].is_empty() && parts.iter().all(|part| part.chars().count() < 3) {
        return Err("A value that begins with `*` needs three other characters in a row.".into());
    }
    let whole = parse_operand(field.as_deref().unwrap_or_default(), &parts.join("*"), !is_pattern)?;
    let like = || Test::Like(parts.iter().map(|part| to_lowercase(part)).collect());
    Ok(Condition::Field(field, if is_pattern { like() } else { Test::Is(whole) }))
}

/// Splits a value without quotes at its asterisks.
fn parse_word(text: &str) -> Result<Vec<String>, String> {
    if text.starts_with('!') || text == "&&" || text == "||" {
        return Err("`!`, `&&` and `||` are not supported; write NOT, AND and OR.".into());
    }
    let (mut parts, mut part, mut chars) = (Vec::new(), String::new(), text.chars());
    while let Some(c) = chars.next() {
        match c {
            '*' => parts.push(std::mem::take(&mut part)),
            '?' | '~' => return Err(format!("`{c}` is not supported; a value with it needs double quotes.")),
            '\\' => part.extend(chars.next()),
            c => part.push(c),
        }
    }
    parts.push(part);
    Ok(parts)
}

fn parse_operand(field: &str, text: &str, exact: bool) -> Result<Operand, String> {
    let period = parse_period(text);
    let is_date = matches!(field, "created_at" | "updated_at" | "last_login" | "last_password_reset");
    if !exact && field.starts_with("user_metadata.") {
        return Err("`user_metadata` has no ranges and no wildcards.".into());
    }
    if is_date && period.is_none() || field == "logins_count" && text.parse::<i64>().is_err() {
        return Err(format!("`{field}` takes no such value; numbers are whole, dates like 2026-11-21."));
    }
    Ok(Operand { text: to_lowercase(text), period })
}

/// Returns the path that a field's name stands for. Refuses a field that cannot be searched,
/// and says what to write instead.
pub(super) fn check_field(name: String) -> Result<String, String> {
    let instead = match name.as_str() {
        "organization_id" => return Ok("organizations".into()),
        "connection" => "`identities.connection`",
        "_missing_" => "`NOT _exists_:field`",
        "_exists_" => "the name of a field",
        _ if name.contains('*') || name.split('.').any(str::is_empty) => "its whole name",
        _ if name.contains("_metadata.") || name == "last_password_reset" => return Ok(name),
        _ if ["password", "token", "secret"].iter().any(|part| name.contains(part)) => "none of a secret",
        _ if name.ends_with(".raw") => "it without `.raw`",
        _ => return Ok(name),
    };
    Err(format!("The field `{name}` is not supported; write {instead}."))
}

/// Returns the first and the last moment of the year, month, day or time that a text names, in
/// UTC.
fn parse_period(text: &str) -> Option<(Timestamp, Timestamp)> {
    let (start, length) = match text.len() {
        4 => (format!("{text}-01-01T00:00Z"), 1.year()),
        7 => (format!("{text}-01T00:00Z"), 1.month()),
        10 => (format!("{text}T00:00Z"), 1.day()),
        _ => (text.to_owned(), 1.nanosecond()),
    };
    let start: Timestamp = start.parse().or_else(|_| format!("{start}Z").parse()).ok()?;
    let next = start.to_zoned(TimeZone::UTC).checked_add(length);
    let last = next.and_then(|next| next.timestamp().checked_sub(1.nanosecond()));
    Some((start, last.unwrap_or(Timestamp::MAX)))
}

#[cfg(test)]
mod tests {
    use crate::tenant::management::search::{MAX_BYTES, MAX_DEPTH, Query};

    const ADA: &str = r#"{ "user_id": "auth0|1", "email": "Ada@Example.com", "email_verified": true,
        "name": "Ada Lovelace", "given_name": "Élise O'B\\n", "logins_count": 7, "username": null,
        "created_at": "2026-01-15T23:59:59.999Z", "organizations": ["org_1"], "empty": [{}],
        "user_metadata": { "n": 1.5, "tags": ["a*"] },
        "identities": [{ "id": "x" }, { "profileData": { "email": "ada@gmail.com" } }] }"#;

    #[track_caller]
    fn check(hits: &str, misses: &str) {
        let ada = serde_json::from_str(ADA).unwrap();
        let is_ada = |q| Query::parse(q).unwrap_or_else(|why| panic!("{q}: {why}")).matches(&ada);
        hits.split(';').for_each(|q| assert!(is_ada(q), "{q}"));
        misses.split(';').for_each(|q| assert!(!is_ada(q), "{q}"));
    }

    #[test]
    fn the_official_sample_means_address_and_verified_and_not_that_id() {
        let sample = r#"email:"ada@example.com" AND email_verified:true -user_id:"auth0|2""#;
        for (from, to) in [("ada@", "bob@"), ("true", "false"), ("auth0|2", "auth0|1")] {
            check(sample, &sample.replace(from, to));
        }
    }

    #[test]
    fn an_address_is_one_only_if_every_match_has_it() {
        let address = |q| Query::parse(q).unwrap().address().map(str::to_owned);
        let with = r#"email:"A@b" AND y:1 -z:1;x:1 AND (email:a@b AND y:2);+email:a@b x:1;email:a@b"#;
        let without = "email:a@b*;email:a@b x:1;email:a@b OR x:1;NOT email:a@b;email:é@b;x.email:a@b;a@b;";
        with.split(';').for_each(|q| assert_eq!(address(q).as_deref(), Some("a@b"), "{q}"));
        without.split(';').for_each(|q| assert_eq!(address(q), None, "{q}"));
    }

    #[test]
    fn texts_match_whole_in_any_case_and_numbers_and_dates_by_value() {
        let hits = r#"name:"ada lovelace";"ADA lovelace";auth0|1;name:a*la*ce;*love*;"éLISE o'b\\n";*; ;
            user_metadata.n:1.50;user_metadata.tags:a\*;identities.id:X;organization_id:org_1;name:(x OR a*);
            identities.profileData.email:ada@gmail.com;email.domain:example.com;logins_count:7;name:>a;
            _exists_:user_metadata.tags;identities.profileData:*;created_at:[* TO *];logins_count:[0 TO 100};
            created_at:2026-01;created_at:[* TO 2026-01-15];created_at:{2026-01-15T23:59:59Z TO 2027}"#;
        let misses = r#"ada;name:ad*da;name:"ada*";given_name:ÉLISE;a\*;x:1;email:ada*ada*;name:[b TO *];
            username:[* TO *];_exists_:username;empty:*;logins_count:{7 TO *];logins_count:70;created_at:2025;
            created_at:{2026-01-15 TO *];created_at:[* TO 2026-01-15};created_at:{2026 TO *]"#;
        check(hits, misses);
    }

    #[test]
    fn operators_bind_as_in_lucene() {
        let hits = r#"ada* AND x:1 OR auth0|1;x:1 ada*;ada* AND auth0|1 x:1;NOT x:1;x:1 OR NOT y:1;* x:1;
            +ada* x:1 NOT y:1;x:1 OR "y"OR ada*;NOT (NOT ada* AND x:1)"#;
        let misses = "x:1 AND y:1 ada*;ada* NOT auth0|1;+x:1 ada*;ada* AND auth0|1 +x:1;x:1 -y:1 AND -z:1;
            x:1 NOT y:1 AND NOT z:1;ada* AND auth0|1 x:1 AND y:1;-ada*;ada* AND NOT auth0|1;-(x:1 OR ada*)";
        check(hits, misses);
        check(&format!("{}ada*{}", "NOT name:(".repeat(MAX_DEPTH), ")".repeat(MAX_DEPTH)), "x:1");
    }

    #[test]
    fn what_is_not_supported_is_said_and_nothing_panics() {
        let refused = r#"a && b;!a;jo?n;a~1;"a b"~2;"a"*;a^2;a:IN [b];/a/;O'Brien;a\\b;a\;f:>a\(;f:-5a;(a;a);
            a AND;OR a;NOT NOT a;[1 TO 2];a:[1* TO 2];a:[1 2];user_metadata.a:b*;user_metadata.a:>1;"a;a:;();
            created_at:x;logins_count:x;connection:a;_missing_:a;_exists_:a*;name.raw:a;a..b:c;*ab;
            a OR b +c;password:a*;identities.access_token:*"#;
        refused.split(';').for_each(|q| assert!(Query::parse(q).is_err_and(|why| why.ends_with('.')), "{q}"));
        let parts = "( ((a +( -(a_ NOT_ NOT_( a:( b_AND_( \" \\ [ {1_TO_ / * a: a_ a\t a_AND_ a_OR_- ^1 ~ - \
            IN_[ '` é\0 x_f:>a\\( x_f:>a\\\"_\"( x_\"y\"( f:>a\\)(";
        for part in parts.split(' ').map(|part| part.replace('_', " ")) {
            for count in [1, 7, MAX_BYTES / part.len() - 1, 100_000] {
                for q in [part.repeat(count), part.repeat(count) + "a", part.repeat(count) + "a)"] {
                    _ = Query::parse(&q).map(|query| query.matches(&serde_json::json!({ "email": q })));
                }
            }
        }
    }
}
