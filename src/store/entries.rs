//! The trail itself: `entries` and what they commit to, `entry_values`.

use std::borrow::Cow;
use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, params};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::calls::unreadable;
use crate::model::entry::{HIDDEN, Kind, hmac_sha256};
use crate::model::erasure::Places;
use crate::model::merkle::{self, Hash};
use crate::model::{ApprovalId, CallId, Entry, Timestamp};

/// The end of the trail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Of the last entry; 0 before the first.
    pub(super) seq: i64,
    /// Of the last entry: no later one has an earlier time.
    pub(super) time: Timestamp,
}

/// The end of the trail while a group is written.
#[derive(Debug)]
pub(super) struct Tail {
    pub(super) place: Place,
    /// Of the entries that were written, as leaves of the tree.
    pub(super) leaves: Vec<Hash>,
}

impl Tail {
    pub(super) fn at(place: Place) -> Self {
        Self {
            place,
            leaves: Vec::new(),
        }
    }

    /// What was written behind `place` is taken back.
    pub(super) fn back_to(&mut self, place: Place) {
        let undone = usize::try_from(self.place.seq - place.seq).unwrap_or_default();
        self.leaves.truncate(self.leaves.len().saturating_sub(undone));
        self.place = place;
    }
}

pub(super) fn last_place(connection: &Connection) -> rusqlite::Result<Place> {
    let last = connection
        .query_row("SELECT seq, time FROM entries ORDER BY seq DESC LIMIT 1", [], |row| {
            Ok((row.get(0)?, Timestamp(row.get(1)?)))
        })
        .optional()?;
    let (seq, time) = last.unwrap_or((0, Timestamp(i64::MIN)));
    Ok(Place { seq, time })
}

/// An entry as it is kept, with what it commits to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// RFC 8785 JSON.
    pub bytes: Vec<u8>,
    /// RFC 8785 JSON by name; without those of which only the commitment is kept, or that were erased.
    pub values: BTreeMap<String, String>,
    /// Names of those values that are not what the entry commits to, or were taken away.
    pub changed: Vec<String>,
    /// Names of those that were erased, as another entry says.
    pub erased: Vec<String>,
}

/// An entry of a page of the trail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed {
    pub seq: i64,
    pub kind: String,
    /// `None` where its values cannot be read.
    pub kept: Option<Kept>,
}

/// The place of the first entry at or after `time`; behind the last one if there is none. By halving, for times follow each
/// other as entries do, and there may be millions.
pub(super) fn first_at(connection: &Connection, time: Timestamp) -> rusqlite::Result<i64> {
    // What is left of a part that was pruned is no part of this.
    let ends = "SELECT coalesce((SELECT upto + 1 FROM pruned), min(seq), 1), coalesce(max(seq), 0) + 1 FROM entries";
    let (mut first, mut behind): (i64, i64) = connection.query_row(ends, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let mut at = connection.prepare("SELECT time FROM entries WHERE seq = ?1")?;
    while first < behind {
        let middle = first + (behind - first) / 2;
        match at.query_row([middle], |row| row.get::<_, i64>(0))? < time.0 {
            true => first = middle + 1,
            false => behind = middle,
        }
    }
    Ok(first)
}

/// Entries of these kinds from `from` on and before `behind`, at most `limit` of them.
pub(super) fn page(
    connection: &Connection,
    from: i64,
    behind: i64,
    kinds: [&str; 2],
    limit: u32,
) -> rusqlite::Result<Vec<Placed>> {
    connection
        .prepare_cached(
            "SELECT seq, kind, bytes, committed FROM entries LEFT JOIN entry_values USING (seq)
            WHERE seq >= ?1 AND seq < ?2 AND kind IN (?3, ?4) ORDER BY seq LIMIT ?5",
        )?
        .query_map(params![from, behind, kinds[0], kinds[1], limit], |row| {
            Ok(Placed {
                seq: row.get(0)?,
                kind: row.get(1)?,
                // What cannot be read is told as that.
                kept: plain(row.get(2)?, row.get(3)?).ok(),
            })
        })?
        .collect()
}

/// The entries about a call and about `approval`, in order.
pub(super) fn about(
    connection: &Connection,
    call: &CallId,
    approval: Option<&ApprovalId>,
) -> rusqlite::Result<Vec<Kept>> {
    connection
        .prepare(
            "SELECT bytes, committed FROM entries LEFT JOIN entry_values USING (seq)
            WHERE call = ?1 OR (?2 IS NOT NULL AND call IS NULL AND json_extract(CAST(bytes AS TEXT), '$.approval') = ?2)
            ORDER BY seq",
        )?
        .query_map(
            params![call.as_str(), approval.map(|approval| approval.as_str())],
            |row| held_to_entry(connection, row.get(0)?, row.get(1)?),
        )?
        .collect()
}

/// Entries of these kinds, from the last one back, for as long as `see` wants more; their values held to what they commit to. By
/// the column that says so: for who tells people of a trail that may have been changed, and for a start, which has looked at all of it.
pub(super) fn of_kinds(
    connection: &Connection,
    kinds: &[Kind],
    mut see: impl FnMut(&Kept) -> bool,
) -> rusqlite::Result<()> {
    let kinds: Vec<&str> = kinds.iter().map(|kind| kind.as_str()).collect();
    let mut statement = connection.prepare(
        "SELECT bytes, committed FROM entries LEFT JOIN entry_values USING (seq)
        WHERE kind IN (SELECT value FROM json_each(?1)) ORDER BY seq DESC",
    )?;
    let mut rows = statement.query([serde_json::Value::from(kinds).to_string()])?;
    while let Some(row) = rows.next()? {
        if !see(&held_to_entry(connection, row.get(0)?, row.get(1)?)?) {
            break;
        }
    }
    Ok(())
}

/// Entries of these kinds, from the last one back, for as long as `see` wants more; their values held to what they commit to.
///
/// SECURITY: which kind an entry is of is told by its bytes, and not by the column that says so, too: else who changes that takes
/// a call out of all budgets. Test: `an_entry_whose_columns_were_changed_is_not_passed_over`.
pub(super) fn backwards(
    connection: &Connection,
    kinds: &[Kind],
    mut see: impl FnMut(&Kept) -> bool,
) -> rusqlite::Result<()> {
    let mut statement = connection.prepare(
        "SELECT bytes, committed, seq, time, kind, call FROM entries LEFT JOIN entry_values USING (seq)
        WHERE seq > coalesce((SELECT upto FROM pruned), 0) ORDER BY seq DESC",
    )?;
    let mut rows = statement.query([])?;
    let mut next = None;
    while let Some(row) = rows.next()? {
        // Asked with a row in hand, which holds what is read to one state: before, an entry may come in between.
        let due = match next {
            Some(due) => due,
            None => last_place(connection)?.seq,
        };
        let (bytes, seq): (Vec<u8>, i64) = (row.get(0)?, row.get(2)?);
        let columns = Columns {
            v: 1,
            seq,
            time: row.get(3)?,
            kind: row.get::<_, String>(4)?.into(),
            call: row.get::<_, Option<String>>(5)?.map(Into::into),
        };
        if seq != due || serde_json::from_slice::<Columns<'_>>(&bytes).ok().as_ref() != Some(&columns) {
            return Err(unreadable(
                0,
                format!("entry {due} is not what its columns say, or is missing"),
            ));
        }
        next = Some(due - 1);
        let wanted = kinds.iter().any(|kind| kind.as_str() == columns.kind);
        if wanted && !see(&held_to_entry(connection, bytes, row.get(1)?)?) {
            break;
        }
    }
    Ok(())
}

/// What stands beside the bytes of an entry, too.
#[derive(Debug, PartialEq, Eq, Deserialize)]
struct Columns<'a> {
    v: i64,
    seq: i64,
    time: i64,
    #[serde(borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    call: Option<Cow<'a, str>>,
}

/// The values as they stand there. Of millions, nobody asks whether each is what its entry commits to.
fn plain(bytes: Vec<u8>, committed: Option<String>) -> rusqlite::Result<Kept> {
    let values = committed.as_deref().map_or(Ok(BTreeMap::new()), told)?;
    let erased = values.iter().filter(|(_, told)| told.erased.is_some());
    let erased = erased.map(|(name, _)| name.clone()).collect();
    let values = values.into_iter();
    let values = values.filter_map(|(name, told)| Some((name, told.value?.get().to_owned())));
    Ok(Kept {
        values: values.collect(),
        bytes,
        changed: Vec::new(),
        erased,
    })
}

/// The same, held to what the entry commits to, and to the entries that say what was erased.
///
/// SECURITY: a mark that no entry bears out would make a value that was taken away look erased. Test:
/// `what_is_erased_is_told_from_what_is_missing`.
fn held_to_entry(connection: &Connection, bytes: Vec<u8>, committed: Option<String>) -> rusqlite::Result<Kept> {
    // One that cannot be read commits to nothing that could be told.
    let members: BTreeMap<String, serde_json::Value> = serde_json::from_slice(&bytes).unwrap_or_default();
    let values = committed.as_deref().map_or(Ok(BTreeMap::new()), told)?;
    let promised = |name: &str| members.get(&format!("commit_{name}"))?.as_str();
    let is_kept = |name: &str| values.get(name).is_some_and(|told| told.value.is_some());
    let fits = |name: &str, Told { salt, value, .. }: &Told<'_>| {
        let salt = hex::decode(salt.as_deref()?).ok()?;
        let commitment = hex::encode(hmac_sha256(&salt, (*value)?.get().as_bytes()));
        (promised(name)? == commitment).then_some(())
    };
    let wrong = values.iter().filter(|(_, told)| told.value.is_some());
    let wrong = wrong
        .filter(|(name, told)| fits(name, told).is_none())
        .map(|(name, _)| name.clone());
    let seq = members
        .get("seq")
        .and_then(serde_json::Value::as_i64)
        .unwrap_or_default();
    let mut erased = Vec::new();
    for (name, by) in values.iter().filter_map(|(name, told)| Some((name, told.erased?))) {
        if says_erased(connection, by, seq, name)? {
            erased.push(name.clone());
        }
    }
    let names = members.keys().filter_map(|member| member.strip_prefix("commit_"));
    let is_erased = |name: &str| erased.iter().any(|erased| erased == name);
    let gone = names
        .filter(|name| !is_kept(name) && !is_erased(name))
        .filter(|name| !HIDDEN.contains(name) || values.get(*name).is_some_and(|told| told.erased.is_some()))
        .map(str::to_owned);
    let changed = wrong.chain(gone).collect();
    Ok(Kept {
        changed,
        erased,
        ..plain(bytes, committed)?
    })
}

/// Whether the entry `by` says that this value of the entry `seq` is erased.
fn says_erased(connection: &Connection, by: i64, seq: i64, name: &str) -> rusqlite::Result<bool> {
    let bytes: Option<Vec<u8>> = connection
        .prepare_cached("SELECT bytes FROM entries WHERE seq = ?1 AND seq > ?2 AND kind = 'erased'")?
        .query_row([by, seq], |row| row.get(0))
        .optional()?;
    let members: BTreeMap<String, serde_json::Value> = bytes
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .unwrap_or_default();
    let text = |name: &str| members.get(name).and_then(serde_json::Value::as_str);
    let places = text("entries")
        .and_then(|entries| Places::read(entries, by))
        .unwrap_or_default();
    Ok(places.has(seq) && text("names").is_some_and(|names| names.split(',').any(|erased| erased == name)))
}

/// One value of a row of `entry_values`.
#[derive(Deserialize)]
struct Told<'a> {
    salt: Option<String>,
    /// By which entry.
    erased: Option<i64>,
    #[serde(borrow)]
    value: Option<&'a RawValue>,
}

fn told(committed: &str) -> rusqlite::Result<BTreeMap<String, Told<'_>>> {
    serde_json::from_str(committed).map_err(|error| unreadable(1, error))
}

pub(super) fn append(connection: &Connection, tail: &mut Tail, now: Timestamp, entry: &Entry) -> rusqlite::Result<()> {
    let seq = tail.place.seq + 1;
    let time = now.max(tail.place.time);
    let bytes = entry.bytes(seq, time);
    let written = connection
        .prepare_cached("INSERT OR FAIL INTO entries (seq, time, kind, call, bytes) VALUES (?1, ?2, ?3, ?4, ?5)")?
        .execute(params![
            seq,
            time.0,
            entry.kind.as_str(),
            entry.call.as_ref().map(|call| call.as_str()),
            bytes
        ])?;
    is_one(written)?;
    if let Some(committed) = entry.committed() {
        let written = connection
            .prepare_cached("INSERT OR FAIL INTO entry_values (seq, committed) VALUES (?1, ?2)")?
            .execute(params![seq, committed])?;
        is_one(written)?;
    }
    tail.place = Place { seq, time };
    tail.leaves.push(merkle::leaf(&bytes));
    Ok(())
}

/// SECURITY: a trigger that somebody put into the database can swallow a row without an error, and a call would leave without
/// an entry. Test: `a_row_that_a_trigger_swallows_is_not_taken_for_written`.
fn is_one(written: usize) -> rusqlite::Result<()> {
    match written {
        1 => Ok(()),
        other => Err(rusqlite::Error::StatementChangedRows(other)),
    }
}
