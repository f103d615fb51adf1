//! The tables, as migrations: `user_version` counts those that were carried out.

use rusqlite::Connection;

/// `RPLN`: the mark of our databases in the file header.
pub(super) const APPLICATION_ID: i64 = 0x5250_4c4e;

/// Each brings the schema one version on. Never edited once released: append.
const MIGRATIONS: [&str; 12] = [
    include_str!("schema/0001.sql"),
    include_str!("schema/0002.sql"),
    include_str!("schema/0003.sql"),
    include_str!("schema/0004.sql"),
    include_str!("schema/0005.sql"),
    include_str!("schema/0006.sql"),
    include_str!("schema/0007.sql"),
    include_str!("schema/0008.sql"),
    include_str!("schema/0009.sql"),
    include_str!("schema/0010.sql"),
    include_str!("schema/0011.sql"),
    include_str!("schema/0012.sql"),
];

/// The first version with checkpoints: evidence that is older proves nothing.
pub(super) const SEALED: i64 = 5;

/// The first version that can be pruned.
pub(super) const PRUNED: i64 = 12;

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
/// entries do, whatever their names are: SQLite keeps nobody from giving them one that begins as its own do. Tests:
/// `a_schema_that_was_changed_is_told`, `a_database_whose_schema_was_changed_is_not_opened`.
pub(super) fn strange(connection: &Connection) -> rusqlite::Result<Vec<(String, &'static str)>> {
    let (found, mut ours) = (objects(connection)?, made(version(connection)?)?);
    let mut strange = Vec::new();
    for object in found {
        if let Some(at) = ours.iter().position(|made| *made == object) {
            ours.swap_remove(at);
            continue;
        }
        let same = |made: &Object| (&made.kind, &made.name) == (&object.kind, &object.name);
        let wrong = match ours.iter().position(same) {
            Some(at) => {
                ours.swap_remove(at);
                "it is not as this program makes it"
            }
            None => "this program makes no such table, index, trigger or view",
        };
        strange.push((object.name, wrong));
    }
    strange.extend(ours.into_iter().map(|made| (made.name, "it is missing")));
    Ok(strange)
}

/// A row of `sqlite_schema`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub(super) struct Object {
    kind: String,
    name: String,
    table: String,
    sql: Option<String>,
}

impl Object {
    /// What `ANALYZE` makes, and nothing else by its name.
    fn is_statistics(&self) -> bool {
        let columns = match self.name.as_str() {
            "sqlite_stat1" => "(tbl,idx,stat)",
            "sqlite_stat4" => "(tbl,idx,neq,nlt,ndlt,sample)",
            _ => return false,
        };
        let made = format!("CREATE TABLE {}{columns}", self.name);
        self.kind == "table" && self.table == self.name && self.sql.as_ref() == Some(&made)
    }
}

/// What the migrations up to this version make, in order.
pub(super) fn made(version: i64) -> rusqlite::Result<Vec<Object>> {
    let ours = Connection::open_in_memory()?;
    migrate_to(&ours, version)?;
    objects(&ours)
}

fn objects(connection: &Connection) -> rusqlite::Result<Vec<Object>> {
    // Whatever somebody wrote there is text to us; what is none is not what a migration wrote.
    let text = |name: &str| {
        format!(
            "CASE typeof({name}) WHEN 'text' THEN {name} ELSE typeof({name}) || ' ' || coalesce(CAST({name} AS TEXT), '') END"
        )
    };
    let [kind, name, table, sql] = ["type", "name", "tbl_name", "sql"].map(text);
    let columns = format!("{kind}, {name}, {table}, CASE WHEN sql IS NOT NULL THEN {sql} END");
    let all = format!("SELECT {columns} FROM sqlite_schema UNION ALL SELECT {columns} FROM sqlite_temp_schema");
    let mut statement = connection.prepare(&all)?;
    let objects = statement.query_map([], |row| {
        Ok(Object {
            kind: row.get(0)?,
            name: row.get(1)?,
            table: row.get(2)?,
            sql: row.get(3)?,
        })
    })?;
    let mut objects = objects.collect::<rusqlite::Result<Vec<Object>>>()?;
    objects.retain(|object| !object.is_statistics());
    objects.sort();
    Ok(objects)
}
