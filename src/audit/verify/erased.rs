//! What is said to be erased held against the entries that say so: a value that is gone without one is a finding.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry as Slot;

use super::entry::{Members, Values};
use super::pruned::Pruned;
use super::{Findings, Place};
use crate::model::erasure::Places;
use crate::store::{Evidence, ReadError};

/// What entries `erased` say, and what was found of it.
#[derive(Debug, Default)]
pub(super) struct Erased {
    /// By the place of the entry. `None`: no entry there says that anything is erased.
    by: BTreeMap<i64, Option<Said>>,
    /// The last entry that was pruned, and which before it were kept: of what was erased there, nobody can count how much it was.
    pruned: (i64, Places),
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

    /// Whether it took away as many values as were found and as may have been beside those of its entries that are `gone`: one at
    /// least of each, and at most one by each name.
    fn may_be(&self, gone: i64) -> bool {
        let most = i64::try_from(self.names.len()).unwrap_or(i64::MAX);
        let went = self.values.saturating_sub(self.found);
        (gone..=gone.saturating_mul(most)).contains(&went)
    }
}

impl Erased {
    /// What `pruned` left.
    pub(super) fn behind(pruned: &Pruned) -> Self {
        Self {
            pruned: pruned.but_for(),
            ..Self::default()
        }
    }

    /// How many of these places are gone.
    fn gone(&self, places: &Places) -> i64 {
        let (to, kept) = &self.pruned;
        let before = places.up_to(*to);
        let gone = before.count().saturating_sub(before.common(kept));
        i64::try_from(gone).unwrap_or(i64::MAX)
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
            Some(said) if said.may_be(self.gone(&said.places)) => return,
            Some(_) => "what it says it erased is there, or was removed otherwise",
        };
        findings.add(Place::Entry(u64::try_from(seq).unwrap_or_default()), wrong);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two entries that are gone, of three: so one value is left of them by one name, and two at most by two.
    #[test]
    fn of_what_was_pruned_no_less_was_erased_than_may_have_been() {
        let may_be = |names: &[&str], (values, found)| {
            let said = Said {
                places: Places::default(),
                names: names.iter().map(|name| (*name).to_owned()).collect(),
                values,
                found,
            };
            said.may_be(2)
        };
        let one: Vec<i64> = (0..=3).filter(|found| may_be(&["summary"], (3, *found))).collect();
        let two: Vec<i64> = (0..=5)
            .filter(|found| may_be(&["fields", "summary"], (5, *found)))
            .collect();
        assert_eq!((one, two), (vec![1], vec![1, 2, 3]));
    }

    #[test]
    fn what_is_gone_of_an_erasure_is_counted() {
        let of = |text: &str| Places::read(text, 99).unwrap();
        let erased = Erased {
            pruned: (20, of("3,7-9")),
            ..Erased::default()
        };
        let gone = ["1-4,8,30", "3,7-8", "21-30", "19-22"].map(|places| erased.gone(&of(places)));
        assert_eq!(gone, [3, 0, 0, 2]);
    }
}
