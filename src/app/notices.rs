//! One line on the terminal for each hold and block, at once.

use std::io::Write;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};

use crate::approval::Notices;

/// Lines that may wait for a slow terminal. A terminal that stands still must not hold up calls: what is beyond is
/// dropped here, and stays in the record.
const WAITING: usize = 1024;

/// Writes lines from a thread of its own.
pub(super) struct Terminal(SyncSender<String>);

impl Terminal {
    pub(super) fn start(mut out: impl Write + Send + 'static) -> std::io::Result<Self> {
        let (sender, lines) = sync_channel::<String>(WAITING);
        std::thread::Builder::new().name("terminal".to_owned()).spawn(move || {
            for line in lines {
                if writeln!(out, "{line}").and_then(|()| out.flush()).is_err() {
                    // Nobody reads any more.
                    break;
                }
            }
        })?;
        Ok(Self(sender))
    }
}

impl Notices for Terminal {
    fn line(&self, line: String) {
        match self.0.try_send(line) {
            Ok(()) | Err(TrySendError::Disconnected(_)) => {}
            Err(TrySendError::Full(_)) => tracing::warn!("the terminal stands still: a notice was dropped"),
        }
    }
}
