//! What would be decided of a call on record if it came again: by the rules of today, with what is used and usual by now.

use std::collections::BTreeMap;
use std::io::{self, Write};

use anyhow::{Context, bail};
use serde_json::Value as Json;

use super::advice;
use super::decision::{Question, decision, times};
use super::show::{line, list, shown_place};
use crate::audit::{RecordedCall, as_called};
use crate::gate::{Rules, Took};
use crate::model::pause::Pause;
use crate::model::{Action, Reason, Timestamp};
use crate::policy::Verdict;
use crate::store::{Kept, Reader};

/// A call on record, decided by the rules of today.
struct Again {
    recorded: RecordedCall,
    action: Action,
    verdict: Verdict,
    took: Took,
    at: Timestamp,
    pauses: Vec<Pause>,
    /// By the mappings of today.
    is_of_today: bool,
}

/// `decided`: its first decision, which is of the call as it came. What cannot be told of today takes nothing away from what is
/// told by the record.
pub(super) fn tell(decided: &Kept, reader: &Reader, rules: &Rules, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "\nIf it came again now:")?;
    match judge(decided, reader, rules) {
        Ok(again) => show(&again, rules, out),
        Err(why) => line(out, "decision", &format!("cannot be told: {why:#}")),
    }
}

fn judge(decided: &Kept, reader: &Reader, rules: &Rules) -> anyhow::Result<Again> {
    let recorded = RecordedCall::read(decided).map_err(|why| anyhow::anyhow!(why.told().1))?;
    // What people stated is not the call's: again it would come without.
    let approval = recorded.approval.clone().filter(|_| recorded.decision == "ALLOW");
    let recorded = match approval {
        None => Some(recorded),
        Some(approval) => reader.approval(&approval)?.and_then(|asked| as_called(recorded, asked)),
    };
    let recorded = recorded.context("the approval by which it went is no longer on record as it was")?;
    match recorded.reason {
        None
        | Some(
            Reason::PolicyBlocked
            | Reason::PolicyError
            | Reason::IncompleteAction
            | Reason::BudgetExceeded
            | Reason::Paused,
        ) => {}
        Some(reason) => bail!("it was no rule that refused it, but {reason}"),
    }
    let habits = reader.habits().context("what is usual of agents cannot be read")?;
    rules.memory().history.recall(habits)?;
    let at = Timestamp::now();
    rules
        .recall(reader, at)
        .context("what was taken of budgets cannot be read")?;
    let judged = rules.review_again(&recorded, at);
    let (action, verdict, took) = judged.context("the vocabulary no longer has its action or one of its fields")?;
    Ok(Again {
        recorded,
        action,
        verdict,
        took,
        at,
        pauses: reader.pauses()?,
        is_of_today: is_of(decided, &rules.digests().mappings),
    })
}

/// Whether these mappings read the call. Its content is not kept, so that others cannot.
fn is_of(decided: &Kept, mappings: &str) -> bool {
    let entry: BTreeMap<String, Json> = serde_json::from_slice(&decided.bytes).unwrap_or_default();
    let then = entry.get("mappings").and_then(Json::as_str).unwrap_or_default();
    !then.is_empty() && mappings.starts_with(then)
}

fn show(again: &Again, rules: &Rules, out: &mut impl Write) -> io::Result<()> {
    let Again {
        recorded,
        action,
        verdict,
        took,
        at,
        pauses,
        is_of_today,
    } = again;
    let facts = &recorded.facts;
    // What is in no mapping is told so by its rules; what its operation is called like says nothing of it.
    if !action.unmapped {
        let said = rules.mappings().said_of(&action.request_line, &action.operation);
        let place = said.map_or_else(
            || "none names the operation".to_owned(),
            |said| shown_place(&format!("{}:{}", said.file, said.line)),
        );
        line(out, "mapping", &place)?;
    }
    if !is_of_today {
        line(
            out,
            "understood",
            "as the mappings of then read it: they have changed since, and may call it something else now",
        )?;
    }
    list(out, "budgets", &rules.budgets_told(facts, action, *at))?;
    let asked = Question {
        facts,
        action,
        at: *at,
        verdict,
        paused: pauses.iter().find(|pause| pause.is_of(&facts.agent)),
    };
    decision(rules, asked, out)?;
    line(out, "time", &times(took))?;
    writeln!(out)?;
    for step in advice::steps(rules, asked) {
        writeln!(out, "{step}")?;
    }
    Ok(())
}
