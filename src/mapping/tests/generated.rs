//! What was made from providers' descriptions, below what people wrote.

use super::*;
use crate::io::embedded;
use crate::model::Access;

mod beside;
mod documents;
mod escaped;
mod index;

const WRITTEN: &str = "provider: x
title: X
hosts: [api.x.example]
dispatch: path
safe_methods: true
secret: [x-key]
content: { application/json: json }
operations:
  thing.delete: { call: 'DELETE /v1/things/{thing}', action: revoke_token, target: { kind: token, id: $.path.thing } }
";
const GENERATED: &str = "generated: { by: openapi, source: x.json, version: \"1\" }
provider: x
title: X
hosts: [api.x.example, other.x.example]
dispatch: path
operations:
  deleteThing: { call: \"DELETE /v1/things/{thing}\" }
  listThings: { call: \"GET /v1|v2/things\" }
  makeThing: { call: \"POST /v1/things\" }
  pay: { call: \"POST /v1/things/{thing}/payouts\", action: transfer_funds }
  searchThings: { call: \"POST /v1/things:search\", access: read, by: name }
  undelete: { calls: [\"POST /v1/things/{thing}:undelete\", \"POST /v2/things/{thing}:undelete\"] }
";

fn both() -> Mappings {
    load(&[("mappings/x.yaml", WRITTEN), ("mappings/generated/x.yaml", GENERATED)]).unwrap_or_else(|wrong| {
        panic!(
            "{}",
            wrong.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
        )
    })
}

fn of(mappings: &Mappings, method: &str, url: &str) -> (String, String, Access, bool) {
    let body = (method == "POST").then_some("{}");
    let action = resolve(
        mappings,
        &call(method, url, &[("content-type", "application/json")], body),
    )
    .unwrap();
    (
        action.operation.to_string(),
        action.name.to_string(),
        action.access,
        action.unmapped,
    )
}

#[test]
fn what_people_wrote_goes_before_what_was_generated() {
    let mappings = both();
    for (method, path, operation, action, access, unmapped) in [
        (
            "DELETE",
            "/v1/things/1",
            "thing.delete",
            "revoke_token",
            Access::Delete,
            false,
        ),
        ("GET", "/v1/things", "listThings", "read_record", Access::Read, false),
        ("HEAD", "/v2/things", "listThings", "read_record", Access::Read, false),
        ("POST", "/v1/things", "makeThing", "call_api", Access::Write, true),
        (
            "POST",
            "/v1/things:search",
            "searchThings",
            "read_record",
            Access::Read,
            false,
        ),
        (
            "POST",
            "/v2/things/1:undelete",
            "undelete",
            "call_api",
            Access::Write,
            true,
        ),
        (
            "POST",
            "/v1/things/1:erase",
            "POST /v1/things/1:erase",
            "call_api",
            Access::Write,
            true,
        ),
        ("GET", "/v3/things", "GET /v3/things", "read_record", Access::Read, true),
    ] {
        let url = format!("https://api.x.example{path}");
        let found = of(&mappings, method, &url);
        assert_eq!(
            (found.0.as_str(), found.1.as_str(), found.2, found.3),
            (operation, action, access, unmapped),
            "{method} {path}"
        );
    }
    // Where people wrote nothing, what nobody names is a change.
    assert_eq!(
        of(&mappings, "DELETE", "https://other.x.example/v1/things/1").0,
        "deleteThing"
    );
    assert_eq!(
        of(&mappings, "GET", "https://other.x.example/v3/things").2,
        Access::Write
    );
}

#[test]
fn money_in_a_generated_operation_is_missing_its_amount() {
    let call = call(
        "POST",
        "https://api.x.example/v1/things/1/payouts",
        &[("content-type", "application/json")],
        Some("{}"),
    );
    let action = resolve(&both(), &call).unwrap();
    assert_eq!(&*action.name, "transfer_funds");
    assert!(
        action.missing.iter().any(|missing| &*missing.field == "amount"),
        "{:?}",
        action.missing
    );
}

#[test]
fn a_get_with_content_is_no_generated_read() {
    let call = call(
        "GET",
        "https://api.x.example/v1/things",
        &[("content-type", "application/json")],
        Some("{}"),
    );
    assert_eq!(resolve(&both(), &call).unwrap().access, Access::Write);
}

/// Elasticsearch's searches have content by GET: its description says so.
#[test]
fn a_get_with_content_reads_where_the_description_says_so() {
    let says = |text: &str| {
        let listed = "listThings: { call: \"GET /v1|v2/things\"";
        let text = GENERATED.replace(listed, &format!("{listed}{text}"));
        let mappings = load(&[("mappings/generated/x.yaml", &text)]).unwrap_or_else(|_| panic!("{text}"));
        let call = call(
            "GET",
            "https://api.x.example/v1/things",
            &[("content-type", "application/json")],
            Some("{}"),
        );
        resolve(&mappings, &call).unwrap().access
    };
    assert_eq!(says(", content_by_get: true"), Access::Read);
    assert_eq!(says(""), Access::Write);
}

#[test]
fn a_generated_operation_is_another_one_with_another_header_field() {
    let mappings = both();
    let content = |headers: &[(&str, &str)]| {
        let headers: Vec<_> = headers
            .iter()
            .copied()
            .chain([("content-type", "application/json")])
            .collect();
        let call = call("POST", "https://api.x.example/v1/things", &headers, Some("{}"));
        let action = resolve(&mappings, &call).unwrap();
        mappings.identify(&call, &action).unwrap().content
    };
    assert_eq!(content(&[]), content(&[]));
    assert_ne!(content(&[]), content(&[("x-force", "yes")]));
    // What people called secret says who makes a generated call, too.
    let credential = |key: &str| {
        let headers = [("content-type", "application/json"), ("x-key", key)];
        let call = call("POST", "https://api.x.example/v1/things", &headers, Some("{}"));
        let action = resolve(&mappings, &call).unwrap();
        mappings.identify(&call, &action).unwrap().credential
    };
    assert_ne!(credential("a"), credential("b"));
}

#[test]
fn a_generated_operation_is_no_milder_than_its_evidence() {
    for (from, to, says) in [
        (
            ", access: read, by: name }",
            ", access: read }",
            "reads only by evidence",
        ),
        (
            "call: \"DELETE /v1/things/{thing}\" }",
            "call: \"DELETE /v1/things/{thing}\", action: call_api }",
            "milder",
        ),
        ("action: transfer_funds", "action: read_record", "milder"),
        ("version: \"1\"", "version: \"\"", "what the file was made of"),
        ("{ call: \"POST /v1/things\" }", "{ }", "expected `access`"),
    ] {
        let text = GENERATED.replace(from, to);
        assert_ne!(text, GENERATED, "{from}");
        let wrong = load(&[("mappings/generated/x.yaml", &text)]).err().unwrap_or_default();
        let wrong: Vec<String> = wrong.iter().map(ToString::to_string).collect();
        let expected = wrong
            .iter()
            .any(|wrong| wrong.contains(says) || wrong.contains("expected `call:"));
        assert!(expected, "{says}: {wrong:?}");
    }
    // A person says what an operation means.
    let bare = WRITTEN.replace(", action: revoke_token", "");
    assert!(load(&[("x.yaml", &bare)]).is_err());
}

#[test]
fn a_generated_file_that_fails_refuses() {
    let line = |name: &str, digest: &str| format!("{name}\t{digest}\tx\tX\tcall_api=1\tthing\tapi.x.example\n");
    for (name, digest) in [("no-such-file", "00"), ("intercom", "00")] {
        let mappings = load(&[("embedded:mappings/generated/INDEX", &line(name, digest))]).unwrap();
        for method in ["GET", "POST"] {
            let refused = resolve(&mappings, &call(method, "https://api.x.example/v1/things", &[], None));
            assert_eq!(refused.unwrap_err(), Reason::NotInspectable, "{name}");
        }
        // Beside what people wrote: what that names goes on.
        let mappings = load(&[
            ("x.yaml", WRITTEN),
            ("embedded:mappings/generated/INDEX", &line(name, digest)),
        ])
        .unwrap();
        assert_eq!(
            of(&mappings, "DELETE", "https://api.x.example/v1/things/1").0,
            "thing.delete"
        );
        let refused = resolve(&mappings, &call("POST", "https://api.x.example/v1/things", &[], None));
        assert_eq!(refused.unwrap_err(), Reason::NotInspectable, "{name}");
    }
    assert!(load(&[("embedded:mappings/generated/INDEX", "not a line\n")]).is_err());
}

/// The shipped files, and what was generated for the same hosts.
pub(super) fn with_index() -> &'static Mappings {
    static ALL: LazyLock<Mappings> = LazyLock::new(unread);
    &ALL
}

#[test]
fn a_generated_operation_never_stands_in_for_a_written_one() {
    let form = |url: &str, body: &str| resolve(with_index(), &call("POST", url, &[FORM], Some(body))).unwrap();
    let sqs = "https://sqs.us-east-1.amazonaws.com";
    for url in [format!("{sqs}/"), format!("{sqs}/123456789012/q")] {
        let receive = form(&url, "Action=ReceiveMessage&Version=2012-11-05");
        assert_eq!((receive.access, receive.unmapped), (Access::Write, true), "{url}");
    }
    // What nobody wrote down is told by what was generated.
    let tags = form(&format!("{sqs}/"), "Action=ListQueueTags&Version=2012-11-05");
    assert_eq!((&*tags.operation, tags.access), ("sqs.ListQueueTags", Access::Read));
    let headers = [("smithy-protocol", "rpc-v2-cbor"), ("content-type", "application/cbor")];
    let kms = "https://kms.us-east-1.amazonaws.com/service/TrentService/operation/Decrypt";
    let decrypt = resolve(with_index(), &call("POST", kms, &headers, None)).unwrap();
    assert_ne!(decrypt.access, Access::Read);
}

/// Freshly read: nothing of it is read yet.
fn unread() -> Mappings {
    let files = FILES.iter().map(|(name, text, _)| (*name, *text));
    let files: Vec<_> = files.chain([("embedded:mappings/generated/INDEX", index())]).collect();
    load(&files).unwrap_or_else(|wrong| panic!("{wrong:?}"))
}

fn generated_part(mappings: &Mappings) -> &Service {
    let list = call(
        "GET",
        "https://storage.googleapis.com/storage/v1/b/b1/anywhereCaches",
        &[],
        None,
    );
    mappings.lead(&list).unwrap().unwrap().service
}

#[test]
fn what_people_wrote_counts_whichever_host_of_a_file_is_called_first() {
    let mappings = unread();
    let elsewhere = "https://storage.us-central1.rep.googleapis.com/storage/v1/b/b1/o";
    resolve(&mappings, &call("GET", elsewhere, &[], None)).unwrap();
    let (part, first) = (generated_part(&mappings), unread());
    assert!(part.generated && part.every_header);
    assert_eq!(part.refuse_headers, generated_part(&first).refuse_headers);
}

#[test]
fn what_was_read_for_the_rules_before_is_read_when_others_come_into_force() {
    let (before, after) = (unread(), unread());
    let number = |mappings: &Mappings| {
        let shelf = mappings.generated.find(
            &call("GET", "https://storage.googleapis.com/", &[], None).authority,
            Scheme::Https,
        );
        shelf.unwrap().1.parts_read()
    };
    assert!(generated_part(&before).generated);
    assert_eq!((number(&before), number(&after)), (Some(1), None));
    after.read_as(&before);
    assert_eq!(number(&after), Some(1));
    assert_eq!(number(&unread()), None);
}

#[test]
fn aws_a_query_beside_the_root_is_no_operation() {
    for (host, action) in [
        ("ec2.us-east-1", "DescribeVpnConnections"),
        ("ec2.us-east-1", "DescribeInstances"),
        ("ec2.us-east-1", "GetConsoleOutput"),
        ("iam", "GetUser"),
        ("elasticache.us-east-1", "DescribeCacheClusters"),
    ] {
        let ask = |path: &str| {
            let url = format!("https://{host}.amazonaws.com{path}");
            let action = resolve(
                with_index(),
                &call(
                    "POST",
                    &url,
                    &[FORM],
                    Some(&format!("Action={action}&Version=2016-11-15")),
                ),
            );
            action.unwrap()
        };
        for path in ["/foo", "/foo/bar", "//"] {
            let url = format!("https://{host}.amazonaws.com{path}");
            let body = format!("Action={action}");
            if let Ok(action) = resolve(with_index(), &call("POST", &url, &[FORM], Some(&body))) {
                assert_eq!((action.access, action.unmapped), (Access::Write, true), "{url}");
            }
        }
        assert!(!ask("/").unmapped || host.starts_with("elasticache"), "{host} {action}");
    }
}

/// Method and segments of the changes that a file names.
fn changes(file: &file::File) -> Vec<(String, Vec<String>)> {
    let operations = file.operations.values().map(|operation| &operation.value);
    let calls = operations.flat_map(|operation| operation.call.iter().chain(&operation.calls));
    let read = |call: &String| {
        let (method, template) = call.split_once(' ').unwrap();
        // What tells operations of one path apart, and takes the rest of a path, is another matter.
        let plain = !template.contains(['?', '+', '*']) && method != "GET";
        let segments = template.split('/').map(str::to_owned).collect();
        plain.then(|| (method.to_owned(), segments))
    };
    calls.filter_map(read).collect()
}

/// A path that is described as one of its own is not taken for a thing of that name.
#[test]
fn no_written_parameter_takes_a_change_that_is_described_as_another() {
    let read = |name: &str, text: &str| -> file::File { crate::io::yaml::load(&source(name, text)).unwrap() };
    let shelves: Vec<Vec<&str>> = index()
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.split('\t').collect())
        .collect();
    for &(name, text, _) in FILES {
        let written = read(name, text);
        let is_host = |host: &str| written.hosts.iter().any(|own| own.value == host);
        let templates = changes(&written);
        let below = shelves.iter().filter(|shelf| shelf[6].split(',').any(is_host));
        for shelf in below.filter(|_| !templates.is_empty()) {
            let text = embedded::mapping(&format!("generated/{}.yaml", shelf[0])).unwrap();
            for (method, segments) in changes(&read(shelf[0], text)) {
                let fits = |(own, template): &&(String, Vec<String>)| {
                    let mut pairs = template.iter().zip(&segments);
                    let fit = pairs.all(|(own, other)| own.contains('{') || own == other);
                    *own == method && template.len() == segments.len() && fit
                };
                let taken = |(_, template): &(String, Vec<String>)| {
                    let mut pairs = template.iter().zip(&segments);
                    pairs.any(|(own, other)| own.contains('{') && !other.contains('{'))
                };
                let mut fitting = templates.iter().filter(fits).peekable();
                let swallowed = fitting.peek().is_some() && fitting.all(taken);
                assert!(!swallowed, "{name}: {method} {}", segments.join("/"));
            }
        }
    }
}

fn index() -> &'static str {
    embedded::mapping("generated/INDEX").unwrap()
}
