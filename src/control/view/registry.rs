//! Agents and people.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::shown;
use crate::agent::Listed;
use crate::model::change::{AgentRow, PersonRow};

/// An agent; never its key or the hash of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Agent {
    pub name: Arc<str>,
    pub roles: Vec<Arc<str>>,
    pub owner: Option<Arc<str>>,
    pub created: String,
    pub disabled: Option<String>,
    /// From runplane.yaml, and changed only there.
    pub declared: bool,
}

impl From<&Listed<AgentRow>> for Agent {
    fn from(listed: &Listed<AgentRow>) -> Self {
        Self {
            declared: listed.declared,
            ..Self::from(&listed.row)
        }
    }
}

impl From<&AgentRow> for Agent {
    fn from(row: &AgentRow) -> Self {
        Self {
            name: row.name.clone(),
            roles: row.roles.clone(),
            owner: row.owner.clone(),
            created: row.created.to_string(),
            disabled: shown(row.disabled),
            declared: false,
        }
    }
}

/// A person; never their key or the hash of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    pub name: Arc<str>,
    pub groups: Vec<Arc<str>>,
    pub created: String,
    pub disabled: Option<String>,
    /// From runplane.yaml, and changed only there.
    pub declared: bool,
}

impl From<&Listed<PersonRow>> for Person {
    fn from(listed: &Listed<PersonRow>) -> Self {
        Self {
            declared: listed.declared,
            ..Self::from(&listed.row)
        }
    }
}

impl From<&PersonRow> for Person {
    fn from(row: &PersonRow) -> Self {
        Self {
            name: row.name.clone(),
            groups: row.groups.clone(),
            created: row.created.to_string(),
            disabled: shown(row.disabled),
            declared: false,
        }
    }
}

/// Somebody new, with their key: shown here and never again.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Added<T> {
    #[serde(flatten)]
    pub who: T,
    pub key: String,
}
