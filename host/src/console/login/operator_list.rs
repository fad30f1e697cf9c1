//! The persons who may enter the console.

use crate::oidc::ProvedLogin;

/// The most operators.
const MOST: usize = 1_000;
/// The longest name of an operator, in bytes.
const LONGEST: usize = 255;

/// The persons who may enter, each by the id at the issuer (`sub`) or by a verified address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OperatorList(Vec<String>);

impl OperatorList {
    /// Checks a list. No error repeats an address.
    pub(super) fn new(names: Vec<String>) -> Result<Self, &'static str> {
        if names.is_empty() {
            return Err("no operator is named, so nobody could enter");
        }
        if names.len() > MOST {
            return Err("more than 1,000 operators are named");
        }
        let is_name = |name: &String| {
            !name.is_empty()
                && name.len() <= LONGEST
                && !name.chars().any(|it| it.is_control() || it.is_whitespace())
        };
        if !names.iter().all(is_name) {
            return Err("an operator's name is empty, is longer than 255 bytes, or contains white space");
        }
        Ok(Self(names))
    }

    /// Returns the name of the operator who has logged in. An address counts only if the issuer has
    /// verified it.
    pub(super) fn find(&self, login: &ProvedLogin) -> Option<&str> {
        let is_named = |name: &&String| {
            let is_address = login.email_verified
                && name.contains('@')
                && login.email.as_ref().is_some_and(|email| email.eq_ignore_ascii_case(name));
            **name == login.user_id || is_address
        };
        self.0.iter().find(is_named).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::OperatorList;
    use crate::model::Timestamp;
    use crate::oidc::ProvedLogin;

    fn login(user_id: &str, email: Option<&str>, email_verified: bool) -> ProvedLogin {
        ProvedLogin {
            user_id: user_id.to_owned(),
            email: email.map(str::to_owned),
            email_verified,
            at: Timestamp::default(),
            methods: Vec::new(),
        }
    }

    #[test]
    fn an_operator_is_named_by_id_or_verified_address() {
        let list = OperatorList::new(vec!["auth0|7".to_owned(), "ada@example.com".to_owned()]).unwrap();
        let find = |user_id, email, verified| list.find(&login(user_id, email, verified)).map(str::to_owned);
        assert_eq!(find("auth0|7", None, false).as_deref(), Some("auth0|7"));
        assert_eq!(find("x", Some("Ada@Example.com"), true).as_deref(), Some("ada@example.com"));
        assert_eq!(find("x", Some("ada@example.com"), false), None);
        assert_eq!(find("AUTH0|7", None, false), None);
        assert_eq!(find("x", Some("ada@example.com.evil.test"), true), None);
        // An address is not an id of the issuer's, and an id is not an address.
        assert_eq!(find("x", Some("auth0|7"), true), None);
    }

    #[test]
    fn a_list_names_somebody() {
        for names in [vec![], vec![""], vec!["a b"], vec!["a\n"], vec![&*"x".repeat(256)], vec!["x"; 1_001]] {
            assert!(OperatorList::new(names.into_iter().map(str::to_owned).collect()).is_err());
        }
    }
}
