//! What was decided at this door and is not over, and which requests were answered. In memory: after a restart an open
//! decision stands in the trail as `unknown`, and of requests only those are known that were allowed something; so it is with
//! those that many others came after.
//!
//! SECURITY: an agent that asks and never tells how it ended would fill the memory; each has so many places, and its oldest
//! go first (test `what_an_agent_leaves_open_is_bounded`).

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sha2::{Digest as _, Sha256};

use super::answer::Answer;
use crate::model::{CallId, Evidence, GrantId, Outcome, Timestamp};
use crate::proxy::record::{Ending, Record};
use crate::store::{ReadError, Reader};

/// For how long an outcome may be told, and a request is the same.
const KEPT_FOR: Duration = Duration::from_secs(24 * 60 * 60);
/// Of each kind, for each agent.
const KEPT: usize = 1_000;
/// Of what was allowed before the last start, for each agent: the record does not tell which of it was asked for by an id. What
/// was allowed to requests whose answers are not kept is among them.
const KEPT_BEFORE: usize = 10_000;

/// Decisions and requests of all agents.
#[derive(Default)]
pub struct Decided(Mutex<HashMap<Arc<str>, Books>>);

#[derive(Default)]
struct Books {
    open: BTreeMap<CallId, Open>,
    ended: BTreeMap<CallId, Outcome>,
    requests: HashMap<String, Arc<Request>>,
    /// What was allowed before the last start or so many requests ago, by what its ids tell of its request.
    before: HashMap<String, (CallId, Outcome)>,
    /// The same, oldest first.
    order_before: VecDeque<String>,
    /// The requests in the order they came.
    order: VecDeque<(Instant, String)>,
}

/// A decision that allows, and whose outcome is owed.
struct Open {
    record: Record,
    grants: Vec<GrantId>,
    since: Instant,
}

/// A request by its id. Whoever answers it holds the lock: the same again waits for that answer.
pub(super) type Request = tokio::sync::Mutex<Asked>;

/// A request as far as it was answered.
#[derive(Default)]
pub(super) struct Asked {
    pub said: Option<Said>,
    /// The time in the id of its last call: the next has a later one.
    pub last: Option<Timestamp>,
}

/// What was asked, and what was answered.
pub(super) struct Said {
    pub content: [u8; 32],
    pub answer: Answer,
    /// What people consented to, if it rests on that.
    pub evidence: Option<Evidence>,
    /// Until when that may be acted on.
    pub until: Option<tokio::time::Instant>,
}

/// Why no outcome is owed.
pub(super) enum NotOpen {
    /// It was told already.
    Ended(Outcome),
    Unknown,
}

/// What tells that two requests ask the same.
pub(super) fn digest(content: &[u8]) -> [u8; 32] {
    Sha256::digest(content).into()
}

impl Decided {
    /// With what the record knows of requests: what was allowed before this start, and when that was told by an id of a
    /// request, is not allowed by it again.
    ///
    /// # Errors
    /// If the record cannot be read.
    pub fn recall(record: &Reader, now: Timestamp) -> Result<Self, ReadError> {
        let mut all: HashMap<Arc<str>, Books> = HashMap::new();
        let since = Timestamp(
            now.0
                .saturating_sub(i64::try_from(KEPT_FOR.as_millis()).unwrap_or(i64::MAX)),
        );
        record.stated(since, |call, agent, outcome| {
            let outcome = outcome.unwrap_or(Outcome::Unknown);
            let books = all.entry(agent).or_default();
            if outcome != Outcome::NotSent && books.before.len() < KEPT_BEFORE {
                // The last one comes first.
                let own = call.own_part().to_owned();
                if let Entry::Vacant(place) = books.before.entry(own.clone()) {
                    place.insert((call, outcome));
                    books.order_before.push_front(own);
                }
            }
        })?;
        Ok(Self(Mutex::new(all)))
    }

    /// What a request was allowed before the last start or so many requests ago, and how that ended. `own`: what ids of its calls have.
    pub(super) fn before(&self, agent: &str, own: &str) -> Option<(CallId, Outcome)> {
        self.books().get(agent)?.before.get(own).cloned()
    }

    /// The agent may act from here on.
    pub(super) fn open(&self, agent: &Arc<str>, call: CallId, record: Record, grants: Vec<GrantId>) {
        let mut all = self.books();
        let books = all.entry(agent.clone()).or_default();
        let old = |open: &Open| open.since.elapsed() > KEPT_FOR;
        while books.open.len() >= KEPT || books.open.first_key_value().is_some_and(|(_, open)| old(open)) {
            let Some((call, open)) = books.open.pop_first() else {
                break;
            };
            open.record.close(Ending::of(Outcome::Unknown));
            books.ended(call, Outcome::Unknown);
        }
        let since = Instant::now();
        books.open.insert(call, Open { record, grants, since });
    }

    /// Closes a decision of this agent's with what it tells; gives the grants that go with it.
    ///
    /// SECURITY: another agent's is as none (test `an_outcome_is_told_by_its_agent_alone`).
    pub(super) fn end(&self, agent: &Arc<str>, call: &CallId, ending: Ending) -> Result<Vec<GrantId>, NotOpen> {
        let mut all = self.books();
        let books = all.get_mut(agent).ok_or(NotOpen::Unknown)?;
        match books.open.remove(call) {
            Some(open) => {
                books.ended(call.clone(), ending.outcome);
                open.record.close(ending);
                Ok(open.grants)
            }
            None => Err(books.not_open(call)),
        }
    }

    /// Whether the agent may still act by a decision.
    pub(super) fn stands(&self, agent: &str, call: &CallId) -> Result<(), NotOpen> {
        let all = self.books();
        let books = all.get(agent).ok_or(NotOpen::Unknown)?;
        match books.open.contains_key(call) {
            true => Ok(()),
            false => Err(books.not_open(call)),
        }
    }

    /// Takes back what nobody was told of: its outcome is the caller's to tell.
    pub(super) fn withdraw(&self, agent: &str, call: &CallId) -> Option<(Record, Vec<GrantId>)> {
        let open = self.books().get_mut(agent)?.open.remove(call)?;
        Some((open.record, open.grants))
    }

    /// The request of this id, perhaps a new one.
    pub(super) fn request(&self, agent: &Arc<str>, id: &str) -> Arc<Request> {
        let mut all = self.books();
        let books = all.entry(agent.clone()).or_default();
        books.make_room(id);
        if let Some(known) = books.requests.get(id) {
            return known.clone();
        }
        let request = Arc::<Request>::default();
        books.requests.insert(id.to_owned(), request.clone());
        books.order.push_back((Instant::now(), id.to_owned()));
        request
    }

    /// We stop: nobody will know of those that are open. To be called before the record is closed.
    pub fn close(&self) {
        for (_, books) in self.books().drain() {
            for open in books.open.into_values() {
                open.record.close(Ending::of(Outcome::Unknown));
            }
        }
    }

    fn books(&self) -> MutexGuard<'_, HashMap<Arc<str>, Books>> {
        // Every change is whole before anything in it could panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Books {
    /// Forgets the oldest requests, until there is a place for this one.
    ///
    /// SECURITY: an agent that sends a thousand others would be allowed the first one again (test
    /// `a_request_that_was_allowed_is_not_forgotten_for_others`). One that is being answered stays: the same again would be
    /// decided beside it.
    fn make_room(&mut self, id: &str) {
        let needed = usize::from(!self.requests.contains_key(id));
        let mut busy = VecDeque::new();
        while let Some((since, _)) = self.order.front() {
            let old = since.elapsed() > KEPT_FOR;
            if !old && self.order.len() + busy.len() + needed <= KEPT {
                break;
            }
            let Some((since, id)) = self.order.pop_front() else {
                break;
            };
            let Some(request) = self.requests.remove(&id) else {
                continue;
            };
            match Arc::try_unwrap(request) {
                Ok(_) if old => {}
                Ok(request) => self.forget(request.into_inner()),
                Err(request) => {
                    self.requests.insert(id.clone(), request);
                    busy.push_back((since, id));
                }
            }
        }
        busy.append(&mut self.order);
        self.order = busy;
    }

    /// Of a request that was allowed something it stays known that it was.
    fn forget(&mut self, request: Asked) {
        let answer = request.said.map(|said| said.answer);
        let Some(answer) = answer.filter(|answer| answer.decision == "ALLOW") else {
            return;
        };
        while self.before.len() >= KEPT_BEFORE {
            let Some(oldest) = self.order_before.pop_front() else {
                break;
            };
            self.before.remove(&oldest);
        }
        let call = answer.decision_id;
        let outcome = self.ended.get(&call).copied().unwrap_or(Outcome::Unknown);
        let own = call.own_part().to_owned();
        if self.before.insert(own.clone(), (call, outcome)).is_none() {
            self.order_before.push_back(own);
        }
    }

    fn not_open(&self, call: &CallId) -> NotOpen {
        self.ended
            .get(call)
            .map_or(NotOpen::Unknown, |outcome| NotOpen::Ended(*outcome))
    }

    fn ended(&mut self, call: CallId, outcome: Outcome) {
        while self.ended.len() >= KEPT {
            self.ended.pop_first();
        }
        self.ended.insert(call, outcome);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn record(ends: &Arc<AtomicUsize>) -> Record {
        let ends = ends.clone();
        Record::new(move |ending| {
            assert_eq!(ending.outcome, Outcome::Unknown);
            ends.fetch_add(1, Ordering::Relaxed);
        })
    }

    #[test]
    fn what_an_agent_leaves_open_is_bounded() {
        let (decided, agent, ends) = (Decided::default(), Arc::from("bot"), Arc::default());
        let calls: Vec<CallId> = (0..KEPT + 2).map(|_| CallId::random()).collect();
        for call in &calls {
            decided.open(&agent, call.clone(), record(&ends), Vec::new());
        }
        assert_eq!(ends.load(Ordering::Relaxed), 2, "its oldest are over");
        let other = Arc::from("other");
        decided.open(&other, CallId::random(), record(&ends), Vec::new());
        assert_eq!(ends.load(Ordering::Relaxed), 2, "another agent's are its own");
        decided.close();
        assert_eq!(ends.load(Ordering::Relaxed), KEPT + 3);

        let first = decided.request(&agent, "0");
        assert!(Arc::ptr_eq(&first, &decided.request(&agent, "0")));
        assert!(!Arc::ptr_eq(&first, &decided.request(&other, "0")));
        let others = || {
            for id in 1..=KEPT {
                decided.request(&agent, &id.to_string());
            }
        };
        others();
        assert!(
            Arc::ptr_eq(&first, &decided.request(&agent, "0")),
            "it is being answered"
        );
        first.try_lock().unwrap().last = Some(Timestamp(1));
        drop(first);
        others();
        let again = decided.request(&agent, "0");
        assert_eq!(again.try_lock().unwrap().last, None, "forgotten");
        let books = decided.books();
        assert!(
            books
                .values()
                .all(|books| books.requests.len() <= KEPT && books.order.len() <= KEPT)
        );
    }

    fn said(call: &CallId, decision: &'static str) -> Said {
        let answer = Answer {
            decision,
            decision_id: call.clone(),
            action: "post_message".into(),
            risk: None,
            policies: Vec::new(),
            reason: String::new(),
            code: None,
            would: None,
            approval_id: None,
            wait_url: None,
            expires_at: None,
            grant: None,
        };
        Said {
            content: digest(b""),
            answer,
            evidence: None,
            until: None,
        }
    }

    #[test]
    fn a_request_that_was_allowed_is_not_forgotten_for_others() {
        let (decided, agent) = (Decided::default(), Arc::from("bot"));
        let [allowed, blocked] = [CallId::random(), CallId::random()];
        for (id, call, decision) in [("allowed", &allowed, "ALLOW"), ("blocked", &blocked, "BLOCK")] {
            decided.request(&agent, id).try_lock().unwrap().said = Some(said(call, decision));
        }
        let others = |count: usize| {
            for id in 0..count {
                decided.request(&agent, &id.to_string());
            }
        };
        others(KEPT - 2);
        // Whoever comes again needs no place.
        assert!(decided.request(&agent, "allowed").try_lock().unwrap().said.is_some());
        assert!(decided.before("bot", allowed.own_part()).is_none());
        others(KEPT);
        assert!(decided.request(&agent, "allowed").try_lock().unwrap().said.is_none());
        let before = decided.before("bot", allowed.own_part());
        assert_eq!(before, Some((allowed.clone(), Outcome::Unknown)));
        assert!(
            decided.before("bot", blocked.own_part()).is_none(),
            "nothing was done by it"
        );
        // Of these, too, the oldest go first.
        let mut books = decided.books();
        let books = books.get_mut(&agent).unwrap();
        for _ in 0..KEPT_BEFORE {
            let said = Some(said(&CallId::random(), "ALLOW"));
            books.forget(Asked { said, last: None });
        }
        assert_eq!(
            (books.before.len(), books.order_before.len()),
            (KEPT_BEFORE, KEPT_BEFORE)
        );
        assert!(!books.before.contains_key(allowed.own_part()));
    }

    #[test]
    fn an_outcome_is_told_by_its_agent_alone() {
        let (decided, agent, ends) = (Decided::default(), Arc::from("bot"), Arc::default());
        let call = CallId::random();
        decided.open(&agent, call.clone(), record(&ends), Vec::new());
        let ending = || Ending::of(Outcome::Unknown);
        assert!(matches!(
            decided.end(&Arc::from("other"), &call, ending()),
            Err(NotOpen::Unknown)
        ));
        assert!(decided.end(&agent, &call, ending()).is_ok());
        assert!(matches!(
            decided.end(&agent, &call, ending()),
            Err(NotOpen::Ended(Outcome::Unknown))
        ));
        assert_eq!(ends.load(Ordering::Relaxed), 1);
    }
}
