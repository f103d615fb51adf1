//! What a request proves its agent with, by the way it came in.

use std::sync::Arc;

use http::HeaderValue;

use super::Parts;
use crate::agent::Registry;
use crate::model::{Caller, Reason, Refusal};

/// What an agent shows; asked again before anything is sent, so that a disabled agent does not go on.
#[derive(Clone)]
pub enum Credentials {
    /// `Proxy-Authorization`, of a client that knows us as its proxy.
    Proxy(Option<HeaderValue>),
    /// The same of a client that takes us for the provider.
    Reverse(Option<HeaderValue>),
    /// Nothing: the entry of `reverse:` says who calls.
    Named(Arc<str>),
}

impl Credentials {
    /// The agent behind them, as it is now.
    ///
    /// # Errors
    /// `agent_unknown`, with what to do where the request came in.
    pub fn caller(&self, registry: &Registry) -> Result<Caller, Refusal> {
        match self {
            Credentials::Proxy(shown) => registry.authenticate(shown.as_ref()),
            Credentials::Reverse(shown) => registry.authenticate(shown.as_ref()).map_err(|_| {
                Refusal::new(
                    Reason::AgentUnknown,
                    "This address serves registered agents only, and the request shows no name and key of one. Send them as \
                     the header `Proxy-Authorization: Basic` with NAME:KEY in base64, or ask the operator to name the agent \
                     of this address (`agent:` of its entry under `reverse:`).",
                )
            }),
            Credentials::Named(agent) => registry.named(agent).ok_or_else(|| {
                Refusal::new(
                    Reason::AgentUnknown,
                    format!("The agent `{agent}`, which this address calls for, is not registered or is disabled. Ask the operator."),
                )
            }),
        }
    }

    /// The same, if it may have anything sent.
    ///
    /// # Errors
    /// `agent_unknown`, or `paused`.
    // SECURITY: whoever went by an older look would go on after the kill switch. Tests: `tests/it/pause.rs`.
    pub(super) fn active(&self, parts: &Parts) -> Result<Caller, Refusal> {
        let caller = self.caller(&parts.registry)?;
        parts.gate.paused().check(&caller.agent)?;
        Ok(caller)
    }

    /// Whether the client takes us for the provider, and would not understand what proxies say.
    pub(super) fn is_reverse(&self) -> bool {
        !matches!(self, Credentials::Proxy(_))
    }
}
