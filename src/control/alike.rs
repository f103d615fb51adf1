//! What goes with calls that wait because of those like them: their card, and what people answered lately. Off the runtime's threads, for
//! it reads the disk and compares all that waits.

use std::collections::HashMap;

use super::Parts;
use crate::approval::Standing;
use crate::model::alike::{Beside, Past, TOLD_FOR, cards};
use crate::model::{ApprovalId, Timestamp};
use crate::store::{ReadError, Reader, Store};

/// Cards for which what was answered is looked up, at most.
const MOST_CARDS: usize = 200;
/// Answers that are read for one card, at most.
const MOST_ANSWERS: u32 = 100;

/// Calls that wait, on their cards.
#[derive(Default)]
pub(super) struct Cards {
    pub(super) cards: Vec<Vec<Standing>>,
    beside: HashMap<ApprovalId, Beside>,
    /// `None`: it could not be read.
    lately: HashMap<ApprovalId, Option<Vec<Past>>>,
}

impl Cards {
    /// Of all that waits, oldest first.
    pub(super) async fn of(parts: &Parts, pending: Vec<Standing>) -> Self {
        let store = parts.store.clone();
        let work = move || Self::put(&store, pending);
        match tokio::task::spawn_blocking(work).await {
            Ok(cards) => cards,
            // Whoever asks sees that it is not there.
            Err(error) => {
                tracing::error!(%error, "calls could not be put on cards");
                Self::default()
            }
        }
    }

    /// Of the one, with those like it that wait. Nothing where it does not wait itself.
    pub(super) async fn around(parts: &Parts, standing: &Standing) -> Self {
        Self::of(parts, parts.approvals.waiting_like(standing)).await
    }

    fn put(store: &Store, pending: Vec<Standing>) -> Self {
        let cards = cards(pending, |standing| &standing.row);
        let (mut beside, mut lately) = (HashMap::new(), HashMap::new());
        let reader = store.reader();
        for (at, card) in cards.iter().enumerate() {
            let Some(first) = card.first() else { continue };
            for (place, standing) in (1..).zip(card) {
                let found = Beside::new(&first.row, &standing.row, place, card.len());
                beside.extend(found.map(|found| (standing.row.id.clone(), found)));
            }
            if at < MOST_CARDS {
                lately.extend(answers(reader.as_ref().ok(), card));
            }
        }
        Self { cards, beside, lately }
    }

    pub(super) fn beside(&self, id: &ApprovalId) -> Option<&Beside> {
        self.beside.get(id)
    }

    /// `None`: nobody looked, or it could not be read.
    pub(super) fn lately(&self, id: &ApprovalId) -> Option<&[Past]> {
        self.lately.get(id)?.as_deref()
    }
}

fn answers<'a>(
    reader: Option<&Reader>,
    card: &'a [Standing],
) -> impl Iterator<Item = (ApprovalId, Option<Vec<Past>>)> + use<'a> {
    let read = reader.zip(card.first()).and_then(|(reader, first)| {
        let since = Timestamp(Timestamp::now().0.saturating_sub(millis(TOLD_FOR)));
        let read = reader.answered_like(&first.row, since, MOST_ANSWERS);
        read.inspect_err(|error: &ReadError| tracing::warn!(%error, "what was answered lately could not be read"))
            .ok()
    });
    card.iter().map(move |standing| {
        let past = read.as_ref().map(|answered| Past::of(&standing.row, answered));
        (standing.row.id.clone(), past)
    })
}

fn millis(span: std::time::Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}
