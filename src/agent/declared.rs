//! Agents and people as the configuration declares them.

use std::sync::Arc;

use serde::Deserialize;

/// The keys `agent`, `agents` and `people` of the configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Declared {
    /// Who calls that carry no credentials are made by: one sidecar, one agent.
    pub agent: Option<FixedAgent>,
    pub agents: Vec<DeclaredAgent>,
    pub people: Vec<DeclaredPerson>,
}

/// A fixed identity: needs no key, for nobody else can reach this sidecar.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FixedAgent {
    pub name: Arc<str>,
    #[serde(default)]
    pub roles: Vec<String>,
    /// The person answerable for the agent.
    #[serde(default)]
    pub owner: Option<Arc<str>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeclaredAgent {
    pub name: Arc<str>,
    #[serde(default)]
    pub roles: Vec<String>,
    /// The person answerable for the agent.
    #[serde(default)]
    pub owner: Option<Arc<str>>,
    /// SHA-256 of the key, in hex.
    pub key_sha256: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeclaredPerson {
    pub name: Arc<str>,
    #[serde(default)]
    pub groups: Vec<String>,
    /// SHA-256 of the key, in hex.
    pub key_sha256: String,
}
