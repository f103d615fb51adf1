//! How far something is that takes long.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

/// A bar on a terminal; nothing elsewhere.
pub(super) struct Progress {
    shown: Option<Instant>,
    terminal: bool,
}

impl Progress {
    const WIDTH: u64 = 30;

    pub(super) fn new() -> Self {
        Self {
            shown: None,
            terminal: io::stderr().is_terminal(),
        }
    }

    pub(super) fn show(&mut self, done: u64, all: u64) {
        let fresh = self
            .shown
            .is_some_and(|shown| shown.elapsed() < Duration::from_millis(100));
        if !self.terminal || fresh {
            return;
        }
        self.shown = Some(Instant::now());
        let of = |whole: u64| done.saturating_mul(whole) / all.max(1);
        let bar: String = (0..Self::WIDTH)
            .map(|at| if at < of(Self::WIDTH) { '#' } else { '.' })
            .collect();
        let what = match done {
            0 => format!("looking at the pages of {all} entries"),
            _ => format!("{done} of {all} entries"),
        };
        // Who closed standard error does not want to know.
        let _shown = write!(io::stderr(), "\r\x1b[K[{bar}] {:>3} %  {what}", of(100)).is_ok();
    }

    pub(super) fn clear(&self) {
        if self.shown.is_some() {
            let _cleared = write!(io::stderr(), "\r\x1b[K").is_ok();
        }
    }
}
