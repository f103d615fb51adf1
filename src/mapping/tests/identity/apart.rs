//! A call without what single fields are read from.

use super::*;

/// The rest of a call, and what its fields are read from by their names.
fn apart(call: &Call) -> (Vec<u8>, Vec<(String, Vec<u8>)>) {
    let identity = identify(call);
    let sources = identity.sources.into_iter();
    (
        identity.rest,
        sources
            .map(|source| (source.field.to_string(), source.content))
            .collect(),
    )
}

fn stripe(path: &str, account: &str, body: &str) -> Call {
    let headers = [
        ("authorization", "Bearer sk_test_1"),
        ("content-type", "application/x-www-form-urlencoded"),
        ("stripe-account", account),
    ];
    call("POST", &format!("https://api.stripe.com{path}"), &headers, Some(body))
}

#[test]
fn a_corrected_field_is_taken_out_alone() {
    let payout = |account: &str, body: &str| apart(&stripe("/v1/payouts", account, body));
    let (rest, sources) = payout("acct_A", "amount=90000&currency=usd&method=standard");
    assert_eq!(sources.iter().map(|(name, _)| &**name).collect::<Vec<_>>(), ["amount"]);
    for same in [
        "amount=50000&currency=usd&method=standard",
        "currency=usd&amount=50000&method=standard",
        "currency=usd&method=standard&%61mount=50000",
        "currency=usd&method=standard",
    ] {
        let (other, other_sources) = payout("acct_A", same);
        assert_eq!(rest, other, "{same}");
        assert_ne!(sources, other_sources, "{same}");
    }
    for (account, body) in [
        ("acct_B", "amount=50000&currency=usd&method=standard"),
        ("acct_A", "amount=50000&currency=usd&method=instant"),
        ("acct_A", "amount=50000&currency=usd&method=standard&source_type=card"),
        ("acct_A", "amount=50000&currency=eur&method=standard"),
        ("acct_A", "amount=50000&currency=usd&method=standard&amount[value]=1"),
        ("acct_A", "amount=50000&currency=usd&method=standard&amount_details=1"),
    ] {
        let other = stripe("/v1/payouts", account, body);
        // What is no call of this provider at all is refused before.
        if shipped()
            .route(&other)
            .is_ok_and(|route| shipped().resolve(&other, route).is_ok())
        {
            assert_ne!(rest, apart(&other).0, "{account} {body}");
        }
    }
}

#[test]
fn a_number_of_aws_is_told_from_the_rest_in_forms_and_queries() {
    let run = |count: u32, image: &str, token: &str| {
        let body = format!("Action=RunInstances&MinCount=1&MaxCount={count}&ImageId={image}&ClientToken={token}");
        apart(&ec2(&body))
    };
    let (rest, sources) = run(20, "ami-1", "a");
    assert_eq!(sources.len(), 1);
    assert_eq!(run(5, "ami-1", "b").0, rest);
    assert_ne!(run(20, "ami-1", "a").1, run(5, "ami-1", "b").1);
    assert_ne!(run(5, "ami-2", "b").0, rest);
}

/// Counts of lists, what stands in the path, and content that nobody reads.
#[test]
fn what_cannot_be_told_from_the_rest_is_not_taken_out() {
    let mail = |to: &str| {
        let body = json!({
            "personalizations": [{"to": [{"email": to}]}],
            "from": {"email": "a@example.com"}, "subject": "s", "content": [{"type": "text/plain", "value": "v"}]
        });
        let headers = [("authorization", "Bearer SG.1"), ("content-type", "application/json")];
        let url = "https://api.sendgrid.com/v3/mail/send";
        apart(&call("POST", url, &headers, Some(&body.to_string())))
    };
    assert_eq!(mail("b@example.com"), (Vec::new(), Vec::new()));
    let terminate = ec2("Action=TerminateInstances&InstanceId.1=i-1&InstanceId.2=i-2");
    assert_eq!(apart(&terminate), (Vec::new(), Vec::new()));
    let parts = "--B\r\nContent-Disposition: form-data; name=\"amount\"\r\n\r\n90000\r\n--B--\r\n";
    let headers = [("content-type", "multipart/form-data; boundary=B")];
    let call = call("POST", "https://api.stripe.com/v1/payouts", &headers, Some(parts));
    if let Ok(route) = shipped().route(&call)
        && let Ok(action) = shipped().resolve(&call, route)
    {
        assert!(shipped().identify(&call, &action).unwrap().sources.is_empty());
    }
}
