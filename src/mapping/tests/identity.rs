//! When two calls are the same call.

use proptest::prelude::*;

use super::*;
use crate::model::Identity;

mod apart;
mod beyond;
mod flipped;
mod mails;
mod messages;
mod property;
mod unmapped;
mod uploads;

fn identify(call: &Call) -> Identity {
    let mappings = shipped();
    let route = mappings.route(call).unwrap();
    let action = mappings.resolve(call, route).unwrap();
    mappings.identify(call, &action).unwrap()
}

fn content(call: &Call) -> Vec<u8> {
    identify(call).content
}

#[test]
fn a_fresh_client_token_is_the_same_call() {
    let run = |token: &str, count: u32| ec2(&format!("Action=RunInstances&MaxCount={count}&ClientToken={token}"));
    assert_eq!(content(&run("a", 5)), content(&run("b", 5)));
    assert_ne!(content(&run("a", 5)), content(&run("a", 6)));
    assert_eq!(identify(&run("a", 5)).idempotency_key.as_deref(), Some("a"));
    let transact = |token: &str| {
        dynamodb(
            "TransactWriteItems",
            &json!({"TransactItems": [{"Put": {}}], "ClientRequestToken": token}),
        )
    };
    assert_eq!(content(&transact("a")), content(&transact("b")));
    let nested = |token: &str| {
        dynamodb(
            "PutItem",
            &json!({"TableName": "T", "Item": {"ClientToken": {"S": token}}}),
        )
    };
    assert_ne!(content(&nested("a")), content(&nested("b")), "volatile at the top only");
}

#[test]
fn what_changes_in_a_query_counts_in_content_and_what_changes_in_content_in_a_query() {
    let dynamodb = |name: &str, value: &str| dynamodb("PutItem", &json!({"TableName": "T", name: value}));
    let form = |name: &str, value: &str| ec2(&format!("Action=RunInstances&MaxCount=1&{name}={value}"));
    for name in ["X-Amz-Credential", "X-Amz-Date", "X-Amz-Signature"] {
        assert_ne!(content(&dynamodb(name, "a")), content(&dynamodb(name, "b")), "{name}");
        assert_ne!(content(&form(name, "a")), content(&form(name, "b")), "{name}");
    }
    let query = |host: &str, pair: &str| {
        let url = format!("https://{host}.us-east-1.amazonaws.com/?{pair}");
        content(&call(
            "POST",
            &url,
            &[("x-amz-target", "DynamoDB_20120810.PutItem")],
            None,
        ))
    };
    let token = |value: &str| query("dynamodb", &format!("ClientToken={value}"));
    assert_ne!(token("a"), token("b"));
    let run = |value: &str| {
        let query = format!("Action=RunInstances&MaxCount=1&ClientToken={value}");
        content(&call(
            "GET",
            &format!("https://ec2.us-east-1.amazonaws.com/?{query}"),
            &[],
            None,
        ))
    };
    assert_eq!(run("a"), run("b"), "EC2 takes its parameters from either");
}

/// Calls whose content the mapping does not read: what is done, and where.
const UNREAD: [(&str, &str); 8] = [
    ("PUT", "https://s3.us-east-1.amazonaws.com/b?policy"),
    ("PUT", "https://s3.us-east-1.amazonaws.com/b?versioning"),
    ("PUT", "https://s3.us-east-1.amazonaws.com/b/key"),
    ("POST", "https://s3.us-east-1.amazonaws.com/b?delete"),
    ("POST", "https://s3.us-east-1.amazonaws.com/b"),
    (
        "PUT",
        "https://lambda.us-east-1.amazonaws.com/2015-03-31/functions/f/code",
    ),
    (
        "POST",
        "https://lambda.us-east-1.amazonaws.com/2015-03-31/functions/f/invocations",
    ),
    ("POST", "https://hooks.slack.com/services/T1/B1/secret"),
];

/// The same call with this content under that type, as far as it is known what it does.
fn unread((method, url): (&str, &str), content_type: &str, body: &str) -> Vec<u8> {
    let headers = [("content-type", content_type), ("x-amz-acl", "public-read")];
    let deletion = call(
        method,
        url,
        &headers,
        Some("<Delete><Object><Key>k</Key></Object></Delete>"),
    );
    let action = resolve(shipped(), &deletion).unwrap();
    let call = call(method, url, &headers, Some(body));
    shipped().identify(&call, &action).unwrap().content
}

const TYPES: [&str; 4] = [
    "application/x-www-form-urlencoded",
    "application/json",
    "application/xml",
    "multipart/form-data; boundary=B",
];

#[test]
fn a_type_that_the_provider_does_not_read_hides_nothing() {
    let policy = |statement: &str| format!(r#"{{"Version":"2012-10-17","Id":"&Expires=","Statement":[{statement}]}}"#);
    let settings =
        |status: &str| format!("<!--&Expires=--><VersioningConfiguration>{status}</VersioningConfiguration>");
    let part = |value: &str| {
        format!("--B\r\nContent-Disposition: form-data; name=\"X-Amz-Credential\"\r\n\r\n{value}\r\n--B--\r\n")
    };
    let token = |value: &str| format!("a&X-Amz-Date={value}&ClientToken={value}");
    for (left, right) in [
        (policy("\"Deny\""), policy("\"Allow *\"")),
        (policy("\"*\""), policy("\"%2A\"")),
        (settings("Enabled"), settings("Suspended")),
        (token("1"), token("2")),
        (part("1"), part("2")),
        (r#"{"a":1,"b":2}"#.to_owned(), r#"{"b":2,"a":1}"#.to_owned()),
    ] {
        for target in UNREAD {
            for content_type in TYPES {
                let of = |body: &str| unread(target, content_type, body);
                assert_ne!(of(&left), of(&right), "{target:?} {content_type} {left}");
                assert_eq!(of(&left), of(&left), "{target:?} {content_type}");
            }
        }
    }
    // A form is none that this mapping reads.
    let pairs = |body| {
        content(&call(
            "POST",
            "https://api.sendgrid.com/v3/strange",
            &[FORM],
            Some(body),
        ))
    };
    assert_ne!(pairs("a=%2A"), pairs("a=*"));
}

#[test]
fn how_s3_is_to_read_the_content_counts() {
    let of = |values: &[&str]| {
        let headers: Vec<_> = values.iter().map(|value| ("x-amz-content-sha256", *value)).collect();
        content(&call(
            "PUT",
            "https://s3.us-east-1.amazonaws.com/b/key",
            &headers,
            Some("3\r\nabc\r\n0\r\n\r\n"),
        ))
    };
    let (left, right) = ("0a".repeat(32), "F1".repeat(32));
    assert_eq!(of(&[&left]), of(&[&right]), "the content tells it");
    let mut seen: BTreeSet<_> = [
        "UNSIGNED-PAYLOAD",
        "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
        "0a",
        "",
    ]
    .iter()
    .map(|value| of(&[value]))
    .collect();
    seen.insert(of(&[&left]));
    seen.insert(of(&[&left, "UNSIGNED-PAYLOAD"]));
    seen.insert(of(&[&"g0".repeat(32)]));
    assert_eq!(seen.len(), 8);
}

#[test]
fn eight_mebibytes_of_plus_signs_take_no_more_than_their_length() {
    let text = "+".repeat(8 << 20);
    let read = crate::mapping::identity::exact::exact(&text);
    assert!(read.len() == text.len() && read.iter().all(|byte| *byte == 0xFF));
    assert!(read.capacity() <= text.len(), "{}", read.capacity());
    assert_eq!(crate::mapping::identity::exact::exact("+a%2B+%20+"), b"\xFFa+\xFF \xFF");
}

#[test]
fn the_credential_is_its_stable_part() {
    let signed = |key: &str, date: &str, signature: &str| {
        let value = format!(
            "AWS4-HMAC-SHA256 Credential={key}/{date}/us-east-1/ec2/aws4_request, SignedHeaders=host, Signature={signature}"
        );
        identify(&call(
            "POST",
            "https://ec2.us-east-1.amazonaws.com/",
            &[FORM, ("authorization", &value)],
            Some("Action=DescribeInstances"),
        ))
    };
    assert!(signed("AKID1", "20261120", "aa") == signed("AKID1", "20261121", "bb"));
    assert!(signed("AKID1", "20261120", "aa").credential != signed("AKID2", "20261120", "aa").credential);
    let stranger = |value: &str| identify(&call("POST", "https://example.com/", &[("authorization", value)], None));
    assert!(stranger("Bearer a").credential != stranger("Bearer b").credential);
    assert!(stranger("Bearer a").content == stranger("Bearer b").content);
}

#[test]
fn significant_headers_are_part_of_the_call_and_others_are_not() {
    let with = |name: &str, value: &str| {
        content(&call(
            "POST",
            "https://api.stripe.com/v1/refunds",
            &[FORM, KEY, (name, value)],
            Some("amount=1"),
        ))
    };
    let plain = content(&stripe("/v1/refunds", "amount=1"));
    for name in ["stripe-account", "stripe-context", "stripe-version"] {
        assert_ne!(with(name, "a"), plain, "{name}");
        assert_ne!(with(name, "a"), with(name, "b"), "{name}");
    }
    for name in [
        "user-agent",
        "idempotency-key",
        "x-stripe-client-telemetry",
        "accept",
        "x-anything",
    ] {
        assert_eq!(with(name, "a"), plain, "{name}");
    }
    assert_eq!(
        identify(&call(
            "POST",
            "https://api.stripe.com/v1/refunds",
            &[FORM, KEY, ("idempotency-key", "k")],
            None
        ))
        .idempotency_key
        .as_deref(),
        Some("k")
    );
}

#[test]
fn every_header_of_a_stranger_counts_but_for_the_ignored() {
    let with = |name: &str, value: &str| content(&call("POST", "https://example.com/", &[(name, value)], Some("x")));
    for name in [
        "x-tenant",
        "x-anything",
        "content-type",
        "content-encoding",
        "cookie",
        "prefer",
        "accept-version",
        "accept-datetime",
    ] {
        assert_ne!(with(name, "a"), with(name, "b"), "{name}");
    }
    for name in [
        "user-agent",
        "date",
        "accept",
        "accept-charset",
        "accept-encoding",
        "accept-language",
        "traceparent",
        "x-b3-traceid",
        "idempotency-key",
        "x-stainless-retry-count",
        "content-length",
    ] {
        assert_eq!(with(name, "1"), with(name, "2"), "{name}");
    }
}

#[test]
fn each_part_of_a_call_counts() {
    let base = stripe("/v1/refunds", "amount=1&charge=ch_1");
    for other in [
        stripe("/v1/refunds", "charge=ch_1&amount=1"),
        stripe("/v1/refunds", "amount=1&charge=ch_2"),
        stripe("/v1/refunds?a=b", "amount=1&charge=ch_1"),
        stripe("/v1/refunds?amount=1&charge=ch_1", ""),
        stripe("/v1/refunds/re_1", "amount=1&charge=ch_1"),
        call(
            "PUT",
            "https://api.stripe.com/v1/refunds",
            &[FORM, KEY],
            Some("amount=1&charge=ch_1"),
        ),
        call(
            "POST",
            "http://api.stripe.com/v1/refunds",
            &[FORM, KEY],
            Some("amount=1&charge=ch_1"),
        ),
        call(
            "POST",
            "https://api.stripe.com:444/v1/refunds",
            &[FORM, KEY],
            Some("amount=1&charge=ch_1"),
        ),
        call(
            "POST",
            "https://example.com/v1/refunds",
            &[FORM, KEY],
            Some("amount=1&charge=ch_1"),
        ),
    ] {
        assert_ne!(content(&base), content(&other), "{} {:?}", other.path, other.query);
    }
    assert_eq!(
        content(&base),
        content(&stripe("/v1/refunds", "%61mount=1&charge=ch%5F1")),
        "the same pairs, otherwise escaped"
    );
    let presigned = |signature: &str| {
        call(
            "GET",
            &format!("https://ec2.us-east-1.amazonaws.com/?Action=DescribeInstances&X-Amz-Signature={signature}"),
            &[],
            None,
        )
    };
    assert_eq!(content(&presigned("a")), content(&presigned("b")));
    let unread = Call {
        body: Body::Streaming { length: None },
        ..stripe("/v1/other", "")
    };
    let mappings = shipped();
    let action = resolve(mappings, &unread).unwrap();
    assert_eq!(
        mappings.identify(&unread, &action).err().map(|refusal| refusal.reason),
        Some(Reason::NotInspectable)
    );
}

/// Nobody knows how a provider reads what no rule names.
#[test]
fn of_content_that_no_rule_names_each_byte_counts() {
    assert_ne!(
        content(&stripe("/v1/strange", "a=%2A")),
        content(&stripe("/v1/strange", "a=*"))
    );
    assert_eq!(
        content(&stripe("/v1/refunds", "charge=%2A")),
        content(&stripe("/v1/refunds", "charge=*"))
    );
    let token = |operation: &str, token: &str| content(&dynamodb(operation, &json!({ "ClientRequestToken": token })));
    assert_ne!(token("NobodyKnows", "a"), token("NobodyKnows", "b"));
    assert_eq!(token("TransactWriteItems", "a"), token("TransactWriteItems", "b"));
    let token = |operation: &str, token: &str| content(&ec2(&format!("Action={operation}&ClientToken={token}")));
    assert_ne!(token("NobodyKnows", "a"), token("NobodyKnows", "b"));
    assert_eq!(token("RunInstances", "a"), token("RunInstances", "b"));
}

#[test]
fn a_boundary_with_charset_in_it_names_none() {
    let upload = |boundary: &str, more: &str| {
        let kind = format!("multipart/form-data; boundary={boundary}{more}");
        let part = "Content-Disposition: form-data; name=\"purpose\"\r\n\r\nx";
        let body = format!("--{boundary}\r\n{part}\r\n--{boundary}--\r\n");
        content(&call(
            "POST",
            "https://files.stripe.com/v1/files",
            &[("content-type", &kind), KEY],
            Some(&body),
        ))
    };
    assert_eq!(upload("charsetX", ""), upload("other", ""));
    assert_ne!(upload("one", "; charset=utf-8"), upload("one", ""));
}
