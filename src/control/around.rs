//! What people see of an approval beside what it is about, on the page and by the API: what its agent did just before, and what a yes
//! comes to.

use super::Parts;
use crate::agent::Person;
use crate::approval::Standing;
use crate::model::change::ApprovalRow;
use crate::store::CallRecord;

/// Calls of the agent's just before.
const BEFORE: u32 = 5;

/// What the agent did just before, the last first. `None`: it cannot be read.
pub(super) async fn before(parts: &Parts, row: &ApprovalRow) -> Option<Vec<CallRecord>> {
    let (store, agent) = (parts.store.clone(), row.facts.agent.clone());
    let (call, created) = (row.first_call.clone(), row.created);
    let read = move || {
        let reader = store.reader().ok()?;
        reader.calls_before(&agent, &call, created, BEFORE).ok()
    };
    // What cannot be read is told to be so.
    let mut calls = tokio::task::spawn_blocking(read).await.ok().flatten()?;
    calls.reverse();
    Some(calls)
}

/// What a yes of this person comes to.
pub(super) fn approving(parts: &Parts, person: &Person, standing: &Standing) -> String {
    let rules = &standing.row.rules;
    let others: Vec<String> = rules
        .iter()
        .filter(|rule| rule.quorum > 1 || !person.may_speak_for(rule))
        .map(|rule| format!("{} ({})", rule.asks(), rule.id))
        .collect();
    let minutes = parts.approvals.grant_life().as_secs().div_ceil(60);
    let goes = match standing.clients {
        0 => format!(
            "The agent is not connected: exactly this call goes out, once, if the agent makes it again within {minutes} minutes."
        ),
        _ => "The agent is connected and waits: exactly this call goes out at once, and only once.".to_owned(),
    };
    match others.is_empty() {
        true => goes,
        false => format!(
            "Your yes is recorded, and counts for the rules that ask you. The call goes out only when these have said yes, too: {}. {goes}",
            others.join(", ")
        ),
    }
}
