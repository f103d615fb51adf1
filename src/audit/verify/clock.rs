//! What the times of entries and checkpoints have to say to each other.

use super::{Findings, Place};
use crate::model::note::Signed;

/// What is overlooked, in seconds.
const SLACK: u64 = 5;
/// Checkpoints come every ten minutes while the sidecar runs (once an hour in earlier builds), and what kept them back for longer is an
/// entry `gap` before the next one.
const SILENCE: u64 = 60 * 60 + 5 * 60;

const BACK: &str = "it is earlier than the checkpoint before it, and no entry says that the clock was set back";

#[derive(Default)]
pub(super) struct Clock {
    /// Second of the first entry.
    began: Option<u64>,
    last_entry: i64,
    /// The first entry that is before the checkpoint before it, and how many checkpoints came since.
    back: Option<(u64, u32)>,
    /// An entry says that the clock was set back.
    forgiven: bool,
    /// An entry since the last checkpoint says why there was none for so long.
    explained: bool,
    silence: Option<(Place, String)>,
}

impl Clock {
    /// An entry that is gone may have said that the clock was set back, or why nothing was signed.
    pub(super) fn pruned(&mut self) {
        (self.forgiven, self.explained) = (true, true);
    }

    /// `sealed`: when the last checkpoint was signed.
    pub(super) fn entry(&mut self, entry: (u64, i64, &str, &[u8]), sealed: u64, findings: &mut Findings) {
        let (seq, time, kind, bytes) = entry;
        if time < self.last_entry {
            findings.add(Place::Entry(seq), "it is earlier than the entry before");
        }
        self.last_entry = self.last_entry.max(time);
        self.began.get_or_insert(seconds(time));
        self.explained |= kind == "boot" || kind == "gap";
        if kind == "gap" && contains(bytes, b"\"set_back_ms\":") {
            (self.forgiven, self.back) = (true, None);
        } else if seconds(time) + SLACK >= sealed {
            self.forgiven = false;
        } else if !self.forgiven && self.back.is_none() {
            self.back = Some((seq, 0));
        }
    }

    /// `before`: when the one before was signed; `size`: of the trail up to here.
    pub(super) fn checkpoint(
        &mut self,
        signed: &Signed,
        before: Option<u64>,
        size: u64,
        place: Place,
        findings: &mut Findings,
    ) {
        let before = before.or(self.began).unwrap_or(signed.seconds);
        if signed.seconds < before {
            findings.add(place.clone(), "it is earlier than the one before");
        }
        if seconds(self.last_entry) > signed.seconds && size == signed.checkpoint.size {
            findings.add(place.clone(), "it is earlier than an entry that it is over");
        }
        self.end_of_silence(findings);
        if signed.seconds > before + SILENCE && !self.explained {
            let gap = format!(
                "nothing was signed for {} s before it, and no entry says why",
                signed.seconds - before
            );
            self.silence = Some((place, gap));
        }
        self.explained = false;
        if let Some((seq, checkpoints)) = &mut self.back {
            *checkpoints += 1;
            if *checkpoints > 2 {
                findings.add(Place::Entry(*seq), BACK);
                (self.back, self.forgiven) = (None, true);
            }
        }
    }

    /// Whose clock was set writes of it a moment later: until the next checkpoint.
    fn end_of_silence(&mut self, findings: &mut Findings) {
        if let Some((place, silence)) = self.silence.take().filter(|_| !self.explained) {
            findings.add(place, &silence);
        }
    }

    /// After the last entry.
    pub(super) fn end(&mut self, findings: &mut Findings) {
        self.end_of_silence(findings);
        if let Some((seq, _)) = self.back.take() {
            findings.add(Place::Entry(seq), BACK);
        }
    }
}

fn seconds(time: i64) -> u64 {
    u64::try_from(time / 1_000).unwrap_or_default()
}

fn contains(bytes: &[u8], needle: &[u8]) -> bool {
    bytes.windows(needle.len()).any(|window| window == needle)
}
