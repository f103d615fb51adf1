//! The memory set aside for contents, and each agent's share of it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::CaptureError;

/// One permit is one byte.
#[derive(Debug)]
pub(super) struct Memory {
    all: Arc<Semaphore>,
    /// What one agent may have of it.
    share: usize,
    /// As many as are registered: they are asked for by agents that proved who they are.
    agents: Mutex<HashMap<Arc<str>, Arc<Semaphore>>>,
}

/// Bytes that were promised, of all memory and of an agent's share; given back when dropped.
pub(super) struct Reserved {
    all: OwnedSemaphorePermit,
    own: OwnedSemaphorePermit,
}

impl Memory {
    /// `total` bytes, of which one agent has half, or what the largest content needs.
    pub(super) fn new(total: usize, largest: usize) -> Self {
        let total = total.min(Semaphore::MAX_PERMITS);
        Self {
            all: Arc::new(Semaphore::new(total)),
            share: largest.max(total / 2).min(total),
            agents: Mutex::default(),
        }
    }

    // SECURITY: many large bodies at once must not take the machine's memory, and those of one agent (32 copies of one held
    // call) not that of all others; the one too many is refused, never one that is being judged. Tests:
    // `bodies_together_beyond_the_memory_are_refused`, `one_agents_bodies_leave_memory_for_others`.
    pub(super) fn reserve(&self, agent: &Arc<str>, bytes: usize) -> Result<Reserved, CaptureError> {
        let bytes = u32::try_from(bytes).map_err(|_| CaptureError::NoMemory)?;
        let own = self.own(agent).try_acquire_many_owned(bytes);
        let own = own.map_err(|_| CaptureError::NoShare)?;
        let all = self.all.clone().try_acquire_many_owned(bytes);
        let all = all.map_err(|_| CaptureError::NoMemory)?;
        Ok(Reserved { all, own })
    }

    fn own(&self, agent: &Arc<str>) -> Arc<Semaphore> {
        // A panic leaves the map whole: each change is one insertion.
        let mut agents = self.agents.lock().unwrap_or_else(PoisonError::into_inner);
        let own = agents.entry(agent.clone());
        own.or_insert_with(|| Arc::new(Semaphore::new(self.share))).clone()
    }
}

#[cfg(test)]
impl Memory {
    pub(super) fn free(&self) -> usize {
        self.all.available_permits()
    }
}

impl Reserved {
    pub(super) fn bytes(&self) -> usize {
        self.all.num_permits()
    }

    pub(super) fn add(&mut self, more: Reserved) {
        self.all.merge(more.all);
        self.own.merge(more.own);
    }
}
