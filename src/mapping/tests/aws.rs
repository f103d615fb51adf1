//! Services of AWS in all their protocols, as generated files name them.

mod cbor;

use super::*;
use crate::model::Access;

const FILE: &str = r#"
generated: { by: botocore, source: botocore, version: "1" }
provider: aws
title: AWS X
hosts: ["x.{region}.{aws}", "api.x.{region}.{aws}", "x.{aws}"]
dispatch: { aws: [{ name: x, version: "2010-08-01", target: X_2010, cbor: X2010 }, { name: y, version: "2015-12-01" }, { name: z }] }
content: { application/cbor: cbor, application/json: json, application/x-amz-json-1.0: json, application/x-www-form-urlencoded: aws_query }
volatile: [X-Amz-Signature]
volatile_content: [ClientToken]
volatile_headers: [x-amz-client-token]
aws: { services: [x, xx] }
operations:
  x.DeleteThing: { access: delete, by: authorization }
  x.GetThing: { access: read, by: authorization }
  x.StartThing: { access: write, by: name, volatile: [OperationId] }
  y.CreateThing: { access: write, by: authorization }
  y.GetThing: { access: write, by: authorization }
  z.AddThings: { call: "POST /things?operation=create", by: authorization }
  z.DeleteAll: { call: "POST /things?delete", access: delete, by: authorization }
  z.DeleteThing: { call: "DELETE /things/{thing}", by: authorization }
  z.GetSettings: { call: "GET /things/{thing}/{thing2}/settings", by: authorization }
  z.ListTags: { call: "GET /tags/{arn*}", by: authorization }
  z.ListThings: { call: "POST /things", access: read, by: authorization }
  z.PutBlob: { call: "PUT /things/{thing}/$LATEST", content_ignored: true, by: authorization }
"#;

fn aws() -> Mappings {
    load(&[("aws-x.yaml", FILE)]).unwrap_or_else(|problems| panic!("{problems:?}"))
}

const JSON: (&str, &str) = ("content-type", "application/x-amz-json-1.0");
const CBOR: (&str, &str) = ("content-type", "application/cbor");
const RPC: (&str, &str) = ("smithy-protocol", "rpc-v2-cbor");

fn told(action: &Action) -> (&str, Access) {
    (&action.operation, action.access)
}

#[test]
fn an_operation_is_told_in_every_protocol() {
    let aws = aws();
    let host = "https://x.eu-west-1.amazonaws.com";
    for (call, operation, access) in [
        (
            call(
                "POST",
                &format!("{host}/"),
                &[JSON, ("x-amz-target", "X_2010.GetThing")],
                Some("{}"),
            ),
            "x.GetThing",
            Access::Read,
        ),
        (
            call(
                "POST",
                &format!("{host}/service/X2010/operation/GetThing"),
                &[CBOR, RPC],
                None,
            ),
            "x.GetThing",
            Access::Read,
        ),
        (
            call(
                "POST",
                &format!("{host}/"),
                &[FORM],
                Some("Action=GetThing&Version=2010-08-01"),
            ),
            "x.GetThing",
            Access::Read,
        ),
        (
            call(
                "GET",
                &format!("{host}/?Action=DeleteThing&Version=2010-08-01"),
                &[],
                None,
            ),
            "x.DeleteThing",
            Access::Delete,
        ),
        (
            call(
                "POST",
                &format!("{host}/"),
                &[FORM],
                Some("Action=GetThing&Version=2015-12-01"),
            ),
            "y.GetThing",
            Access::Write,
        ),
        (
            call("DELETE", &format!("{host}/things/a%2Fb"), &[], None),
            "z.DeleteThing",
            Access::Delete,
        ),
        (
            call("POST", &format!("{host}/things"), &[], None),
            "z.ListThings",
            Access::Read,
        ),
        (
            call("POST", &format!("{host}/things/?size=3"), &[], None),
            "z.ListThings",
            Access::Read,
        ),
        (
            call("POST", &format!("{host}/things?operation=create"), &[], None),
            "z.AddThings",
            Access::Write,
        ),
        (
            call("POST", &format!("{host}/things?delete"), &[], None),
            "z.DeleteAll",
            Access::Delete,
        ),
        (
            call(
                "GET",
                &format!("{host}/tags/arn:aws:x:eu-west-1:1:a/b/c?n=1&n=2"),
                &[],
                None,
            ),
            "z.ListTags",
            Access::Read,
        ),
        (
            call("GET", &format!("{host}/things/a/b/settings"), &[], None),
            "z.GetSettings",
            Access::Read,
        ),
        (
            call("PUT", &format!("{host}/things/a/$LATEST"), &[], None),
            "z.PutBlob",
            Access::Write,
        ),
    ] {
        let action = resolve(&aws, &call).unwrap();
        assert_eq!(told(&action), (operation, access), "{}", action.request_line);
        assert_eq!(action.unmapped, access != Access::Read);
    }
}

#[test]
fn what_no_protocol_names_is_a_change() {
    let aws = aws();
    let host = "https://x.eu-west-1.amazonaws.com";
    for call in [
        call(
            "POST",
            &format!("{host}/"),
            &[JSON, ("x-amz-target", "X_2011.GetThing")],
            Some("{}"),
        ),
        call("GET", &format!("{host}/"), &[("x-amz-target", "X_2010.GetThing")], None),
        call(
            "POST",
            &format!("{host}/things"),
            &[JSON, ("x-amz-target", "X_2010.GetThing")],
            Some("{}"),
        ),
        call("POST", &format!("{host}/service/X2010/operation/GetThing"), &[], None),
        call("GET", &format!("{host}/service/X2010/operation/GetThing"), &[RPC], None),
        call(
            "POST",
            &format!("{host}/service/X2011/operation/GetThing"),
            &[RPC],
            None,
        ),
        call(
            "POST",
            &format!("{host}/service/X2010/operation/GetThing"),
            &[("smithy-protocol", "rpc-v3-cbor")],
            None,
        ),
        call("POST", &format!("{host}/"), &[FORM], Some("Action=GetThing")),
        call(
            "POST",
            &format!("{host}/"),
            &[FORM],
            Some("Action=GetThing&Version=1999-01-01"),
        ),
        call("POST", &format!("{host}/things/a/b/c/d"), &[], None),
        call("GET", &format!("{host}/things"), &[], None),
    ] {
        let action = resolve(&aws, &call).unwrap();
        assert_eq!(
            (action.access, action.unmapped),
            (Access::Write, true),
            "{}",
            action.request_line
        );
    }
}

#[test]
fn aws_a_query_that_tells_another_operation_is_no_other() {
    let aws = aws();
    for query in [
        "operation=delete",
        "operation",
        "operation=",
        "delete&operation=create",
        "operation=create&operation=x",
    ] {
        let call = call(
            "POST",
            &format!("https://x.eu-west-1.amazonaws.com/things?{query}"),
            &[],
            None,
        );
        let action = resolve(&aws, &call).unwrap();
        assert_eq!((action.access, action.unmapped), (Access::Write, true), "{query}");
    }
}

#[test]
fn aws_a_call_that_names_its_operation_in_two_ways_is_refused() {
    let aws = aws();
    let host = "https://x.eu-west-1.amazonaws.com";
    let target = ("x-amz-target", "X_2010.GetThing");
    let form = Some("Action=DeleteThing&Version=2010-08-01");
    for call in [
        call("POST", &format!("{host}/"), &[target, FORM], form),
        call(
            "POST",
            &format!("{host}/?Action=DeleteThing"),
            &[target, JSON],
            Some("{}"),
        ),
        call(
            "POST",
            &format!("{host}/?%41ction=DeleteThing"),
            &[target, JSON],
            Some("{}"),
        ),
        call("POST", &format!("{host}/"), &[target, RPC], None),
        call("POST", &format!("{host}/"), &[target, target], None),
        call(
            "POST",
            &format!("{host}/service/X2010/operation/GetThing"),
            &[RPC, FORM],
            form,
        ),
        call(
            "POST",
            &format!("{host}/service/X2010/operation/GetThing?Action=DeleteThing"),
            &[RPC],
            None,
        ),
        call("POST", &format!("{host}/things?Action=DeleteThing"), &[], None),
        call(
            "POST",
            &format!("{host}/"),
            &[JSON],
            Some(r#"{"Action":"GetThing","Version":"2010-08-01"}"#),
        ),
        call(
            "POST",
            &format!("{host}/?Action=GetThing&Version=2010-08-01"),
            &[FORM],
            form,
        ),
    ] {
        assert_eq!(
            resolve(&aws, &call).err(),
            Some(Reason::Malformed),
            "{} {:?}",
            call.path,
            call.headers
        );
    }
}

#[test]
fn a_signature_must_be_of_one_of_its_services_in_the_region_of_the_host() {
    let aws = aws();
    let signed = |scope: &str, algorithm: &str, more: &[(&str, &str)], host: &str| {
        let value =
            format!("AWS4-{algorithm} Credential=AKID/20261120/{scope}/aws4_request, SignedHeaders=host, Signature=0");
        let mut headers = vec![("authorization", value.as_str())];
        headers.extend(more);
        let call = call("POST", &format!("https://{host}/things"), &headers, None);
        resolve(&aws, &call).map(|action| action.access)
    };
    let (one, many) = ("HMAC-SHA256", "ECDSA-P256-SHA256");
    let regions = |set: &'static str| [("x-amz-region-set", set)];
    let host = "x.eu-west-1.amazonaws.com";
    assert_eq!(signed("eu-west-1/x", one, &[], host), Ok(Access::Read));
    assert_eq!(
        signed("eu-west-1/xx", one, &[], "api.x.eu-west-1.api.aws"),
        Ok(Access::Read)
    );
    assert_eq!(signed("us-east-1/x", one, &[], "x.amazonaws.com"), Ok(Access::Read));
    for set in ["*", "eu-west-1", "us-east-1, eu-*"] {
        assert_eq!(signed("x", many, &regions(set), host), Ok(Access::Read), "{set}");
    }
    for (scope, algorithm) in [
        ("us-east-1/x", one),
        ("eu-west-1/ec2", one),
        ("x", one),
        ("ec2", many),
        ("eu-west-1/x", "X"),
    ] {
        assert_eq!(
            signed(scope, algorithm, &regions("*"), host),
            Err(Reason::Malformed),
            "{scope} {algorithm}"
        );
    }
    assert_eq!(signed("x", many, &regions("us-*"), host), Err(Reason::Malformed));
    assert_eq!(signed("x", many, &[], host), Err(Reason::Malformed));
}

#[test]
fn what_sdks_make_up_makes_no_other_call() {
    let aws = aws();
    let identity = |call: &Call| {
        let action = resolve(&aws, call).unwrap();
        aws.identify(call, &action).unwrap().content
    };
    let start = |operation: &str, body: &str| {
        let target = format!("X_2010.{operation}");
        identity(&call(
            "POST",
            "https://x.eu-west-1.amazonaws.com/",
            &[JSON, ("x-amz-target", &target)],
            Some(body),
        ))
    };
    let one = start("StartThing", r#"{"ClientToken":"1","OperationId":"a","Name":"n"}"#);
    assert_eq!(
        one,
        start("StartThing", r#"{"ClientToken":"2","OperationId":"b","Name":"n"}"#)
    );
    assert_ne!(
        one,
        start("StartThing", r#"{"ClientToken":"1","OperationId":"a","Name":"m"}"#)
    );
    // Of another operation it is what is acted on.
    assert_ne!(
        start("DeleteThing", r#"{"OperationId":"a"}"#),
        start("DeleteThing", r#"{"OperationId":"b"}"#)
    );
    let put = |token: &str, other: &str| {
        let headers = [("x-amz-client-token", token), ("x-amz-other", other)];
        identity(&call(
            "DELETE",
            "https://x.eu-west-1.amazonaws.com/things/a",
            &headers,
            None,
        ))
    };
    assert_eq!(put("1", "a"), put("2", "a"));
    assert_ne!(put("1", "a"), put("1", "b"));
}

#[test]
fn the_names_of_services_must_be_told() {
    for (from, to, says) in [
        ("x.GetThing:", "q.GetThing:", "begins with none of the services'"),
        (
            "services: [x, xx]",
            "service: x, services: [x]",
            "exactly one of `service` and `services`",
        ),
        ("POST /things?delete\"", "POST /things?operation=create\"", "is both"),
        ("\"x.{aws}\"", "\"{x}.{aws}\"", "must be written out"),
        ("\"x.{aws}\"", "\"x.{aws}.com\"", "is the end of a name"),
    ] {
        let problems = load(&[("x.yaml", &FILE.replace(from, to))]).err().unwrap_or_default();
        assert!(
            problems.iter().any(|problem| problem.to_string().contains(says)),
            "{says}: {problems:?}"
        );
    }
}
