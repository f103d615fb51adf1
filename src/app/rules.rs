//! The rules of a home, and who may be named in them.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use crate::approval;
use crate::config::home::Home;
use crate::config::{Config, shipped};
use crate::gate::{self, Memory, Rules, Sources};
use crate::model::Diagnostic;
use crate::model::change::PersonRow;
use crate::store::Reader;

/// Reads the mappings and policies in force. `@approvers` may name `groups`; any group where nobody knows them (`None`).
/// `config` as the configuration has it.
///
/// # Errors
/// Everything that is wrong in any of the files.
pub fn load_rules(
    home: &Home,
    groups: Option<&BTreeSet<String>>,
    config: gate::Config,
) -> Result<Rules, Vec<Diagnostic>> {
    let memory = Arc::new(Memory::new(Some(approval::steady())));
    Rules::load(&sources(home, &home.policies())?, groups, config, &memory)
}

/// The same with the policies of another directory in the place of the home's, and with a memory of their own, in which it
/// is the time that is said with each call.
///
/// # Errors
/// As [`load_rules`].
pub fn load_rules_with(
    home: &Home,
    policies: &Path,
    groups: Option<&BTreeSet<String>>,
    config: gate::Config,
) -> Result<Rules, Vec<Diagnostic>> {
    Rules::load(&sources(home, policies)?, groups, config, &Arc::default())
}

/// The files in force: mappings, policies, labels, budgets, prices.
///
/// # Errors
/// Files that cannot be read, or are not text.
pub fn sources(home: &Home, policies: &Path) -> Result<Sources, Vec<Diagnostic>> {
    let (vocabulary, mappings) = shipped::mappings(&home.mappings())?;
    let data = shipped::policy_data(policies)?;
    Ok(Sources {
        vocabulary,
        mappings,
        policies: shipped::policies(policies)?,
        budgets: data.budgets,
        prices: data.prices,
        targets: data.targets,
    })
}

/// The groups of all people: those of the configuration and those of the store.
pub fn groups(config: &Config, people: &[PersonRow]) -> BTreeSet<String> {
    let known = people
        .iter()
        .flat_map(|person| person.groups.iter().map(ToString::to_string));
    config.groups().into_iter().chain(known).collect()
}

/// The same, where no sidecar runs: `None` unless both a configuration and the record beside it can be read.
pub fn known_groups(config: &Config) -> Option<BTreeSet<String>> {
    let database = config.home.database();
    let people = match database.exists() {
        true => Reader::open(&database).ok()?.people().ok()?,
        false => Vec::new(),
    };
    Some(groups(config, &people))
}
