//! Whether the command's calls arrive: one that is not wired fails, or goes round us, without a word.

use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;

use crate::model::Timestamp;
use crate::store::{CallFilter, ReadError, Reader};

/// Looks into the record, which is the same whoever started the sidecar.
pub(super) struct Watch {
    database: PathBuf,
    agent: Arc<str>,
    since: Timestamp,
}

/// What has arrived.
#[derive(Debug, PartialEq, Eq)]
enum Seen {
    Calls,
    /// Connections that never became a call.
    Refusals,
    Nothing,
}

/// As much of an entry as matters here.
#[derive(Deserialize)]
struct Entry {
    kind: String,
    time: i64,
}

impl Watch {
    pub(super) fn new(database: PathBuf, agent: &Arc<str>) -> Self {
        Self {
            database,
            agent: agent.clone(),
            since: Timestamp::now(),
        }
    }

    /// Says so if nothing has arrived after `span`; zero: never. Does not end.
    pub(super) async fn warn_after(self, span: Duration) -> Infallible {
        if !span.is_zero() {
            tokio::time::sleep(span).await;
            match self.seen() {
                Ok(seen) => self.warning(&seen, span).into_iter().for_each(super::say),
                Err(error) => super::say(format!("whether calls arrive is not known: {error}")),
            }
        }
        std::future::pending().await
    }

    fn seen(&self) -> Result<Seen, ReadError> {
        let reader = Reader::open(&self.database)?;
        let filter = |agent: Option<&str>, limit| CallFilter {
            agent: agent.map(str::to_owned),
            limit,
        };
        let calls = reader.calls(&filter(Some(&self.agent), 1))?;
        if calls.iter().any(|call| call.row.time >= self.since) {
            return Ok(Seen::Calls);
        }
        let entries = reader.entries(&filter(None, 100))?;
        let mut entries = entries
            .iter()
            .filter_map(|bytes| serde_json::from_slice::<Entry>(bytes).ok());
        let refused = entries.any(|entry| entry.kind == "refused" && entry.time >= self.since.0);
        Ok(if refused { Seen::Refusals } else { Seen::Nothing })
    }

    fn warning(&self, seen: &Seen, span: Duration) -> Option<String> {
        let so_far = format!("no call of {} has arrived in {} s", self.agent, span.as_secs());
        match seen {
            Seen::Calls => None,
            Seen::Refusals => Some(format!(
                "{so_far}, but connections have, and were refused: its client may not trust the CA, or not know its key. \
                 `runplane audit show --entries` has them; docs/exec.md tells what to set"
            )),
            Seen::Nothing => Some(format!(
                "{so_far}: it may have nothing to call yet, or its client does not use HTTPS_PROXY. docs/exec.md tells \
                 which clients need more"
            )),
        }
    }
}
