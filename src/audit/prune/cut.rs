//! Where the trail is cut: after every so many entries. What goes on behind a cut stays, with all that was told of it before.

use std::collections::{BTreeSet, HashMap};

use super::state::{State, states};
use crate::audit::verify::Members;
use crate::model::Timestamp;
use crate::model::erasure::Places;
use crate::store::{Bare, ReadError, Reader};

/// Right behind an entry.
#[derive(Debug)]
pub(super) struct Cut {
    pub(super) seq: i64,
    pub(super) time: Timestamp,
    /// Rows of calls, approvals and grants that are told of before it.
    pub(super) rows: [i64; 3],
    /// What stays.
    pub(super) kept: Vec<i64>,
    /// Calls, approvals and grants whose rows stay, by their ids.
    pub(super) open: [Vec<String>; 3],
}

/// A call that has not ended.
#[derive(Debug)]
struct Open {
    held: bool,
    entries: Vec<i64>,
}

/// An approval, a grant or an order, from its first entry on.
#[derive(Debug, Default)]
struct Span {
    /// Those that may go.
    entries: Vec<i64>,
    /// The last entry about it, or no end where it is open.
    last: i64,
    /// Approvals by a grant.
    by: BTreeSet<String>,
}

pub(super) struct Cuts {
    pub(super) all: Vec<Cut>,
    /// What is gone goes up to there.
    begins: i64,
    /// No cut is behind it.
    most: i64,
    /// Entries between two cuts.
    piece: i64,
    rows: [i64; 3],
    open: HashMap<String, Open>,
    /// Calls that were let go by an approval, which this is, and have not ended.
    by: HashMap<String, String>,
    approvals: HashMap<String, Span>,
    grants: HashMap<String, Span>,
    orders: HashMap<i64, Span>,
    /// Whether the entry ends what it is about.
    states: Vec<(i64, State, bool)>,
    /// Entries that say of which others values were erased.
    erasures: Vec<(i64, Places)>,
    /// How many entries stayed when those before were pruned.
    pub(super) left: i64,
    /// When the first entry was written that goes.
    pub(super) first: Option<Timestamp>,
}

impl Cuts {
    /// `rows`: of calls, approvals and grants that are told of up to `begins`.
    pub(super) fn new((begins, most): (i64, i64), piece: i64, rows: [i64; 3]) -> Self {
        Self {
            all: Vec::new(),
            begins,
            most,
            piece,
            rows,
            open: HashMap::new(),
            by: HashMap::new(),
            approvals: HashMap::new(),
            grants: HashMap::new(),
            orders: HashMap::new(),
            states: Vec::new(),
            erasures: Vec::new(),
            left: 0,
            first: None,
        }
    }

    /// Each entry in its turn.
    pub(super) fn entry(&mut self, entry: &Bare, members: &Members<'_>) {
        let (seq, within) = (entry.seq, entry.seq <= self.most);
        if let (Some(call), true) = (members.text("call"), within) {
            self.call(seq, &entry.kind, call, members);
        }
        if let Some(call) = members.text("call") {
            self.goes_by(seq, &entry.kind, call, members);
        }
        if entry.kind == "erased" && within {
            self.erased(seq, members);
        }
        let approval = members
            .text("approval")
            .filter(|_| is_of_approval(&entry.kind, members));
        // A `denied` that corrects a call comes before its grant does.
        let grant = members
            .text("grant")
            .filter(|_| matches!(&*entry.kind, "grant" | "approved"));
        if let Some(id) = approval {
            let is_new = about(&mut self.approvals, id.to_owned(), seq, within);
            self.count(1, is_new && seq > self.begins);
        }
        if let Some(id) = grant {
            let is_new = about(&mut self.grants, id.to_owned(), seq, within);
            self.count(2, is_new && seq > self.begins);
        }
        // How often a grant was used is told by the approvals by it.
        if let (Some(approval), Some(grant)) = (approval, grant)
            && let Some(grant) = self.grants.get_mut(grant)
        {
            grant.by.insert(approval.to_owned());
        }
        // What went counts by its order.
        if entry.kind == "pruned" {
            match members.int("order") {
                Some(order) => {
                    if let Some(order) = self.orders.get_mut(&order) {
                        order.last = seq;
                    }
                }
                None => {
                    about(&mut self.orders, seq, seq, within);
                }
            }
        }
        if !within {
            return;
        }
        if seq <= self.begins {
            self.left += 1;
        } else {
            self.first.get_or_insert(entry.time);
        }
        let states = states(seq, &entry.kind, members).into_iter().flatten();
        self.states.extend(states.map(|(state, ends)| (seq, state, ends)));
        if seq > self.begins && (seq == self.most || (seq - self.begins) % self.piece == 0) {
            self.cut(seq, entry.time);
        }
    }

    fn call(&mut self, seq: i64, kind: &str, call: &str, members: &Members<'_>) {
        match kind {
            "decided" => {
                let decision = members.text("decision");
                let before = self.open.remove(call).filter(|open| open.held);
                self.count(0, before.is_none() && seq > self.begins);
                if decision != Some("BLOCK") {
                    let mut entries = before.map(|open| open.entries).unwrap_or_default();
                    entries.push(seq);
                    let held = decision == Some("REQUIRE_APPROVAL");
                    self.open.insert(call.to_owned(), Open { held, entries });
                }
            }
            "outcome" => {
                self.open.remove(call);
            }
            _ => {}
        }
    }

    /// What a call goes by goes on until the call has ended: it may be given back then, and what let it go is told by both.
    fn goes_by(&mut self, seq: i64, kind: &str, call: &str, members: &Members<'_>) {
        match kind {
            "decided" => {
                let allowed = members.text("decision") == Some("ALLOW");
                if let Some(approval) = members.text("approval").filter(|_| allowed) {
                    self.by.insert(call.to_owned(), approval.to_owned());
                }
            }
            "outcome" => {
                if let Some(approval) = self.by.remove(call).and_then(|by| self.approvals.get_mut(&by)) {
                    approval.last = approval.last.max(seq);
                }
            }
            _ => {}
        }
    }

    /// What was erased goes on no longer for that; but where it stays, what says so does, too.
    fn erased(&mut self, seq: i64, members: &Members<'_>) {
        let of = |name: &str| members.text(name).unwrap_or_default().to_owned();
        let approval = self.approvals.get_mut(&of("approval"));
        for span in approval.into_iter().chain(self.grants.get_mut(&of("grant"))) {
            span.entries.push(seq);
        }
        if let Some(places) = members.text("entries").and_then(|places| Places::read(places, seq)) {
            self.erasures.push((seq, places));
        }
    }

    fn count(&mut self, place: usize, is_new: bool) {
        if let Some(rows) = self.rows.get_mut(place) {
            *rows += i64::from(is_new);
        }
    }

    fn cut(&mut self, seq: i64, time: Timestamp) {
        self.all.push(Cut {
            seq,
            time,
            rows: self.rows,
            kept: self
                .open
                .values()
                .flat_map(|open| open.entries.iter().copied())
                .collect(),
            open: [self.open.keys().cloned().collect(), Vec::new(), Vec::new()],
        });
    }

    /// After the last entry: what people are still asked, and what still counts, has no end.
    ///
    /// SECURITY: a cut keeps all of what goes on behind it: else who was asked, what was spent of a grant and which calls are open would
    /// be forgotten, and what ends there would look forged. Test: `what_goes_on_behind_a_cut_stays`.
    pub(super) fn keep_what_goes_on(&mut self, reader: &Reader) -> Result<(), ReadError> {
        for by in self.by.values() {
            if let Some(span) = self.approvals.get_mut(by) {
                span.last = i64::MAX;
            }
        }
        for (id, span) in &mut self.approvals {
            // A name that is no id has no row. Nobody of ours wrote it, and `hold` refuses the plan for what is not as it was.
            let row = id.parse().ok().map(|id| reader.approval(&id)).transpose()?.flatten();
            if row.is_some_and(|row| row.state.is_open()) {
                span.last = i64::MAX;
            }
        }
        for row in reader.all_grants()? {
            if let Some(span) = self.grants.get_mut(row.grant.id.as_str())
                && row.ended.is_none()
                && row.used < row.grant.uses
            {
                span.last = i64::MAX;
            }
        }
        self.keep_together();
        for span in self.orders.values() {
            for cut in crossed(&mut self.all, span) {
                cut.kept.extend(span.until(cut.seq));
            }
        }
        for (place, spans) in [(1, &self.approvals), (2, &self.grants)] {
            for (id, span) in spans {
                for cut in crossed(&mut self.all, span) {
                    cut.kept.extend(span.until(cut.seq));
                    if let Some(open) = cut.open.get_mut(place) {
                        open.push(id.clone());
                    }
                }
            }
        }
        let states = self.all.last().map(|last| self.states_at(last.seq)).unwrap_or_default();
        for cut in &mut self.all {
            cut.kept.extend(states.iter().copied().filter(|seq| *seq <= cut.seq));
            let erasures = self.erasures.iter().filter(|(seq, _)| *seq <= cut.seq);
            let of_kept = erasures.filter(|(_, places)| cut.kept.iter().any(|seq| places.has(*seq)));
            let by: Vec<i64> = of_kept.map(|(seq, _)| *seq).collect();
            cut.kept.extend(by);
            cut.kept.sort_unstable();
            cut.kept.dedup();
        }
        Ok(())
    }

    /// A grant goes on for as long as the approvals by it, and these for as long as it does.
    fn keep_together(&mut self) {
        loop {
            let mut longer = false;
            for grant in self.grants.values_mut() {
                let by = grant.by.iter().filter_map(|id| self.approvals.get(id));
                let last = by.map(|approval| approval.last).fold(grant.last, i64::max);
                longer |= last > grant.last;
                grant.last = last;
                for id in &grant.by {
                    if let Some(approval) = self.approvals.get_mut(id) {
                        longer |= approval.last < last;
                        approval.last = last;
                    }
                }
            }
            if !longer {
                return;
            }
        }
    }

    /// Who may call and decide, who is paused, the keys of the log, and the last start: what says so of the entries up to `seq`. What
    /// the last cut keeps of that, each of them does.
    fn states_at(&self, seq: i64) -> Vec<i64> {
        let mut last: HashMap<&State, (i64, bool)> = HashMap::new();
        for (place, state, ends) in self.states.iter().filter(|(place, ..)| *place <= seq) {
            last.insert(state, (*place, *ends));
        }
        let start = last.get(&State::Start).map_or(0, |(place, _)| *place);
        let goes_on = |(state, (place, ends)): &(&State, (i64, bool))| {
            !ends && (!matches!(state, State::Gap(_)) || *place > start)
        };
        last.into_iter().filter(goes_on).map(|(_, (place, _))| place).collect()
    }
}

impl Cut {
    /// What goes on behind it, in words.
    pub(super) fn goes_on(&self) -> Option<String> {
        let [calls, approvals, grants] = self.open.each_ref().map(Vec::len);
        (calls + approvals + grants > 0)
            .then(|| format!("what is open, or goes on since ({calls} calls, {approvals} approvals, {grants} grants)"))
    }
}

impl Span {
    fn until(&self, seq: i64) -> impl Iterator<Item = i64> {
        self.entries.iter().copied().take_while(move |place| *place <= seq)
    }
}

/// An entry about something; whether that is the first one, of those that may go.
fn about<Id: std::hash::Hash + Eq>(spans: &mut HashMap<Id, Span>, id: Id, seq: i64, within: bool) -> bool {
    if !within {
        if let Some(span) = spans.get_mut(&id) {
            span.last = span.last.max(seq);
        }
        return false;
    }
    let span = spans.entry(id).or_default();
    span.entries.push(seq);
    span.last = seq;
    span.entries.len() == 1
}

/// The cuts between the first entry about something and the last one.
fn crossed<'a>(cuts: &'a mut [Cut], span: &Span) -> impl Iterator<Item = &'a mut Cut> {
    let first = span.entries.first().copied().unwrap_or(i64::MAX);
    let (begins, ends) = (
        cuts.partition_point(|cut| cut.seq < first),
        cuts.partition_point(|cut| cut.seq < span.last),
    );
    cuts.iter_mut().take(ends).skip(begins)
}

/// As the verifier tells them from others.
fn is_of_approval(kind: &str, members: &Members<'_>) -> bool {
    match kind {
        "held" | "approved" | "denied" | "expired" | "consumed" => true,
        "grant" | "erased" | "registry" | "pause" => false,
        _ => members.get("commit_row").is_some(),
    }
}
