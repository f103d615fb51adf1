//! A sliding window: sixty buckets of its length, and the one that is being filled. What was put in is forgotten as a whole
//! bucket, when all of it is older than the window: late by up to one bucket, never early.

/// Full buckets that a window is made of.
pub(super) const PARTS: i64 = 60;
/// With the one that is being filled.
const BUCKETS: usize = PARTS as usize + 1;

/// Sums by bucket; buckets are numbered from 1970 on.
#[derive(Clone, Debug)]
pub(super) struct Ring {
    /// Number of the newest bucket.
    newest: i64,
    /// A bucket stands at its number modulo their count. Wide enough for as many calls of ±1e15 as anyone can make.
    buckets: Box<[i128; BUCKETS]>,
    total: i128,
}

impl Ring {
    pub(super) fn new() -> Self {
        Self {
            newest: i64::MIN,
            buckets: Box::new([0; BUCKETS]),
            total: 0,
        }
    }

    /// The sum of what is not forgotten at bucket `number`. Time never goes back: an earlier number is the newest one.
    pub(super) fn total(&mut self, number: i64) -> i128 {
        self.advance(number);
        self.total
    }

    /// Adds to a bucket, unless it is forgotten already.
    pub(super) fn add(&mut self, number: i64, amount: i64) {
        self.advance(number);
        self.put(number, i128::from(amount));
    }

    /// Takes back what was added to a bucket, unless it is forgotten.
    pub(super) fn take_back(&mut self, number: i64, amount: i64) {
        self.put(number, -i128::from(amount));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.buckets.iter().all(|sum| *sum == 0)
    }

    /// Number of the oldest bucket with something in it.
    pub(super) fn oldest(&self) -> Option<i64> {
        self.filled().next().map(|(number, _)| number)
    }

    /// The bucket after whose forgetting at least `room` is forgotten; `None` if there is not that much.
    pub(super) fn until_forgotten(&self, room: i128) -> Option<i64> {
        let mut forgotten = 0;
        self.filled().find_map(|(number, sum)| {
            forgotten += sum;
            (forgotten >= room).then_some(number)
        })
    }

    /// Buckets with something in them, oldest first.
    fn filled(&self) -> impl Iterator<Item = (i64, i128)> {
        let numbers = self.newest.saturating_sub(PARTS)..=self.newest;
        let numbers = (self.total != 0).then_some(numbers).into_iter().flatten();
        numbers.filter_map(|number| {
            let sum = *self.buckets.get(place(number))?;
            (sum != 0).then_some((number, sum))
        })
    }

    /// Forgets what is too old at bucket `number`: at most all there is, however long nobody came.
    fn advance(&mut self, number: i64) {
        if number <= self.newest {
            return;
        }
        if number.saturating_sub(self.newest) > PARTS {
            self.buckets.fill(0);
            self.total = 0;
        } else {
            for passed in self.newest + 1..=number {
                if let Some(sum) = self.buckets.get_mut(place(passed)) {
                    self.total -= std::mem::take(sum);
                }
            }
        }
        self.newest = number;
    }

    fn put(&mut self, number: i64, amount: i128) {
        if number > self.newest || self.newest.saturating_sub(number) > PARTS {
            return;
        }
        if let Some(sum) = self.buckets.get_mut(place(number)) {
            *sum += amount;
            self.total += amount;
        }
    }
}

fn place(number: i64) -> usize {
    usize::try_from(number.rem_euclid(PARTS + 1)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_ring_knows_when_there_is_room_again() {
        let mut ring = Ring::new();
        for (number, amount) in [(100, 5), (101, 7), (130, 1)] {
            ring.add(number, amount);
        }
        assert_eq!((ring.total(130), ring.oldest()), (13, Some(100)));
        assert_eq!(
            [5, 6, 13, 14].map(|room| ring.until_forgotten(room)),
            [Some(100), Some(101), Some(130), None]
        );
        ring.take_back(100, 5);
        assert_eq!((ring.total(130), ring.oldest()), (8, Some(101)));
        assert_eq!(
            ring.total(161),
            8,
            "the last moment of its window is over, and not yet all of the bucket"
        );
        assert_eq!(ring.total(162), 1);
        ring.take_back(101, 7);
        assert_eq!(ring.total(162), 1, "what is forgotten is not taken back");
    }

    /// Buckets that pass, and what is added then.
    fn steps() -> impl Strategy<Value = Vec<(i64, i64)>> {
        let passes = prop_oneof![4 => 0..5i64, 2 => 0..70i64, 1 => 0..1_000i64];
        proptest::collection::vec((passes, 0..1_000i64), 1..200)
    }

    proptest! {
        /// In times: bucket width 10.
        #[test]
        fn a_ring_never_forgets_early_and_at_most_a_bucket_late(steps in steps(), offset in -5_000..5_000i64, within in 0..10i64) {
            let (width, window) = (10, 10 * PARTS);
            let (mut ring, mut time) = (Ring::new(), offset);
            let mut added: Vec<(i64, i64)> = Vec::new();
            for (passes, amount) in steps {
                time += passes * width + within;
                ring.add(time.div_euclid(width), amount);
                added.push((time, amount));
                let sum = |age: i64| -> i128 {
                    added.iter().filter(|(at, _)| time - at < age).map(|(_, amount)| i128::from(*amount)).sum()
                };
                let total = ring.total(time.div_euclid(width));
                prop_assert!(total >= sum(window), "{total} forgot some of {}", sum(window));
                prop_assert!(total <= sum(window + width), "{total} remembers more than {}", sum(window + width));
            }
        }
    }
}
