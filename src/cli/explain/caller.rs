//! Who would make the call.

use std::sync::Arc;

use crate::cli::agent_option;
use crate::config::Config;
use crate::model::{Caller, Reason, Refusal};

/// The agent of this name, with the roles given, else those it has. Without a name: whoever calls without a key. Roles make
/// an agent of any name: one that is not there yet.
///
/// # Errors
/// Inside: `agent_unknown`, as the proxy would answer.
pub(super) fn find(config: &Config, name: Option<&str>, roles: &[String]) -> anyhow::Result<Result<Caller, Refusal>> {
    let registry = agent_option::registry(config)?;
    let named = Caller {
        agent: name.unwrap_or("default").into(),
        roles: roles.iter().map(|role| Arc::from(role.as_str())).collect(),
        owner: None,
    };
    let known = match name {
        Some(_) => registry.still(&named),
        None => registry.authenticate(None),
    };
    if roles.is_empty() {
        let unknown = |_| {
            let detail = format!(
                "no agent `{}` is registered, or it is disabled: the proxy would answer 407. With --role, an agent that is not \
                 there yet is taken to have that role.",
                named.agent
            );
            Refusal::new(Reason::AgentUnknown, detail)
        };
        return Ok(known.map_err(unknown));
    }
    Ok(Ok(known.map_or(named.clone(), |known| Caller {
        roles: named.roles,
        ..known
    })))
}
