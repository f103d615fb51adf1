//! What reads content beyond its members, as people write it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::Operation;
use crate::io::yaml::Located;
use crate::mapping::sql::Engine;

/// Each entry is an operation; its fields and target are told from `$.body.arguments`, with the variables' values.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::mapping) struct Graphql {
    /// By name; a query's field that is not here is `read_record`.
    #[serde(default)]
    pub queries: BTreeMap<String, Located<Operation>>,
    /// By name; a mutation's field that is not here nor in `endings` is a change that nobody knows.
    #[serde(default)]
    pub mutations: BTreeMap<String, Located<Operation>>,
    /// What mutations are called by how their names end: `Delete`. The longest counts. They are changes that nobody knows all the same.
    #[serde(default)]
    pub endings: BTreeMap<String, Located<Operation>>,
    /// By name; each is `open_stream`, as is a subscription's field that is not here.
    #[serde(default)]
    pub subscriptions: BTreeMap<String, Located<Operation>>,
}

/// What reads content beyond its members.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(in crate::mapping) enum Reader {
    /// What SQL statements do is what the call does: `action` is for what is none of theirs.
    Sql(Sql),
    /// The document's fields are the operations: `graphql` of the file.
    Graphql,
    /// The messages are the operations: `tools` of the file.
    Mcp,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::mapping) struct Sql {
    /// JSONPath of the texts, which run one after the other.
    pub from: Located<String>,
    /// More places.
    #[serde(default)]
    pub also: Vec<Located<String>>,
    /// Whose SQL it may be; any, unless it is said.
    #[serde(default)]
    pub engines: Vec<Engine>,
    /// Functions of one's own that only read, as they are called: `reports.totals`
    #[serde(default)]
    pub pure: Vec<String>,
}
