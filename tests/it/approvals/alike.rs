//! Calls that are alike: one card, each decided for itself, and what was answered before is told.

use serde_json::json;

use super::refunds;
use crate::guard::{asks, house, transfer};
use crate::harness::{HttpAnswer, Origin, Sidecar, Tunnel, eventually};

const POLICY: &str = r#"
@id("all") permit (principal, action, resource);
@id("mail") @decision("REQUIRE_APPROVAL") forbid (principal, action == Action::"send_email", resource);
"#;

/// A mail to two people, in these words.
fn mail(sidecar: &Sidecar, words: &str) -> HttpAnswer {
    let body = json!({
        "personalizations": [{"to": [{"email": "a@example.com"}, {"email": "b@example.com"}]}],
        "from": {"email": "c@example.com"}, "subject": words, "content": [{"type": "text/plain", "value": "v"}],
    })
    .to_string();
    let request = format!(
        "POST /v3/mail/send HTTP/1.1\r\nHost: api.sendgrid.com\r\nAuthorization: Bearer SG.1\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    Tunnel::to("api.sendgrid.com:443").open(sidecar).ask(&request)
}

fn held(answer: &HttpAnswer) -> String {
    let id = answer.header("runplane-approval-id");
    id.unwrap_or_else(|| panic!("not held: {answer:?}")).to_owned()
}

fn short(id: &str) -> &str {
    &id[..12]
}

#[test]
fn five_reworded_mails_are_one_card_and_a_yes_sends_one() {
    let origin = Origin::sendgrid();
    let sidecar = Sidecar::new()
        .resolve("api.sendgrid.com", &origin)
        .hold("1s")
        .only_policy(POLICY)
        .start();
    let words = ["one", "two", "three", "four", "five"];
    let ids: Vec<String> = words.iter().map(|words| held(&mail(&sidecar, words))).collect();
    let list = sidecar.told(&["approvals", "list"]);
    assert_eq!(list.matches("Mail to 2 recipients").count(), 1, "one card: {list}");
    let last = "+ 5th similar: differs in its content or headers only";
    assert!(
        list.contains(last) && ids.iter().all(|id| list.contains(short(id))),
        "{list}"
    );
    for (place, item) in (1..).zip(sidecar.approvals("pending")) {
        assert_eq!(
            (&item["similar"]["place"], &item["similar"]["of"]),
            (&json!(place), &json!(5))
        );
        assert_eq!(
            (&item["similar"]["first"], &item["lately"]),
            (&json!(ids[0]), &json!([]))
        );
    }

    sidecar.approve(&ids[1]);
    assert_eq!(
        origin.calls("POST", "/v3/mail/send").len(),
        0,
        "a yes alone sends nothing"
    );
    assert_eq!(mail(&sidecar, words[1]).status, 202);
    let sent = origin.calls("POST", "/v3/mail/send");
    assert_eq!(sent.len(), 1);
    assert!(
        sent[0].text().contains("\"two\""),
        "the one that was approved: {}",
        sent[0].text()
    );
    assert_eq!(sidecar.approvals("pending").len(), 4);

    sidecar.deny(&ids[2], "not in these words");
    let told = |sidecar: &Sidecar| sidecar.told(&["approvals", "show", &ids[3]]);
    let both = |shown: &str| {
        shown.contains("a similar call was denied just now by owner: not in these words")
            && shown.contains("a similar call was executed just now (approved by owner)")
    };
    eventually("both answers are told", || both(&told(&sidecar)));
    assert!(told(&sidecar).contains("2nd of 3 similar"), "{}", told(&sidecar));
    sidecar.restart_hard();
    assert!(both(&told(&sidecar)), "it lies on disk: {}", told(&sidecar));
    let list = sidecar.told(&["approvals", "list"]);
    assert!(
        list.contains("+ 3rd similar") && list.contains("not in these words"),
        "{list}"
    );
}

#[test]
fn what_is_asked_many_times_takes_ten_rows_and_a_count() {
    let sidecar = house().start();
    let mut statement = transfer();
    for amount in 1..=13 {
        statement["amount"] = json!(12_000 + amount);
        assert_eq!(
            asks(&sidecar, "support-bot", &statement)["decision"],
            "REQUIRE_APPROVAL"
        );
    }
    let list = sidecar.told(&["approvals", "list"]);
    assert_eq!(list.lines().count(), 12, "a head, ten of them and a count: {list}");
    let first = sidecar.approvals("pending")[0]["id"].as_str().unwrap().to_owned();
    let more = format!("and 3 more: runplane approvals list --like {}", short(&first));
    assert!(list.contains(&more), "{list}");
    assert!(
        list.contains("+ 2nd similar: amount = 1200200 ($12002.00), first: 1200100 ($12001.00)"),
        "{list}"
    );
    let all = sidecar.told(&["approvals", "list", "--like", short(&first)]);
    assert_eq!(all.lines().count(), 14, "{all}");
    // Another's call that says the same is another card.
    asks(&sidecar, "ops-bot", &statement);
    assert_eq!(sidecar.told(&["approvals", "list"]).lines().count(), 13);
}

#[test]
fn an_equal_call_that_was_done_is_told_to_whoever_is_asked_again() {
    let origin = Origin::stripe();
    let sidecar = Sidecar::new()
        .resolve("api.stripe.com", &origin)
        .hold("1s")
        .approvals("grant: 1s")
        .start();
    let ask = || {
        Tunnel::to("api.stripe.com:443")
            .open(&sidecar)
            .ask(super::refund(90_000))
    };
    sidecar.approve(&held(&ask()));
    assert_eq!(ask().status, 200);
    // Until then it is `already_executed`.
    let again =
        || ask().header("runplane-decision") == Some("REQUIRE_APPROVAL") && sidecar.approvals("pending").len() == 1;
    eventually("it is asked anew", again);
    let id = sidecar.approvals("pending")[0]["id"].as_str().unwrap().to_owned();
    let shown = sidecar.told(&["approvals", "show", &id]);
    assert!(
        shown.contains("an equal call was executed just now (approved by owner)"),
        "{shown}"
    );
    assert_eq!(refunds(&origin), 1);
}
