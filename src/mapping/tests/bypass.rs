//! Known ways round a judge, by their numbers in the corpus of evasions.

use proptest::prelude::*;

use super::*;
use crate::model::Access;

mod harmless;

fn refused(call: &Call) -> Option<Reason> {
    resolve(shipped(), call).err()
}

#[test]
fn r_a_path_with_another_reading_is_refused() {
    for path in [
        "/v1/charges/../refunds",
        "/v1/charges/%2e%2e/refunds",
        "/v1%2frefunds",
        "/v1//refunds",
        "/v1/re%66unds",
        "/v1/refunds;a=b",
        "/v1/charges\\..\\refunds",
        "/v1/refunds%00.json",
        "/v1/%1b[2J",
        "/v1/customers/%e2%80%ae",
    ] {
        assert_eq!(refused(&stripe(path, "amount=1")), Some(Reason::Malformed), "{path}");
        let get = call("GET", &format!("https://api.stripe.com{path}"), &[KEY], None);
        assert_eq!(refused(&get), Some(Reason::Malformed), "GET {path}");
    }
}

#[test]
fn r_upper_case_is_refused() {
    for path in [
        "/V1/refunds",
        "/v1/Refunds",
        "/v1/charges/ch_1/REFUNDS",
        "/v1/charges/Search",
    ] {
        assert_eq!(refused(&stripe(path, "amount=1")), Some(Reason::Malformed), "{path}");
    }
    assert_eq!(refused(&stripe("/v1/charges/ch_AbC", "")), None);
    assert_eq!(
        refused(&stripe("/v1/Other", "")),
        None,
        "no operation's path but for case"
    );
}

#[test]
fn r_near_paths_are_not_the_operation() {
    let mappings = shipped();
    for path in [
        "/v1/refunds.json",
        "/v1/charges/ch_1.json",
        "/v1/charges/ch_1.xml",
        "/v2/refunds",
        "/refunds",
        "/v1/refund",
    ] {
        let action = resolve(mappings, &stripe(path, "amount=1")).unwrap();
        assert_eq!((&*action.name, action.unmapped), ("call_api", true), "{path}");
    }
}

#[test]
fn r_method_override_is_refused() {
    for name in [
        "X-HTTP-Method-Override",
        "X-HTTP-Method",
        "X-Method-Override",
        "X-Original-URL",
        "X-Rewrite-URL",
    ] {
        let get = |url| call("GET", url, &[KEY, (name, "DELETE")], None);
        assert_eq!(
            refused(&get("https://api.stripe.com/v1/balance")),
            Some(Reason::Malformed),
            "{name}"
        );
        let action = resolve(shipped(), &get("https://example.com/")).unwrap();
        assert_eq!(action.access, Access::Write, "{name} on a host without a mapping");
    }
    assert_eq!(
        refused(&stripe("/v1/charges", "_method=DELETE&amount=1")),
        Some(Reason::Malformed)
    );
    for query in [
        "_method=DELETE",
        "a=b&_method=DELETE",
        "%5fmethod=DELETE",
        "a=b;_method=DELETE",
    ] {
        let get = |host| call("GET", &format!("https://{host}/v1/balance?{query}"), &[KEY], None);
        assert_eq!(refused(&get("api.stripe.com")), Some(Reason::Malformed), "{query}");
        assert_eq!(
            resolve(shipped(), &get("example.com")).unwrap().access,
            Access::Write,
            "{query}"
        );
    }
}

#[test]
fn r_an_operation_in_the_query_of_a_stranger_is_no_read() {
    let delete = call(
        "GET",
        "https://elasticache.us-east-1.amazonaws.com/?Action=DeleteUser&UserName=x",
        &[],
        None,
    );
    assert_eq!(resolve(shipped(), &delete).unwrap().access, Access::Write);
}

#[test]
fn r_content_that_cannot_be_inspected_is_refused() {
    let post = |headers: &[(&str, &str)], body: &str| {
        refused(&call("POST", "https://api.stripe.com/v1/refunds", headers, Some(body)))
    };
    let with = |content_type: &str| post(&[("content-type", content_type), KEY], "amount=1");
    assert_eq!(with("Application/X-WWW-Form-URLEncoded; charset=UTF-8"), None);
    for content_type in [
        "application/json",
        "text/plain",
        "multipart/form-data; boundary=x",
        "application/x-www-form-urlencoded; charset=utf-16",
        "",
        "x",
    ] {
        assert_eq!(with(content_type), Some(Reason::NotInspectable), "{content_type}");
    }
    assert_eq!(post(&[KEY], "amount=1"), Some(Reason::NotInspectable));
    assert_eq!(post(&[FORM, FORM, KEY], "amount=1"), Some(Reason::Malformed));
    assert_eq!(post(&[FORM, KEY, ("content-encoding", "identity")], "amount=1"), None);
    for coding in ["gzip", "br", "unknown", "identity, gzip"] {
        assert_eq!(
            post(&[FORM, KEY, ("content-encoding", coding)], "amount=1"),
            Some(Reason::NotInspectable),
            "{coding}"
        );
    }
    let utf16 = dynamodb("PutItem", &json!({}));
    let utf16 = Call {
        body: Body::Captured(b"\xff\xfe{\0}\0".as_slice().into()),
        ..utf16
    };
    assert_eq!(refused(&utf16), Some(Reason::Malformed));
}

#[test]
fn r_a_parameter_named_twice_is_refused() {
    for body in [
        "amount=5&amount=9999",
        "amount=5&amount[]=9999",
        "amount=5;amount=9999",
        "amount=5&+amount=9999",
        "amount=5&amount%00=1",
    ] {
        assert_eq!(refused(&stripe("/v1/refunds", body)), Some(Reason::Malformed), "{body}");
    }
}

#[test]
fn r_query_and_body_are_not_merged() {
    assert_eq!(
        refused(&stripe("/v1/refunds?amount=9999", "amount=5")),
        Some(Reason::Malformed)
    );
    assert_eq!(
        refused(&stripe("/v1/refunds?amount=9999&amount=5", "")),
        Some(Reason::Malformed)
    );
    assert_eq!(
        refused(&stripe("/v1/refunds?amount[]=9999", "amount=5")),
        Some(Reason::Malformed)
    );
    let action = resolve(shipped(), &stripe("/v1/refunds?amount=9999", "charge=ch_1")).unwrap();
    assert_eq!(action.int("amount"), Some(9_999), "judged wherever it stands");
}

#[test]
fn r_action_in_query_and_body_is_refused() {
    let post = |query: &str, body: &str| {
        call(
            "POST",
            &format!("https://ec2.us-east-1.amazonaws.com/?{query}"),
            &[FORM],
            Some(body),
        )
    };
    assert_eq!(
        refused(&post(
            "Action=DescribeInstances",
            "Action=TerminateInstances&InstanceId.1=i-1"
        )),
        Some(Reason::Malformed)
    );
    assert_eq!(
        refused(&post("Action=DescribeInstances&Action=TerminateInstances", "")),
        Some(Reason::Malformed)
    );
    assert_eq!(
        refused(&ec2("Action=DescribeInstances&Action=TerminateInstances")),
        Some(Reason::Malformed)
    );
    assert_eq!(
        refused(&post("Action=DescribeInstances", "action=TerminateInstances")),
        Some(Reason::Malformed)
    );
    let action = resolve(
        shipped(),
        &post("Version=2016-11-15", "Action=TerminateInstances&InstanceId.1=i-1"),
    )
    .unwrap();
    assert_eq!(&*action.name, "terminate_instance");
    for none in [
        "",
        "Version=1",
        "Action=",
        "Action.1=DescribeInstances",
        "Action=describeInstances",
        "Action=Describe Instances",
    ] {
        assert_eq!(&*resolve(shipped(), &ec2(none)).unwrap().name, "call_api", "{none}");
    }
}

#[test]
fn r_two_targets_are_refused() {
    let target = |name| ("x-amz-target", name);
    let json_type = ("content-type", "application/x-amz-json-1.0");
    let two = [
        target("DynamoDB_20120810.ListTables"),
        target("DynamoDB_20120810.DeleteTable"),
        json_type,
    ];
    let post = |url: &str, headers: &[(&str, &str)]| call("POST", url, headers, Some("{}"));
    let url = "https://dynamodb.us-east-1.amazonaws.com/";
    assert_eq!(refused(&post(url, &two)), Some(Reason::Malformed));
    let query = "https://dynamodb.us-east-1.amazonaws.com/?Action=ListTables";
    assert_eq!(
        refused(&post(query, &[target("DynamoDB_20120810.DeleteTable"), json_type])),
        Some(Reason::Malformed)
    );
    // Presigned calls carry their `X-Amz-` fields in the query.
    for name in ["X-Amz-Target", "x-amz-target"] {
        let query = format!("{url}?{name}=DynamoDB_20120810.DeleteTable");
        let call = post(&query, &[target("DynamoDB_20120810.ListTables"), json_type]);
        assert_eq!(refused(&call), Some(Reason::Malformed), "{name}");
    }
    let queues = "https://sqs.us-east-1.amazonaws.com/";
    let form = Some("Action=PurgeQueue&QueueUrl=q");
    assert_eq!(
        refused(&call("POST", queues, &[target("AmazonSQS.ListQueues"), FORM], form)),
        Some(Reason::NotInspectable)
    );
    let with_target = [target("DynamoDB_20120810.ListTables"), FORM];
    assert_eq!(
        refused(&call(
            "POST",
            "https://ec2.us-east-1.amazonaws.com/",
            &with_target,
            Some("Action=DescribeInstances")
        )),
        Some(Reason::Malformed)
    );
    for other in [
        "DynamoDB_20111205.ListTables",
        "ListTables",
        "DynamoDB_20120810.ListTables, DynamoDB_20120810.DeleteTable",
        "DynamoDB_20120810.List Tables",
    ] {
        assert_eq!(
            &*resolve(shipped(), &post(url, &[target(other), json_type]))
                .unwrap()
                .name,
            "call_api",
            "{other}"
        );
    }
}

#[test]
fn a_signature_for_another_service_is_refused() {
    let with = |scope: &str, host: &str| {
        let value = format!(
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261120/{scope}/aws4_request, SignedHeaders=host, Signature=0"
        );
        refused(&call(
            "POST",
            &format!("https://{host}/"),
            &[FORM, ("authorization", &value)],
            Some("Action=DescribeInstances"),
        ))
    };
    assert_eq!(with("us-east-1/ec2", "ec2.us-east-1.amazonaws.com"), None);
    assert_eq!(with("us-east-1/ec2", "ec2.amazonaws.com"), None);
    for (scope, host) in [
        ("us-east-1/iam", "ec2.us-east-1.amazonaws.com"),
        ("eu-west-1/ec2", "ec2.us-east-1.amazonaws.com"),
        ("eu-west-1/ec2", "ec2.amazonaws.com"),
        ("us-east-1/ec2/x", "ec2.us-east-1.amazonaws.com"),
        ("/ec2", "ec2.us-east-1.amazonaws.com"),
    ] {
        assert_eq!(with(scope, host), Some(Reason::Malformed), "{scope} at {host}");
    }
    let presigned = |credential: &str| {
        let url =
            format!("https://ec2.us-east-1.amazonaws.com/?Action=DescribeInstances&X-Amz-Credential={credential}");
        refused(&call("GET", &url, &[], None))
    };
    assert_eq!(presigned("AKID%2F20261120%2Fus-east-1%2Fec2%2Faws4_request"), None);
    assert_eq!(
        presigned("AKID%2F20261120%2Fus-east-1%2Fiam%2Faws4_request"),
        Some(Reason::Malformed)
    );
}

#[test]
fn r_a_get_with_content_is_not_the_read_of_the_mapping() {
    let get = call(
        "GET",
        "https://api.stripe.com/v1/balance",
        &[FORM, KEY],
        Some("amount=1"),
    );
    let action = resolve(shipped(), &get).unwrap();
    assert_eq!((&*action.name, action.access), ("call_api", Access::Write));
}

proptest! {
    /// No method but GET and HEAD, and no content, is ever called a read on a provider that is told by path.
    #[test]
    fn a_change_is_never_a_read(method in "[A-Z]{3,7}", path in "/[a-zA-Z0-9/._%;-]{0,30}", query in "[a-z_=&%;0-9]{0,20}", body in proptest::option::of("[a-z=&]{1,10}")) {
        let url = format!("https://api.stripe.com{path}?{query}");
        let call = call(&method, &url, &[FORM, KEY], body.as_deref());
        if let Ok(action) = resolve(shipped(), &call) {
            let safe = ["GET", "HEAD"].contains(&method.as_str()) && body.is_none();
            prop_assert!(safe || action.access != Access::Read);
            prop_assert_eq!(action.access == Access::Read, action.name.starts_with("read_"));
        }
    }
}

#[test]
fn r_names_but_for_case_are_refused() {
    for body in [
        "Action=RunInstances&MaxCount=1&maxCount=1000",
        "Action=RunInstances&maxcount=1000",
        "action=TerminateInstances&InstanceId.1=i-1",
        "Action=CreateFleet&TargetCapacitySpecification.totalTargetCapacity=99",
    ] {
        assert_eq!(refused(&ec2(body)), Some(Reason::Malformed), "{body}");
    }
    for body in [
        "Amount=9999&charge=ch_1",
        "amount=1&AMOUNT=9999&charge=ch_1",
        "amount=1&transfer_Data[destination]=a",
    ] {
        let path = if body.contains("transfer") {
            "/v1/charges"
        } else {
            "/v1/refunds"
        };
        assert_eq!(refused(&stripe(path, body)), Some(Reason::Malformed), "{body}");
    }
    let batch = |body: Json| refused(&dynamodb("BatchWriteItem", &body));
    assert_eq!(
        batch(json!({"requestItems": {"T": [{"DeleteRequest": {}}]}})),
        Some(Reason::Malformed)
    );
    assert_eq!(
        batch(json!({"RequestItems": {"T": [{"deleteRequest": {}}]}})),
        Some(Reason::Malformed)
    );
    assert_eq!(
        batch(json!({"RequestItems": {"requestitems": [{"PutRequest": {"Item": {"putrequest": {}}}}]}})),
        None
    );
    let transact = json!({"TransactItems": [{"delete": {"TableName": "T"}}]});
    assert_eq!(
        refused(&dynamodb("TransactWriteItems", &transact)),
        Some(Reason::Malformed)
    );
    let item = json!({"TableName": "T", "Item": {"tablename": {"S": "x"}}});
    assert_eq!(
        refused(&dynamodb("PutItem", &item)),
        None,
        "a name of the customer's own"
    );
}
