//! What people consented to beforehand, and how often it was used.
//!
//! The database counts the uses; memory counts them too, and earlier, so that no call is promised one that another has.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::sweep::Over;
use super::{Approvals, CLOCK_SLACK, Fingerprint};
use crate::model::grant::{Grant, GrantEnd, GrantRow};
use crate::model::{Action, ApprovalId, Evidence, Facts, GrantId, HoldRule, Vote};

/// All grants that may still be used, and those that came to an end lately.
#[derive(Default)]
pub(super) struct Grants {
    slots: BTreeMap<GrantId, Slot>,
    /// Being put on disk for the first time.
    giving: BTreeSet<GrantId>,
    /// Those that were being given or ended as the wall clock was set back, and are still.
    unsettled: BTreeSet<GrantId>,
}

struct Slot {
    row: GrantRow,
    /// By the clock that nobody sets.
    until: Instant,
    /// Its end is being put on disk.
    ending: bool,
    /// Who took it back, whether that is on disk yet or not.
    taken_back: Option<Arc<str>>,
}

/// A grant as it stands now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given {
    pub row: GrantRow,
    /// Calls may still go by it.
    pub stands: bool,
}

/// Why a grant cannot be ended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoGrant {
    #[error("no grant begins with `{0}`; what became of one stands in the trail")]
    Unknown(String),
    #[error("expected `gra_` and at least {SHORTEST} characters of a grant's id, found `{0}`")]
    TooShort(String),
    #[error("{count} grants begin with `{prefix}`: give more characters")]
    Ambiguous { prefix: String, count: usize },
    #[error("{0} is over already: nothing was changed")]
    Over(GrantId),
}

const SHORTEST: usize = 6;

impl Slot {
    fn stands(&self, now: Instant) -> bool {
        self.row.ended.is_none() && !self.ending && self.row.used < self.row.grant.uses && now < self.until
    }
}

impl Grants {
    pub(super) fn begin(&mut self, grants: &[Grant]) {
        self.giving.extend(grants.iter().map(|grant| grant.id.clone()));
    }

    pub(super) fn not_given(&mut self, grants: &[Grant]) {
        for Grant { id, .. } in grants {
            self.giving.remove(id);
            self.unsettled.remove(id);
        }
    }
}

/// Uses that are taken for one call. Dropped, they are given back: nothing of them is on disk.
#[must_use]
pub struct Uses {
    approvals: Approvals,
    votes: Vec<Vote>,
    taken: Vec<GrantId>,
}

impl Uses {
    /// The consent they are.
    pub fn votes(&self) -> &[Vote] {
        &self.votes
    }

    pub fn grants(&self) -> &[GrantId] {
        &self.taken
    }

    /// They are on disk, or may be.
    pub fn keep(mut self) {
        self.taken.clear();
    }
}

impl Drop for Uses {
    fn drop(&mut self) {
        if self.taken.is_empty() {
            return;
        }
        let mut grants = self.approvals.grants();
        for id in &self.taken {
            if let Some(slot) = grants.slots.get_mut(id) {
                slot.row.used = slot.row.used.saturating_sub(1);
            }
        }
    }
}

impl Approvals {
    pub(super) fn grants(&self) -> MutexGuard<'_, Grants> {
        // Every change leaves it whole.
        self.shared.grants.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// At start: what the store has. Time that passed meanwhile counts by the wall clock, but none lives longer than it was
    /// meant to, and one given in the future of this clock is worthless.
    pub fn remember_grants(&self, rows: Vec<GrantRow>) {
        rows.into_iter().for_each(|row| self.put_grant(row));
    }

    /// These are on disk without what they say, and done.
    pub(super) fn grants_erased(&self, grants: Vec<Grant>) {
        let mut memory = self.grants();
        for grant in grants {
            if let Some(slot) = memory.slots.get_mut(&grant.id) {
                slot.row.grant = grant;
            }
        }
    }

    /// A grant that is on disk.
    pub(crate) fn put_grant(&self, row: GrantRow) {
        let (now, grant) = (self.now(), &row.grant);
        let left = match grant.created > now.wall.plus(CLOCK_SLACK) {
            true => Duration::ZERO,
            false => grant.expires.since(now.wall).min(grant.expires.since(grant.created)),
        };
        let (id, mut grants) = (grant.id.clone(), self.grants());
        grants.giving.remove(&id);
        // The next look tells that it is over.
        let left = if grants.unsettled.remove(&id) {
            Duration::ZERO
        } else {
            left
        };
        let slot = Slot {
            until: now.running + left,
            taken_back: row.ended.as_ref().and_then(|end| end.by.clone()),
            row,
            ending: false,
        };
        grants.slots.insert(id, slot);
    }

    /// Takes uses of the grants that together are all the consent that `rules` want of a call, `given` included; `None` where
    /// they are not, and nothing is taken then. `speaks`: whether a person may speak for a rule, as they are now.
    ///
    /// SECURITY: a grant is the word of one person for the rules they were asked about in that text. Tests:
    /// `a_grant_is_one_persons_word_for_the_rules_of_their_groups`, `a_rule_that_was_changed_asks_again`.
    pub fn by_grants(
        &self,
        facts: &Facts,
        action: &Action,
        fingerprint: &Fingerprint,
        rules: &[HoldRule],
        given: &[Vote],
        speaks: impl Fn(&str, &HoldRule) -> bool,
    ) -> Option<Uses> {
        let now = self.now();
        let mut grants = self.grants();
        let mut evidence = Evidence {
            // Of no approval yet.
            approval: ApprovalId::random(),
            votes: given.to_vec(),
            stated: BTreeMap::new(),
        };
        let mut taken = Vec::new();
        let mut candidates: Vec<&Slot> = grants.slots.values().filter(|slot| slot.stands(now.running)).collect();
        candidates.sort_by_key(|slot| (slot.until, slot.row.grant.id.clone()));
        for Grant { id, vote, scope, .. } in candidates.into_iter().map(|slot| &slot.row.grant).filter(|grant| {
            let beyond = fingerprint.beyond.as_deref();
            grant.covers(facts, action, fingerprint.remainder.as_ref(), beyond)
        }) {
            let wanted = rules.iter().filter(|rule| !evidence.satisfies(rule));
            let wanted = wanted.filter(|rule| vote.is_for(rule) && speaks(&vote.person, &scope.as_asked(rule)));
            let wanted = wanted.filter(|rule| !evidence.has_consent_of(&vote.person, rule));
            let wanted: Vec<_> = wanted.map(|rule| (rule.id.clone(), rule.digest.clone())).collect();
            if wanted.is_empty() {
                continue;
            }
            evidence.votes.push(Vote {
                time: now.wall,
                proof: id.as_str().into(),
                rules: wanted,
                ..vote.clone()
            });
            taken.push(id.clone());
        }
        if taken.is_empty() || !rules.iter().all(|rule| evidence.satisfies(rule)) {
            return None;
        }
        for id in &taken {
            grants.slots.get_mut(id)?.row.used += 1;
        }
        drop(grants);
        Some(Uses {
            approvals: self.clone(),
            votes: evidence.votes.split_off(given.len()),
            taken,
        })
    }

    /// Whether what was said by this grant still counts: nobody took it back.
    ///
    /// SECURITY: a grant that is not known here is not known to stand, so it counts for nothing; those that votes go by are kept,
    /// over a restart too (tests `what_was_taken_back_counts_no_more_and_what_ended_by_itself_does`,
    /// `a_returned_call_does_not_go_by_a_grant_that_was_revoked_before_the_restart`).
    pub fn grant_counts(&self, id: &GrantId) -> bool {
        self.grants()
            .slots
            .get(id)
            .is_some_and(|slot| slot.taken_back.is_none())
    }

    /// Whether no call may go by it any more: it was used or taken back, or its time is over.
    ///
    /// SECURITY: what is forgotten is over, or what was used would count as unused once nobody knows of it (test
    /// `a_grant_that_is_forgotten_is_over`).
    pub fn is_over(&self, id: &GrantId) -> bool {
        let now = self.now();
        self.grants().slots.get(id).is_none_or(|slot| !slot.stands(now.running))
    }

    /// Until when what people say at this moment may be acted on, by the clock that nobody sets.
    pub fn until(&self) -> Instant {
        self.now().running + self.grant_life()
    }

    /// Whether such a time is over.
    pub fn is_past(&self, until: Instant) -> bool {
        until <= self.now().running
    }

    /// Those that may be used and those that came to an end lately; oldest first.
    pub fn list_grants(&self) -> Vec<Given> {
        let now = self.now();
        let mut list: Vec<Given> = self
            .grants()
            .slots
            .values()
            .map(|slot| Given {
                row: slot.row.clone(),
                stands: slot.stands(now.running),
            })
            .collect();
        list.sort_by(|one, other| {
            let (one, other) = (&one.row.grant, &other.row.grant);
            (one.created, &one.id).cmp(&(other.created, &other.id))
        });
        list
    }

    /// The one grant whose id is or begins with `name`, if it stands and `may` says that `person` may take it back, or nobody
    /// is asked who it was. From here on no call goes by it; its end is still to be put on disk.
    ///
    /// # Errors
    /// If none or several have the name, or it does not stand any more; or what `may` says.
    pub fn take_back<E: From<NoGrant>>(
        &self,
        name: &str,
        person: Option<&Arc<str>>,
        may: impl Fn(&Grant) -> Result<(), E>,
    ) -> Result<Grant, E> {
        let grant = self.find_grant(name)?;
        may(&grant)?;
        let now = self.now();
        match self.grants().slots.get_mut(&grant.id) {
            Some(slot) if slot.stands(now.running) => {
                slot.ending = true;
                slot.taken_back = person.cloned();
            }
            Some(_) | None => return Err(NoGrant::Over(grant.id).into()),
        }
        Ok(grant)
    }

    fn find_grant(&self, name: &str) -> Result<Grant, NoGrant> {
        let shown = || name.chars().take(40).collect::<String>();
        let digits = name.strip_prefix(GrantId::PREFIX).unwrap_or_default();
        if digits.len() < SHORTEST {
            return Err(NoGrant::TooShort(shown()));
        }
        let found: Vec<Given> = self
            .list_grants()
            .into_iter()
            .filter(|given| given.row.grant.id.as_str().starts_with(name))
            .collect();
        match found.as_slice() {
            [] => Err(NoGrant::Unknown(shown())),
            [one] if one.stands => Ok(one.row.grant.clone()),
            [one] => Err(NoGrant::Over(one.row.grant.id.clone())),
            several => Err(NoGrant::Ambiguous {
                prefix: shown(),
                count: several.len(),
            }),
        }
    }

    /// Its end is on disk.
    pub fn grant_ended(&self, id: &GrantId, end: GrantEnd) {
        let mut grants = self.grants();
        grants.unsettled.remove(id);
        if let Some(slot) = grants.slots.get_mut(id) {
            slot.row.ended = Some(end);
            slot.ending = false;
        }
    }

    /// Its end could not be written: it is over all the same, and the next look tries again.
    pub fn grant_not_ended(&self, id: &GrantId) {
        let (now, mut grants) = (self.now(), self.grants());
        grants.unsettled.remove(id);
        if let Some(slot) = grants.slots.get_mut(id) {
            slot.ending = false;
            slot.until = slot.until.min(now.running);
        }
    }

    /// No grant counts on, for the clock cannot be trusted; nor those that are on their way.
    pub(super) fn distrust_grants(&self) {
        let (now, mut grants) = (self.now(), self.grants());
        let Grants {
            slots,
            giving,
            unsettled,
        } = &mut *grants;
        slots.values_mut().for_each(|slot| slot.until = now.running);
        unsettled.append(giving);
        unsettled.extend(
            slots
                .values()
                .filter(|slot| slot.ending)
                .map(|slot| slot.row.grant.id.clone()),
        );
    }

    /// Whether somebody is putting one or its end on disk since before the clock was set back.
    pub(super) fn has_unsettled_grants(&self) -> bool {
        !self.grants().unsettled.is_empty()
    }

    /// The grants that are over and whose end is not on disk, each told once, with who took it back; what ended long ago is
    /// forgotten, but for what is `named` by votes that may still count.
    pub(super) fn over(&self, named: &BTreeSet<GrantId>) -> Vec<Over> {
        let now = self.now();
        let remembered = Self::remembered(&self.shared.config);
        let mut grants = self.grants();
        let done = |slot: &Slot| slot.row.ended.is_some() || slot.row.used >= slot.row.grant.uses;
        grants
            .slots
            .retain(|id, slot| now.running < slot.until + remembered || !done(slot) || named.contains(id));
        let over = grants.slots.values_mut().filter(|slot| {
            let unused = slot.row.used < slot.row.grant.uses;
            slot.row.ended.is_none() && !slot.ending && unused && slot.until <= now.running
        });
        over.map(|slot| {
            slot.ending = true;
            (slot.row.grant.clone(), slot.taken_back.clone())
        })
        .collect()
    }
}

impl Vote {
    /// Whether it counts for exactly this text of the rule.
    pub(super) fn is_for(&self, rule: &HoldRule) -> bool {
        self.rules
            .iter()
            .any(|(id, digest)| *id == rule.id && *digest == rule.digest)
    }
}

impl Evidence {
    fn has_consent_of(&self, person: &Arc<str>, rule: &HoldRule) -> bool {
        self.votes
            .iter()
            .any(|vote| vote.person == *person && vote.is_for(rule))
    }
}
