//! Reading beside the writer, or without one: a read-only connection per reader.

use std::path::Path;
use std::sync::Arc;

use rusqlite::Connection;

use super::open::OpenError;
use super::{
    CallFilter, CallQuery, CallRecord, Checkpoint, Cursor, Found, Kept, OpenCall, Order, Placed, Spent, TargetSeen,
    Written, alike, approvals, calls, connect, entries, find, grants, habits, outbox, pauses, registry, tree,
};
use crate::model::alike::{Answered, Kin};
use crate::model::change::{AgentRow, ApprovalRow, HabitsRow, PersonRow};
use crate::model::entry::Kind;
use crate::model::grant::GrantRow;
use crate::model::merkle::{Hash, Tiles};
use crate::model::outbox::{Delivery, Post, ReceiverStanding};
use crate::model::pause::Pause;
use crate::model::{ApprovalId, CallId, Outcome, Timestamp};

/// Why the database could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error("cannot read the database")]
    Read(#[from] rusqlite::Error),
    #[error("entry {entry} is missing")]
    Missing { entry: u64 },
    #[error("the tree's tile {index} of level {level} is missing, or too short")]
    NoTile { level: u32, index: u64 },
}

/// A read-only connection. Short-lived: while one reads, the write-ahead log cannot start again from its beginning.
#[derive(Debug)]
pub struct Reader {
    pub(super) connection: Connection,
}

/// The tree as far as the last checkpoint.
impl Tiles for Reader {
    type Error = ReadError;

    fn tile(&self, level: u32, index: u64, width: usize) -> Result<Vec<Hash>, ReadError> {
        let hashes = tree::tile(&self.connection, level, index)?;
        match hashes.len() >= width {
            true => Ok(hashes),
            false => Err(ReadError::NoTile { level, index }),
        }
    }
}

impl Reader {
    /// Opens the database at `path`, which a sidecar may be writing at the same time.
    ///
    /// # Errors
    /// If it is missing, not ours, damaged, or locked by another program.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        Ok(Self {
            connection: connect::reader(path)?,
        })
    }

    /// The latest calls that fit `filter`, oldest first.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn calls(&self, filter: &CallFilter) -> Result<Vec<CallRecord>, ReadError> {
        Ok(calls::latest(&self.connection, filter)?)
    }

    /// Calls that fit `query`, from `start` on in `order`, at most `limit` of them: a long record is read page by page.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn find(
        &self,
        query: &CallQuery,
        order: Order,
        start: Option<Cursor>,
        limit: u32,
    ) -> Result<Vec<Found>, ReadError> {
        Ok(find::page(&self.connection, query, order, start, limit)?)
    }

    /// A call with what decided it; `None` if it was never decided.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn found(&self, id: &str) -> Result<Option<Found>, ReadError> {
        Ok(find::one(&self.connection, id)?)
    }

    /// The entries of a call, in order.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn entries_of(&self, call: &CallId) -> Result<Vec<Written>, ReadError> {
        Ok(find::of_call(&self.connection, call)?)
    }

    /// The calls that asked for an approval, or went by it.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn calls_by(&self, approval: &ApprovalId) -> Result<Vec<CallId>, ReadError> {
        Ok(find::by_approval(&self.connection, approval)?)
    }

    /// Every grant there ever was.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn all_grants(&self) -> Result<Vec<GrantRow>, ReadError> {
        Ok(grants::all(&self.connection)?)
    }

    /// The approvals to which a person consented, beforehand or when asked.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn approved_by(&self, person: &str) -> Result<Vec<String>, ReadError> {
        Ok(find::approved_by(&self.connection, person)?)
    }

    /// Entries from the place `from` on and before `behind`, of these kinds (none named: of all), at most `limit` of them.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn written(&self, from: i64, behind: i64, kinds: &[&str], limit: u32) -> Result<Vec<Written>, ReadError> {
        Ok(find::written(&self.connection, from, behind, kinds, limit)?)
    }

    /// The last calls of an agent before one that was made at `time`, oldest first.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn calls_before(
        &self,
        agent: &str,
        call: &CallId,
        time: Timestamp,
        limit: u32,
    ) -> Result<Vec<CallRecord>, ReadError> {
        Ok(calls::before(&self.connection, (agent, call), time, limit)?)
    }

    /// Gives what agents stated and were allowed at `since` or later to `each`, the last first, with how it ended.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn stated(
        &self,
        since: Timestamp,
        each: impl FnMut(CallId, Arc<str>, Option<Outcome>),
    ) -> Result<(), ReadError> {
        Ok(calls::stated(&self.connection, since, each)?)
    }

    /// Gives everything that calls acted on to `each`, the last seen first.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn targets(&self, each: impl FnMut(TargetSeen)) -> Result<(), ReadError> {
        Ok(calls::targets(&self.connection, each)?)
    }

    /// A call as it stands; `None` if it was never decided.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn call(&self, id: &CallId) -> Result<Option<CallRecord>, ReadError> {
        Ok(calls::by_id(&self.connection, id)?)
    }

    /// What the trail has of a call, and of the approval it went by; oldest first.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn entries_about(&self, call: &CallId, approval: Option<&ApprovalId>) -> Result<Vec<Kept>, ReadError> {
        Ok(entries::about(&self.connection, call, approval)?)
    }

    /// Decisions, outcomes and jumps of the clock, from the last one back, for as long as `see` wants more.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn backwards(&self, see: impl FnMut(&Kept) -> bool) -> Result<(), ReadError> {
        let kinds = [Kind::Decided, Kind::Outcome, Kind::Gap];
        Ok(entries::backwards(&self.connection, &kinds, see)?)
    }

    /// Starts and jumps of the clock, from the last one back, for as long as `see` wants more.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn starts(&self, see: impl FnMut(&Kept) -> bool) -> Result<(), ReadError> {
        Ok(entries::of_kinds(&self.connection, &[Kind::Boot, Kind::Gap], see)?)
    }

    /// The last `limit` entries of the trail in their canonical bytes, oldest first; of one agent if so asked.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn entries(&self, filter: &CallFilter) -> Result<Vec<Vec<u8>>, ReadError> {
        let mut found: Vec<Vec<u8>> = self
            .connection
            .prepare(
                "SELECT bytes FROM entries
                WHERE ?1 IS NULL OR json_extract(CAST(bytes AS TEXT), '$.agent') = ?1 ORDER BY seq DESC LIMIT ?2",
            )
            .and_then(|mut statement| {
                statement
                    .query_map(rusqlite::params![filter.agent, filter.limit], |row| row.get(0))?
                    .collect::<rusqlite::Result<_>>()
            })?;
        found.reverse();
        Ok(found)
    }

    /// The place in the trail of the first entry at or after `time`; behind the last entry if there is none.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn first_at(&self, time: Timestamp) -> Result<i64, ReadError> {
        Ok(entries::first_at(&self.connection, time)?)
    }

    /// Entries of these kinds from the place `from` on and before `behind`, at most `limit` of them. A long trail is read page
    /// by page: between two, the log of a running sidecar may start again.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn page(&self, from: i64, behind: i64, kinds: [&str; 2], limit: u32) -> Result<Vec<Placed>, ReadError> {
        Ok(entries::page(&self.connection, from, behind, kinds, limit)?)
    }

    pub(super) fn approvals(&self, since: Timestamp) -> Result<Vec<ApprovalRow>, ReadError> {
        Ok(approvals::since(&self.connection, since)?)
    }

    /// One approval as it is on disk.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn approval(&self, id: &ApprovalId) -> Result<Option<ApprovalRow>, ReadError> {
        Ok(approvals::one(&self.connection, id)?)
    }

    /// What people answered to calls like this one at `since` or later, the last first, at most `limit` of it.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn answered_like(&self, row: &ApprovalRow, since: Timestamp, limit: u32) -> Result<Vec<Answered>, ReadError> {
        Ok(alike::answered(&self.connection, Kin::from(row), since, limit)?)
    }

    /// Of the calls like this one that wait for people at `now` and were asked of before it, the first, and how many they are.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn first_waiting_like(
        &self,
        row: &ApprovalRow,
        now: Timestamp,
    ) -> Result<Option<(ApprovalRow, usize)>, ReadError> {
        Ok(alike::first_waiting(&self.connection, row, now)?)
    }

    /// The message, by its channel and its own name there, that starts a conversation of a receiver's about a call like this one that waits
    /// and was asked of before it.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn conversation(
        &self,
        row: &ApprovalRow,
        receiver: &str,
        now: Timestamp,
    ) -> Result<Option<(String, String, ApprovalRow)>, ReadError> {
        Ok(alike::conversation(&self.connection, row, receiver, now)?)
    }

    /// How many other calls like this one wait for people at `now`.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn others_waiting_like(&self, row: &ApprovalRow, now: Timestamp) -> Result<usize, ReadError> {
        Ok(alike::others_waiting(&self.connection, row, now)?)
    }

    pub(super) fn grants(&self) -> Result<Vec<GrantRow>, ReadError> {
        Ok(grants::open(&self.connection)?)
    }

    pub(super) fn spent(&self, since: Timestamp) -> Result<Vec<Spent>, ReadError> {
        Ok(approvals::spent(&self.connection, since)?)
    }

    pub(super) fn last_time(&self) -> Result<Timestamp, ReadError> {
        Ok(entries::last_place(&self.connection)?.time)
    }

    pub fn agents(&self) -> Result<Vec<AgentRow>, ReadError> {
        Ok(registry::agents(&self.connection)?)
    }

    pub fn people(&self) -> Result<Vec<PersonRow>, ReadError> {
        Ok(registry::people(&self.connection)?)
    }

    /// Who is paused.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn pauses(&self) -> Result<Vec<Pause>, ReadError> {
        Ok(pauses::all(&self.connection)?)
    }

    /// What is usual of agents and actions, as it was written last.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn habits(&self) -> Result<Vec<HabitsRow>, ReadError> {
        Ok(habits::all(&self.connection)?)
    }

    /// The last checkpoint of the trail.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn checkpoint(&self) -> Result<Option<Checkpoint>, ReadError> {
        Ok(tree::last(&self.connection)?)
    }

    /// Gives the bytes of the entries behind the first `from` to `each`, at most `limit` of them.
    ///
    /// # Errors
    /// If the database cannot be read, or an entry is missing.
    pub fn behind(&self, from: u64, limit: u32, each: impl FnMut(&[u8])) -> Result<(), ReadError> {
        tree::behind(&self.connection, from, limit, each)
    }

    /// What a receiver is to be told next, with the approval as it is now; `None` if nothing is due. `asks`: only that people are asked, or
    /// only what is told besides.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn next_delivery(
        &self,
        receiver: &str,
        now: Timestamp,
        asks: Option<bool>,
    ) -> Result<Option<(Delivery, ApprovalRow)>, ReadError> {
        Ok(outbox::next(&self.connection, receiver, now, asks)?)
    }

    /// The message that shows an approval to a receiver, if there is one.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn post(&self, approval: &ApprovalId, receiver: &str) -> Result<Option<Post>, ReadError> {
        Ok(outbox::post(&self.connection, approval, receiver)?)
    }

    /// When the next delivery to a receiver is due.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn next_due(&self, receiver: &str, asks: Option<bool>) -> Result<Option<Timestamp>, ReadError> {
        Ok(outbox::next_due(&self.connection, receiver, asks)?)
    }

    /// The latest deliveries, oldest first; `all`: those too that were delivered or had nothing to tell any more.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn deliveries(&self, all: bool, limit: u32) -> Result<Vec<Delivery>, ReadError> {
        Ok(outbox::latest(&self.connection, all, limit)?)
    }

    /// Everybody who is told of approvals, by name.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn receivers(&self) -> Result<Vec<ReceiverStanding>, ReadError> {
        Ok(outbox::receivers(&self.connection)?)
    }

    pub(super) fn open_calls(&self) -> Result<Vec<OpenCall>, ReadError> {
        Ok(calls::open(&self.connection)?)
    }
}
