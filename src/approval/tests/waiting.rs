//! How long a client and an approval wait, and what a restart leaves of them.

use super::*;

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

/// It would look again and again without a pause, and the time that is paused here never go on.
#[tokio::test(start_paused = true)]
async fn who_waits_for_nobody_waits_for_another_claimant_without_looking_all_the_time() {
    let approvals = approvals();
    let refund = call("bot", 1, None);
    let mut first = park(&approvals, &refund);
    let Found::Pending(mut second) = approvals.look_up(&refund, &hold("bot")) else {
        panic!("expected to join");
    };
    approve(&approvals, first.approval());
    let Wake::Approved(claim) = first.decided(&wait(60)).await else {
        panic!("expected a grant");
    };
    let none = Wait::none();
    let looks = tokio::time::timeout(minutes(5), second.decided(&none));
    assert!(looks.await.is_err(), "the other one is still at it");
    drop(claim);
    assert!(matches!(second.decided(&none).await, Wake::Approved(_)));
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
    let denied = first.deny(Denial::new(&"alice".into(), "no")).committed();
    assert_eq!(denied.state, State::Denied);
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

/// The grant's own time goes on; a fourth time people are asked.
#[tokio::test(start_paused = true)]
async fn what_could_not_be_sent_is_given_back_three_times() {
    let approvals = approvals();
    let refund = call("bot", 1, None);
    let id = park(&approvals, &refund).approval().clone();
    let expires = approve(&approvals, &id).grant_expires;
    for times in 1..=4 {
        let call = spend(&approvals, &refund).consumed_by.unwrap();
        assert_eq!(found(&approvals, &refund), "executed");
        approvals.ended(&id, &call, Outcome::NotSent, None);
        let Some(draft) = approvals.give_back(&id, &call) else {
            assert_eq!((times, found(&approvals, &refund)), (4, "new"));
            return;
        };
        let row = draft.committed();
        assert_eq!(
            (row.state, row.returned, row.grant_expires),
            (State::Returned, times, expires)
        );
        assert_eq!(found(&approvals, &refund), "approved");
        advance(minutes(1)).await;
    }
    panic!("given back a fourth time");
}

#[tokio::test(start_paused = true)]
async fn what_is_given_back_too_late_or_after_the_clock_went_back_counts_no_more() {
    let approvals = approvals();
    let refund = call("bot", 1, None);
    let id = park(&approvals, &refund).approval().clone();
    approve(&approvals, &id);
    advance(minutes(9)).await;
    let call = spend(&approvals, &refund).consumed_by.unwrap();
    advance(minutes(2)).await;
    assert!(approvals.give_back(&id, &call).is_none());
}

#[tokio::test(start_paused = true)]
async fn who_withdraws_a_question_lets_nothing_through_and_it_may_be_asked_again() {
    let approvals = approvals();
    let refund = call("bot", 1, None);
    let mut ticket = park(&approvals, &refund);
    let id = ticket.approval().clone();
    let Ok(review) = approvals.review(&id) else {
        panic!("it is pending");
    };
    assert_eq!(
        review.cancel(&"alice".into(), String::new()).committed().state,
        State::Cancelled
    );
    assert!(matches!(ticket.decided(&wait(30)).await, Wake::Cancelled(_)));
    assert!(approvals.review(&id).is_err() && approvals.veto(&id).is_err());
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
        assert_ne!(draft.committed().state, State::Pending);
    }
    assert_eq!(found(&approvals, &call("bot", 2, None)), "new");
}
