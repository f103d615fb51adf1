//! The vocabulary of canonical actions and their fields, as `mappings/actions.yaml` gives it.
//! Mapping fills the fields, the policy schema is generated from them: neither can drift from the other.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Access;

/// All canonical actions and fields, by name. Every name used by an action is defined; checked when loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vocabulary {
    pub groups: BTreeMap<Arc<str>, Arc<str>>,
    pub fields: BTreeMap<Arc<str>, FieldDefinition>,
    pub actions: BTreeMap<Arc<str>, ActionDefinition>,
    /// SHA-256 (hex) of the text it was read from.
    pub digest: Arc<str>,
}

/// One field of the one vocabulary of fields.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FieldDefinition {
    #[serde(rename = "type")]
    pub kind: FieldType,
    /// What it says and in which unit.
    pub description: String,
    /// The field this one is computed from by the gate (`amount_base` from `amount`): missing with it.
    #[serde(default)]
    pub derived_from: Option<Arc<str>>,
    #[serde(default)]
    pub class: FieldClass,
}

/// What rules, people and the record are given of a field's texts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FieldClass {
    /// Whole, but for what is known to be a credential by its look.
    #[default]
    Text,
    /// Scheme, host, and the words of path and query.
    Url,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FieldType {
    Int,
    String,
    Bool,
    /// A set of strings.
    Strings,
}

/// One canonical action.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ActionDefinition {
    pub description: String,
    /// Cedar action parents, besides `reads`, `writes` or `deletes`, which follow from the access.
    pub groups: Vec<Arc<str>>,
    pub access: Access,
    pub reversible: Reversible,
    /// Class for the risk score.
    pub class: ActionClass,
    #[serde(default)]
    pub required: Vec<Arc<str>>,
    #[serde(default)]
    pub optional: Vec<Arc<str>>,
    /// What an incomplete action of this name gets.
    #[serde(default)]
    pub incomplete: Incomplete,
    /// Budgets that count it, and what each is: `policies/budgets.yaml`, not the vocabulary's own file.
    #[serde(skip)]
    pub budgets: BTreeMap<Arc<str>, Arc<str>>,
    /// Default summary: `{field}`, `{target.kind}`, `{target.id}`, `{provider}` and `{operation}` are filled in.
    pub summary: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reversible {
    Yes,
    Partly,
    No,
}

/// Action class of the risk score (design 4.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActionClass {
    Read,
    Export,
    Create,
    Update,
    Delete,
    Money,
    Permission,
    Credential,
    Code,
    Unknown,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Incomplete {
    #[default]
    Hold,
    Block,
}

impl FieldType {
    /// The type in Cedar.
    pub fn cedar(self) -> &'static str {
        match self {
            FieldType::Int => "Long",
            FieldType::String => "String",
            FieldType::Bool => "Bool",
            FieldType::Strings => "Set<String>",
        }
    }
}

impl ActionDefinition {
    /// All Cedar parents of the action: its own groups and the one that its access gives.
    pub fn parents(&self) -> impl Iterator<Item = &str> {
        let of_access = match self.access {
            Access::Read => "reads",
            Access::Write | Access::Admin => "writes",
            Access::Delete => "deletes",
        };
        self.groups.iter().map(|group| &**group).chain([of_access])
    }
}
