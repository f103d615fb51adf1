use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method};
use tokio::time::{Instant, advance};

use super::*;
use crate::model::call::{Authority, Body, Call, Caller, Host, Origin, Scheme};
use crate::model::change::Denial;
use crate::model::time::Jump;
use crate::model::{Access, Action, Answer, Target, Tie, Timestamp, Value, Vote};
use crate::policy::Hold;

mod clocks;
mod grants;
mod property;
mod unsettled;
mod waiting;

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
        labels: None,
        unmapped: false,
        inspected: true,
        summary: "Refund $900.00 of ch_1 in Stripe".to_owned(),
        request_line: "POST https://api.stripe.com/v1/refunds".to_owned(),
        answer: Arc::new(Answer::default()),
        also: Vec::new(),
        tie: Tie::default(),
        risk: None,
    }
}

pub(crate) fn rule(id: &str, digest: &str) -> HoldRule {
    HoldRule {
        id: id.into(),
        reason: Some("Refunds over $500 need a person".to_owned()),
        approvers: vec!["finance".into()],
        quorum: 1,
        timeout: None,
        escalation: None,
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
        spending: crate::model::Spending::default(),
        trial: None,
    }
}

pub(crate) fn call(agent: &str, what: u8, key: Option<&str>) -> Fingerprint {
    Fingerprint {
        place: fingerprint::Place {
            agent: agent.into(),
            fingerprint: [what; 32],
        },
        idempotency: key.map(str::to_owned),
        remainder: None,
        beyond: None,
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
    let denied = veto(approvals, id).deny(Denial::new(&"alice".into(), "no")).committed();
    assert_eq!(denied.state, State::Denied);
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
                        let spent = claim.consume(&CallId::random(), &fingerprint).committed();
                        assert_eq!(spent.state, State::Consumed);
                        true
                    }
                    Wake::Executed(_) => false,
                    Wake::TooLate(_) | Wake::Denied(_) | Wake::Cancelled(_) | Wake::Expired | Wake::TimeUp(_) => {
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
