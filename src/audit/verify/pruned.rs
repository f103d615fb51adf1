//! What is not there any more, told from what is missing: only the beginning of the trail may be gone, as far as an entry
//! `pruned` says that follows an order that was signed before.

use super::entry::Members;
use super::{Findings, Place};
use crate::model::Timestamp;
use crate::model::erasure::Places;
use crate::model::merkle::Hash;
use crate::store::{Evidence, Gone, ReadError};

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
}

/// What an entry says to be gone.
#[derive(Clone, Debug)]
struct Said {
    to: u64,
    from: u64,
    order: i64,
    kept: Places,
    rows: [i64; 3],
    time: Timestamp,
}

impl Said {
    /// The entry `by`; `None`: it does not say that anything went.
    fn read(by: i64, members: &Members<'_>) -> Option<Self> {
        let says = members.text("kind") == Some("pruned") && members.text("event") == Some("done");
        if !says || members.int("seq") != Some(by) {
            return None;
        }
        let to = members.int("to").filter(|to| *to < by)?;
        let order = members.int("order").filter(|order| *order > to && *order < by)?;
        let kept = match members.text("kept") {
            None => Places::default(),
            Some(kept) => Places::read(kept, to.checked_add(1)?)?,
        };
        let row = |name| members.int(name).filter(|row| *row >= 0);
        Some(Self {
            to: u64::try_from(to).ok()?,
            from: u64::try_from(members.int("from")?).ok()?,
            order,
            kept,
            rows: [row("calls")?, row("approvals")?, row("grants")?],
            time: Timestamp(members.int("time")?),
        })
    }
}

/// What is gone, and what entries say of that.
#[derive(Debug, Default)]
pub(super) struct Pruned {
    /// By the row of `pruned`, and the entry that it names.
    gone: Option<(i64, Said)>,
    /// The last entry that says so, as they come.
    last: Option<(i64, u64)>,
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
        let members = entry.as_ref().and_then(|(bytes, _)| Members::read(bytes));
        let said = members.and_then(|members| Said::read(by, &members));
        match said.filter(|said| i64::try_from(said.to) == Ok(upto)) {
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

    /// Rows of calls, approvals and grants that are gone.
    pub(super) fn rows(&self) -> [i64; 3] {
        self.gone.as_ref().map_or([0; 3], |(_, said)| said.rows)
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
    /// and remove it: what is believed is an order that a checkpoint is over that was signed before anything went. Test:
    /// `what_is_pruned_is_told_from_what_is_missing`.
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
            findings.add(Place::Entry(u64::try_from(*by).unwrap_or_default()), &wrong);
        }
        if kind != "pruned" || members.text("event") == Some("ordered") {
            return Ok(());
        }
        let place = i64::try_from(seq).unwrap_or(i64::MAX);
        let wrong = match Said::read(place, members) {
            None => Some("it does not say what was pruned"),
            Some(said) => {
                let follows = self.last.is_none_or(|(_, to)| said.from == to.saturating_add(1));
                let order = evidence.entry(said.order)?;
                let order = order.as_ref().and_then(|(bytes, _)| Members::read(bytes));
                let ordered = order.is_some_and(|order| {
                    let reaches = order.int("to").and_then(|to| u64::try_from(to).ok());
                    order.text("kind") == Some("pruned")
                        && order.text("event") == Some("ordered")
                        && order.int("seq") == Some(said.order)
                        && reaches.is_some_and(|reaches| said.to <= reaches)
                });
                let signed = u64::try_from(said.order).is_ok_and(|order| order <= sealed);
                self.last = Some((place, said.to));
                match (follows, ordered, signed) {
                    (true, true, true) => None,
                    (false, ..) => Some("it does not go on from what was pruned before"),
                    (_, false, _) => Some("nobody ordered that so much is pruned"),
                    (.., false) => Some("what was ordered to be pruned was not signed before it was"),
                }
            }
        };
        if let Some(wrong) = wrong {
            findings.add(Place::Entry(seq), wrong);
        }
        Ok(())
    }

    /// After the last entry.
    pub(super) fn end(&self, findings: &mut Findings) -> Option<PrunedPart> {
        let gone = self.gone.as_ref().map(|(by, said)| (*by, said.to));
        if let Some((by, to)) = self.last.filter(|last| Some(*last) != gone) {
            let wrong = format!(
                "it says that the entries up to {to} were pruned, and they are there, or more than they are gone"
            );
            findings.add(Place::Entry(u64::try_from(by).unwrap_or_default()), &wrong);
        }
        self.gone.as_ref().map(|(by, said)| PrunedPart {
            to: said.to,
            by: *by,
            time: said.time,
            kept: said.kept.count(),
        })
    }
}
