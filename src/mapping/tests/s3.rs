//! S3, where one query parameter makes another operation: none is ever taken for the harmless one.

use super::*;
use crate::model::Access;

fn s3(method: &str, target: &str, headers: &[(&str, &str)], body: Option<&str>) -> Call {
    let url = format!("https://s3.us-west-2.amazonaws.com{target}");
    call(method, &url, headers, body)
}

fn operation(call: &Call) -> (String, bool) {
    let action = resolve(shipped(), call).unwrap();
    (action.operation.to_string(), action.unmapped)
}

/// Every query parameter by which S3 tells operations apart.
const TELLING: [&str; 34] = [
    "accelerate",
    "acl",
    "analytics",
    "annotation",
    "append",
    "attributes",
    "cors",
    "delete",
    "encryption",
    "intelligent-tiering",
    "inventory",
    "legal-hold",
    "lifecycle",
    "location",
    "logging",
    "metadataTable",
    "metrics",
    "notification",
    "object-lock",
    "ownershipControls",
    "policy",
    "publicAccessBlock",
    "renameObject",
    "replication",
    "requestPayment",
    "restore",
    "retention",
    "select",
    "session",
    "tagging",
    "torrent",
    "uploads",
    "versioning",
    "website",
];

#[test]
fn s3_one_parameter_more_is_never_the_harmless_operation() {
    let ways = [
        ("GET", "/b/k"),
        ("HEAD", "/b/k"),
        ("PUT", "/b/k"),
        ("DELETE", "/b/k"),
        ("POST", "/b/k"),
        ("GET", "/b"),
        ("HEAD", "/b"),
        ("PUT", "/b"),
        ("DELETE", "/b"),
        ("POST", "/b"),
        ("GET", "/"),
    ];
    for (method, path) in ways {
        let (plain, _) = operation(&s3(method, path, &[], None));
        for name in TELLING {
            for query in [
                name.to_owned(),
                format!("{name}="),
                format!("x=1&{name}"),
                format!("{name}&x-id=GetObject"),
            ] {
                let call = s3(method, &format!("{path}?{query}"), &[], None);
                let action = resolve(shipped(), &call).unwrap();
                assert!(
                    action.unmapped || *action.operation != *plain,
                    "{method} {path}?{query} is taken for {plain}"
                );
                if !matches!(method, "GET" | "HEAD") && name != "select" {
                    assert_ne!(action.access, Access::Read, "{method} {path}?{query}");
                }
            }
        }
    }
}

#[test]
fn s3_a_name_in_any_other_spelling_is_no_operation() {
    for target in [
        "/b/k?ACL",
        "/b/k?%61cl",
        "/b/k?+acl",
        "/b/k?acl%00",
        "/b/k?acl&policy",
        "/b/k?x-amz-acl=public-read",
        "/b/k?x-amz-copy-source=a",
        "/b/k?x-id=PutObject",
        "/b/k?x-id=",
        "/b/k?X-ID=GetObject",
    ] {
        let (name, unmapped) = operation(&s3("GET", target, &[], None));
        assert!(unmapped, "{target} is {name}");
        let action = resolve(shipped(), &s3("GET", target, &[], None)).unwrap();
        assert_eq!(action.access, Access::Write, "{target}");
    }
    assert_eq!(
        operation(&s3("PUT", "/b/k?x-id=PutObject", &[], Some("x"))).0,
        "s3.PutObject"
    );
    assert!(operation(&s3("POST", "/b?delete&x-id=PutObject", &[], Some("x"))).1);
}

#[test]
fn s3_a_query_with_two_readings_is_refused() {
    for target in [
        "/b/k?versionId=1;acl",
        "/b/k?versionId=1&versionId=2",
        "/b/k?acl&acl",
        "/b/k?response-expires=a;policy",
    ] {
        let refused = resolve(shipped(), &s3("GET", target, &[], None));
        assert_eq!(refused.err(), Some(Reason::Malformed), "{target}");
    }
}

#[test]
fn s3_a_source_makes_a_copy_and_nothing_else_does() {
    let source = [("x-amz-copy-source", "/secret/k")];
    let name = |target: &str, headers: &[_]| operation(&s3("PUT", target, headers, None)).0;
    assert_eq!(name("/b/k", &[]), "s3.PutObject");
    assert_eq!(name("/b/k", &source), "s3.CopyObject");
    assert_eq!(name("/b/k?partNumber=1&uploadId=u", &[]), "s3.UploadPart");
    assert_eq!(name("/b/k?partNumber=1&uploadId=u", &source), "s3.UploadPartCopy");
    assert!(operation(&s3("PUT", "/b/k?tagging", &source, None)).1);
    assert!(operation(&s3("PUT", "/b/k?uploadId=u", &[], None)).1);
}

#[test]
fn s3_a_large_object_is_not_read_and_a_deletion_of_many_is() {
    let needs = |method: &str, target: &str| {
        let streamed = Call {
            body: Body::Streaming { length: Some(1 << 30) },
            ..s3(method, target, &[], None)
        };
        shipped().route(&streamed).unwrap().needs_body()
    };
    assert!(!needs("PUT", "/b/k"));
    assert!(!needs("PUT", "/b/k?partNumber=1&uploadId=u"));
    assert!(needs("POST", "/b?delete"));
    assert!(needs("POST", "/b/k?restore"));
}

#[test]
fn s3_a_deletion_that_cannot_be_read_in_one_way_is_refused() {
    for body in [
        "<Delete><Object><Key>a<!-- --></Key></Object></Delete>",
        "<!DOCTYPE Delete [<!ENTITY a \"b\">]><Delete><Object><Key>&a;</Key></Object></Delete>",
        "<Delete><object><Key>a</Key></object></Delete>",
        "{}",
    ] {
        let refused = resolve(shipped(), &s3("POST", "/b?delete", &[], Some(body)));
        assert_eq!(refused.err(), Some(Reason::Malformed), "{body}");
    }
    // Whatever its media type says, S3 reads it as XML.
    let json = [("content-type", "application/json")];
    let action = resolve(
        shipped(),
        &s3(
            "POST",
            "/b?delete",
            &json,
            Some("<Delete><Object><Key>a</Key></Object></Delete>"),
        ),
    );
    let action = action.unwrap();
    assert_eq!((&*action.name, action.int("record_count")), ("delete_records", Some(1)));
    let empty = resolve(shipped(), &s3("POST", "/b?delete", &[], None)).unwrap();
    assert_eq!((&*empty.name, empty.int("record_count")), ("delete_records", None));
}

#[test]
fn s3_a_signature_is_for_s3_and_the_hosts_region() {
    let signed = |host: &str, scope: &str| {
        let value = format!("AWS4-HMAC-SHA256 Credential=AKID/20261120/{scope}/aws4_request, Signature=0");
        resolve(
            shipped(),
            &call(
                "GET",
                &format!("https://{host}/b/k"),
                &[("authorization", &value)],
                None,
            ),
        )
        .err()
    };
    let presigned = |host: &str, scope: &str| {
        let query = format!("X-Amz-Credential=AKID%2F20261120%2F{scope}%2Faws4_request&X-Amz-Signature=0");
        resolve(
            shipped(),
            &call("GET", &format!("https://{host}/b/k?{query}"), &[], None),
        )
        .err()
    };
    assert_eq!(signed("s3.eu-west-1.amazonaws.com", "eu-west-1/s3"), None);
    assert_eq!(
        signed("s3.amazonaws.com", "eu-west-1/s3"),
        None,
        "a global host is of any region"
    );
    assert_eq!(presigned("b.s3.amazonaws.com", "eu-west-1%2Fs3"), None);
    for (host, scope) in [
        ("s3.eu-west-1.amazonaws.com", "us-east-1/s3"),
        ("b.s3.eu-west-1.amazonaws.com", "us-east-1/s3"),
        ("s3.amazonaws.com", "us-east-1/ec2"),
        ("lambda.us-east-1.amazonaws.com", "us-east-1/s3"),
    ] {
        assert_eq!(signed(host, scope), Some(Reason::Malformed), "{host} {scope}");
        let scope = scope.replace('/', "%2F");
        assert_eq!(
            presigned(host, &scope),
            Some(Reason::Malformed),
            "presigned {host} {scope}"
        );
    }
}

#[test]
fn s3_a_bucket_named_as_a_service_is_a_bucket() {
    let delete = call("DELETE", "https://lambda.s3.amazonaws.com/k", &[], None);
    let action = resolve(shipped(), &delete).unwrap();
    assert_eq!(
        (&*action.operation, action.target.id.as_deref()),
        ("s3.DeleteObject", Some("lambda/k"))
    );
}

#[test]
fn s3_paths_are_opaque_behind_the_bucket_only() {
    for target in ["//k", "/../k", "/./k", "/b%2f..%2fc/k", "/b;x/k", "/b/%zz", "/%62/k"] {
        let refused = resolve(shipped(), &s3("GET", target, &[], None));
        assert_eq!(refused.err(), Some(Reason::Malformed), "{target}");
    }
}

#[test]
fn s3_calls_that_differ_in_anything_that_counts_are_not_the_same() {
    let content = |call: &Call| {
        let route = shipped().route(call).unwrap();
        let action = shipped().resolve(call, route).unwrap();
        shipped().identify(call, &action).unwrap().content
    };
    let with = |name: &str, value: &str| {
        let mut call = s3("DELETE", "/b/k", &[(name, value)], None);
        call.body = Body::Captured("".into());
        content(&call)
    };
    for name in [
        "x-amz-bypass-governance-retention",
        "x-amz-mfa",
        "x-amz-meta-a",
        "x-amz-acl",
        "if-match",
    ] {
        assert_ne!(with(name, "a"), with(name, "b"), "{name}");
    }
    for name in [
        "x-amz-date",
        "user-agent",
        "amz-sdk-invocation-id",
        "amz-sdk-request",
        "x-amz-security-token",
        // Of RenameObject.
        "x-amz-client-token",
    ] {
        assert_eq!(with(name, "a"), with(name, "b"), "{name}");
    }
    let delete = |body: &str| content(&s3("POST", "/b?delete", &[], Some(body)));
    let keys = ["a", "b", "a ", "a&amp;"];
    let bodies: BTreeSet<_> = keys
        .iter()
        .map(|key| delete(&format!("<Delete><Object><Key>{key}</Key></Object></Delete>")))
        .collect();
    assert_eq!(bodies.len(), 4);
    let key = |target: &str| {
        let mut call = s3("DELETE", target, &[], None);
        call.body = Body::Captured("".into());
        content(&call)
    };
    assert_ne!(key("/b/a/b"), key("/b/a%2Fb"));
    assert_ne!(key("/b/a/b"), key("/b/a//b"));
}

#[test]
fn s3_locks_changed_by_header_fields_are_never_mere_changes() {
    for (method, target, copied) in [
        ("PUT", "/b/k", false),
        ("PUT", "/b/k", true),
        ("POST", "/b/k?uploads", false),
        ("PUT", "/b", false),
        ("DELETE", "/b/k", false),
    ] {
        let fields: &[&str] = match (method, target) {
            ("DELETE", _) => &["x-amz-bypass-governance-retention"],
            (_, "/b") => &["x-amz-object-ownership", "x-amz-bucket-object-lock-enabled"],
            _ => &[
                "x-amz-object-lock-mode",
                "X-Amz-Object-Lock-Retain-Until-Date",
                "x-amz-object-lock-legal-hold",
            ],
        };
        for field in fields {
            for value in ["true", "OFF", ""] {
                let mut headers = vec![(*field, value)];
                headers.extend(copied.then_some(("x-amz-copy-source", "other/k")));
                let action = resolve(shipped(), &s3(method, target, &headers, None)).unwrap();
                assert_eq!(&*action.name, "modify_security", "{method} {target} {field}: {value}");
            }
        }
    }
    let body = "<Delete><Object><Key>k</Key></Object></Delete>";
    let bypass = [("x-amz-bypass-governance-retention", "true")];
    let action = resolve(shipped(), &s3("POST", "/b?delete", &bypass, Some(body))).unwrap();
    let missing = action.missing.iter().any(|missing| &*missing.field == "record_kind");
    assert_eq!((&*action.name, missing), ("delete_records", true));
}

#[test]
fn s3_a_restore_that_exports_does_so_under_any_root() {
    for root in ["RestoreRequest", "Other"] {
        let body = format!("<{root}><OutputLocation><S3/></OutputLocation></{root}>");
        let action = resolve(shipped(), &s3("POST", "/b/k?restore", &[], Some(&body))).unwrap();
        assert_eq!(&*action.name, "export_data", "{root}");
    }
}

#[test]
fn s3_the_header_that_makes_a_call_mean_more_is_told() {
    for (method, target, field, value) in [
        ("PUT", "/b/k", "x-amz-acl", "public-read"),
        ("PUT", "/b/k", "x-amz-object-lock-mode", "COMPLIANCE"),
        ("PUT", "/b/k?acl", "x-amz-grant-full-control", "id=attacker"),
        ("PUT", "/b?acl", "x-amz-acl", "public-read-write"),
        ("DELETE", "/b/k", "x-amz-bypass-governance-retention", "true"),
    ] {
        let action = resolve(shipped(), &s3(method, target, &[(field, value)], None)).unwrap();
        let told = format!(" ({field}: {value})");
        assert!(action.summary.contains(&told), "{}", action.summary);
        assert_eq!(action.summary.matches(field).count(), 1, "{}", action.summary);
    }
    let summary = resolve(shipped(), &s3("PUT", "/b/k", &[("x-amz-acl", "private")], None))
        .unwrap()
        .summary;
    assert!(!summary.contains("x-amz-acl"), "{summary}");
}

/// Its name without that ending may be a bucket's, which is another.
#[test]
fn an_access_point_of_several_regions_is_no_bucket() {
    let url = "https://mfzwi23gnjvgw.mrap.accesspoint.s3-global.amazonaws.com/reports/2026/q1.csv";
    let action = resolve(shipped(), &call("DELETE", url, &[], None));
    assert!(action.as_ref().is_ok_and(|action| action.unmapped), "{action:?}");
}
