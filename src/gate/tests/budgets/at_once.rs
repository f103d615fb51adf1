//! Many calls at once, and the same one again.

use std::sync::Barrier;
use std::sync::atomic::{AtomicI64, Ordering};

use super::*;

fn keyed(key: &str, path: &str) -> Call {
    let mut headers = http::HeaderMap::new();
    headers.insert("idempotency-key", key.parse().unwrap());
    Call {
        headers,
        path: path.to_owned(),
        ..call()
    }
}

#[test]
fn the_same_request_with_the_same_key_is_one_reservation() {
    let rules = rules(REFUNDS, "");
    let ask = |key: &str| match rules.decide(keyed(key, "/v1/refunds"), refund(40_000), None, NOON) {
        Decision::Allow(permit) => permit,
        other @ (Decision::Block(_) | Decision::RequireApproval(_)) => panic!("{other:?}"),
    };
    let first = ask("k1");
    let again = ask("k1");
    assert_eq!(again.spending().repeats.as_ref(), Some(&first.call().id));
    assert_eq!(again.spending().spent[0].amount, 0);
    assert_eq!(used(&rules), [("support-bot".to_owned(), 40_000)]);
    // The first is refused for certain; what is still under way counts.
    settle(&first, Outcome::Failure, Some(402));
    assert_eq!(used(&rules), [("support-bot".to_owned(), 40_000)]);
    settle(&again, Outcome::NotSent, None);
    assert_eq!(used(&rules), []);
    // In doubt it counts, once and for good.
    settle(&ask("k1"), Outcome::Unknown, None);
    settle(&ask("k1"), Outcome::Success, None);
    assert_eq!(used(&rules), [("support-bot".to_owned(), 40_000)]);
    settle(&ask("k2"), Outcome::Success, None);
    assert_eq!(used(&rules), [("support-bot".to_owned(), 80_000)]);
    let later = Timestamp(NOON.0 + DAY / 2 * 3);
    let next_day = rules.decide(keyed("k1", "/v1/refunds"), refund(40_000), None, later);
    assert!(matches!(next_day, Decision::Allow(permit) if permit.spending().repeats.is_none()));
}

#[test]
fn a_key_that_means_nothing_to_the_provider_is_counted_each_time() {
    let rules = rules("budgets:\n  all: { window: 1h, per: agent }\n", "");
    let unmapped = Action {
        unmapped: true,
        ..action("read_record", &[])
    };
    for unread in [unmapped, action("read_balance", &[])] {
        for _ in 0..3 {
            let Decision::Allow(permit) = rules.decide(
                Call {
                    method: http::Method::GET,
                    ..keyed("k1", "/v1/balance")
                },
                unread.clone(),
                None,
                NOON,
            ) else {
                panic!("not allowed")
            };
            settle(&permit, Outcome::Success, None);
        }
    }
    assert_eq!(used(&rules), [("support-bot".to_owned(), 6)]);
}

#[test]
fn a_key_that_may_be_none_is_counted_each_time() {
    let rules = rules(REFUNDS, "");
    let long = |length| "k".repeat(length);
    for (counted, key) in (1..).zip(["", "", " ", " ", &long(256), &long(256)]) {
        let Decision::Allow(permit) = rules.decide(keyed(key, "/v1/refunds"), refund(1_000), None, NOON) else {
            panic!("not allowed")
        };
        settle(&permit, Outcome::Success, None);
        assert_eq!(used(&rules), [("support-bot".to_owned(), counted * 1_000)], "`{key}`");
    }
    for _ in 0..2 {
        let longest = rules.decide(keyed(&long(255), "/v1/refunds"), refund(1_000), None, NOON);
        assert!(matches!(longest, Decision::Allow(permit) if { settle(&permit, Outcome::Success, None); true }));
    }
    assert_eq!(used(&rules), [("support-bot".to_owned(), 7_000)]);
}

#[test]
fn a_key_among_the_parameters_is_counted_each_time() {
    let rules = rules(
        "budgets:\n  all: { window: 1h, actions: [modify_record], per: agent }\n",
        "",
    );
    let update = action("modify_record", &[("record_kind", Value::Text("orders".to_owned()))]);
    let ask = || {
        let mut headers = http::HeaderMap::new();
        for (name, value) in [
            ("content-type", "application/x-amz-json-1.0"),
            ("x-amz-target", "DynamoDB_20120810.UpdateItem"),
        ] {
            headers.insert(name, value.parse().unwrap());
        }
        Call {
            headers,
            path: "/".to_owned(),
            authority: Authority {
                host: Host::Name("dynamodb.eu-west-1.amazonaws.com".into()),
                port: 443,
            },
            body: Body::Captured(bytes::Bytes::from_static(
                br#"{"TableName": "orders", "ClientRequestToken": "k"}"#,
            )),
            ..call()
        }
    };
    let identity = rules.mappings().identify(&ask(), &update).unwrap();
    assert_eq!(
        (identity.idempotency_key.as_deref(), identity.key_is_header),
        (Some("k"), false)
    );
    for counted in 1..=3 {
        let Decision::Allow(permit) = rules.decide(ask(), update.clone(), None, NOON) else {
            panic!("not allowed")
        };
        assert_eq!(permit.spending().repeats, None);
        settle(&permit, Outcome::Success, None);
        assert_eq!(used(&rules), [("support-bot".to_owned(), counted)]);
    }
}

#[test]
fn a_thousand_calls_at_once_never_go_over() {
    let budgets = format!("{REFUNDS}  calls: {{ window: 1m, per: sidecar, limit: 900 }}\n");
    let rules = rules(&budgets, "");
    let (start, passed) = (Barrier::new(50), AtomicI64::new(0));
    std::thread::scope(|scope| {
        for worker in 0..50 {
            let (rules, start, passed) = (&rules, &start, &passed);
            scope.spawn(move || {
                start.wait();
                for turn in 0..20 {
                    let amount = 300 + worker * 20 + turn;
                    if let Decision::Allow(permit) = decide(rules, refund(amount)) {
                        if turn % 5 == 0 {
                            settle(&permit, Outcome::Failure, Some(402));
                        } else {
                            let total = passed.fetch_add(amount, Ordering::SeqCst) + amount;
                            assert!(total <= 100_000, "{total} went through");
                            settle(&permit, Outcome::Success, Some(200));
                        }
                    }
                }
            });
        }
    });
    // What those who gave back left, in small pieces.
    let mut passed = passed.into_inner();
    while let Decision::Allow(permit) = decide(&rules, refund(500)) {
        passed += 500;
        settle(&permit, Outcome::Success, Some(200));
    }
    assert!(
        (99_500..=100_000).contains(&passed),
        "{passed}: as much as there was room for"
    );
    let refunds: i64 = rules
        .budget_lines(NOON)
        .iter()
        .filter(|line| &*line.budget == "refunds_per_day")
        .map(|line| line.used)
        .sum();
    assert_eq!(refunds, passed, "the books say what went through");
}
