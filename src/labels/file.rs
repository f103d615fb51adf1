//! `policies/targets.yaml` as it is typed.

use serde::Deserialize;

use crate::io::yaml::Located;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    /// The organisation's own.
    pub(super) domains: Option<Vec<Located<String>>>,
    pub(super) targets: Option<Vec<Located<Entry>>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    #[serde(rename = "match")]
    pub(super) matches: Located<Conditions>,
    pub(super) label: Located<Given>,
}

/// All that are there must fit.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Conditions {
    pub(super) provider: Option<Located<String>>,
    pub(super) kind: Option<Located<String>>,
    /// A pattern.
    pub(super) id: Option<Located<String>>,
    /// A pattern.
    pub(super) host: Option<Located<String>>,
    pub(super) environment: Option<Located<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Given {
    pub(super) environment: Option<Located<String>>,
    pub(super) sensitivity: Option<Located<String>>,
    pub(super) owner: Option<Located<String>>,
    pub(super) tags: Option<Located<Vec<Located<String>>>>,
}
