use super::*;
use crate::audit::tests::scene::{Made, Scene, consent};
use crate::audit::{boot, denied, expired, held, paused, shutdown};
use crate::model::change::{ApprovalRow, Denial};
use crate::model::pause::{Pause, Whom};
use crate::model::{CallId, State};

fn everything() -> Choice {
    Choice::of_period(Some(Timestamp(0)), Some(Timestamp(i64::MAX)), None)
}

/// A question about a call of now, asked `ago` milliseconds before now.
fn asked(scene: &Scene, ago: i64) -> ApprovalRow {
    let (id, made) = (CallId::random(), Made::default());
    let mut row = made.asked(&id);
    row.created = Timestamp(Timestamp::now().0 - ago);
    row.expires = row.created.plus(std::time::Duration::from_hours(2));
    scene.write([made.decided(&id, "REQUIRE_APPROVAL", Some(&row.id)), held(&row)].concat());
    row
}

fn over(row: &ApprovalRow, state: State) -> ApprovalRow {
    ApprovalRow {
        revision: row.revision + 1,
        state,
        decided: Some(Timestamp::now()),
        denial: (state == State::Denied).then(|| Denial::new(&"bob".into(), "no")),
        ..row.clone()
    }
}

#[test]
fn people_are_told_by_what_they_decided_and_how_long_they_took() {
    let scene = Scene::new();
    for ago in [10_000, 60_000, 600_000] {
        let row = asked(&scene, ago);
        scene.write(consent(&row, "alice").1);
    }
    let row = asked(&scene, 3_600_000);
    scene.write(denied(&over(&row, State::Denied)));
    let row = asked(&scene, 0);
    scene.write(expired(&over(&row, State::Expired)));
    let review = Review::of(&scene.reader(), &everything()).unwrap();
    assert_eq!((review.kinds["held"].calls, review.kinds["expired"].calls), (5, 1));
    let (alice, bob) = (&review.people["alice"], &review.people["bob"]);
    assert_eq!((alice.approved.calls, alice.denied.calls, bob.denied.calls), (3, 0, 1));
    // A test may take its time; a minute is enough.
    let about = |wait: Option<u64>, expected: u64| {
        let wait = wait.unwrap();
        assert!(
            (expected..expected + 60_000).contains(&wait),
            "{wait} ms, not about {expected}"
        );
    };
    about(median(&alice.waits), 60_000);
    about(alice.waits.last().copied(), 600_000);
    about(median(&review.waits), 60_000);
    about(review.waits.last().copied(), 3_600_000);
    assert_eq!(review.people.len(), 2, "who expired is nobody");
}

#[test]
fn the_middle_of_waits_is_one_of_them() {
    assert_eq!(median(&[]), None);
    assert_eq!(median(&[7]), Some(7));
    assert_eq!(median(&[1, 9]), Some(1));
    assert_eq!(median(&[1, 5, 9]), Some(5));
}

#[test]
fn what_happened_to_the_sidecar_is_told_with_the_start_before() {
    let scene = Scene::new();
    scene.write(boot(vec![("dangerously_observe", "every agent".to_owned())]));
    let until = scene.reader().written(1, 2, &[], 1).unwrap()[0].time.0 + 1;
    while Timestamp::now().0 <= until {
        std::hint::spin_loop();
    }
    scene.call(&Made::default(), "BLOCK", None);
    scene.write(paused(&Pause {
        whom: Whom::Everyone,
        by: "alice".into(),
        reason: None,
        since: Timestamp(1),
    }));
    scene.write(shutdown());
    let choice = Choice::of_period(Some(Timestamp(until)), Some(Timestamp(i64::MAX)), None);
    let review = Review::of(&scene.reader(), &choice).unwrap();
    let before = review.before.unwrap();
    assert_eq!(
        (before.seq, &before.members["dangerously_observe"]),
        (1, &"every agent".into())
    );
    let kinds: Vec<&str> = review.happened.iter().map(|event| event.kind).collect();
    assert_eq!(kinds, ["pause", "shutdown"]);
    assert!(
        review.happened[0]
            .members
            .keys()
            .all(|name| !name.starts_with("commit_"))
    );
    assert_eq!(review.entries, (2, 5));
    let all = Review::of(&scene.reader(), &everything()).unwrap();
    assert_eq!((all.before, all.kinds["boot"].calls), (None, 1));
    let ((policies, mappings), version) = all.versions.first_key_value().unwrap();
    assert_eq!((&**policies, &**mappings), (&*"cd".repeat(16), &*"ab".repeat(16)));
    assert_eq!(version.decided.calls, 1);
}
