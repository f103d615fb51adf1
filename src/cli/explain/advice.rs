//! The smallest change that would let a call through, found by asking the rules again with the change made.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::decision::Question;
use super::show::shown_place;
use crate::gate::Rules;
use crate::model::diagnostic::EMBEDDED;
use crate::model::pause::Whom;
use crate::model::{Action, HoldRule, Reason, Why, inert};
use crate::policy::{DEFAULT, INCOMPLETE_ACTION, RuleReason, Verdict};

/// What to do, in order, as lines.
pub(super) fn steps(rules: &Rules, asked: Question<'_>) -> Vec<String> {
    let mut steps = Steps {
        rules,
        asked,
        lines: Vec::new(),
        lifted: BTreeSet::new(),
        permit: None,
    };
    if let Some(pause) = asked.paused {
        let whom = match &pause.whom {
            Whom::Everyone => "--all".to_owned(),
            Whom::Agent(name) => format!("--agent {}", inert(name)),
        };
        steps.say(format!(
            "To have anything of this agent sent, lift the pause: `runplane resume {whom}`."
        ));
    }
    steps.take(asked.verdict.clone());
    steps.lines
}

struct Steps<'a> {
    rules: &'a Rules,
    asked: Question<'a>,
    lines: Vec<String>,
    /// Rules, and limits of budgets, that are supposed not to be there.
    lifted: BTreeSet<Arc<str>>,
    /// A rule that is supposed to be there.
    permit: Option<String>,
}

impl Steps<'_> {
    /// Each turn removes what stands in the way and looks what comes after it; the last one asks nothing of the rules.
    fn take(&mut self, first: Verdict) {
        let mut verdict = first;
        loop {
            let more = match verdict {
                Verdict::Allow { .. } => return self.allowed(),
                Verdict::RequireApproval { rules } => return self.approval(&rules),
                Verdict::Block { reason, rules } => self.block(reason, &rules),
            };
            if !more {
                return;
            }
            let Question { facts, action, at, .. } = self.asked;
            let supposed = self.rules.policies().supposing(&self.lifted, self.permit.as_deref());
            match supposed {
                Ok(policies) => {
                    let mut situation = self.rules.situation(facts, action, at);
                    situation.over.retain(|over| !self.lifted.contains(&over.id));
                    verdict = policies.evaluate(facts, action, &situation, None);
                }
                Err(_) => return,
            }
        }
    }

    fn say(&mut self, line: impl Into<String>) {
        self.lines.push(line.into());
    }

    fn beginning(&self) -> &'static str {
        if self.lines.is_empty() {
            "To allow it, "
        } else {
            "Then, "
        }
    }

    fn allowed(&mut self) {
        self.lines.push(if self.lines.is_empty() {
            "It would be sent: nothing is to be changed.".to_owned()
        } else {
            "Then it would be allowed.".to_owned()
        });
    }

    /// True: there is more to find out behind it.
    fn block(&mut self, reason: Reason, rules: &[RuleReason]) -> bool {
        let head = self.beginning();
        let ids: Vec<&str> = rules.iter().map(|rule| &*rule.id).collect();
        if reason == Reason::IncompleteAction {
            let fields = stated_by_caller(self.asked.action).join(", ");
            self.say(format!("{head}state in the call what it leaves out: {fields}."));
            return false;
        }
        if reason == Reason::NotInspectable {
            self.say(format!(
                "{head}make the call without Upgrade: what leaves HTTP is not passed on."
            ));
            return false;
        }
        if reason == Reason::BudgetExceeded {
            return self.limits(rules);
        }
        if reason != Reason::PolicyBlocked {
            let names = ids.join(", ");
            self.say(format!(
                "{head}mend what could not be evaluated: {names}. `runplane check` may say more."
            ));
            return false;
        }
        if ids == [DEFAULT] {
            if self.permit.is_some() {
                return false;
            }
            let skeleton = skeleton(self.asked);
            self.say(format!(
                "{head}add a rule that permits it, to a file of its own in policies/, for example:"
            ));
            self.lines.extend(skeleton.lines().map(|line| format!("    {line}")));
            self.permit = Some(skeleton);
            return true;
        }
        let agent = cedar_text(&self.asked.facts.agent);
        // What nothing permits comes after the rules that forbid what else the call does.
        for id in ids.into_iter().filter(|id| *id != DEFAULT) {
            let place = self.place(id);
            self.say(format!(
                "{head}except it from the rule `{id}`{place}, for example by adding to that rule:"
            ));
            self.say(format!("    unless {{ principal == Agent::{agent} }}"));
        }
        let before = self.lifted.len();
        self.lifted.extend(rules.iter().map(|rule| rule.id.clone()));
        // A rule that was lifted and still blocks is none of ours to lift.
        self.lifted.len() > before
    }

    /// True, for what comes after them is to be found out.
    fn limits(&mut self, limits: &[RuleReason]) -> bool {
        let before = self.lifted.len();
        for limit in limits {
            let (head, place) = (self.beginning(), self.place(&limit.id));
            let told = limit.reason.as_deref().unwrap_or_default();
            self.say(format!("{head}stay within `{}`{place}: {told}.", limit.id));
            self.say("Or, for all such calls, change that limit.");
            self.lifted.insert(limit.id.clone());
        }
        self.lifted.len() > before
    }

    fn approval(&mut self, rules: &[HoldRule]) {
        let head = self.beginning();
        let groups: BTreeSet<String> = rules
            .iter()
            .map(|rule| format!("{} ({})", rule.asks(), rule.id))
            .collect();
        let groups = groups.into_iter().collect::<Vec<_>>().join(" and ");
        let missing = stated_by_caller(self.asked.action);
        let sets: String = missing.iter().map(|field| format!(" --set {field}=…")).collect();
        self.say(format!("{head}make the call and get the approval of {groups}:"));
        self.say(format!("    runplane approvals approve apr_…{sets}"));
        if rules.iter().any(|rule| &*rule.id == INCOMPLETE_ACTION) && !missing.is_empty() {
            self.say(format!(
                "Or state in the call itself what it leaves out ({}); then the ordinary rules apply.",
                missing.join(", ")
            ));
        }
        for rule in rules.iter().filter(|rule| &*rule.id != INCOMPLETE_ACTION) {
            let place = self.place(&rule.id);
            self.say(format!("Or, for all such calls, change the rule `{}`{place}.", rule.id));
        }
    }

    /// ` (policies/house.cedar:3:1)`
    fn place(&self, id: &str) -> String {
        let place = self.rules.policies().place(id);
        place
            .or_else(|| self.rules.limit_place(id))
            .map_or_else(String::new, |place| {
                let own = if place.starts_with(EMBEDDED) {
                    "; `runplane init` writes it out to be edited"
                } else {
                    ""
                };
                format!(" ({}{own})", inert(&shown_place(place)))
            })
    }
}

/// What the call leaves out and somebody can state.
fn stated_by_caller(action: &Action) -> Vec<&str> {
    let missing = action
        .all_missing()
        .into_iter()
        .filter(|missing| missing.why != Why::Derived);
    missing.map(|missing| &*missing.field).collect()
}

/// A rule that permits calls like this one and little else.
fn skeleton(asked: Question<'_>) -> String {
    let (agent, host) = (&asked.facts.agent, &asked.facts.host);
    let name = &asked.action.name;
    let actions: BTreeSet<String> = asked
        .action
        .meanings()
        .map(|meaning| format!("Action::{}", cedar_text(&meaning.name)))
        .collect();
    let actions: Vec<String> = actions.into_iter().collect();
    let scope = match actions.as_slice() {
        [one] => format!("== {one}"),
        several => format!("in [{}]", several.join(", ")),
    };
    let id: String = format!("{name}-for-{agent}")
        .to_lowercase()
        .chars()
        .map(|letter| {
            if letter.is_ascii_alphanumeric() || letter == '_' {
                letter
            } else {
                '-'
            }
        })
        .collect();
    format!(
        "@id(\"{id}\")\n@reason(\"…\")\npermit (principal == Agent::{}, action {scope}, resource)\nwhen {{ context.host == {} }};",
        cedar_text(agent),
        cedar_text(host),
    )
}

/// A text as Cedar writes it. What could move a terminal's cursor is escaped as well.
pub(in crate::cli) fn cedar_text(text: &str) -> String {
    let plain = text.replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{}\"", inert(&plain))
}
