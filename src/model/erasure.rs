//! How erased values are told: by a mark in their place, which names the entry that took them away, and by that entry, which
//! names their entries.

use std::ops::RangeInclusive;

/// What stands where people looked for what was erased.
pub const ERASED: &str = "erased";

/// What stands beside an entry in the place of a value and its salt; `by`: the entry that says so.
pub fn mark(by: i64) -> String {
    format!("{{\"erased\":{by}}}")
}

/// `3-5,9`. Places in order.
pub fn spell(places: &[i64]) -> String {
    let mut ranges: Vec<RangeInclusive<i64>> = Vec::new();
    for place in places {
        match ranges.last_mut() {
            Some(last) if last.end().checked_add(1) == Some(*place) => *last = *last.start()..=*place,
            _ => ranges.push(*place..=*place),
        }
    }
    joined(&ranges)
}

fn joined(ranges: &[RangeInclusive<i64>]) -> String {
    let spelled: Vec<String> = ranges
        .iter()
        .map(|range| match range.start() == range.end() {
            true => range.start().to_string(),
            false => format!("{}-{}", range.start(), range.end()),
        })
        .collect();
    spelled.join(",")
}

/// Places that an entry names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Places(Vec<RangeInclusive<i64>>);

impl Places {
    /// What the entry `by` names: all before it. `None`: it is not as [`spell`] writes it.
    ///
    /// SECURITY: whoever reads a range that goes on beyond the trail would never come to its end. Test:
    /// `places_are_read_as_they_were_written`.
    pub fn read(text: &str, by: i64) -> Option<Self> {
        let mut ranges: Vec<RangeInclusive<i64>> = Vec::new();
        for range in text.split(',') {
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            let (first, last): (i64, i64) = (first.parse().ok()?, last.parse().ok()?);
            if first < 1 || last < first || last >= by || ranges.last().is_some_and(|before| first - before.end() < 2) {
                return None;
            }
            ranges.push(first..=last);
        }
        (joined(&ranges) == text).then_some(Self(ranges))
    }

    pub fn has(&self, place: i64) -> bool {
        let at = self.0.partition_point(|range| *range.end() < place);
        self.0.get(at).is_some_and(|range| range.contains(&place))
    }

    /// The first of them behind `place`.
    pub fn after(&self, place: i64) -> Option<i64> {
        let at = self.0.partition_point(|range| *range.end() <= place);
        let range = self.0.get(at)?;
        Some(place.saturating_add(1).max(*range.start()))
    }

    /// Those of them up to `last`.
    #[must_use]
    pub fn up_to(&self, last: i64) -> Self {
        let within = self.0.iter().filter(|range| *range.start() <= last);
        Self(within.map(|range| *range.start()..=last.min(*range.end())).collect())
    }

    /// How many places are among these and the others.
    pub fn common(&self, others: &Self) -> u64 {
        let both = self.0.iter().map(|range| {
            let at = others.0.partition_point(|other| other.end() < range.start());
            let others = others
                .0
                .iter()
                .skip(at)
                .take_while(|other| other.start() <= range.end());
            let each = others.map(|other| {
                let (first, last) = (range.start().max(other.start()), range.end().min(other.end()));
                last.abs_diff(*first).saturating_add(1)
            });
            each.fold(0, u64::saturating_add)
        });
        both.fold(0, u64::saturating_add)
    }

    pub fn count(&self) -> u64 {
        let counts = self
            .0
            .iter()
            .map(|range| range.end().abs_diff(*range.start()).saturating_add(1));
        counts.fold(0, u64::saturating_add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read_as_they_were_written() {
        for (places, spelled) in [
            (&[3_i64][..], "3"),
            (&[3, 4, 5, 9], "3-5,9"),
            (&[1, 3, 4], "1,3-4"),
            (&[i64::MAX - 1], "9223372036854775806"),
        ] {
            assert_eq!(spell(places), spelled);
            let read = Places::read(spelled, i64::MAX).unwrap();
            assert_eq!(read.count(), places.len() as u64);
            assert!(places.iter().all(|place| read.has(*place)));
            assert!(!read.has(2) && !read.has(6));
            let first = Places::read(&spell(&places[..1]), i64::MAX).unwrap();
            assert_eq!((read.up_to(places[0]), read.up_to(0)), (first, Places::default()));
            assert_eq!(read.up_to(i64::MAX), read);
            assert_eq!((read.common(&read), read.common(&Places::default())), (read.count(), 0));
        }
        for wrong in [
            "", "0", "-1", "5-3", "3,3", "3,2", "3-5,6", "a", "3-", "1,,2", "+3", "03", "3-3", "10", "9-10",
        ] {
            assert_eq!(Places::read(wrong, 10), None, "{wrong}");
        }
        assert_eq!(Places::read("1-99999999999999", 10), None);
        let of = |text: &str| Places::read(text, 99).unwrap();
        let mut all = vec![0];
        while let Some(next) = all.last().and_then(|place| of("2-4,6,98").after(*place)) {
            all.push(next);
        }
        assert_eq!(all, [0, 2, 3, 4, 6, 98]);
        assert_eq!(of("1-4,6,8-20").common(&of("2,4-6,10-11,20-30")), 6);
    }
}
