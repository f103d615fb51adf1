//! The registry: agents and people, their roles, groups and keys. Stage, floor 2.
//!
//! Rows come from the store (added at run time) and from the configuration (declared by the hash of their key). A name
//! that is declared is wholly what the declaration says: a row of the same name in the store is not looked at, and
//! cannot be added, disabled or changed at run time.
//!
//! Changing the registry takes three steps, so that memory never runs ahead of the disk: `add_*`, `rotate_*` or
//! `disable_*` gives the row, the caller commits it (`audit::agent_put`, `audit::person_put`), then `apply_*` puts it in force.

mod credentials;
mod declared;
mod error;
mod names;
mod state;

#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use http::HeaderValue;
use tokio::sync::watch;

use crate::io::keys::{self, KeyError};
use crate::io::proof::{self, Challenge};
use crate::model::approval::OWNERS;
use crate::model::change::{AgentRow, PersonRow};
use crate::model::{Caller, HoldRule, Reason, Refusal, Secret, Timestamp};

pub use declared::{Declared, DeclaredAgent, DeclaredPerson, FixedAgent};
pub use error::RegistryError;

use credentials::Credentials;
use names::{check_name, check_names};
use state::State;

/// The agent that serves while none is registered, and its role.
const DEFAULT_AGENT: &str = "default";
/// The default group of approvers.
const APPROVER: &str = "approver";

/// A person who proved who they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    pub name: Arc<str>,
    pub groups: Arc<[Arc<str>]>,
    pub proof: Proof,
}

/// How a person proved who they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// They showed their key.
    Key,
    /// They used a link of one use that was made with their key.
    Link,
    /// They pressed a button in Slack, which told us who they are.
    Slack,
}

impl Proof {
    /// As it stands in the record.
    pub fn as_str(self) -> &'static str {
        match self {
            Proof::Key => "key",
            Proof::Link => "link",
            Proof::Slack => "slack",
        }
    }
}

impl Person {
    /// Whether their consent is one that the rule asks for.
    pub fn may_speak_for(&self, rule: &HoldRule) -> bool {
        let mut groups = self.groups.iter();
        groups.any(|group| &**group == OWNERS || rule.approvers.contains(group))
    }
}

/// A row with the key it was made with, to be shown once.
#[derive(Debug)]
pub struct Issued<R> {
    pub row: R,
    pub key: Secret<String>,
}

/// A row as it is in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed<R> {
    /// Of a declared row, `created` is the start of this process.
    pub row: R,
    /// From the configuration.
    pub declared: bool,
}

/// Who may call and who may decide. Shared by all doors; changes take effect for the next call.
#[derive(Debug)]
pub struct Registry {
    state: RwLock<State>,
    changed: watch::Sender<()>,
}

impl Registry {
    /// From the configuration and the rows of the store.
    ///
    /// # Errors
    /// The first declaration that is wrong.
    pub fn new(declared: &Declared, agents: Vec<AgentRow>, people: Vec<PersonRow>) -> Result<Self, RegistryError> {
        Ok(Self {
            state: RwLock::new(State::new(declared, agents, people)?),
            changed: watch::Sender::new(()),
        })
    }

    fn read<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        // A change is one assignment: no panic leaves half of one behind.
        look(&self.state.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The caller that a `Proxy-Authorization` value proves: `Basic` with name and key, or `Bearer` with the key.
    /// Without one, the fixed identity, or the agent `default` while none is registered. What is given is always
    /// checked, also where none would be needed.
    ///
    /// # Errors
    /// `agent_unknown` (407), with the sentence for the agent.
    pub fn authenticate(&self, proxy_authorization: Option<&HeaderValue>) -> Result<Caller, Refusal> {
        let Some(value) = proxy_authorization else {
            return self.read(State::anonymous).ok_or_else(|| {
                unknown(
                    "This proxy serves registered agents only, and the request carries no Proxy-Authorization. Set \
                 HTTPS_PROXY to http://NAME:KEY@HOST:PORT with the name and key of the agent.",
                )
            });
        };
        let credentials = Credentials::parse(value).ok_or_else(|| unknown(
            "Proxy-Authorization could not be read: expected `Basic` with NAME:KEY in base64, or `Bearer` with the key. \
             Set HTTPS_PROXY to http://NAME:KEY@HOST:PORT.",
        ))?;
        self.read(|state| state.caller(&credentials)).ok_or_else(|| {
            unknown(
                "The agent's name or key is wrong, or the agent is disabled. Ask the operator of this proxy for a key \
             (`runplane agents add NAME`) and set HTTPS_PROXY to http://NAME:KEY@HOST:PORT.",
            )
        })
    }

    /// The caller of a connection that was authenticated before, as they are now: with their present roles, and refused
    /// if they were disabled meanwhile.
    ///
    /// # Errors
    /// `agent_unknown`.
    pub fn still(&self, caller: &Caller) -> Result<Caller, Refusal> {
        self.read(|state| state.current(&caller.agent))
            .ok_or_else(|| unknown("The agent was disabled while it was connected. Ask the operator of this proxy."))
    }

    /// Tells when agents may no longer be what they were.
    pub fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// The agent of this name as it is now, where the configuration vouches for it; `None` if it is not registered or is
    /// disabled.
    pub fn named(&self, agent: &str) -> Option<Caller> {
        self.read(|state| state.current(agent))
    }

    /// Whether there is an agent of this name, be it disabled.
    pub fn knows(&self, agent: &str) -> bool {
        self.read(|state| state.agents.contains_key(agent) || state.current(agent).is_some())
    }

    /// The person whose key this is. Constant time.
    pub fn person(&self, key: &str) -> Option<Person> {
        let digest = keys::digest(key);
        self.read(|state| state.person(&digest))
    }

    /// The person of this name as they are now, who proved that they are it before; `None` if there is none or they are disabled.
    pub fn active(&self, name: &str, proof: Proof) -> Option<Person> {
        let person = self.read(|state| state.active_person(name))?;
        Some(Person { proof, ..person })
    }

    /// The proof to whoever holds a key that this is where it is known; `None` if it is nobody's.
    pub fn prove(&self, challenge: &Challenge, listener: SocketAddr) -> Option<proof::Proof> {
        self.read(|state| {
            let mut digests = state.digests();
            let digest = digests.find(|digest| challenge.names(digest))?;
            Some(challenge.answer(digest, listener))
        })
    }

    /// Whether a yes that was given to a rule (id and digest) still counts: its giver is known, not disabled, and, if the rule
    /// is among those that are `wanted`, of a group that it asks, or comes to ask.
    pub fn still_speaks(&self, person: &str, rule: &(Arc<str>, Arc<str>), wanted: &[HoldRule]) -> bool {
        let Some(person) = self.read(|state| state.active_person(person)) else {
            return false;
        };
        let mut meant = wanted
            .iter()
            .filter(|other| (&other.id, &other.digest) == (&rule.0, &rule.1));
        // Whom a rule comes to when nobody answers, too: that they were asked already was looked at when they said it.
        meant.all(|rule| person.may_speak_for(&rule.clone().escalated()))
    }

    /// Whether a person is known, not disabled, and of a group that the rule asks.
    pub fn speaks(&self, person: &str, rule: &HoldRule) -> bool {
        let person = self.read(|state| state.active_person(person));
        person.is_some_and(|person| person.may_speak_for(rule))
    }

    /// What may be an agent's name, registered or not.
    ///
    /// # Errors
    /// If nobody can be called so.
    pub fn name(text: &str) -> Result<Arc<str>, RegistryError> {
        check_name(text)
    }

    /// All agents, by name.
    pub fn agents(&self) -> Vec<Listed<AgentRow>> {
        self.read(|state| state.agents.values().map(|entry| entry.listed.clone()).collect())
    }

    /// All people, by name.
    pub fn people(&self) -> Vec<Listed<PersonRow>> {
        self.read(|state| state.people.values().map(|entry| entry.listed.clone()).collect())
    }

    /// A new agent with a new key. Not in force until [`Registry::apply_agent`].
    ///
    /// # Errors
    /// If a name is wrong or taken, or the owner is nobody.
    pub fn add_agent(
        &self,
        name: &str,
        roles: &[String],
        owner: Option<&str>,
    ) -> Result<Issued<AgentRow>, RegistryError> {
        let name = check_name(name)?;
        if &*name == DEFAULT_AGENT {
            return Err(RegistryError::Reserved(name.to_string()));
        }
        let roles = check_names(roles)?;
        self.read(|state| {
            state.refuse_taken_agent(&name)?;
            match owner {
                Some(owner) if !state.is_active_person(owner) => Err(RegistryError::OwnerUnknown(owner.to_owned())),
                _ => Ok(()),
            }
        })?;
        let key = keys::generate();
        let row = AgentRow {
            name,
            roles,
            owner: owner.map(Arc::from),
            key_sha256: keys::hash(key.expose()),
            created: Timestamp::now(),
            disabled: None,
        };
        Ok(Issued { row, key })
    }

    /// A new person with a new key. Not in force until [`Registry::apply_person`].
    ///
    /// # Errors
    /// If a name is wrong or taken.
    pub fn add_person(&self, name: &str, groups: &[String]) -> Result<Issued<PersonRow>, RegistryError> {
        let name = check_name(name)?;
        let groups = check_names(groups)?;
        self.read(|state| state.people.get(&name).map_or(Ok(()), |entry| Err(entry.taken())))?;
        let key = keys::generate();
        let row = PersonRow {
            name,
            groups,
            key_sha256: keys::hash(key.expose()),
            created: Timestamp::now(),
            disabled: None,
        };
        Ok(Issued { row, key })
    }

    /// The agent's row, disabled. Not in force until [`Registry::apply_agent`].
    ///
    /// # Errors
    /// If it is unknown, declared, or disabled already.
    pub fn disable_agent(&self, name: &str) -> Result<AgentRow, RegistryError> {
        self.read(|state| {
            let mut row = state::changeable(&state.agents, name)?;
            if row.disabled.replace(Timestamp::now()).is_some() {
                return Err(RegistryError::Disabled(name.to_owned()));
            }
            Ok(row)
        })
    }

    /// The agent's row with another key; the one it had is nobody's from then on, also on connections that are open. Not in
    /// force until [`Registry::apply_agent`].
    ///
    /// # Errors
    /// If it is unknown, declared, or disabled.
    pub fn rotate_agent(&self, name: &str) -> Result<Issued<AgentRow>, RegistryError> {
        let mut row = self.read(|state| state::changeable(&state.agents, name))?;
        if row.disabled.is_some() {
            return Err(RegistryError::Disabled(name.to_owned()));
        }
        let key = keys::generate();
        row.key_sha256 = keys::hash(key.expose());
        Ok(Issued { row, key })
    }

    /// The person's row, disabled. Not in force until [`Registry::apply_person`].
    ///
    /// # Errors
    /// If they are unknown, declared, disabled already, or the last one in the group `owner`.
    pub fn disable_person(&self, name: &str) -> Result<PersonRow, RegistryError> {
        self.read(|state| {
            let mut row = state::changeable(&state.people, name)?;
            if row.disabled.replace(Timestamp::now()).is_some() {
                return Err(RegistryError::Disabled(name.to_owned()));
            }
            match state.is_last_owner(name) {
                true => Err(RegistryError::LastOwner(name.to_owned())),
                false => Ok(row),
            }
        })
    }

    /// Puts a committed row in force.
    pub fn apply_agent(&self, row: AgentRow) {
        self.state
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .put_agent(row);
        self.changed.send_replace(());
    }

    /// Puts a committed row in force.
    pub fn apply_person(&self, row: PersonRow) {
        self.state
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .put_person(row);
    }

    /// At first start: the person `owner`, with the key in `owner.key` of the directory `state`, which is made if it is
    /// not there. `None` if somebody of that name is known: then no file is touched. Not in force until
    /// [`Registry::apply_person`].
    ///
    /// # Errors
    /// If the key file cannot be used.
    pub fn first_owner(&self, state: &Path) -> Result<Option<PersonRow>, KeyError> {
        if self.read(|known| known.people.contains_key(OWNERS)) {
            return Ok(None);
        }
        let key = keys::owner_key_or_create(state)?;
        Ok(Some(PersonRow {
            name: OWNERS.into(),
            groups: vec![APPROVER.into(), OWNERS.into()],
            key_sha256: keys::hash(key.expose()),
            created: Timestamp::now(),
            disabled: None,
        }))
    }
}

fn unknown(detail: &str) -> Refusal {
    Refusal::new(Reason::AgentUnknown, detail)
}
