//! What is not remembered any more.

use super::*;
use crate::gate::made::Leaves;

#[test]
fn what_is_changed_is_forgotten() {
    for change in [
        post("/v1/charges/ch_1", "description=x"),
        post("/v1/charges/ch_1/capture", "amount=50"),
        post("/v1/refunds", "charge=ch_1&amount=50"),
        // By another key, too.
        with(
            post("/v1/charges/ch_1", "description=x"),
            "authorization",
            "Bearer sk_test_2",
        ),
    ] {
        let gate = after_a_charge(100, "usd");
        done(&gate, call_to("GET", "api.stripe.com/v1/charges/ch_1", ""));
        done(&gate, refund_whole());
        done(&gate, post("/v1/customers", "name=Ada"));
        assert_eq!(whole(&gate), Some(100), "neither a read nor what goes by it changes it");
        // Before anybody knows what came of it.
        let path = change.path.clone();
        drop(left(&gate, change));
        assert_eq!(whole(&gate), None, "{path}");
    }
}

#[test]
fn wherever_a_change_names_it_it_is_forgotten() {
    for (url, content) in [
        ("a.shop.example/notes", r#"{"order": "o17"}"#),
        ("a.shop.example/notes", r#"{"orders": [{"id": "o17"}]}"#),
        ("a.shop.example/notes", r#"{"orders": {"o17": true}}"#),
        ("a.shop.example/notes", r#"{"text": "of 16,o17"}"#),
        ("a.shop.example/notes", r#"{"text": "gid://shop/Order/o17"}"#),
        ("a.shop.example/notes", r#"{"text": "o17.pdf"}"#),
        ("b.shop.example/notes?order=o17", ""),
        ("a.shop.example/orders/o17/refund", r#"{"amount": 5}"#),
        ("a.shop.example/orders/o17/refund", ""),
    ] {
        let gate = observing();
        let order = call_to("POST", "a.shop.example/orders", r#"{"amount": 100, "currency": "usd"}"#);
        made(left(&gate, order), "o17");
        let refund = call_to("POST", "a.shop.example/orders/o17/refund", "");
        let amount = |gate: &Gate| read(gate, &refund, NOON).unwrap().int("amount");
        done(&gate, call_to("POST", "a.shop.example/notes", r#"{"order": 170}"#));
        assert_eq!(amount(&gate), Some(100));
        done(&gate, call_to("POST", url, content));
        // A call that recalled it did not change it.
        let recalled = url.ends_with("refund") && content.is_empty();
        assert_eq!(amount(&gate), recalled.then_some(100), "{url} {content}");
    }
}

#[test]
fn a_change_that_nobody_knows_forgets_all_of_its_provider() {
    let order = call_to("POST", "a.shop.example/orders", r#"{"amount": 100, "currency": "usd"}"#);
    let refund = call_to("POST", "a.shop.example/orders/o17/refund", "");
    let mut unread = call_to("PUT", "a.shop.example/files/1", "");
    unread.body = Body::Streaming { length: None };
    for (change, forgets) in [
        (call_to("POST", "a.shop.example/nobody_knows", ""), true),
        (call_to("POST", "b.shop.example/nobody_knows", ""), true),
        (call_to("GET", "a.shop.example/nobody_knows", ""), true),
        (unread, true),
        (call_to("PUT", "a.shop.example/files/1", ""), false),
        (call_to("GET", "a.shop.example/notes/o17", ""), false),
        (post("/v1/nobody_knows", ""), false),
    ] {
        let gate = observing();
        made(left(&gate, order.clone()), "o17");
        let shown = format!("{} {}", change.method, change.path);
        drop(left(&gate, change));
        let amount = read(&gate, &refund, NOON).unwrap().int("amount");
        assert_eq!(amount.is_none(), forgets, "{shown}");
    }
}

#[test]
fn what_an_agent_states_that_it_does_is_forgotten_too() {
    let gate = after_a_charge(100, "usd");
    let mut stated = call();
    stated.origin = Origin::Guard;
    stated.body = Body::Captured(bytes::Bytes::from_static(br#"{"context": {"of": "ch_1"}}"#));
    let mut deed = action("modify_record", &[]);
    (deed.provider, deed.target.id) = ("guard".into(), Some("it".to_owned()));
    let Decision::Allow(permit) = gate.rules().decide(stated, deed, None, NOON) else {
        panic!("expected a permit")
    };
    let sent = gate.sends(&permit, NOON);
    assert_eq!(whole(&gate), Some(100));
    assert!(matches!(sent.way().unwrap().leaves_now(NOON), Leaves::Left(_)));
    assert_eq!(whole(&gate), None);
}

#[test]
fn nothing_is_remembered_for_longer_than_an_hour_or_than_is_said() {
    let gate = after_a_charge(100, "usd");
    let at = |seconds: i64| {
        let action = read(&gate, &refund_whole(), Timestamp(NOON.0 + seconds * 1_000)).unwrap();
        action.int("amount")
    };
    assert_eq!((at(0), at(3_599), at(3_600)), (Some(100), Some(100), None));
    assert_eq!(at(-1), None, "a clock that was set back says nothing");
    let off = gate_with(&sources(""), Observe::Nobody, Duration::ZERO);
    made(left(&off, charge(100, "usd")), "ch_1");
    assert_eq!(whole(&off), None);
    // Decided in time, and sent too late.
    let late = going(&gate, refund_whole());
    assert_eq!(
        late.way().unwrap().leaves_now(Timestamp(NOON.0 + 3_600_000)),
        Leaves::Stale
    );
}

#[test]
fn the_oldest_are_forgotten_and_nothing_else() {
    let gate = remembering();
    let charge = permit(&gate, charge(100, "usd"));
    for at in 0..=10_000 {
        let sent = gate.sends(&charge, NOON);
        assert!(matches!(sent.way().unwrap().leaves_now(NOON), Leaves::Left(_)));
        made(sent, &format!("ch_{at}"));
    }
    let amount = |id: i64| {
        let refund = post("/v1/refunds", &format!("charge=ch_{id}"));
        read(&gate, &refund, NOON).unwrap().int("amount")
    };
    assert_eq!((amount(0), amount(1), amount(10_000)), (None, Some(100), Some(100)));
}
