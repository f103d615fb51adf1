//! The two clocks: the one that people set, and the one that nobody sets. While running, the second decides what is over:
//! a step of the wall clock ends nothing and lengthens nothing. Time that the machine was suspended counts, so that
//! no approval outlives its expiry by sleeping through it.

use std::time::Duration;

use tokio::time::Instant;

use crate::model::Timestamp;
use crate::model::time::Jump;

/// A difference of the clocks by more than this is a jump, not drift.
pub const CLOCK_SLACK: Duration = Duration::from_secs(5);
/// Sleep is known to about a hundredth of a second; less than this is none.
const NOISE: Duration = Duration::from_secs(1);

/// The wall clock; another one in tests.
pub type Wall = Box<dyn Fn() -> Timestamp + Send + Sync>;
/// For how long the machine was suspended since the start.
pub(super) type Slept = Box<dyn Fn() -> Duration + Send + Sync>;

/// A moment by both clocks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Now {
    pub(super) wall: Timestamp,
    /// By the clock that nobody sets, the machine's sleep included.
    pub(super) running: Instant,
}

impl Now {
    /// How the wall clock went astray since `before`, if it did.
    pub(super) fn jump_since(self, before: Now) -> Option<Jump> {
        let expected = before.wall.plus(self.running.saturating_duration_since(before.running));
        Jump::between(expected, self.wall, CLOCK_SLACK)
    }
}

pub(super) struct Clocks {
    wall: Wall,
    slept: Slept,
}

impl Clocks {
    pub(super) fn new(wall: Wall, slept: Slept) -> Self {
        Self { wall, slept }
    }

    pub(super) fn system() -> Self {
        Self::new(Box::new(Timestamp::now), system_sleep())
    }

    pub(super) fn now(&self) -> Now {
        Now {
            wall: (self.wall)(),
            running: Instant::now() + (self.slept)(),
        }
    }
}

/// `Instant` stands still while the machine sleeps, its age goes on. Where the system tells no age, every step forward of the
/// wall clock counts as sleep: that can only end things early.
fn system_sleep() -> Slept {
    let start = std::time::Instant::now();
    let (up, wall) = (uptime(), Timestamp::now());
    Box::new(move || {
        let passed = match up.zip(uptime()) {
            Some((before, now)) => now.saturating_sub(before),
            None => Timestamp::now().since(wall),
        };
        let slept = passed.saturating_sub(start.elapsed());
        Some(slept).filter(|slept| *slept > NOISE).unwrap_or_default()
    })
}

/// A clock that nobody sets: the time on the wall when it started, and what has passed since, the machine's sleep included.
pub fn steady() -> Wall {
    let clocks = Clocks::system();
    let start = clocks.now();
    Box::new(move || {
        start
            .wall
            .plus(clocks.now().running.saturating_duration_since(start.running))
    })
}

/// What the machine itself says of its age: nobody sets that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Uptime {
    /// Which of its starts it counts from.
    pub boot: String,
    /// Sleep included.
    pub since: Duration,
}

impl Uptime {
    /// `None` where the system does not tell.
    pub fn now() -> Option<Uptime> {
        let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
        Some(Uptime {
            boot: boot.trim().to_owned(),
            since: uptime()?,
        })
    }
}

/// Not by `/proc/uptime`: in a container that may be the container's own age, beside the machine's `boot_id`.
#[cfg(target_os = "linux")]
fn uptime() -> Option<Duration> {
    rustix::time::clock_gettime(rustix::time::ClockId::Boottime)
        .try_into()
        .ok()
}

#[cfg(not(target_os = "linux"))]
fn uptime() -> Option<Duration> {
    None
}
