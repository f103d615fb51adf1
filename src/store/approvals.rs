//! The projection of approvals: `approvals`.

use rusqlite::{Connection, params};

use super::calls::{one, unreadable};
use super::group::Refused;
use crate::model::Timestamp;
use crate::model::change::ApprovalRow;

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
    one(written)
}

/// SECURITY: the revision makes each move happen once, whoever else tries it at the same time: one approval is spent on
/// one call (T8). What was denied or has expired moves no more. Test: `an_approval_moves_once_per_revision`.
pub(super) fn moved(connection: &Connection, row: &ApprovalRow) -> Result<(), Refused> {
    let Some(before) = row.revision.checked_sub(1) else {
        return Err(Refused::Lost);
    };
    let written = connection
        .prepare_cached(
            "UPDATE approvals SET revision = ?2, state = ?3, expires = ?4, decided = ?5, grant_expires = ?6,
                consumed_by = ?7, consumed = ?8, row = ?9
            WHERE id = ?1 AND revision = ?10 AND state NOT IN ('denied', 'expired') AND fingerprint = ?11",
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
    one(written)
}

/// Unfinished ones, and those decided or spent at or after `since`; oldest first.
pub(super) fn since(connection: &Connection, since: Timestamp) -> rusqlite::Result<Vec<ApprovalRow>> {
    connection
        .prepare(
            "SELECT row FROM approvals
            WHERE state IN ('pending', 'approved') OR decided >= ?1 OR consumed >= ?1 ORDER BY ordinal",
        )?
        .query_map([since.0], |found| {
            let row: String = found.get(0)?;
            serde_json::from_str(&row).map_err(|error| unreadable(0, error))
        })?
        .collect()
}

fn json(row: &ApprovalRow) -> Result<String, Refused> {
    serde_json::to_string(row).map_err(|error| Refused::Database(rusqlite::Error::ToSqlConversionFailure(error.into())))
}
