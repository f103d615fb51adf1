//! Approvals of calls that are alike, by the indexes `approvals_alike` (answered) and `approvals_alike_pending`: their expressions are
//! those of [`KIN`].

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::calls::{OUTCOMES, parsed, unreadable, word};
use crate::model::alike::{Answered, Kin};
use crate::model::change::ApprovalRow;
use crate::model::{Outcome, State, Timestamp};

const KIN: &str = "agent = ?1 AND json_array(json_extract(row, '$.action.name'), json_extract(row, '$.action.provider'),
        json_extract(row, '$.action.target.kind'), json_extract(row, '$.action.target.id')) = json_array(?2, ?3, ?4, ?5)";

/// What [`KIN`] wants, and what stands behind it.
macro_rules! bindings {
    ($kin:expr, $($more:expr),+) => {
        params![$kin.agent, $kin.action, $kin.provider, $kin.target_kind, $kin.target_id, $($more),+]
    };
}

/// When it ended.
const WHEN: &str = "coalesce(consumed, decided, created)";

/// What people answered to calls like this one at `since` or later, the last first.
pub(super) fn answered(
    connection: &Connection,
    kin: Kin<'_>,
    since: Timestamp,
    limit: u32,
) -> rusqlite::Result<Vec<Answered>> {
    connection
        .prepare(&answered_sql())?
        .query_map(bindings![kin, since.0, limit], answer)?
        .collect()
}

fn answered_sql() -> String {
    // Those beside are read of the rows that are told, no more.
    format!(
        "SELECT approvals.id, fingerprint, state, {WHEN},
            iif(state = 'denied', json_array(json_extract(row, '$.denial.person')),
                (SELECT json_group_array(json_extract(value, '$.person')) FROM json_each(row, '$.votes'))),
            iif(state = 'denied', json_extract(row, '$.denial.reason'), NULL),
            (SELECT outcome FROM calls WHERE calls.id = consumed_by)
        FROM approvals INDEXED BY approvals_alike
        WHERE {KIN} AND {WHEN} >= ?6 AND (state = 'denied' OR state = 'consumed') ORDER BY {WHEN} DESC LIMIT ?7"
    )
}

fn answer(row: &Row<'_>) -> rusqlite::Result<Answered> {
    let state: String = row.get(2)?;
    let people: String = row.get(4)?;
    let people: Vec<Arc<str>> = serde_json::from_str(&people).map_err(|error| unreadable(4, error))?;
    let mut once: Vec<Arc<str>> = Vec::new();
    for person in people {
        if !once.contains(&person) {
            once.push(person);
        }
    }
    Ok(Answered {
        approval: parsed(row, 0)?,
        fingerprint: row.get(1)?,
        denied: state == State::Denied.as_str(),
        time: Timestamp(row.get(3)?),
        people: once,
        reason: row.get(5)?,
        outcome: word(row, 6, OUTCOMES, Outcome::as_str)?,
    })
}

/// Of the calls like this one that wait for people at `now` and were asked of before it, the first, and how many they are.
pub(super) fn first_waiting(
    connection: &Connection,
    row: &ApprovalRow,
    now: Timestamp,
) -> rusqlite::Result<Option<(ApprovalRow, usize)>> {
    let kin = Kin::from(row);
    let found: Option<(String, i64)> = connection
        .prepare(&first_sql())?
        .query_row(bindings![kin, row.id.as_str(), now.0], |found| {
            Ok((found.get(0)?, found.get(1)?))
        })
        .optional()?;
    let Some((first, count)) = found else {
        return Ok(None);
    };
    let first = serde_json::from_str(&first).map_err(|error| unreadable(0, error))?;
    Ok(Some((first, usize::try_from(count).unwrap_or(usize::MAX))))
}

fn first_sql() -> String {
    // Beside `min`, the other columns are those of the row that has it.
    format!(
        "SELECT row, count(*), min(ordinal) FROM approvals INDEXED BY approvals_alike_pending
        WHERE {KIN} AND state = 'pending' AND ordinal < (SELECT ordinal FROM approvals WHERE id = ?6)
            AND expires > ?7
        HAVING count(*) > 0"
    )
}

/// Channel and name of the message that starts a conversation of `receiver`'s about a call like this one that waits and was asked of before
/// it, and that call's approval.
pub(super) fn conversation(
    connection: &Connection,
    row: &ApprovalRow,
    receiver: &str,
    now: Timestamp,
) -> rusqlite::Result<Option<(String, String, ApprovalRow)>> {
    let kin = Kin::from(row);
    connection
        .prepare(&conversation_sql())?
        .query_row(bindings![kin, row.id.as_str(), now.0, receiver], |found| {
            let text: String = found.get(2)?;
            let first = serde_json::from_str(&text).map_err(|error| unreadable(2, error))?;
            Ok((found.get(0)?, found.get(1)?, first))
        })
        .optional()
}

fn conversation_sql() -> String {
    format!(
        "SELECT channel, ts, row FROM approvals INDEXED BY approvals_alike_pending JOIN posts ON posts.approval = approvals.id
        WHERE {KIN} AND approvals.state = 'pending' AND ordinal < (SELECT ordinal FROM approvals WHERE id = ?6)
            AND expires > ?7 AND receiver = ?8 AND thread IS NULL
        ORDER BY ordinal LIMIT 1"
    )
}

/// How many others like this one wait for people at `now`.
pub(super) fn others_waiting(connection: &Connection, row: &ApprovalRow, now: Timestamp) -> rusqlite::Result<usize> {
    let kin = Kin::from(row);
    let count: i64 = connection
        .prepare(&others_sql())?
        .query_row(bindings![kin, row.id.as_str(), now.0], |found| found.get(0))?;
    Ok(usize::try_from(count).unwrap_or(usize::MAX))
}

fn others_sql() -> String {
    format!(
        "SELECT count(*) FROM approvals INDEXED BY approvals_alike_pending
        WHERE {KIN} AND state = 'pending' AND id <> ?6 AND expires > ?7"
    )
}

#[cfg(test)]
mod tests;
