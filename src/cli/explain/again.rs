//! What would be decided of a call on record if it came again: by the rules of today, with what is used and usual by now.

use std::io::Write;

use super::advice;
use super::decision::{Question, decision, times};
use super::show::{line, list, shown_place};
use crate::audit::{RecordedCall, as_called};
use crate::gate::Rules;
use crate::model::{Reason, Timestamp};
use crate::store::{Kept, Reader};

/// `decided`: its first decision, which is of the call as it came.
pub(super) fn tell(decided: &Kept, reader: &Reader, rules: &Rules, out: &mut impl Write) -> anyhow::Result<()> {
    writeln!(out, "\nIf it came again now:")?;
    let recorded = match RecordedCall::read(decided) {
        Ok(recorded) => recorded,
        Err(why) => return Ok(line(out, "decision", &format!("cannot be told: {}", why.told().1))?),
    };
    // What people stated is not the call's: again it would come without.
    let approval = recorded.approval.clone().filter(|_| recorded.decision == "ALLOW");
    let recorded = match approval {
        None => Some(recorded),
        Some(approval) => reader.approval(&approval)?.and_then(|asked| as_called(recorded, asked)),
    };
    let Some(recorded) = recorded else {
        let told = "cannot be told: the approval by which it went is no longer on record as it was";
        return Ok(line(out, "decision", told)?);
    };
    match recorded.reason {
        None
        | Some(
            Reason::PolicyBlocked
            | Reason::PolicyError
            | Reason::IncompleteAction
            | Reason::BudgetExceeded
            | Reason::Paused,
        ) => {}
        Some(reason) => {
            let told = format!("cannot be told: it was no rule that refused it, but {reason}");
            return Ok(line(out, "decision", &told)?);
        }
    }
    rules.memory().history.recall(reader.habits()?)?;
    let at = Timestamp::now();
    rules.recall(reader, at)?;
    let Some((action, verdict, took)) = rules.review_again(&recorded, at) else {
        let told = "cannot be told: the vocabulary no longer has its action or one of its fields";
        return Ok(line(out, "decision", told)?);
    };
    let facts = &recorded.facts;
    let said = rules.mappings().said(&facts.host, &action.operation);
    let place = said.map_or_else(
        || "none names the operation".to_owned(),
        |said| shown_place(&format!("{}:{}", said.file, said.line)),
    );
    line(out, "mapping", &place)?;
    list(out, "budgets", &rules.budgets_told(facts, &action, at))?;
    let pauses = reader.pauses()?;
    let asked = Question {
        facts,
        action: &action,
        at,
        verdict: &verdict,
        paused: pauses.iter().find(|pause| pause.is_of(&facts.agent)),
    };
    decision(rules, asked, out)?;
    line(out, "time", &times(&took))?;
    writeln!(out)?;
    for step in advice::steps(rules, asked) {
        writeln!(out, "{step}")?;
    }
    Ok(())
}
