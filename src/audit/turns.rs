//! That publishing to a place begins to fail, and that it goes on: once each, and so often only.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use serde::Deserialize;

use super::sidecar::{anchor_failed, anchor_published};
use crate::model::Change;
use crate::model::entry::Kind;

/// A place that comes and goes is no reason for a trail without end.
const MOST: usize = 6;
/// What is no outage has room beside that.
const MOST_BESIDE: usize = 12;
/// What speaks against this trail has room of its own, which nothing else takes.
const MOST_AGAINST: usize = 12;
/// A place that says so signed another trail, or more of it.
const AGAINST: [&str; 2] = ["ahead", "forked"];
const WITHIN: Duration = Duration::from_secs(60 * 60);

/// How each place failed by the last entries about it; `None` is the file. What is not there did not, or nobody knows.
pub type Failing = BTreeMap<Option<String>, Failed>;

/// That publishing to a place fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    /// Why, by the last entry.
    pub word: String,
    /// Whether it spoke against this trail since it took a checkpoint last: what it says after that does not take it back.
    pub is_against: bool,
}

/// What the next entry says of that, so that a restart goes on from there.
pub fn fails(failing: &mut Failing, kind: &str, bytes: &[u8]) {
    // What is no entry of ours is for the start to find.
    let told = (kind == Kind::Anchor.as_str())
        .then(|| serde_json::from_slice(bytes).ok())
        .flatten();
    let Some(Told { event, reason, to }) = told else {
        return;
    };
    match (&*event, reason) {
        ("failed", Some(word)) => {
            let is_against = contradicts(&word) || failing.get(&to).is_some_and(|before| before.is_against);
            failing.insert(to, Failed { word, is_against });
        }
        _ => _ = failing.remove(&to),
    }
}

/// Whether a reason on record says that a place signed another trail than this one, or more of it.
pub fn contradicts(word: &str) -> bool {
    AGAINST.contains(&word)
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
    /// Whether it spoke against this trail, and has taken no checkpoint since.
    stands: bool,
    /// The same as it was seen last.
    seen: Option<String>,
    /// Turns since the last entry that are in none.
    skipped: i64,
    /// When the last entries were made.
    made: VecDeque<Instant>,
    /// The same of those that speak against this trail, or say that this is over.
    against: VecDeque<Instant>,
}

impl Turns {
    /// Of the place `to`, if that is not the file; `failed`: how it failed as the last run ended.
    pub fn new(to: Option<String>, failed: Option<Failed>) -> Self {
        let stands = failed.as_ref().is_some_and(|failed| failed.is_against);
        let recorded = failed.map(|failed| failed.word);
        let seen = recorded.clone();
        Self {
            to,
            recorded,
            stands,
            seen,
            skipped: 0,
            made: VecDeque::new(),
            against: VecDeque::new(),
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
        let most = match (self.is_against(word), no_outage) {
            (true, _) => MOST_AGAINST,
            (false, true) => MOST_BESIDE,
            (false, false) => MOST,
        };
        let made = self.made_of(word);
        while made.front().is_some_and(|made| now.duration_since(*made) >= WITHIN) {
            made.pop_front();
        }
        if made.len() >= most || !turns(self.recorded.as_deref()) {
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
        let word = reason.map(|reason| reason.word);
        self.made_of(word).push_back(now);
        self.stands = word.is_some_and(|word| self.stands || contradicts(word));
        self.recorded = word.map(str::to_owned);
        self.skipped = 0;
    }

    /// Whether it speaks against this trail, or ends that something did.
    fn is_against(&self, word: Option<&str>) -> bool {
        word.map_or(self.stands, contradicts)
    }

    /// When the entries were made that share their room with this one.
    fn made_of(&mut self, word: Option<&str>) -> &mut VecDeque<Instant> {
        match self.is_against(word) {
            true => &mut self.against,
            false => &mut self.made,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Timestamp;

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

    /// Whoever answers in the place of a witness cannot use up the room for that.
    #[test]
    fn what_speaks_against_this_trail_and_that_it_is_over_have_room_of_their_own() {
        let odd = |word| {
            let is_no_outage = true;
            Some(Fault { word, is_no_outage })
        };
        let (now, mut turns) = (Instant::now(), Turns::new(None, None));
        for _ in 0..50 {
            told(&mut turns, now, odd("denied"));
            told(&mut turns, now, odd("invalid"));
            told(&mut turns, now, None);
        }
        assert_eq!(told(&mut turns, now, odd("denied")), None, "no room is left");
        assert!(told(&mut turns, now, AHEAD).unwrap().contains("ahead"));
        assert!(told(&mut turns, now, odd("forked")).unwrap().contains("forked"));
        assert!(told(&mut turns, now, None).unwrap().contains("published"));
        let more = (0..50).filter(|_| told(&mut turns, now, AHEAD).is_some() | told(&mut turns, now, None).is_some());
        assert_eq!(more.count(), 5, "it is bounded, too");
    }

    /// A restart, too, knows that a witness spoke against this trail, whatever came of it since but a checkpoint.
    #[test]
    fn what_a_witness_says_after_that_does_not_take_it_back() {
        let (to, mut failing) = (Some("witness:w1"), Failing::new());
        let mut known = Vec::new();
        for word in [
            Some("unreachable"),
            Some("ahead"),
            Some("denied"),
            Some("invalid"),
            None,
            Some("denied"),
        ] {
            let entry = word.map_or_else(|| anchor_published(to, 0), |word| anchor_failed(to, word, 0));
            let Some(Change::Append(entry)) = entry.first() else {
                panic!("{entry:?}");
            };
            fails(&mut failing, "reload", &entry.bytes(1, Timestamp(9)));
            fails(&mut failing, "anchor", &entry.bytes(1, Timestamp(9)));
            let failed = failing.get(&to.map(str::to_owned));
            known.push(failed.map(|failed| (failed.word.clone(), failed.is_against)));
        }
        let told = |word: &str, is_against| Some((word.to_owned(), is_against));
        assert_eq!(
            known,
            [
                told("unreachable", false),
                told("ahead", true),
                told("denied", true),
                told("invalid", true),
                None,
                told("denied", false)
            ]
        );
    }

    /// It ends what the witness said against this trail, and has the room of that.
    #[test]
    fn a_checkpoint_that_a_witness_takes_at_last_is_on_record_however_it_came_and_went() {
        let (now, mut turns) = (Instant::now(), Turns::new(None, None));
        for _ in 0..50 {
            told(&mut turns, now, DOWN);
            told(&mut turns, now, None);
        }
        told(&mut turns, now, AHEAD).unwrap();
        let denied = Some(Fault {
            word: "denied",
            is_no_outage: true,
        });
        told(&mut turns, now, denied).unwrap();
        assert!(told(&mut turns, now, None).unwrap().contains("published"));
    }

    #[test]
    fn a_restart_goes_on_from_what_is_on_record() {
        let now = Instant::now();
        let failed = Failed {
            word: "unwritable".to_owned(),
            is_against: false,
        };
        let mut turns = Turns::new(None, Some(failed));
        assert_eq!(told(&mut turns, now, DOWN), None, "it failed before");
        assert!(told(&mut turns, now, None).unwrap().contains("published"));
        assert_eq!(told(&mut turns, now, None), None);
    }
}
