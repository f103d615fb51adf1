//! Many calls, a line each.

use super::*;

#[test]
fn lines_are_answered_by_lines_in_their_order() {
    let form = json!({"content-type": "application/x-www-form-urlencoded", "authorization": "Bearer sk_test_1"});
    let requests = [
        json!({"id": "a", "method": "POST", "url": REFUNDS, "headers": form, "body": "charge=ch_1&amount=90000"}),
        json!({"id": 7, "method": "POST", "url": REFUNDS, "headers": form, "body_b64": "Y2hhcmdlPWNoXzE="}),
        json!({"method": "GET", "url": "https://unknown.example/x"}),
        json!({"id": "bad", "method": "GET", "url": "https://api.stripe.com/v1//x"}),
        json!({"id": "half", "method": "GET"}),
    ];
    let mut text: String = requests.iter().map(|request| format!("{request}\n")).collect();
    text.push_str("\nnot json\n");
    let results = Home::new().results(&text);
    assert_eq!(results.len(), 6, "{results:?}");
    let first = &results[0];
    assert_eq!(first["id"], "a");
    assert_eq!(first["provider"], "stripe");
    assert_eq!(first["operation"], "refunds.create");
    assert_eq!(first["action"], "process_refund");
    assert_eq!(first["access"], "write");
    assert_eq!(
        (&first["fields"]["amount"], &first["fields"]["currency"]),
        (&json!(90_000), &json!("usd"))
    );
    assert_eq!(
        (&first["decision"], &first["rules"]),
        (&json!("REQUIRE_APPROVAL"), &json!(["refund-over-500"]))
    );
    assert_eq!(
        (&first["environment"], &first["target"]["id"]),
        (&json!("test"), &json!("ch_1"))
    );
    assert_eq!(
        (&results[1]["id"], &results[1]["missing"]["amount"]),
        (&json!(7), &json!("absent"))
    );
    assert_eq!(
        (&results[2]["provider"], &results[2]["decision"]),
        (&json!("unknown"), &json!("ALLOW"))
    );
    assert!(results[2].get("id").is_none());
    for (result, id) in results[3..].iter().zip([json!("bad"), json!("half"), Value::Null]) {
        assert_eq!(
            (&result["id"], &result["refusal"]),
            (&id, &json!("malformed")),
            "{result}"
        );
        assert!(result["provider"].is_null() && result["decision"].is_null() && result["detail"].is_string());
    }
}

#[test]
fn ten_thousand_lines_are_no_effort() {
    let line = json!({"method": "POST", "url": REFUNDS, "headers": {"content-type": "application/x-www-form-urlencoded"}, "body": "charge=ch_1&amount=9"});
    let results = Home::new().results(&format!("{line}\n").repeat(10_000));
    assert_eq!(results.len(), 10_000);
    assert!(results.iter().all(|result| result["decision"] == "ALLOW"));
}
