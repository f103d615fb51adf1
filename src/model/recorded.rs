//! Parts of calls as entries keep them, for all who read those.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;

use super::{Access, Target, Value};

/// What a call did besides its action: one of the values `also` of a `decided`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Also {
    pub access: Access,
    pub action: Arc<str>,
    /// As rules saw it, where that is another than the action's.
    pub environment: Option<Arc<str>>,
    pub fields: BTreeMap<Arc<str>, Value>,
    /// `amount:absent`
    #[serde(default)]
    pub missing: Vec<String>,
    /// What a message or document names it, where that is another than the action's.
    pub operation: Option<Arc<str>>,
    pub target: Target,
    /// Whether a mapping names it, where that is otherwise than of the action.
    pub unmapped: Option<bool>,
}
