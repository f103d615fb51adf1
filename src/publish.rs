//! Puts checkpoints where the configuration says, off the way of calls and of the sealer: by a webhook, and before witnesses.
//! Floor 4.
//!
//! - A task for each place. It is told of the newest checkpoint alone: what a place has missed is in the next one, so nothing
//!   queues, however long it is away.
//! - Attempts that fail are repeated, ever more slowly. That they begin to fail is on record once, and so is that they go on, so
//!   often in an hour ([`Turns`]).
//! - Nothing is read back: a start holds the trail to the file alone ([`crate::audit::Anchor`]).

mod webhook;
mod witness;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::audit::{Failing, Fault, Signed, Turns, contradicts};
use crate::io::drain;
use crate::metrics::{Metrics, Publisher};
use crate::model::secret::random_bytes;
use crate::store::Store;
use crate::upstream::{Destination, Errands};

pub use webhook::Webhook;
pub use witness::Witness;

/// After the first attempt that failed; it doubles with each.
const FIRST_PAUSE: Duration = Duration::from_secs(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(5 * 60);
/// For the end of the trail, when we are to end.
const END_WITHIN: Duration = Duration::from_secs(3);

/// `audit.publish` of the configuration, but for its file.
#[derive(Clone, Debug, Default)]
pub struct Config {
    pub webhook: Option<Webhook>,
    pub witnesses: Vec<Witness>,
    /// What these may be although their address is not global.
    pub destinations: Vec<Destination>,
}

impl Config {
    /// Whether checkpoints go anywhere from here.
    pub fn is_empty(&self) -> bool {
        self.webhook.is_none() && self.witnesses.is_empty()
    }
}

/// What publishing needs of the rest of the house.
pub struct Parts {
    pub store: Store,
    pub metrics: Arc<Metrics>,
    pub errands: Arc<Errands>,
    /// Where what witnesses signed last is kept.
    pub state: PathBuf,
    /// What is on record of each place.
    pub failing: Failing,
    pub told: Told,
    /// Whether we end, so that nothing more is recorded: the last entry is to be `shutdown`.
    pub ends: Ends,
}

/// Asked whether we end.
pub type Ends = Box<dyn Fn() -> bool + Send + Sync>;

/// Told of each place by its name what became of a checkpoint there.
pub type Told = Box<dyn Fn(&str, Came) + Send + Sync>;

/// What became of a checkpoint at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Came {
    Published,
    /// It did not get there.
    Failed,
    /// It speaks against what somebody else signed.
    Contradicted,
}

/// Where the newest checkpoint is put down for all places.
#[derive(Debug)]
pub struct Newest(watch::Sender<Option<Arc<Signed>>>);

impl Newest {
    /// Waits for nobody.
    pub fn put(&self, signed: &Signed) {
        self.0.send_replace(Some(Arc::new(signed.clone())));
    }
}

/// Publishing under way.
#[derive(Debug)]
pub struct Running {
    ending: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

impl Running {
    /// Gives what was put down last to who has not got it yet and answers at once.
    pub async fn finish(mut self) {
        self.ending.send_replace(true);
        while let Some(ended) = self.tasks.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "a place of checkpoints got none since");
            }
        }
    }
}

/// Begins to publish.
pub fn start(config: &Config, parts: Parts) -> (Newest, Running) {
    let (newest, signed) = watch::channel(None);
    let (ending, ends) = watch::channel(false);
    let mut tasks = JoinSet::new();
    let parts = Arc::new(parts);
    let webhook = config.webhook.iter().cloned().map(Place::Webhook);
    let witnesses = config.witnesses.iter().cloned();
    let witnesses = witnesses.map(|witness| Place::Witness(Box::new(witness::Asked::new(witness, &parts.state))));
    for place in webhook.chain(witnesses) {
        let course = Course::new(place.name(), &parts.failing);
        // A restart does not make unsaid what a witness said.
        if parts
            .failing
            .get(&Some(place.name()))
            .is_some_and(|failed| failed.is_against)
        {
            (parts.told)(&course.name, Came::Contradicted);
        }
        tasks.spawn(keep(parts.clone(), (place, course), signed.clone(), ends.clone()));
    }
    (Newest(newest), Running { ending, tasks })
}

/// One that takes checkpoints.
enum Place {
    Webhook(Webhook),
    Witness(Box<witness::Asked>),
}

/// Why a checkpoint is not there.
struct Unpublished {
    /// In a word, for the record.
    code: Code,
    why: String,
    /// When to come again, as the place says.
    wanted: Option<Duration>,
}

/// [`Unpublished`] in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Code {
    /// No answer.
    Unreachable,
    /// Another one than that it was taken.
    Refused,
    /// It was taken, and what was given for it is not what it should be.
    Invalid,
    /// A witness signed a longer trail.
    Ahead,
    /// A witness signed a trail that this one does not continue.
    Forked,
    /// A witness says that it did not sign what is kept with its signature, and this trail continues.
    Denied,
    /// That the checkpoint continues what a witness has cannot be shown from the database.
    Unproven,
    /// What a witness signed could not be kept.
    Unkept,
}

impl Code {
    fn as_str(self) -> &'static str {
        match self {
            Code::Unreachable => "unreachable",
            Code::Refused => "refused",
            Code::Invalid => "invalid",
            Code::Ahead => "ahead",
            Code::Forked => "forked",
            Code::Denied => "denied",
            Code::Unproven => "unproven",
            Code::Unkept => "unwritable",
        }
    }

    /// Whether this trail is not the one that a witness signed.
    fn contradicts(self) -> bool {
        contradicts(self.as_str())
    }

    fn fault(self) -> Fault {
        Fault {
            word: self.as_str(),
            is_no_outage: self.contradicts() || matches!(self, Code::Denied | Code::Invalid),
        }
    }
}

impl Place {
    fn name(&self) -> String {
        match self {
            Place::Webhook(_) => "webhook".to_owned(),
            Place::Witness(asked) => format!("witness:{}", asked.name()),
        }
    }

    fn publisher(&self) -> Publisher {
        match self {
            Place::Webhook(_) => Publisher::Webhook,
            Place::Witness(_) => Publisher::Witness,
        }
    }

    async fn put(&mut self, parts: &Parts, signed: &Signed) -> Result<(), Unpublished> {
        match self {
            Place::Webhook(webhook) => webhook.post(&parts.errands, signed).await,
            Place::Witness(asked) => asked.cosign(&parts.errands, &parts.store, signed).await,
        }
    }
}

async fn keep(
    parts: Arc<Parts>,
    (mut place, mut course): (Place, Course),
    mut newest: watch::Receiver<Option<Arc<Signed>>>,
    ending: watch::Receiver<bool>,
) {
    let mut there: Option<Arc<Signed>> = None;
    let stopping = drain::stopping(ending);
    tokio::pin!(stopping);
    loop {
        tokio::select! {
            () = &mut stopping => break,
            () = course.due(&mut newest) => {}
        }
        // What waited for its turn is overtaken by what was signed meanwhile.
        let Some(signed) = newest.borrow_and_update().clone() else {
            continue;
        };
        let tried = tokio::select! {
            tried = place.put(&parts, &signed) => tried,
            () = &mut stopping => break,
        };
        parts.metrics.published(place.publisher(), tried.is_ok());
        (parts.told)(&course.name, came(&tried));
        there = tried.is_ok().then_some(signed).or(there);
        course.came_of(tried, &parts).await;
    }
    let last = newest.borrow().clone();
    let missing = last.filter(|last| there.as_ref().is_none_or(|there| there.note != last.note));
    if let Some(last) = missing {
        let tried = timeout(END_WITHIN, place.put(&parts, &last)).await;
        if !matches!(tried, Ok(Ok(()))) {
            tracing::warn!(
                to = course.name,
                "the end of the trail could not be published before the sidecar ended"
            );
        }
    }
}

fn came(tried: &Result<(), Unpublished>) -> Came {
    match tried {
        Ok(()) => Came::Published,
        Err(unpublished) if unpublished.code.contradicts() => Came::Contradicted,
        Err(_) => Came::Failed,
    }
}

/// How publishing to one place goes.
struct Course {
    /// Of the place.
    name: String,
    /// Attempts since the last one that came through.
    failed: u32,
    /// Until the next attempt; `None`: once there is something new.
    pause: Option<Duration>,
    /// What is on record of it.
    turns: Turns,
}

impl Course {
    fn new(name: String, failing: &Failing) -> Self {
        let recorded = failing.get(&Some(name.clone())).cloned();
        Self {
            turns: Turns::new(Some(name.clone()), recorded),
            name,
            failed: 0,
            pause: None,
        }
    }

    /// Until there is something to do.
    async fn due(&self, newest: &mut watch::Receiver<Option<Arc<Signed>>>) {
        match self.pause {
            Some(pause) => sleep(pause).await,
            None => {
                if newest.changed().await.is_err() {
                    // Nothing will come: the end is told by another way.
                    std::future::pending::<()>().await;
                }
            }
        }
    }

    async fn came_of(&mut self, tried: Result<(), Unpublished>, parts: &Parts) {
        let code = match tried {
            Ok(()) => {
                (self.failed, self.pause) = (0, None);
                None
            }
            Err(Unpublished { code, why, wanted }) => {
                self.failed = self.failed.saturating_add(1);
                let pause = pause(self.failed, wanted);
                self.pause = Some(pause);
                self.log(code, &why, pause.as_secs());
                Some(code)
            }
        };
        if !(parts.ends)() {
            self.record(code, &parts.store).await;
        }
    }

    fn log(&self, code: Code, why: &str, seconds: u64) {
        let to = &self.name;
        if code.contradicts() {
            tracing::error!(
                to,
                why,
                reason = code.as_str(),
                "this trail is not the one that a witness signed: the database was set back or copied, or somebody else signs with its key; \
                 asked again in {seconds} s"
            );
        } else {
            tracing::error!(
                to,
                why,
                reason = code.as_str(),
                "the checkpoint could not be published: tried again in {seconds} s"
            );
        }
    }

    /// Once when publishing begins to fail, and once when it goes on; and whatever is known of the trail by it.
    async fn record(&mut self, code: Option<Code>, store: &Store) {
        let (now, reason) = (Instant::now(), code.map(Code::fault));
        let Some(turned) = self.turns.turn(now, reason) else {
            return;
        };
        match store.write(turned).await {
            Ok(_) => self.turns.is_made(now, reason),
            Err(error) => tracing::error!(%error, to = self.name, "what became of the anchor is not on record"),
        }
    }
}

/// Before the next attempt. Half of it is left to chance, so that what failed together is not tried together.
fn pause(failed: u32, wanted: Option<Duration>) -> Duration {
    let doubled = FIRST_PAUSE.saturating_mul(1 << failed.saturating_sub(1).min(10));
    let half = doubled.min(LONGEST_PAUSE) / 2;
    let chance = half.mul_f64(f64::from(u16::from_be_bytes(random_bytes())) / f64::from(u16::MAX));
    (half + chance).max(wanted.unwrap_or_default().min(LONGEST_PAUSE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_five_minutes_and_half_of_each_is_chance() {
        for (failed, longest) in [(1, 5), (2, 10), (4, 40), (9, 300), (u32::MAX, 300)] {
            for _ in 0..50 {
                let (pause, longest) = (pause(failed, None), Duration::from_secs(longest));
                assert!(pause >= longest / 2 && pause <= longest, "{failed} {pause:?}");
            }
        }
        let some: std::collections::BTreeSet<_> = (0..50).map(|_| pause(9, None)).collect();
        assert!(some.len() > 10, "{some:?}");
    }

    #[test]
    fn a_place_may_ask_for_five_minutes_at_most() {
        assert_eq!(pause(1, Some(Duration::from_secs(120))).as_secs(), 120);
        assert_eq!(pause(1, Some(Duration::MAX)), LONGEST_PAUSE);
    }
}
