//! Holds: park, attach, decide, claim, expire. Stage, floor 2.
//!
//! Memory is the truth while running, rebuilt from the store's rows at start. Whoever wants an
//! approval changed takes its [`Turn`] (nobody else can change it meanwhile), makes a [`Draft`] of the new row, and has it
//! written with its entries ([`Draft::write`]): only then it is seen; a draft dropped before leaves everything as it was.
//! The store checks the revision as well, so that an approval is spent once even if this memory were wrong; where the disk
//! turns out to be ahead of it, it learns the row anew.
//!
//! ```text
//!                park                approve             consume
//!     (nothing) ──────▶ pending ───────────────▶ approved ───────▶ consumed
//!                       │ ▲ │ │ deny              │ │  ▲             │
//!                       │ │ │ └───▶ denied ◀──────┤ │  └─ returned ◀─┘ not sent
//!                       │ │ └─────▶ cancelled     │ │ the rule changed
//!                       │ └───────────────────────┼─┘
//!                       └─────────▶ expired ◀─────┘
//! ```
//! `returned` is as `approved` in all that follows from it. [`State::may_become`] is this table in code.

mod clock;
mod doubt;
mod draft;
mod fingerprint;
mod giving;
mod grants;
mod look_up;
mod memory;
mod notice;
mod patience;
mod queue;
mod sweep;
mod ticket;
mod turn;

#[cfg(test)]
pub(crate) mod tests;

use std::cmp::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use crate::metrics::Decisions;
use crate::model::change::ApprovalRow;
use crate::model::grant::Grant;
use crate::model::{ApprovalId, CallId, HoldRule, Outcome, State, Timestamp};

pub use clock::{CLOCK_SLACK, Uptime, Wall, steady};
use clock::{Clocks, Now};
pub use draft::Draft;
pub use fingerprint::{Fingerprint, Keys};
use grants::Grants;
pub use grants::{Given, NoGrant, Uses};
pub use look_up::Found;
use memory::Memory;
pub use notice::{Notices, Question, beginning, revision_option, shortened};
pub use patience::{CLIENTS, LONGEST, Patience, Wait, shipped as shipped_clients};
pub use queue::{Cursor, NoCursor};
pub use sweep::Sweep;
pub use ticket::{Ticket, Wake};
pub use turn::{Claim, NotOpen, Review, Settling, Turn, Veto};

/// Times and limits of approvals.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Life of a pending approval whose rule names none.
    pub pending: Duration,
    /// How long an approved call may come, and for how long its repetition is refused once it came.
    pub grant: Duration,
    /// For how long a denied call is refused without asking people again.
    pub cool_down: Duration,
    /// How many calls of one agent may wait for people. More would wear them out.
    pub max_pending_per_agent: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            pending: Duration::from_secs(15 * 60),
            grant: Duration::from_secs(10 * 60),
            cool_down: Duration::from_secs(10 * 60),
            max_pending_per_agent: 20,
        }
    }
}

/// All approvals that matter now. Cloning gives another handle to the same.
#[derive(Clone)]
pub struct Approvals {
    shared: Arc<Shared>,
}

struct Shared {
    config: Config,
    keys: Keys,
    clocks: Clocks,
    memory: Mutex<Memory>,
    grants: Mutex<Grants>,
    decisions: Arc<Decisions>,
}

/// An approval as it stands now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// As it is on disk.
    pub row: ApprovalRow,
    /// Its state now: `expired` from the moment its time is over, even if that is not on disk yet.
    pub state: State,
    /// How many connected clients wait for it.
    pub clients: usize,
    /// How the call it was spent on ended, and the provider's HTTP status, once told by [`Approvals::ended`].
    pub ended: Option<(Outcome, Option<u16>)>,
}

impl Standing {
    /// Whether it waits for people.
    pub fn waits(&self) -> bool {
        self.state == State::Pending
    }
}

/// Why no approval goes by the name given.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FindError {
    #[error("expected `apr_` and at least {SHORTEST} characters of an approval id, found `{0}`")]
    TooShort(String),
    #[error("no approval begins with `{0}`; finished ones are forgotten here after some minutes and stay in the trail")]
    Unknown(String),
    #[error("{count} approvals begin with `{prefix}`: give more characters")]
    Ambiguous { prefix: String, count: usize },
}

/// The fewest characters after `apr_` by which people may name an approval.
const SHORTEST: usize = 6;

impl Approvals {
    /// With the rows of the store that are not finished, or were finished within [`Approvals::remembered`].
    pub fn new(config: Config, keys: Keys, rows: Vec<ApprovalRow>) -> Self {
        Self::with_clocks(config, keys, rows, Clocks::system())
    }

    /// On a machine whose clocks, both, are so many seconds further; below zero the wall clock alone was set back.
    #[cfg(test)]
    pub(crate) fn moved(
        config: Config,
        keys: Keys,
        rows: Vec<ApprovalRow>,
        moved: Arc<std::sync::atomic::AtomicI64>,
    ) -> Self {
        let by = move || moved.load(std::sync::atomic::Ordering::SeqCst);
        let wall = by.clone();
        let clocks = Clocks::new(
            Box::new(move || Timestamp(Timestamp::now().0 + 1_000 * wall())),
            Box::new(move || Duration::from_secs(u64::try_from(by()).unwrap_or_default())),
        );
        Self::with_clocks(config, keys, rows, clocks)
    }

    fn with_clocks(config: Config, keys: Keys, rows: Vec<ApprovalRow>, clocks: Clocks) -> Self {
        let memory = Memory::restore(&config, rows, clocks.now());
        Self {
            shared: Arc::new(Shared {
                config,
                keys,
                clocks,
                memory: Mutex::new(memory),
                grants: Mutex::default(),
                decisions: Arc::default(),
            }),
        }
    }

    /// What the wall clock said at the last look at it; before the first sweep, as these were taken up.
    pub fn last_look(&self) -> Timestamp {
        let last = self.memory().clocks;
        last.map_or_else(|| self.now().wall, |last| last.wall)
    }

    /// How long an approved call may take to come.
    pub fn grant_life(&self) -> Duration {
        self.shared.config.grant
    }

    /// For how long finished approvals still matter.
    pub fn remembered(config: &Config) -> Duration {
        config.grant.max(config.cool_down)
    }

    pub fn keys(&self) -> &Keys {
        &self.shared.keys
    }

    /// Those of an agent that wait for people; oldest first.
    pub fn waiting_of(&self, agent: &str) -> Vec<Standing> {
        let now = self.now();
        let mut list: Vec<Standing> = self
            .memory()
            .settled()
            .filter(|slot| &*slot.row.facts.agent == agent && slot.state(now) == State::Pending)
            .map(|slot| slot.standing(now))
            .collect();
        list.sort_by(oldest_first);
        list
    }

    /// Those that changed behind `since`, at most so many of them, and what to ask with next: those that changed first come first. All
    /// there are where nothing is asked for, or a number that this start did not come to.
    pub fn changed(&self, since: Option<u64>, most: usize) -> (Vec<Standing>, u64) {
        let now = self.now();
        let memory = self.memory();
        let since = since.filter(|since| *since <= memory.changes).unwrap_or(0);
        if since == memory.changes {
            return (Vec::new(), since);
        }
        let mut changed: Vec<_> = memory.settled().filter(|slot| slot.change > since).collect();
        changed.sort_by_key(|slot| slot.change);
        let is_all = changed.len() <= most;
        changed.truncate(most);
        let last = changed.last().filter(|_| !is_all).map(|slot| slot.change);
        let next = last.unwrap_or(memory.changes);
        (changed.iter().map(|slot| slot.standing(now)).collect(), next)
    }

    /// What to ask for changes with that come from now on.
    pub fn latest(&self) -> u64 {
        self.memory().changes
    }

    /// How many wait for people.
    pub fn pending(&self) -> usize {
        let now = self.now();
        let memory = self.memory();
        memory
            .settled()
            .filter(|slot| slot.state(now) == State::Pending)
            .count()
    }

    /// Those that wait, and how often each was changed; oldest first.
    pub fn waiting(&self) -> Vec<(ApprovalId, u32)> {
        let now = self.now();
        let memory = self.memory();
        let mut waiting: Vec<_> = memory
            .settled()
            .filter(|slot| slot.state(now) == State::Pending)
            .map(|slot| (slot.row.created, &slot.row.id, slot.row.revision))
            .collect();
        waiting.sort();
        waiting
            .into_iter()
            .map(|(_, id, revision)| (id.clone(), revision))
            .collect()
    }

    /// What came of approvals since the start.
    pub fn decisions(&self) -> Arc<Decisions> {
        self.shared.decisions.clone()
    }

    pub fn get(&self, id: &ApprovalId) -> Option<Standing> {
        let now = self.now();
        let memory = self.memory();
        memory
            .get(id)
            .filter(|slot| slot.on_disk())
            .map(|slot| slot.standing(now))
    }

    /// These are on disk without their values: so they are shown from now on.
    pub fn erased(&self, rows: Vec<ApprovalRow>, grants: Vec<Grant>) {
        self.memory().erased(rows);
        self.grants_erased(grants);
    }

    /// Tells when an approval changes, or is forgotten; `None` if it is not there. What it has come to, `get` says.
    pub fn moves(&self, id: &ApprovalId) -> Option<watch::Receiver<u64>> {
        self.memory().get(id).map(|slot| slot.moved.subscribe())
    }

    /// The approval whose id is or begins with `name`.
    ///
    /// # Errors
    /// If `name` is too short to mean one, or none or several begin with it.
    pub fn find(&self, name: &str) -> Result<ApprovalId, FindError> {
        let shown = || name.chars().take(40).collect::<String>();
        let digits = name.strip_prefix(ApprovalId::PREFIX).unwrap_or_default();
        if digits.len() < SHORTEST {
            return Err(FindError::TooShort(shown()));
        }
        let memory = self.memory();
        // Who has the whole id (page, API, Slack) does not look through all that is there.
        if let Ok(id) = name.parse::<ApprovalId>()
            && memory.get(&id).is_some_and(|slot| slot.on_disk())
        {
            return Ok(id);
        }
        let mut found = memory
            .settled()
            .map(|slot| &slot.row.id)
            .filter(|id| id.as_str().starts_with(name));
        match (found.next(), found.count()) {
            (None, _) => Err(FindError::Unknown(shown())),
            (Some(id), 0) => Ok(id.clone()),
            (Some(_), others) => Err(FindError::Ambiguous {
                prefix: shown(),
                count: others + 1,
            }),
        }
    }

    /// Tells how the call that an approval was spent on ended, so that its repetition can be told.
    pub fn ended(&self, approval: &ApprovalId, call: &CallId, outcome: Outcome, status: Option<u16>) {
        if let Some(slot) = self.memory().get_mut(approval)
            && slot.row.consumed_by.as_ref() == Some(call)
        {
            slot.ended = Some((outcome, status));
        }
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        // Every change of the memory is complete before anything in it can panic, and the store checks revisions.
        self.shared.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Now {
        self.shared.clocks.now()
    }

    /// The life of an approval that these rules ask for: the shortest any of them gives.
    fn life(&self, rules: &[HoldRule]) -> Duration {
        rules
            .iter()
            .map(|rule| rule.timeout.unwrap_or(self.shared.config.pending))
            .min()
            .unwrap_or(self.shared.config.pending)
    }
}

fn oldest_first(one: &Standing, other: &Standing) -> Ordering {
    (one.row.created, &one.row.id).cmp(&(other.row.created, &other.row.id))
}
