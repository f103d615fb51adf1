use std::sync::{Arc, Mutex};

use super::*;
use crate::control::tests::whole::{Sidecar, refund};
use crate::model::pause::{Pause, Whom};
use crate::policy::Decision;

/// A record whose endings can be looked at.
pub(in super::super) fn watched() -> (Record, Arc<Mutex<Vec<Ending>>>) {
    let endings = Arc::new(Mutex::new(Vec::new()));
    let seen = endings.clone();
    (Record::new(move |ending| seen.lock().unwrap().push(ending)), endings)
}

#[test]
fn a_dropped_record_tells_how_far_it_came() {
    let (record, endings) = watched();
    drop(record);
    assert_eq!(*endings.lock().unwrap(), [Ending::of(Outcome::NotSent)]);

    let (mut record, endings) = watched();
    record.sending();
    record.answered(200);
    drop(record);
    assert_eq!(
        *endings.lock().unwrap(),
        [Ending {
            status: Some(200),
            ..Ending::of(Outcome::Abandoned)
        }]
    );
}

#[test]
fn an_outcome_is_told_once() {
    let (record, endings) = watched();
    record.close(Ending::of(Outcome::Success));
    assert_eq!(*endings.lock().unwrap(), [Ending::of(Outcome::Success)]);
    let (record, endings) = watched();
    record.forget();
    assert!(endings.lock().unwrap().is_empty());
}

#[test]
fn a_panic_leaves_an_outcome() {
    let (mut record, endings) = watched();
    let died = std::panic::catch_unwind(std::panic::AssertUnwindSafe(move || {
        record.sending();
        panic!("a fault of ours");
    }));
    assert!(died.is_err());
    assert_eq!(endings.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_call_that_is_being_recorded_when_its_agent_is_paused_is_not_sent() {
    let sidecar = Sidecar::start();
    let (parts, call) = (&sidecar.parts, refund("charge=ch_1&amount=100", "k1"));
    let rules = parts.gate.rules();
    let action = rules
        .mappings()
        .resolve(&call, rules.mappings().route(&call).unwrap())
        .unwrap();
    let Decision::Allow(permit) = rules.decide(call, action, None, Timestamp::now()) else {
        panic!("expected a permit");
    };
    let (permit, record) = allowed(parts, &rules, permit, Instant::now()).await.unwrap();
    parts.gate.paused().put(&Pause {
        whom: Whom::Agent("bot".into()),
        by: "olga".into(),
        reason: None,
        since: Timestamp::now(),
    });
    let refused = record.leaving(parts, permit.get()).await.err().unwrap();
    assert_eq!((refused.refusal.reason, refused.written), (Reason::Paused, false));
    let closed = &sidecar.calls().await[0].row;
    assert_eq!((closed.decision, closed.outcome), ("ALLOW", Some(Outcome::NotSent)));
    let ended = sidecar.entries().await.pop().unwrap();
    assert_eq!(
        (&ended["outcome"], &ended["reason"]),
        (&"not_sent".into(), &"paused".into())
    );
}

/// A call off the wire as it is decided on.
fn decided_on(parts: &Parts, call: crate::model::Call) -> Permit {
    let rules = parts.gate.rules();
    let action = rules
        .mappings()
        .resolve(&call, rules.mappings().route(&call).unwrap())
        .unwrap();
    let action = rules.with_recalled(&call, action, Timestamp::now());
    match rules.decide(call, action, None, Timestamp::now()) {
        Decision::Allow(permit) => permit,
        other @ (Decision::Block(_) | Decision::RequireApproval(_)) => panic!("expected a permit, found {other:?}"),
    }
}

#[tokio::test]
async fn a_recalled_call_whose_thing_is_changed_while_it_is_recorded_is_not_sent() {
    let sidecar = Sidecar::start();
    let parts = &sidecar.parts;
    let rules = parts.gate.rules();
    let mut create = refund("amount=4000&currency=usd&source=tok_1", "k1");
    create.path = "/v1/charges".to_owned();
    let (permit, record) = allowed(parts, &rules, decided_on(parts, create), Instant::now())
        .await
        .unwrap();
    let record = record.leaving(parts, permit.get()).await.ok().unwrap();
    record.answered_anew();
    record.close(Ending {
        status: Some(200),
        result_id: Some("ch_1".to_owned()),
        ..Ending::of(Outcome::Success)
    });
    let whole = decided_on(parts, refund("charge=ch_1", "k2"));
    assert_eq!(whole.action().int("amount"), Some(4_000));
    let (permit, record) = allowed(parts, &rules, whole, Instant::now()).await.unwrap();
    let part = decided_on(parts, refund("charge=ch_1&amount=100", "k3"));
    let (other, others) = allowed(parts, &rules, part, Instant::now()).await.unwrap();
    let others = others.leaving(parts, other.get()).await.ok().unwrap();
    let refused = record.leaving(parts, permit.get()).await.err().unwrap();
    assert_eq!(
        (refused.refusal.reason, refused.written),
        (Reason::ChangedMeanwhile, false)
    );
    assert!(refused.refusal.detail.starts_with("NOT executed"), "{refused:?}");
    others.close(Ending::of(Outcome::Success));
    let ended = sidecar.entries().await;
    let ended = ended
        .iter()
        .find(|entry| entry["reason"] == "changed_meanwhile")
        .unwrap();
    assert_eq!(ended["outcome"], "not_sent");
}
