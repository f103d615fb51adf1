//! Query parameters and header fields by which operations of one path are told apart.

use std::collections::HashSet;

use http::HeaderName;

use crate::model::{Call, Reason, Refusal};

/// What a call must have, besides method and path, to be an operation.
#[derive(Debug, Default)]
pub(in crate::mapping) struct Conditions {
    /// Query parameters that it has.
    pub with: Vec<Box<str>>,
    /// Query parameters that it may have.
    pub may: Vec<Box<str>>,
    /// Header fields that it has.
    pub headers: Vec<HeaderName>,
}

/// In a file in which the query tells operations apart: what any call may have in its query.
pub(in crate::mapping) struct Closed {
    pub may: HashSet<Box<str>>,
    /// The parameter by which clients say the operation's name too.
    pub says_operation: Option<Box<str>>,
    /// Goes before the operation's name.
    pub name_prefix: Box<str>,
}

/// Names and values of a query as they were sent.
pub(super) type Asked<'a> = Vec<(&'a str, &'a str)>;

impl Conditions {
    pub(super) fn count(&self) -> usize {
        self.with.len() + self.headers.len()
    }

    /// Some call fits both.
    pub(super) fn meets(&self, other: &Self) -> bool {
        let allows = |rule: &Self, name| rule.with.contains(name) || rule.may.contains(name);
        let same_headers =
            self.headers.len() == other.headers.len() && self.headers.iter().all(|name| other.headers.contains(name));
        same_headers
            && self.with.iter().all(|name| allows(other, name))
            && other.with.iter().all(|name| allows(self, name))
    }
}

impl Closed {
    /// The query of a call, undecoded: a name that is written with escapes is none that is known.
    ///
    /// SECURITY: servers that part pairs at `;` too, or take the first or the last of two, would find another operation
    /// (test `s3_a_query_with_two_readings_is_refused`).
    pub(super) fn read<'a>(&self, call: &'a Call) -> Result<Asked<'a>, Refusal> {
        let text = call.query.as_deref().unwrap_or_default();
        let mut asked: Asked<'a> = Vec::new();
        let mut seen = HashSet::new();
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            if pair.contains(';') || !seen.insert(name) {
                return Err(Refusal::new(
                    Reason::Malformed,
                    "the query names a parameter twice, or holds `;`, which servers read in different ways",
                ));
            }
            asked.push((name, value));
        }
        Ok(asked)
    }

    /// Whether a call is the operation of that name. `telling`: header fields that some operation of the path must have.
    ///
    /// SECURITY: one parameter more makes another operation (`?acl` of a PUT, `?delete` of a POST, `?policy` of a
    /// DELETE), so a call with a parameter that the operation does not know is not that operation (test
    /// `s3_one_parameter_more_is_never_the_harmless_operation`).
    pub(super) fn fits<'h>(
        &self,
        name: &str,
        conditions: &Conditions,
        asked: &Asked<'_>,
        mut telling: impl Iterator<Item = &'h HeaderName>,
        call: &Call,
    ) -> bool {
        let has = |wanted: &str| asked.iter().any(|(name, _)| *name == wanted);
        let known = |(parameter, value): &(&str, &str)| {
            let listed = |names: &[Box<str>]| names.iter().any(|name| **name == **parameter);
            if self.says_operation.as_deref() == Some(*parameter) {
                return name.strip_prefix(&*self.name_prefix) == Some(*value);
            }
            listed(&conditions.with) || listed(&conditions.may) || self.may.contains(*parameter)
        };
        conditions.with.iter().all(|name| has(name))
            && asked.iter().all(known)
            && conditions.headers.iter().all(|name| call.headers.contains_key(name))
            && telling.all(|name| !call.headers.contains_key(name) || conditions.headers.contains(name))
    }
}
