//! That publishing to a place begins to fail, and that it goes on: once each, and so often only.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use serde::Deserialize;

use super::sidecar::{anchor_failed, anchor_published};
use crate::model::Change;
use crate::model::entry::Kind;
use crate::store::{ReadError, Reader};

/// A place that comes and goes is no reason for a trail without end.
const MOST: usize = 6;
/// What is no outage has room beside that.
const MOST_BESIDE: usize = 12;
const WITHIN: Duration = Duration::from_secs(60 * 60);
/// Entries that are read at a time.
const PAGE: u32 = 1_000;

/// Why each place failed by the last entry about it; `None` is the file. What is not there did not, or nobody knows.
pub type Failing = BTreeMap<Option<String>, String>;

/// As the record has it, so that a restart goes on from there.
///
/// # Errors
/// If it cannot be read.
pub fn failing(reader: &Reader) -> Result<Failing, ReadError> {
    let (mut failing, mut from) = (Failing::new(), 1);
    loop {
        let page = reader.written(from, i64::MAX, &[Kind::Anchor.as_str()], PAGE)?;
        let Some(last) = page.last() else {
            return Ok(failing);
        };
        from = last.seq + 1;
        for entry in &page {
            // What is no entry of ours is for the start to find.
            let Ok(Told { event, reason, to }) = serde_json::from_slice(&entry.bytes) else {
                continue;
            };
            match (&*event, reason) {
                ("failed", Some(reason)) => _ = failing.insert(to, reason),
                _ => _ = failing.remove(&to),
            }
        }
    }
}

#[derive(Deserialize)]
struct Told {
    event: String,
    reason: Option<String>,
    to: Option<String>,
}

/// What a place came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// In a word.
    pub word: &'static str,
    /// It says more than that the place is away: it speaks of the trail, or of who answers there.
    pub is_no_outage: bool,
}

/// What is on record of publishing to one place.
#[derive(Debug)]
pub struct Turns {
    to: Option<String>,
    /// Why it fails.
    recorded: Option<String>,
    /// The same as it was seen last.
    seen: Option<String>,
    /// Turns since the last entry that are in none.
    skipped: i64,
    /// When the last entries were made.
    made: VecDeque<Instant>,
}

impl Turns {
    /// Of the place `to`, if that is not the file; `recorded`: why it failed as the last run ended.
    pub fn new(to: Option<String>, recorded: Option<String>) -> Self {
        let seen = recorded.clone();
        let (skipped, made) = (0, VecDeque::new());
        Self {
            to,
            recorded,
            seen,
            skipped,
            made,
        }
    }

    /// What is to be recorded now that it came to this; `None`: it can be published. To be written, and then [`Turns::is_made`].
    pub fn turn(&mut self, now: Instant, reason: Option<Fault>) -> Option<Vec<Change>> {
        let word = reason.map(|reason| reason.word);
        let no_outage = reason.is_some_and(|reason| reason.is_no_outage);
        let turns = |before: Option<&str>| match (before, word) {
            (None, None) => false,
            (Some(before), Some(word)) => no_outage && before != word,
            (None, Some(_)) | (Some(_), None) => true,
        };
        let turned = turns(self.seen.as_deref());
        if turned || self.seen.is_none() {
            self.seen = word.map(str::to_owned);
        }
        while self
            .made
            .front()
            .is_some_and(|made| now.duration_since(*made) >= WITHIN)
        {
            self.made.pop_front();
        }
        let most = if no_outage { MOST_BESIDE } else { MOST };
        if self.made.len() >= most || !turns(self.recorded.as_deref()) {
            self.skipped = self.skipped.saturating_add(i64::from(turned));
            return None;
        }
        let (to, skipped) = (self.to.as_deref(), self.skipped);
        Some(match reason {
            Some(reason) => anchor_failed(to, reason.word, skipped),
            None => anchor_published(to, skipped),
        })
    }

    /// That is on record.
    pub fn is_made(&mut self, now: Instant, reason: Option<Fault>) {
        self.recorded = reason.map(|reason| reason.word.to_owned());
        self.skipped = 0;
        self.made.push_back(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOWN: Option<Fault> = Some(Fault {
        word: "unreachable",
        is_no_outage: false,
    });
    const AHEAD: Option<Fault> = Some(Fault {
        word: "ahead",
        is_no_outage: true,
    });

    fn told(turns: &mut Turns, now: Instant, reason: Option<Fault>) -> Option<String> {
        let changes = turns.turn(now, reason)?;
        turns.is_made(now, reason);
        Some(format!("{changes:?}"))
    }

    #[test]
    fn a_place_that_comes_and_goes_is_on_record_six_times_an_hour_and_the_rest_is_counted() {
        let (begun, mut turns) = (Instant::now(), Turns::new(Some("webhook".to_owned()), None));
        let made = (0..100u64).filter(|minute| {
            let now = begun + Duration::from_secs(minute * 30);
            told(&mut turns, now, if minute % 2 == 0 { DOWN } else { None }).is_some()
        });
        assert_eq!(made.count(), 6, "in 50 minutes");
        let later = begun + Duration::from_secs(2 * 60 * 60);
        assert_eq!(told(&mut turns, later, None), None, "as the record says");
        let entry = told(&mut turns, later, DOWN).unwrap();
        assert!(entry.contains("unrecorded") && entry.contains("94"), "{entry}");
    }

    #[test]
    fn what_is_no_outage_is_on_record_however_the_place_comes_and_goes() {
        let (now, mut turns) = (Instant::now(), Turns::new(None, None));
        for _ in 0..50 {
            told(&mut turns, now, DOWN);
            told(&mut turns, now, None);
        }
        assert!(told(&mut turns, now, AHEAD).unwrap().contains("ahead"));
        assert_eq!(told(&mut turns, now, AHEAD), None, "once");
        assert_eq!(told(&mut turns, now, DOWN), None);
    }

    #[test]
    fn a_restart_goes_on_from_what_is_on_record() {
        let now = Instant::now();
        let mut turns = Turns::new(None, Some("unwritable".to_owned()));
        assert_eq!(told(&mut turns, now, DOWN), None, "it failed before");
        assert!(told(&mut turns, now, None).unwrap().contains("published"));
        assert_eq!(told(&mut turns, now, None), None);
    }
}
