//! Tells people of approvals, off the way of calls: a task for each receiver works off what the store keeps for it. Floor 3.
//!
//! - What is to be told is written by the very transaction that writes what happened (triggers of `approvals`), so a crash at any
//!   point loses nothing and tells nothing that did not happen. A crash between the telling and its record tells again, by the
//!   same event id: each event reaches a receiver at least once.
//! - What is told is the approval as it is when it is told. Who is asked too late is not asked ([`End::Superseded`]).
//! - Attempts that fail are repeated ([`backoff`]), those of one receiver keep no other one waiting.
//!
//! Files: `message` (what people see), `webhook`, `email` and `slack` (how it gets there), `backoff`, `outbox` (the tasks).

mod backoff;
mod email;
mod message;
mod outbox;
mod rest;
pub mod slack;
mod webhook;

use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::agent::Registry;
use crate::metrics::Metrics;
use crate::model::change::ApprovalRow;
use crate::model::outbox::{Channel, EVENTS, OutboxChange, Receiver};
use crate::model::{Change, Timestamp};
use crate::store::{CommitError, Store};
use crate::upstream::{Destination, Errands};

pub use email::{Email, Encryption, Mailbox, ParseMailboxError};
pub use slack::Slack;
pub use webhook::{ParseSecretError, SigningSecrets, Webhook, judged, retry_after};

/// `notifications:` of the configuration.
#[derive(Clone, Debug, Default)]
pub struct Config {
    pub webhooks: Vec<Webhook>,
    pub email: Option<Email>,
    pub slack: Option<Slack>,
    /// What receivers may be although their address is not global.
    pub destinations: Vec<Destination>,
}

impl Config {
    /// Everybody who is told of something.
    pub fn receivers(&self) -> Vec<Receiver> {
        self.targets().iter().map(Target::receiver).collect()
    }

    /// What may be dialled for them although its address is not global. The mail server is named by being configured.
    pub fn named(&self) -> Vec<Destination> {
        let server = self
            .email
            .iter()
            .filter_map(|email| email.server.to_string().parse().ok());
        self.destinations.iter().cloned().chain(server).collect()
    }

    fn targets(&self) -> Vec<Target> {
        let webhooks = self.webhooks.iter().cloned().map(Target::Webhook);
        let email = self.email.iter().cloned().map(Arc::new);
        let mailboxes = email.flat_map(|email| {
            let people = email.people();
            people.into_iter().map(move |(address, groups)| Target::Mailbox {
                email: email.clone(),
                address,
                groups,
            })
        });
        let slack = self.slack.iter().cloned().map(Arc::new);
        let channels = slack.flat_map(|slack| {
            let channels = slack.channels();
            channels.into_iter().map(move |(channel, groups)| Target::Slack {
                slack: slack.clone(),
                channel,
                groups,
            })
        });
        webhooks.chain(mailboxes).chain(channels).collect()
    }
}

/// One receiver, and how it is told.
#[derive(Clone, Debug)]
enum Target {
    Webhook(Webhook),
    Mailbox {
        email: Arc<Email>,
        address: Mailbox,
        /// `None`: whoever is asked.
        groups: Option<Vec<Arc<str>>>,
    },
    Slack {
        slack: Arc<Slack>,
        channel: Arc<str>,
        /// `None`: whichever is asked.
        groups: Option<Vec<Arc<str>>>,
    },
}

impl Target {
    fn receiver(&self) -> Receiver {
        match self {
            Target::Webhook(webhook) => Receiver {
                name: format!("webhook:{}", webhook.name).into(),
                channel: Channel::Webhook,
                place: digest(&webhook.uri.to_string()),
                groups: None,
                events: webhook.events.clone(),
            },
            Target::Mailbox { email, address, groups } => Receiver {
                name: format!("email:{}", address.address()).into(),
                channel: Channel::Email,
                place: digest(&address.address()),
                groups: groups.clone(),
                events: email.events.clone(),
            },
            // What is shown there is to be true, whatever comes.
            Target::Slack { channel, groups, .. } => Receiver {
                name: format!("slack:{channel}").into(),
                channel: Channel::Slack,
                place: digest(channel),
                groups: groups.clone(),
                events: EVENTS.map(Into::into).to_vec(),
            },
        }
    }
}

fn digest(place: &str) -> String {
    hex::encode(Sha256::digest(place))
}

/// What telling needs of the rest of the house.
pub struct Parts {
    pub store: Store,
    pub registry: Arc<Registry>,
    pub metrics: Arc<Metrics>,
    pub errands: Arc<Errands>,
    pub words: Words,
}

/// What messages say besides the approval itself.
pub struct Words {
    /// The command that approves it.
    pub command: Command,
    /// ` --home DIR` for commands that are told, where one is needed.
    pub home_option: String,
    /// By which people reach control.
    pub public_url: Option<String>,
    /// How long an approved call may come.
    pub grant: Duration,
    /// From which score on a yes needs a reason, too.
    pub reason_from_risk: Option<i64>,
}

/// What a person types to approve an approval as it is.
pub type Command = Box<dyn Fn(&ApprovalRow) -> String + Send + Sync>;

/// Tells the store who is told from here on. To be called at start, before anything is held.
///
/// # Errors
/// If it cannot be recorded.
pub async fn configure(config: &Config, store: &Store) -> Result<(), CommitError> {
    let receivers = OutboxChange::Receivers(config.receivers(), Timestamp::now());
    store.write(vec![Change::Outbox(receivers)]).await
}

pub use outbox::{Failure, run};
