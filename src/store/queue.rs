//! What waits for the writer: commits, a bounded number of them, and what may come later, never dropped.

mod growth;
mod ours;
mod submission;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicI64};
use std::sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, oneshot};

use ours::Ours;
pub(super) use submission::{Answer, Submission};

use super::CommitError;
use super::written::Written;
use crate::model::Change;
use crate::model::merkle::Hash;

/// Commits that may wait. At the rate of one fsync for each full group this is some milliseconds of work; more waiting
/// than this means that the disk has stopped, and each call would hold memory while its client gives up.
const MAX_WAITING: usize = 1024;
/// Submissions of one transaction: enough to make the fsync cheap, few enough to keep its latency.
pub(super) const MAX_GROUP: usize = 256;

/// How long what nobody waits for may wait for a commit to ride on: with a transaction of its own, each outcome would cost
/// an fsync.
const LINGER: Duration = Duration::from_millis(10);

/// Where commits come thick, one waits for others to share its fsync with, as long as more come within each of these and
/// no longer than [`GATHER_AT_MOST`]: an fsync costs as much as the rest of a call.
const GATHER: Duration = Duration::from_micros(150);
const GATHER_AT_MOST: u32 = 20;
/// Commits of the last group from which on the next one is gathered. Below, a commit waits for nobody.
const THICK: usize = 3;

/// What a commit waits on.
pub(super) type Verdict = oneshot::Receiver<Result<(), CommitError>>;

/// The writer's answer; Unavailable if the writer is gone.
pub(super) async fn answer(verdict: Verdict) -> Result<(), CommitError> {
    match verdict.await {
        Ok(result) => result,
        Err(_) => Err(CommitError::Unavailable("the writer has stopped".to_owned())),
    }
}

#[derive(Debug)]
pub(super) struct Queue {
    state: Mutex<State>,
    wake: Condvar,
    /// Place of the last entry on disk.
    reached: AtomicI64,
    /// Place of the last entry that a checkpoint is over.
    sealed: AtomicI64,
    /// How many entries that is, and their root.
    signed: Mutex<(u64, Hash)>,
    /// Told once so many entries wait for a checkpoint.
    grown: Notify,
    pub(super) written: Written,
    pub(super) ours: Ours,
    /// Why nothing is recorded any more, until the next start.
    condemned: OnceLock<String>,
    /// The same, if it is that somebody changed the trail.
    changed: OnceLock<String>,
    /// Somebody else wrote to the database since it was opened.
    disturbed: AtomicBool,
    /// Why the last erasure left traces in the file, if it did.
    traces: Mutex<Option<String>>,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Submission>,
    /// How many of them are commits.
    commits: usize,
    /// Why nothing can be written; commits are refused while it is set, and only what nobody waits for is `waiting`.
    failing: Option<String>,
    /// The last handle is gone: write what is left and end.
    closing: bool,
    /// The writer thread has ended.
    stopped: bool,
    /// The last entry of the run was queued.
    ended: bool,
    writer: Writer,
    /// Commits in the last group.
    last: usize,
}

/// What the writer thread does, so that it is woken only for what it waits for: a wake-up costs more than the queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Writer {
    /// Writing; it looks again by itself.
    #[default]
    Busy,
    /// Waiting for more commits to share an fsync.
    Gathering,
    /// Waiting for a commit; what nobody waits for is taken when the wait is over.
    Lingering,
    /// Waiting for anything.
    Asleep,
}

impl Queue {
    pub(super) fn new() -> Self {
        Self {
            state: Mutex::default(),
            wake: Condvar::new(),
            reached: AtomicI64::new(0),
            sealed: AtomicI64::new(0),
            signed: Mutex::default(),
            grown: Notify::new(),
            written: Written::default(),
            ours: Ours::default(),
            condemned: OnceLock::new(),
            changed: OnceLock::new(),
            disturbed: AtomicBool::new(false),
            traces: Mutex::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing under this lock can panic halfway through a change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a commit would be queued, if there were not too many.
    pub(super) fn is_serving(&self) -> bool {
        self.condemned().is_none() && self.lock().refuse_if_failing().is_ok()
    }

    /// What the file was cleaned of came to.
    pub(super) fn cleaned(&self, traces: Option<String>) {
        *self.traces.lock().unwrap_or_else(PoisonError::into_inner) = traces;
    }

    /// Why the last erasure left traces in the file, if it did.
    pub(super) fn traces(&self) -> Option<String> {
        self.traces.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Queues a commit, or refuses it at once.
    pub(super) fn submit(&self, changes: Vec<Change>) -> Result<Verdict, CommitError> {
        self.refuse_if_condemned(&changes)?;
        let state = self.lock();
        state.refuse_if_failing()?;
        state.refuse_behind_the_end(&changes)?;
        if state.commits >= MAX_WAITING {
            return Err(CommitError::Overloaded);
        }
        Ok(self.push(state, changes))
    }

    /// Queues what a run ends with: behind it nothing but checkpoints is written.
    pub(super) fn end(&self, changes: Vec<Change>) -> Result<Verdict, CommitError> {
        self.refuse_if_condemned(&changes)?;
        let mut state = self.lock();
        state.refuse_if_failing()?;
        state.ended = true;
        Ok(self.push(state, changes))
    }

    /// Queues a commit of nothing, behind all that came before; not bounded.
    pub(super) fn flush(&self) -> Result<Verdict, CommitError> {
        let state = self.lock();
        state.refuse_if_failing()?;
        Ok(self.push(state, Vec::new()))
    }

    fn push(&self, mut state: MutexGuard<'_, State>, changes: Vec<Change>) -> Verdict {
        self.ours.put(&changes);
        let (sender, receiver) = oneshot::channel();
        state.commits += 1;
        state.waiting.push_back(Submission {
            changes,
            answer: Answer::Waiting(sender),
        });
        let wanted = match state.writer {
            Writer::Busy => false,
            Writer::Gathering => state.waiting.len() >= MAX_GROUP,
            Writer::Lingering | Writer::Asleep => true,
        };
        drop(state);
        if wanted {
            self.wake.notify_one();
        }
        receiver
    }

    /// Queues what nobody waits for.
    pub(super) fn later(&self, changes: Vec<Change>) {
        if changes.is_empty() {
            return;
        }
        let mut state = self.lock();
        if state.stopped {
            tracing::error!(changes = changes.len(), "the writer has stopped: these are lost");
            return;
        }
        if state.refuse_behind_the_end(&changes).is_err() {
            tracing::warn!(
                changes = changes.len(),
                "what ended behind the end of the run is not recorded: the next start closes it as unknown"
            );
            return;
        }
        self.ours.put(&changes);
        state.waiting.push_back(Submission {
            changes,
            answer: Answer::Nobody,
        });
        let wanted = match state.writer {
            Writer::Busy => false,
            Writer::Gathering | Writer::Lingering => state.waiting.len() >= MAX_GROUP,
            Writer::Asleep => true,
        };
        drop(state);
        if wanted {
            self.wake.notify_one();
        }
    }

    /// The next group: whatever waits, up to [`MAX_GROUP`]; blocks until there is something. `None`: all is written and
    /// nothing more will come.
    pub(super) fn take(&self) -> Option<Vec<Submission>> {
        let mut state = self.lock();
        let mut lingered = false;
        while !state.closing && state.commits == 0 && state.waiting.len() < MAX_GROUP {
            if lingered && !state.waiting.is_empty() {
                break;
            }
            if lingered {
                state.writer = Writer::Asleep;
                state = self.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
                lingered = false;
            } else {
                state.writer = Writer::Lingering;
                let idle = |state: &mut State| !state.closing && state.commits == 0 && state.waiting.len() < MAX_GROUP;
                let waited = self.wake.wait_timeout_while(state, LINGER, idle);
                state = waited.unwrap_or_else(PoisonError::into_inner).0;
                lingered = true;
            }
        }
        if state.last >= THICK {
            state = self.gather(state);
        }
        state.writer = Writer::Busy;
        match state.waiting.is_empty() {
            true => None,
            false => Some(state.next_group()),
        }
    }

    /// Lets those who are about to commit too come first.
    fn gather<'a>(&'a self, mut state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        state.writer = Writer::Gathering;
        for _ in 0..GATHER_AT_MOST {
            let before = state.commits;
            let waited = self
                .wake
                .wait_timeout_while(state, GATHER, |state| !state.ends_gathering());
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
            if state.commits == before || state.ends_gathering() {
                break;
            }
        }
        state
    }

    /// Refuses all commits of `group` and all that wait, and puts back, in order, what nobody waits for. Until
    /// [`Queue::take_backlog`] finds nothing left, commits are refused with `why`.
    pub(super) fn fail(&self, why: &str, group: Vec<Submission>) {
        let mut state = self.lock();
        state.failing = Some(why.to_owned());
        state.commits = 0;
        let all: Vec<Submission> = group.into_iter().chain(state.waiting.drain(..)).collect();
        let mut refused = Vec::new();
        for submission in all {
            match submission.answer {
                Answer::Waiting(sender) => refused.push(sender),
                Answer::Nobody => state.waiting.push_back(submission),
            }
        }
        drop(state);
        for sender in refused {
            // Whoever dropped the future does not want to know.
            let _ = sender.send(Err(CommitError::Unavailable(why.to_owned())));
        }
    }

    /// Drops the first `count` of what was put back by [`Queue::fail`]: they turned out to be written.
    pub(super) fn forget(&self, count: usize) {
        let mut state = self.lock();
        let count = count.min(state.waiting.len());
        state.waiting.drain(..count);
    }

    /// After a failure: the next of what was put back; `None` ends the failure, and commits are taken again.
    pub(super) fn take_backlog(&self) -> Option<Vec<Submission>> {
        let mut state = self.lock();
        if state.waiting.is_empty() {
            state.failing = None;
            return None;
        }
        Some(state.next_group())
    }

    /// Waits for `pause`, or less once the last handle is gone. Whether it is gone.
    pub(super) fn rest(&self, pause: Duration) -> bool {
        let state = self.lock();
        let (state, _) = self
            .wake
            .wait_timeout_while(state, pause, |state| !state.closing)
            .unwrap_or_else(PoisonError::into_inner);
        state.closing
    }

    /// No handle is left: the writer ends once all is written.
    pub(super) fn close(&self) {
        self.lock().closing = true;
        self.wake.notify_one();
    }

    /// The writer thread is gone, however it ended: whoever waits is refused. How many changes nobody waits for are lost.
    pub(super) fn stop(&self) -> usize {
        self.fail("the writer has stopped", Vec::new());
        let mut state = self.lock();
        state.stopped = true;
        state.waiting.drain(..).map(|submission| submission.changes.len()).sum()
    }
}

impl State {
    fn ends_gathering(&self) -> bool {
        self.closing || self.commits == 0 || self.waiting.len() >= MAX_GROUP
    }

    fn refuse_if_failing(&self) -> Result<(), CommitError> {
        match &self.failing {
            Some(why) => Err(CommitError::Unavailable(why.clone())),
            None => Ok(()),
        }
    }

    /// SECURITY: what stands behind `shutdown` takes the last word from it: the next start would not hold it that nobody decides
    /// anything behind the end of a run. Test: `behind_the_end_of_a_run_nothing_is_written_but_checkpoints`.
    fn refuse_behind_the_end(&self, changes: &[Change]) -> Result<(), CommitError> {
        let seals = changes.iter().all(|change| matches!(change, Change::Sealed(_)));
        match self.ended && !seals {
            true => Err(CommitError::Unavailable("the sidecar has ended".to_owned())),
            false => Ok(()),
        }
    }

    fn next_group(&mut self) -> Vec<Submission> {
        let count = self.waiting.len().min(MAX_GROUP);
        let group: Vec<Submission> = self.waiting.drain(..count).collect();
        let commits = group
            .iter()
            .filter(|submission| matches!(submission.answer, Answer::Waiting(_)))
            .count();
        self.commits = self.commits.saturating_sub(commits);
        self.last = commits;
        group
    }
}

#[cfg(test)]
mod tests;
