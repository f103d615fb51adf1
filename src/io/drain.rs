//! Ending work: say stop to all, wait for each, for a bounded while.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

/// The one who ends the work.
#[derive(Debug)]
pub struct Drain {
    stop: watch::Sender<bool>,
    working: mpsc::Sender<Infallible>,
    done: mpsc::Receiver<Infallible>,
    apart: Apart,
}

/// Tasks that nobody else waits for.
type Apart = Arc<Mutex<JoinSet<()>>>;

/// A piece of work that is waited for until it drops this.
#[derive(Clone, Debug)]
pub struct Working {
    #[expect(dead_code, reason = "held, never sent on: dropping it is the message")]
    alive: mpsc::Sender<Infallible>,
    apart: Apart,
}

impl Working {
    /// Runs a task that outlives whoever started it, and ends with the drain at the latest. To be called on a runtime.
    pub fn apart(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut apart = self.apart.lock().unwrap_or_else(PoisonError::into_inner);
        while apart.try_join_next().is_some() {}
        apart.spawn(task);
    }
}

impl Default for Drain {
    fn default() -> Self {
        let (working, done) = mpsc::channel(1);
        Self {
            stop: watch::Sender::new(false),
            working,
            done,
            apart: Apart::default(),
        }
    }
}

impl Drain {
    /// True from the moment work is to end. Holding one keeps nobody waiting.
    pub fn draining(&self) -> watch::Receiver<bool> {
        self.stop.subscribe()
    }

    /// Says that work is to end, without waiting for it.
    pub fn begin(&self) {
        self.stop.send_replace(true);
    }

    pub fn working(&self) -> Working {
        Working {
            alive: self.working.clone(),
            apart: self.apart.clone(),
        }
    }

    /// Says stop and waits until all work is done. False: some was still going on at the `end`; what of it are tasks apart is
    /// dropped then.
    pub async fn finish(self, end: impl Future<Output = ()>) -> bool {
        let Self {
            stop,
            working,
            mut done,
            apart,
        } = self;
        stop.send_replace(true);
        drop(working);
        let finished = tokio::select! {
            biased;
            _ = done.recv() => true,
            () = end => false,
        };
        let mut left = std::mem::take(&mut *apart.lock().unwrap_or_else(PoisonError::into_inner));
        left.shutdown().await;
        finished
    }
}

/// Resolves when work is to end, also if who could say so is gone.
pub async fn stopping(mut draining: watch::Receiver<bool>) {
    // An error means that the sender is gone: there is nothing left to work for.
    let _gone = draining.wait_for(|stop| *stop).await.is_err();
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::sleep;

    use super::*;

    #[tokio::test]
    async fn waits_for_work_but_not_for_ever() {
        let drain = Drain::default();
        let (draining, working) = (drain.draining(), drain.working());
        tokio::spawn(async move {
            stopping(draining).await;
            sleep(Duration::from_millis(20)).await;
            drop(working);
        });
        assert!(drain.finish(sleep(Duration::from_secs(5))).await);

        let drain = Drain::default();
        let _never_ends = drain.working();
        assert!(!drain.finish(sleep(Duration::from_millis(20))).await);
    }

    #[tokio::test]
    async fn a_task_apart_is_dropped_when_the_drain_is_over() {
        let (drain, dropped) = (Drain::default(), Arc::new(()));
        let (working, held) = (drain.working(), dropped.clone());
        working.clone().apart(async move {
            let _held = (held, working);
            std::future::pending::<()>().await;
        });
        assert!(!drain.finish(sleep(Duration::from_millis(20))).await);
        assert_eq!(Arc::strong_count(&dropped), 1);
    }
}
