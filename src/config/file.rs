//! `runplane.yaml` as people type it. Every key is optional; an unknown one is refused.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;

use crate::agent::{self, Declared, DeclaredAgent, DeclaredPerson};
use crate::approval::{self, Patience};
use crate::io::yaml::Located;
use crate::model::{Diagnostic, Source};
use crate::upstream::{Destination, Endpoint};

use super::scalar::{Count, HoldSpan, KeyHash, Name, Observed, Score, Size, SocketAddress, Span, TimeZone};
use super::{Limits, audit, listen, money, notifications, reverse, risk, upstream_proxy};

/// For calls under way when we are to stop: Kubernetes gives 30 seconds in all where nothing else is said.
const SHUTDOWN_WITHIN: Duration = Duration::from_secs(25);

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct FileConfig {
    pub(super) proxy: listen::Proxy,
    pub(super) control: listen::Control,
    pub(super) health: listen::Health,
    pub(super) shutdown: Shutdown,
    pub(super) reverse: Vec<Located<reverse::Entry>>,
    agent: Option<FixedAgent>,
    agents: Vec<Agent>,
    people: Vec<Person>,
    pub(super) money: money::Section,
    /// Of `context.time`, by its IANA name.
    pub(super) time_zone: TimeZone,
    /// Whose calls no decision stops.
    pub(super) dangerously_observe: Observed,
    /// Go on with a trail that is older than its published checkpoint.
    pub(super) dangerously_accept_rollback: bool,
    pub(super) audit: audit::Section,
    pub(super) risk: risk::Section,
    /// `host` or `host:port` → `address:port` that is dialled instead of asking DNS.
    pub(super) resolve: BTreeMap<Endpoint, SocketAddress>,
    /// The way out, where there is but one.
    pub(super) upstream_proxy: Option<upstream_proxy::Section>,
    /// Addresses that are not global and may be dialled all the same.
    pub(super) destinations: Vec<Destination>,
    pub(super) approvals: Approvals,
    pub(super) limits: LimitsSection,
    /// Who is told of approvals.
    pub(super) notifications: notifications::Section,
}

/// One sidecar, one agent: no key asked.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FixedAgent {
    name: Name,
    #[serde(default)]
    roles: Vec<Name>,
    #[serde(default)]
    owner: Option<Name>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Agent {
    name: Name,
    #[serde(default)]
    roles: Vec<Name>,
    #[serde(default)]
    owner: Option<Name>,
    key_sha256: KeyHash,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Person {
    name: Name,
    groups: Vec<Name>,
    key_sha256: KeyHash,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Approvals {
    /// Life of a pending approval whose rules say nothing.
    pending: Option<Span>,
    /// How long an approved call may take to come.
    grant: Option<Span>,
    /// How long a denied call stays denied.
    cool_down: Option<Span>,
    max_pending_per_agent: Option<Count>,
    /// Whether the person answerable for an agent may approve its calls.
    pub(super) owner_may_approve: Option<bool>,
    /// From which risk on a yes needs a reason, too.
    pub(super) reason_from_risk: Option<Score>,
    /// How long a connection is held, by client (`default` for unknown ones).
    hold: BTreeMap<String, Located<HoldSpan>>,
}

impl Approvals {
    pub(super) fn config(&self) -> approval::Config {
        let mut config = approval::Config::default();
        if let Some(span) = self.pending {
            config.pending = span.0;
        }
        if let Some(span) = self.grant {
            config.grant = span.0;
        }
        if let Some(span) = self.cool_down {
            config.cool_down = span.0;
        }
        if let Some(count) = self.max_pending_per_agent {
            config.max_pending_per_agent = count.0;
        }
        config
    }

    /// The times of clients, with those set here in their place.
    pub(super) fn patience(&self, mut patience: Patience, source: &Source) -> Result<Patience, Vec<Diagnostic>> {
        let set = |(client, span): (&String, &Located<HoldSpan>)| {
            let known = patience.set(client, span.value.0);
            let wrong = known.err().map(|error| format!("`approvals.hold`: {error}"));
            wrong.map(|message| span.diagnostic(source, message))
        };
        let wrong: Vec<Diagnostic> = self.hold.iter().filter_map(set).collect();
        if wrong.is_empty() { Ok(patience) } else { Err(wrong) }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct LimitsSection {
    body: Option<Size>,
    bodies: Option<Size>,
    decoded: Option<Size>,
    ratio: Option<Count>,
    connections: Option<Count>,
}

/// The end.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Shutdown {
    within: Option<Span>,
}

impl Shutdown {
    pub(super) fn within(&self) -> Duration {
        self.within.map_or(SHUTDOWN_WITHIN, |span| span.0)
    }
}

impl LimitsSection {
    pub(super) fn limits(&self) -> Limits {
        let default = Limits::default();
        Limits {
            body: self.body.map_or(default.body, |size| size.0),
            bodies: self.bodies.map_or(default.bodies, |size| size.0),
            decoded: self.decoded.map_or(default.decoded, |size| size.0),
            ratio: self.ratio.map_or(default.ratio, |count| count.0),
            connections: self.connections.map_or(default.connections, |count| count.0),
        }
    }
}

impl FileConfig {
    pub(super) fn declared(&self) -> Declared {
        let names = |names: &[Name]| names.iter().map(|name| name.0.clone()).collect();
        Declared {
            agent: self.agent.as_ref().map(|agent| agent::FixedAgent {
                name: agent.name.arc(),
                roles: names(&agent.roles),
                owner: agent.owner.as_ref().map(Name::arc),
            }),
            agents: self
                .agents
                .iter()
                .map(|agent| DeclaredAgent {
                    name: agent.name.arc(),
                    roles: names(&agent.roles),
                    owner: agent.owner.as_ref().map(Name::arc),
                    key_sha256: agent.key_sha256.0.clone(),
                })
                .collect(),
            people: self
                .people
                .iter()
                .map(|person| DeclaredPerson {
                    name: person.name.arc(),
                    groups: names(&person.groups),
                    key_sha256: person.key_sha256.0.clone(),
                })
                .collect(),
        }
    }
}
