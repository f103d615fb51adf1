//! What is usual: `habits`.

use rusqlite::{Connection, params};

use super::group::Refused;
use crate::model::change::HabitsRow;

pub(super) fn put(connection: &Connection, row: &HabitsRow) -> Result<(), Refused> {
    connection
        .prepare_cached(
            "INSERT INTO habits (of_agent, name, state) VALUES (?1, ?2, ?3)
            ON CONFLICT (of_agent, name) DO UPDATE SET state = excluded.state",
        )?
        .execute(params![row.of_agent, row.name, row.state])?;
    Ok(())
}

pub(super) fn all(connection: &Connection) -> rusqlite::Result<Vec<HabitsRow>> {
    connection
        .prepare("SELECT of_agent, name, state FROM habits ORDER BY of_agent, name")?
        .query_map([], |row| {
            Ok(HabitsRow {
                of_agent: row.get(0)?,
                name: row.get(1)?,
                state: row.get(2)?,
            })
        })?
        .collect()
}
