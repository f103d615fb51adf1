//! SendGrid and Slack: messages, and ways of saying no that are not everybody's.

use super::*;
use crate::model::{Access, Value};

fn mail(personalizations: &Json) -> Action {
    let content = json!({ "personalizations": personalizations, "from": { "email": "bot@example.com" } });
    let json = ("content-type", "application/json");
    let send = call(
        "POST",
        "https://api.sendgrid.com/v3/mail/send",
        &[json, KEY],
        Some(&content.to_string()),
    );
    resolve(shipped(), &send).unwrap()
}

#[test]
fn recipients_are_counted_over_all_personalizations() {
    let to = |count: usize| {
        (0..count)
            .map(|at| json!({ "email": format!("u{at}@example.com") }))
            .collect::<Vec<_>>()
    };
    let action = mail(&json!([{ "to": to(60), "cc": to(30) }, { "to": to(1), "bcc": to(20) }]));
    assert_eq!(action.int("recipient_count"), Some(111));
    let many = mail(&json!([{ "to": to(30_000) }]));
    assert_eq!(many.int("recipient_count"), Some(30_000));
    let domains = Some(&Value::List(vec!["example.com".to_owned()]));
    assert_eq!(
        many.fields.get("recipient_domains"),
        domains,
        "few domains, however many addresses"
    );
    assert!(many.missing.is_empty());
}

#[test]
fn whoever_the_mail_settings_name_gets_a_copy() {
    let content = |personalizations: Json| {
        json!({
            "personalizations": personalizations,
            "mail_settings": { "bcc": { "enable": true, "email": "x@elsewhere.example" } },
        })
        .to_string()
    };
    let sent = |content: String| {
        let headers = [("content-type", "application/json"), KEY];
        let send = call(
            "POST",
            "https://api.sendgrid.com/v3/mail/send",
            &headers,
            Some(&content),
        );
        resolve(shipped(), &send).unwrap()
    };
    let action = sent(content(json!([{ "to": [{ "email": "a@example.com" }] }])));
    assert_eq!(action.int("recipient_count"), Some(2));
    let domains = ["elsewhere.example".to_owned(), "example.com".to_owned()];
    let found = action.fields.get("recipient_domains");
    assert!(
        matches!(found, Some(Value::List(found)) if found.iter().all(|domain| domains.contains(domain)) && found.len() == 2),
        "{found:?}"
    );
}

#[test]
fn a_mail_that_names_nobody_is_not_a_mail_to_nobody() {
    for nobody in [json!([]), json!([{}]), json!([{ "to": [] }]), json!("x"), json!(null)] {
        assert!(mail(&nobody).is_missing("recipient_count"), "{nobody}");
    }
}

#[test]
fn a_member_spelt_in_another_case_is_refused() {
    let content = json!({ "personalizations": [{ "To": [{ "email": "a@example.com" }] }] }).to_string();
    let sent = call(
        "POST",
        "https://api.sendgrid.com/v3/mail/send",
        &[("content-type", "application/json")],
        Some(&content),
    );
    assert_eq!(resolve(shipped(), &sent).unwrap_err(), Reason::Malformed);
}

#[test]
fn the_older_api_sends_by_get_and_is_not_called_a_read() {
    for path in ["/api/mail.send.json", "/api/mail.send", "/", "/v2/x", "/V3/stats"] {
        let get = call(
            "GET",
            &format!("https://api.sendgrid.com{path}?to=a%40example.com"),
            &[],
            None,
        );
        assert_eq!(resolve(shipped(), &get).unwrap().access, Access::Write, "{path}");
    }
}

#[test]
fn a_method_of_slack_is_the_same_by_every_http_method() {
    let token = ("authorization", "Bearer xoxb-sample");
    for method in ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD"] {
        let delete = call(
            method,
            "https://slack.com/api/chat.delete?channel=C1&ts=1.2",
            &[token],
            None,
        );
        let action = resolve(shipped(), &delete).unwrap();
        assert_eq!(
            (&*action.operation, &*action.name),
            ("chat.delete", "delete_record"),
            "{method}"
        );
        let revoke = call(method, "https://acme.slack.com/api/auth.revoke", &[token], None);
        let action = resolve(shipped(), &revoke).unwrap();
        assert_eq!((action.access, action.unmapped), (Access::Write, true), "{method}");
    }
}

#[test]
fn what_only_looks_like_a_method_of_slack_is_a_change() {
    for path in [
        "/api/users.list/",
        "/api/users.list/x",
        "/api/Users.list",
        "/api/users.listx",
        "/api/users",
        "/api/",
        "/api",
        "/users.list",
        "/x/api/users.list",
    ] {
        let get = call("GET", &format!("https://slack.com{path}"), &[], None);
        let action = resolve(shipped(), &get).unwrap();
        assert_eq!((action.access, action.unmapped), (Access::Write, true), "{path}");
    }
}

#[test]
fn a_parameter_in_query_and_content_is_refused() {
    let post = call(
        "POST",
        "https://slack.com/api/chat.postMessage?channel=C1",
        &[FORM],
        Some("channel=C2&text=x"),
    );
    assert_eq!(resolve(shipped(), &post).unwrap_err(), Reason::Malformed);
}

#[test]
fn a_refusal_has_the_shape_of_what_answers_there() {
    let shape = |url: &str| {
        let call = call("GET", url, &[], None);
        let early = shipped().error_shape(&call.authority, call.scheme, &call.path);
        let action = resolve(shipped(), &call).unwrap();
        assert_eq!(action.answer.error, early, "{url}: before a decision and after");
        early
    };
    for (url, expected) in [
        ("https://slack.com/api/users.list", ErrorShape::Slack),
        ("https://acme.slack.com/api/no.such.method", ErrorShape::Slack),
        // A 200 would be read as done by whoever does not look for `ok`.
        ("https://acme.slack.com/archives/C1", ErrorShape::Problem),
        ("https://hooks.slack.com/services/T1/B1/x", ErrorShape::Problem),
        ("https://files.slack.com/files-pri/T1-F1/x.pdf", ErrorShape::Problem),
        ("https://api.sendgrid.com/v3/stats", ErrorShape::SendGrid),
        ("https://api.stripe.com/v1/balance", ErrorShape::Stripe),
        ("https://ec2.us-east-1.amazonaws.com/", ErrorShape::AwsEc2),
        ("https://dynamodb.us-east-1.amazonaws.com/", ErrorShape::AwsJson),
        ("https://example.com/api/users.list", ErrorShape::Problem),
    ] {
        assert_eq!(shape(url), expected, "{url}");
    }
}

#[test]
fn operations_in_the_path_are_checked_when_they_are_loaded() {
    let file = |lines: &str| {
        let text = format!("provider: rpc\ntitle: RPC\nhosts: [rpc.example.com]\n{lines}\n");
        let problems = load(&[("rpc.yaml", &text)]).err().unwrap_or_default();
        problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    };
    assert_eq!(file("dispatch: { after: /api/ }"), "");
    for wrong in ["api/", "/api", "/", "", "/a b/", "/{x}/"] {
        assert!(
            file(&format!("dispatch: {{ after: '{wrong}' }}")).contains("expected the beginning of a path"),
            "{wrong}"
        );
    }
    let bulk = "prefixes:\n  list: { action: read_record, target: { kind: thing } }";
    assert!(
        file(&format!("dispatch: {{ after: /api/ }}\n{bulk}"))
            .contains("`prefixes` are for dispatch by parameter or header")
    );
    assert!(file("dispatch: path\nsafe_below: /v3/").contains("`safe_below` says where `safe_methods: true` holds"));
    assert!(file("dispatch: path\nsafe_methods: true\nsafe_below: v3").contains("expected the beginning of a path"));
}

#[test]
fn an_ending_that_targets_are_told_without_is_checked_when_it_is_loaded() {
    let file = |target: &str| {
        let text = format!(
            "provider: git\ntitle: Git\nhosts: [git.example.com]\ndispatch: path\noperations:\n  read:\n    call: GET /{{repo}}\n    \
             action: read_record\n    target: {{ kind: repository{target} }}\n"
        );
        let problems = load(&[("git.yaml", &text)]).err().unwrap_or_default();
        problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    };
    assert_eq!(file(", id: $.path.repo, without: .git"), "");
    assert!(file(", id: $.path.repo, without: ''").contains("expected the ending"));
    assert!(file(", without: .git").contains("`without` is about the target's `id`"));
    assert_eq!(file(", id: $.path.repo, arn: { repo: repository }"), "");
    assert!(file(", arn: { repo: repository }").contains("`arn` is about the target's `id`"));
    assert_eq!(file(", id: $.path.repo, any_case: true"), "");
    assert!(file(", any_case: true").contains("`any_case` is about the target's `id`"));
    assert!(file(", id: $.path.repo, arn: { repo: repository }, url_path: true").contains("not both"));
    let read = file(", id: $.path.repo }\n    in_parts: { uploadType: multipart");
    assert!(read.contains("`in_parts` is about content that is not read"), "{read}");
}

#[test]
fn the_line_of_a_tool_is_told_by_the_name_of_its_operation() {
    let mappings = shipped();
    let text = include_str!("../../../mappings/mcp.yaml");
    let line = |tool: &str| text.lines().position(|line| line == format!("  {tool}:")).unwrap() + 1;
    for tool in ["create_refund", "execute_sql"] {
        let said = mappings.said("mcp.stripe.com", &format!("tools/call:{tool}")).unwrap();
        // The entry begins with its name, and its place is there or right below.
        assert!((line(tool)..=line(tool) + 1).contains(&said.line), "{tool}: {said:?}");
        assert!(&*said.file == "mcp" && !said.generated, "{said:?}");
        let message =
            json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": { "name": tool, "arguments": {} } });
        let call = call(
            "POST",
            "https://mcp.stripe.com/",
            &[("content-type", "application/json")],
            Some(&message.to_string()),
        );
        let action = resolve(mappings, &call).unwrap();
        let place = mappings.place(&call, &action).unwrap();
        assert_eq!(place, format!("{}:{}", said.file, said.line));
    }
    assert_eq!(mappings.said("mcp.stripe.com", "tools/call:nobody_listed_it"), None);
}
