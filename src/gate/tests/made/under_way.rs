//! Calls that recall, and calls that change, on their way at the same time.

use super::*;
use crate::gate::made::Leaves;
use crate::gate::{Hindered, Way};

fn raise() -> Call {
    post("/v1/payment_intents/pi_1", "amount=40000")
}

fn confirm() -> Call {
    post("/v1/payment_intents/pi_1/confirm", "")
}

fn after_an_intent(gate: Gate) -> Gate {
    made(
        left(&gate, post("/v1/payment_intents", "amount=100&currency=usd")),
        "pi_1",
    );
    gate
}

fn way(sent: &Sent) -> Arc<Way> {
    sent.way().unwrap()
}

fn later(seconds: i64) -> Timestamp {
    Timestamp(NOON.0 + seconds * 1_000)
}

/// The amount by which a confirmation is judged.
fn confirmed(gate: &Gate) -> Option<i64> {
    read(gate, &confirm(), NOON).unwrap().int("amount")
}

fn leaves(sent: &Sent) -> bool {
    matches!(way(sent).leaves_now(NOON), Leaves::Left(_))
}

#[test]
fn what_changed_between_decision_and_sending_is_not_sent() {
    for change in [raise(), post("/v1/nobody_knows", "")] {
        let gate = after_an_intent(observing());
        let late = going(&gate, confirm());
        let change = going(&gate, change);
        assert!(gate.still_holds(permit(&gate, confirm()).action(), NOON));
        assert!(leaves(&change));
        assert_eq!(way(&late).leaves_now(NOON), Leaves::Stale);
        // Not by what is made anew either.
        change.ended(Outcome::Success, Some(200), None, NOON);
        made(
            left(&gate, post("/v1/payment_intents", "amount=100&currency=usd")),
            "pi_1",
        );
        assert_eq!(confirmed(&gate), Some(100));
        assert_eq!(way(&late).leaves_now(NOON), Leaves::Stale);
    }
}

#[test]
fn a_change_waits_for_what_is_under_way() {
    for outcome in [Outcome::Success, Outcome::NotSent] {
        let gate = after_an_intent(observing());
        let (under_way, again) = (left(&gate, confirm()), left(&gate, confirm()));
        let (named, unknown) = (going(&gate, raise()), going(&gate, post("/v1/nobody_knows", "")));
        let other = going(&gate, post("/v1/payment_intents/pi_2", "amount=40000"));
        let refused = going(&gate, confirm());
        assert!(leaves(&other), "it is about another");
        for change in [&named, &unknown] {
            assert_eq!(way(change).leaves_now(NOON), Leaves::Waits);
        }
        assert_eq!(
            way(&refused).leaves_now(NOON),
            Leaves::Stale,
            "nothing more goes by what a change waits for"
        );
        under_way.ended(outcome, Some(200), None, NOON);
        assert_eq!(way(&named).leaves_now(NOON), Leaves::Waits, "another is under way");
        again.ended(Outcome::Failure, Some(402), None, NOON);
        assert!(leaves(&named) && leaves(&unknown));
    }
}

#[test]
fn what_may_yet_be_carried_out_is_waited_for_a_minute() {
    for (outcome, status) in [
        (Outcome::Unknown, None),
        (Outcome::Error, None),
        (Outcome::Abandoned, Some(200)),
        (Outcome::Failure, Some(409)),
        (Outcome::Failure, Some(504)),
    ] {
        let gate = after_an_intent(observing());
        left(&gate, confirm()).ended(outcome, status, None, NOON);
        let change = way(&going(&gate, raise()));
        assert_eq!(change.leaves_now(later(59)), Leaves::Waits, "{outcome:?}");
        assert!(matches!(change.leaves_now(later(60)), Leaves::Left(_)), "{outcome:?}");
    }
}

#[test]
fn a_call_that_is_lost_is_in_doubt() {
    let gate = after_an_intent(observing());
    drop(left(&gate, confirm()));
    assert_eq!(way(&going(&gate, raise())).leaves_now(NOON), Leaves::Waits);
    // One that never left is not.
    let gate = after_an_intent(observing());
    drop(going(&gate, confirm()));
    assert!(leaves(&going(&gate, raise())));
}

#[test]
fn what_was_changed_while_it_was_made_is_not_learnt() {
    let create = || post("/v1/payment_intents", "amount=100&currency=usd");
    for change in [raise(), post("/v1/nobody_knows", "")] {
        for outcome in [Outcome::Success, Outcome::Unknown] {
            // Its answer stalls.
            let gate = observing();
            let making = left(&gate, create());
            left(&gate, change.clone()).ended(outcome, Some(200), None, NOON);
            made(making, "pi_1");
            assert_eq!(confirmed(&gate), None, "{outcome:?}");
        }
        // It left before, and is not over, or may not be.
        let gate = observing();
        let changing = left(&gate, change.clone());
        made(left(&gate, create()), "pi_1");
        assert_eq!(confirmed(&gate), None);
        changing.ended(Outcome::Unknown, None, None, NOON);
        made(left(&gate, create()), "pi_1");
        assert_eq!(confirmed(&gate), None);
        // What was over before does not count.
        let gate = observing();
        done(&gate, change.clone());
        left(&gate, change).ended(Outcome::NotSent, None, None, NOON);
        made(left(&gate, create()), "pi_1");
        assert_eq!(confirmed(&gate), Some(100));
    }
}

#[test]
fn what_two_calls_made_at_once_is_known_of_neither() {
    let create = |amount: i64| post("/v1/payment_intents", &format!("amount={amount}&currency=usd"));
    let gate = observing();
    let (one, other) = (left(&gate, create(100)), left(&gate, create(200)));
    made(other, "pi_1");
    made(one, "pi_1");
    assert_eq!(confirmed(&gate), None);
}

#[test]
fn where_more_was_changed_than_is_remembered_nothing_is_learnt() {
    for (changes, expected) in [(1_000, Some(100)), (1_100, None)] {
        let gate = observing();
        let making = left(&gate, post("/v1/payment_intents", "amount=100&currency=usd"));
        let change = permit(&gate, post("/v1/payment_intents/pi_2", "description=x"));
        for _ in 0..changes {
            let sent = gate.sends(&change, NOON);
            assert!(leaves(&sent));
            sent.ended(Outcome::Success, Some(200), None, NOON);
        }
        made(making, "pi_1");
        assert_eq!(confirmed(&gate), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_change_leaves_as_soon_as_nothing_is_under_way_or_not_at_all() {
    let gate = after_an_intent(observing());
    let under_way = left(&gate, confirm());
    let change = way(&going(&gate, raise()));
    let start = tokio::time::Instant::now();
    assert_eq!(change.leaves().await, Err(Hindered::Awaited));
    assert_eq!(start.elapsed().as_secs(), 10);
    let end = async {
        tokio::time::sleep(Duration::from_secs(3)).await;
        under_way.ended(Outcome::Success, Some(200), None, NOON);
    };
    let (left, ()) = tokio::join!(change.leaves(), end);
    assert_eq!((left, start.elapsed().as_secs()), (Ok(()), 13));
    assert_eq!(way(&going_stale(&gate)).leaves().await, Err(Hindered::Changed));
}

/// A call that recalled what is forgotten by now.
fn going_stale(gate: &Gate) -> Sent {
    let made_again = post("/v1/payment_intents", "amount=100&currency=usd");
    made(left(gate, made_again), "pi_2");
    let confirm = going(gate, post("/v1/payment_intents/pi_2/confirm", ""));
    done(gate, post("/v1/payment_intents/pi_2", "amount=40000"));
    confirm
}

#[test]
fn while_a_tunnel_to_the_provider_is_open_nothing_is_known_of_it() {
    let gate = after_an_intent(observing());
    let tunnel = call_to("CONNECT", "api.stripe.com/", "");
    let action = gate.rules().mappings().tunnel(&tunnel);
    let Decision::Allow(permit) = gate.rules().decide(tunnel, action, None, NOON) else {
        panic!("observed calls are sent")
    };
    let open = gate.sends(&permit, NOON);
    assert!(leaves(&open));
    assert_eq!(confirmed(&gate), None);
    let again = || {
        made(
            left(&gate, post("/v1/payment_intents", "amount=100&currency=usd")),
            "pi_1",
        )
    };
    again();
    assert_eq!(confirmed(&gate), None);
    open.ended(Outcome::Success, None, None, NOON);
    again();
    assert_eq!(confirmed(&gate), Some(100));
}
