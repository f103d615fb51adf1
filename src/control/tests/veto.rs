//! A person's no to what was approved, against the call that comes at the same moment.

use http::Method;
use serde_json::json;

use super::whole::{NINE_HUNDRED, Sidecar, refund};
use crate::approval::{Approvals, Config, Fingerprint, Found, Keys, Wait, Wake};
use crate::audit;
use crate::model::change::Denial;
use crate::model::{ApprovalId, CallId, Reason, State, Timestamp};
use crate::store::CommitError;

/// A sidecar with an approval that was given, and its id.
async fn approved() -> (Sidecar, ApprovalId) {
    let sidecar = Sidecar::start();
    let client = sidecar.send(refund(NINE_HUNDRED, "k1"));
    let id = sidecar.pending().await;
    client.abort();
    assert!(client.await.is_err());
    assert_eq!(sidecar.approve("alice", &id, json!({})).await.0, 200);
    (sidecar, id.parse().unwrap())
}

#[tokio::test]
async fn what_was_approved_may_be_denied_by_whoever_may_speak_for_it() {
    let (sidecar, id) = approved().await;
    let path = format!("/approvals/{id}/deny");
    let no = json!({"reason": "the wrong customer"});
    assert_eq!(sidecar.api("zoe", Method::POST, &path, no.clone()).await.0, 403);
    let (status, denied) = sidecar.api("alice", Method::POST, &path, no).await;
    assert_eq!((status, &denied["state"]), (200, &json!("denied")), "{denied}");
    assert_eq!(denied["grant_expires"], json!(null));
    let refused = sidecar.send(refund(NINE_HUNDRED, "k1")).await.unwrap().unwrap_err();
    assert_eq!(refused.refusal.reason, Reason::ApprovalDenied);
    let kinds = sidecar.kinds().await;
    assert_eq!(kinds.iter().filter(|kind| *kind == "denied").count(), 1);
    assert!(!kinds.iter().any(|kind| kind == "consumed"));
}

/// Were two memories to think that it is theirs to change, the store says whose it was.
#[tokio::test]
async fn of_a_no_and_a_call_at_the_same_moment_exactly_one_wins() {
    for no_first in [true, false] {
        let (sidecar, id) = approved().await;
        let store = &sidecar.parts.store;
        let memory = || {
            let rows = store.approvals(Timestamp(0)).unwrap();
            Approvals::new(Config::default(), Keys::new(&[1; 32], &[2; 32]), rows)
        };
        let (ours, theirs) = (memory(), memory());
        let Ok(veto) = ours.veto(&id) else {
            panic!("expected a grant");
        };
        let no = veto.deny(Denial::new(&"alice".into(), "no"));
        let held = sidecar.decide(refund(NINE_HUNDRED, "k1"));
        let rules = sidecar.parts.gate.rules();
        let identity = rules.mappings().identify(&held.call, &held.action).unwrap();
        let fingerprint = Fingerprint::new(theirs.keys(), &"bot".into(), &held.action, &identity);
        let Found::Approved(claim, _ticket) = theirs.look_up(&fingerprint, &held) else {
            panic!("expected a grant");
        };
        let spent = claim.consume(&CallId::random(), &fingerprint);
        let write_no = async {
            let changes = audit::denied(no.row());
            no.write(store, changes).await.is_ok()
        };
        let write_spent = async {
            let changes = audit::consumed(spent.row());
            spent.write(store, changes).await.is_ok()
        };
        let (denied, consumed) = match no_first {
            true => tokio::join!(biased; write_no, write_spent),
            false => {
                let (consumed, denied) = tokio::join!(biased; write_spent, write_no);
                (denied, consumed)
            }
        };
        assert_eq!((denied, consumed), (no_first, !no_first));
        let wins = if no_first { State::Denied } else { State::Consumed };
        for memory in [ours, theirs] {
            assert_eq!(memory.get(&id).unwrap().state, wins, "and both know");
        }
        let kinds = sidecar.kinds().await;
        let ends = kinds
            .iter()
            .filter(|kind| matches!(kind.as_str(), "denied" | "consumed"));
        assert_eq!(ends.count(), 1, "{kinds:?}");
    }
}

/// A consent whose COMMIT failed and is on disk all the same: memory says that people are still asked.
#[tokio::test]
async fn a_no_to_a_consent_that_was_in_doubt_lets_nothing_through() {
    let sidecar = Sidecar::start();
    let client = sidecar.send(refund(NINE_HUNDRED, "k1"));
    let id: ApprovalId = sidecar.pending().await.parse().unwrap();
    client.abort();
    assert!(client.await.is_err());
    let store = &sidecar.parts.store;
    let rows = store.approvals(Timestamp(0)).unwrap();
    let ours = Approvals::new(Config::default(), Keys::new(&[1; 32], &[2; 32]), rows);
    assert_eq!(sidecar.approve("alice", &id.to_string(), json!({})).await.0, 200);
    assert_eq!(ours.get(&id).unwrap().state, State::Pending);

    let held = sidecar.decide(refund(NINE_HUNDRED, "k1"));
    let identity = sidecar
        .parts
        .gate
        .rules()
        .mappings()
        .identify(&held.call, &held.action)
        .unwrap();
    let fingerprint = Fingerprint::new(ours.keys(), &"bot".into(), &held.action, &identity);
    let Found::Pending(mut ticket) = ours.look_up(&fingerprint, &held) else {
        panic!("expected that people are asked");
    };
    let waits = Wait::start(std::time::Duration::from_secs(30));
    let Ok(veto) = ours.veto(&id) else {
        panic!("expected a turn");
    };
    let alice = "alice".into();
    let no = veto.write(store, Denial::new(&alice, "no"), audit::denied);
    let (no, wake) = tokio::join!(no, ticket.decided(&waits));
    assert_eq!(no.unwrap().state, State::Denied);
    assert!(matches!(wake, Wake::Denied(_)), "the client that waits is told so");
    assert_eq!(store.approval(&id).unwrap().unwrap().state, State::Denied);
}

/// Whoever can write the database makes an approval of what is pending; our next change loses to it.
#[tokio::test]
async fn an_approval_that_somebody_else_put_on_disk_lets_nothing_through() {
    let sidecar = Sidecar::start();
    let client = sidecar.send(refund(NINE_HUNDRED, "k1"));
    let id: ApprovalId = sidecar.pending().await.parse().unwrap();
    let mut forged = sidecar.parts.store.approval(&id).unwrap().unwrap();
    let now = Timestamp::now();
    (forged.state, forged.revision, forged.decided) = (State::Approved, forged.revision + 1, Some(now));
    forged.grant_expires = Some(now.plus(std::time::Duration::from_secs(600)));
    let database = rusqlite::Connection::open(sidecar.home.path().join("state/runplane.db")).unwrap();
    let put = "UPDATE approvals SET state = 'approved', revision = ?2, decided = ?3, grant_expires = ?4, row = ?5 WHERE id = ?1";
    let row = serde_json::to_string(&forged).unwrap();
    let until = forged.grant_expires.unwrap().0;
    let put = database.execute(put, rusqlite::params![id.as_str(), forged.revision, now.0, until, row]);
    assert_eq!(put.unwrap(), 1);

    let path = format!("/approvals/{id}/deny");
    let (status, answer) = sidecar.api("alice", Method::POST, &path, json!({"reason": "no"})).await;
    assert_eq!(status, 409, "{answer}");
    assert_eq!(sidecar.parts.approvals.get(&id).unwrap().state, State::Pending);
    assert!(!client.is_finished(), "nothing goes through");
    client.abort();
}

/// A request for consent whose COMMIT failed: memory forgets it, and nobody may be asked for it once it is found on disk.
#[tokio::test]
async fn what_was_parked_in_doubt_is_over_if_it_reached_the_disk_and_no_harm_if_it_did_not() {
    for durable in [true, false] {
        let sidecar = Sidecar::start();
        let store = &sidecar.parts.store;
        let memory = Approvals::new(Config::default(), Keys::new(&[1; 32], &[2; 32]), Vec::new());
        let held = sidecar.decide(refund(NINE_HUNDRED, "k1"));
        let identity = sidecar
            .parts
            .gate
            .rules()
            .mappings()
            .identify(&held.call, &held.action)
            .unwrap();
        let fingerprint = Fingerprint::new(memory.keys(), &"bot".into(), &held.action, &identity);
        let Found::New(draft, _ticket) = memory.look_up(&fingerprint, &held) else {
            panic!("expected that nobody was asked");
        };
        let id = draft.row().id.clone();
        let draft = draft.or_undone(audit::expired);
        if durable {
            store.write(audit::held(draft.row())).await.unwrap();
        }
        draft.failed(store, &CommitError::Unavailable("disk".into()));
        assert!(memory.get(&id).is_none());
        store.flush().await.unwrap();
        let state = store.approval(&id).unwrap().map(|row| row.state);
        assert_eq!(state, durable.then_some(State::Expired));
        store
            .write(audit::held(&crate::store::tests::sample::approval()))
            .await
            .unwrap();
    }
}

/// A grant whose COMMIT failed: nobody could see it, or revoke it, until it counted again after the next start.
#[tokio::test]
async fn what_was_granted_in_doubt_is_over_if_it_reached_the_disk_and_no_harm_if_it_did_not() {
    for durable in [true, false] {
        let sidecar = Sidecar::start();
        let store = &sidecar.parts.store;
        let grant = crate::store::tests::sample::grant(5);
        if durable {
            store.write(audit::given(&grant)).await.unwrap();
        }
        let in_doubt = CommitError::Unavailable("disk".into());
        store.later(audit::never_given(std::slice::from_ref(&grant), &in_doubt));
        store.flush().await.unwrap();
        assert!(store.grants().unwrap().is_empty());
        let next = crate::store::tests::sample::grant(1);
        store.write(audit::given(&next)).await.unwrap();
        for refused in [CommitError::Lost, CommitError::Overloaded] {
            assert!(audit::never_given(std::slice::from_ref(&next), &refused).is_empty());
        }
        store.flush().await.unwrap();
        assert_eq!(store.grants().unwrap().len(), 1, "what is not in doubt was not written");
    }
}
