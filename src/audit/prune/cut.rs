//! Places at which the trail can be cut: nothing that begins before them goes on behind them.

use std::collections::HashMap;

use super::PruneError;
use crate::audit::verify::Members;
use crate::model::Timestamp;
use crate::store::{Bare, Reader};

/// Places that are kept in mind; of more, every second one.
const MOST: usize = 64 * 1024;

/// Right behind an entry.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cut {
    pub(super) seq: i64,
    pub(super) time: Timestamp,
    /// Rows of calls, approvals and grants that are told of before it.
    pub(super) rows: [i64; 3],
}

/// What an entry that may have to stay is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum State {
    /// Which keys sign where is told by all of these.
    Key(i64),
    Registry(bool, String),
    Pause(String),
}

pub(super) struct Cuts {
    pub(super) all: Vec<Cut>,
    /// No cut is behind it.
    most: i64,
    rows: [i64; 3],
    /// The first entry of each approval and grant, and of each call that has not ended; whether that is held.
    approvals: HashMap<String, i64>,
    grants: HashMap<String, i64>,
    open: HashMap<String, bool>,
    /// Whether the entry ends what it is about.
    states: Vec<(i64, State, bool)>,
    /// What reaches behind the last cut there could be, and where it begins.
    pub(super) held: Option<(i64, String)>,
    /// When the first entry was written that was not kept before.
    pub(super) first: Option<Timestamp>,
}

impl Cuts {
    pub(super) fn new(most: i64, rows: [i64; 3]) -> Self {
        Self {
            all: Vec::new(),
            most,
            rows,
            approvals: HashMap::new(),
            grants: HashMap::new(),
            open: HashMap::new(),
            states: Vec::new(),
            held: None,
            first: None,
        }
    }

    /// Each entry in its turn.
    pub(super) fn entry(&mut self, entry: &Bare, members: &Members<'_>) {
        let (seq, within) = (entry.seq, entry.seq <= self.most);
        if let (Some(call), true) = (members.text("call"), within) {
            self.call(&entry.kind, call, members);
        }
        let approval = members
            .text("approval")
            .filter(|_| is_of_approval(&entry.kind, members));
        let grant = members.text("grant").filter(|_| entry.kind != "erased");
        let of = [(1, "approval", approval), (2, "grant", grant)];
        for (place, what, id) in of.into_iter().filter_map(|(place, what, id)| Some((place, what, id?))) {
            self.about((place, what), id, seq);
        }
        // What went counts by its order: both go, or none.
        if let Some(order) = members.int("order").filter(|_| entry.kind == "pruned") {
            self.reaches(order, seq, || format!("what was ordered to be pruned by entry {order}"));
        }
        if !within {
            return;
        }
        if let Some((state, ends)) = state(seq, &entry.kind, members) {
            self.states.push((seq, state, ends));
        } else {
            self.first.get_or_insert(entry.time);
        }
        if self.open.is_empty() {
            self.all.push(Cut {
                seq,
                time: entry.time,
                rows: self.rows,
            });
        }
        if self.all.len() > MOST {
            let mut odd = false;
            self.all.retain(|_| {
                odd = !odd;
                odd
            });
        }
    }

    fn call(&mut self, kind: &str, call: &str, members: &Members<'_>) {
        match (kind, members.text("decision")) {
            ("decided", decision) => {
                if self.open.remove(call) != Some(true) {
                    self.count(0);
                }
                if decision != Some("BLOCK") {
                    self.open.insert(call.to_owned(), decision == Some("REQUIRE_APPROVAL"));
                }
            }
            ("outcome", _) => {
                self.open.remove(call);
            }
            _ => {}
        }
    }

    fn count(&mut self, place: usize) {
        if let Some(rows) = self.rows.get_mut(place) {
            *rows += 1;
        }
    }

    /// An entry about an approval or a grant: no cut is between this one and the first.
    fn about(&mut self, (place, what): (usize, &str), id: &str, seq: i64) {
        let known = if place == 1 {
            &mut self.approvals
        } else {
            &mut self.grants
        };
        match known.get(id).copied() {
            Some(first) => self.reaches(first, seq, || {
                format!("the {what} {id}, which goes on until entry {seq}")
            }),
            None if seq <= self.most => {
                known.insert(id.to_owned(), seq);
                self.count(place);
            }
            None => {}
        }
    }

    fn reaches(&mut self, first: i64, seq: i64, told: impl FnOnce() -> String) {
        while self.all.last().is_some_and(|cut| cut.seq >= first) {
            self.all.pop();
        }
        if seq > self.most && self.held.as_ref().is_none_or(|(before, _)| first < *before) {
            self.held = Some((first, told()));
        }
    }

    /// After the last entry: what people are still asked, and what still counts.
    pub(super) fn still_open(&mut self, reader: &Reader) -> Result<(), PruneError> {
        if self.all.is_empty() {
            self.held
                .get_or_insert((self.most, "calls that have not ended".to_owned()));
        }
        let mut found: Vec<(i64, String)> = Vec::new();
        for (id, first) in &self.approvals {
            let row = id.parse().ok().map(|id| reader.approval(&id)).transpose()?.flatten();
            let open = row.filter(|row| row.state.is_open());
            found.extend(open.map(|row| (*first, format!("the approval {id}, which is {}", row.state.as_str()))));
        }
        for row in reader.all_grants()? {
            let open = row.ended.is_none() && row.used < row.grant.uses;
            let first = self.grants.get(row.grant.id.as_str()).filter(|_| open);
            found.extend(first.map(|first| (*first, format!("the grant {}, which is open", row.grant.id))));
        }
        for (first, told) in found {
            self.reaches(first, i64::MAX, || told);
        }
        Ok(())
    }

    /// Entries up to `seq` that stay: who may call and decide, who is paused, and the keys of the log.
    pub(super) fn kept(&self, seq: i64) -> Vec<i64> {
        let mut last: HashMap<&State, (i64, bool)> = HashMap::new();
        for (place, state, ends) in self.states.iter().filter(|(place, ..)| *place <= seq) {
            last.insert(state, (*place, *ends));
        }
        let mut kept: Vec<i64> = last
            .into_values()
            .filter(|(_, ends)| !ends)
            .map(|(place, _)| place)
            .collect();
        kept.sort_unstable();
        kept
    }

    /// How many entries up to there are left of an earlier pruning: each of them is about such a state.
    pub(super) fn kept_before(&self, seq: i64) -> i64 {
        let left = self.states.iter().filter(|(place, ..)| *place <= seq).count();
        i64::try_from(left).unwrap_or(i64::MAX)
    }
}

/// As the verifier tells them from others.
fn is_of_approval(kind: &str, members: &Members<'_>) -> bool {
    match kind {
        "held" | "approved" | "denied" | "expired" | "consumed" => true,
        "grant" | "erased" | "registry" | "pause" => false,
        _ => members.get("commit_row").is_some(),
    }
}

fn state(seq: i64, kind: &str, members: &Members<'_>) -> Option<(State, bool)> {
    let text = |name| members.text(name).unwrap_or_default().to_owned();
    match kind {
        "key" => Some((State::Key(seq), false)),
        "registry" => Some((
            State::Registry(members.text("entity") == Some("agent"), text("name")),
            false,
        )),
        "pause" => Some((State::Pause(text("agent")), members.text("event") == Some("resumed"))),
        _ => None,
    }
}
