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
    load(home, &home.policies(), groups, config, &memory)
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
    load(home, policies, groups, config, &Arc::default())
}

fn load(
    home: &Home,
    policies: &Path,
    groups: Option<&BTreeSet<String>>,
    config: gate::Config,
    memory: &Arc<Memory>,
) -> Result<Rules, Vec<Diagnostic>> {
    let (sources, strange) = read(home, policies)?;
    match Rules::load(&sources, groups, config, memory) {
        Ok(rules) if strange.is_empty() => Ok(rules),
        rules => Err(strange.into_iter().chain(rules.err().into_iter().flatten()).collect()),
    }
}

/// The files in force: mappings, policies, labels, budgets, prices.
///
/// # Errors
/// Files that cannot be read, or are not text; where one has a name that says nothing of what it is, with all that is wrong
/// in the others.
pub fn sources(home: &Home, policies: &Path) -> Result<Sources, Vec<Diagnostic>> {
    let (sources, strange) = read(home, policies)?;
    if strange.is_empty() {
        return Ok(sources);
    }
    let rules = Rules::load(&sources, None, gate::Config::default(), &Arc::default());
    Err(strange.into_iter().chain(rules.err().into_iter().flatten()).collect())
}

/// The files, and what is to be said of those that nobody reads.
fn read(home: &Home, policies: &Path) -> Result<(Sources, Vec<Diagnostic>), Vec<Diagnostic>> {
    let mappings = shipped::mappings(&home.mappings());
    let data = shipped::known_policy_data(policies);
    match (mappings, data, shipped::policies(policies)) {
        (Ok((vocabulary, mappings)), Ok((data, strange)), Ok(policies)) => {
            let sources = Sources {
                vocabulary,
                mappings,
                policies,
                budgets: data.budgets,
                prices: data.prices,
                targets: data.targets,
            };
            Ok((sources, strange))
        }
        (mappings, data, policies) => {
            let wrong = [mappings.err(), data.err(), policies.err()];
            Err(wrong.into_iter().flatten().flatten().collect())
        }
    }
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
