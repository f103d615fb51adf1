//! Recorded calls decided again, by the rules given and as if nothing had been before them: what other rules would have
//! changed.

use super::Rules;
use crate::audit::{Event, Period, Recorded, Unreplayable, history};
use crate::model::{CallId, Outcome, Reason};
use crate::policy::Verdict;
use crate::store::{ReadError, Reader};

/// What comes of a call when it is decided again.
#[derive(Debug)]
pub enum Replayed {
    Decided {
        recorded: Box<Recorded>,
        verdict: Verdict,
    },
    /// How a call ended that was told before.
    Ended {
        call: CallId,
        outcome: Outcome,
    },
    /// It cannot be decided again.
    Lost(Unreplayable),
}

impl Rules {
    /// Decides the calls of a period again, in the order and at the times of their record. Nothing is written, and no ledger
    /// in force is touched.
    ///
    /// # Errors
    /// If the record cannot be read.
    pub fn replay(&self, reader: &Reader, period: &Period, mut tell: impl FnMut(Replayed)) -> Result<(), ReadError> {
        history(reader, period, |event| {
            tell(match event {
                Event::Decided(recorded) => self.again(recorded),
                Event::Ended { call, outcome } => Replayed::Ended { call, outcome },
                Event::Lost(why) => Replayed::Lost(why),
            });
        })
    }

    fn again(&self, recorded: Box<Recorded>) -> Replayed {
        if !self.has_words_for(&recorded) {
            return Replayed::Lost(Unreplayable::Vocabulary);
        }
        let judge = || self.review(&recorded.facts, &recorded.action, None, recorded.time);
        let verdict = match recorded.reason {
            None | Some(Reason::PolicyBlocked | Reason::PolicyError | Reason::IncompleteAction) => judge(),
            // What leaves HTTP is not carried, whatever rules say of it.
            Some(reason @ Reason::NotInspectable) => Verdict::Block {
                reason,
                rules: Vec::new(),
            },
            Some(_) => return Replayed::Lost(Unreplayable::OtherReason),
        };
        Replayed::Decided { recorded, verdict }
    }

    /// Whether each action and field of the call is one of the vocabulary.
    fn has_words_for(&self, recorded: &Recorded) -> bool {
        recorded.action.meanings().all(|meaning| {
            let definition = self.vocabulary().actions.get(&meaning.name);
            definition.is_some_and(|definition| {
                let known = |field| definition.required.contains(field) || definition.optional.contains(field);
                let missing = meaning.missing.iter().map(|missing| &missing.field);
                meaning.fields.keys().chain(missing).all(known)
            })
        })
    }
}
