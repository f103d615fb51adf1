//! What was seen, and the rules that cover it.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

use crate::audit::{Period, RecordedCall};
use crate::cli::explain::advice::cedar_text;
use crate::model::vocabulary::{ActionClass, ActionDefinition};
use crate::model::{Access, Action, Value, Vocabulary, inert};

pub(super) struct Draft<'a> {
    vocabulary: &'a Vocabulary,
    seen: BTreeMap<Kind, Seen>,
    /// What is not permitted: why, agent and action.
    left_out: BTreeMap<(&'static str, Arc<str>, Arc<str>), u64>,
    /// Calls that cannot be read any more.
    pub(super) lost: u64,
}

/// Calls that one rule covers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Kind {
    agent: Arc<str>,
    action: Arc<str>,
    provider: Arc<str>,
    target: Arc<str>,
    environment: Arc<str>,
    host: String,
}

#[derive(Default)]
struct Seen {
    calls: u64,
    /// Of each number: how often it was there, and the largest.
    numbers: BTreeMap<Arc<str>, (u64, i64)>,
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
        let why = action.meanings().find_map(|meaning| self.not_to_be_permitted(meaning));
        let why = why.or((recorded.decision == "BLOCK").then_some("blocked"));
        if let Some(why) = why {
            let key = (why, recorded.facts.agent.clone(), action.name.clone());
            *self.left_out.entry(key).or_default() += 1;
            return;
        }
        for meaning in action.meanings() {
            let kind = Kind {
                agent: recorded.facts.agent.clone(),
                action: meaning.name.clone(),
                provider: meaning.provider.clone(),
                target: meaning.target.kind.clone(),
                environment: meaning.environment().clone(),
                host: recorded.facts.host.clone(),
            };
            self.seen.entry(kind).or_default().add(meaning);
        }
    }

    /// SECURITY: a rule that nobody thought about must not permit what cannot be undone: an agent would write its own policy by
    /// trying. Test: `deletes_money_security_and_unmapped_calls_are_never_permitted`.
    fn not_to_be_permitted(&self, action: &Action) -> Option<&'static str> {
        let Some(definition) = self.vocabulary.actions.get(&action.name) else {
            return Some("no action of the vocabulary");
        };
        let access = action.access.max(definition.access);
        let is_in = |group: &str| definition.groups.iter().any(|known| &**known == group);
        if action.unmapped {
            return Some("in no mapping");
        }
        if !action.missing.is_empty() {
            return Some("incomplete");
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
            | ActionClass::Unknown => match access {
                Access::Delete => Some("deletes"),
                Access::Admin => Some("security"),
                Access::Write if is_in("payments") => Some("money"),
                Access::Read | Access::Write => None,
            },
        }
    }

    /// What the file begins with.
    pub(super) fn head(&self, period: &Period, permitted: u64, calls: u64) -> String {
        let mut text = String::from(
            "// Drafted by `runplane policy suggest` from the calls on record. Read each rule before it is in force.\n",
        );
        let of = period.agent.as_ref().map(|agent| format!(" of {}", inert(agent)));
        // Here and below: writing into a String cannot fail.
        let _ = writeln!(
            text,
            "// {} to {}{}: {calls} calls. These rules alone permit {permitted} of them.",
            period.since,
            period.until,
            of.unwrap_or_default()
        );
        if self.lost > 0 {
            let _ = writeln!(text, "// {} more calls cannot be read any more.", self.lost);
        }
        if !self.left_out.is_empty() {
            text.push_str("//\n// Not permitted here, for people to decide:\n");
        }
        for ((why, agent, action), count) in &self.left_out {
            let _ = writeln!(text, "//   {count:>7}  {} by {}: {why}", inert(action), inert(agent));
        }
        text + "\n"
    }

    /// The permits.
    pub(super) fn rules(&self) -> String {
        let mut text = String::new();
        for (number, (kind, seen)) in (1..).zip(&self.seen) {
            let Some(definition) = self.vocabulary.actions.get(&kind.action) else {
                continue;
            };
            text.push_str(&rule(number, kind, seen, definition));
        }
        text
    }
}

impl Seen {
    fn add(&mut self, action: &Action) {
        self.calls += 1;
        for (field, value) in &action.fields {
            if let Value::Int(number) = value {
                let (times, most) = self.numbers.entry(field.clone()).or_insert((0, *number));
                *times += 1;
                *most = (*most).max(*number);
            }
        }
    }
}

fn rule(number: usize, kind: &Kind, seen: &Seen, definition: &ActionDefinition) -> String {
    let plain = |text: &str| {
        text.replace(|letter: char| !letter.is_ascii_alphanumeric(), "-")
            .to_lowercase()
    };
    let mut conditions = vec![
        format!("context.host == {}", cedar_text(&kind.host)),
        format!("resource.kind == {}", cedar_text(&kind.target)),
        format!("resource.environment == {}", cedar_text(&kind.environment)),
    ];
    let mut text = format!("// {} call{}", seen.calls, if seen.calls == 1 { "" } else { "s" });
    for (field, (times, most)) in &seen.numbers {
        let _ = write!(text, "; {field} up to {most}");
        let bound = format!("context.{field} <= {most}");
        let optional = !definition.required.contains(field);
        conditions.push(match (optional, *times == seen.calls) {
            (false, _) => bound,
            (true, true) => format!("context has {field} && {bound}"),
            (true, false) => format!("(if context has {field} then {bound} else true)"),
        });
    }
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
