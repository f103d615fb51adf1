//! As which agent a command makes others call.

use anyhow::{Context, bail};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::HeaderValue;

use crate::agent::Registry;
use crate::config::Config;
use crate::io::keys;
use crate::model::{Caller, Secret};
use crate::store::Reader;

/// Where the agent's key is given. Not an option: those are for everybody on the machine to read.
pub(super) const AGENT_KEY: &str = "RUNPLANE_AGENT_KEY";

/// The agent, where agents are registered.
#[derive(Debug, clap::Args)]
pub(super) struct AgentOption {
    /// The agent that calls, where agents are registered. Its key is read from the variable RUNPLANE_AGENT_KEY
    #[arg(long = "agent", value_name = "NAME")]
    name: Option<String>,
}

/// The agents that may call.
pub(super) fn registry(config: &Config) -> anyhow::Result<Registry> {
    let database = config.home.database();
    let (agents, people) = match database.exists() {
        true => {
            let reader = Reader::open(&database)?;
            (reader.agents()?, reader.people()?)
        }
        false => (Vec::new(), Vec::new()),
    };
    Ok(Registry::new(&config.declared, agents, people)?)
}

impl AgentOption {
    pub(super) fn is_given(&self) -> bool {
        self.name.is_some()
    }

    /// Who calls, and `NAME:KEY` of it where a name is given.
    ///
    /// # Errors
    /// If the key is missing or wrong, or agents are registered and none is named.
    pub(super) fn caller(&self, registry: &Registry) -> anyhow::Result<(Caller, Option<Secret<String>>)> {
        let Some(name) = &self.name else {
            let caller = registry.authenticate(None).map_err(|_| {
                anyhow::anyhow!(
                    "agents are registered here: name one with --agent NAME, and give its key in {AGENT_KEY}"
                )
            })?;
            return Ok((caller, None));
        };
        let Ok(key) = std::env::var(AGENT_KEY) else {
            bail!("no key: set {AGENT_KEY} to the key of the agent {name} (`runplane agents add` shows it once)");
        };
        let key =
            keys::parse(&key).with_context(|| format!("{AGENT_KEY} holds no key: expected `rp_` and 43 characters"))?;
        let credentials = Secret::new(format!("{name}:{}", key.expose()));
        let value = format!("Basic {}", BASE64_STANDARD.encode(credentials.expose()));
        let caller = HeaderValue::try_from(value)
            .ok()
            .and_then(|value| registry.authenticate(Some(&value)).ok());
        let caller = caller.with_context(|| format!("{AGENT_KEY} is not the key of an agent {name} that may call"))?;
        Ok((caller, Some(credentials)))
    }
}
