use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method};
use tokio::time::{Instant, advance};

use super::*;
use crate::model::call::{Authority, Body, Call, Caller, Host, Origin, Scheme};
use crate::model::time::Jump;
use crate::model::{Access, Action, Answer, Target, Timestamp, Value, Vote};
use crate::policy::Hold;

mod property;

pub(crate) fn action() -> Action {
    Action {
        provider: "stripe".into(),
        operation: "refunds.create".into(),
        name: "process_refund".into(),
        access: Access::Write,
        fields: BTreeMap::from([
            ("amount".into(), Value::Int(90_000)),
            ("currency".into(), Value::Text("usd".into())),
        ]),
        missing: Vec::new(),
        target: Target {
            kind: "charge".into(),
            id: Some("ch_1".to_owned()),
        },
        environment: "test".into(),
        unmapped: false,
        inspected: true,
        summary: "Refund $900.00 of ch_1 in Stripe".to_owned(),
        request_line: "POST https://api.stripe.com/v1/refunds".to_owned(),
        answer: Arc::new(Answer::default()),
    }
}

pub(crate) fn rule(id: &str, digest: &str) -> HoldRule {
    HoldRule {
        id: id.into(),
        reason: Some("Refunds over $500 need a person".to_owned()),
        approvers: vec!["finance".into()],
        quorum: 1,
        timeout: None,
        digest: digest.into(),
        unchecked: Vec::new(),
    }
}

pub(crate) fn hold(agent: &str) -> Hold {
    let call = Call {
        id: CallId::random(),
        origin: Origin::Wire,
        caller: Caller {
            agent: agent.into(),
            roles: Arc::from(["support".into()]),
            owner: None,
        },
        received: Timestamp(0),
        scheme: Scheme::Https,
        authority: Authority {
            host: Host::Name("api.stripe.com".into()),
            port: 443,
        },
        method: Method::POST,
        path: "/v1/refunds".to_owned(),
        query: None,
        headers: HeaderMap::new(),
        body: Body::Captured(Bytes::from_static(b"amount=90000")),
    };
    Hold {
        call,
        action: action(),
        rules: vec![rule("refund-over-500", "d1")],
    }
}

pub(crate) fn call(agent: &str, what: u8, key: Option<&str>) -> Fingerprint {
    Fingerprint {
        place: fingerprint::Place {
            agent: agent.into(),
            fingerprint: [what; 32],
        },
        idempotency: key.map(str::to_owned),
    }
}

fn vote(person: &str, rules: &[HoldRule]) -> Vote {
    Vote {
        person: person.into(),
        time: Timestamp(0),
        proof: "key".into(),
        reason: None,
        rules: rules
            .iter()
            .map(|rule| (rule.id.clone(), rule.digest.clone()))
            .collect(),
    }
}

/// Wall time that goes with tokio's paused time.
fn wall() -> Wall {
    let start = Instant::now();
    Box::new(move || Timestamp(1_795_183_500_000).plus(Instant::now() - start))
}

pub(crate) fn approvals() -> Approvals {
    restored(Vec::new())
}

fn restored(rows: Vec<ApprovalRow>) -> Approvals {
    with_clocks(rows, Clocks::new(wall(), Box::new(Duration::default)))
}

fn with_clocks(rows: Vec<ApprovalRow>, clocks: Clocks) -> Approvals {
    Approvals::with_clocks(Config::default(), Keys::new(&[7; 32], &[8; 32]), rows, clocks)
}

fn minutes(count: u64) -> Duration {
    Duration::from_secs(60 * count)
}

/// Parks a new approval; panics if something is there already.
pub(crate) fn park(approvals: &Approvals, fingerprint: &Fingerprint) -> Ticket {
    let found = approvals.look_up(fingerprint, &hold(&fingerprint.place.agent));
    let name = name(&found);
    let Found::New(draft, ticket) = found else {
        panic!("expected a new approval, found {name}");
    };
    draft.committed();
    ticket
}

fn join(approvals: &Approvals, fingerprint: &Fingerprint) -> Ticket {
    let found = approvals.look_up(fingerprint, &hold(&fingerprint.place.agent));
    let name = name(&found);
    let Found::Pending(ticket) = found else {
        panic!("expected a pending approval, found {name}");
    };
    ticket
}

fn found(approvals: &Approvals, fingerprint: &Fingerprint) -> &'static str {
    name(&approvals.look_up(fingerprint, &hold(&fingerprint.place.agent)))
}

fn name(found: &Found) -> &'static str {
    match found {
        Found::Approved(..) => "approved",
        Found::Pending(_) => "pending",
        Found::New(..) => "new",
        Found::Denied(_) => "denied",
        Found::Executed(_) => "executed",
        Found::Full { .. } => "full",
        Found::Settling(_) => "settling",
    }
}

fn review(approvals: &Approvals, id: &ApprovalId) -> Review {
    match approvals.review(id) {
        Ok(review) => review,
        Err(_) => panic!("expected it to be pending"),
    }
}

pub(crate) fn approve(approvals: &Approvals, id: &ApprovalId) -> ApprovalRow {
    let review = review(approvals, id);
    let vote = vote("alice", &review.row().rules);
    review.approve(vote, BTreeMap::new()).committed()
}

pub(crate) fn veto(approvals: &Approvals, id: &ApprovalId) -> Veto {
    match approvals.veto(id) {
        Ok(veto) => veto,
        Err(_) => panic!("expected it to be open"),
    }
}

pub(crate) fn deny(approvals: &Approvals, id: &ApprovalId) {
    let _ = veto(approvals, id).deny(&"alice".into(), "no".to_owned()).committed();
}

/// Takes the grant of a call and spends it.
pub(crate) fn spend(approvals: &Approvals, fingerprint: &Fingerprint) -> ApprovalRow {
    let found = approvals.look_up(fingerprint, &hold(&fingerprint.place.agent));
    let name = name(&found);
    let Found::Approved(claim, _ticket) = found else {
        panic!("expected a grant, found {name}");
    };
    claim.consume(&CallId::random(), fingerprint).committed()
}

fn wait(seconds: u64) -> Wait {
    Wait::start(Duration::from_secs(seconds))
}

#[tokio::test(start_paused = true)]
async fn an_approved_call_goes_once_and_its_repetition_is_refused_for_the_grant_time() {
    let approvals = approvals();
    let refund = call("bot", 1, None);
    let ticket = park(&approvals, &refund);
    let id = ticket.approval().clone();
    drop(ticket);
    assert_eq!(found(&approvals, &refund), "pending");
    approve(&approvals, &id);
    assert_eq!(spend(&approvals, &refund).state, State::Consumed);
    assert_eq!(found(&approvals, &refund), "executed");
    advance(minutes(10) - Duration::from_secs(1)).await;
    assert_eq!(found(&approvals, &refund), "executed");
    advance(Duration::from_secs(2)).await;
    assert_eq!(found(&approvals, &refund), "new");
}

#[tokio::test(start_paused = true)]
async fn a_hundred_claims_at_once_spend_one_grant_once() {
    let approvals = approvals();
    let refund = call("bot", 1, None);
    let first = park(&approvals, &refund);
    let mut callers = vec![first];
    callers.extend((1..100).map(|_| join(&approvals, &refund)));
    let id = callers[0].approval().clone();
    let tasks: Vec<_> = callers
        .into_iter()
        .map(|mut ticket| {
            let fingerprint = refund.clone();
            tokio::spawn(async move {
                match ticket.decided(&wait(60)).await {
                    Wake::Approved(claim) => {
                        tokio::time::sleep(Duration::from_millis(3)).await; // the commit
                        let _ = claim.consume(&CallId::random(), &fingerprint).committed();
                        true
                    }
                    Wake::Executed(_) => false,
                    Wake::TooLate(_) | Wake::Denied(_) | Wake::Expired | Wake::TimeUp(_) => {
                        panic!("neither spent nor refused as executed")
                    }
                }
            })
        })
        .collect();
    advance(Duration::from_secs(1)).await;
    approve(&approvals, &id);
    let mut spent = 0;
    for task in tasks {
        spent += usize::from(task.await.unwrap());
    }
    assert_eq!(spent, 1);
}

#[tokio::test(start_paused = true)]
async fn a_claim_whose_commit_fails_is_put_back() {
    let approvals = approvals();
    let refund = call("bot", 1, None);
    let id = park(&approvals, &refund).approval().clone();
    approve(&approvals, &id);
    let Found::Approved(claim, ticket) = approvals.look_up(&refund, &hold("bot")) else {
        panic!("expected a grant");
    };
    assert_eq!(found(&approvals, &refund), "settling");
    drop(claim.consume(&CallId::random(), &refund));
    drop(ticket);
    assert_eq!(spend(&approvals, &refund).revision, 2);
}

#[tokio::test(start_paused = true)]
async fn the_same_call_in_the_same_moment_joins_the_one_being_parked() {
    let approvals = approvals();
    let refund = call("bot", 1, None);
    let Found::New(draft, ticket) = approvals.look_up(&refund, &hold("bot")) else {
        panic!("expected a new approval");
    };
    assert!(approvals.list(None).is_empty(), "not on disk, not shown");
    let Found::Settling(settling) = approvals.look_up(&refund, &hold("bot")) else {
        panic!("expected to wait");
    };
    draft.committed();
    settling.settled().await;
    assert_eq!(join(&approvals, &refund).approval(), ticket.approval());
}

#[tokio::test(start_paused = true)]
async fn an_approval_that_could_not_be_parked_leaves_no_trace() {
    let approvals = approvals();
    let refund = call("bot", 1, None);
    let Found::New(draft, ticket) = approvals.look_up(&refund, &hold("bot")) else {
        panic!("expected a new approval");
    };
    drop(draft);
    drop(ticket);
    assert_eq!(found(&approvals, &refund), "new");
    assert!(approvals.list(None).is_empty());
}

#[tokio::test(start_paused = true)]
async fn two_connected_callers_with_different_idempotency_keys_are_two_approvals() {
    let approvals = approvals();
    let (one, two) = (call("bot", 1, Some("k1")), call("bot", 1, Some("k2")));
    let mut first = park(&approvals, &one);
    let mut second = park(&approvals, &two);
    assert_ne!(first.approval(), second.approval());
    // The same request again joins its own, whoever is connected.
    assert_eq!(join(&approvals, &two).approval(), second.approval());
    // A grant with its client connected is not taken from it by another request.
    approve(&approvals, first.approval());
    assert_eq!(found(&approvals, &two), "pending");
    assert!(matches!(first.decided(&wait(60)).await, Wake::Approved(_)));
    approve(&approvals, second.approval());
    assert!(matches!(second.decided(&wait(60)).await, Wake::Approved(_)));
}

#[tokio::test(start_paused = true)]
async fn a_repetition_with_a_fresh_key_joins_the_oldest_without_a_client() {
    let approvals = approvals();
    let first = park(&approvals, &call("bot", 1, Some("k1")));
    let connected = first.approval().clone();
    let second = park(&approvals, &call("bot", 1, Some("k2")));
    let left = second.approval().clone();
    drop(second);
    assert_eq!(join(&approvals, &call("bot", 1, Some("k3"))).approval(), &left);
    assert_ne!(connected, left);
    // A client without a key may be the same as any.
    let _third = join(&approvals, &call("bot", 1, Some("k3")));
    assert_eq!(join(&approvals, &call("bot", 1, None)).approval(), &connected);
}

#[tokio::test(start_paused = true)]
async fn another_agent_or_call_finds_nothing_of_this_one() {
    let approvals = approvals();
    let id = park(&approvals, &call("bot", 1, None)).approval().clone();
    approve(&approvals, &id);
    assert_eq!(found(&approvals, &call("other", 1, None)), "new");
    assert_eq!(found(&approvals, &call("bot", 2, None)), "new");
}

#[tokio::test(start_paused = true)]
async fn a_denied_call_is_refused_until_it_has_cooled_down() {
    let approvals = approvals();
    let refund = call("bot", 1, None);
    let mut ticket = park(&approvals, &refund);
    deny(&approvals, ticket.approval());
    assert!(matches!(ticket.decided(&wait(60)).await, Wake::Denied(standing) if standing.row.denial.is_some()));
    assert_eq!(found(&approvals, &refund), "denied");
    advance(minutes(10) + Duration::from_secs(1)).await;
    assert_eq!(found(&approvals, &refund), "new");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_worth_anything_after_its_expiry() {
    let approvals = approvals();
    let refund = call("bot", 1, None);
    let mut ticket = park(&approvals, &refund);
    let id = ticket.approval().clone();
    advance(minutes(15)).await;
    assert!(matches!(ticket.decided(&wait(300)).await, Wake::Expired));
    assert!(matches!(approvals.review(&id), Err(NotOpen::Decided(standing)) if standing.state == State::Expired));
    let second = park(&approvals, &refund);
    approve(&approvals, second.approval());
    advance(minutes(10)).await;
    assert_eq!(found(&approvals, &refund), "new", "the grant is over");
}

#[tokio::test(start_paused = true)]
async fn the_sweep_puts_what_is_over_on_disk_and_forgets_it_later() {
    let approvals = approvals();
    let id = park(&approvals, &call("bot", 1, None)).approval().clone();
    assert!(approvals.sweep().expired.is_empty());
    advance(minutes(15)).await;
    let sweep = approvals.sweep();
    assert_eq!((sweep.expired.len(), sweep.jump), (1, None));
    for draft in sweep.expired {
        assert_eq!((draft.row().state, draft.row().revision), (State::Expired, 1));
        let _ = draft.committed();
    }
    assert!(approvals.sweep().expired.is_empty());
    assert_eq!(approvals.get(&id).unwrap().state, State::Expired);
    advance(minutes(11)).await;
    assert!(approvals.sweep().expired.is_empty());
    assert_eq!(approvals.get(&id), None);
}

/// Approvals whose wall clock is off by so many seconds, on a machine that slept for so many.
fn astray() -> (Approvals, Arc<AtomicI64>, Arc<AtomicI64>) {
    let start = Instant::now();
    let (off, slept) = (Arc::new(AtomicI64::new(0)), Arc::new(AtomicI64::new(0)));
    let wall: Wall = {
        let (off, slept) = (off.clone(), slept.clone());
        Box::new(move || {
            let real = Timestamp(1_795_183_500_000).plus(Instant::now() - start);
            Timestamp(real.0 + 1000 * (off.load(Ordering::SeqCst) + slept.load(Ordering::SeqCst)))
        })
    };
    let asleep = {
        let slept = slept.clone();
        Box::new(move || Duration::from_secs(u64::try_from(slept.load(Ordering::SeqCst)).unwrap()))
    };
    (with_clocks(Vec::new(), Clocks::new(wall, asleep)), off, slept)
}

#[tokio::test(start_paused = true)]
async fn a_clock_set_forward_ends_nothing_and_is_told() {
    let (approvals, off, _) = astray();
    let granted = park(&approvals, &call("bot", 1, None)).approval().clone();
    approve(&approvals, &granted);
    let mut waiting = park(&approvals, &call("bot", 2, None));
    off.store(24 * 3600, Ordering::SeqCst);
    assert_eq!(approvals.get(&granted).unwrap().state, State::Approved);
    let sweep = approvals.sweep();
    assert_eq!(sweep.jump, Some(Jump::Forward(Duration::from_secs(24 * 3600))));
    assert!(sweep.expired.is_empty());
    assert_eq!(approvals.sweep().jump, None, "told once");
    let before = Instant::now();
    assert!(matches!(waiting.decided(&wait(3600)).await, Wake::Expired));
    assert_eq!(before.elapsed(), minutes(15), "its time is as long as it was");
}

#[tokio::test(start_paused = true)]
async fn what_the_machine_slept_through_is_over() {
    let (approvals, _, slept) = astray();
    let refund = call("bot", 1, None);
    let id = park(&approvals, &refund).approval().clone();
    approve(&approvals, &id);
    slept.store(599, Ordering::SeqCst);
    assert_eq!(approvals.get(&id).unwrap().state, State::Approved);
    slept.store(600, Ordering::SeqCst);
    assert_eq!(found(&approvals, &refund), "new", "before anybody swept");
    let sweep = approvals.sweep();
    assert_eq!(
        (sweep.expired.len(), sweep.jump),
        (1, None),
        "sleep is no jump of the clock"
    );
}

#[tokio::test(start_paused = true)]
async fn grants_of_before_a_clock_was_set_back_can_be_ended_and_what_is_pending_stays() {
    let approvals = approvals();
    let id = park(&approvals, &call("bot", 1, None)).approval().clone();
    approve(&approvals, &id);
    drop(park(&approvals, &call("bot", 2, None)));
    let ended: Vec<_> = approvals.end_grants().into_iter().map(Draft::committed).collect();
    assert_eq!((ended.len(), &ended[0].id, ended[0].state), (1, &id, State::Expired));
    assert_eq!(found(&approvals, &call("bot", 2, None)), "pending");
}

#[tokio::test(start_paused = true)]
async fn a_clock_set_back_ends_grants_and_keeps_what_is_pending() {
    let (approvals, off, _) = astray();
    let granted = park(&approvals, &call("bot", 1, None)).approval().clone();
    approve(&approvals, &granted);
    let pending = park(&approvals, &call("bot", 2, None)).approval().clone();
    advance(Duration::from_secs(1)).await;
    assert_eq!(approvals.sweep().jump, None);
    off.store(-6, Ordering::SeqCst);
    let sweep = approvals.sweep();
    assert_eq!(sweep.jump, Some(Jump::Back(Duration::from_secs(6))));
    let ended: Vec<_> = sweep.expired.iter().map(|draft| draft.row().id.clone()).collect();
    assert_eq!(ended, [granted]);
    // The clock nobody sets still ends it in time.
    advance(minutes(15)).await;
    assert_eq!(approvals.get(&pending).unwrap().state, State::Expired);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_leaves_leaves_its_approval() {
    let approvals = approvals();
    let refund = call("bot", 1, None);
    let ticket = park(&approvals, &refund);
    let id = ticket.approval().clone();
    assert_eq!(approvals.get(&id).unwrap().clients, 1);
    drop(ticket);
    let standing = approvals.get(&id).unwrap();
    assert_eq!((standing.clients, standing.state), (0, State::Pending));
}

#[tokio::test(start_paused = true)]
async fn an_approval_that_comes_too_late_is_kept_for_the_next_call() {
    let approvals = approvals();
    let refund = call("bot", 1, None);
    let mut ticket = park(&approvals, &refund);
    let connection = wait(72);
    advance(Duration::from_secs(55)).await;
    approve(&approvals, ticket.approval());
    assert!(matches!(ticket.decided(&connection).await, Wake::TooLate(_)));
    drop(ticket);
    assert_eq!(spend(&approvals, &refund).state, State::Consumed);
}

#[tokio::test(start_paused = true)]
async fn a_connection_is_held_no_longer_than_its_client_waits() {
    let approvals = approvals();
    let mut ticket = park(&approvals, &call("bot", 1, None));
    let before = Instant::now();
    assert!(matches!(ticket.decided(&wait(54)).await, Wake::TimeUp(_)));
    assert_eq!(before.elapsed().as_secs(), 54);
    assert_eq!(ticket.standing().unwrap().state, State::Pending);
}

#[tokio::test(start_paused = true)]
async fn the_shortest_time_a_rule_gives_is_the_life_of_the_approval() {
    let approvals = approvals();
    let mut held = hold("bot");
    let mut short = rule("quick", "q");
    short.timeout = Some(minutes(2));
    held.rules.push(short);
    let Found::New(draft, mut ticket) = approvals.look_up(&call("bot", 1, None), &held) else {
        panic!("expected a new approval");
    };
    assert_eq!(draft.row().expires.since(draft.row().created), minutes(2));
    draft.committed();
    let before = Instant::now();
    assert!(matches!(ticket.decided(&wait(300)).await, Wake::Expired));
    assert_eq!(before.elapsed(), minutes(2));
}

#[tokio::test(start_paused = true)]
async fn a_changed_rule_asks_again_under_the_same_id() {
    let approvals = approvals();
    let refund = call("bot", 1, None);
    let mut ticket = park(&approvals, &refund);
    let id = ticket.approval().clone();
    approve(&approvals, &id);
    let Wake::Approved(claim) = ticket.decided(&wait(60)).await else {
        panic!("expected a grant");
    };
    let changed = rule("refund-over-500", "d2");
    assert!(
        !claim.evidence().satisfies(&changed),
        "a vote counts for the text it was given for"
    );
    assert!(claim.evidence().satisfies(&rule("refund-over-500", "d1")));
    let row = claim.reopen(vec![changed.clone()]).committed();
    assert_eq!((&row.id, row.state, row.grant_expires), (&id, State::Pending, None));
    assert_eq!(found(&approvals, &refund), "pending");
    let review = review(&approvals, &id);
    let vote = vote("alice", &review.row().rules);
    assert!(review.evidence(&vote, &BTreeMap::new()).satisfies(&changed));
    review.approve(vote, BTreeMap::new()).committed();
    assert_eq!(spend(&approvals, &refund).revision, 4);
}

#[tokio::test(start_paused = true)]
async fn no_more_than_the_allowed_number_of_calls_wait_per_agent() {
    let approvals = approvals();
    for what in 0..20 {
        drop(park(&approvals, &call("bot", what, None)));
    }
    assert_eq!(found(&approvals, &call("bot", 20, None)), "full");
    assert_eq!(
        found(&approvals, &call("bot", 0, None)),
        "pending",
        "what waits already may come again"
    );
    assert_eq!(
        found(&approvals, &call("other", 20, None)),
        "new",
        "other agents are not in its way"
    );
    let id = approvals.list(Some(State::Pending))[0].row.id.clone();
    deny(&approvals, &id);
    assert_eq!(found(&approvals, &call("bot", 20, None)), "new");
}

#[tokio::test(start_paused = true)]
async fn only_one_person_decides_at_a_time() {
    let approvals = approvals();
    let id = park(&approvals, &call("bot", 1, None)).approval().clone();
    let first = veto(&approvals, &id);
    let Err(NotOpen::Taken(settling)) = approvals.review(&id) else {
        panic!("expected to wait");
    };
    let _ = first.deny(&"alice".into(), "no".to_owned()).committed();
    settling.settled().await;
    assert!(matches!(approvals.review(&id), Err(NotOpen::Decided(standing)) if standing.state == State::Denied));
}

#[tokio::test(start_paused = true)]
async fn what_was_pending_or_approved_is_so_again_after_a_restart_and_spent_once() {
    let approvals = self::approvals();
    let (pending, granted) = (call("bot", 1, None), call("bot", 2, None));
    drop(park(&approvals, &pending));
    let id = park(&approvals, &granted).approval().clone();
    approve(&approvals, &id);
    let rows = |approvals: &Approvals| approvals.list(None).into_iter().map(|standing| standing.row).collect();
    let again = restored(rows(&approvals));
    assert_eq!(found(&again, &pending), "pending");
    spend(&again, &granted);
    let third = restored(rows(&again));
    assert_eq!(found(&third, &granted), "executed");
    advance(minutes(11)).await;
    assert_eq!(found(&third, &pending), "pending");
    advance(minutes(5)).await;
    assert_eq!(found(&third, &pending), "new", "a restart gives no new life");
}

#[tokio::test(start_paused = true)]
async fn a_grant_given_in_the_future_of_the_clock_is_worthless_after_a_restart() {
    let approvals = self::approvals();
    let refund = call("bot", 1, None);
    let id = park(&approvals, &refund).approval().clone();
    let mut row = approve(&approvals, &id);
    row.decided = row.decided.map(|decided| decided.plus(minutes(1)));
    assert_eq!(found(&restored(vec![row]), &refund), "new");
}

#[tokio::test(start_paused = true)]
async fn a_call_that_was_not_sent_may_be_asked_for_again() {
    let approvals = approvals();
    let refund = call("bot", 1, None);
    let id = park(&approvals, &refund).approval().clone();
    approve(&approvals, &id);
    let spent_on = spend(&approvals, &refund).consumed_by.unwrap();
    approvals.ended(&id, &CallId::random(), Outcome::NotSent, None);
    assert_eq!(
        found(&approvals, &refund),
        "executed",
        "another call's end says nothing"
    );
    approvals.ended(&id, &spent_on, Outcome::Unknown, None);
    assert_eq!(found(&approvals, &refund), "executed", "any doubt counts as executed");
    approvals.ended(&id, &spent_on, Outcome::NotSent, None);
    assert_eq!(found(&approvals, &refund), "new");
}

#[tokio::test(start_paused = true)]
async fn people_name_an_approval_by_enough_of_its_id() {
    let approvals = approvals();
    let id = park(&approvals, &call("bot", 1, None)).approval().clone();
    assert_eq!(approvals.find(id.as_str()), Ok(id.clone()));
    assert_eq!(approvals.find(id.short()), Ok(id.clone()));
    assert_eq!(approvals.find(&id.as_str()[..10]), Ok(id.clone()));
    assert!(matches!(approvals.find(&id.as_str()[..9]), Err(FindError::TooShort(_))));
    assert!(matches!(approvals.find("apr_"), Err(FindError::TooShort(_))));
    assert!(matches!(approvals.find("apr_!!!!!!"), Err(FindError::Unknown(_))));
    assert!(matches!(approvals.find(&format!("{id}0")), Err(FindError::Unknown(_))));
}

#[tokio::test(start_paused = true)]
async fn losing_the_secret_ends_all_that_is_open() {
    let approvals = approvals();
    drop(park(&approvals, &call("bot", 1, None)));
    let id = park(&approvals, &call("bot", 2, None)).approval().clone();
    approve(&approvals, &id);
    let ended = approvals.end_all();
    assert_eq!(ended.len(), 2);
    for draft in ended {
        let _ = draft.committed();
    }
    assert_eq!(found(&approvals, &call("bot", 2, None)), "new");
}
