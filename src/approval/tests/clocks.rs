//! What time ends, and clocks that are set.

use super::*;

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
        assert_eq!(draft.committed().state, State::Expired);
    }
    assert!(approvals.sweep().expired.is_empty());
    assert_eq!(approvals.get(&id).unwrap().state, State::Expired);
    advance(minutes(11)).await;
    assert!(approvals.sweep().expired.is_empty());
    assert_eq!(approvals.get(&id), None);
}

/// Approvals whose wall clock is off by so many seconds, on a machine that slept for so many.
pub(super) fn astray() -> (Approvals, Arc<AtomicI64>, Arc<AtomicI64>) {
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
    let ended: Vec<_> = approvals.distrust().0.into_iter().map(Draft::committed).collect();
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

/// It counted from when it was first asked: found by the property test.
#[tokio::test(start_paused = true)]
async fn a_restart_after_a_clock_was_set_back_gives_what_was_asked_again_no_more_than_its_rules_time() {
    let (approvals, fingerprint) = (approvals(), call("bot", 1, None));
    let id = park(&approvals, &fingerprint).approval().clone();
    advance(minutes(10)).await;
    approve(&approvals, &id);
    let Found::Approved(claim, _ticket) = approvals.look_up(&fingerprint, &hold("bot")) else {
        panic!("expected it to be approved");
    };
    let row = claim.reopen(vec![rule("refund-over-500", "d2")]).committed();
    assert_eq!(row.life(), minutes(15));
    let set_back = Timestamp(row.asked.unwrap().0 - 3_600_000);
    let wall = Box::new(move || set_back);
    let restored = with_clocks(vec![row], Clocks::new(wall, Box::new(Duration::default)));
    assert_eq!(restored.get(&id).unwrap().state, State::Pending);
    advance(minutes(15)).await;
    assert_eq!(restored.get(&id).unwrap().state, State::Expired);
}
