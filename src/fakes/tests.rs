//! That the fakes answer in their providers' shape and hold together.

use serde_json::Value;

use super::*;

fn request<'a>(method: &'a str, target: &'a str, body: &'a str) -> Request<'a> {
    Request {
        method,
        target,
        headers: &[],
        body: body.as_bytes(),
    }
}

fn json(answer: &Answer) -> Value {
    serde_json::from_str(&answer.body).unwrap()
}

#[test]
fn a_refund_needs_its_charge_and_takes_no_more_than_is_left() {
    let stripe = Stripe::with_charge("ch_1", 120_000);
    let refund = |body| stripe.answer(&request("POST", "/v1/refunds", body));
    let missing = refund("charge=ch_2&amount=100");
    assert_eq!((missing.status, missing.done.as_deref()), (404, None));
    assert_eq!(json(&missing)["error"]["code"], "resource_missing");
    let first = refund("charge=ch_1&amount=90000");
    assert_eq!(first.done.as_deref(), Some("refund of $900.00 of ch_1"));
    assert_eq!(json(&first)["object"], "refund");
    assert_eq!(refund("charge=ch_1&amount=90000").status, 400);
    let rest = refund("charge=ch_1");
    assert_eq!(json(&rest)["amount"], 30_000);
    assert_eq!(json(&refund("charge=ch_1"))["error"]["code"], "charge_already_refunded");
}

#[test]
fn a_charge_that_was_made_can_be_refunded() {
    let stripe = Stripe::default();
    let charge = stripe.answer(&request("POST", "/v1/charges", "amount=15000&currency=usd"));
    assert_eq!(charge.done.as_deref(), Some("charge of $150.00"));
    let body = format!("charge={}", json(&charge)["id"].as_str().unwrap());
    assert_eq!(
        json(&stripe.answer(&request("POST", "/v1/refunds", &body)))["amount"],
        15_000
    );
    assert_eq!(
        stripe.answer(&request("POST", "/v1/charges", "currency=usd")).status,
        400
    );
    assert_eq!(stripe.answer(&request("GET", "/v1/nothing", "")).status, 404);
}

#[test]
fn an_idempotency_key_does_nothing_twice() {
    let stripe = Stripe::with_charge("ch_1", 100);
    let headers = [("idempotency-key".to_owned(), "k".to_owned())];
    let request = Request {
        headers: &headers,
        ..request("POST", "/v1/refunds", "charge=ch_1")
    };
    let (first, second) = (stripe.answer(&request), stripe.answer(&request));
    assert_eq!((first.status, &first.body), (second.status, &second.body));
    assert!(first.done.is_some() && second.done.is_none());
    assert!(second.headers.contains(&("idempotent-replayed", "true".to_owned())));
}

#[test]
fn instances_that_were_started_are_described() {
    let aws = Aws::default();
    let ec2 = |body| aws.answer(&request("POST", "/", body));
    assert!(ec2("Action=DescribeInstances").body.contains("<reservationSet/>"));
    let run = ec2("Action=RunInstances&MinCount=1&MaxCount=3&InstanceType=t3.micro");
    assert_eq!((run.status, run.done.as_deref()), (200, Some("3 × t3.micro started")));
    for answer in [run, ec2("Action=DescribeInstances")] {
        assert_eq!(answer.body.matches("<instanceId>").count(), 3, "{}", answer.body);
    }
    for wrong in [
        "Action=RunInstances&MaxCount=3",
        "Action=RunInstances&MinCount=4&MaxCount=3",
        "Action=Fly",
        "",
    ] {
        let answer = ec2(wrong);
        assert_eq!((answer.status, answer.done), (400, None), "{wrong}");
        assert!(answer.body.contains("<Errors><Error><Code>"), "{}", answer.body);
    }
}

#[test]
fn a_batch_is_counted_by_what_it_does() {
    let headers = [("x-amz-target".to_owned(), "DynamoDB_20120810.BatchWriteItem".to_owned())];
    let aws = Aws::default();
    let batch = |count: usize| {
        let writes = vec![r#"{"DeleteRequest":{"Key":{"id":{"S":"1"}}}}"#; count].join(",");
        let body = format!(r#"{{"RequestItems":{{"orders":[{writes}]}}}}"#);
        let request = request("POST", "/", &body);
        aws.answer(&Request {
            headers: &headers,
            ..request
        })
    };
    assert_eq!(batch(25).done.as_deref(), Some("25 items deleted, 0 written"));
    for wrong in [batch(0), batch(26)] {
        assert_eq!((wrong.status, wrong.done.as_deref()), (400, None));
        assert!(
            json(&wrong)["__type"]
                .as_str()
                .unwrap()
                .ends_with("#ValidationException")
        );
    }
}

#[test]
fn every_recipient_of_a_mail_counts() {
    let body = r#"{"personalizations":[{"to":[{"email":"a@x.com"},{"email":"b@x.com"}],"bcc":[{"email":"c@x.com"}]}]}"#;
    let answer = SendGrid.answer(&request("POST", "/v3/mail/send", body));
    assert_eq!((answer.status, answer.body.as_str()), (202, ""));
    assert_eq!(answer.done.as_deref(), Some("mail to 3 recipients"));
    for wrong in ["{", "{}", r#"{"personalizations":[]}"#] {
        let answer = SendGrid.answer(&request("POST", "/v3/mail/send", wrong));
        assert_eq!((answer.status, answer.done.as_deref()), (400, None), "{wrong}");
        assert!(json(&answer)["errors"][0]["message"].is_string());
    }
}

#[test]
fn slack_says_ok_or_why_not_and_always_200() {
    let post = Slack.answer(&request("POST", "/api/chat.postMessage", "channel=C1&text=hello"));
    assert_eq!(post.done.as_deref(), Some("message in C1"));
    assert_eq!(json(&post)["message"]["text"], "hello");
    let json_body = Slack.answer(&request(
        "POST",
        "/api/chat.postMessage",
        r#"{"channel":"C2","text":"x"}"#,
    ));
    assert_eq!(json_body.done.as_deref(), Some("message in C2"));
    let unknown = Slack.answer(&request("POST", "/api/chat.shout", ""));
    assert_eq!((unknown.status, json(&unknown)["ok"].as_bool()), (200, Some(false)));
}

#[test]
fn each_other_provider_answers_and_fails_in_its_own_shape() {
    let message = "/2010-04-01/Accounts/AC1/Messages.json";
    let sent = Twilio.answer(&request("POST", message, "To=%2B15005550006&Body=x"));
    assert_eq!(
        (sent.status, sent.done.as_deref()),
        (201, Some("text message to +15005550006"))
    );
    assert_eq!(
        json(&Twilio.answer(&request("POST", message, "Body=x")))["code"],
        21_604
    );
    assert_eq!(
        json(&Twilio.answer(&request("POST", message, "To=%2B1")))["code"],
        21_602
    );
    assert_eq!(
        json(&Twilio.answer(&request("GET", message, "")))["messages"][0]["status"],
        "queued"
    );
    let reference = "/repos/acme/app/git/refs/heads/feature/x";
    assert_eq!(
        json(&GitHub.answer(&request("GET", reference, "")))["ref"],
        "refs/heads/feature/x"
    );
    let removed = GitHub.answer(&request("DELETE", reference, ""));
    assert_eq!(removed.done.as_deref(), Some("heads/feature/x of acme/app deleted"));
    let issue = GitHub.answer(&request("POST", "/repos/acme/app/issues", r#"{"title":"x"}"#));
    assert_eq!((json(&issue)["title"].as_str(), issue.status), (Some("x"), 201));
    let asked = r#"{"model":"m"}"#;
    assert_eq!(
        json(&OpenAi.answer(&request("POST", "/v1/chat/completions", asked)))["model"],
        "m"
    );
    assert_eq!(
        json(&Anthropic.answer(&request("POST", "/v1/messages", asked)))["model"],
        "m"
    );
    let object = "/download/storage/v1/b/acme/o/a%2Fb?alt=media";
    assert!(Google.answer(&request("GET", object, "")).body.contains("Wien"));
    assert_eq!(
        json(&Google.answer(&request("POST", "/token", "grant_type=x")))["token_type"],
        "Bearer"
    );
    for (answer, place) in [
        (Twilio.answer(&request("GET", "/x", "")), "/code"),
        (GitHub.answer(&request("GET", "/x", "")), "/message"),
        (OpenAi.answer(&request("GET", "/x", "")), "/error/message"),
        (Anthropic.answer(&request("GET", "/x", "")), "/error/type"),
        (Google.answer(&request("GET", "/x", "")), "/error/errors/0/reason"),
    ] {
        assert_eq!((answer.status, answer.done.is_none()), (404, true));
        assert!(json(&answer).pointer(place).is_some(), "{place}: {}", answer.body);
    }
}
