//! What stands in the record holds no secret.

use super::*;

const SECRET: &str = "s3cr3tT0ken9f8e7d6c5b4a";

#[test]
fn a_planted_secret_is_nowhere_in_an_action() {
    let mappings = shipped();
    let bearer = format!("Bearer sk_live_{SECRET}");
    let basic = format!("Basic {SECRET}");
    let everywhere = [
        ("authorization", bearer.as_str()),
        ("cookie", SECRET),
        ("x-api-key", SECRET),
        ("x-amz-security-token", SECRET),
        FORM,
    ];
    let calls = [
        call(
            "GET",
            &format!("https://example.com/hook/{SECRET}/x?token={SECRET}&{SECRET}&{SECRET}=1"),
            &everywhere,
            None,
        ),
        call(
            "POST",
            &format!("https://example.com/{SECRET}?sig={SECRET}"),
            &everywhere,
            Some(SECRET),
        ),
        call("GET", "https://example.com/a", &[("authorization", &basic)], None),
        call(
            "POST",
            &format!("https://api.stripe.com/v1/refunds?client_secret={SECRET}"),
            &everywhere,
            Some(&format!("amount=1&source={SECRET}")),
        ),
        call(
            "GET",
            &format!("https://api.stripe.com/v1/charges?starting_after={SECRET}"),
            &everywhere,
            None,
        ),
        call(
            "GET",
            &format!("https://api.stripe.com/v1/other/{SECRET}?key={SECRET}"),
            &everywhere,
            None,
        ),
        call(
            "GET",
            &format!(
                "https://ec2.us-east-1.amazonaws.com/?Action=DescribeInstances&X-Amz-Signature={SECRET}&X-Amz-Security-Token={SECRET}"
            ),
            &[],
            None,
        ),
        call(
            "POST",
            "https://ec2.us-east-1.amazonaws.com/",
            &[FORM, ("x-amz-security-token", SECRET)],
            Some(&format!(
                "Action=RunInstances&MaxCount=1&UserData={SECRET}&ClientToken={SECRET}"
            )),
        ),
        call(
            "GET",
            &format!("https://ec2.us-east-1.amazonaws.com/{SECRET}?x={SECRET}"),
            &[],
            None,
        ),
        call(
            "GET",
            &format!("https://slack.com/api/chat.postMessage?token={SECRET}&channel=C1&text={SECRET}"),
            &everywhere,
            None,
        ),
        call(
            "POST",
            "https://acme.slack.com/api/chat.postMessage",
            &everywhere,
            Some(&format!("token={SECRET}&channel=C1&text={SECRET}")),
        ),
        call("POST", &format!("https://slack.com/api/{SECRET}"), &everywhere, None),
        call(
            "POST",
            &format!("https://slack.com/api/oauth.access?code={SECRET}"),
            &everywhere,
            None,
        ),
        call(
            "POST",
            &format!("https://hooks.slack.com/services/T1/B1/{SECRET}"),
            &everywhere,
            Some(SECRET),
        ),
        call(
            "GET",
            &format!("https://api.sendgrid.com/v3/verified_senders/verify/{SECRET}"),
            &[("authorization", &bearer)],
            None,
        ),
        dynamodb(
            "PutItem",
            &json!({"TableName": "T", "Item": {"password": {"S": SECRET}}}),
        ),
    ];
    for call in &calls {
        for action in [resolve(mappings, call).unwrap(), mappings.stream(call).unwrap()] {
            let kept = format!("{action:?} {}", serde_json::to_string(&action).unwrap());
            assert!(!kept.contains(SECRET), "{kept}");
            assert!(!kept.contains("s3cr3t"), "{kept}");
        }
        let mut bad = call.headers.clone();
        bad.insert("content-encoding", HeaderValue::from_static("gzip"));
        bad.insert("x-original-url", HeaderValue::from_static("/x"));
        let bad = Call {
            headers: bad,
            method: call.method.clone(),
            path: call.path.clone(),
            query: call.query.clone(),
            authority: call.authority.clone(),
            body: call.body.clone(),
            caller: call.caller.clone(),
            id: CallId::random(),
            ..*call
        };
        if let Err(refusal) = mappings.route(&bad) {
            assert!(!refusal.detail.contains("s3cr3t"), "{refusal}");
        }
    }
}

#[test]
fn the_request_line_shows_what_the_mapping_reads() {
    let mappings = shipped();
    let line = |call: &Call| resolve(mappings, call).unwrap().request_line;
    let refund = stripe(
        "/v1/refunds?amount=9999&expand%5B%5D=charge",
        "charge=ch_3MmlLrLkdIwHu7ix0snN0B15",
    );
    assert_eq!(
        line(&refund),
        "POST https://api.stripe.com/v1/refunds?amount=9999&expand%5B%5D=…"
    );
    let charge = call(
        "GET",
        "https://api.stripe.com/v1/charges/ch_3MmlLrLkdIwHu7ix0snN0B15",
        &[KEY],
        None,
    );
    assert_eq!(
        line(&charge),
        "GET https://api.stripe.com/v1/charges/ch_3MmlLrLkdIwHu7ix0snN0B15"
    );
    let list = call(
        "GET",
        "https://api.stripe.com/v1/charges?limit=3&customer=cus_1",
        &[KEY],
        None,
    );
    assert_eq!(line(&list), "GET https://api.stripe.com/v1/charges?limit=3&customer=…");
    let describe = call(
        "GET",
        "https://ec2.us-east-1.amazonaws.com/?Action=DescribeInstances&Version=2016-11-15&X-Amz-Date=20261120T000000Z",
        &[],
        None,
    );
    assert_eq!(
        line(&describe),
        "GET https://ec2.us-east-1.amazonaws.com/?Action=DescribeInstances&Version=2016-11-15&X-Amz-Date=…"
    );
    let stranger = call(
        "GET",
        "http://example.com:8080/users/12345/a1b2c3d4e5f6?page=2&q=",
        &[],
        None,
    );
    assert_eq!(line(&stranger), "GET http://example.com:8080/users/12345/…?page=…&q");
}

#[test]
fn a_query_is_shown_without_what_may_be_secret() {
    let line = |url: &str| {
        let call = call("POST", url, &[KEY], None);
        resolve(shipped(), &call).unwrap().request_line
    };
    let hook = "https%3A%2F%2Fu%3APASSWORDx%40hooks.slack.com%2Fservices%2FT0%2FB0%2FSECRETtoken123";
    for url in [
        format!("https://api.stripe.com/v1/webhook_endpoints?url={hook}"),
        format!("https://api.stripe.com/v1/webhook_endpoints?url={}", &hook[14..]),
        format!("https://api.stripe.com/v1/refunds?amount={hook}&charge=ch_1"),
        "https://api.stripe.com/v1/refunds?amount=ghp_16C7e42F292c6912E7710c838347Ae178B4a&charge=ch_1".to_owned(),
        format!(
            "https://sns.us-east-1.amazonaws.com/?Action=Subscribe&Version=2010-03-31&Protocol=https&TopicArn=arn%3Aaws%3Asns%3Aus-east-1%3A123456789012%3At&Endpoint={hook}"
        ),
    ] {
        let line = line(&url);
        let secret = ["PASSWORDx", "SECRETtoken", "ghp_16C7"]
            .into_iter()
            .find(|secret| line.contains(secret));
        assert!(secret.is_none() && line.contains('…'), "{line}");
    }
}

#[test]
fn a_parameter_that_is_to_be_hidden_is() {
    let text = "provider: hook\ntitle: Hook\nhosts: [hooks.example.com]\ndispatch: path\nhide: [token]\noperations:\n  hook.post: { call: 'POST /services/{team}/{token}', action: post_message, target: { kind: channel, id: $.path.team }, content_ignored: true }\n";
    let mappings = load(&[("hook.yaml", text)]).unwrap();
    let post = call("POST", "https://hooks.example.com/services/T0001/abc", &[], Some("x"));
    let action = resolve(&mappings, &post).unwrap();
    assert_eq!(action.request_line, "POST https://hooks.example.com/services/T0001/…");
    assert_eq!(action.target.id.as_deref(), Some("T0001"));
    assert!(load(&[("hook.yaml", &text.replace("id: $.path.team", "id: $.path.token"))]).is_err());
}

/// Of content that no field tells of, people see at least that one is not the other.
#[test]
fn two_bucket_policies_do_not_look_alike() {
    let summary = |policy: &str| {
        let url = "https://s3.us-west-2.amazonaws.com/b?policy";
        let put = call("PUT", url, &[("content-type", "application/json")], Some(policy));
        resolve(shipped(), &put).unwrap().summary
    };
    let deny = summary(r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny"}]}"#);
    let allow = summary(r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow"}]}"#);
    assert!(deny.contains("sha256 ") && !deny.contains("Statement"), "{deny}");
    assert_ne!(deny, allow);
}
