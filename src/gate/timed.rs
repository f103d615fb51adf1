//! A decision that is told instead of made, and how long its steps took.

use std::time::{Duration, Instant};

use super::Rules;
use crate::audit::RecordedCall;
use crate::model::{Action, Facts, Timestamp};
use crate::policy::Verdict;

/// How long each step took.
#[derive(Clone, Copy, Debug, Default)]
pub struct Took {
    /// What follows from the fields, the labels of the target, and the risk.
    pub weigh: Duration,
    /// What budgets come to with the call.
    pub budgets: Duration,
    /// The rules asked.
    pub decide: Duration,
}

impl Rules {
    /// As [`weigh`](Rules::weigh) and [`review`](Rules::review) without anybody's consent.
    pub fn review_timed(&self, facts: &Facts, action: Action, at: Timestamp) -> (Action, Verdict, Took) {
        let start = Instant::now();
        let action = self.weigh(facts, action, at);
        let weighed = Instant::now();
        let situation = self.situation(facts, &action, at);
        let counted = Instant::now();
        let verdict = self.policies.evaluate(facts, &action, &situation, None);
        let took = Took {
            weigh: weighed - start,
            budgets: counted - weighed,
            decide: counted.elapsed(),
        };
        (action, verdict, took)
    }

    /// The same of a call on record, as if it came again at `at`; `None` where the vocabulary has no words for it any more.
    pub fn review_again(&self, recorded: &RecordedCall, at: Timestamp) -> Option<(Action, Verdict, Took)> {
        self.has_words_for(recorded)
            .then(|| self.review_timed(&recorded.facts, self.completed_again(recorded), at))
    }
}
