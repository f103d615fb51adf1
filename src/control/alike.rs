//! What goes with calls that wait because of those like them: their card, and what people answered lately. Off the runtime's threads, for
//! it reads the disk and compares all that waits.

use std::collections::HashMap;

use super::Parts;
use crate::agent::Person;
use crate::approval::Standing;
use crate::model::alike::{Beside, Past, TOLD_FOR, cards, order};
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
    /// Of all that waits, oldest first, for this person.
    pub(super) async fn of(parts: &Parts, person: &Person, pending: Vec<Standing>) -> Self {
        let (store, person) = (parts.store.clone(), person.clone());
        Self::worked(pending, move |pending| Self::put(&store, &person, pending)).await
    }

    async fn worked(pending: Vec<Standing>, work: impl FnOnce(Vec<Standing>) -> Self + Send + 'static) -> Self {
        let alone = pending.clone();
        match tokio::task::spawn_blocking(move || work(pending)).await {
            Ok(cards) => cards,
            // All that waits is shown, whatever became of the work.
            Err(error) => {
                tracing::error!(%error, "calls could not be put on cards");
                Self {
                    cards: alone.into_iter().map(|standing| vec![standing]).collect(),
                    ..Self::default()
                }
            }
        }
    }

    /// Of those that wait and are like one of these, who are among them where they wait themselves.
    pub(super) async fn around<'a>(
        parts: &Parts,
        person: &Person,
        these: impl IntoIterator<Item = &'a Standing>,
    ) -> Self {
        let pending = parts.approvals.waiting_like(these);
        match pending.is_empty() {
            true => Self::default(),
            false => Self::of(parts, person, pending).await,
        }
    }

    fn put(store: &Store, person: &Person, pending: Vec<Standing>) -> Self {
        let mut cards = cards(pending, |standing| &standing.row);
        for card in &mut cards {
            card.sort_by_key(|standing| order(&standing.row, may_decide(person, standing)));
        }
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

/// Whether a rule that holds it asks this person.
pub(super) fn may_decide(person: &Person, standing: &Standing) -> bool {
    standing.row.rules.iter().any(|rule| person.may_speak_for(rule))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::State;
    use crate::store::tests::sample;

    #[tokio::test]
    async fn what_waits_is_there_where_it_could_not_be_put_on_cards() {
        let standing = Standing {
            row: sample::approval(),
            state: State::Pending,
            clients: 0,
            ended: None,
        };
        let pending = vec![standing.clone(), standing];
        let found = Cards::worked(pending, |_| panic!("the work dies")).await;
        assert_eq!(found.cards.iter().map(Vec::len).collect::<Vec<_>>(), [1, 1]);
    }
}
