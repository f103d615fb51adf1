//! Rules that have no conditions: what their scope says is all they say.
//!
//! Such a rule cannot err and reads no context, so Cedar's evaluator is not asked: for one caller, action and target it holds
//! or does not, once and for all. `the_index_agrees_with_the_whole_set` holds this to Cedar.

use std::sync::Arc;

use cedar_policy::{ActionConstraint, EntityTypeName, EntityUid, Policy, PrincipalConstraint, ResourceConstraint};

/// A rule by its scope.
#[derive(Clone, Debug)]
pub(super) struct Unconditional {
    pub(super) id: Arc<str>,
    pub(super) policy: Policy,
}

/// Who, what or whereon, with all it is in.
pub(super) struct Member {
    pub(super) uid: EntityUid,
    pub(super) parents: Vec<EntityUid>,
}

impl Member {
    /// The scopes that name it: nothing in particular, itself, or what it is in.
    pub(super) fn scopes(&self) -> impl Iterator<Item = Option<&EntityUid>> {
        let named = std::iter::once(&self.uid).chain(&self.parents);
        std::iter::once(None).chain(named.map(Some))
    }

    fn is(&self, kind: &EntityTypeName) -> bool {
        self.uid.type_name() == kind
    }

    /// Cedar's `in`: the entity itself, or one that it is in. Ours are in groups only, and these in nothing.
    fn within(&self, uid: &EntityUid) -> bool {
        self.uid == *uid || self.parents.contains(uid)
    }
}

impl Unconditional {
    /// `None` for a rule with a condition, or one that cannot be looked into.
    pub(super) fn of(policy: &Policy) -> Option<Self> {
        let is_plain = policy.to_pst().is_ok_and(|syntax| syntax.body().clauses().is_empty());
        let id: &str = policy.id().as_ref();
        (is_plain && policy.is_static()).then(|| Self {
            id: id.into(),
            policy: policy.clone(),
        })
    }

    /// Whether the rule is satisfied.
    pub(super) fn is_about(&self, principal: &Member, action: &Member, resource: &Member) -> bool {
        let who = match self.policy.principal_constraint() {
            PrincipalConstraint::Any => true,
            PrincipalConstraint::Is(kind) => principal.is(&kind),
            PrincipalConstraint::Eq(uid) => principal.uid == uid,
            PrincipalConstraint::In(uid) => principal.within(&uid),
            PrincipalConstraint::IsIn(kind, uid) => principal.is(&kind) && principal.within(&uid),
        };
        let what = match self.policy.action_constraint() {
            ActionConstraint::Any => true,
            ActionConstraint::Eq(uid) => action.uid == uid,
            ActionConstraint::In(uids) => uids.iter().any(|uid| action.within(uid)),
        };
        let whereon = match self.policy.resource_constraint() {
            ResourceConstraint::Any => true,
            ResourceConstraint::Is(kind) => resource.is(&kind),
            ResourceConstraint::Eq(uid) => resource.uid == uid,
            ResourceConstraint::In(uid) => resource.within(&uid),
            ResourceConstraint::IsIn(kind, uid) => resource.is(&kind) && resource.within(&uid),
        };
        who && what && whereon
    }
}
