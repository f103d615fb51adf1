//! A person's no to what was approved, against the call that comes at the same moment.

use http::Method;
use serde_json::json;

use super::whole::{NINE_HUNDRED, Sidecar, refund};
use crate::approval::{Approvals, Config, Fingerprint, Found, Keys};
use crate::audit;
use crate::model::{ApprovalId, CallId, Reason, State, Timestamp};

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
        let no = veto.deny(&"alice".into(), "no".to_owned());
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
