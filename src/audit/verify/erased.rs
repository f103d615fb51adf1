//! What is said to be erased held against the entries that say so: a value that is gone without one is a finding.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry as Slot;

use super::entry::{Members, Values};
use super::{Findings, Place};
use crate::model::erasure::Places;
use crate::store::{Evidence, ReadError};

/// What entries `erased` say, and what was found of it.
#[derive(Debug, Default)]
pub(super) struct Erased {
    /// By the place of the entry. `None`: no entry there says that anything is erased.
    by: BTreeMap<i64, Option<Said>>,
    /// The last entry that was pruned: of what was erased there, nobody can count how much it was.
    pruned: i64,
    /// Values.
    pub(super) count: u64,
}

#[derive(Debug)]
struct Said {
    places: Places,
    names: Vec<String>,
    /// Values that it took away.
    values: i64,
    found: i64,
}

impl Said {
    fn read(seq: i64, members: &Members<'_>) -> Option<Self> {
        let says = members.text("kind") == Some("erased") && members.int("seq") == Some(seq);
        Some(Self {
            places: Places::read(members.text("entries").filter(|_| says)?, seq)?,
            names: members.text("names")?.split(',').map(str::to_owned).collect(),
            values: members.int("values")?,
            found: 0,
        })
    }
}

impl Erased {
    /// `pruned`: the last entry that is gone.
    pub(super) fn behind(pruned: u64) -> Self {
        Self {
            pruned: i64::try_from(pruned).unwrap_or(i64::MAX),
            ..Self::default()
        }
    }

    /// The values beside the entry `seq`.
    ///
    /// SECURITY: who takes a value away could write beside it that it was erased. Test:
    /// `what_is_erased_is_told_from_what_is_missing`.
    pub(super) fn entry(
        &mut self,
        evidence: &Evidence,
        seq: i64,
        values: &Values<'_>,
        findings: &mut Findings,
    ) -> Result<(), ReadError> {
        for (name, by) in values.erased() {
            if let Slot::Vacant(place) = self.by.entry(by) {
                let entry = evidence.entry(by)?;
                let members = entry.as_ref().and_then(|(bytes, _)| Members::read(bytes));
                place.insert(members.and_then(|members| Said::read(by, &members)));
            }
            let said = self.by.get_mut(&by).and_then(Option::as_mut);
            let said =
                said.filter(|said| by > seq && said.places.has(seq) && said.names.iter().any(|said| said == name));
            match said {
                Some(said) => {
                    said.found += 1;
                    self.count += 1;
                }
                None => {
                    let wrong = format!("`{name}` was removed, and entry {by} does not say that it is erased");
                    findings.add(Place::Values(seq), &wrong);
                }
            }
        }
        Ok(())
    }

    /// An entry in its turn: all that it erased stands before it.
    pub(super) fn says(&mut self, seq: i64, kind: &str, members: &Members<'_>, findings: &mut Findings) {
        if kind != "erased" || members.get("entries").is_none() {
            return;
        }
        let said = self.by.remove(&seq).flatten().or_else(|| Said::read(seq, members));
        let wrong = match said {
            None => "it does not say what it erased",
            Some(said) if said.places.begins() <= self.pruned && said.found <= said.values => return,
            Some(said) if said.found != said.values => "what it says it erased is there, or was removed otherwise",
            Some(_) => return,
        };
        findings.add(Place::Entry(u64::try_from(seq).unwrap_or_default()), wrong);
    }
}
