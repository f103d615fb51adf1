//! What is not there any more, told from what is missing: only the beginning of the trail may be gone, as far as an entry
//! `pruned` says that follows an order that was signed before.

use super::entry::Members;
use super::{Findings, Place};
use crate::model::Timestamp;
use crate::model::erasure::Places;
use crate::model::merkle::Hash;
use crate::model::month::Month;
use crate::model::note::Note;
use crate::store::{Evidence, Gone, ReadError};

#[cfg(test)]
mod tests;

/// Entries that were pruned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrunedPart {
    /// The last of them.
    pub to: u64,
    /// The entry that says so, and when it was written.
    pub by: i64,
    pub time: Timestamp,
    /// Entries before `to` that are there.
    pub kept: u64,
    /// By whom that was ordered last.
    pub ordered: Option<Ordered>,
}

/// What an entry says to be gone.
#[derive(Clone, Debug)]
struct Said {
    to: u64,
    from: u64,
    order: u64,
    kept: Places,
    rows: [i64; 3],
    /// The ordinals of those that stayed.
    open: [Places; 3],
    time: Timestamp,
}

impl Said {
    /// The entry `by`; `None`: it does not say that anything went.
    fn read(by: u64, members: &Members<'_>) -> Option<Self> {
        let (from, to, kept) = range(by, members, "done")?;
        let order = place(members, "order").filter(|order| *order > to && *order < by)?;
        let row = |name| members.int(name).filter(|row| *row >= 0);
        let rows = [row("calls")?, row("approvals")?, row("grants")?];
        let open = |name, rows: i64| match members.text(name) {
            None => Some(Places::default()),
            Some(open) => Places::read(open, rows.saturating_add(1)),
        };
        let [calls, approvals, grants] = rows;
        Some(Self {
            to,
            from,
            order,
            kept,
            rows,
            open: [
                open("open_calls", calls)?,
                open("open_approvals", approvals)?,
                open("open_grants", grants)?,
            ],
            time: Timestamp(members.int("time")?),
        })
    }
}

/// What an entry says to be pruned next.
#[derive(Clone, Debug)]
struct Order {
    seq: u64,
    to: u64,
    kept: Places,
    /// What is older goes.
    before: Month,
    time: Timestamp,
    told: Ordered,
    /// Why nothing was to be done by it.
    wrong: Option<&'static str>,
}

impl Order {
    fn read(seq: u64, members: &Members<'_>) -> Option<Self> {
        let (_, to, kept) = range(seq, members, "ordered")?;
        Some(Self {
            seq,
            to,
            kept,
            before: Month::parse(members.text("before")?)?,
            time: Timestamp(members.int("time")?),
            told: Ordered {
                by: members.text("person").map(str::to_owned),
                months: members.text("months")?.to_owned(),
            },
            wrong: None,
        })
    }

    /// Why so much was not to be pruned. `forward`: places at which the clock was set forward, and how far.
    ///
    /// SECURITY: the times of entries go with them; who had the sidecar order what was young is told by what was signed over them
    /// then. Test: `what_was_young_is_not_taken_for_pruned`.
    fn wrong(&self, evidence: &Evidence, forward: &[(u64, i64)]) -> Result<Option<&'static str>, ReadError> {
        if self.before > Month::of(self.time).before(1) {
            return Ok(Some("what it goes by orders months to be pruned that are always kept"));
        }
        let note = evidence.note_up_to(i64::try_from(self.to).unwrap_or(i64::MAX))?;
        // One that cannot be read is told in its turn, and so is one that nobody signed.
        let Some(signed) = note.and_then(|note| Some(Note::parse(&note).ok()?.claimed_seconds())) else {
            return Ok(None);
        };
        let later = forward.iter().filter(|(seq, _)| *seq > self.to).map(|(_, by)| *by);
        let signed = i64::try_from(signed).unwrap_or(i64::MAX).saturating_mul(1_000);
        let young = later.fold(signed, i64::saturating_add) >= self.before.begins().0;
        Ok(young.then_some("what it goes by orders to be pruned what was not signed before those months were over"))
    }
}

/// Who ordered it, where that was a person, and which months went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ordered {
    pub by: Option<String>,
    pub months: String,
}

/// `from`, `to` and `kept` of the entry `seq`.
fn range(seq: u64, members: &Members<'_>, event: &str) -> Option<(u64, u64, Places)> {
    let says = members.text("kind") == Some("pruned") && members.text("event") == Some(event);
    let (from, to) = (place(members, "from")?, place(members, "to")?);
    if !says || place(members, "seq") != Some(seq) || from < 1 || to < from || to >= seq {
        return None;
    }
    let behind = i64::try_from(to).ok()?.checked_add(1)?;
    let kept = match members.text("kept") {
        None => Places::default(),
        Some(kept) => Places::read(kept, behind)?,
    };
    Some((from, to, kept))
}

fn place(members: &Members<'_>, name: &str) -> Option<u64> {
    members.int(name).and_then(|place| u64::try_from(place).ok())
}

/// The ordinals of the rows of a table, as the first entry about each comes.
#[derive(Debug, Default)]
pub(super) struct Ordinals {
    /// The last entry that was pruned, and how many rows were told of up to there.
    pruned: i64,
    before: i64,
    /// Those of them that stayed, and the last one that came.
    open: Places,
    stayed: i64,
    /// Rows that came behind.
    behind: i64,
}

impl Ordinals {
    /// Of the row that the entry `seq` is the first one about; `None`: it should not be there.
    pub(super) fn next(&mut self, seq: i64) -> Option<i64> {
        if seq <= self.pruned {
            self.stayed = self.open.after(self.stayed)?;
            return Some(self.stayed);
        }
        self.behind += 1;
        Some(self.before + self.behind)
    }
}

/// What is gone, and what entries say of that.
#[derive(Debug, Default)]
pub(super) struct Pruned {
    /// By the row of `pruned`, and the entry that it names.
    gone: Option<(u64, Said)>,
    /// The order by which something may go, as the entries come.
    order: Option<Order>,
    /// The last entry that says so, and what was ordered.
    last: Option<(u64, u64, Option<Ordered>)>,
    /// Where the clock was set forward, and how far.
    forward: Vec<(u64, i64)>,
    /// Hashes of entries that are gone.
    tile: (u64, Vec<Hash>),
}

impl Pruned {
    pub(super) fn read(evidence: &Evidence, findings: &mut Findings) -> Result<Self, ReadError> {
        let mut pruned = Self {
            tile: (u64::MAX, Vec::new()),
            ..Self::default()
        };
        let Some(Gone { upto, by }) = evidence.gone()? else {
            return Ok(pruned);
        };
        let entry = evidence.entry(by)?;
        let (by, upto) = (u64::try_from(by).unwrap_or_default(), u64::try_from(upto).ok());
        let members = entry.as_ref().and_then(|(bytes, _)| Members::read(bytes));
        let said = members.and_then(|members| Said::read(by, &members));
        match said.filter(|said| Some(said.to) == upto) {
            Some(said) => pruned.gone = Some((by, said)),
            None => findings.add(
                Place::Row("pruned", "1".to_owned()),
                "no entry says that so much was pruned",
            ),
        }
        Ok(pruned)
    }

    /// The last entry that is gone; 0: none is.
    pub(super) fn to(&self) -> u64 {
        self.gone.as_ref().map_or(0, |(_, said)| said.to)
    }

    /// The last entry that is gone, and those before it that are not.
    pub(super) fn but_for(&self) -> (i64, Places) {
        let gone = self.gone.as_ref();
        let kept = gone.map(|(_, said)| said.kept.clone()).unwrap_or_default();
        (i64::try_from(self.to()).unwrap_or(i64::MAX), kept)
    }

    /// How the rows of calls, approvals and grants are counted that are left.
    pub(super) fn ordinals(&self) -> [Ordinals; 3] {
        let Some((_, said)) = &self.gone else {
            return Default::default();
        };
        let pruned = i64::try_from(said.to).unwrap_or(i64::MAX);
        let mut open = said.open.clone().into_iter();
        said.rows.map(|before| Ordinals {
            pruned,
            before,
            open: open.next().unwrap_or_default(),
            stayed: 0,
            behind: 0,
        })
    }

    /// Whether an entry has to be gone.
    pub(super) fn has(&self, seq: u64) -> bool {
        let place = i64::try_from(seq).unwrap_or(i64::MAX);
        let said = self.gone.as_ref().filter(|(_, said)| seq <= said.to);
        said.is_some_and(|(_, said)| !said.kept.has(place))
    }

    /// The hash of an entry that is gone.
    pub(super) fn leaf(&mut self, evidence: &Evidence, seq: u64) -> Result<Option<Hash>, ReadError> {
        let index = seq.saturating_sub(1);
        if self.tile.0 != index / 256 {
            self.tile = (index / 256, evidence.tile(0, index / 256)?);
        }
        let at = usize::try_from(index % 256).unwrap_or(usize::MAX);
        Ok(self.tile.1.get(at).copied())
    }

    /// An entry that is there. `sealed`: how many entries the last checkpoint before it is over.
    ///
    /// SECURITY: who can write the database while nothing runs could say behind the last checkpoint that the beginning was pruned,
    /// and remove it, or have that signed by the next start: what is believed is an order that was signed before anything went, in
    /// the run that gave it, and what it says stays. Tests: `what_is_pruned_is_told_from_what_is_missing`,
    /// `an_order_that_no_run_gave_takes_nothing_away`.
    pub(super) fn entry(
        &mut self,
        evidence: &Evidence,
        (seq, sealed): (u64, u64),
        (kind, members): (&str, &Members<'_>),
        findings: &mut Findings,
    ) -> Result<(), ReadError> {
        if self.has(seq)
            && let Some((by, said)) = &self.gone
        {
            let wrong = format!(
                "it says that the entries up to {} were pruned, and entry {seq} is there",
                said.to
            );
            findings.add(Place::Entry(*by), &wrong);
        }
        let wrong = match (kind, members.text("event")) {
            ("boot", _) => {
                self.order = None;
                None
            }
            ("gap", _) => {
                let by = members.int("set_forward_ms").filter(|by| *by > 0);
                self.forward.extend(by.map(|by| (seq, by)));
                None
            }
            ("pruned", Some("ordered")) => self.ordered(evidence, seq, members)?,
            ("pruned", _) => self.done(seq, sealed, members),
            _ => None,
        };
        if let Some(wrong) = wrong {
            findings.add(Place::Entry(seq), wrong);
        }
        Ok(())
    }

    fn ordered(
        &mut self,
        evidence: &Evidence,
        seq: u64,
        members: &Members<'_>,
    ) -> Result<Option<&'static str>, ReadError> {
        self.order = Order::read(seq, members);
        let Some(order) = &mut self.order else {
            return Ok(Some("it does not say what is to be pruned"));
        };
        // The clock may have been set after that was planned: by such an order nothing is done.
        order.wrong = order.wrong(evidence, &self.forward)?;
        Ok(None)
    }

    fn done(&mut self, seq: u64, sealed: u64, members: &Members<'_>) -> Option<&'static str> {
        let Some(said) = Said::read(seq, members) else {
            return Some("it does not say what was pruned");
        };
        let follows = self
            .last
            .as_ref()
            .is_none_or(|(_, to, _)| said.from == to.saturating_add(1));
        let wrong = self.order.as_mut().filter(|order| order.seq == said.order);
        let wrong = wrong.and_then(|order| order.wrong.take());
        let order = self.order.as_ref().filter(|order| order.seq == said.order);
        self.last = Some((seq, said.to, order.map(|order| order.told.clone())));
        let Some(order) = order.filter(|order| said.to <= order.to) else {
            return Some("nobody ordered that so much is pruned, or a start or another order came since");
        };
        if wrong.is_some() {
            return wrong;
        }
        if !follows {
            return Some("it does not go on from what was pruned before");
        }
        if order.seq > sealed {
            return Some("what was ordered to be pruned was not signed before it was");
        }
        // What goes on behind a piece stays until that goes, too.
        let ordered = order.kept.up_to(i64::try_from(said.to).unwrap_or(i64::MAX));
        let stays = match said.to == order.to {
            true => said.kept == ordered,
            false => ordered.common(&said.kept) == ordered.count(),
        };
        (!stays).then_some("it does not keep what was ordered to be kept")
    }

    /// After the last entry.
    pub(super) fn end(self, findings: &mut Findings) -> Option<PrunedPart> {
        let gone = self.gone.as_ref().map(|(by, said)| (*by, said.to));
        if let Some((by, to, _)) = &self.last
            && gone != Some((*by, *to))
        {
            let wrong = format!(
                "it says that the entries up to {to} were pruned, and they are there, or more than they are gone"
            );
            findings.add(Place::Entry(*by), &wrong);
        }
        let ordered = self.last.and_then(|(.., ordered)| ordered);
        self.gone.map(|(by, said)| PrunedPart {
            to: said.to,
            by: i64::try_from(by).unwrap_or(i64::MAX),
            time: said.time,
            kept: said.kept.count(),
            ordered,
        })
    }
}
