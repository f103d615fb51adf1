//! The door that agents' calls come through: forward proxy and reverse, HTTP/1.1 and HTTP/2. Floor 4.
//!
//! `accept` takes connections, `connect` opens tunnels and ends their TLS, `reverse` settles whom a request is for that no
//! proxy is asked for, `handle` is the data path, `parse` makes a `Call` of a request, `judge` has it mapped and decided, `hold` waits
//! for people, `follow` closes the record with the answer, `stream` carries what leaves HTTP for as long as it has `standing`, `respond`
//! says no, `internal` tells agents of their own calls, `guard` decides on what they state; `described` is parse and map
//! for a request that nobody sends.

mod accept;
mod connect;
mod credentials;
pub mod described;
mod follow;
mod greeting;
mod guard;
mod handle;
pub mod hold;
mod internal;
mod judge;
mod parse;
mod prefixed;
mod record;
mod respond;
pub mod reverse;
mod say;
mod standing;
mod stream;

pub use guard::{Decided, router as guard_router};
pub use internal::Waits;

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::task::TaskTracker;

use crate::agent::Registry;
use crate::approval::{Approvals, Notices, Patience};
use crate::authority::Authority;
use crate::gate::Gate;
use crate::io::body::Capture;
use crate::io::drain::{Drain, Working};
use crate::io::socket::Presence;
use crate::io::tls;
use crate::metrics::Metrics;
use crate::model::change::Correction;
use crate::model::{self, ApprovalId, CallId, ErrorShape, Refusal};
use crate::policy::RuleReason;
use crate::store::Store;
use crate::upstream::Upstream;

pub use credentials::Credentials;
use reverse::Reverse;

/// What the data path works with.
pub struct Parts {
    pub registry: Arc<Registry>,
    /// Mappings and policies. A request is mapped and decided by one set of them, the one in force once its content was read.
    pub gate: Arc<Gate>,
    pub approvals: Approvals,
    pub store: Store,
    pub authority: Arc<Authority>,
    pub upstream: Upstream,
    /// Reads bodies that have to be judged.
    pub capture: Capture,
    pub patience: Patience,
    pub metrics: Arc<Metrics>,
    /// Where people are told at once of what was held or blocked.
    pub notices: Arc<dyn Notices>,
    /// ` --home DIR` for commands that are printed, where one is needed.
    pub home_option: String,
    /// True from the moment we are to stop: held calls are answered then.
    pub draining: watch::Receiver<bool>,
    /// Connections of agents at a time.
    pub connections: usize,
    /// Requests of agents that wait for an approval's answer at `runplane.internal`.
    pub waits: Waits,
    /// What agents were allowed by the Guard API.
    pub guard: Decided,
    /// What goes on when whoever asked has left already; waited for before the record is closed.
    pub tasks: TaskTracker,
}

/// A listener of ours that agents reach.
pub struct Door {
    pub socket: TcpListener,
    /// What it speaks, if not clear text.
    pub tls: Option<Arc<tls::Server>>,
    /// What of it leads to providers without being asked as a proxy.
    pub reverse: Option<Arc<Reverse>>,
}

/// The proxy, ready to serve.
pub struct Proxy {
    parts: Arc<Parts>,
    drain: Drain,
}

impl Proxy {
    /// `parts.draining` must be of this `drain`.
    pub fn new(parts: Arc<Parts>, drain: Drain) -> Self {
        Self { parts, drain }
    }
}

/// A call that does not go through, with all that its answer says.
#[derive(Debug)]
pub struct Refused {
    pub refusal: Refusal,
    /// `None` where there is no call in the trail.
    pub call: Option<CallId>,
    pub approval: Option<ApprovalId>,
    pub rules: Vec<RuleReason>,
    /// What a person says the call should have said.
    pub correction: Option<Box<Correction>>,
    pub shape: ErrorShape,
    /// Something of the call was written to the provider, or may have been.
    pub written: bool,
    /// Sent again, it does nothing that it did not do before: it only reads, and nothing was spent on it.
    pub harmless: bool,
}

/// What is settled of a connection before its requests come.
struct Connection {
    peer: SocketAddr,
    /// Our own end.
    local: SocketAddr,
    /// Set where it is settled whom requests are for: in a tunnel whose TLS we ended, and in reverse.
    tunnel: Option<Tunnel>,
    /// What of this listener leads to providers without being asked as a proxy.
    reverse: Option<Arc<Reverse>>,
    working: Working,
    /// What it becomes after its last answer.
    stream: stream::Slot,
    /// Whether the agent is there.
    presence: Presence,
}

/// What CONNECT and the TLS handshake settled, or an entry of `reverse:`.
struct Tunnel {
    scheme: model::Scheme,
    authority: model::Authority,
    /// As given with CONNECT; asked again with each request.
    credentials: Credentials,
    /// Why no request may pass: the SNI is not the CONNECT host, or this is no way in.
    disagreement: Option<Refusal>,
}
