//! O89–O92, O101–O103: calls whose meaning lies elsewhere than it seems.

use crate::harness::{Configuration, HttpAnswer, Origin, Reply, Sidecar, Tunnel, eventually};

const FORM: &str = "Content-Type: application/x-www-form-urlencoded";

/// What is not a read is blocked, at AWS too.
const READS: &str = r#"
@id("reads") permit (principal, action in [Action::"reads"], resource);
"#;

fn before(host: &str, policy: impl FnOnce(Configuration) -> Configuration) -> (Origin, Sidecar) {
    let origin = Origin::of_things();
    let sidecar = policy(Sidecar::new().resolve(host, &origin).hold("1s")).start();
    (origin, sidecar)
}

fn ask(sidecar: &Sidecar, host: &str, line: &str, fields: &[&str], content: &str) -> HttpAnswer {
    let fields: String = fields.iter().map(|field| format!("{field}\r\n")).collect();
    let length = match content {
        "" => String::new(),
        _ => format!("Content-Length: {}\r\n", content.len()),
    };
    let request = format!("{line} HTTP/1.1\r\nHost: {host}\r\n{fields}{length}\r\n{content}");
    Tunnel::to(&format!("{host}:443")).open(sidecar).ask(request)
}

#[test]
fn o89_an_operation_in_query_and_content() {
    const EC2: &str = "ec2.us-east-1.amazonaws.com";
    let (origin, sidecar) = before(EC2, |sidecar| sidecar.only_policy(READS));
    for (line, content) in [
        (
            "POST /?Action=DescribeInstances",
            "Action=TerminateInstances&InstanceId.1=i-1",
        ),
        ("POST /?Action=TerminateInstances", "Action=DescribeInstances"),
        ("POST /?Action=DescribeInstances&Action=TerminateInstances", ""),
        ("POST /", "Action=DescribeInstances&Action=TerminateInstances"),
        ("POST /?action=TerminateInstances", "Action=DescribeInstances"),
        ("POST /", "Action=TerminateInstances&InstanceId.1=i-1"),
        ("GET /?Action=TerminateInstances&InstanceId.1=i-1", ""),
    ] {
        let refused = ask(&sidecar, EC2, line, &[FORM], content);
        assert!(matches!(refused.status, 400 | 403), "{line} {content}: {refused:?}");
    }
    origin.assert_untouched();
    let read = ask(
        &sidecar,
        EC2,
        "POST /",
        &[FORM],
        "Action=DescribeInstances&Version=2016-11-15",
    );
    assert_eq!(read.status, 200, "{read:?}");
}

#[test]
fn o90_two_targets() {
    const TABLES: &str = "dynamodb.us-east-1.amazonaws.com";
    let (origin, sidecar) = before(TABLES, |sidecar| sidecar.only_policy(READS));
    let kind = "Content-Type: application/x-amz-json-1.0";
    let (list, delete) = (
        "X-Amz-Target: DynamoDB_20120810.ListTables",
        "X-Amz-Target: DynamoDB_20120810.DeleteTable",
    );
    for (line, fields) in [
        ("POST /", &[kind, list, delete][..]),
        ("POST /", &[kind, delete, list]),
        ("POST /?Action=DeleteTable", &[kind, list]),
        ("POST /?X-Amz-Target=DynamoDB_20120810.DeleteTable", &[kind, list]),
        (
            "POST /",
            &[
                kind,
                "X-Amz-Target: DynamoDB_20120810.ListTables, DynamoDB_20120810.DeleteTable",
            ],
        ),
        ("POST /", &[kind, delete]),
        ("POST /", &[FORM, list]),
    ] {
        let refused = ask(&sidecar, TABLES, line, fields, "{}");
        assert!((400..500).contains(&refused.status), "{line} {fields:?}: {refused:?}");
    }
    origin.assert_untouched();
    assert_eq!(ask(&sidecar, TABLES, "POST /", &[kind, list], "{}").status, 200);
}

/// Other names of what is mapped: judged as the same, or as nobody's.
#[test]
fn o91_o92_other_names_of_a_provider() {
    let origin = Origin::of_things();
    let hosts = [
        "ec2.amazonaws.com",
        "ec2.us-east-1.api.aws",
        "s3.dualstack.us-east-1.amazonaws.com",
        "backups.s3.us-east-1.amazonaws.com",
        "s3.us-east-1.amazonaws.com",
        "s3-us-west-2.amazonaws.com",
        "backups.s3-website-us-east-1.amazonaws.com",
        "api-eu.stripe.com",
        "eu.api.stripe.com",
    ];
    let sidecar = hosts
        .iter()
        .fold(Sidecar::new(), |sidecar, host| sidecar.resolve(host, &origin));
    let sidecar = sidecar.policy(super::RULES).hold("1s").start();
    let terminate = "Action=TerminateInstances&InstanceId.1=i-1&Version=2016-11-15";
    for (host, line, content) in [
        ("ec2.amazonaws.com", "POST /", terminate),
        ("ec2.us-east-1.api.aws", "POST /", terminate),
        ("s3.dualstack.us-east-1.amazonaws.com", "DELETE /backups", ""),
        ("backups.s3.us-east-1.amazonaws.com", "DELETE /", ""),
        ("s3.us-east-1.amazonaws.com", "DELETE /backups", ""),
        ("s3-us-west-2.amazonaws.com", "DELETE /backups", ""),
        ("backups.s3-website-us-east-1.amazonaws.com", "DELETE /", ""),
        ("api-eu.stripe.com", "POST /v1/charges", super::CHARGE),
        ("eu.api.stripe.com", "POST /v1/refunds", "charge=ch_1&amount=1"),
    ] {
        let refused = ask(
            &sidecar,
            host,
            line,
            &[FORM, "Authorization: Bearer sk_test_1"],
            content,
        );
        assert_eq!(refused.status, 403, "{host} {line}: {refused:?}");
    }
    origin.assert_untouched();
}

/// What the provider is told to fetch is a field that rules can ask for.
#[test]
fn o101_an_upload_by_reference() {
    const RULE: &str = r#"
        @id("no-fetching") @reason("Media is not fetched from elsewhere")
        forbid (principal, action == Action::"send_sms", resource)
        when { context has url_fields && !context.url_fields.isEmpty() };
    "#;
    const HOST: &str = "api.twilio.com";
    let (origin, sidecar) = before(HOST, |sidecar| sidecar.policy(RULE));
    let send = |media: &str| {
        let content = format!("To=%2B15550001&From=%2B15550002&Body=x{media}");
        let line = "POST /2010-04-01/Accounts/AC1/Messages.json";
        ask(&sidecar, HOST, line, &[FORM, "Authorization: Basic QUMxOng="], &content)
    };
    for media in [
        "&MediaUrl=http%3A%2F%2F169.254.169.254%2Flatest%2F",
        "&MediaUrl=https%3A%2F%2Fgood.example%2F&MediaUrl=http%3A%2F%2F169.254.169.254%2F",
        "&StatusCallback=http%3A%2F%2F169.254.169.254%2F",
    ] {
        let refused = send(media);
        assert_eq!(refused.status, 403, "{media}: {refused:?}");
        assert!(sidecar.prints(&["BLOCKED", "no-fetching"]), "{}", sidecar.printed());
    }
    origin.assert_untouched();
    assert_eq!(send("").status, 200);
}

#[test]
fn o102_a_redirect_is_not_followed() {
    let (origin, sidecar) = before("things.example", |sidecar| sidecar);
    for (status, location) in [
        (301, "http://169.254.169.254/latest/"),
        (302, "http://127.0.0.1/"),
        (307, "https://things.example/next"),
        (308, "//evil.example/"),
    ] {
        let before = origin.seen().len();
        origin.answer_next_with(Reply::new(status).header("location", location).bytes("elsewhere\n"));
        let answer = ask(&sidecar, "things.example", "GET /hello", &[], "");
        assert_eq!((answer.status, answer.header("location")), (status, Some(location)));
        assert_eq!(origin.seen().len(), before + 1, "{location}");
    }
    assert_eq!(origin.connections(), 1);
}

#[test]
fn o103_a_presigned_url() {
    const HOST: &str = "backups.s3.us-east-1.amazonaws.com";
    let (origin, sidecar) = before(HOST, |sidecar| sidecar.only_policy(READS));
    let signature = "5f2b8f8c1d0e4a7b9c6d3e2f1a0b9c8d7e6f5a4b3c2d1e0f9a8b7c6d5e4f3a2b";
    let query = format!(
        "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDEXAMPLE%2F20261121%2Fus-east-1%2Fs3%2Faws4_request\
         &X-Amz-Date=20261121T000000Z&X-Amz-Expires=300&X-Amz-SignedHeaders=host&X-Amz-Security-Token=hunter2\
         &X-Amz-Signature={signature}"
    );
    // The right to do it is in the URL; that it is a change is in the method all the same.
    for line in [
        "PUT /key",
        "DELETE /key",
        "POST /key",
        "GET /key?acl=&x=1",
        "GET /key?x-amz-acl=public-read",
    ] {
        let with = if line.contains('?') { '&' } else { '?' };
        let refused = ask(&sidecar, HOST, &format!("{line}{with}{query}"), &[], "");
        assert!(matches!(refused.status, 400 | 403), "{line}: {refused:?}");
    }
    origin.assert_untouched();
    let read = ask(&sidecar, HOST, &format!("GET /key?{query}"), &[], "");
    assert_eq!(read.status, 200, "{read:?}");
    assert_eq!(
        origin.seen()[0].target,
        format!("/key?{query}"),
        "the query is sent as it is"
    );
    eventually("the outcome is in the trail", || {
        !sidecar.trail().of_kind("outcome").is_empty()
    });
    let trail = sidecar.trail();
    for secret in [signature, "hunter2"] {
        assert!(!trail.holds(secret.as_bytes()), "{secret} is in the trail");
        assert!(!sidecar.printed().contains(secret), "{secret} was printed");
    }
    assert!(trail.holds(b"read_record"));
}
