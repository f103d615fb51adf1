//! The difference that rules make, summed up call by call: what is kept does not grow with the calls.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::audit::{Period, RecordedCall, Unreplayable};
use crate::gate::Replayed;
use crate::model::{CallId, Outcome, Timestamp, Value};
use crate::policy::Verdict;

/// Examples shown of each change: those with the largest amounts, of these the first.
const EXAMPLES: usize = 5;

/// What came of a replay.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) period: Period,
    /// Of all sums of money.
    pub(super) currency: Option<Arc<str>>,
    /// Decided again.
    pub(super) calls: u64,
    pub(super) blocked: Change,
    pub(super) held: Change,
    pub(super) allowed: Change,
    pub(super) lost: BTreeMap<Unreplayable, u64>,
    /// Changed calls whose end was not told yet.
    open: HashMap<CallId, To>,
}

/// What a call would newly be.
#[derive(Clone, Copy, Debug)]
enum To {
    Blocked,
    Held,
    Allowed,
}

/// Calls that come to the same, and did not before.
#[derive(Debug, Default)]
pub(super) struct Change {
    pub(super) sum: Sum,
    /// By what was decided then.
    pub(super) was: BTreeMap<&'static str, Sum>,
    /// By the rules that stop them now; for what is newly allowed, those that stopped them then.
    pub(super) rules: BTreeMap<Arc<str>, Sum>,
    /// Of these calls, those that the provider carried out.
    pub(super) carried_out: u64,
    pub(super) examples: Vec<Example>,
}

/// Calls and their money.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sum {
    pub(super) calls: u64,
    /// `amount_base`, in minor units of the account's currency.
    pub(super) amount: i128,
}

#[derive(Clone, Debug)]
pub(super) struct Example {
    pub(super) call: CallId,
    pub(super) time: Timestamp,
    pub(super) agent: Arc<str>,
    pub(super) was: &'static str,
    pub(super) rules: Vec<Arc<str>>,
    pub(super) amount: i64,
    pub(super) summary: String,
}

impl Report {
    pub(super) fn new(period: Period, currency: Option<Arc<str>>) -> Self {
        Self {
            period,
            currency,
            calls: 0,
            blocked: Change::default(),
            held: Change::default(),
            allowed: Change::default(),
            lost: BTreeMap::new(),
            open: HashMap::new(),
        }
    }

    pub(super) fn add(&mut self, replayed: Replayed) {
        match replayed {
            Replayed::Decided { recorded, verdict } => self.decided(&recorded, &verdict),
            Replayed::Ended { call, outcome } => {
                if let Some(to) = self.open.remove(&call)
                    && outcome == Outcome::Success
                {
                    self.change(to).carried_out += 1;
                }
            }
            Replayed::Lost(why) => *self.lost.entry(why).or_default() += 1,
        }
    }

    fn decided(&mut self, recorded: &RecordedCall, verdict: &Verdict) {
        self.calls += 1;
        if verdict.as_str() == recorded.decision {
            return;
        }
        let to = match verdict {
            Verdict::Block { .. } => To::Blocked,
            Verdict::RequireApproval { .. } => To::Held,
            Verdict::Allow { .. } => To::Allowed,
        };
        let rules: Vec<Arc<str>> = match to {
            To::Blocked | To::Held => verdict.rules().into_iter().map(Arc::from).collect(),
            To::Allowed => recorded.rules.clone(),
        };
        self.open.insert(recorded.call.clone(), to);
        self.change(to).add(recorded, rules);
    }

    fn change(&mut self, to: To) -> &mut Change {
        match to {
            To::Blocked => &mut self.blocked,
            To::Held => &mut self.held,
            To::Allowed => &mut self.allowed,
        }
    }

    pub(super) fn changed(&self) -> u64 {
        self.blocked.sum.calls + self.held.sum.calls + self.allowed.sum.calls
    }
}

impl Change {
    fn add(&mut self, recorded: &RecordedCall, rules: Vec<Arc<str>>) {
        let amount = amount(recorded);
        self.sum.add(amount);
        self.was.entry(recorded.decision).or_default().add(amount);
        for rule in &rules {
            self.rules.entry(rule.clone()).or_default().add(amount);
        }
        let place = self.examples.partition_point(|example| example.amount >= amount);
        if place < EXAMPLES {
            let example = Example {
                call: recorded.call.clone(),
                time: recorded.time,
                agent: recorded.facts.agent.clone(),
                was: recorded.decision,
                rules,
                amount,
                summary: recorded.action.summary.clone(),
            };
            self.examples.insert(place, example);
            self.examples.truncate(EXAMPLES);
        }
    }
}

impl Sum {
    fn add(&mut self, amount: i64) {
        self.calls += 1;
        self.amount += i128::from(amount);
    }
}

/// What the call moves, each thing that it does once.
pub(in crate::cli) fn amount(recorded: &RecordedCall) -> i64 {
    let amounts = recorded
        .action
        .deeds()
        .filter_map(|meaning| match meaning.fields.get("amount_base") {
            Some(Value::Int(amount)) => Some(*amount),
            Some(Value::Bool(_) | Value::Text(_) | Value::List(_)) | None => None,
        });
    amounts.fold(0, i64::saturating_add)
}
