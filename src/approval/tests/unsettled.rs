//! The wall clock is set back while something is on its way to the disk.

use super::clocks::astray;
use super::grants::{covered, given};
use super::*;
use crate::model::Change;
use crate::model::grant::{Grant, GrantEnd};
use crate::store::tests::sample;
use crate::store::{CommitError, Store};

/// Alice's yes, on its way.
fn agreed(approvals: &Approvals, id: &ApprovalId) -> Draft {
    let review = review(approvals, id);
    let vote = vote("alice", &review.row().rules);
    review.approve(vote, BTreeMap::new())
}

fn moved(row: &ApprovalRow) -> Vec<Change> {
    vec![Change::ApprovalMoved(Box::new(row.clone()))]
}

/// An approval on disk, and a yes to it whose commit failed and that is there all the same if it `reached` it.
async fn in_doubt(approvals: &Approvals, refund: &Fingerprint, store: &Store, reached: bool) -> ApprovalId {
    let Found::New(parks, _client) = approvals.look_up(refund, &hold("bot")) else {
        panic!("expected that nobody was asked");
    };
    let held = Change::ApprovalHeld(Box::new(parks.row().clone()));
    let id = parks.write(store, vec![held]).await.unwrap().id;
    let lost = agreed(approvals, &id);
    if reached {
        store.write(moved(lost.row())).await.unwrap();
    }
    lost.failed(store, &CommitError::Unavailable("the disk is gone".into()));
    id
}

#[tokio::test(start_paused = true)]
async fn a_yes_that_was_under_way_as_the_clock_was_set_back_counts_no_more() {
    let (approvals, off, _) = astray();
    let refund = call("bot", 1, None);
    let id = park(&approvals, &refund).approval().clone();
    let yes = agreed(&approvals, &id);
    off.store(-3600, Ordering::SeqCst);
    for _ in 0..2 {
        let sweep = approvals.sweep();
        assert_eq!((sweep.expired.len(), sweep.busy), (0, true), "its end comes later");
    }
    drop(yes.committed());
    assert_eq!(found(&approvals, &refund), "new");
    let sweep = approvals.sweep();
    assert_eq!((sweep.expired.len(), sweep.busy), (1, false));
}

/// Found by the property of consent.
#[tokio::test(start_paused = true)]
async fn people_who_are_asked_anew_are_asked_until_what_is_on_disk_however_long_the_commit_took() {
    let (approvals, _, _) = astray();
    let refund = call("bot", 1, None);
    let id = park(&approvals, &refund).approval().clone();
    approve(&approvals, &id);
    let Found::Approved(claim, _client) = approvals.look_up(&refund, &hold("bot")) else {
        panic!("it was approved");
    };
    let rules = claim.row().rules.clone();
    let asked = claim.reopen(rules);
    let life = asked.row().life();
    advance(life).await;
    drop(asked.committed());
    assert_eq!(approvals.sweep().expired.len(), 1);
}

/// What is given back was given before: found by a reader.
#[tokio::test(start_paused = true)]
async fn what_was_being_given_back_as_the_clock_was_set_back_counts_no_more() {
    let (approvals, off, _) = astray();
    let refund = call("bot", 1, None);
    let id = park(&approvals, &refund).approval().clone();
    approve(&approvals, &id);
    let sent = spend(&approvals, &refund).consumed_by.unwrap();
    approvals.ended(&id, &sent, Outcome::NotSent, None);
    advance(minutes(4)).await;
    let back = approvals.give_back(&id, &sent).expect("nothing of it was sent");
    off.store(-180, Ordering::SeqCst);
    let sweep = approvals.sweep();
    assert_eq!((sweep.expired.len(), sweep.busy), (0, true), "its end comes later");
    drop(back.committed());
    assert_eq!(found(&approvals, &refund), "new");
    let sweep = approvals.sweep();
    assert_eq!((sweep.expired.len(), sweep.busy), (1, false));
}

#[tokio::test(start_paused = true)]
async fn a_yes_by_a_clock_that_was_ahead_counts_no_more() {
    let (approvals, off, _) = astray();
    let refund = call("bot", 1, None);
    let id = park(&approvals, &refund).approval().clone();
    off.store(600, Ordering::SeqCst);
    let yes = agreed(&approvals, &id);
    // Right again before anybody looked.
    off.store(0, Ordering::SeqCst);
    drop(yes.committed());
    assert_eq!(found(&approvals, &refund), "new");
    let sweep = approvals.sweep();
    assert_eq!((sweep.expired.len(), sweep.jump), (1, None));
}

/// It may be on disk, and nobody here knows of it: found by a reader.
#[tokio::test(start_paused = true)]
async fn a_yes_that_is_in_doubt_as_the_clock_is_set_back_is_waited_for_until_it_is_known() {
    for reached in [false, true] {
        let (approvals, off, _) = astray();
        let (refund, directory) = (call("bot", 1, None), tempfile::tempdir().unwrap());
        let store = Store::open(&directory.path().join("state/runplane.db")).unwrap();
        let id = in_doubt(&approvals, &refund, &store, reached).await;
        assert_eq!(found(&approvals, &refund), "pending");
        off.store(-3600, Ordering::SeqCst);
        for _ in 0..2 {
            let sweep = approvals.sweep();
            assert_eq!((sweep.expired.len(), sweep.busy), (0, true), "it may be on disk");
        }
        let elsewhere = tempfile::tempdir().unwrap();
        let failing = Store::open(&elsewhere.path().join("state/runplane.db")).unwrap();
        failing.is_full();
        approvals.settle(&failing);
        assert!(
            approvals.sweep().busy,
            "what is not found while nothing is written may come yet"
        );
        approvals.settle(&store);
        let sweep = approvals.sweep();
        assert_eq!((sweep.expired.len(), sweep.busy), (usize::from(reached), false));
        drop(sweep);
        // What is given by the clock that is counts; what reached the disk by that before ends, and people are asked anew.
        if !reached {
            drop(agreed(&approvals, &id).committed());
        }
        assert_eq!(found(&approvals, &refund), if reached { "new" } else { "approved" });
    }
}

/// Whoever gave it was told that it could not be recorded, and may think better of it.
#[tokio::test(start_paused = true)]
async fn a_yes_in_doubt_counts_not_by_itself() {
    let (approvals, _, _) = astray();
    let (refund, directory) = (call("bot", 1, None), tempfile::tempdir().unwrap());
    let store = Store::open(&directory.path().join("state/runplane.db")).unwrap();
    let id = in_doubt(&approvals, &refund, &store, true).await;
    approvals.settle(&store);
    assert_eq!(found(&approvals, &refund), "pending");
    let no = Denial::new(&"alice".into(), "no");
    let veto = approvals.veto(&id).ok().expect("it is open");
    assert_eq!(veto.write(&store, no, moved).await.unwrap().state, State::Denied);
    assert_eq!(found(&approvals, &refund), "denied");
}

/// What waits for ends that are on their way waits no longer than that.
#[tokio::test(start_paused = true)]
async fn a_step_back_waits_for_the_end_of_a_grant_until_it_is_on_disk() {
    let (approvals, off, _) = astray();
    let (before, under_way) = (given(&approvals, 5), given(&approvals, 5));
    let end = GrantEnd {
        time: approvals.now().wall,
        by: None,
    };
    for grant in [&before, &under_way] {
        let taken = approvals.take_back::<NoGrant>(grant.id.as_str(), None, |_| Ok(()));
        assert_eq!(taken.unwrap().id, grant.id);
    }
    approvals.grant_ended(&before.id, end.clone());
    off.store(-3600, Ordering::SeqCst);
    let sweep = approvals.sweep();
    assert_eq!((sweep.grants, sweep.busy), (vec![], true));
    approvals.grant_ended(&under_way.id, end);
    let sweep = approvals.sweep();
    assert_eq!((sweep.grants, sweep.busy), (vec![], false));
}

#[tokio::test(start_paused = true)]
async fn a_grant_that_was_on_its_way_as_the_clock_was_set_back_counts_for_nothing() {
    let (approvals, off, _) = astray();
    let one = |uses| Grant {
        created: approvals.now().wall,
        expires: approvals.now().wall.plus(minutes(30)),
        ..sample::grant(uses)
    };
    let (grant, lost) = (one(5), one(4));
    let giving = approvals.giving(vec![grant.clone()]);
    let never = approvals.giving(vec![lost]);
    // By less than the commit takes, too: nothing of it shows the step then.
    off.store(-60, Ordering::SeqCst);
    let sweep = approvals.sweep();
    assert_eq!((sweep.grants, sweep.busy), (vec![], true), "its end comes later");
    advance(minutes(2)).await;
    drop(never);
    giving.given();
    assert!(covered(&approvals, &action()).is_none(), "no call goes by it");
    let sweep = approvals.sweep();
    assert_eq!((sweep.grants, sweep.busy), (vec![(grant, None)], false));
}
