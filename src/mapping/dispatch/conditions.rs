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
    /// A call may have any other parameter, too.
    pub open: bool,
}

/// Names and values of a query as they were sent.
pub(super) type Asked<'a> = Vec<(&'a str, &'a str)>;

impl Conditions {
    /// Whether a parameter of that name is one by which calls are this operation: `operation`, of `operation=create`.
    pub(super) fn tells(&self, parameter: &str) -> bool {
        let name = |with: &str| with.split('=').next() == Some(parameter);
        self.with.iter().any(|with| name(with))
    }

    /// Whether a query has all that it must have, and nothing by which another operation of the path is told. `tells`: of
    /// the others.
    ///
    /// SECURITY: `?operation=batch-delete` of a POST that creates without it is no creation (test
    /// `aws_a_query_that_tells_another_operation_is_no_other`).
    pub(super) fn fits_openly(&self, asked: &Asked<'_>, tells: &dyn Fn(&str) -> bool) -> bool {
        let is = |with: &str, (name, value): &(&str, &str)| match with.split_once('=') {
            Some((known, wanted)) => known == *name && wanted == *value,
            None => with == *name,
        };
        let has = |with: &str| asked.iter().any(|pair| is(with, pair));
        let known = |pair: &(&str, &str)| !tells(pair.0) || self.with.iter().any(|with| is(with, pair));
        self.with.iter().all(|with| has(with)) && asked.iter().all(known)
    }

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
    /// Where only what some operation of a path is told by tells.
    pub(in crate::mapping) fn open() -> Self {
        Self {
            may: HashSet::new(),
            says_operation: None,
            name_prefix: Box::default(),
            open: true,
        }
    }

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
            if pair.contains(';') || (!seen.insert(name) && !self.open) {
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
