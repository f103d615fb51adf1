//! Who may call and who may decide: `agents` and `people`.

use rusqlite::{Connection, Row, params};

use super::calls::{list, unreadable};
use super::group::Refused;
use crate::model::Timestamp;
use crate::model::change::{AgentRow, PersonRow};

pub(super) fn put_agent(connection: &Connection, row: &AgentRow) -> Result<(), Refused> {
    connection
        .prepare_cached(
            "INSERT INTO agents (name, roles, owner, key_sha256, created, disabled) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
            ON CONFLICT (name) DO UPDATE SET roles = excluded.roles, owner = excluded.owner,
                key_sha256 = excluded.key_sha256, created = excluded.created, disabled = excluded.disabled",
        )?
        .execute(params![
            row.name,
            list(&row.roles)?,
            row.owner,
            row.key_sha256,
            row.created.0,
            row.disabled.map(|time| time.0),
        ])?;
    Ok(())
}

pub(super) fn put_person(connection: &Connection, row: &PersonRow) -> Result<(), Refused> {
    connection
        .prepare_cached(
            "INSERT INTO people (name, groups, key_sha256, created, disabled) VALUES (?1, ?2, ?3, ?4, ?5)
            ON CONFLICT (name) DO UPDATE SET groups = excluded.groups, key_sha256 = excluded.key_sha256,
                created = excluded.created, disabled = excluded.disabled",
        )?
        .execute(params![
            row.name,
            list(&row.groups)?,
            row.key_sha256,
            row.created.0,
            row.disabled.map(|time| time.0),
        ])?;
    Ok(())
}

pub(super) fn agents(connection: &Connection) -> rusqlite::Result<Vec<AgentRow>> {
    connection
        .prepare("SELECT name, roles, owner, key_sha256, created, disabled FROM agents ORDER BY name")?
        .query_map([], |row| {
            Ok(AgentRow {
                name: row.get(0)?,
                roles: names(row, 1)?,
                owner: row.get(2)?,
                key_sha256: row.get(3)?,
                created: Timestamp(row.get(4)?),
                disabled: row.get::<_, Option<i64>>(5)?.map(Timestamp),
            })
        })?
        .collect()
}

pub(super) fn people(connection: &Connection) -> rusqlite::Result<Vec<PersonRow>> {
    connection
        .prepare("SELECT name, groups, key_sha256, created, disabled FROM people ORDER BY name")?
        .query_map([], |row| {
            Ok(PersonRow {
                name: row.get(0)?,
                groups: names(row, 1)?,
                key_sha256: row.get(2)?,
                created: Timestamp(row.get(3)?),
                disabled: row.get::<_, Option<i64>>(4)?.map(Timestamp),
            })
        })?
        .collect()
}

fn names(row: &Row<'_>, column: usize) -> rusqlite::Result<Vec<std::sync::Arc<str>>> {
    let text: String = row.get(column)?;
    serde_json::from_str(&text).map_err(|error| unreadable(column, error))
}
