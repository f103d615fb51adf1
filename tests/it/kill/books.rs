//! The trail and the origin's log, joined by a marker that every request carries: `kx` and letters, in its target (which
//! the record keeps) and in a header (which the origin sees first).

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use hmac::{Hmac, KeyInit, Mac};
use rusqlite::{Connection, OpenFlags};
use serde_json::Value;

use crate::harness::Seen;

/// One entry with the values beside it.
struct Entry {
    seq: i64,
    told: Value,
    values: BTreeMap<String, serde_json::Value>,
}

/// What the trail says of one call.
#[derive(Default)]
struct Life {
    marker: String,
    /// Decisions with the approval they rest on.
    decisions: Vec<(String, Option<String>)>,
    /// Outcomes with their place.
    outcomes: Vec<(i64, String)>,
}

/// An answer that a client got.
pub struct Answered {
    pub marker: String,
    pub status: u16,
}

/// What was found, for the table.
#[derive(Default)]
pub struct Found {
    pub calls: usize,
    pub unknown: usize,
    pub not_sent: usize,
    pub at_origin: usize,
}

impl Found {
    pub fn add(&mut self, more: &Found) {
        self.calls += more.calls;
        self.unknown += more.unknown;
        self.not_sent += more.not_sent;
        self.at_origin += more.at_origin;
    }
}

fn open(home: &Path) -> Connection {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(home.join("state/runplane.db"), flags).unwrap();
    connection.busy_timeout(crate::harness::PATIENCE).unwrap();
    connection
}

/// The place of the trail's last entry.
pub fn last(home: &Path) -> i64 {
    open(home)
        .query_row("SELECT coalesce(max(seq), 0) FROM entries", [], |row| row.get(0))
        .unwrap()
}

/// Whether a call with this marker is allowed and still owed its outcome, as others see it on disk.
pub fn intends(home: &Path, marker: &str) -> bool {
    open(home)
        .query_row(
            "SELECT count(*) FROM calls WHERE decision = 'ALLOW' AND outcome IS NULL
             AND (target_id = ?1 OR request_line LIKE '%/' || ?1)",
            [marker],
            |row| row.get::<_, i64>(0),
        )
        .unwrap()
        > 0
}

/// How many entries of a kind there are.
pub fn count(home: &Path, kind: &str) -> i64 {
    open(home)
        .query_row("SELECT count(*) FROM entries WHERE kind = ?1", [kind], |row| row.get(0))
        .unwrap()
}

/// The marker in a text.
pub fn marker(text: &str) -> Option<String> {
    let word = text.get(text.find("kx")?..)?.get(..7)?;
    word.bytes()
        .all(|byte| byte.is_ascii_lowercase())
        .then(|| word.to_owned())
}

fn entries(home: &Path) -> Vec<Entry> {
    let connection = open(home);
    let mut statement = connection
        .prepare("SELECT seq, bytes FROM entries ORDER BY seq")
        .unwrap();
    let read = statement.query_map([], |row| {
        Ok(Entry {
            seq: row.get(0)?,
            told: serde_json::from_slice(&row.get::<_, Vec<u8>>(1)?).unwrap(),
            values: BTreeMap::new(),
        })
    });
    let mut entries: Vec<Entry> = read.unwrap().map(Result::unwrap).collect();
    let mut statement = connection.prepare("SELECT seq, committed FROM entry_values").unwrap();
    let mut rows = statement.query([]).unwrap();
    while let Some(row) = rows.next().unwrap() {
        let (seq, committed): (i64, String) = (row.get(0).unwrap(), row.get(1).unwrap());
        entries[seq as usize - 1].values = serde_json::from_str(&committed).unwrap();
    }
    entries
}

/// I3: places follow without a gap, times do not go back, and every commitment is to the value beside it.
fn assert_whole(entries: &[Entry]) {
    let mut time = i64::MIN;
    for (place, entry) in (1..).zip(entries) {
        assert_eq!(entry.seq, place, "I3: a gap in the trail");
        assert_eq!(entry.told["seq"], place, "I3: an entry at another's place");
        let now = entry.told["time"].as_i64().unwrap();
        assert!(now >= time, "I3: an earlier time at {place}");
        time = now;
        for (name, told) in entry.told.as_object().unwrap() {
            let Some(name) = name.strip_prefix("commit_") else {
                continue;
            };
            let committed = entry.values.get(name).expect("I3: a commitment without its salt");
            let salt = hex::decode(committed["salt"].as_str().unwrap()).unwrap();
            if let Some(value) = committed.get("value") {
                let mut mac = Hmac::<sha2::Sha256>::new_from_slice(&salt).unwrap();
                mac.update(value.to_string().as_bytes());
                assert_eq!(told, &hex::encode(mac.finalize().into_bytes()), "I3: {name} of {place}");
            }
        }
    }
}

/// Calls, the approvals that people gave, and those that were spent.
type Lives = (BTreeMap<String, Life>, BTreeSet<String>, BTreeSet<String>);

fn lives(entries: &[Entry]) -> Lives {
    let mut lives: BTreeMap<String, Life> = BTreeMap::new();
    let (mut approved, mut consumed) = (BTreeSet::new(), BTreeSet::new());
    for entry in entries {
        let text = |name: &str| entry.told[name].as_str().map(str::to_owned);
        let life = text("call").map(|call| lives.entry(call).or_default());
        match (entry.told["kind"].as_str().unwrap(), life) {
            ("decided", Some(life)) => {
                let values = entry.values.values().filter_map(|committed| committed.get("value"));
                life.marker = values
                    .filter_map(|value| marker(&value.to_string()))
                    .next()
                    .unwrap_or_default();
                life.decisions.push((text("decision").unwrap(), text("approval")));
            }
            ("outcome", Some(life)) => life.outcomes.push((entry.seq, text("outcome").unwrap())),
            ("approved", _) => drop(approved.insert(text("approval").unwrap())),
            ("consumed", _) => assert!(
                consumed.insert(text("approval").unwrap()),
                "I5: an approval was spent twice"
            ),
            _ => {}
        }
    }
    (lives, approved, consumed)
}

/// What the trail says of each marker, in a few words.
pub fn standing(home: &Path) -> BTreeMap<String, String> {
    let entries = entries(home);
    let (lives, approved, _) = lives(&entries);
    let of_one = |life: &Life| {
        let asked = life
            .decisions
            .iter()
            .any(|(decision, _)| decision == "REQUIRE_APPROVAL");
        let (decision, approval) = life.decisions.last().unwrap();
        let decided = match (decision.as_str(), asked) {
            ("ALLOW", true) => "consent spent",
            ("ALLOW", false) => "allowed",
            ("BLOCK", _) => "blocked",
            _ if approval.as_ref().is_some_and(|id| approved.contains(id)) => "held, and approved",
            _ => "held",
        };
        match life.outcomes.last() {
            Some((_, outcome)) => format!("{decided}, `{outcome}`"),
            None => decided.to_owned(),
        }
    };
    let known = lives.values().filter(|life| !life.decisions.is_empty());
    known.map(|life| (life.marker.clone(), of_one(life))).collect()
}

/// Checks I1 to I6 on what a restarted sidecar has on disk, while nothing is under way. `crash`: the last place before the
/// restart; what follows up to `boot` was written by recovery.
pub fn check(home: &Path, crash: i64, seen: &[Seen], answered: &[Answered]) -> Found {
    let entries = entries(home);
    assert_whole(&entries);
    let boot = entries
        .iter()
        .find(|entry| entry.seq > crash && entry.told["kind"] == "boot")
        .expect("the restart is in the trail")
        .seq;
    let (lives, approved, consumed) = lives(&entries);
    let mut found = Found {
        calls: lives.len(),
        at_origin: seen.len(),
        ..Found::default()
    };
    let (mut allowed, mut executed) = (BTreeSet::new(), BTreeSet::new());
    for (call, life) in &lives {
        let words: Vec<&str> = life.decisions.iter().map(|(decision, _)| &**decision).collect();
        let ends: Vec<&str> = life.outcomes.iter().map(|(_, outcome)| &**outcome).collect();
        match words[..] {
            ["BLOCK"] => assert!(ends.is_empty(), "I2: {call} was blocked and ended {ends:?}"),
            ["REQUIRE_APPROVAL"] => assert_eq!(ends, ["not_sent"], "I2: {call} was only held"),
            ["ALLOW"] | ["REQUIRE_APPROVAL", "ALLOW"] => {
                assert_eq!(ends.len(), 1, "I2: {call} ended {ends:?}");
                allowed.insert(life.marker.as_str());
            }
            _ => panic!("I2: {call} was decided {words:?}"),
        }
        for (seq, outcome) in &life.outcomes {
            found.unknown += usize::from(outcome == "unknown");
            found.not_sent += usize::from(outcome == "not_sent");
            if (crash..boot).contains(&(seq - 1)) && words.last() == Some(&"ALLOW") {
                assert_eq!(outcome, "unknown", "I2: recovery knows nothing of {call}");
            }
        }
        if let Some((_, Some(approval))) = life.decisions.iter().find(|(decision, _)| decision == "ALLOW") {
            assert!(approved.contains(approval), "I4: {call} went without consent");
            assert!(
                consumed.contains(approval),
                "I5: {call} went on an approval that is not spent"
            );
            assert!(executed.insert(approval.clone()), "I5: {approval} let two calls go");
        }
    }
    let mut reached = BTreeSet::new();
    for seen in seen {
        let marker = seen.header("x-marker").expect("every request has its marker");
        assert!(
            allowed.contains(marker),
            "I1, I4: {marker} reached the origin unallowed"
        );
        assert!(reached.insert(marker), "I2, I5: {marker} was sent twice");
    }
    for answer in answered.iter().filter(|answer| (200..300).contains(&answer.status)) {
        assert!(
            reached.contains(&*answer.marker),
            "I6: {} was answered for the origin",
            answer.marker
        );
    }
    found
}
