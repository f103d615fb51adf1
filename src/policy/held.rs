//! Which rules may ask people of an action, whatever a call says.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::load::Loaded;
use super::rule::Kind;
use super::{Policies, lint};
use crate::model::{HoldRule, Vocabulary};

impl Policies {
    /// Every rule that may ask people of an action of this name, whatever it says.
    pub fn holds(&self, action: &str) -> impl Iterator<Item = &HoldRule> {
        let ids = self.held.get(action).into_iter().flatten();
        ids.filter_map(|id| match &self.rules.get(id)?.kind {
            Kind::Hold(hold) => Some(hold),
            Kind::Permit | Kind::Forbid => None,
        })
    }
}

/// The rules that ask people, by the actions that they are about.
pub(super) fn by_action(loaded: &Loaded, vocabulary: &Vocabulary) -> BTreeMap<Arc<str>, Vec<Arc<str>>> {
    let mut held: BTreeMap<Arc<str>, Vec<Arc<str>>> = BTreeMap::new();
    for policy in &loaded.policies {
        let Some((id, rule)) = loaded.rules.get_key_value(AsRef::<str>::as_ref(policy.id())) else {
            continue;
        };
        if matches!(rule.kind, Kind::Hold(_)) && !rule.on_trial {
            for action in lint::actions(policy, vocabulary) {
                held.entry(action.clone()).or_default().push(id.clone());
            }
        }
    }
    held
}
