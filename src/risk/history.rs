//! What agents did so far, and what is usual of them. Learnt from executed calls only.
//!
//! **Slow poisoning.** Who wants the unusual to look usual gets there only by being executed, and slowly: each baseline takes
//! one observation a minute, none counts as further off than three deviations, and within a day no mean and no deviation gets
//! further than a bound from where it was (`baseline`). Something new is learnt once a minute at most.
//!
//! Memory is the truth while running; it is written now and then, off the way of calls ([`History::changed`]), and read
//! at start. What a crash forgets of its last minute is new again, which only raises a score.
//!
//! Bounded: agents are registered by people, actions are those of the vocabulary, and of hosts and kinds of targets the least
//! recently used are forgotten. No lock is held longer than a few look-ups take.

mod baseline;
mod by_name;
mod names;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Habits, Often, Usual};
use crate::model::change::HabitsRow;
use crate::model::risk::{BASELINE_FROM, Measure, New, Whose};
use crate::model::{Action, Timestamp};

use baseline::{Rates, Recent, Sizes};
use by_name::ByName;
use names::Names;

const MEASURES: usize = Measure::ALL.len();

/// What is usual of agents, and of all agents with an action.
#[derive(Debug, Default)]
pub struct History {
    agents: ByName<Agent>,
    actions: ByName<Everybody>,
}

/// Why what is stored is not taken up.
#[derive(Debug, thiserror::Error)]
#[error("what is stored of the habits of `{name}` cannot be read; restore the database from a backup")]
pub struct Unreadable {
    name: Arc<str>,
    #[source]
    source: serde_json::Error,
}

/// An agent's habits.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Agent {
    habits: HashMap<Arc<str>, Habit>,
    actions: Names,
    hosts: Names,
    kinds: Names,
}

/// Of an agent with an action.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Habit {
    sizes: Measured,
    rates: Rates,
    recent: Recent,
}

/// Of all agents with an action.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Everybody {
    sizes: Measured,
}

/// Sizes by measure, each in the order of [`Measure::ALL`].
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Measured {
    sizes: [Sizes; MEASURES],
    /// When something was learnt last: once a minute.
    learnt: i64,
}

impl Measured {
    fn learn(&mut self, values: &[Option<i64>; MEASURES], minute: i64) {
        if self.learnt == minute {
            return;
        }
        self.learnt = minute;
        for (sizes, value) in self.sizes.iter_mut().zip(values) {
            if let Some(value) = value {
                sizes.learn(*value, minute);
            }
        }
    }
}

/// What a call does, as it is learnt from.
#[derive(Clone, Debug)]
pub struct Deed {
    agent: Arc<str>,
    host: Arc<str>,
    meanings: Vec<Meaning>,
}

#[derive(Clone, Debug)]
struct Meaning {
    action: Arc<str>,
    kind: Arc<str>,
    values: [Option<i64>; MEASURES],
}

impl Deed {
    /// `host` as policies name it; `action` as it was judged.
    pub fn of(agent: &Arc<str>, host: &str, action: &Action) -> Deed {
        let meanings = action.deeds().map(|meaning| Meaning {
            action: meaning.name.clone(),
            kind: meaning.target.kind.clone(),
            values: values(meaning),
        });
        Deed {
            agent: agent.clone(),
            host: host.into(),
            meanings: meanings.collect(),
        }
    }
}

fn values(action: &Action) -> [Option<i64>; MEASURES] {
    Measure::ALL.map(|measure| action.int(measure.as_str()))
}

impl History {
    /// Remembers what was written last.
    ///
    /// # Errors
    /// What cannot be read.
    pub fn recall(&self, rows: Vec<HabitsRow>) -> Result<(), Unreadable> {
        for HabitsRow { of_agent, name, state } in rows {
            let unreadable = |source| Unreadable {
                name: name.clone(),
                source,
            };
            match of_agent {
                true => self
                    .agents
                    .put(&name, serde_json::from_str(&state).map_err(unreadable)?),
                false => self
                    .actions
                    .put(&name, serde_json::from_str(&state).map_err(unreadable)?),
            }
        }
        Ok(())
    }

    /// What is usual of the agent with one meaning of a call that is decided at `at`.
    pub fn habits(&self, agent: &str, host: &str, meaning: &Action, at: Timestamp) -> Habits {
        let (minute, values) = (minute(at), values(meaning));
        let mut found = Habits::default();
        self.agents.look(agent, |agent| {
            found.novelty = [
                (New::Action, agent.actions.novelty(&meaning.name)),
                (New::Host, agent.hosts.novelty(host)),
                (New::Kind, agent.kinds.novelty(&meaning.target.kind)),
            ]
            .map(|(new, novelty)| novelty.map(|(n, n1)| (new, n, n1)));
            if let Some(habit) = agent.habits.get(&meaning.name) {
                let (mean, n) = habit.rates.usual();
                let calls = habit.recent.within(minute).saturating_add(1);
                found.rate = (n > 0).then_some(Often { calls, mean, n });
                found.sizes = usual(&habit.sizes, &values, Whose::Agent, 1);
            }
        });
        let lacks = |(usual, value): (&Option<Usual>, &Option<i64>)| {
            value.is_some() && usual.is_none_or(|usual| usual.n < BASELINE_FROM)
        };
        if found.sizes.iter().zip(&values).any(lacks) {
            self.actions.look(&meaning.name, |everybody| {
                let usual = usual(&everybody.sizes, &values, Whose::Everybody, BASELINE_FROM);
                for (own, everybodys) in found.sizes.iter_mut().zip(usual) {
                    if own.is_none_or(|own| own.n < BASELINE_FROM) {
                        *own = everybodys.or(*own);
                    }
                }
            });
        }
        found
    }

    /// A call goes to the provider: it counts among those of the next 5 minutes, whatever comes of it.
    pub fn leaves(&self, deed: &Deed, at: Timestamp) {
        let minute = minute(at);
        self.agents.change(&deed.agent, |agent| {
            for meaning in &deed.meanings {
                let habit = agent.habits.entry(meaning.action.clone()).or_default();
                habit.recent.add(minute);
            }
        });
    }

    /// A call was executed, or may have been.
    // SECURITY: what is blocked, held or not sent teaches nothing, or an agent could make the unusual usual by asking for it.
    // Test: `only_what_was_executed_is_learnt`.
    pub fn learn(&self, deed: &Deed, at: Timestamp) {
        let minute = minute(at);
        self.agents.change(&deed.agent, |agent| {
            agent.hosts.learn(&deed.host, minute);
            for meaning in &deed.meanings {
                agent.actions.learn(&meaning.action, minute);
                agent.kinds.learn(&meaning.kind, minute);
                let habit = agent.habits.entry(meaning.action.clone()).or_default();
                habit.rates.count(minute);
                habit.sizes.learn(&meaning.values, minute);
            }
        });
        let sized = |meaning: &&Meaning| meaning.values.iter().any(Option::is_some);
        for meaning in deed.meanings.iter().filter(sized) {
            let learn = |everybody: &mut Everybody| everybody.sizes.learn(&meaning.values, minute);
            self.actions.change(&meaning.action, learn);
        }
    }

    /// All that changed since it was last asked for, to be written.
    pub fn changed(&self) -> Vec<HabitsRow> {
        let row = |of_agent| move |(name, state)| HabitsRow { of_agent, name, state };
        let agents = self.agents.changed().into_iter().map(row(true));
        agents
            .chain(self.actions.changed().into_iter().map(row(false)))
            .collect()
    }

    /// These could not be written: they are to be asked for again.
    pub fn unwritten(&self, rows: &[HabitsRow]) {
        for HabitsRow { of_agent, name, .. } in rows {
            match of_agent {
                true => self.agents.change(name, |_| {}),
                false => self.actions.change(name, |_| {}),
            }
        }
    }
}

fn usual(measured: &Measured, values: &[Option<i64>; MEASURES], by: Whose, from: i64) -> [Option<Usual>; MEASURES] {
    let mut usual = [None; MEASURES];
    for ((usual, sizes), value) in usual.iter_mut().zip(&measured.sizes).zip(values) {
        let (mean, sd, n) = sizes.usual();
        *usual = (value.is_some() && n >= from).then_some(Usual { by, mean, sd, n });
    }
    usual
}

fn minute(at: Timestamp) -> i64 {
    at.0.div_euclid(60_000)
}
