//! What was seen and not understood, each thing once.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use http::Uri;

use crate::import::judged;
use crate::import::paths::{self, Read, Words};
use crate::mapping::{Mappings, Said};
use crate::model::{Access, Action, Reason, Why};

/// Operations of hosts that are kept apart: more than any agent has.
const MAX_SEEN: usize = 20_000;

pub(super) struct Gaps<'a> {
    mappings: &'a Mappings,
    seen: BTreeMap<Thing, Seen>,
    /// Refused before there was anything to decide, by reason and host.
    pub(super) refused: BTreeMap<(&'static str, String), u64>,
    /// Calls on record that cannot be read any more.
    pub(super) lost: u64,
    /// All that were seen.
    pub(super) calls: u64,
    /// Those of them that were seen when there was no more room.
    pub(super) beyond: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Thing {
    host: String,
    operation: String,
    access: Access,
    kind: Kind,
}

/// Why it is not understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// No mapping is for the host.
    Host,
    /// The mapping of the host does not name the operation.
    Operation,
    /// Only a description of the provider names it.
    Generated,
    /// It is named, and calls lack what a decision rests on.
    Lacks,
}

#[derive(Clone, Debug, Default)]
struct Seen {
    calls: u64,
    lacks: BTreeSet<Arc<str>>,
    said: Option<Said>,
}

/// One thing that was not understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Gap {
    pub(super) host: String,
    /// The name, or the call with a template for its path: `POST /v1/orders/{order}`.
    pub(super) operation: String,
    /// The call, where an entry can be drafted of it.
    pub(super) call: Option<String>,
    pub(super) access: Access,
    pub(super) kind: Kind,
    pub(super) calls: u64,
    /// Required fields.
    pub(super) lacks: BTreeSet<Arc<str>>,
    /// Where it is said what the operation is.
    pub(super) said: Option<Said>,
}

impl Gap {
    /// How much harm a call of it may do, against one that reads.
    fn danger(&self) -> u64 {
        match self.access {
            Access::Read => 1,
            Access::Write => 10,
            Access::Delete | Access::Admin => 100,
        }
    }
}

impl<'a> Gaps<'a> {
    pub(super) fn new(mappings: &'a Mappings) -> Self {
        Self {
            mappings,
            seen: BTreeMap::new(),
            refused: BTreeMap::new(),
            lost: 0,
            calls: 0,
            beyond: 0,
        }
    }

    /// Takes a call, with all that it means.
    pub(super) fn see(&mut self, host: &str, action: &Action) {
        self.calls += 1;
        for meaning in action.meanings() {
            self.see_one(host, meaning);
        }
    }

    fn see_one(&mut self, host: &str, action: &Action) {
        let said = self.mappings.said(host, &action.operation);
        let lacks = action.missing.iter().filter(|missing| missing.why != Why::Derived);
        let lacks: BTreeSet<Arc<str>> = lacks.map(|missing| missing.field.clone()).collect();
        let kind = match &said {
            Some(said) if said.generated => Kind::Generated,
            _ if action.unmapped && &*action.provider == "unknown" => Kind::Host,
            _ if action.unmapped => Kind::Operation,
            _ if !lacks.is_empty() => Kind::Lacks,
            Some(_) | None => return,
        };
        let thing = Thing {
            host: host.to_owned(),
            operation: action.operation.to_string(),
            access: action.access,
            kind,
        };
        if self.seen.len() >= MAX_SEEN && !self.seen.contains_key(&thing) {
            self.beyond += 1;
            return;
        }
        let seen = self.seen.entry(thing).or_default();
        seen.calls += 1;
        seen.lacks.extend(lacks);
        seen.said = said;
    }

    /// Takes a request that was refused before there was anything to decide.
    pub(super) fn refused(&mut self, url: &str, reason: Reason) {
        let reason = reason.as_str();
        self.calls += 1;
        let uri: Option<Uri> = url.parse().ok(); // such a one has no host to tell
        let host = uri.and_then(|uri| uri.host().map(str::to_owned)).unwrap_or_default();
        let room = self.refused.len() < MAX_SEEN || self.refused.contains_key(&(reason, host.clone()));
        let host = if room { host } else { String::new() };
        *self.refused.entry((reason, host)).or_default() += 1;
    }

    /// Paths become templates, and what is one operation is told once: changes before reads, then by count and danger.
    pub(super) fn ranked(&self, words: &Words) -> Vec<Gap> {
        let mut paths: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
        for thing in self.seen.keys() {
            if let Some((_, path)) = thing.call() {
                paths.entry(&thing.host).or_default().insert(path.to_owned());
            }
        }
        let templates: BTreeMap<&str, BTreeMap<String, Read>> = paths
            .into_iter()
            .map(|(host, paths)| (host, paths::templates(&paths, words)))
            .collect();
        let mut gaps: BTreeMap<Thing, Gap> = BTreeMap::new();
        for (thing, seen) in &self.seen {
            let (operation, call) = match thing.call() {
                Some((method, path)) => match templates.get(thing.host.as_str()).and_then(|read| read.get(path)) {
                    Some(Read::Template(template)) => {
                        let call = format!("{method} {template}");
                        (call.clone(), is_named(method).then_some(call))
                    }
                    Some(Read::Doubtful) | None => (thing.operation.clone(), None),
                },
                None => (thing.operation.clone(), None),
            };
            // What nobody knows is a change, and some changes are worse by their method and path.
            let by_call = call.as_deref().and_then(|call| call.split_once(' '));
            let access = match by_call {
                Some((method, template)) if thing.access != Access::Read => thing.access.max(judged(method, template)),
                Some(_) | None => thing.access,
            };
            let whole = Thing {
                operation: operation.clone(),
                access,
                ..thing.clone()
            };
            let gap = gaps.entry(whole).or_insert_with(|| Gap {
                host: thing.host.clone(),
                operation,
                call,
                access,
                kind: thing.kind,
                calls: 0,
                lacks: BTreeSet::new(),
                said: seen.said.clone(),
            });
            gap.calls += seen.calls;
            gap.lacks.extend(seen.lacks.iter().cloned());
        }
        let mut gaps: Vec<Gap> = gaps.into_values().collect();
        gaps.sort_by_key(|gap| (gap.access == Access::Read, Reverse(gap.calls * gap.danger())));
        gaps
    }
}

impl Thing {
    /// Method and path, where nothing names the operation.
    fn call(&self) -> Option<(&str, &str)> {
        let unnamed = matches!(self.kind, Kind::Host | Kind::Operation);
        self.operation
            .split_once(' ')
            .filter(|(_, path)| unnamed && path.starts_with('/'))
    }
}

/// Whether mappings name calls of this method.
fn is_named(method: &str) -> bool {
    ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"].contains(&method)
}
