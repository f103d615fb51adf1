//! The tables, as migrations: `user_version` counts those that were carried out.

use std::collections::BTreeMap;

use rusqlite::Connection;

/// `RPLN`: the mark of our databases in the file header.
pub(super) const APPLICATION_ID: i64 = 0x5250_4c4e;

/// Each brings the schema one version on. Never edited once released: append.
const MIGRATIONS: [&str; 9] = [
    include_str!("schema/0001.sql"),
    include_str!("schema/0002.sql"),
    include_str!("schema/0003.sql"),
    include_str!("schema/0004.sql"),
    include_str!("schema/0005.sql"),
    include_str!("schema/0006.sql"),
    include_str!("schema/0007.sql"),
    include_str!("schema/0008.sql"),
    include_str!("schema/0010.sql"),
];

/// The first version with checkpoints: evidence that is older proves nothing.
pub(super) const SEALED: i64 = 5;

/// The version that this program writes and reads.
pub(super) const VERSION: i64 = MIGRATIONS.len() as i64;

/// Brings the database up to date, each migration in a transaction of its own.
pub(super) fn migrate(connection: &Connection) -> rusqlite::Result<()> {
    migrate_to(connection, VERSION)
}

pub(super) fn migrate_to(connection: &Connection, wanted: i64) -> rusqlite::Result<()> {
    let found = version(connection)?;
    for (version, sql) in (1_i64..).zip(MIGRATIONS) {
        if version <= found || version > wanted {
            continue;
        }
        connection.execute_batch(&format!(
            "BEGIN IMMEDIATE; {sql}; PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {version}; COMMIT;"
        ))?;
    }
    Ok(())
}

pub(super) fn version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.query_row("PRAGMA user_version", [], |row| row.get(0))
}

/// What the migrations up to the database's version did not make so: its name, and what is wrong with it. Statistics of
/// `ANALYZE` are nothing that anything is told from.
///
/// SECURITY: a trigger that swallows rows, a view in the place of a table or an index that lies tell another trail than the
/// entries do. Test: `a_schema_that_was_changed_is_told`.
pub(super) fn strange(connection: &Connection) -> rusqlite::Result<Vec<(String, &'static str)>> {
    let ours = Connection::open_in_memory()?;
    migrate_to(&ours, version(connection)?)?;
    let (found, mut ours) = (objects(connection)?, objects(&ours)?);
    let mut strange = Vec::new();
    for (name, made) in found {
        match ours.remove(&name) {
            Some(expected) if expected == made => {}
            Some(_) => strange.push((name, "it is not as this program makes it")),
            None => strange.push((name, "this program makes no such table, index, trigger or view")),
        }
    }
    strange.extend(ours.into_keys().map(|name| (name, "it is missing")));
    Ok(strange)
}

/// By name: what it is, of which table, and how it was made.
type Objects = BTreeMap<String, (String, String, Option<String>)>;

fn objects(connection: &Connection) -> rusqlite::Result<Objects> {
    connection
        .prepare("SELECT name, type, tbl_name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_stat%'")?
        .query_map([], |row| Ok((row.get(0)?, (row.get(1)?, row.get(2)?, row.get(3)?))))?
        .collect()
}
