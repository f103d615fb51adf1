//! What is told of calls like the one a message is about.

use serde::Serialize;

use super::{LONGEST, Message, currency, told};
use crate::model::Timestamp;
use crate::model::alike::{Beside, Past, REQUEST, ordinal};
use crate::model::change::ApprovalRow;
use crate::model::outbox::event_id;

/// Differences that are told, at most.
const MOST_DIFFERENCES: usize = 10;

/// Calls like one that is told: as it lies on disk when it is told.
#[derive(Debug, Default)]
pub(in crate::notify) struct Alike {
    /// Of one that waits: its place among them. The first like it has been told.
    pub(in crate::notify) beside: Option<Beside>,
    pub(in crate::notify) lately: Vec<Past>,
    /// Of one that does not wait any more: how many like it do.
    pub(in crate::notify) waiting: usize,
}

/// A call beside the first like it that waits.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Similar {
    place: usize,
    /// The approval of the first.
    first: String,
    /// `2nd similar, differs in: amount`
    text: String,
    differs: Vec<String>,
}

impl Message {
    pub(in crate::notify) fn among(mut self, row: &ApprovalRow, alike: &Alike) -> Self {
        let now = Timestamp::now();
        self.similar = alike.beside.as_ref().map(|beside| Similar::new(row, beside));
        self.lately = alike
            .lately
            .iter()
            .map(|past| told(&past.in_words(now), LONGEST))
            .collect();
        self.still_waiting = alike.waiting;
        self.fitted()
    }

    /// `2nd similar`, where others like it wait since before.
    pub(in crate::notify) fn rank(&self) -> Option<String> {
        self.similar
            .as_ref()
            .map(|similar| format!("{} similar", ordinal(similar.place)))
    }

    /// The event by which people were first asked of the first like it.
    pub(in crate::notify) fn first_event(&self) -> Option<String> {
        self.similar.as_ref().map(|similar| event_id(&similar.first, 0))
    }

    pub(super) fn lines_of_alike(&self) -> Vec<(&'static str, String)> {
        let similar = self.similar.iter().flat_map(|similar| {
            let each = similar.differs.iter().cloned();
            std::iter::once(similar.text.clone()).chain(each)
        });
        let waiting = match self.still_waiting {
            0 => None,
            1 => Some("1 call like it still waits".to_owned()),
            more => Some(format!("{more} calls like it still wait")),
        };
        let similar = similar.chain(waiting).map(|text| (SIMILAR, text));
        similar
            .chain(self.lately.iter().map(|text| (LATELY, text.clone())))
            .collect()
    }

    /// What is missed least where there is no room.
    pub(super) fn drop_alike(&mut self) -> bool {
        let difference = self.similar.as_mut().and_then(|similar| similar.differs.pop());
        difference.or_else(|| self.lately.pop()).is_some()
    }
}

/// Names of lines about other calls: what is cut of them is not what is decided.
pub(in crate::notify) const SIMILAR: &str = "Similar";
pub(in crate::notify) const LATELY: &str = "Lately";

impl Similar {
    fn new(row: &ApprovalRow, beside: &Beside) -> Self {
        // Money in two currencies is not shown by one of them.
        let currency = currency(row).filter(|_| beside.differs.iter().all(|it| &*it.what != "currency"));
        let side = |text: String| told(&text, 200);
        // A message has nothing of a request's address: that it differs is all that is told.
        let told_of = beside.differs.iter().filter(|it| &*it.what != REQUEST);
        let differs = told_of.take(MOST_DIFFERENCES).map(|it| {
            format!(
                "{} = {}, first: {}",
                told(&it.what, 100),
                side(it.told(it.here.as_ref(), currency)),
                side(it.told(it.first.as_ref(), currency))
            )
        });
        Self {
            place: beside.place,
            first: beside.first.to_string(),
            text: told(
                &format!(
                    "{} similar, after {}: {}",
                    ordinal(beside.place),
                    beside.first.short(),
                    beside.in_short()
                ),
                LONGEST,
            ),
            differs: differs.collect(),
        }
    }
}
