//! What a call takes of budgets, as everyone after the gate knows it.

use std::any::Any;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;

use super::{CallId, HoldRule, Outcome};

/// What one call is to one window of a budget. Members in the order of RFC 8785.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Spent {
    /// The total with this call.
    pub after: i64,
    /// What of it is this call's: 0 for a call that was counted before.
    pub amount: i64,
    pub before: i64,
    pub budget: Arc<str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<i64>,
    /// Whose window it is: an agent, a role, a target, a group of actions, or the sidecar.
    pub scope: Arc<str>,
}

/// All that a call takes of budgets.
#[derive(Clone, Debug, Default)]
pub struct Spending {
    pub spent: Vec<Spent>,
    /// The call that this one is the same request as: it was counted then.
    pub repeats: Option<CallId>,
    /// Only where the call is allowed.
    pub reservation: Option<Reservation>,
    /// Ends once an allowed call is on record.
    pub passage: Passage,
}

/// What a call has from before it is decided: whoever wants to know that no call is between its decision and the record
/// waits until all are gone. All that have it may be dropped, where the call is given up.
#[derive(Clone, Default)]
pub struct Passage(Arc<Mutex<Option<Arc<dyn Any + Send + Sync>>>>);

impl Passage {
    /// Drops `held` when it ends.
    pub fn new(held: Arc<dyn Any + Send + Sync>) -> Self {
        Self(Arc::new(Mutex::new(Some(held))))
    }

    /// The call is on record.
    pub fn ends(&self) {
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(held);
    }
}

impl fmt::Debug for Passage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passage")
    }
}

/// A limit of a budget that a call would go over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Over {
    /// Id of the limit, as a rule's: `budget:refunds_per_day`.
    pub id: Arc<str>,
    /// Which limit, what it would come to, and when there is room again.
    pub reason: String,
    /// Whom to ask; `None`: it blocks.
    pub hold: Option<HoldRule>,
}

type Settle = Box<dyn FnOnce(Option<(Outcome, Option<u16>)>) + Send>;

/// What was taken for a call that may leave. Who learns how the call ended settles it; dropped by all who have it without
/// that, nothing was sent, and it is given back.
#[derive(Clone)]
pub struct Reservation(Arc<Held>);

struct Held(Mutex<Option<Settle>>);

impl Reservation {
    /// `settle` gets the outcome and the provider's HTTP status; `None` where nothing was sent.
    pub fn new(settle: impl FnOnce(Option<(Outcome, Option<u16>)>) + Send + 'static) -> Self {
        Self(Arc::new(Held(Mutex::new(Some(Box::new(settle))))))
    }

    /// Once; more is ignored.
    pub fn settle(&self, outcome: Outcome, status: Option<u16>) {
        self.0.end(Some((outcome, status)));
    }
}

impl Held {
    fn end(&self, how: Option<(Outcome, Option<u16>)>) {
        let settle = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(settle) = settle {
            settle(how);
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.end(None);
    }
}

impl fmt::Debug for Reservation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reservation")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn a_reservation_is_settled_once_and_given_back_when_nobody_has_it_any_more() {
        let given_back = Arc::new(AtomicUsize::new(0));
        let settled = Arc::new(AtomicUsize::new(0));
        let make = || {
            let (back, kept) = (given_back.clone(), settled.clone());
            Reservation::new(move |how| {
                let count = if how.is_some() { kept } else { back };
                count.fetch_add(1, Ordering::Relaxed);
            })
        };
        let one = make();
        let other = one.clone();
        drop(one);
        assert_eq!(given_back.load(Ordering::Relaxed), 0, "somebody still has it");
        drop(other);
        assert_eq!(given_back.load(Ordering::Relaxed), 1);
        let one = make();
        one.settle(Outcome::Success, Some(200));
        one.settle(Outcome::NotSent, None);
        drop(one);
        let counted = (settled.load(Ordering::Relaxed), given_back.load(Ordering::Relaxed));
        assert_eq!(counted, (1, 1));
    }
}
