//! A call as the trail tells it: what it takes to decide it again.

use std::borrow::Cow;
use std::sync::Arc;

use serde::Deserialize;

use crate::model::recorded::Also;
use crate::model::{Access, Action, ApprovalId, Authority, CallId, Facts, GUARD, Missing, Reason, Tie, Timestamp, Why};
use crate::store::Kept;

/// What a `decided` entry and its values say of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedCall {
    pub call: CallId,
    /// When it was written, which is when it was decided but for the commit.
    pub time: Timestamp,
    pub facts: Facts,
    /// With all that followed from its fields when it was decided.
    pub action: Action,
    /// `ALLOW`, `BLOCK` or `REQUIRE_APPROVAL`.
    pub decision: &'static str,
    pub reason: Option<Reason>,
    /// It was only observed: sent, whatever was decided.
    pub observed: bool,
    /// The call that was counted for the same request, where budgets count the request once.
    pub repeats: Option<CallId>,
    /// Ids of the rules that decided.
    pub rules: Vec<Arc<str>>,
    pub approval: Option<ApprovalId>,
}

/// Why a recorded call cannot be decided again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Unreplayable {
    /// The entry is not as we write it.
    Unreadable,
    /// Its values were erased.
    Erased,
    /// It was recorded by a program that did not yet write why a field is missing.
    Earlier,
    /// The vocabulary has no such action or field any more.
    Vocabulary,
    /// Something else than rules refused it.
    OtherReason,
    /// People were asked, and what they were asked about is not on record.
    Approval,
}

impl Unreplayable {
    /// The code, and what it means.
    pub fn told(self) -> (&'static str, &'static str) {
        match self {
            Unreplayable::Unreadable => ("unreadable", "the entry is not as this program writes it"),
            Unreplayable::Erased => ("erased", "its values were erased, or were never kept"),
            Unreplayable::Earlier => (
                "earlier_build",
                "an earlier build recorded it without why a field is missing",
            ),
            Unreplayable::Vocabulary => (
                "vocabulary",
                "the vocabulary no longer has its action or one of its fields",
            ),
            Unreplayable::OtherReason => ("no_rule", "something else than rules refused it"),
            Unreplayable::Approval => ("approval", "people were asked about it, and that is not on record"),
        }
    }
}

/// Members of a `decided`; all but those of every entry may lack in one that another program wrote.
#[derive(Deserialize)]
struct Members<'a> {
    call: CallId,
    time: Timestamp,
    #[serde(borrow)]
    access: Cow<'a, str>,
    #[serde(borrow)]
    action: Cow<'a, str>,
    #[serde(borrow)]
    agent: Cow<'a, str>,
    approval: Option<ApprovalId>,
    #[serde(borrow)]
    basis: Option<Cow<'a, str>>,
    #[serde(borrow)]
    decision: Cow<'a, str>,
    #[serde(borrow)]
    environment: Cow<'a, str>,
    /// As the mapping says, where it was labelled otherwise.
    #[serde(borrow)]
    environment_mapped: Option<Cow<'a, str>>,
    inspected: i64,
    #[serde(borrow)]
    lacks: Option<Cow<'a, str>>,
    #[serde(borrow)]
    missing: Option<Cow<'a, str>>,
    #[serde(borrow)]
    operation: Option<Cow<'a, str>>,
    #[serde(borrow)]
    provider: Cow<'a, str>,
    reason: Option<Reason>,
    /// Fields that the call did not tell.
    #[serde(borrow)]
    recalled: Option<Cow<'a, str>>,
    repeats: Option<CallId>,
    #[serde(borrow)]
    roles: Cow<'a, str>,
    #[serde(borrow)]
    rules: Cow<'a, str>,
    unmapped: i64,
    /// What was decided, where that was only observed.
    #[serde(borrow)]
    would: Option<Cow<'a, str>>,
    would_reason: Option<Reason>,
}

impl RecordedCall {
    /// Reads a `decided` entry.
    ///
    /// # Errors
    /// What is not there, or not as we write it.
    pub fn read(kept: &Kept) -> Result<RecordedCall, Unreplayable> {
        let members: Members<'_> = serde_json::from_slice(&kept.bytes).map_err(|_| Unreplayable::Unreadable)?;
        let request_line: String = value(kept, "request_line")?;
        let line = RequestLine::read(&request_line).ok_or(Unreplayable::Unreadable)?;
        let operation = match (&members.operation, members.unmapped) {
            (Some(operation), 0) => operation.as_ref().into(),
            (None, 1) if kept.values.contains_key("operation") => value(kept, "operation")?,
            (None, 1) => line.operation().into(),
            _ => return Err(Unreplayable::Unreadable),
        };
        let facts = Facts {
            agent: members.agent.as_ref().into(),
            roles: names(&members.roles).collect(),
            host: line.host.clone(),
            method: line.method.to_owned(),
        };
        let mut action = Action {
            provider: members.provider.as_ref().into(),
            operation,
            name: members.action.as_ref().into(),
            access: word(Access::ALL, Access::as_str, &members.access)?,
            fields: value(kept, "fields")?,
            missing: missing(members.lacks.iter().flat_map(|lacks| lacks.split(',')))?,
            target: value(kept, "target")?,
            environment: members
                .environment_mapped
                .as_ref()
                .unwrap_or(&members.environment)
                .as_ref()
                .into(),
            labels: None,
            risk: None,
            unmapped: members.unmapped != 0,
            inspected: members.inspected != 0,
            summary: value(kept, "summary")?,
            request_line: String::new(),
            answer: Arc::default(),
            also: Vec::new(),
            tie: match members.recalled.as_deref() {
                Some(recalled) => Tie::Recalled {
                    fields: names(recalled).collect(),
                    version: 0,
                },
                None => Tie::None,
            },
        };
        action.also = also(kept, &action)?;
        action.request_line = request_line;
        if members.missing.is_some() && action.all_missing().is_empty() {
            return Err(Unreplayable::Earlier);
        }
        Ok(RecordedCall {
            call: members.call,
            time: members.time,
            facts,
            action,
            decision: word(
                ["ALLOW", "BLOCK", "REQUIRE_APPROVAL"],
                |decision| decision,
                members.would.as_ref().unwrap_or(&members.decision),
            )?,
            reason: members.reason.or(members.would_reason),
            observed: members.basis.is_some_and(|basis| basis == "observed"),
            repeats: members.repeats,
            rules: names(&members.rules).collect(),
            approval: members.approval,
        })
    }
}

/// Whether an entry tells the operation without keeping it: it has a name of the mapping's, or is called by method and path,
/// which stand in the request line without what may be secret. What a message or document names is told by its summary, too.
pub(super) fn is_told(action: &Action) -> bool {
    let by_path = |line: RequestLine<'_>| {
        let rest = action.operation.strip_prefix(line.method);
        rest.is_some_and(|rest| rest.starts_with(' '))
    };
    !action.unmapped || RequestLine::read(&action.request_line).is_none_or(by_path)
}

/// What else the call does, as [`super::calls`] writes it: all that is not told is as the action's. Its labels are as rules
/// of now give them, its environment as the mapping told it of the whole call.
fn also(kept: &Kept, action: &Action) -> Result<Vec<Action>, Unreplayable> {
    if !kept.values.contains_key("also") {
        return Ok(Vec::new());
    }
    let all: Vec<Also> = value(kept, "also")?;
    let read = all.into_iter().map(|also| {
        Ok(Action {
            name: also.action,
            access: also.access,
            fields: also.fields,
            missing: missing(also.missing.iter().map(String::as_str))?,
            target: also.target,
            operation: also.operation.unwrap_or_else(|| action.operation.clone()),
            // What an agent claims it to be is the whole of this meaning.
            environment: also
                .environment
                .filter(|_| &*action.provider == GUARD)
                .unwrap_or_else(|| action.environment.clone()),
            unmapped: also.unmapped.unwrap_or(action.unmapped),
            ..action.clone()
        })
    });
    read.collect()
}

/// A value that is kept beside the entry.
fn value<T: for<'de> Deserialize<'de>>(kept: &Kept, name: &str) -> Result<T, Unreplayable> {
    let text = kept.values.get(name).ok_or(Unreplayable::Erased)?;
    serde_json::from_str(text).map_err(|_| Unreplayable::Unreadable)
}

/// `amount:absent`
fn missing<'a>(all: impl Iterator<Item = &'a str>) -> Result<Vec<Missing>, Unreplayable> {
    let read = all.map(|one| {
        let (field, why) = one.split_once(':').ok_or(Unreplayable::Unreadable)?;
        Ok(Missing {
            field: field.into(),
            why: word(Why::ALL, Why::as_str, why)?,
        })
    });
    read.collect()
}

fn names(joined: &str) -> impl Iterator<Item = Arc<str>> {
    joined.split(',').filter(|name| !name.is_empty()).map(Arc::from)
}

fn word<T: Copy, const N: usize>(
    all: [T; N],
    name: impl Fn(T) -> &'static str,
    found: &str,
) -> Result<T, Unreplayable> {
    let known = all.into_iter().find(|one| name(*one) == found);
    known.ok_or(Unreplayable::Unreadable)
}

/// `POST https://api.stripe.com/v1/refunds?expand=…` or `CONNECT db.example.com:5432`, as the mappings write them.
struct RequestLine<'a> {
    method: &'a str,
    /// As policies name it: without port.
    host: String,
    /// Without query.
    path: &'a str,
}

impl<'a> RequestLine<'a> {
    fn read(line: &'a str) -> Option<RequestLine<'a>> {
        let (method, target) = line.split_once(' ')?;
        let target = target.split_once("://").map_or(target, |(_, target)| target);
        let (authority, path) = target.split_at(target.find('/').unwrap_or(target.len()));
        let (host, _) = Authority::parts(authority).ok()?;
        Some(RequestLine {
            method,
            host: host.to_string(),
            path: path.split('?').next().unwrap_or_default(),
        })
    }

    /// How an operation without a name is called.
    fn operation(&self) -> String {
        format!("{} {}", self.method, self.path)
    }
}
