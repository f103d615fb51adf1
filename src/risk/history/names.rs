//! Which things an agent did before, and how many of them once: what tells how new something new is.

use std::collections::HashMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Names that are remembered. What is forgotten is new when it comes again, and raises the score then.
const MOST: usize = 512;

/// Names of one sort, with what Good and Turing ask for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Names {
    seen: HashMap<Arc<str>, Seen>,
    /// Minutes in which a name was seen, of all names together.
    n: i64,
    /// Names that were seen in one minute only.
    once: i64,
    /// When a new name was learnt last.
    newest: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Seen {
    again: bool,
    minute: i64,
}

impl Names {
    /// `(n, n1)` for a name that is new; `None` for a known one, and where nothing is known to hold it against.
    pub(super) fn novelty(&self, name: &str) -> Option<(i64, i64)> {
        (self.n > 0 && !self.seen.contains_key(name)).then_some((self.n, self.once))
    }

    // SECURITY: who does many new things once makes new things look usual; one a minute is learnt. Test:
    // `new_things_are_learnt_one_a_minute`.
    pub(super) fn learn(&mut self, name: &Arc<str>, minute: i64) {
        match self.seen.get_mut(name) {
            Some(seen) if seen.minute == minute => return,
            Some(seen) => {
                seen.minute = minute;
                if !std::mem::replace(&mut seen.again, true) {
                    self.once -= 1;
                }
            }
            None if self.newest == minute => return,
            None => {
                self.newest = minute;
                self.make_room();
                self.seen.insert(name.clone(), Seen { again: false, minute });
                self.once += 1;
            }
        }
        self.n = self.n.saturating_add(1);
    }

    fn make_room(&mut self) {
        if self.seen.len() < MOST {
            return;
        }
        let oldest = self.seen.iter().min_by_key(|(name, seen)| (seen.minute, *name));
        let oldest = oldest.map(|(name, _)| name.clone());
        let forgotten = oldest.and_then(|oldest| self.seen.remove(&oldest));
        if forgotten.is_some_and(|seen| !seen.again) {
            self.once -= 1;
        }
    }
}
