//! The projection of approvals: `approvals`.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::calls::{OUTCOMES, one as changed, parsed, unreadable, word};
use super::group::Refused;
use crate::model::change::ApprovalRow;
use crate::model::{ApprovalId, CallId, Outcome, Timestamp};

pub(super) fn held(connection: &Connection, row: &ApprovalRow) -> Result<(), Refused> {
    let written = connection
        .prepare_cached(
            "INSERT INTO approvals (id, revision, state, agent, fingerprint, created, expires, decided, grant_expires,
                consumed_by, consumed, row)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
            ON CONFLICT (id) DO NOTHING",
        )?
        .execute(params![
            row.id.as_str(),
            row.revision,
            row.state.as_str(),
            row.facts.agent,
            row.fingerprint,
            row.created.0,
            row.expires.0,
            row.decided.map(|time| time.0),
            row.grant_expires.map(|time| time.0),
            row.consumed_by.as_ref().map(|call| call.as_str()),
            row.consumed.map(|time| time.0),
            json(row)?,
        ])?;
    changed(written)
}

/// SECURITY: the revision makes each move happen once, whoever else tries it at the same time: one approval is spent on
/// one call (T8). What was denied or cancelled or has expired moves no more. Test: `an_approval_moves_once_per_revision`.
pub(super) fn moved(connection: &Connection, row: &ApprovalRow) -> Result<(), Refused> {
    let Some(before) = row.revision.checked_sub(1) else {
        return Err(Refused::Lost);
    };
    let written = connection
        .prepare_cached(
            "UPDATE approvals SET revision = ?2, state = ?3, expires = ?4, decided = ?5, grant_expires = ?6,
                consumed_by = ?7, consumed = ?8, row = ?9
            WHERE id = ?1 AND revision = ?10 AND state NOT IN ('denied', 'expired', 'cancelled') AND fingerprint = ?11",
        )?
        .execute(params![
            row.id.as_str(),
            row.revision,
            row.state.as_str(),
            row.expires.0,
            row.decided.map(|time| time.0),
            row.grant_expires.map(|time| time.0),
            row.consumed_by.as_ref().map(|call| call.as_str()),
            row.consumed.map(|time| time.0),
            json(row)?,
            before,
            row.fingerprint,
        ])?;
    changed(written)
}

/// Unfinished ones, and those decided or spent at or after `since`; oldest first.
pub(super) fn since(connection: &Connection, since: Timestamp) -> rusqlite::Result<Vec<ApprovalRow>> {
    connection
        .prepare(
            "SELECT row FROM approvals
            WHERE state IN ('pending', 'approved', 'returned') OR decided >= ?1 OR consumed >= ?1 ORDER BY ordinal",
        )?
        .query_map([since.0], row)?
        .collect()
}

pub(super) fn one(connection: &Connection, id: &ApprovalId) -> rusqlite::Result<Option<ApprovalRow>> {
    connection
        .prepare("SELECT row FROM approvals WHERE id = ?1")?
        .query_row([id.as_str()], row)
        .optional()
}

/// The end of a call that an approval was spent on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spent {
    pub approval: ApprovalId,
    pub call: CallId,
    pub outcome: Outcome,
    /// The provider's HTTP status.
    pub status: Option<u16>,
}

pub(super) fn spent(connection: &Connection, since: Timestamp) -> rusqlite::Result<Vec<Spent>> {
    connection
        .prepare(
            "SELECT approvals.id, calls.id, calls.outcome, calls.status FROM approvals
            JOIN calls ON calls.id = approvals.consumed_by
            WHERE approvals.consumed >= ?1 AND calls.outcome IS NOT NULL ORDER BY approvals.ordinal",
        )?
        .query_map([since.0], |row| {
            Ok(Spent {
                approval: parsed(row, 0)?,
                call: parsed(row, 1)?,
                outcome: word(row, 2, OUTCOMES, Outcome::as_str)?.ok_or_else(|| unreadable(2, "an outcome"))?,
                status: row.get(3)?,
            })
        })?
        .collect()
}

fn row(found: &Row<'_>) -> rusqlite::Result<ApprovalRow> {
    let row: String = found.get(0)?;
    serde_json::from_str(&row).map_err(|error| unreadable(0, error))
}

fn json(row: &ApprovalRow) -> Result<String, Refused> {
    serde_json::to_string(row).map_err(|error| Refused::Database(rusqlite::Error::ToSqlConversionFailure(error.into())))
}
