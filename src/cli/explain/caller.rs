//! Who would make the call.

use std::sync::Arc;

use crate::agent::Registry;
use crate::config::Config;
use crate::model::Caller;
use crate::store::Reader;

/// The agent of this name, with the roles given, else those it has. Without a name: whoever calls without a key.
pub(super) fn find(config: &Config, name: Option<&str>, roles: &[String]) -> anyhow::Result<Caller> {
    let database = config.home.database();
    let (agents, people) = match database.exists() {
        true => {
            let reader = Reader::open(&database)?;
            (reader.agents()?, reader.people()?)
        }
        false => (Vec::new(), Vec::new()),
    };
    let registry = Registry::new(&config.declared, agents, people)?;
    let plain = |name: &str| Caller {
        agent: name.into(),
        roles: Arc::from([]),
        owner: None,
    };
    let mut caller = match name {
        Some(name) => {
            let named = plain(name);
            registry.still(&named).unwrap_or(named)
        }
        None => registry.authenticate(None).unwrap_or_else(|_| plain("default")),
    };
    if !roles.is_empty() {
        caller.roles = roles.iter().map(|role| Arc::from(role.as_str())).collect();
    }
    Ok(caller)
}
