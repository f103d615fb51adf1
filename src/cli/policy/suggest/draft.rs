//! The kinds of calls that were seen, and the rules that cover them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::sync::Arc;

use super::changes::Changes;
use super::seen::{self, Seen};
use crate::audit::{Period, RecordedCall};
use crate::cli::explain::advice::cedar_text;
use crate::model::vocabulary::ActionClass;
use crate::model::{Access, Action, Sensitivity, Vocabulary, inert};

/// Why calls are left out that another like them may bring under a rule: what they lack, or what else was then, stopped them.
const INCOMPLETE: &str = "incomplete";
const BLOCKED: &str = "blocked";

/// Whether a drafted rule may match a call that was left out for this.
pub(super) fn may_match(why: &str) -> bool {
    matches!(why, INCOMPLETE | BLOCKED)
}

pub(super) struct Draft<'a> {
    vocabulary: &'a Vocabulary,
    seen: BTreeMap<Kind, Seen>,
    /// What is not permitted: why, agent and action.
    left_out: BTreeMap<(&'static str, Arc<str>, Arc<str>), LeftOut>,
    /// Calls that cannot be read any more.
    pub(super) lost: u64,
}

/// Calls that are not permitted.
#[derive(Default)]
struct LeftOut {
    calls: u64,
    /// What they come to in the account's currency.
    money: i128,
}

/// Calls that one rule covers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Kind {
    agent: Arc<str>,
    action: Arc<str>,
    /// One action may read, change and delete (`modify_record` removes tags, too).
    access: Access,
    provider: Arc<str>,
    target: Arc<str>,
    environment: Arc<str>,
    /// One table beside another at the same host may hold what is confidential.
    sensitivity: &'static str,
    host: String,
    /// What is so of the call (`unbounded`): a rule for those of which it is not is another.
    flags: BTreeSet<Arc<str>>,
}

impl<'a> Draft<'a> {
    pub(super) fn new(vocabulary: &'a Vocabulary) -> Self {
        Self {
            vocabulary,
            seen: BTreeMap::new(),
            left_out: BTreeMap::new(),
            lost: 0,
        }
    }

    /// A call does all that it means, so it is permitted with all of it or not at all. `action` is as rules see it: completed,
    /// and with the labels of its target.
    pub(super) fn see(&mut self, recorded: &RecordedCall, action: &Action) {
        if let Some(why) = self.left_out(recorded, action) {
            let key = (why, recorded.facts.agent.clone(), action.name.clone());
            let out = self.left_out.entry(key).or_default();
            out.calls += 1;
            let amounts = action.deeds().filter_map(|meaning| meaning.int("amount_base"));
            out.money += amounts.map(i128::from).sum::<i128>();
            return;
        }
        for meaning in action.meanings() {
            let kind = Kind {
                agent: recorded.facts.agent.clone(),
                action: meaning.name.clone(),
                access: self.access(meaning),
                provider: meaning.provider.clone(),
                target: meaning.target.kind.clone(),
                environment: meaning.environment().clone(),
                sensitivity: sensitivity(meaning).as_str(),
                host: recorded.facts.host.clone(),
                flags: seen::flags(meaning),
            };
            self.seen.entry(kind).or_default().add(meaning);
        }
    }

    /// Why no rule is drafted of a call.
    pub(super) fn left_out(&self, recorded: &RecordedCall, action: &Action) -> Option<&'static str> {
        let why = action.meanings().find_map(|meaning| self.not_to_be_permitted(meaning));
        why.or((recorded.decision == "BLOCK").then_some(BLOCKED))
    }

    /// As rules see it.
    fn access(&self, action: &Action) -> Access {
        let definition = self.vocabulary.actions.get(&action.name);
        definition.map_or(action.access, |definition| action.access.max(definition.access))
    }

    /// SECURITY: a rule that nobody thought about must not permit what cannot be undone: an agent would write its own policy by
    /// trying. Test: `deletes_money_security_and_unmapped_calls_are_never_permitted`.
    fn not_to_be_permitted(&self, action: &Action) -> Option<&'static str> {
        let Some(definition) = self.vocabulary.actions.get(&action.name) else {
            return Some("no action of the vocabulary");
        };
        let is_in = |group: &str| definition.groups.iter().any(|known| &**known == group);
        if action.unmapped {
            return Some("in no mapping");
        }
        if !action.missing.is_empty() {
            return Some(INCOMPLETE);
        }
        if is_in("security") {
            return Some("security");
        }
        match definition.class {
            ActionClass::Delete => Some("deletes"),
            ActionClass::Money => Some("money"),
            ActionClass::Permission | ActionClass::Credential => Some("security"),
            ActionClass::Read
            | ActionClass::Export
            | ActionClass::Create
            | ActionClass::Update
            | ActionClass::Code
            | ActionClass::Unknown => match self.access(action) {
                Access::Delete => Some("deletes"),
                Access::Admin => Some("security"),
                Access::Write if is_in("payments") => Some("money"),
                Access::Read | Access::Write => None,
            },
        }
    }

    /// What the file begins with.
    pub(super) fn head(&self, period: &Period, would: &Would) -> String {
        let Would {
            permitted,
            calls,
            beside,
            changes,
        } = would;
        let plural = |count: u64| if count == 1 { "" } else { "s" };
        let mut text = String::from(
            "// Drafted by `runplane policy suggest` from the calls on record. Read each rule before it is in force.\n",
        );
        let of = period.agent.as_ref().map(|agent| format!(" of {}", inert(agent)));
        // Here and below: writing into a String cannot fail.
        let _ = writeln!(
            text,
            "// {} to {}{}: {calls} call{}. These rules alone permit {permitted} of them.",
            period.since,
            period.until,
            of.unwrap_or_default(),
            plural(*calls)
        );
        if *beside > 0 {
            let _ = writeln!(
                text,
                "// {beside} of these {} left out below: nothing tells them from calls that are covered.",
                if *beside == 1 { "is" } else { "are" }
            );
        }
        if self.lost > 0 {
            let lost = self.lost;
            let _ = writeln!(text, "// {lost} more call{} cannot be read any more.", plural(lost));
        }
        if !self.left_out.is_empty() {
            text.push_str("//\n// Not permitted here, for people to decide:\n");
        }
        for ((why, agent, action), LeftOut { calls, money }) in &self.left_out {
            let money = match money {
                0 => String::new(),
                money => format!(", amount_base {money} in all"),
            };
            let _ = writeln!(
                text,
                "//   {calls:>7}  {} by {}: {why}{money}",
                inert(action),
                inert(agent)
            );
        }
        text.push_str(&changes.told());
        text + "\n"
    }

    /// The permits.
    pub(super) fn rules(&self) -> String {
        let mut text = String::new();
        for (number, (kind, seen)) in (1..).zip(&self.seen) {
            let Some(definition) = self.vocabulary.actions.get(&kind.action) else {
                continue;
            };
            let bounds = seen.bounds(&kind.flags, self.vocabulary, definition);
            text.push_str(&rule(number, kind, seen, bounds));
        }
        text
    }
}

/// As rules see it, where nobody said, too.
fn sensitivity(action: &Action) -> Sensitivity {
    let labels = action.labels.as_ref();
    labels.map(|labels| labels.sensitivity).unwrap_or_default()
}

/// What the rules alone would have made of the calls.
pub(super) struct Would {
    pub(super) calls: u64,
    pub(super) permitted: u64,
    /// Of the permitted: calls that were left out.
    pub(super) beside: u64,
    pub(super) changes: Changes,
}

impl Would {
    pub(super) fn new(changes: Changes) -> Self {
        Self {
            calls: 0,
            permitted: 0,
            beside: 0,
            changes,
        }
    }
}

// SECURITY: a permit that says less than what was seen covers the deletion beside the change, and calls that no mapping knows.
// Test: `a_permit_does_not_cover_the_deletion_the_unmapped_or_the_unbounded_beside_it`.
fn rule(number: usize, kind: &Kind, seen: &Seen, bounds: Vec<String>) -> String {
    let plain = |text: &str| {
        text.replace(|letter: char| !letter.is_ascii_alphanumeric(), "-")
            .to_lowercase()
    };
    let mut conditions = vec![
        format!("context.access == {}", cedar_text(kind.access.as_str())),
        "!context.unmapped".to_owned(),
        format!("context.host == {}", cedar_text(&kind.host)),
        format!("resource.kind == {}", cedar_text(&kind.target)),
        format!("resource.environment == {}", cedar_text(&kind.environment)),
        format!("resource.sensitivity == {}", cedar_text(kind.sensitivity)),
    ];
    let mut text = format!("// {} call{}", seen.calls, if seen.calls == 1 { "" } else { "s" });
    text.push_str(&seen.told());
    conditions.extend(bounds);
    format!(
        "{text}\n@id(\"suggested-{number}-{}-{}\")\n\
         permit (principal == Agent::{}, action == Action::{}, resource in Provider::{})\n\
         when {{\n  {}\n}};\n\n",
        plain(&kind.agent),
        plain(&kind.action),
        cedar_text(&kind.agent),
        cedar_text(&kind.action),
        cedar_text(&kind.provider),
        conditions.join(" &&\n  ")
    )
}
