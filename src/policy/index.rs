//! Policies by scope, so that a decision costs the same among ten rules and ten thousand.
//!
//! Cedar looks at every policy of a set. A shard holds the policies whose scope names the same action (or group) and the
//! same principal (or role); a request asks only the shards that its action, all its groups, its agent and all its roles
//! lead to. Shards hold more than what matches and Cedar still evaluates each policy whole, so nothing can be decided
//! differently; the one duty is to name every ancestor.

use std::collections::{BTreeSet, HashMap};

use cedar_policy::{ActionConstraint, EntityUid, Policy, PolicySet, PolicySetError, PrincipalConstraint};

use super::mentions::{self, Mentions};

/// What a scope pins down; `None`: nothing.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Scope {
    action: Option<EntityUid>,
    principal: Option<EntityUid>,
}

#[derive(Default)]
struct Shard {
    /// Permits and plain forbids.
    main: PolicySet,
    /// Forbids that ask for approval. Apart, because in one set a matching forbid hides the permits.
    hold: PolicySet,
    mentions: Mentions,
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
    pub(super) fn insert(&mut self, policy: &Policy, holds: bool) -> Result<(), Box<PolicySetError>> {
        let read = Mentions::of(policy);
        for scope in scopes(policy) {
            self.insert_at(scope, policy, holds, &read)?;
        }
        Ok(())
    }

    /// The whole set in one shard, asked with the whole context: what the index must agree with.
    #[cfg(test)]
    pub(super) fn insert_unindexed(&mut self, policy: &Policy, holds: bool) -> Result<(), Box<PolicySetError>> {
        let everything = Scope {
            action: None,
            principal: None,
        };
        self.insert_at(everything, policy, holds, &Mentions::Everything)
    }

    pub(super) fn every_shard(&self) -> Vec<usize> {
        (0..self.shards.len()).collect()
    }

    fn insert_at(
        &mut self,
        scope: Scope,
        policy: &Policy,
        holds: bool,
        read: &Mentions,
    ) -> Result<(), Box<PolicySetError>> {
        let next = self.shards.len();
        let at = *self.by_scope.entry(scope).or_insert(next);
        if at == next {
            self.shards.push(Shard::default());
        }
        let Some(shard) = self.shards.get_mut(at) else {
            return Ok(());
        };
        shard.mentions.add(read);
        self.reads_target_id |= *read == Mentions::Everything || mentions::reads_id(policy);
        let set = if holds { &mut shard.hold } else { &mut shard.main };
        Ok(set.add(policy.clone())?)
    }

    /// What the rules of these shards read of the context.
    pub(super) fn mentions(&self, shards: &[usize]) -> Mentions {
        let mut all = Mentions::default();
        for shard in shards.iter().filter_map(|at| self.shards.get(*at)) {
            all.add(&shard.mentions);
        }
        all
    }

    /// The shards that these actions (the action and its groups) and principals (the agent and its roles) lead to.
    pub(super) fn shards(&self, actions: &[EntityUid], principals: &[EntityUid]) -> Vec<usize> {
        let with_none = |uids: &[EntityUid]| -> Vec<Option<EntityUid>> {
            std::iter::once(None).chain(uids.iter().cloned().map(Some)).collect()
        };
        let principals = with_none(principals);
        let mut shards = BTreeSet::new();
        for action in with_none(actions) {
            for principal in &principals {
                let scope = Scope {
                    action: action.clone(),
                    principal: principal.clone(),
                };
                shards.extend(self.by_scope.get(&scope));
            }
        }
        shards.into_iter().collect()
    }

    /// The sets of these shards that are not empty: main first, then hold.
    pub(super) fn sets<'a>(&'a self, shards: &'a [usize]) -> impl Iterator<Item = &'a PolicySet> {
        let shards = shards.iter().filter_map(|at| self.shards.get(*at));
        shards
            .flat_map(|shard| [&shard.main, &shard.hold])
            .filter(|set| !set.is_empty())
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
