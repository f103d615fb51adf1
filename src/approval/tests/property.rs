//! Whatever callers, people, time, a failing disk and restarts do: consent is spent once, in time, and not without a yes; and
//! each approval takes the steps that a model of a few lines takes.

use std::collections::HashMap;

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Step {
    /// A call comes (what, idempotency key) and stays connected, or leaves at once.
    Call {
        what: u8,
        key: Option<u8>,
        stays: bool,
    },
    /// A connected client looks whether people decided, and spends if they did.
    Wake(usize),
    Leave(usize),
    Approve(usize),
    Deny(usize),
    Cancel(usize),
    /// A call that an approval was spent on ends: nothing of it was sent, or something may have been.
    End {
        which: usize,
        sent: bool,
    },
    /// The rule changes before the next claim.
    RuleChanges,
    Pass {
        seconds: u64,
    },
    Sweep,
    /// The next commits fail.
    DiskFails(bool),
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0u8..3, proptest::option::of(0u8..3), any::<bool>())
            .prop_map(|(what, key, stays)| Step::Call { what, key, stays }),
        4 => (0usize..8).prop_map(Step::Wake),
        2 => (0usize..8).prop_map(Step::Leave),
        5 => (0usize..8).prop_map(Step::Approve),
        1 => (0usize..8).prop_map(Step::Deny),
        1 => (0usize..8).prop_map(Step::Cancel),
        4 => (0usize..8, any::<bool>()).prop_map(|(which, sent)| Step::End { which, sent }),
        1 => Just(Step::RuleChanges),
        3 => (1u64..700).prop_map(|seconds| Step::Pass { seconds }),
        2 => Just(Step::Sweep),
        1 => any::<bool>().prop_map(Step::DiskFails),
        1 => Just(Step::Restart),
    ]
}

/// The store: takes a row only upon the revision before it.
#[derive(Default)]
struct Disk {
    rows: HashMap<ApprovalId, ApprovalRow>,
    fails: bool,
    /// Calls that an approval was spent on, those apart of which nothing was sent.
    spent: HashMap<ApprovalId, usize>,
    /// The model: what each approval is.
    model: HashMap<ApprovalId, State>,
}

impl Disk {
    fn commit(&mut self, draft: Draft) -> bool {
        let row = draft.row().clone();
        let found = self.rows.get(&row.id).map(|row| row.revision + 1).unwrap_or(0);
        assert_eq!(found, row.revision, "memory and disk agree");
        if self.fails {
            return false;
        }
        let steps: &[State] = match self.model.get(&row.id) {
            None => &[State::Pending],
            Some(State::Pending) => &[State::Approved, State::Denied, State::Cancelled, State::Expired],
            Some(State::Approved | State::Returned) => {
                &[State::Consumed, State::Denied, State::Expired, State::Pending]
            }
            Some(State::Consumed) => &[State::Returned],
            Some(State::Denied | State::Cancelled | State::Expired) => &[],
        };
        let from = self.model.insert(row.id.clone(), row.state);
        assert!(steps.contains(&row.state), "{from:?} → {:?}", row.state);
        assert!(from.is_none_or(|from| from.may_become(row.state)));
        if row.state == State::Returned {
            assert!(row.returned <= 3 && row.consumed_by.is_none());
            *self.spent.entry(row.id.clone()).or_default() -= 1;
        }
        if row.state == State::Consumed {
            let before = &self.rows[&row.id];
            assert!(before.state.is_given(), "spent without a yes");
            assert!(
                row.consumed.unwrap() < before.grant_expires.unwrap(),
                "spent after its expiry"
            );
            *self.spent.entry(row.id.clone()).or_default() += 1;
        }
        if row.state == State::Approved {
            assert!(row.decided.unwrap() < row.expires, "approved after its expiry");
            assert!(row.rules.iter().all(|rule| {
                let evidence = crate::model::Evidence {
                    approval: row.id.clone(),
                    votes: row.votes.clone(),
                    stated: BTreeMap::new(),
                };
                evidence.satisfies(rule)
            }));
        }
        let committed = draft.committed();
        assert_eq!((&committed.id, committed.revision), (&row.id, row.revision));
        self.rows.insert(row.id.clone(), row);
        true
    }
}

struct World {
    approvals: Approvals,
    disk: Disk,
    tickets: Vec<(Fingerprint, Ticket)>,
    start: Instant,
    rule: u32,
    /// Calls that ended in doubt or well: what they were spent on is never given back.
    ended: Vec<CallId>,
}

impl World {
    fn new() -> Self {
        let start = Instant::now();
        Self {
            approvals: Self::open(start, Vec::new()),
            disk: Disk::default(),
            tickets: Vec::new(),
            start,
            rule: 0,
            ended: Vec::new(),
        }
    }

    fn open(start: Instant, rows: Vec<ApprovalRow>) -> Approvals {
        let wall = Box::new(move || Timestamp(1_795_183_500_000).plus(Instant::now() - start));
        super::with_clocks(rows, Clocks::new(wall, Box::new(Duration::default)))
    }

    fn rule(&self) -> HoldRule {
        rule("refund-over-500", &self.rule.to_string())
    }

    fn spend(&mut self, fingerprint: &Fingerprint, claim: Claim) {
        let draft = match claim.evidence().satisfies(&self.rule()) {
            true => claim.consume(&CallId::random(), fingerprint),
            false => claim.reopen(vec![self.rule()]),
        };
        self.disk.commit(draft);
    }

    fn call(&mut self, what: u8, key: Option<u8>, stays: bool) {
        let fingerprint = call("bot", what, key.map(|key| key.to_string()).as_deref());
        let mut held = hold("bot");
        held.rules = vec![self.rule()];
        let ticket = match self.approvals.look_up(&fingerprint, &held) {
            Found::Approved(claim, ticket) => {
                self.spend(&fingerprint, claim);
                ticket
            }
            Found::Pending(ticket) => ticket,
            Found::New(draft, ticket) => match self.disk.commit(draft) {
                true => ticket,
                false => return,
            },
            Found::Denied(_) | Found::Executed(_) | Found::Full { .. } => return,
            Found::Settling(_) => panic!("nothing is under way between steps"),
        };
        if stays {
            self.tickets.push((fingerprint, ticket));
        }
    }

    async fn wake(&mut self, which: usize) {
        if which >= self.tickets.len() {
            return;
        }
        let (fingerprint, mut ticket) = self.tickets.swap_remove(which);
        if let Wake::Approved(claim) = ticket.decided(&wait(0)).await {
            self.spend(&fingerprint, claim);
        }
    }

    fn decide(&mut self, which: usize, yes: bool) {
        let Some(standing) = self.approvals.list(None).into_iter().nth(which) else {
            return;
        };
        let (id, state) = (&standing.row.id, standing.state);
        let draft = if yes {
            let Ok(review) = self.approvals.review(id) else {
                assert_ne!(state, State::Pending);
                return;
            };
            let vote = vote("alice", &review.row().rules);
            review.approve(vote, BTreeMap::new())
        } else {
            let Ok(veto) = self.approvals.veto(id) else {
                assert!(!state.is_open());
                return;
            };
            veto.deny(Denial::new(&"alice".into(), "no"))
        };
        self.disk.commit(draft);
    }

    fn cancel(&mut self, which: usize) {
        let Some(standing) = self.approvals.list(None).into_iter().nth(which) else {
            return;
        };
        match self.approvals.review(&standing.row.id) {
            Ok(review) => drop(self.disk.commit(review.cancel(&"alice".into(), String::new()))),
            Err(_) => assert_ne!(standing.state, State::Pending),
        }
    }

    fn end(&mut self, which: usize, sent: bool) {
        let Some(standing) = self.approvals.list(None).into_iter().nth(which) else {
            return;
        };
        let Some(call) = standing.row.consumed_by else {
            assert!(self.approvals.give_back(&standing.row.id, &CallId::random()).is_none());
            return;
        };
        if self.ended.contains(&call) {
            return;
        }
        let outcome = if sent { Outcome::Unknown } else { Outcome::NotSent };
        self.approvals.ended(&standing.row.id, &call, outcome, None);
        let another = self.approvals.give_back(&standing.row.id, &CallId::random());
        assert!(another.is_none(), "another call gives nothing back");
        if sent {
            self.ended.push(call);
        } else if let Some(draft) = self.approvals.give_back(&standing.row.id, &call) {
            assert!(
                draft.row().grant_expires.unwrap() > self.wall(),
                "given back after its expiry"
            );
            self.disk.commit(draft);
        }
    }

    fn wall(&self) -> Timestamp {
        Timestamp(1_795_183_500_000).plus(Instant::now() - self.start)
    }

    async fn step(&mut self, step: Step) {
        match step {
            Step::Call { what, key, stays } => self.call(what, key, stays),
            Step::Wake(which) => self.wake(which).await,
            Step::Leave(which) if which < self.tickets.len() => drop(self.tickets.swap_remove(which)),
            Step::Leave(_) => {}
            Step::Approve(which) => self.decide(which, true),
            Step::Deny(which) => self.decide(which, false),
            Step::Cancel(which) => self.cancel(which),
            Step::End { which, sent } => self.end(which, sent),
            Step::RuleChanges => self.rule += 1,
            Step::Pass { seconds } => advance(Duration::from_secs(seconds)).await,
            Step::Sweep => {
                for draft in self.approvals.sweep().expired {
                    self.disk.commit(draft);
                }
            }
            Step::DiskFails(fails) => self.disk.fails = fails,
            Step::Restart => {
                self.tickets.clear();
                self.approvals = Self::open(self.start, self.disk.rows.values().cloned().collect());
            }
        }
    }

    fn check(&self) {
        assert!(self.approvals.memory().is_counted());
        assert!(self.disk.spent.values().all(|times| *times <= 1), "spent twice");
        let now = self.wall();
        for row in self.disk.rows.values() {
            let standing = self.approvals.get(&row.id);
            match row.state {
                State::Pending if row.expires > now => assert_eq!(standing.unwrap().state, State::Pending),
                State::Approved | State::Returned if row.grant_expires.unwrap() > now => {
                    assert_eq!(standing.unwrap().state, row.state);
                }
                State::Pending | State::Approved | State::Returned => {
                    assert!(standing.is_none_or(|standing| standing.state == State::Expired));
                }
                State::Denied | State::Expired | State::Cancelled | State::Consumed => {
                    assert!(standing.is_none_or(|standing| standing.state == row.state));
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn consent_is_spent_once_in_time_and_never_without_a_yes(steps in proptest::collection::vec(step(), 1..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let mut world = World::new();
            for step in steps {
                world.step(step).await;
                world.check();
            }
        });
    }
}
