//! What is decided of a call, and every rule that it meets: of one that is told, and of one on record that came again.

use std::io::{self, Write};

use super::show::{line, list, shown_place};
use crate::gate::{Rules, Took};
use crate::model::pause::Pause;
use crate::model::{Action, Facts, Timestamp, inert};
use crate::policy::{DEFAULT, INCOMPLETE_ACTION, Verdict};

/// A call, and what would be decided of it.
#[derive(Clone, Copy)]
pub(super) struct Question<'a> {
    pub(super) facts: &'a Facts,
    /// As rules see it.
    pub(super) action: &'a Action,
    pub(super) at: Timestamp,
    pub(super) verdict: &'a Verdict,
    /// Whoever calls is paused.
    pub(super) paused: Option<&'a Pause>,
}

pub(super) fn decision(rules: &Rules, asked: Question<'_>, out: &mut impl Write) -> io::Result<()> {
    let why = |id: &str, reason: Option<&str>| {
        let place = rules.policies().place(id).map(shown_place).unwrap_or_default();
        let reason = reason.or_else(|| rules.policies().reason(id)).unwrap_or_default();
        [id, reason, &place]
            .iter()
            .filter(|part| !part.is_empty())
            .map(|part| inert(part).into_owned())
            .collect::<Vec<_>>()
            .join("  ")
    };
    if let Some(pause) = asked.paused {
        line(out, "paused", &paused(pause))?;
    }
    match asked.verdict {
        Verdict::Allow { rules } => {
            line(out, "decision", "ALLOW")?;
            for id in rules {
                line(out, "  permitted", &why(id, None))?;
            }
        }
        Verdict::Block { reason, rules } => {
            line(out, "decision", &format!("BLOCK ({reason})"))?;
            for rule in rules {
                let nothing = (&*rule.id == DEFAULT).then_some("no rule permits it");
                line(out, "  blocked by", &why(&rule.id, rule.reason.as_deref().or(nothing)))?;
            }
        }
        Verdict::RequireApproval { rules } => {
            line(out, "decision", "REQUIRE_APPROVAL")?;
            for rule in rules {
                line(
                    out,
                    "  held by",
                    &format!("{}  asks {}", why(&rule.id, rule.reason.as_deref()), rule.asks()),
                )?;
                if &*rule.id == INCOMPLETE_ACTION && !rule.unchecked.is_empty() {
                    line(out, "", &format!("could not be checked: {}", rule.unchecked.join(", ")))?;
                }
            }
        }
    }
    let stopped = !matches!(asked.verdict, Verdict::Allow { .. });
    if asked.paused.is_none() && stopped && rules.observes().covers(&asked.facts.agent) {
        line(
            out,
            "observed",
            "it is sent all the same (`dangerously_observe` in runplane.yaml)",
        )?;
    }
    met(rules, asked, out)
}

/// Nothing is sent, whatever rules say of it.
fn paused(pause: &Pause) -> String {
    let why = pause
        .reason
        .as_deref()
        .map(|reason| format!(": {reason}"))
        .unwrap_or_default();
    format!(
        "{} by {} since {}{why}; the call is answered `paused` and not sent, whatever is decided of it",
        pause.whom, pause.by, pause.since
    )
}

/// Every rule that the call meets, whether it decided or another was stricter.
fn met(rules: &Rules, asked: Question<'_>, out: &mut impl Write) -> io::Result<()> {
    let situation = rules.situation(asked.facts, asked.action, asked.at);
    let met = rules.policies().met(asked.facts, asked.action, &situation);
    let decided = asked.verdict.rules();
    let met: Vec<String> = met
        .iter()
        .map(|(id, does)| {
            let place = rules.policies().place(id).map(shown_place).unwrap_or_default();
            let what = match (decided.contains(&&**id), rules.policies().is_on_trial(id)) {
                (_, true) => "  (on trial: changes nothing)",
                (true, false) => "  (decided)",
                (false, false) => "",
            };
            format!("{does:<6}  {id}  {place}{what}")
        })
        .collect();
    list(out, "matched", &met)
}

/// The steps of the gate, as they are named: `weigh 31 µs, budgets 2 µs, decide 17 µs`.
pub(super) fn times(took: &Took) -> String {
    let Took { weigh, budgets, decide } = took;
    let times = [("weigh", weigh), ("budgets", budgets), ("decide", decide)];
    times
        .map(|(step, took)| format!("{step} {} µs", took.as_micros()))
        .join(", ")
}
