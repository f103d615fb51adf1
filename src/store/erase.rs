//! Values taken out of the tables, and their traces out of the file.

use std::collections::BTreeMap;
use std::thread;
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, params};
use serde_json::value::RawValue;

use super::calls::{list as json, one as changed};
use super::group::Refused;
use crate::model::change::{ApprovalRow, CallErased};
use crate::model::erasure::{ERASED, mark};
use crate::model::grant::Grant;

/// Puts the place of the erasure, `by`, where values and salts were.
pub(super) fn values(connection: &Connection, by: i64, values: &[(i64, Vec<String>)]) -> Result<(), Refused> {
    let mut find = connection.prepare_cached("SELECT committed FROM entry_values WHERE seq = ?1")?;
    let mut put = connection.prepare_cached("UPDATE OR FAIL entry_values SET committed = ?2 WHERE seq = ?1")?;
    for (seq, names) in values {
        let committed: Option<String> = find.query_row([seq], |row| row.get(0)).optional()?;
        let left = committed.and_then(|committed| without(&committed, names, by));
        changed(put.execute(params![seq, left.ok_or(Refused::Lost)?])?)?;
    }
    Ok(())
}

/// `None`: one of these names is not there, or was erased before.
fn without(committed: &str, names: &[String], by: i64) -> Option<String> {
    let mut all: BTreeMap<&str, &RawValue> = serde_json::from_str(committed).ok()?;
    let mark = mark(by);
    let mark: &RawValue = serde_json::from_str(&mark).ok()?;
    for name in names {
        let value = all.get_mut(name.as_str())?;
        if !value.get().starts_with("{\"salt\":") {
            return None;
        }
        *value = mark;
    }
    serde_json::to_string(&all).ok()
}

pub(super) fn call(connection: &Connection, erased: &CallErased) -> Result<(), Refused> {
    let written = connection
        .prepare_cached(
            "UPDATE OR FAIL calls SET summary = ?2, request_line = ?2, target_kind = ?2, target_id = ?2, risk = NULL,
                operation = CASE WHEN ?3 THEN ?2 ELSE operation END,
                result_id = CASE WHEN result_id IS NULL THEN NULL ELSE ?2 END
            WHERE id = ?1 AND outcome IS NOT NULL",
        )?
        .execute(params![erased.call.as_str(), ERASED, erased.unmapped])?;
    changed(written)
}

/// SECURITY: what people are still asked about, or a call can still be sent by, is not changed under them. Test:
/// `what_can_still_be_used_is_not_erased`.
pub(super) fn approval(connection: &Connection, row: &ApprovalRow) -> Result<(), Refused> {
    let written = connection
        .prepare_cached(
            "UPDATE approvals SET revision = ?2, row = ?3 WHERE id = ?1 AND revision = ?2 - 1 AND state = ?4
                AND state IN ('denied', 'expired', 'cancelled', 'consumed')",
        )?
        .execute(params![row.id.as_str(), row.revision, json(row)?, row.state.as_str()])?;
    changed(written)
}

pub(super) fn grant(connection: &Connection, grant: &Grant) -> Result<(), Refused> {
    let written = connection
        .prepare_cached("UPDATE grants SET row = ?2 WHERE id = ?1 AND (ended IS NOT NULL OR used = uses)")?
        .execute(params![grant.id.as_str(), json(grant)?])?;
    changed(written)
}

/// Why traces may be left.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trace {
    #[error("the file could not be written anew: {0}")]
    Rewrite(#[source] rusqlite::Error),
    #[error("the log could not be cut: {0}")]
    Log(#[source] rusqlite::Error),
    #[error("another program reads the database and holds its log; once it has ended, the same command cuts it")]
    Reader,
}

/// How often, and how long in between, it is tried to cut the log while others read.
const ATTEMPTS: u32 = 5;
const BETWEEN: Duration = Duration::from_millis(100);

/// Writes the file anew and cuts its log. `secure_delete` clears what is freed, but a page that is split keeps what went to
/// another, behind what it says it has: only pages that are made anew have nothing there.
pub(super) fn clean(connection: &Connection) -> Result<(), Trace> {
    // As large as the database: not in memory. It holds what is left alone.
    let rewritten = connection.execute_batch("PRAGMA temp_store = FILE; VACUUM;");
    let set_back = connection.execute_batch("PRAGMA temp_store = MEMORY;");
    rewritten.and(set_back).map_err(Trace::Rewrite)?;
    for _ in 0..ATTEMPTS {
        let cut = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, bool>(0));
        if !cut.map_err(Trace::Log)? {
            return Ok(());
        }
        thread::sleep(BETWEEN);
    }
    Err(Trace::Reader)
}
