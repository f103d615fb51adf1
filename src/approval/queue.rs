//! The queue as it is asked for: whole or in pages, oldest first.

use std::collections::HashSet;
use std::fmt;
use std::str::FromStr;

use super::{Approvals, Standing, oldest_first};
use crate::model::alike::Kin;
use crate::model::{ApprovalId, State, Timestamp};

/// Behind which approval a page begins: its time stands in it, so that it holds its place also once that approval is forgotten.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    created: Timestamp,
    id: ApprovalId,
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.created.0, self.id)
    }
}

/// What is no cursor.
#[derive(Debug, thiserror::Error)]
#[error("expected `next` of the last answer as after")]
pub struct NoCursor;

impl FromStr for Cursor {
    type Err = NoCursor;

    fn from_str(text: &str) -> Result<Self, NoCursor> {
        let (created, id) = text.split_once('.').ok_or(NoCursor)?;
        Ok(Self {
            created: created.parse().map(Timestamp).map_err(|_| NoCursor)?,
            id: id.parse().map_err(|_| NoCursor)?,
        })
    }
}

impl Approvals {
    /// The approvals in a state, or all.
    pub fn list(&self, state: Option<State>) -> Vec<Standing> {
        self.page(state, None, usize::MAX).0
    }

    /// At most so many of them, behind the cursor; and the cursor of the next page, where there is one. What is not on the page is not
    /// copied, however much waits.
    pub fn page(&self, state: Option<State>, after: Option<&Cursor>, most: usize) -> (Vec<Standing>, Option<Cursor>) {
        let now = self.now();
        let memory = self.memory();
        let mut behind: Vec<_> = memory
            .settled()
            .map(|slot| ((slot.row.created, &slot.row.id), slot))
            .filter(|(place, _)| after.is_none_or(|after| *place > (after.created, &after.id)))
            .filter(|(_, slot)| state.is_none_or(|state| state == slot.state(now)))
            .collect();
        behind.sort_unstable_by_key(|(place, _)| *place);
        let is_last = behind.len() <= most;
        behind.truncate(most);
        let last = behind.last().filter(|_| !is_last);
        let next = last.map(|((created, id), _)| Cursor {
            created: *created,
            id: (*id).clone(),
        });
        (behind.into_iter().map(|(_, slot)| slot.standing(now)).collect(), next)
    }

    /// Those that wait and are like one of these, who are among them where they wait themselves.
    pub fn waiting_like<'a>(&self, these: impl IntoIterator<Item = &'a Standing>) -> Vec<Standing> {
        let kin: HashSet<Kin<'_>> = these.into_iter().map(|standing| Kin::from(&standing.row)).collect();
        if kin.is_empty() {
            return Vec::new();
        }
        let now = self.now();
        let memory = self.memory();
        let waiting = memory.settled().filter(|slot| slot.state(now) == State::Pending);
        let mut list: Vec<Standing> = waiting
            .filter(|slot| kin.contains(&Kin::from(&slot.row)))
            .map(|slot| slot.standing(now))
            .collect();
        drop(memory);
        list.sort_by(oldest_first);
        list
    }
}
