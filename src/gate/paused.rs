//! Who is paused: asked before anything else, as soon as it is known who calls.

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::sync::watch;

use crate::model::pause::{Pause, Whom};
use crate::model::{Reason, Refusal};

/// The pauses that stand, for every door.
#[derive(Debug, Default)]
pub struct Paused {
    standing: ArcSwap<Standing>,
    changed: watch::Sender<()>,
}

#[derive(Clone, Debug, Default)]
struct Standing {
    everyone: Option<Pause>,
    agents: BTreeMap<Arc<str>, Pause>,
}

impl Standing {
    fn put(&mut self, pause: Pause) {
        match pause.whom.clone() {
            Whom::Everyone => self.everyone = Some(pause),
            Whom::Agent(name) => drop(self.agents.insert(name, pause)),
        }
    }

    fn of(&self, agent: &str) -> Option<&Pause> {
        self.everyone.as_ref().or_else(|| self.agents.get(agent))
    }
}

impl Paused {
    /// As they stand on disk.
    pub fn new(pauses: Vec<Pause>) -> Self {
        let mut standing = Standing::default();
        pauses.into_iter().for_each(|pause| standing.put(pause));
        Self {
            standing: ArcSwap::from_pointee(standing),
            changed: watch::Sender::new(()),
        }
    }

    /// Whether an agent may have anything sent.
    ///
    /// # Errors
    /// `paused`, in words for the agent. Who paused it, and why, stays among people.
    pub fn check(&self, agent: &str) -> Result<(), Refusal> {
        match self.standing.load().of(agent) {
            None => Ok(()),
            Some(pause) => Err(Refusal::new(
                Reason::Paused,
                format!(
                    "a person has paused this agent (since {}), and none of its calls is sent until a person resumes it",
                    pause.since
                ),
            )),
        }
    }

    /// The pause that keeps an agent from calling.
    pub fn of(&self, agent: &str) -> Option<Pause> {
        self.standing.load().of(agent).cloned()
    }

    /// The pause that was made for exactly these.
    pub fn for_whom(&self, whom: &Whom) -> Option<Pause> {
        let standing = self.standing.load();
        match whom {
            Whom::Everyone => standing.everyone.clone(),
            Whom::Agent(name) => standing.agents.get(name).cloned(),
        }
    }

    /// That of everyone first, then by name.
    pub fn list(&self) -> Vec<Pause> {
        let standing = self.standing.load();
        standing
            .everyone
            .iter()
            .chain(standing.agents.values())
            .cloned()
            .collect()
    }

    /// In force when this returns, in place of one that stood.
    pub fn put(&self, pause: &Pause) {
        self.change(|standing| standing.put(pause.clone()));
    }

    pub fn lift(&self, whom: &Whom) {
        self.change(|standing| match whom {
            Whom::Everyone => standing.everyone = None,
            Whom::Agent(name) => drop(standing.agents.remove(name)),
        });
    }

    fn change(&self, change: impl Fn(&mut Standing)) {
        self.standing.rcu(|standing| {
            let mut standing = Standing::clone(standing);
            change(&mut standing);
            standing
        });
        self.changed.send_replace(());
    }

    /// Tells of every change: whatever goes on has to ask again.
    pub fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// Resolves as soon as an agent is paused, at once if it is.
    pub async fn stops(&self, agent: &str) -> Refusal {
        let mut changes = self.changes();
        loop {
            if let Err(refusal) = self.check(agent) {
                return refusal;
            }
            // The sender is ours.
            let _changed = changes.changed().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Timestamp;

    fn pause(whom: Whom) -> Pause {
        Pause {
            whom,
            by: "olga".into(),
            reason: Some("looks stolen".to_owned()),
            since: Timestamp(1_795_176_000_000),
        }
    }

    fn agent(name: &str) -> Whom {
        Whom::Agent(name.into())
    }

    #[test]
    fn a_pause_is_for_its_agent_and_that_of_everyone_for_all() {
        let paused = Paused::new(vec![pause(agent("one"))]);
        assert!(paused.check("one").is_err() && paused.check("other").is_ok());
        paused.put(&pause(Whom::Everyone));
        assert!(paused.check("other").is_err());
        assert_eq!(paused.list().len(), 2);
        paused.lift(&Whom::Everyone);
        assert!(paused.check("other").is_ok());
        assert!(paused.check("one").is_err(), "its own pause stands");
        paused.lift(&agent("one"));
        assert!(paused.check("one").is_ok() && paused.list().is_empty());
    }

    #[test]
    fn an_agent_is_not_told_who_paused_it_nor_why() {
        let paused = Paused::new(vec![pause(Whom::Everyone)]);
        let refusal = paused.check("one").unwrap_err();
        assert_eq!(refusal.reason, Reason::Paused);
        assert!(refusal.detail.contains("2026-11-20"), "{refusal}");
        assert!(
            !refusal.detail.contains("olga") && !refusal.detail.contains("stolen"),
            "{refusal}"
        );
    }

    #[tokio::test]
    async fn whoever_waits_is_woken_by_the_pause_of_its_agent_alone() {
        let paused = Paused::default();
        let mut stopped = std::pin::pin!(paused.stops("one"));
        assert!(futures_now(stopped.as_mut()).await.is_none());
        paused.put(&pause(agent("other")));
        assert!(futures_now(stopped.as_mut()).await.is_none());
        paused.put(&pause(agent("one")));
        assert_eq!(stopped.await.reason, Reason::Paused);
    }

    /// What a future gives without being waited for.
    async fn futures_now<T>(future: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            done = future => Some(done),
            () = std::future::ready(()) => None,
        }
    }
}
