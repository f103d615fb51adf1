//! The steps of each approval in their order: people are asked, consent, and that is spent once.

use std::collections::HashMap;

use super::entry::Members;
use super::{Findings, Place};

/// What the entries say of each approval so far: whether there is consent that is not spent.
#[derive(Debug, Default)]
pub(super) struct Steps {
    consented: HashMap<String, bool>,
    wrong: Vec<(i64, &'static str)>,
}

impl Steps {
    /// SECURITY: who writes entries (with the key, or before a checkpoint is over them) could have an approval spent that nobody
    /// gave, with rows that fit. Test: `what_was_spent_has_been_consented_to_before`.
    pub(super) fn entry(&mut self, seq: i64, kind: &str, members: &Members<'_>) {
        if !matches!(
            kind,
            "held" | "approved" | "denied" | "expired" | "cancelled" | "returned" | "consumed"
        ) {
            return;
        }
        let Some(approval) = members.text("approval") else {
            return;
        };
        let Some(consented) = self.consented.get_mut(approval) else {
            if kind != "held" {
                self.wrong
                    .push((seq, "it is about an approval that nobody was asked for"));
            }
            self.consented.insert(approval.to_owned(), false);
            return;
        };
        match kind {
            // Some rules may still wait for their people.
            "approved" => *consented |= members.text("state") != Some("pending"),
            "returned" => *consented = true,
            "consumed" if !*consented => self
                .wrong
                .push((seq, "an approval was spent that people had not given")),
            _ => *consented = false,
        }
    }

    pub(super) fn end(&mut self, findings: &mut Findings) {
        for (seq, wrong) in self.wrong.drain(..) {
            findings.add(Place::Entry(u64::try_from(seq).unwrap_or_default()), wrong);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is wrong with these steps of one approval.
    fn wrong(steps: &[(&str, &str)]) -> u64 {
        let mut all = Steps::default();
        for (seq, (kind, state)) in (1..).zip(steps) {
            let bytes = format!("{{\"approval\":\"apr_1\",\"kind\":\"{kind}\",\"state\":\"{state}\"}}");
            all.entry(seq, kind, &Members::read(bytes.as_bytes()).unwrap());
        }
        let mut findings = Findings::default();
        all.end(&mut findings);
        findings.count
    }

    const HELD: (&str, &str) = ("held", "pending");
    const ONE_OF_TWO: (&str, &str) = ("approved", "pending");
    const APPROVED: (&str, &str) = ("approved", "approved");
    const SPENT: (&str, &str) = ("consumed", "consumed");
    const RETURNED: (&str, &str) = ("returned", "returned");

    #[test]
    fn what_was_spent_has_been_consented_to_before() {
        for steps in [
            &[HELD, APPROVED, SPENT][..],
            &[HELD, ONE_OF_TWO, APPROVED, SPENT, RETURNED, SPENT],
            &[HELD, APPROVED, HELD, APPROVED, SPENT],
            &[HELD, APPROVED, ("expired", "expired")],
            &[HELD, ("denied", "denied")],
        ] {
            assert_eq!(wrong(steps), 0, "{steps:?}");
        }
        for steps in [
            &[HELD, SPENT][..],
            &[HELD, SPENT, APPROVED],
            &[HELD, ONE_OF_TWO, SPENT],
            &[HELD, APPROVED, SPENT, SPENT],
            &[HELD, APPROVED, HELD, SPENT],
            &[HELD, APPROVED, ("expired", "expired"), SPENT],
            &[APPROVED],
            &[SPENT],
        ] {
            assert_eq!(wrong(steps), 1, "{steps:?}");
        }
    }
}
