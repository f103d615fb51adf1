//! What people consented to beforehand: `grants`.

use rusqlite::{Connection, Row, params};

use super::calls::{one as changed, unreadable};
use super::group::Refused;
use crate::model::grant::{Grant, GrantEnd, GrantRow};
use crate::model::{GrantId, Timestamp};

pub(super) fn given(connection: &Connection, grant: &Grant) -> Result<(), Refused> {
    let row = serde_json::to_string(grant)
        .map_err(|error| Refused::Database(rusqlite::Error::ToSqlConversionFailure(error.into())))?;
    connection
        .prepare_cached(
            "INSERT INTO grants (id, agent, person, uses, created, expires, row) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute(params![
            grant.id.as_str(),
            grant.agent,
            grant.vote.person,
            grant.uses,
            grant.created.0,
            grant.expires.0,
            row,
        ])?;
    Ok(())
}

/// SECURITY: counted by the database, so that however many calls want it at once, and whatever memory says, a grant is used as
/// often as it says and no more. Test: `a_grant_is_used_as_often_as_it_says_whatever_memory_thinks`.
pub(super) fn used(connection: &Connection, id: &GrantId) -> Result<(), Refused> {
    let written = connection
        .prepare_cached("UPDATE grants SET used = used + 1 WHERE id = ?1 AND used < uses AND ended IS NULL")?
        .execute([id.as_str()])?;
    changed(written)
}

pub(super) fn ended(connection: &Connection, id: &GrantId, end: &GrantEnd) -> Result<(), Refused> {
    let written = connection
        .prepare_cached("UPDATE grants SET ended = ?2, ended_by = ?3 WHERE id = ?1 AND ended IS NULL")?
        .execute(params![id.as_str(), end.time.0, end.by])?;
    changed(written)
}

/// Those that have no end yet, and those that votes go by which may still count; oldest first.
pub(super) fn open(connection: &Connection) -> rusqlite::Result<Vec<GrantRow>> {
    connection
        .prepare(
            "SELECT row, used, ended, ended_by FROM grants
            WHERE (ended IS NULL AND used < uses) OR id IN (
                SELECT json_extract(vote.value, '$.proof') FROM approvals, json_each(approvals.row, '$.votes') AS vote
                WHERE approvals.state IN ('pending', 'approved', 'returned')
            )
            ORDER BY ordinal",
        )?
        .query_map([], row)?
        .collect()
}

/// Every one there is; oldest first.
pub(super) fn all(connection: &Connection) -> rusqlite::Result<Vec<GrantRow>> {
    connection
        .prepare("SELECT row, used, ended, ended_by FROM grants ORDER BY ordinal")?
        .query_map([], row)?
        .collect()
}

fn row(row: &Row<'_>) -> rusqlite::Result<GrantRow> {
    let grant: String = row.get(0)?;
    let by = row.get(3)?;
    let ended = row.get::<_, Option<i64>>(2)?;
    Ok(GrantRow {
        grant: serde_json::from_str(&grant).map_err(|error| unreadable(0, error))?,
        used: row.get(1)?,
        ended: ended.map(|time| GrantEnd {
            time: Timestamp(time),
            by,
        }),
    })
}
