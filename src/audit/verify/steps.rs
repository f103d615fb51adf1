//! The steps of each approval in their order: people are asked, consent, and that is spent once, on the call that goes by it.

use std::collections::HashMap;

use super::entry::Members;
use super::pruned::Pruned;
use super::{Findings, Place};
use crate::model::erasure::Places;

/// Where an approval stands, by its entries so far.
#[derive(Clone, Debug)]
enum Stands {
    /// Some rules may have the consent they want, and others not yet.
    Asked,
    /// Where people had said so beforehand: the place of the last entry that has a grant.
    Given(Option<i64>),
    /// On this call.
    Spent(Option<Box<str>>),
    /// Denied, expired or withdrawn.
    Over,
}

/// A call that an entry let go by an approval.
#[derive(Debug)]
struct Gone {
    seq: i64,
    approval: Option<String>,
    call: Option<String>,
}

/// What the entries say of each approval so far.
#[derive(Debug, Default)]
pub(super) struct Steps {
    stands: HashMap<String, Stands>,
    /// The entry before let it go: this one has to say what was spent on it, for both are written in one piece.
    gone: Option<Gone>,
    /// The call that the entry before ended, of which nothing was sent: only what was spent on it is given back, in one piece with
    /// that.
    unsent: Option<Box<str>>,
    /// The last entry that was pruned, and which before it were kept.
    pruned: (i64, Places),
    wrong: Vec<(i64, &'static str)>,
}

impl Steps {
    /// Those that `pruned` left: an approval that goes on is kept whole, and so is what an open call goes by.
    pub(super) fn behind(pruned: &Pruned) -> Self {
        Self {
            pruned: pruned.but_for(),
            ..Self::default()
        }
    }

    /// Whether an order took that entry away.
    fn is_gone(&self, seq: i64) -> bool {
        let (to, kept) = &self.pruned;
        (1..=*to).contains(&seq) && !kept.has(seq)
    }

    /// SECURITY: who writes entries (with the key, or before a checkpoint is over them) could have an approval spent that nobody
    /// gave, or once more, with rows that fit. Tests: `what_was_spent_has_been_consented_to_before`,
    /// `both_verifiers_know_the_steps_of_an_approval`, `a_yes_that_is_only_in_its_row_is_not_taken_up`.
    pub(super) fn entry(&mut self, seq: i64, kind: &str, members: &Members<'_>) {
        if let Some(gone) = self.gone.take() {
            // Behind it, and not behind what was pruned in between.
            let next = if seq == gone.seq + 1 { kind } else { "" };
            self.paid(&gone, next, members);
        }
        let unsent = match self.is_gone(seq - 1) {
            // It may have said so of the call that this one names.
            true => members.text("call").map(Into::into),
            false => self.unsent.take(),
        };
        self.unsent = None;
        match kind {
            "outcome" if members.text("outcome") == Some("not_sent") => {
                self.unsent = members.text("call").map(Into::into);
            }
            "decided" if members.text("decision") == Some("ALLOW") && members.get("approval").is_some() => {
                self.gone = Some(Gone {
                    seq,
                    approval: members.text("approval").map(str::to_owned),
                    call: members.text("call").map(str::to_owned),
                });
            }
            "held" | "approved" | "denied" | "expired" | "cancelled" | "returned" | "consumed" => {
                if let Err(wrong) = self.step(seq, kind, members, unsent.as_deref()) {
                    self.wrong.push((seq, wrong));
                }
            }
            _ => {}
        }
    }

    fn paid(&mut self, gone: &Gone, kind: &str, members: &Members<'_>) {
        let is = |name, said: &Option<String>| said.is_some() && members.text(name) == said.as_deref();
        if kind != "consumed" || !is("approval", &gone.approval) || !is("call", &gone.call) {
            let wrong = "a call was let go by an approval that was not spent on it";
            self.wrong.push((gone.seq, wrong));
        }
    }

    fn step(&mut self, seq: i64, kind: &str, members: &Members<'_>, unsent: Option<&str>) -> Result<(), &'static str> {
        let approval = members
            .text("approval")
            .ok_or("it does not say which approval it is about")?;
        match self.stands.get_mut(approval) {
            // What is wrong changes nothing.
            Some(stands) => *stands = stands.after(seq, kind, members, unsent)?,
            None => {
                self.stands.insert(approval.to_owned(), Stands::Asked);
                if kind != "held" {
                    return Err("it is about an approval that nobody was asked for");
                }
            }
        }
        Ok(())
    }

    /// Whether an approval is in this state by its entries. One that no entry tells of is in none.
    pub(super) fn is(&self, approval: &str, state: &str) -> bool {
        match self.stands.get(approval) {
            Some(Stands::Asked) => state == "pending",
            Some(Stands::Given(_)) => matches!(state, "approved" | "returned"),
            Some(Stands::Spent(_)) => state == "consumed",
            Some(Stands::Over) => matches!(state, "denied" | "expired" | "cancelled"),
            None => false,
        }
    }

    pub(super) fn end(&mut self, findings: &mut Findings) {
        if let Some(gone) = self.gone.take() {
            self.paid(&gone, "", &Members::default());
        }
        for (seq, wrong) in self.wrong.drain(..) {
            findings.add(Place::Entry(u64::try_from(seq).unwrap_or_default()), wrong);
        }
    }
}

impl Stands {
    /// The same table as [`crate::model::State::may_become`], but that an approval's entries tell more than its states.
    fn after(&self, seq: i64, kind: &str, members: &Members<'_>, unsent: Option<&str>) -> Result<Self, &'static str> {
        use Stands::{Asked, Given, Over, Spent};
        let call = members.text("call");
        let granted = members.text("grant").map(|_| seq);
        let enough = members.text("state") != Some("pending");
        match (kind, self) {
            ("held", Asked | Given(_)) => Ok(Asked),
            ("approved", Asked) if !enough => Ok(Asked),
            ("approved", Asked) => Ok(Given(granted)),
            // Several grants are one consent, and each has an entry, one behind the other.
            ("approved", Given(Some(last))) if enough && granted.is_some() && *last == seq - 1 => Ok(Given(granted)),
            ("denied" | "expired", Asked | Given(_)) | ("cancelled", Asked) => Ok(Over),
            ("consumed", Given(_)) => Ok(Spent(call.map(Into::into))),
            ("returned", Spent(on)) if call.is_some() && call == unsent && call == on.as_deref() => Ok(Given(None)),
            ("returned", Spent(_)) => Err("an approval was given back, and nothing says that its call was not sent"),
            ("held", _) => Err("people were asked again about an approval that was spent or over"),
            ("approved", _) => Err("people consented to what they were not asked"),
            ("consumed", _) => Err("an approval was spent that people had not given"),
            ("returned", _) => Err("an approval was given back that was not spent"),
            _ => Err("an approval ended that was not open"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Entries of one trail, and the place of the first that is wrong; the second verifier has them in `tests/it/trail/steps.rs`.
    #[test]
    fn what_was_spent_has_been_consented_to_before() {
        let table = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/steps.jsonl");
        for line in std::fs::read_to_string(table).unwrap().lines() {
            let said: serde_json::Value = serde_json::from_str(line).unwrap();
            let kept = said["kept"].as_str().map(|kept| Places::read(kept, 99).unwrap());
            let mut steps = Steps {
                pruned: (said["pruned"].as_i64().unwrap_or_default(), kept.unwrap_or_default()),
                ..Steps::default()
            };
            let entries = (1..).zip(said["entries"].as_array().unwrap());
            for (seq, entry) in entries.filter(|(_, entry)| !entry.is_null()) {
                let bytes = entry.to_string();
                let members = Members::read(bytes.as_bytes()).unwrap();
                steps.entry(seq, members.text("kind").unwrap(), &members);
            }
            let mut findings = Findings::default();
            steps.end(&mut findings);
            let first = findings.told.first().map(|finding| {
                let Place::Entry(seq) = finding.place else {
                    panic!("{line}");
                };
                seq
            });
            assert_eq!(first, said["wrong"].as_u64(), "{line}");
        }
    }
}
