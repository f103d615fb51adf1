//! Calls and entries as people ask for them: page by page, so that a record of millions is read in bounded memory and the log
//! of a running sidecar may start again in between.

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row, params, params_from_iter};

use super::calls::{self, CallRecord};
use crate::model::{ApprovalId, CallId, Timestamp};

/// Which calls. What is `None` is not asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallQuery {
    pub since: Option<Timestamp>,
    /// Not any more.
    pub until: Option<Timestamp>,
    pub agent: Option<String>,
    pub action: Option<String>,
    pub provider: Option<String>,
    /// `ALLOW`, `BLOCK` or `REQUIRE_APPROVAL`.
    pub decision: Option<&'static str>,
    /// Those that went by one of these approvals, or asked for one.
    pub approvals: Option<Vec<String>>,
}

/// In which order calls are read: by when they came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    OldestFirst,
    NewestFirst,
}

/// The place of a call in that order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor {
    time: i64,
    ordinal: i64,
}

impl Cursor {
    /// The place behind this one.
    #[must_use]
    pub fn next(self, order: Order) -> Self {
        let ordinal = match order {
            Order::OldestFirst => self.ordinal.saturating_add(1),
            Order::NewestFirst => self.ordinal.saturating_sub(1),
        };
        Self { ordinal, ..self }
    }
}

/// A call with the entry that decided it last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    pub cursor: Cursor,
    pub call: CallRecord,
    /// `None` where the trail has none, which `verify` tells.
    pub decided: Option<Written>,
    /// What became of the approval that it names.
    pub consent: Option<Consent>,
}

/// What became of an approval.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consent {
    pub state: String,
    /// The call it was spent on.
    pub consumed_by: Option<String>,
}

/// An entry as it lies there, with what is kept of what it commits to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    pub seq: i64,
    pub time: Timestamp,
    pub kind: String,
    pub call: Option<String>,
    /// RFC 8785 JSON: the leaf of the tree.
    pub bytes: Vec<u8>,
    /// RFC 8785 JSON: `{name: {"salt": hex, "value": any}}`, without `value` where only the commitment is kept.
    pub committed: Option<String>,
}

/// SQL and what to put in the place of its question marks.
fn select(query: &CallQuery, order: Order, start: Option<Cursor>, limit: u32) -> (String, Vec<Value>) {
    let (mut conditions, mut values) = (Vec::new(), Vec::new());
    let mut add = |condition: &'static str, with: Vec<Value>| {
        conditions.push(condition);
        values.extend(with);
    };
    let text = |text: &str| vec![Value::from(text.to_owned())];
    if let Some(since) = query.since {
        add("time >= ?", vec![since.0.into()]);
    }
    if let Some(until) = query.until {
        add("time < ?", vec![until.0.into()]);
    }
    if let Some(agent) = &query.agent {
        add("agent = ?", text(agent));
    }
    if let Some(action) = &query.action {
        add("action = ?", text(action));
    }
    if let Some(provider) = &query.provider {
        add("provider = ?", text(provider));
    }
    match query.decision {
        None => {}
        Some("ALLOW") => add("decision = ?", text("ALLOW")),
        // In the words of the index that has no others.
        Some(decision) => add("decision = ? AND decision <> 'ALLOW'", text(decision)),
    }
    if let Some(approvals) = &query.approvals {
        let ids = serde_json::Value::from(approvals.as_slice()).to_string();
        add("approval IN (SELECT value FROM json_each(?))", text(&ids));
    }
    let direction = match order {
        Order::OldestFirst => "ASC",
        Order::NewestFirst => "DESC",
    };
    if let Some(Cursor { time, ordinal }) = start {
        // The first part is for the index, which knows nothing of the pair.
        let condition = match order {
            Order::OldestFirst => "time >= ? AND (time, ordinal) >= (?, ?)",
            Order::NewestFirst => "time <= ? AND (time, ordinal) <= (?, ?)",
        };
        add(condition, vec![time.into(), time.into(), ordinal.into()]);
    }
    let conditions = match conditions.is_empty() {
        true => String::new(),
        false => format!("WHERE {}", conditions.join(" AND ")),
    };
    values.push(i64::from(limit).into());
    let sql = format!(
        "SELECT {}, ordinal FROM calls {conditions} ORDER BY time {direction}, ordinal {direction} LIMIT ?",
        calls::COLUMNS
    );
    (sql, values)
}

pub(super) fn page(
    connection: &Connection,
    query: &CallQuery,
    order: Order,
    start: Option<Cursor>,
    limit: u32,
) -> rusqlite::Result<Vec<Found>> {
    let (sql, values) = select(query, order, start, limit);
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query(params_from_iter(values))?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(whole(connection, row)?);
    }
    Ok(found)
}

pub(super) fn one(connection: &Connection, id: &str) -> rusqlite::Result<Option<Found>> {
    let sql = format!("SELECT {}, ordinal FROM calls WHERE id = ?1", calls::COLUMNS);
    connection
        .prepare_cached(&sql)?
        .query_row([id], |row| whole(connection, row))
        .optional()
}

fn whole(connection: &Connection, row: &Row<'_>) -> rusqlite::Result<Found> {
    let call = calls::record(row)?;
    let cursor = Cursor {
        time: call.row.time.0,
        ordinal: row.get("ordinal")?,
    };
    let decided = connection
        .prepare_cached(
            "SELECT seq, time, kind, call, bytes, committed FROM entries LEFT JOIN entry_values USING (seq)
            WHERE call = ?1 AND kind = 'decided' ORDER BY seq DESC LIMIT 1",
        )?
        .query_row([call.row.id.as_str()], entry)
        .optional()?;
    let consent = match &call.row.approval {
        None => None,
        Some(approval) => connection
            .prepare_cached("SELECT state, consumed_by FROM approvals WHERE id = ?1")?
            .query_row([approval.as_str()], |row| {
                Ok(Consent {
                    state: row.get(0)?,
                    consumed_by: row.get(1)?,
                })
            })
            .optional()?,
    };
    Ok(Found {
        cursor,
        call,
        decided,
        consent,
    })
}

fn entry(row: &Row<'_>) -> rusqlite::Result<Written> {
    Ok(Written {
        seq: row.get(0)?,
        time: Timestamp(row.get(1)?),
        kind: row.get(2)?,
        call: row.get(3)?,
        bytes: row.get(4)?,
        committed: row.get(5)?,
    })
}

pub(super) fn written(
    connection: &Connection,
    from: i64,
    behind: i64,
    kinds: &[&str],
    limit: u32,
) -> rusqlite::Result<Vec<Written>> {
    // The plus keeps SQLite to the order of places, whatever there is an index of.
    connection
        .prepare_cached(
            "SELECT seq, time, kind, call, bytes, committed FROM entries LEFT JOIN entry_values USING (seq)
            WHERE seq >= ?1 AND seq < ?2 AND (?3 = '[]' OR +kind IN (SELECT value FROM json_each(?3)))
            ORDER BY seq LIMIT ?4",
        )?
        .query_map(
            params![from, behind, serde_json::Value::from(kinds).to_string(), limit],
            entry,
        )?
        .collect()
}

pub(super) fn of_call(connection: &Connection, call: &CallId) -> rusqlite::Result<Vec<Written>> {
    connection
        .prepare_cached(
            "SELECT seq, time, kind, call, bytes, committed FROM entries LEFT JOIN entry_values USING (seq)
            WHERE call = ?1 ORDER BY seq",
        )?
        .query_map([call.as_str()], entry)?
        .collect()
}

pub(super) fn by_approval(connection: &Connection, approval: &ApprovalId) -> rusqlite::Result<Vec<CallId>> {
    connection
        .prepare_cached("SELECT id FROM calls WHERE approval = ?1 ORDER BY ordinal")?
        .query_map([approval.as_str()], |row| calls::parsed(row, 0))?
        .collect()
}

pub(super) fn approved_by(connection: &Connection, person: &str) -> rusqlite::Result<Vec<String>> {
    connection
        .prepare(
            "SELECT id FROM approvals WHERE EXISTS
                (SELECT 1 FROM json_each(row, '$.votes') WHERE json_extract(value, '$.person') = ?1)",
        )?
        .query_map([person], |row| row.get(0))?
        .collect()
}

#[cfg(test)]
mod tests;
