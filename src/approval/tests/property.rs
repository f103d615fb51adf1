//! Whatever callers, people, time, clocks, a slow or failing disk and restarts do: consent is spent once, in time, and not without a yes
//! of each person it takes, to this text of the rule and to this reading of the call; and each approval takes the steps that a
//! model takes, which is worked out from the commits alone (`model`).

mod model;
mod step;

use proptest::prelude::*;

use self::model::{Disk, Drafted};
use self::step::{PEOPLE, Step, step};
use super::*;
use crate::model::approval::Escalation;

struct World {
    approvals: Approvals,
    disk: Disk,
    tickets: Vec<(Fingerprint, Ticket)>,
    start: Instant,
    rule: u32,
    reading: u32,
    /// Seconds by which the wall clock was set back.
    back: Arc<AtomicI64>,
    /// It was, and what was given before is not all on disk as expired.
    distrusted: bool,
    /// And nobody looked since.
    unnoticed: bool,
    slow: bool,
    under_way: Option<Drafted>,
}

impl World {
    fn new() -> Self {
        let (start, back) = (Instant::now(), Arc::default());
        Self {
            approvals: Self::open(start, &back, Vec::new()),
            disk: Disk::default(),
            tickets: Vec::new(),
            start,
            rule: 0,
            reading: 0,
            back,
            distrusted: false,
            unnoticed: false,
            slow: false,
            under_way: None,
        }
    }

    fn open(start: Instant, back: &Arc<AtomicI64>, rows: Vec<ApprovalRow>) -> Approvals {
        let back = back.clone();
        let wall = Box::new(move || wall_at(start, &back));
        super::with_clocks(rows, Clocks::new(wall, Box::new(Duration::default)))
    }

    fn rule(&self) -> HoldRule {
        HoldRule {
            quorum: 1 + self.rule % 2,
            escalation: Some(Escalation {
                approvers: vec!["managers".into()],
                percent: 50,
            }),
            ..rule("refund-over-500", &self.rule.to_string())
        }
    }

    fn action(&self) -> Action {
        Action {
            operation: self.reading.to_string().into(),
            ..action()
        }
    }

    fn set_back(&self) -> Duration {
        Duration::from_secs(self.back.load(Ordering::SeqCst).unsigned_abs())
    }

    fn drafted(&self, draft: Draft) -> Drafted {
        Drafted::new(draft, &self.disk, (self.rule(), self.reading), self.set_back())
    }

    /// Whether it is on disk now, or may be later.
    fn put(&mut self, drafted: Drafted) -> bool {
        if self.slow && self.under_way.is_none() {
            self.slow = false;
            self.under_way = Some(drafted);
            return true;
        }
        self.disk.commit(drafted, self.set_back())
    }

    fn is_under_way(&self, id: &ApprovalId) -> bool {
        self.under_way.as_ref().is_some_and(|drafted| drafted.is_of(id))
    }

    fn spend(&mut self, fingerprint: &Fingerprint, claim: Claim) {
        let rules = vec![self.rule()];
        let draft = if *claim.row().action.operation != *self.reading.to_string() {
            claim.ask_anew(self.action(), rules)
        } else if claim.evidence().satisfies(&self.rule()) {
            claim.consume(&CallId::random(), fingerprint)
        } else {
            claim.reopen(rules)
        };
        self.put(self.drafted(draft));
    }

    fn call(&mut self, what: u8, key: Option<u8>, stays: bool) {
        let fingerprint = call("bot", what, key.map(|key| key.to_string()).as_deref());
        let mut held = hold("bot");
        (held.rules, held.action) = (vec![self.rule()], self.action());
        let ticket = match self.approvals.look_up(&fingerprint, &held) {
            Found::Approved(claim, ticket) => {
                self.spend(&fingerprint, claim);
                ticket
            }
            Found::Pending(ticket) => ticket,
            Found::New(draft, ticket) => match self.put(self.drafted(draft)) {
                true => ticket,
                false => return,
            },
            Found::Denied(_) | Found::Executed(_) | Found::Full { .. } => return,
            Found::Settling(_) => return assert!(self.under_way.is_some(), "nothing is under way"),
        };
        if stays {
            self.tickets.push((fingerprint, ticket));
        }
    }

    async fn wake(&mut self, which: usize) {
        let ticket = self.tickets.get(which).map(|(_, ticket)| ticket.approval());
        // It would wait for the commit.
        if ticket.is_none_or(|id| self.is_under_way(id)) {
            return;
        }
        let (fingerprint, mut ticket) = self.tickets.swap_remove(which);
        if let Wake::Approved(claim) = ticket.decided(&wait(0)).await {
            self.spend(&fingerprint, claim);
        }
    }

    fn nth(&self, which: usize) -> Option<Standing> {
        self.approvals.list(None).into_iter().nth(which)
    }

    fn approve(&mut self, which: usize, person: usize) {
        let (Some(standing), (person, group)) = (self.nth(which), PEOPLE[person]) else {
            return;
        };
        let Ok(review) = self.approvals.review(&standing.row.id) else {
            return assert!(standing.state != State::Pending || self.is_under_way(&standing.row.id));
        };
        let rule = review.row().rules[0].clone();
        let vote = vote(person, &review.row().rules);
        let given = review.evidence(&vote, &BTreeMap::new());
        let is_new = given.consents(&rule) > review.given().consents(&rule);
        // Nobody else may speak for the rule, and nobody twice.
        if !rule.approvers.iter().any(|asked| **asked == *group) || !is_new {
            return;
        }
        if group == "managers" {
            assert!(
                review.row().escalated.contains(&rule.id),
                "asked before it was their turn"
            );
        }
        let draft = match given.satisfies(&rule) {
            true => review.approve(vote, BTreeMap::new()),
            false => review.consent(vote, BTreeMap::new(), vec![rule]),
        };
        self.put(self.drafted(draft).said_by(person));
    }

    fn deny(&mut self, which: usize) {
        let Some(standing) = self.nth(which) else {
            return;
        };
        match self.approvals.veto(&standing.row.id) {
            Ok(veto) => {
                let draft = veto.deny(Denial::new(&"alice".into(), "no"));
                self.put(self.drafted(draft));
            }
            Err(_) => assert!(!standing.state.is_open() || self.is_under_way(&standing.row.id)),
        }
    }

    fn cancel(&mut self, which: usize) {
        let Some(standing) = self.nth(which) else {
            return;
        };
        match self.approvals.review(&standing.row.id) {
            Ok(review) => {
                let draft = review.cancel(&"alice".into(), String::new());
                self.put(self.drafted(draft));
            }
            Err(_) => assert!(standing.state != State::Pending || self.is_under_way(&standing.row.id)),
        }
    }

    fn end(&mut self, which: usize, sent: bool) {
        let standing = self.nth(which).filter(|standing| !self.is_under_way(&standing.row.id));
        let Some(standing) = standing else {
            return;
        };
        let id = &standing.row.id;
        let another = self.approvals.give_back(id, &CallId::random());
        assert!(another.is_none(), "another call gives nothing back");
        let Some(call) = standing.row.consumed_by.filter(|call| !self.disk.ended.contains(call)) else {
            return;
        };
        let outcome = if sent { Outcome::Unknown } else { Outcome::NotSent };
        self.approvals.ended(id, &call, outcome, None);
        if sent {
            self.disk.ended.push(call);
        } else if let Some(draft) = self.approvals.give_back(id, &call) {
            self.put(self.drafted(draft));
        }
    }

    fn sweep(&mut self) {
        let sweep = self.approvals.sweep();
        assert_eq!(matches!(sweep.jump, Some(Jump::Back(_))), self.unnoticed);
        if std::mem::take(&mut self.unnoticed) {
            let under_way = self.under_way.as_ref().map(|drafted| &drafted.draft.row().id);
            self.disk.distrusts(under_way);
            if let Some(drafted) = &mut self.under_way {
                drafted.is_caught = true;
            }
        }
        for draft in sweep.expired {
            assert!(self.disk.left(&draft.row().id).is_zero(), "expired before its time");
            self.disk.commit(self.drafted(draft), self.set_back());
        }
        for draft in sweep.escalated {
            let (id, life) = (draft.row().id.clone(), draft.row().life());
            assert!(
                self.disk.left(&id) <= life / 2,
                "others are asked before half of the time is over"
            );
            self.disk.commit(self.drafted(draft), self.set_back());
        }
        if !self.disk.fails {
            self.distrusted &= self.under_way.is_some();
            let waiting = self.disk.rows.values().filter(|row| row.state == State::Pending);
            for row in waiting.filter(|row| !self.is_under_way(&row.id)) {
                let left = self.disk.left(&row.id);
                assert!(!left.is_zero(), "what is over is not expired");
                assert!(
                    left > row.life() / 2 || !row.escalated.is_empty(),
                    "nobody else is asked"
                );
            }
        }
    }

    /// What was under way reached the disk or did not; nobody learnt of it.
    fn restart(&mut self, reached: bool) {
        let under_way = self.under_way.take();
        let (back, mut on_disk) = (self.set_back(), None);
        if let Some(drafted) = under_way.filter(|_| reached)
            && self.disk.write(&drafted, back)
        {
            on_disk = Some(drafted.draft.row().id.clone());
        }
        self.tickets.clear();
        self.approvals = Self::open(self.start, &self.back, self.disk.rows.values().cloned().collect());
        self.disk
            .reopened(wall_at(self.start, &self.back), back, on_disk.as_ref(), self.distrusted);
        self.unnoticed = false;
        if std::mem::take(&mut self.distrusted) {
            // A start that cannot put this on disk is none.
            let fails = std::mem::take(&mut self.disk.fails);
            for draft in self.approvals.distrust().0 {
                self.disk.commit(self.drafted(draft), back);
            }
            self.disk.fails = fails;
            let given = self.disk.rows.values().filter(|row| row.state.is_given());
            assert_eq!(given.count(), 0, "counts after a start that trusts no clock");
        }
    }

    async fn step(&mut self, step: Step) {
        match step {
            Step::Call { what, key, stays } => self.call(what, key, stays),
            Step::Wake(which) => self.wake(which).await,
            Step::Leave(which) if which < self.tickets.len() => drop(self.tickets.swap_remove(which)),
            Step::Leave(_) => {}
            Step::Approve { which, person } => self.approve(which, person),
            Step::Deny(which) => self.deny(which),
            Step::Cancel(which) => self.cancel(which),
            Step::End { which, sent } => self.end(which, sent),
            Step::RuleChanges => self.rule += 1,
            Step::ReadAnew => self.reading += 1,
            Step::Pass { seconds } => advance(Duration::from_secs(seconds)).await,
            Step::ClockBack { seconds } => {
                self.back.fetch_add(i64::try_from(seconds).unwrap(), Ordering::SeqCst);
                (self.distrusted, self.unnoticed) = (true, true);
            }
            Step::Sweep => self.sweep(),
            Step::Slow => self.slow = true,
            Step::Settle(well) => {
                if let Some(drafted) = self.under_way.take().filter(|_| well) {
                    self.disk.commit(drafted, self.set_back());
                }
            }
            Step::DiskFails(fails) => self.disk.fails = fails,
            Step::Restart { reached } => self.restart(reached),
        }
    }
}

fn wall_at(start: Instant, back: &AtomicI64) -> Timestamp {
    let wall = Timestamp(1_795_183_500_000).plus(Instant::now() - start);
    Timestamp(wall.0 - 1_000 * back.load(Ordering::SeqCst))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn consent_is_spent_once_in_time_and_never_without_a_yes(steps in proptest::collection::vec(step(), 1..80)) {
        walk(steps);
    }
}

/// The yes was given by the clock that was set back, and the disk failed as it was to end.
#[test]
fn a_yes_by_a_clock_that_was_set_back_ends_with_the_next_start() {
    let call = Step::Call {
        what: 0,
        key: None,
        stays: false,
    };
    let approve = Step::Approve { which: 0, person: 0 };
    let back = Step::ClockBack { seconds: 458 };
    let restart = Step::Restart { reached: true };
    walk(vec![call, back, approve, Step::DiskFails(true), Step::Sweep, restart]);
}

fn walk(steps: Vec<Step>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut world = World::new();
        for step in steps {
            world.step(step).await;
            world.disk.check(&world.approvals);
        }
    });
}
