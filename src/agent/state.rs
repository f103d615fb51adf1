//! What the registry knows at one moment.

use std::collections::BTreeMap;
use std::sync::Arc;

use subtle::{Choice, ConstantTimeEq};

use super::credentials::Credentials;
use super::declared::{Declared, DeclaredAgent, DeclaredPerson};
use super::names::{check_name, check_names};
use super::{DEFAULT_AGENT, Listed, Person, Proof, RegistryError};
use crate::model::approval::OWNERS;
use crate::model::change::{AgentRow, PersonRow};
use crate::model::secret::random_bytes;
use crate::model::{Caller, Timestamp};

/// A row with its key's hash as bytes.
#[derive(Clone, Debug)]
pub(super) struct Known<R> {
    pub(super) listed: Listed<R>,
    digest: [u8; 32],
}

/// What agents and people have in common.
pub(super) trait Row: Clone {
    fn name(&self) -> &Arc<str>;
    fn key_sha256(&self) -> &str;
    fn is_disabled(&self) -> bool;
}

impl Row for AgentRow {
    fn name(&self) -> &Arc<str> {
        &self.name
    }

    fn key_sha256(&self) -> &str {
        &self.key_sha256
    }

    fn is_disabled(&self) -> bool {
        self.disabled.is_some()
    }
}

impl Row for PersonRow {
    fn name(&self) -> &Arc<str> {
        &self.name
    }

    fn key_sha256(&self) -> &str {
        &self.key_sha256
    }

    fn is_disabled(&self) -> bool {
        self.disabled.is_some()
    }
}

impl<R: Row> Known<R> {
    fn new(row: R, declared: bool) -> Result<Self, RegistryError> {
        let mut digest = [0; 32];
        hex::decode_to_slice(row.key_sha256(), &mut digest).map_err(|_| RegistryError::Hash(row.name().to_string()))?;
        Ok(Self {
            listed: Listed { row, declared },
            digest,
        })
    }

    pub(super) fn taken(&self) -> RegistryError {
        let name = self.listed.row.name().to_string();
        match self.listed.declared {
            true => RegistryError::Declared(name),
            false => RegistryError::Taken(name),
        }
    }

    /// Whether this is the holder of the key, and may be.
    fn proves(&self, digest: &[u8; 32]) -> Choice {
        self.digest.ct_eq(digest) & Choice::from(u8::from(!self.listed.row.is_disabled()))
    }
}

type Rows<R> = BTreeMap<Arc<str>, Known<R>>;

#[derive(Clone, Debug)]
pub(super) struct State {
    fixed: Option<Caller>,
    pub(super) agents: Rows<AgentRow>,
    pub(super) people: Rows<PersonRow>,
}

impl State {
    pub(super) fn new(
        declared: &Declared,
        agents: Vec<AgentRow>,
        people: Vec<PersonRow>,
    ) -> Result<Self, RegistryError> {
        let now = Timestamp::now();
        let mut state = Self {
            fixed: None,
            agents: declare(declared.agents.iter().map(|agent| agent_row(agent, now)))?,
            people: declare(declared.people.iter().map(|person| person_row(person, now)))?,
        };
        if state.agents.contains_key(DEFAULT_AGENT) {
            return Err(RegistryError::Reserved(DEFAULT_AGENT.to_owned()));
        }
        if let Some(fixed) = &declared.agent {
            let name = check_name(&fixed.name)?;
            if state.agents.contains_key(&name) {
                return Err(RegistryError::Twice(name.to_string()));
            }
            state.fixed = Some(Caller {
                agent: name,
                roles: check_names(&fixed.roles)?.into(),
                owner: fixed.owner.clone(),
            });
        }
        for row in agents {
            if state.fixed.as_ref().is_some_and(|fixed| fixed.agent == row.name) {
                continue;
            }
            state.agents.entry(row.name.clone()).or_insert(Known::new(row, false)?);
        }
        for row in people {
            state.people.entry(row.name.clone()).or_insert(Known::new(row, false)?);
        }
        state.refuse_shared_keys()?;
        Ok(state)
    }

    /// SECURITY: with one key for two, a `Bearer` key would be ambiguous, and an agent whose key is also a person's
    /// could approve its own calls. Test: `no_key_is_shared`.
    fn refuse_shared_keys(&self) -> Result<(), RegistryError> {
        let agents = self.agents.iter().map(|(name, known)| (name, known.digest));
        let people = self.people.iter().map(|(name, known)| (name, known.digest));
        let mut holders = BTreeMap::new();
        for (name, digest) in agents.chain(people) {
            if let Some(other) = holders.insert(digest, name) {
                return Err(RegistryError::SameKey(other.to_string(), name.to_string()));
            }
        }
        Ok(())
    }

    /// Who a call without credentials is made by. A disabled agent is registered too: disabling the last one must not
    /// open the door to everyone.
    pub(super) fn anonymous(&self) -> Option<Caller> {
        match &self.fixed {
            Some(fixed) => Some(fixed.clone()),
            None => self.agents.is_empty().then(default_caller),
        }
    }

    /// SECURITY: every agent's hash is compared, each in constant time, so that time tells neither a name nor how much
    /// of a key is right. Test: `a_wrong_key_or_name_is_refused_with_the_same_words`.
    pub(super) fn caller(&self, credentials: &Credentials) -> Option<Caller> {
        let mut found = None;
        for known in self.agents.values() {
            let is_named = credentials
                .name
                .as_deref()
                .is_none_or(|name| name == &*known.listed.row.name);
            if bool::from(known.proves(&credentials.digest) & Choice::from(u8::from(is_named))) {
                found = Some(caller(&known.listed.row));
            }
        }
        found
    }

    /// The hashes of all keys that there are, whether or not they still open anything.
    pub(super) fn digests(&self) -> impl Iterator<Item = &[u8; 32]> {
        let agents = self.agents.values().map(|known| &known.digest);
        agents.chain(self.people.values().map(|known| &known.digest))
    }

    /// An agent as it is now: registered and not disabled, or the one that needs no key.
    pub(super) fn current(&self, agent: &str) -> Option<Caller> {
        match self.agents.get(agent) {
            Some(known) => (!known.listed.row.is_disabled()).then(|| caller(&known.listed.row)),
            None => self.anonymous().filter(|caller| &*caller.agent == agent),
        }
    }

    /// Whether a name may be registered for an agent.
    pub(super) fn refuse_taken_agent(&self, name: &str) -> Result<(), RegistryError> {
        if self.fixed.as_ref().is_some_and(|fixed| &*fixed.agent == name) {
            return Err(RegistryError::Declared(name.to_owned()));
        }
        self.agents.get(name).map_or(Ok(()), |known| Err(known.taken()))
    }

    pub(super) fn person(&self, digest: &[u8; 32]) -> Option<Person> {
        let mut found = None;
        for known in self.people.values() {
            if bool::from(known.proves(digest)) {
                found = Some(person(&known.listed.row));
            }
        }
        found
    }

    /// One who is known and not disabled: only their word counts.
    pub(super) fn active_person(&self, name: &str) -> Option<Person> {
        let known = self.people.get(name)?;
        (!known.listed.row.is_disabled()).then(|| person(&known.listed.row))
    }

    pub(super) fn is_active_person(&self, name: &str) -> bool {
        self.active_person(name).is_some()
    }

    /// Whether nobody but `name` is in the group `owner`.
    pub(super) fn is_last_owner(&self, name: &str) -> bool {
        let owners: Vec<&str> = self
            .people
            .values()
            .map(|known| &known.listed.row)
            .filter(|row| !row.is_disabled() && row.groups.iter().any(|group| &**group == OWNERS))
            .map(|row| &*row.name)
            .collect();
        owners == [name]
    }

    pub(super) fn put_agent(&mut self, row: AgentRow) {
        put(&mut self.agents, row);
    }

    pub(super) fn put_person(&mut self, row: PersonRow) {
        put(&mut self.people, row);
    }
}

/// A copy of a row that may be changed at run time.
pub(super) fn changeable<R: Row>(rows: &Rows<R>, name: &str) -> Result<R, RegistryError> {
    match rows.get(name) {
        None => Err(RegistryError::Unknown(name.to_owned())),
        Some(known) if known.listed.declared => Err(RegistryError::Declared(name.to_owned())),
        Some(known) => Ok(known.listed.row.clone()),
    }
}

fn put<R: Row>(rows: &mut Rows<R>, row: R) {
    let name = row.name().clone();
    if rows.get(&name).is_some_and(|known| known.listed.declared) {
        return;
    }
    let listed = Listed {
        row: row.clone(),
        declared: false,
    };
    // Rows are made by this module, with a hash of its own making. One that is not is nobody's key; it stays, for an
    // empty registry would let everyone in.
    let known = Known::new(row, false).unwrap_or_else(|_| Known {
        listed,
        digest: random_bytes(),
    });
    rows.insert(name, known);
}

fn declare<R: Row>(rows: impl Iterator<Item = Result<R, RegistryError>>) -> Result<Rows<R>, RegistryError> {
    let mut known = Rows::new();
    for row in rows {
        let row = row?;
        let name = row.name().clone();
        if known.insert(name.clone(), Known::new(row, true)?).is_some() {
            return Err(RegistryError::Twice(name.to_string()));
        }
    }
    Ok(known)
}

fn agent_row(declared: &DeclaredAgent, now: Timestamp) -> Result<AgentRow, RegistryError> {
    Ok(AgentRow {
        name: check_name(&declared.name)?,
        roles: check_names(&declared.roles)?,
        owner: declared.owner.clone(),
        key_sha256: declared.key_sha256.to_ascii_lowercase(),
        created: now,
        disabled: None,
    })
}

fn person_row(declared: &DeclaredPerson, now: Timestamp) -> Result<PersonRow, RegistryError> {
    Ok(PersonRow {
        name: check_name(&declared.name)?,
        groups: check_names(&declared.groups)?,
        key_sha256: declared.key_sha256.to_ascii_lowercase(),
        created: now,
        disabled: None,
    })
}

fn caller(row: &AgentRow) -> Caller {
    Caller {
        agent: row.name.clone(),
        roles: row.roles.clone().into(),
        owner: row.owner.clone(),
    }
}

fn person(row: &PersonRow) -> Person {
    Person {
        name: row.name.clone(),
        groups: row.groups.clone().into(),
        proof: Proof::Key,
    }
}

fn default_caller() -> Caller {
    Caller {
        agent: DEFAULT_AGENT.into(),
        roles: Arc::new([DEFAULT_AGENT.into()]),
        owner: None,
    }
}
