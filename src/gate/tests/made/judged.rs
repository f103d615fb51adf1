//! What a call is judged by that leaves out what its target was made with.

use super::*;

#[test]
fn a_refund_of_what_was_made_here_has_its_amount() {
    assert_eq!(said(&remembering(), refund_whole()), "HOLD incomplete_action");
    let gate = after_a_charge(40_000, "eur");
    let allowed = permit(&gate, refund_whole());
    let refund = allowed.action();
    assert_eq!(
        (refund.int("amount"), refund.text("currency")),
        (Some(40_000), Some("eur"))
    );
    assert_eq!(refund.int("amount_base"), Some(44_000));
    assert_eq!(refund.tie.recalled(), ["amount".into(), "currency".into()]);
    assert!(refund.missing.is_empty(), "{refund:?}");
    assert!(
        refund.summary.ends_with(" (400.00 EUR, as it was made here)"),
        "{}",
        refund.summary
    );
    assert_eq!(said(&gate, post("/v1/charges/ch_1/refund", "")), "ALLOW");
    assert_eq!(
        said(&gate, post("/v1/refunds", "charge=ch_2")),
        "HOLD incomplete_action"
    );
    // More than rules let go.
    let gate = gate_with(&sources(OVER_100), Observe::Nobody, HOUR);
    made(left(&gate, charge(10_001, "usd")), "ch_1");
    assert_eq!(said(&gate, refund_whole()), "HOLD over-100");
}

#[test]
fn stripes_intents_and_transfers_have_the_amount_that_they_were_made_with() {
    let gate = observing();
    made(
        left(&gate, post("/v1/payment_intents", "amount=2000&currency=usd")),
        "pi_1",
    );
    made(
        left(
            &gate,
            post("/v1/transfers", "amount=3000&currency=usd&destination=acct_1"),
        ),
        "tr_1",
    );
    for (path, content, amount) in [
        ("/v1/payment_intents/pi_1/confirm", "payment_method=pm_1", Some(2_000)),
        ("/v1/payment_intents/pi_1/capture", "", Some(2_000)),
        ("/v1/payment_intents/pi_1/capture", "amount_to_capture=5", Some(5)),
        ("/v1/refunds", "payment_intent=pi_1", Some(2_000)),
        ("/v1/refunds", "charge=ch_1&payment_intent=pi_1", None),
        ("/v1/transfers/tr_1/reversals", "", Some(3_000)),
        // Another kind of thing by that id.
        ("/v1/charges/pi_1/capture", "", None),
        ("/v1/charges/tr_1/refund", "", None),
    ] {
        let action = read(&gate, &post(path, content), NOON).unwrap();
        assert_eq!(action.int("amount"), amount, "{path} {content}");
    }
}

#[test]
fn what_a_call_tells_itself_stands() {
    let gate = after_a_charge(40_000, "eur");
    let told = read(&gate, &post("/v1/refunds", "charge=ch_1&amount=7"), NOON).unwrap();
    assert_eq!((told.int("amount"), told.tie.recalled().len()), (Some(7), 0));
    for garbled in ["amount=seven", "amount[]=7", "amount="] {
        let call = post("/v1/refunds", &format!("charge=ch_1&{garbled}"));
        assert_eq!(said(&gate, call), "HOLD incomplete_action", "{garbled}");
    }
}

#[test]
fn a_recalled_amount_counts_in_budgets() {
    let mut sources = sources("");
    let limit =
        "budgets:\n  refunds: { window: 1d, sum: amount_base, actions: [process_refund], per: agent, limit: 500 }\n";
    sources.budgets.push(Source {
        file: "policies/budgets.yaml".to_owned(),
        text: limit.to_owned(),
    });
    let gate = gate_with(&sources, Observe::Nobody, HOUR);
    made(left(&gate, charge(300, "usd")), "ch_1");
    // Kept: what is not sent is given back.
    let taken = permit(&gate, refund_whole());
    assert_eq!(taken.action().int("amount_base"), Some(300));
    assert_eq!(
        said(&gate, refund_whole()),
        "BLOCK budget:refunds",
        "300 were taken, and 300 are more than is left"
    );
}

#[test]
fn what_does_not_fit_the_action_is_not_recalled() {
    let shop = SHOP.replace("fields: [amount, currency]", "fields: [amount, currency, destination]");
    let shop = shop.replace(
        "      currency: { from: $.body.currency, as: currency }\n",
        "      currency: { from: $.body.currency, as: currency }\n      destination: { from: $.body.to }\n",
    );
    let mut sources = sources("");
    sources.mappings[1].text = shop;
    let gate = gate_with(&sources, Observe::Everyone, HOUR);
    let order = r#"{"amount": 100, "currency": "usd", "to": "acct_1"}"#;
    made(left(&gate, call_to("POST", "a.shop.example/orders", order)), "o17");
    let refund = read(&gate, &call_to("POST", "a.shop.example/orders/o17/refund", ""), NOON).unwrap();
    // A refund has no destination: what of it is remembered does not fit, and nothing is recalled.
    assert_eq!((refund.int("amount"), refund.tie.recalled().len()), (None, 0));
}

/// Nobody says what a name means that the mapping does not read: it may be another amount.
#[test]
fn who_says_what_nobody_reads_recalls_nothing() {
    let gate = remembering();
    let intent = post("/v1/payment_intents", "amount=100&currency=usd");
    made(left(&gate, intent), "pi_1");
    for (said, expected) in [
        ("", Some(100)),
        ("payment_method=pm_1&metadata[order]=7", Some(100)),
        ("amount_to_confirm=40000", None),
        ("amount_details[surcharge][amount]=40000", None),
        ("payment_method=pm_1&brand_new=1", None),
    ] {
        let confirm = post("/v1/payment_intents/pi_1/confirm", said);
        assert_eq!(read(&gate, &confirm, NOON).unwrap().int("amount"), expected, "{said}");
    }
    let order = r#"{"amount": 100, "currency": "usd"}"#;
    made(left(&gate, call_to("POST", "a.shop.example/orders", order)), "o17");
    for (said, expected) in [("", Some(100)), (r#"{"total": 999999}"#, None), ("[999999]", None)] {
        let refund = call_to("POST", "a.shop.example/orders/o17/refund", said);
        assert_eq!(read(&gate, &refund, NOON).unwrap().int("amount"), expected, "{said}");
    }
    let by_query = call_to("POST", "a.shop.example/orders/o17/refund?total=999999", "");
    assert_eq!(read(&gate, &by_query, NOON).unwrap().int("amount"), None);
}

#[test]
fn what_may_become_more_by_itself_and_what_is_a_number_is_not_remembered() {
    let gate = remembering();
    let intent = post(
        "/v1/payment_intents",
        "amount=100&currency=usd&payment_method_types[]=card_present&capture_method=manual",
    );
    made(left(&gate, intent), "pi_1");
    let capture = post("/v1/payment_intents/pi_1/capture", "");
    assert_eq!(read(&gate, &capture, NOON).unwrap().int("amount"), None);
    let order = r#"{"amount": 100, "currency": "usd"}"#;
    made(left(&gate, call_to("POST", "a.shop.example/orders", order)), "17");
    let refund = call_to("POST", "a.shop.example/orders/17/refund", "");
    assert_eq!(read(&gate, &refund, NOON).unwrap().int("amount"), None);
}
