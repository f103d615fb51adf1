//! Who is paused: `pauses`.

use rusqlite::{Connection, params};

use super::group::Refused;
use crate::model::Timestamp;
use crate::model::pause::{Pause, Whom};

/// In place of one that stood.
pub(super) fn put(connection: &Connection, pause: &Pause) -> Result<(), Refused> {
    remove(connection, &pause.whom)?;
    connection
        .prepare_cached("INSERT INTO pauses (agent, by, reason, since) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![agent(&pause.whom), pause.by, pause.reason, pause.since.0])?;
    Ok(())
}

/// Lost if there is none to lift.
pub(super) fn lift(connection: &Connection, whom: &Whom) -> Result<(), Refused> {
    match remove(connection, whom)? {
        0 => Err(Refused::Lost),
        _ => Ok(()),
    }
}

pub(super) fn all(connection: &Connection) -> rusqlite::Result<Vec<Pause>> {
    connection
        .prepare("SELECT agent, by, reason, since FROM pauses ORDER BY agent")?
        .query_map([], |row| {
            Ok(Pause {
                whom: row.get::<_, Option<_>>(0)?.map_or(Whom::Everyone, Whom::Agent),
                by: row.get(1)?,
                reason: row.get(2)?,
                since: Timestamp(row.get(3)?),
            })
        })?
        .collect()
}

fn remove(connection: &Connection, whom: &Whom) -> rusqlite::Result<usize> {
    connection
        .prepare_cached("DELETE FROM pauses WHERE agent IS ?1")?
        .execute([agent(whom)])
}

fn agent(whom: &Whom) -> Option<&str> {
    match whom {
        Whom::Everyone => None,
        Whom::Agent(name) => Some(name),
    }
}
