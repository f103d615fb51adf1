//! What calls mean.

use super::*;
use crate::model::{Access, Value, Why};

mod copies;
mod disguises;
mod hidden;
mod mails;
mod permissions;
mod sizes;
mod strangers;
mod tools;

fn why(action: &Action, field: &str) -> Option<Why> {
    action
        .missing
        .iter()
        .find(|missing| &*missing.field == field)
        .map(|missing| missing.why)
}

#[test]
fn a_refund_without_amount_is_incomplete() {
    let mappings = shipped();
    let refund = |body: &str| resolve(mappings, &stripe("/v1/refunds", body)).unwrap();
    let action = refund("charge=ch_1");
    assert_eq!(
        (&*action.name, why(&action, "amount")),
        ("process_refund", Some(Why::Absent))
    );
    assert_eq!(action.summary, "Refund the whole of ch_1 in Stripe (amount not stated)");
    assert!(
        !action.is_missing("currency"),
        "the gate fills in the account's currency"
    );
    for body in [
        "amount=1e6",
        "amount=5000.0",
        "amount=+5",
        "amount=-5",
        "amount=05",
        "amount=",
        "amount[]=9999",
        "amount=9999999999999999",
        "amount=%D9%A5",
    ] {
        let action = refund(&format!("charge=ch_1&{body}"));
        assert_eq!(why(&action, "amount"), Some(Why::Unreadable), "{body}");
        assert!(!action.summary.contains("the whole"), "{}", action.summary);
    }
    for body in ["charge[amount]=9999", "x[amount]=5"] {
        assert_eq!(why(&refund(body), "amount"), Some(Why::Absent), "{body}");
    }
}

#[test]
fn a_currency_that_cannot_be_read_is_not_taken_for_none() {
    let mappings = shipped();
    for body in [
        "amount=5&currency=",
        "amount=5&currency[]=usd",
        "amount=5&currency=us$",
        "amount=5&currency=dollars",
    ] {
        let action = resolve(mappings, &stripe("/v1/refunds", body)).unwrap();
        assert_eq!(why(&action, "currency"), Some(Why::Unreadable), "{body}");
    }
}

#[test]
fn summaries_show_money_as_people_write_it() {
    let mappings = shipped();
    let summary = |path: &str, body: &str| resolve(mappings, &stripe(path, body)).unwrap().summary;
    assert_eq!(
        summary("/v1/refunds", "charge=ch_1&amount=90000"),
        "Refund $900.00 of ch_1 in Stripe"
    );
    assert_eq!(
        summary("/v1/charges", "amount=15000&currency=eur"),
        "Charge 150.00 EUR in Stripe"
    );
    assert_eq!(
        summary("/v1/payouts", "amount=500&currency=jpy&destination=ba_1"),
        "Pay out 500 JPY to ba_1 from Stripe"
    );
    let action = resolve(mappings, &ec2("Action=RunInstances&MaxCount=120&InstanceType=m5.large")).unwrap();
    assert_eq!(action.summary, "Start 120 × m5.large in AWS EC2");
    let ids: String = (1..8).map(|at| format!("&InstanceId.{at}=i-{at}")).collect();
    let action = resolve(mappings, &ec2(&format!("Action=TerminateInstances{ids}"))).unwrap();
    assert_eq!(
        action.summary,
        "Terminate 7 instance i-1, i-2, i-3, i-4, i-5 and 2 more in AWS EC2"
    );
    let without = load(&[("stripe.yaml", STRIPE)]).unwrap();
    let action = resolve(&without, &stripe("/v1/refunds", "charge=ch_1&amount=90000")).unwrap();
    assert_eq!(action.summary, "Refund 90000 (minor units) of ch_1 in Stripe");
}

#[test]
fn what_people_read_shows_hidden_characters() {
    let mappings = shipped();
    let action = resolve(
        mappings,
        &stripe("/v1/refunds", "amount=5&charge=ch%1b%5b2J%e2%80%ae%e2%80%8bx"),
    )
    .unwrap();
    assert_eq!(
        action.summary,
        "Refund $0.05 of ch\\u{1b}[2J\\u{202e}\\u{200b}x in Stripe"
    );
}

#[test]
fn amounts_are_in_iso_minor_units() {
    let mappings = shipped();
    let amount = |code: &str| {
        let action = resolve(
            mappings,
            &stripe("/v1/charges", &format!("amount=50001&currency={code}")),
        )
        .unwrap();
        action.int("amount")
    };
    assert_eq!(amount("mga"), Some(5_000_100), "Stripe counts whole ariary");
    assert_eq!(
        amount("isk"),
        Some(501),
        "Stripe counts hundredths of a króna; never rounded down"
    );
    assert_eq!(amount("jpy"), Some(50_001));
    let action = resolve(mappings, &stripe("/v1/charges", "amount=900000000000000&currency=mga")).unwrap();
    assert_eq!(
        (action.int("amount"), why(&action, "amount")),
        (None, Some(Why::Unreadable))
    );
}

#[test]
fn the_content_can_only_make_a_call_stricter() {
    let mappings = shipped();
    let batch = |items: Json| resolve(mappings, &dynamodb("BatchWriteItem", &json!({"RequestItems": items}))).unwrap();
    let put = json!({"PutRequest": {"Item": {}}});
    let action = batch(json!({"T": [put]}));
    assert_eq!((&*action.name, action.access), ("bulk_update", Access::Write));
    for items in [
        json!({"T": [put, {"DeleteRequest": {}}]}),
        json!({"T": [put], "U": [{"DeleteRequest": null}]}),
    ] {
        let action = batch(items);
        assert_eq!((&*action.name, action.access), ("delete_records", Access::Delete));
    }
    assert_eq!(
        batch(json!({})).fields.get("record_count"),
        None,
        "a count over what is not there is missing, not 0"
    );
}

#[test]
fn an_amount_too_strange_for_json_is_unreadable() {
    let text = STRIPE.replace("application/x-www-form-urlencoded: form", "application/json: json");
    let mappings = load(&[("stripe.yaml", &text)]).unwrap();
    let json_type = ("content-type", "Application/JSON; charset=\"UTF-8\"");
    let refund = |body: &str| {
        resolve(
            &mappings,
            &call(
                "POST",
                "https://api.stripe.com/v1/refunds",
                &[json_type, KEY],
                Some(body),
            ),
        )
    };
    assert_eq!(refund(r#"{"amount": 5000}"#).unwrap().int("amount"), Some(5_000));
    for body in [
        r#"{"amount": 1e6}"#,
        r#"{"amount": 5000.0}"#,
        r#"{"amount": "5000"}"#,
        r#"{"amount": 18446744073709551617}"#,
        r#"{"amount": null}"#,
    ] {
        assert_eq!(why(&refund(body).unwrap(), "amount"), Some(Why::Unreadable), "{body}");
    }
    assert_eq!(why(&refund(r#"[{"amount": 5}]"#).unwrap(), "amount"), Some(Why::Absent));
    for body in [
        r#"{"amount": 5, "amount": 9999}"#,
        r#"{"amount": 5}{"amount": 9999}"#,
        "amount=5",
    ] {
        assert_eq!(refund(body), Err(Reason::Malformed), "{body}");
    }
}

#[test]
fn the_environment_is_told_by_the_key_which_is_not_kept() {
    let mappings = shipped();
    for (value, environment) in [
        ("Bearer sk_live_x", "production"),
        ("bearer  rk_live_x", "production"),
        ("Basic c2tfbGl2ZV94Og==", "production"),
        // As decoders take it that are not strict: without padding, with bits behind the last byte.
        ("Basic c2tfbGl2ZV94Og", "production"),
        ("Basic c2tfbGl2ZV94", "production"),
        ("Basic c2tfbGl2ZV94Oh==", "production"),
        ("Bearer sk_org_live_x", "production"),
        ("Bearer sk_org_test_x", "test"),
        ("Bearer rk_test_x", "test"),
        ("Bearer other", "unknown"),
        ("Digest x", "unknown"),
        ("Bearer", "unknown"),
    ] {
        let action = resolve(
            mappings,
            &call(
                "GET",
                "https://api.stripe.com/v1/balance",
                &[("authorization", value)],
                None,
            ),
        )
        .unwrap();
        assert_eq!(&*action.environment, environment, "{value}");
    }
    let action = resolve(mappings, &call("GET", "https://api.stripe.com/v1/balance", &[], None)).unwrap();
    assert_eq!(&*action.environment, "unknown");
}

#[test]
fn tunnels_and_streams_have_actions_of_their_own() {
    let mappings = shipped();
    let tunnel = mappings.tunnel(&call("CONNECT", "https://api.stripe.com/", &[], None));
    assert_eq!(
        (&*tunnel.name, tunnel.access, &*tunnel.provider),
        ("open_tunnel", Access::Write, "stripe")
    );
    assert_eq!(tunnel.target.id.as_deref(), Some("api.stripe.com:443"));
    assert_eq!(tunnel.request_line, "CONNECT api.stripe.com:443");
    assert_eq!(tunnel.summary, "Open a tunnel to api.stripe.com:443");
    assert!(!tunnel.inspected);
    let upgrade = [("upgrade", "websocket")];
    let handshake = call("GET", "https://chat.example/socket?token=abc", &upgrade, None);
    let stream = mappings.stream(&handshake).unwrap();
    assert_eq!(
        (&*stream.name, stream.access, &*stream.provider),
        ("open_stream", Access::Write, "unknown")
    );
    assert_eq!(
        stream.summary,
        "Open a stream to chat.example:443 (GET https://chat.example/socket?token=…)"
    );
    assert!(stream.also.is_empty());
    assert_eq!(stream.request_line, "GET https://chat.example/socket?token=…");
}

#[test]
fn a_handshake_is_judged_by_what_it_asks_as_a_request_too() {
    let mappings = shipped();
    let asked = |url: &str| mappings.stream(&call("GET", url, &[("upgrade", "websocket")], None));
    let also = |url: &str| -> Vec<String> {
        let action = asked(url).unwrap();
        assert_eq!(&*action.name, "open_stream", "{url}");
        action.also.iter().map(|action| action.name.to_string()).collect()
    };
    assert_eq!(
        also("https://slack.com/api/chat.postMessage?channel=C1&text=hi"),
        ["post_message"]
    );
    assert_eq!(also("https://api.stripe.com/v1/balance"), ["read_balance"]);
    assert!(
        also("https://api.openai.com/v1/realtime?model=gpt-realtime")
            .iter()
            .all(|name| name != "call_api")
    );
    assert!(asked("https://api.stripe.com/v1/../v1/balance").is_err());
}

#[test]
fn the_body_is_asked_for_only_where_it_matters() {
    let mappings = shipped();
    let streaming = |mut call: Call| {
        call.body = Body::Streaming { length: None };
        call
    };
    let needs = |call: Call| mappings.route(&call).unwrap().needs_body();
    assert!(needs(streaming(stripe("/v1/refunds", ""))));
    assert!(needs(streaming(ec2(""))));
    assert!(needs(streaming(dynamodb("PutItem", &json!({})))));
    assert!(!needs(streaming(dynamodb("ListTables", &json!({})))));
    assert!(
        !needs(streaming(stripe("/v1/other", ""))),
        "where people are asked it is read anyway"
    );
    assert!(!needs(streaming(call(
        "GET",
        "https://api.stripe.com/v1/balance",
        &[KEY],
        None
    ))));
    assert!(!needs(streaming(call("POST", "https://example.com/", &[], None))));
    assert!(
        !needs(call("POST", "https://api.stripe.com/v1/refunds", &[KEY], None)),
        "there is none"
    );
    let unread = streaming(stripe("/v1/refunds", ""));
    assert_eq!(resolve(mappings, &unread), Err(Reason::NotInspectable));
    assert!(
        !resolve(mappings, &streaming(stripe("/v1/other", "")))
            .unwrap()
            .inspected
    );
}

#[test]
fn a_field_is_of_its_type() {
    let mappings = shipped();
    let action = resolve(mappings, &ec2("Action=StartInstances&InstanceId.1=a&InstanceId.2=b")).unwrap();
    assert_eq!(action.fields["instance_count"], Value::Int(2));
    assert_eq!(
        action.fields["resource_ids"],
        Value::List(vec!["a".to_owned(), "b".to_owned()])
    );
    let many: String = (1..=1_001).map(|at| format!("&InstanceId.{at}=i")).collect();
    let action = resolve(mappings, &ec2(&format!("Action=StartInstances{many}"))).unwrap();
    assert_eq!(action.int("instance_count"), Some(1_001));
    assert_eq!(
        why(&action, "resource_ids"),
        Some(Why::Unreadable),
        "not the first thousand"
    );
}

#[test]
fn a_read_may_be_a_post_where_the_mapping_says_so() {
    let text = "provider: x\ntitle: X\nhosts: [api.x.example]\ndispatch: path\noperations:\n  search: { call: POST /v1/search, action: read_record, target: { kind: page } }\n";
    let mappings = load(&[("x.yaml", text)]).unwrap();
    let search = call("POST", "https://api.x.example/v1/search", &[], Some("{}"));
    let action = resolve(&mappings, &search).unwrap();
    assert_eq!(
        (&*action.operation, action.access, action.inspected),
        ("search", Access::Read, false)
    );
    let other = call("GET", "https://api.x.example/v1/other", &[], None);
    assert_eq!(
        resolve(&mappings, &other).unwrap().access,
        Access::Write,
        "GET is no read unless `safe_methods` says so"
    );
    let head = call("HEAD", "https://api.x.example/v1/search", &[], None);
    assert_eq!(resolve(&mappings, &head).unwrap().access, Access::Write);
}
