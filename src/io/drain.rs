//! Ending work: say stop to all, wait for each, for a bounded while.

use std::convert::Infallible;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

/// The one who ends the work.
#[derive(Debug)]
pub struct Drain {
    stop: watch::Sender<bool>,
    working: mpsc::Sender<Infallible>,
    done: mpsc::Receiver<Infallible>,
}

/// A piece of work that is waited for until it drops this.
#[derive(Clone, Debug)]
pub struct Working(
    #[expect(dead_code, reason = "held, never sent on: dropping it is the message")] mpsc::Sender<Infallible>,
);

impl Default for Drain {
    fn default() -> Self {
        let (working, done) = mpsc::channel(1);
        Self {
            stop: watch::Sender::new(false),
            working,
            done,
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
        Working(self.working.clone())
    }

    /// Says stop and waits until all work is done. False: some was still going on after `within`.
    pub async fn finish(self, within: Duration) -> bool {
        let Self {
            stop,
            working,
            mut done,
        } = self;
        stop.send_replace(true);
        drop(working);
        timeout(within, done.recv()).await.is_ok()
    }
}

/// Resolves when work is to end, also if who could say so is gone.
pub async fn stopping(mut draining: watch::Receiver<bool>) {
    // An error means that the sender is gone: there is nothing left to work for.
    let _gone = draining.wait_for(|stop| *stop).await.is_err();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn waits_for_work_but_not_for_ever() {
        let drain = Drain::default();
        let (draining, working) = (drain.draining(), drain.working());
        tokio::spawn(async move {
            stopping(draining).await;
            tokio::time::sleep(Duration::from_millis(20)).await;
            drop(working);
        });
        assert!(drain.finish(Duration::from_secs(5)).await);

        let drain = Drain::default();
        let _never_ends = drain.working();
        assert!(!drain.finish(Duration::from_millis(20)).await);
    }
}
