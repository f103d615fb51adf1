//! Running means that are slow to be led astray: of sizes, and of how often something is done.
//!
//! Each observation moves a mean by α = 2 / (N + 1) of how far it is off, N = 200 (by 1/n while there are fewer than that
//! takes); none is taken for further off than three deviations. That alone would not stop who raises a little at a time: the
//! deviation grows with the mean. So in 24 hours from where a mean stood it gets no further than a factor of 1.5, and a
//! deviation no further than 1.25: within any 24 hours, at most 2.25 and 1.5625.

use serde::{Deserialize, Serialize};

use crate::model::risk::BASELINE_FROM;
use crate::risk::factors::LEAST_SD;
use crate::risk::number::millionths_of_ln;

/// In minutes.
const DAY: i64 = 24 * 60;
/// ln 1.5, in millionths: how far the mean of ln(1 + v) may get in a day.
const DRIFT: i64 = 405_465;

/// What part of its way to an observation a mean goes, after `n` before it.
fn step(way: i64, n: i64) -> i64 {
    match n < 100 {
        true => way / (n + 1),
        false => way * 2 / 201,
    }
}

/// Of ln(1 + value), in millionths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Sizes {
    mean: i64,
    /// In millionths squared.
    variance: i64,
    n: i64,
    /// Where mean and deviation stood, and in which minute.
    before: (i64, i64),
    since: i64,
}

impl Sizes {
    /// Mean, standard deviation, and over how many.
    pub(super) fn usual(&self) -> (i64, i64, i64) {
        (self.mean, self.deviation(), self.n)
    }

    fn deviation(&self) -> i64 {
        self.variance.max(0).isqrt()
    }

    pub(super) fn learn(&mut self, value: i64, minute: i64) {
        let observed = millionths_of_ln(value.saturating_abs());
        if self.n == 0 {
            self.mean = observed;
        }
        if is_over(self.since, minute, self.n) {
            (self.before, self.since) = ((self.mean, self.deviation()), minute);
        }
        let most = 3 * self.deviation().max(LEAST_SD);
        let way = (observed - self.mean).clamp(-most, most);
        let moved = step(way, self.n);
        // Finch: (1 - α)(variance + way·α·way).
        let variance = self.variance + way * moved;
        self.variance = variance - step(variance, self.n);
        self.mean += moved;
        self.n = self.n.saturating_add(1);
        if self.n > BASELINE_FROM {
            let (mean, deviation) = self.before;
            let widest = deviation.max(LEAST_SD) * 5 / 4;
            self.mean = self.mean.clamp(mean - DRIFT, mean + DRIFT);
            self.variance = self.variance.min(widest * widest);
        }
    }
}

/// Calls within 5 minutes, where there were any.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Rates {
    /// In thousandths.
    mean: i64,
    n: i64,
    before: i64,
    since: i64,
    /// The 5 minutes that are being counted, since 1970.
    window: i64,
    count: i64,
}

impl Rates {
    /// Mean, in thousandths, and over how many.
    pub(super) fn usual(&self) -> (i64, i64) {
        (self.mean, self.n)
    }

    /// One more call. What was counted is learnt once its 5 minutes are over.
    pub(super) fn count(&mut self, minute: i64) {
        let window = minute.div_euclid(5);
        if window != self.window {
            if self.count > 0 {
                self.learn(self.count, minute);
            }
            (self.window, self.count) = (window, 0);
        }
        self.count = self.count.saturating_add(1);
    }

    fn learn(&mut self, count: i64, minute: i64) {
        let observed = count.saturating_mul(1_000);
        if self.n == 0 {
            self.mean = observed;
        }
        if is_over(self.since, minute, self.n) {
            (self.before, self.since) = (self.mean, minute);
        }
        // The deviation of a Poisson distribution is the root of its mean.
        let most = 3 * self.mean.saturating_mul(1_000).isqrt();
        let way = observed.saturating_sub(self.mean).clamp(-most, most);
        self.mean += step(way, self.n);
        self.n = self.n.saturating_add(1);
        if self.n > BASELINE_FROM {
            self.mean = self.mean.clamp(self.before * 2 / 3, self.before.saturating_mul(3) / 2);
        }
    }
}

/// Whether what is held to is to be taken anew: as long as there is no baseline, and a day later.
fn is_over(since: i64, minute: i64, n: i64) -> bool {
    n <= BASELINE_FROM || minute.saturating_sub(since).saturating_abs() >= DAY
}

/// Calls of the last 5 minutes, by minute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Recent([(i64, i64); MINUTES]);

const MINUTES: usize = 5;

impl Recent {
    pub(super) fn add(&mut self, minute: i64) {
        let place = usize::try_from(minute.rem_euclid(MINUTES as i64)).unwrap_or(0);
        if let Some((of, count)) = self.0.get_mut(place) {
            if *of != minute {
                (*of, *count) = (minute, 0);
            }
            *count = count.saturating_add(1);
        }
    }

    /// With those of later minutes, should the clock have been set back: too many rather than too few.
    pub(super) fn within(&self, minute: i64) -> i64 {
        let recent = self.0.iter().filter(|(of, _)| *of > minute - MINUTES as i64);
        recent.map(|(_, count)| count).sum()
    }
}
