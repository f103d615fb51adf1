//! Whether one rule's scope holds all that another's does.

use std::collections::BTreeSet;

use cedar_policy::{ActionConstraint, EntityUid, Policy, PrincipalConstraint, ResourceConstraint};

use crate::model::vocabulary::ActionDefinition;
use crate::model::{Access, Vocabulary};

const ACCESS_GROUPS: [&str; 3] = ["reads", "writes", "deletes"];

/// Whether every call that meets the scope of `narrow` meets that of `wide`.
pub(super) fn covers(wide: &Policy, narrow: &Policy, vocabulary: &Vocabulary) -> bool {
    principals(&wide.principal_constraint(), &narrow.principal_constraint())
        && actions(&wide.action_constraint(), &narrow.action_constraint(), vocabulary)
        && resources(&wide.resource_constraint(), &narrow.resource_constraint())
}

/// Type and id of the one that the principal is to be, or to be in.
pub(super) fn principal(policy: &Policy) -> Option<(String, String)> {
    match policy.principal_constraint() {
        PrincipalConstraint::Any | PrincipalConstraint::Is(_) => None,
        PrincipalConstraint::Eq(uid) | PrincipalConstraint::In(uid) | PrincipalConstraint::IsIn(_, uid) => {
            Some((uid.type_name().basename().to_owned(), name(&uid)))
        }
    }
}

/// The provider that the target is to be in.
pub(super) fn provider(policy: &Policy) -> Option<String> {
    match policy.resource_constraint() {
        ResourceConstraint::In(uid) | ResourceConstraint::IsIn(_, uid) if uid.type_name().basename() == "Provider" => {
            Some(name(&uid))
        }
        ResourceConstraint::Any
        | ResourceConstraint::Is(_)
        | ResourceConstraint::Eq(_)
        | ResourceConstraint::In(_)
        | ResourceConstraint::IsIn(..) => None,
    }
}

fn name(uid: &EntityUid) -> String {
    uid.id().unescaped().to_owned()
}

fn principals(wide: &PrincipalConstraint, narrow: &PrincipalConstraint) -> bool {
    use PrincipalConstraint::{Any, Eq, In, Is, IsIn};
    match (wide, narrow) {
        (Any, _) => true,
        // Whoever calls is an agent.
        (Is(kind), _) => kind.basename() == "Agent",
        (Eq(one), Eq(other)) => one == other,
        (In(one), Eq(other) | In(other) | IsIn(_, other)) => one == other,
        (IsIn(kind, one), Eq(other) | In(other) | IsIn(_, other)) => kind.basename() == "Agent" && one == other,
        (Eq(_) | In(_) | IsIn(..), _) => false,
    }
}

fn resources(wide: &ResourceConstraint, narrow: &ResourceConstraint) -> bool {
    use ResourceConstraint::{Any, Eq, In, Is, IsIn};
    match (wide, narrow) {
        (Any, _) => true,
        (Is(kind), _) => kind.basename() == "Target",
        (In(one), In(other) | IsIn(_, other)) => one == other,
        (IsIn(kind, one), In(other) | IsIn(_, other)) => kind.basename() == "Target" && one == other,
        // Targets have no names of their own.
        (Eq(_) | In(_) | IsIn(..), _) => false,
    }
}

fn actions(wide: &ActionConstraint, narrow: &ActionConstraint, vocabulary: &Vocabulary) -> bool {
    let narrow: Vec<String> = match narrow {
        ActionConstraint::Any => ACCESS_GROUPS.map(str::to_owned).to_vec(),
        ActionConstraint::Eq(uid) => vec![name(uid)],
        ActionConstraint::In(uids) => uids.iter().map(name).collect(),
    };
    match wide {
        ActionConstraint::Any => true,
        ActionConstraint::Eq(uid) => {
            let one = name(uid);
            vocabulary.actions.contains_key(one.as_str()) && narrow.iter().all(|other| *other == one)
        }
        ActionConstraint::In(uids) => {
            let wide: BTreeSet<String> = uids.iter().map(name).collect();
            narrow.iter().all(|name| within(&wide, name, vocabulary))
        }
    }
}

/// Whether an action, or each action of a group, is in one of these.
fn within(wide: &BTreeSet<String>, name: &str, vocabulary: &Vocabulary) -> bool {
    if wide.contains(name) {
        return true;
    }
    if let Some(definition) = vocabulary.actions.get(name) {
        return is_in(wide, definition);
    }
    let of_group = |definition: &&ActionDefinition| definition.groups.iter().any(|group| &**group == name);
    vocabulary.groups.contains_key(name)
        && !ACCESS_GROUPS.contains(&name)
        && vocabulary
            .actions
            .iter()
            .filter(|(_, definition)| of_group(definition))
            .all(|(action, definition)| wide.contains(&**action) || is_in(wide, definition))
}

/// Whether an action is in one of these groups however a mapping calls its access: never less than the vocabulary does.
fn is_in(wide: &BTreeSet<String>, definition: &ActionDefinition) -> bool {
    let possible: &[&str] = match definition.access {
        Access::Read => &["reads", "writes", "deletes"],
        Access::Write | Access::Admin => &["writes", "deletes"],
        Access::Delete => &["deletes"],
    };
    definition.groups.iter().any(|group| wide.contains(&**group)) || possible.iter().all(|group| wide.contains(*group))
}
