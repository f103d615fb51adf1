//! The projection of calls: `calls`.

use std::sync::Arc;

use rusqlite::ffi::SQLITE_CONSTRAINT_UNIQUE;
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::Serialize;

use super::group::Refused;
use crate::model::change::{CallClosed, CallRow, Carried};
use crate::model::{CallId, GUARD, Outcome, Reason, Timestamp};

/// A call as it stands, with its end if it has come to one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallRecord {
    pub row: CallRow,
    pub closed: Option<Timestamp>,
    /// The provider's HTTP status.
    pub status: Option<u16>,
    /// What the provider made.
    pub result_id: Option<String>,
    /// Of a connection that was opened and not read.
    pub carried: Option<Carried>,
}

/// A call without an outcome, found at start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenCall {
    pub id: CallId,
    pub agent: Arc<str>,
    /// It was allowed, so it may have been sent; else it was only held.
    pub allowed: bool,
}

/// Which calls to read.
#[derive(Clone, Debug)]
pub struct CallFilter {
    pub agent: Option<String>,
    /// At most this many, the latest.
    pub limit: u32,
}

/// Something that calls acted on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetSeen {
    pub provider: Arc<str>,
    pub kind: Arc<str>,
    /// Its beginning, where it is longer than any id.
    pub id: Option<String>,
    pub environment: Arc<str>,
    pub calls: i64,
    pub last_seen: Timestamp,
    /// Of the last call.
    pub request_line: String,
}

/// As [`record`] reads them.
pub(super) const COLUMNS: &str =
    "id, time, agent, provider, operation, action, environment, decision, rules, approval, reason,
    outcome, summary, request_line, target_kind, target_id, closed, status, result_id, sent, received,
    milliseconds, would, risk";

const DECISIONS: [&str; 3] = ["ALLOW", "BLOCK", "REQUIRE_APPROVAL"];

pub(super) const OUTCOMES: [Outcome; 6] = [
    Outcome::Success,
    Outcome::Failure,
    Outcome::Error,
    Outcome::Unknown,
    Outcome::NotSent,
    Outcome::Abandoned,
];

/// A list of names as a JSON array: a name may hold any separator.
pub(super) fn list(names: &impl Serialize) -> Result<String, Refused> {
    serde_json::to_string(names)
        .map_err(|error| Refused::Database(rusqlite::Error::ToSqlConversionFailure(error.into())))
}

/// SECURITY: only a call that was held is decided again. One that was allowed may have been sent, one that is closed is
/// over: neither may get another decision. Test: `a_call_is_decided_again_only_while_it_is_held`.
pub(super) fn decided(connection: &Connection, row: &CallRow) -> Result<(), Refused> {
    // FAIL, and not one statement for both: else SQLite copies each page that it changes, to undo the one statement.
    match put(connection, row, INSERT) {
        Err(Refused::Database(error)) if is_duplicate(&error) => one(put(connection, row, DECIDE_AGAIN)?),
        inserted => one(inserted?),
    }
}

const INSERT: &str =
    "INSERT OR FAIL INTO calls (id, time, agent, provider, operation, action, environment, decision, rules,
        approval, reason, outcome, closed, summary, request_line, target_kind, target_id, would, risk)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19)";

const DECIDE_AGAIN: &str = "UPDATE OR FAIL calls SET time = ?2, agent = ?3, provider = ?4, operation = ?5, action = ?6,
        environment = ?7, decision = ?8, rules = ?9, approval = ?10, reason = ?11, outcome = ?12, closed = ?13,
        summary = ?14, request_line = ?15, target_kind = ?16, target_id = ?17, would = ?18, risk = ?19
    WHERE id = ?1 AND outcome IS NULL AND decision = 'REQUIRE_APPROVAL'";

fn put(connection: &Connection, row: &CallRow, sql: &str) -> Result<usize, Refused> {
    let written = connection.prepare_cached(sql)?.execute(params![
        row.id.as_str(),
        row.time.0,
        row.agent,
        row.provider,
        row.operation,
        row.action,
        row.environment,
        row.decision,
        list(&row.rules)?,
        row.approval.as_ref().map(|approval| approval.as_str()),
        row.reason.map(Reason::as_str),
        row.outcome.map(Outcome::as_str),
        row.outcome.map(|_| row.time.0),
        row.summary,
        row.request_line,
        row.target_kind,
        row.target_id,
        row.would,
        row.risk,
    ])?;
    Ok(written)
}

fn is_duplicate(error: &rusqlite::Error) -> bool {
    error
        .sqlite_error()
        .is_some_and(|error| error.extended_code == SQLITE_CONSTRAINT_UNIQUE)
}

pub(super) fn closed(connection: &Connection, closed: &CallClosed) -> Result<(), Refused> {
    let written = connection
        .prepare_cached(
            "UPDATE OR FAIL calls SET outcome = ?2, closed = ?3, reason = coalesce(?4, reason), status = ?5, result_id = ?6,
                sent = ?7, received = ?8, milliseconds = ?9
            WHERE id = ?1 AND outcome IS NULL",
        )?
        .execute(params![
            closed.call.as_str(),
            closed.outcome.as_str(),
            closed.time.0,
            closed.reason.map(Reason::as_str),
            closed.status,
            closed.result_id,
            closed.carried.map(|carried| carried.sent),
            closed.carried.map(|carried| carried.received),
            closed.carried.map(|carried| carried.milliseconds),
        ])?;
    one(written)
}

/// A conditional change that found no row has lost.
pub(super) fn one(written: usize) -> Result<(), Refused> {
    match written {
        0 => Err(Refused::Lost),
        _ => Ok(()),
    }
}

pub(super) fn open(connection: &Connection) -> rusqlite::Result<Vec<OpenCall>> {
    connection
        .prepare("SELECT id, agent, decision = 'ALLOW' FROM calls WHERE outcome IS NULL ORDER BY ordinal")?
        .query_map([], |row| {
            Ok(OpenCall {
                id: parsed(row, 0)?,
                agent: row.get(1)?,
                allowed: row.get(2)?,
            })
        })?
        .collect()
}

/// The latest calls that fit `filter`, oldest first.
pub(super) fn latest(connection: &Connection, filter: &CallFilter) -> rusqlite::Result<Vec<CallRecord>> {
    let mut found: Vec<CallRecord> = connection
        .prepare(&format!(
            "SELECT {COLUMNS} FROM calls WHERE ?1 IS NULL OR agent = ?1 ORDER BY ordinal DESC LIMIT ?2"
        ))?
        .query_map(params![filter.agent, filter.limit], record)?
        .collect::<rusqlite::Result<_>>()?;
    found.reverse();
    Ok(found)
}

/// Calls among which those before another are looked for: there is no index by agent.
const LOOKED_THROUGH: u32 = 20_000;

/// The last calls of an agent before that call, which was made at `time`, oldest first; those long before, among other agents'
/// many, are left out.
pub(super) fn before(
    connection: &Connection,
    (agent, call): (&str, &CallId),
    time: Timestamp,
    limit: u32,
) -> rusqlite::Result<Vec<CallRecord>> {
    let mut found: Vec<CallRecord> = connection
        .prepare(&format!(
            "SELECT {COLUMNS} FROM calls
            WHERE ordinal > (SELECT max(ordinal) FROM calls) - {LOOKED_THROUGH}
                AND agent = ?1 AND id <> ?2 AND time <= ?3
            ORDER BY ordinal DESC LIMIT ?4"
        ))?
        .query_map(params![agent, call.as_str(), time.0, limit], record)?
        .collect::<rusqlite::Result<_>>()?;
    found.reverse();
    Ok(found)
}

/// Each target, the last seen first. SQLite sorts them in a file if they are many.
pub(super) fn targets(connection: &Connection, mut each: impl FnMut(TargetSeen)) -> rusqlite::Result<()> {
    // Beside `max`, the other columns are those of the row that has it.
    let mut statement = connection.prepare(
        "SELECT provider, target_kind, substr(target_id, 1, 5000) AS target, environment, count(*), max(time) AS last,
            substr(request_line, 1, 5000)
        FROM calls GROUP BY provider, target_kind, target, environment ORDER BY last DESC",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        each(TargetSeen {
            provider: row.get(0)?,
            kind: row.get(1)?,
            id: row.get(2)?,
            environment: row.get(3)?,
            calls: row.get(4)?,
            last_seen: Timestamp(row.get(5)?),
            request_line: row.get(6)?,
        });
    }
    Ok(())
}

/// What was allowed to agents that stated it, at `since` or later, the last first: which, whose, and how it ended.
pub(super) fn stated(
    connection: &Connection,
    since: Timestamp,
    mut each: impl FnMut(CallId, Arc<str>, Option<Outcome>),
) -> rusqlite::Result<()> {
    let mut statement = connection.prepare(
        "SELECT id, agent, outcome FROM calls
        WHERE time >= ?1 AND provider = ?2 AND decision = 'ALLOW' ORDER BY time DESC",
    )?;
    let mut rows = statement.query(params![since.0, GUARD])?;
    while let Some(row) = rows.next()? {
        each(parsed(row, 0)?, row.get(1)?, word(row, 2, OUTCOMES, Outcome::as_str)?);
    }
    Ok(())
}

pub(super) fn by_id(connection: &Connection, id: &CallId) -> rusqlite::Result<Option<CallRecord>> {
    connection
        .prepare(&format!("SELECT {COLUMNS} FROM calls WHERE id = ?1"))?
        .query_row([id.as_str()], record)
        .optional()
}

pub(super) fn record(row: &Row<'_>) -> rusqlite::Result<CallRecord> {
    let rules: String = row.get(8)?;
    Ok(CallRecord {
        row: CallRow {
            id: parsed(row, 0)?,
            time: Timestamp(row.get(1)?),
            agent: row.get(2)?,
            provider: row.get(3)?,
            operation: row.get(4)?,
            action: row.get(5)?,
            environment: row.get(6)?,
            decision: word(row, 7, DECISIONS, |decision| decision)?.ok_or_else(|| unreadable(7, "a decision"))?,
            would: word(row, 22, DECISIONS, |decision| decision)?,
            rules: serde_json::from_str(&rules).map_err(|error| unreadable(8, error))?,
            approval: match row.get::<_, Option<String>>(9)? {
                Some(_) => Some(parsed(row, 9)?),
                None => None,
            },
            reason: word(row, 10, Reason::ALL, Reason::as_str)?,
            outcome: word(row, 11, OUTCOMES, Outcome::as_str)?,
            summary: row.get(12)?,
            request_line: row.get(13)?,
            target_kind: row.get(14)?,
            target_id: row.get(15)?,
            risk: row.get(23)?,
        },
        closed: row.get::<_, Option<i64>>(16)?.map(Timestamp),
        status: row.get(17)?,
        result_id: row.get(18)?,
        carried: carried(row)?,
    })
}

fn carried(row: &Row<'_>) -> rusqlite::Result<Option<Carried>> {
    let (sent, received, milliseconds) = (row.get(19)?, row.get(20)?, row.get(21)?);
    Ok(match (sent, received, milliseconds) {
        (Some(sent), Some(received), Some(milliseconds)) => Some(Carried {
            sent,
            received,
            milliseconds,
        }),
        _ => None,
    })
}

/// One of a closed list of words; `None` for NULL, an error for any other.
pub(super) fn word<T: Copy, const N: usize>(
    row: &Row<'_>,
    column: usize,
    all: [T; N],
    name: impl Fn(T) -> &'static str,
) -> rusqlite::Result<Option<T>> {
    let Some(found) = row.get::<_, Option<String>>(column)? else {
        return Ok(None);
    };
    match all.into_iter().find(|one| name(*one) == found) {
        Some(one) => Ok(Some(one)),
        None => Err(unreadable(column, format!("unknown word `{found}`"))),
    }
}

pub(super) fn parsed<T>(row: &Row<'_>, column: usize) -> rusqlite::Result<T>
where
    T: std::str::FromStr<Err: std::error::Error + Send + Sync + 'static>,
{
    row.get::<_, String>(column)?
        .parse()
        .map_err(|error: T::Err| unreadable(column, error))
}

/// A column that we did not write so.
pub(super) fn unreadable(
    column: usize,
    why: impl Into<Box<dyn std::error::Error + Send + Sync + 'static>>,
) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, Type::Text, why.into())
}
