//! Checkpoints that are signed beside everything else, and how that ends.

use anyhow::Context;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::silence::Silence;
use crate::model::{Change, Timestamp};
use crate::{audit, publish};

/// Checkpoints under way.
pub(in crate::app) struct Running {
    pub(super) stop: watch::Sender<bool>,
    pub(super) task: JoinHandle<()>,
    pub(super) elsewhere: Option<publish::Running>,
    pub(super) silence: Silence,
}

impl Running {
    /// What a run ends with: `shutdown`, and before it why nothing was signed for long.
    pub(in crate::app) fn last_words(&self) -> Vec<Change> {
        let silence = self.silence.told(Timestamp::now());
        silence.into_iter().chain(audit::shutdown()).collect()
    }

    /// Signs the trail as it ended.
    ///
    /// # Errors
    /// If the task died.
    pub(in crate::app) async fn finish(self) -> anyhow::Result<()> {
        self.stop.send_replace(true);
        let ended = self.task.await.context("a task died");
        if let Some(elsewhere) = self.elsewhere {
            elsewhere.finish().await;
        }
        ended
    }
}
