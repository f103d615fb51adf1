//! One transaction: the submissions of a group, together or, where one is refused, each in a savepoint of its own.

use rusqlite::{Connection, ErrorCode};

use super::entries::Tail;
use super::queue::{Answer, Submission};
use super::{CommitError, approvals, calls, entries, erase, grants, habits, outbox, pauses, prune, registry, tree};
use crate::model::{Change, Timestamp};

/// Why one submission was not written.
pub(super) enum Refused {
    /// A conditional change found no row.
    Lost,
    Database(rusqlite::Error),
}

impl From<rusqlite::Error> for Refused {
    fn from(error: rusqlite::Error) -> Self {
        Refused::Database(error)
    }
}

/// Why a group was not written.
#[derive(Debug, thiserror::Error)]
pub(super) enum GroupError {
    #[error(transparent)]
    Database(#[from] rusqlite::Error),
    /// COMMIT failed: whether the group is on disk shows when the database is opened again.
    #[error("commit: {0}")]
    Commit(#[source] rusqlite::Error),
    #[error("the database file was removed while it was in use ({0}): put it back")]
    Removed(#[source] std::io::Error),
    #[error("another file stands where the database was: it was replaced while it was in use")]
    Replaced,
    #[error(
        "the trail ends at {found}, and {known} entries were written: somebody else put entries there, or took some away"
    )]
    Elsewhere { found: i64, known: i64 },
    #[error("the database is not open")]
    Closed,
    /// Something that must not be lost breaks a rule of the tables. It is a mistake of ours, and the trail is not whole
    /// without it, so nothing may leave any more.
    #[error(
        "a record that must be kept was refused by the database ({0}); restart runplane, which closes it as unknown"
    )]
    Unwritable(#[source] rusqlite::Error),
}

impl GroupError {
    /// Whether somebody else wrote what is there: that it goes away does not mend it.
    pub(super) fn is_change(&self) -> bool {
        match self {
            GroupError::Replaced | GroupError::Elsewhere { .. } => true,
            GroupError::Database(_)
            | GroupError::Commit(_)
            | GroupError::Removed(_)
            | GroupError::Closed
            | GroupError::Unwritable(_) => false,
        }
    }
}

/// The verdicts of a group's submissions, in their order, once the group is durable.
pub(super) fn transact(
    connection: &Connection,
    tail: &mut Tail,
    group: &[Submission],
) -> Result<Vec<Result<(), CommitError>>, GroupError> {
    if group.iter().all(|submission| submission.changes.is_empty()) {
        return Ok(group.iter().map(|_| Ok(())).collect());
    }
    let verdicts = match together(connection, tail, group)? {
        true => group.iter().map(|_| Ok(())).collect(),
        false => each_apart(connection, tail, group)?,
    };
    run(connection, "COMMIT").map_err(GroupError::Commit)?;
    Ok(verdicts)
}

/// Applies a group in one piece, as nearly all can be. False: something was refused; then nothing was applied, and each
/// submission has to be tried by itself. Savepoints are kept for then: each copies every page that is written within it.
fn together(connection: &Connection, tail: &mut Tail, group: &[Submission]) -> Result<bool, GroupError> {
    run(connection, "BEGIN IMMEDIATE")?;
    let before = tail.place;
    for submission in group {
        match apply(connection, tail, &submission.changes) {
            Ok(()) => {}
            // As in `attempt`: these concern the whole group.
            Err(Refused::Database(error)) if !is_constraint(&error) || connection.is_autocommit() => {
                return Err(error.into());
            }
            Err(_) => {
                tail.back_to(before);
                run(connection, "ROLLBACK")?;
                return Ok(false);
            }
        }
    }
    Ok(true)
}

/// Applies a group with each submission in its savepoint.
fn each_apart(
    connection: &Connection,
    tail: &mut Tail,
    group: &[Submission],
) -> Result<Vec<Result<(), CommitError>>, GroupError> {
    run(connection, "BEGIN IMMEDIATE")?;
    // Where somebody else took the next place each would be refused for itself, and nobody would look at what stands there.
    let (found, known) = (entries::last_place(connection)?.seq, tail.place.seq);
    if found != known {
        return Err(GroupError::Elsewhere { found, known });
    }
    group
        .iter()
        .map(|submission| attempt(connection, tail, submission))
        .collect()
}

/// One submission in its savepoint. `Err`: the whole group cannot be written.
fn attempt(
    connection: &Connection,
    tail: &mut Tail,
    submission: &Submission,
) -> Result<Result<(), CommitError>, GroupError> {
    run(connection, "SAVEPOINT submission")?;
    let before = tail.place;
    let refused = match apply(connection, tail, &submission.changes) {
        Ok(()) => {
            run(connection, "RELEASE submission")?;
            return Ok(Ok(()));
        }
        Err(refused) => refused,
    };
    let verdict = match refused {
        Refused::Lost => CommitError::Lost,
        // Some errors end the transaction by themselves: then the submissions before this one are gone too.
        Refused::Database(error) if !is_constraint(&error) || connection.is_autocommit() => return Err(error.into()),
        Refused::Database(error) => match submission.answer {
            Answer::Waiting(_) => {
                tracing::error!(%error, call = submission.call(), "the database refuses a record of ours");
                CommitError::Unavailable(error.to_string())
            }
            Answer::Nobody => return Err(GroupError::Unwritable(error)),
        },
    };
    run(connection, "ROLLBACK TO submission")?;
    run(connection, "RELEASE submission")?;
    tail.back_to(before);
    Ok(Err(verdict))
}

fn is_constraint(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation)
}

fn apply(connection: &Connection, tail: &mut Tail, changes: &[Change]) -> Result<(), Refused> {
    let now = Timestamp::now();
    for change in changes {
        match change {
            Change::Append(entry) => entries::append(connection, tail, now, entry)?,
            Change::CallDecided(row) => calls::decided(connection, row)?,
            Change::CallClosed(closed) => calls::closed(connection, closed)?,
            Change::ApprovalHeld(row) => approvals::held(connection, row)?,
            Change::ApprovalMoved(row) => approvals::moved(connection, row)?,
            Change::GrantGiven(grant) => grants::given(connection, grant)?,
            Change::GrantUsed(id) => grants::used(connection, id)?,
            Change::GrantEnded(id, end) => grants::ended(connection, id, end)?,
            Change::AgentPut(row) => registry::put_agent(connection, row)?,
            Change::PersonPut(row) => registry::put_person(connection, row)?,
            Change::Paused(pause) => pauses::put(connection, pause)?,
            Change::Resumed(whom) => pauses::lift(connection, whom)?,
            Change::HabitsPut(row) => habits::put(connection, row)?,
            Change::Sealed(seal) => tree::seal(connection, seal)?,
            Change::Outbox(change) => outbox::change(connection, change)?,
            Change::ValuesErased(values) => erase::values(connection, tail.place.seq, values)?,
            Change::CallErased(call) => erase::call(connection, call)?,
            Change::ApprovalErased(row) => erase::approval(connection, row)?,
            Change::GrantErased(grant) => erase::grant(connection, grant)?,
            Change::Pruned(pruning) => prune::prune(connection, tail.place.seq, pruning)?,
        }
    }
    Ok(())
}

fn run(connection: &Connection, sql: &str) -> rusqlite::Result<()> {
    connection.prepare_cached(sql)?.execute([]).map(drop)
}
