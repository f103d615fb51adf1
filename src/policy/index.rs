//! Policies by scope, so that a decision costs the same among ten rules and ten thousand.
//!
//! Cedar looks at every policy of a set. A shard holds the policies whose scope names the same action (or group) and the
//! same principal (or role); a request asks only the shards that its action, all its groups, its agent and all its roles
//! lead to. Shards hold more than what matches and Cedar still evaluates each policy whole, so nothing can be decided
//! differently; the one duty is to name every ancestor. Rules without conditions stand apart: Cedar is not asked for them.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use cedar_policy::{ActionConstraint, Effect, EntityUid, Policy, PolicySet, PolicySetError, PrincipalConstraint};

use super::mentions::{self, Mentions};
use super::rule::{Kind, Rule};
use super::scope::{Member, Unconditional};

/// What a scope pins down; `None`: nothing.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Scope {
    action: Option<EntityUid>,
    principal: Option<EntityUid>,
}

#[derive(Default)]
pub(super) struct Shard {
    /// Permits and plain forbids.
    main: PolicySet,
    /// Forbids that ask for approval. Apart, because in one set a matching forbid hides the permits.
    hold: PolicySet,
    /// Of either kind, without conditions.
    unconditional: Vec<Unconditional>,
    /// Rules that are only recorded. Permits apart, for the same reason.
    trial_permits: PolicySet,
    trial_forbids: PolicySet,
    /// What its rules with conditions read of the context.
    pub(super) mentions: Mentions,
}

/// Which set of a shard a rule belongs to.
#[derive(Clone, Copy, Debug)]
pub(super) enum Part {
    Main,
    Hold,
    Trial,
}

impl Part {
    pub(super) fn of(rule: Option<&Rule>) -> Part {
        match rule {
            Some(rule) if rule.on_trial => Part::Trial,
            Some(rule) if matches!(rule.kind, Kind::Hold(_)) => Part::Hold,
            Some(_) | None => Part::Main,
        }
    }
}

impl Shard {
    fn set(&mut self, part: Part, effect: Effect) -> &mut PolicySet {
        match (part, effect) {
            (Part::Main, _) => &mut self.main,
            (Part::Hold, _) => &mut self.hold,
            (Part::Trial, Effect::Permit) => &mut self.trial_permits,
            (Part::Trial, Effect::Forbid) => &mut self.trial_forbids,
        }
    }

    /// Its sets that are not empty: main first, then hold.
    pub(super) fn sets(&self) -> impl Iterator<Item = &PolicySet> {
        [&self.main, &self.hold].into_iter().filter(|set| !set.is_empty())
    }

    /// The same of rules that are only recorded.
    pub(super) fn on_trial(&self) -> impl Iterator<Item = &PolicySet> {
        [&self.trial_permits, &self.trial_forbids]
            .into_iter()
            .filter(|set| !set.is_empty())
    }

    /// Whether Cedar has anything to be asked.
    fn has_conditions(&self) -> bool {
        self.sets().chain(self.on_trial()).next().is_some()
    }
}

#[derive(Default)]
pub(super) struct Index {
    shards: Vec<Shard>,
    by_scope: HashMap<Scope, usize>,
    /// A rule reads what a target is called: else all targets of a kind are one to them.
    pub(super) reads_target_id: bool,
}

impl Index {
    /// Puts a policy into each shard that its scope names.
    pub(super) fn insert(&mut self, policy: &Policy, part: Part) -> Result<(), Box<PolicySetError>> {
        if let (Part::Main | Part::Hold, Some(rule)) = (part, Unconditional::of(policy)) {
            for scope in scopes(policy) {
                self.shard(scope).unconditional.push(rule.clone());
            }
            return Ok(());
        }
        let read = Mentions::of(policy);
        for scope in scopes(policy) {
            self.insert_at(scope, policy, part, &read)?;
        }
        Ok(())
    }

    /// The whole set in one shard, asked with the whole context: what the index must agree with.
    #[cfg(test)]
    pub(super) fn insert_unindexed(&mut self, policy: &Policy, part: Part) -> Result<(), Box<PolicySetError>> {
        let everything = Scope {
            action: None,
            principal: None,
        };
        self.insert_at(everything, policy, part, &Mentions::Everything)
    }

    /// Every rule, as often as it has scopes.
    pub(super) fn policies(&self) -> impl Iterator<Item = &Policy> {
        self.shards.iter().flat_map(|shard| {
            let sets = [&shard.main, &shard.hold, &shard.trial_permits, &shard.trial_forbids];
            let conditional = sets.into_iter().flat_map(PolicySet::policies);
            conditional.chain(shard.unconditional.iter().map(|rule| &rule.policy))
        })
    }

    fn insert_at(
        &mut self,
        scope: Scope,
        policy: &Policy,
        part: Part,
        read: &Mentions,
    ) -> Result<(), Box<PolicySetError>> {
        self.reads_target_id |= *read == Mentions::Everything || mentions::reads_id(policy);
        let shard = self.shard(scope);
        shard.mentions.add(read);
        Ok(shard.set(part, policy.effect()).add(policy.clone())?)
    }

    fn shard(&mut self, scope: Scope) -> &mut Shard {
        let next = self.shards.len();
        let at = *self.by_scope.entry(scope).or_insert(next);
        if at == next {
            self.shards.push(Shard::default());
        }
        #[expect(clippy::indexing_slicing, reason = "every place that is handed out is in the list")]
        &mut self.shards[at]
    }

    /// The rules without conditions of these shards that are satisfied.
    pub(super) fn satisfied(
        &self,
        shards: &[usize],
        principal: &Member,
        action: &Member,
        resource: &Member,
    ) -> BTreeSet<Arc<str>> {
        let rules = self.at(shards).flat_map(|shard| &shard.unconditional);
        let satisfied = rules.filter(|rule| rule.is_about(principal, action, resource));
        satisfied.map(|rule| rule.id.clone()).collect()
    }

    /// What the rules of these shards read of the context.
    pub(super) fn mentions(&self, shards: &[usize]) -> Mentions {
        let mut all = Mentions::default();
        for shard in self.at(shards) {
            all.add(&shard.mentions);
        }
        all
    }

    /// The shards that an action (itself and its groups) and a principal (the agent and its roles) lead to.
    pub(super) fn shards(&self, action: &Member, principal: &Member) -> Vec<usize> {
        let mut shards = BTreeSet::new();
        for action in action.scopes() {
            for principal in principal.scopes() {
                let scope = Scope {
                    action: action.cloned(),
                    principal: principal.cloned(),
                };
                shards.extend(self.by_scope.get(&scope));
            }
        }
        shards.into_iter().collect()
    }

    /// The sets of these shards that are not empty: main first, then hold.
    pub(super) fn sets<'a>(&'a self, shards: &'a [usize]) -> impl Iterator<Item = &'a PolicySet> {
        self.at(shards).flat_map(Shard::sets)
    }

    /// The same of rules that are only recorded.
    pub(super) fn on_trial<'a>(&'a self, shards: &'a [usize]) -> impl Iterator<Item = &'a PolicySet> {
        self.at(shards).flat_map(Shard::on_trial)
    }

    /// Those of these shards that Cedar has to be asked about.
    pub(super) fn conditional(&self, shards: &[usize]) -> impl Iterator<Item = usize> {
        let has_conditions = |at: &usize| self.shard_at(*at).is_some_and(Shard::has_conditions);
        shards.iter().copied().filter(has_conditions)
    }

    pub(super) fn shard_at(&self, at: usize) -> Option<&Shard> {
        self.shards.get(at)
    }

    fn at<'a>(&'a self, shards: &'a [usize]) -> impl Iterator<Item = &'a Shard> {
        shards.iter().filter_map(|at| self.shards.get(*at))
    }
}

fn scopes(policy: &Policy) -> BTreeSet<Scope> {
    let principal = match policy.principal_constraint() {
        PrincipalConstraint::Any | PrincipalConstraint::Is(_) => None,
        PrincipalConstraint::Eq(uid) | PrincipalConstraint::In(uid) | PrincipalConstraint::IsIn(_, uid) => Some(uid),
    };
    let actions = match policy.action_constraint() {
        ActionConstraint::Any => vec![None],
        ActionConstraint::Eq(uid) => vec![Some(uid)],
        ActionConstraint::In(uids) => uids.into_iter().map(Some).collect(),
    };
    let scope = |action| Scope {
        action,
        principal: principal.clone(),
    };
    actions.into_iter().map(scope).collect()
}
