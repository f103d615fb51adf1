//! What no mapping names.

use super::*;

#[test]
fn a_host_without_a_mapping_is_read_or_changed() {
    let mappings = shipped();
    let resolve = |method: &str, url: &str, headers: &[(&str, &str)], body: Option<&str>| {
        resolve(mappings, &call(method, url, headers, body)).unwrap()
    };
    for method in ["GET", "HEAD"] {
        let action = resolve(method, "https://example.com/a/b?c=d", &[], None);
        assert_eq!(
            (&*action.provider, &*action.name, action.access),
            ("unknown", "read_record", Access::Read)
        );
        assert!(action.unmapped && action.inspected);
        assert_eq!(
            (&*action.target.kind, action.target.id.as_deref(), &*action.environment),
            ("host", Some("example.com"), "unknown")
        );
    }
    for (method, body) in [
        ("POST", None),
        ("GET", Some("x")),
        ("PUT", Some("x")),
        ("OPTIONS", None),
        ("TRACE", None),
        ("FOO", None),
        ("get", None),
    ] {
        let action = resolve(method, "https://example.com/", &[], body);
        assert_eq!(
            (&*action.name, action.access, action.unmapped),
            ("call_api", Access::Write, true),
            "{method}"
        );
    }
    for url in [
        "https://api.stripe.com.evil.test/v1/balance",
        "https://xapi.stripe.com/v1/balance",
    ] {
        assert_eq!(&*resolve("GET", url, &[], None).provider, "unknown");
    }
}

#[test]
fn another_port_of_a_mapped_host_is_not_what_the_mapping_means() {
    let mappings = shipped();
    let action = resolve(
        mappings,
        &call("GET", "https://api.stripe.com:8080/v1/balance", &[KEY], None),
    )
    .unwrap();
    assert_eq!(
        (&*action.provider, &*action.name, action.unmapped),
        ("stripe", "call_api", true)
    );
    let action = resolve(mappings, &call("GET", "http://api.stripe.com/v1/balance", &[KEY], None)).unwrap();
    assert_eq!(&*action.name, "read_balance", "the scheme's default port");
}

#[test]
fn two_unmapped_changes_do_not_look_alike() {
    let summary = |call: &Call| resolve(shipped(), call).unwrap().summary;
    let one = summary(&stripe("/v1/strange", "note=hunter2&items[0][price]=1"));
    assert!(
        one.contains(" (sha256 949ba38578cc496e, 30 bytes, application/x-www-form-urlencoded: "),
        "{one}"
    );
    assert!(one.ends_with(": note, items[0][price])"), "{one}");
    assert!(!one.contains("hunter2"), "{one}");
    assert_ne!(one, summary(&stripe("/v1/strange", "note=hunter3&items[0][price]=1")));
    assert_ne!(one, summary(&stripe("/v1/strange?note=x", "items[0][price]=1")));
    let queries = ["amount=1", "amount=2"].map(|query| summary(&stripe(&format!("/v1/strange?{query}"), "")));
    assert_ne!(queries[0], queries[1]);
    let vpc = summary(&ec2("Action=CreateVpc&CidrBlock=10.0.0.0%2F16"));
    assert!(vpc.contains("CreateVpc") && vpc.contains("Action, CidrBlock"), "{vpc}");
    let import = summary(&dynamodb("ImportTable", &json!({"TableName": "secret"})));
    assert!(
        import.contains("ImportTable") && import.contains(": TableName)"),
        "{import}"
    );
    assert!(!import.contains("secret"), "{import}");
    let odd = summary(&dynamodb("Import Table", &json!({"s3cr3tT0ken9f8e7d6c5b4a": 1})));
    assert!(!odd.contains("s3cr3t") && !odd.contains("Import"), "{odd}");
    let unread = Call {
        body: Body::Streaming {
            length: Some(9_000_000),
        },
        ..stripe("/v1/strange", "")
    };
    assert!(
        summary(&unread).contains("9000000 bytes, not read"),
        "{}",
        summary(&unread)
    );
}

/// What policy allows or blocks by the head alone is not refused for the size of its content.
#[test]
fn content_of_an_unmapped_change_is_not_needed_for_its_decision() {
    for length in [None, Some(1), Some(5 << 20), Some(20 << 20)] {
        let upload = Call {
            body: Body::Streaming { length },
            ..call("POST", "https://files.slack.com/upload/v1/abc", &[], None)
        };
        assert!(!shipped().route(&upload).unwrap().needs_body(), "{length:?}");
    }
}

#[test]
fn a_long_media_type_does_not_hide_the_digest() {
    let summary = |content: &str| {
        let kind = format!("application/{}", "x".repeat(150));
        let url = "https://s3.us-west-2.amazonaws.com/b/k?acl";
        resolve(shipped(), &call("PUT", url, &[("content-type", &kind)], Some(content)))
            .unwrap()
            .summary
    };
    let [one, other] = ["<a/>", "<b/>"].map(summary);
    let digest = "sha256 29114363f749a022";
    assert!(one.contains(digest) && !other.contains(digest), "{one}");
    assert!(
        one.contains(&format!("application/{}…", "x".repeat(28))) && !one.contains(&"x".repeat(29)),
        "{one}"
    );
}

#[test]
fn pieces_of_content_are_no_names() {
    let json = ("content-type", "application/json");
    for (kind, content, piece) in [
        (
            ("content-type", "text/plain"),
            "tiger horse staple = yes&fire anna smith=1",
            "anna",
        ),
        (("content-type", "text/plain"), "tiger=yes", "tiger"),
        (json, r#"{"anna.smith@example.com": 1}"#, "anna"),
        (json, r#"{"anna.smith": 1}"#, "anna"),
        (FORM, "hunter-two=", "hunter"),
        (FORM, "fire+anna+smith=1", "anna"),
        (FORM, "items[fire%20anna]=1", "anna"),
    ] {
        let call = call("POST", "https://api.stripe.com/v1/strange", &[kind, KEY], Some(content));
        let summary = resolve(shipped(), &call).unwrap().summary;
        assert!(!summary.contains(piece), "{summary}");
        let url = "https://s3.us-west-2.amazonaws.com/b/k?acl";
        let call = super::call("PUT", url, &[kind], Some(content));
        let summary = resolve(shipped(), &call).unwrap().summary;
        assert!(!summary.contains(piece), "{summary}");
    }
}

/// SECURITY: an empty PUT is a copy by its header field alone.
#[test]
fn header_fields_of_an_unmapped_change_are_shown() {
    let summary = |url: &str, headers: &[(&str, &str)]| {
        let action = resolve(shipped(), &call("PUT", url, headers, None)).unwrap();
        assert!(action.unmapped, "{url}");
        action.summary
    };
    for url in [
        "https://storage.googleapis.com/scratch/x",
        "https://scratch.storage.googleapis.com/x",
        "https://example.com/scratch/x",
    ] {
        let of = |headers: &[(&str, &str)]| summary(url, headers);
        let plain = of(&[]);
        assert_eq!(plain, of(&[KEY, ("user-agent", "a"), ("traceparent", "b")]), "{url}");
        let copy = of(&[
            ("x-goog-copy-source", "payroll/salaries.csv"),
            ("x-goog-acl", "public-read"),
        ]);
        let end = " (with x-goog-acl: public-read, x-goog-copy-source: payroll/salaries.csv)";
        assert_eq!(copy, plain + end, "{url}");
        let hidden = ["payroll/%73alaries.csv", "payroll/salaries of all.csv"]
            .map(|source| of(&[("x-goog-copy-source", source)]));
        assert!(
            hidden
                .iter()
                .all(|hidden| hidden.contains("x-goog-copy-source: sha256 ")),
            "{hidden:?}"
        );
        assert_ne!(hidden[0], hidden[1]);
        let twice = of(&[("x-ms-copy-source", "a/b"), ("x-ms-copy-source", "c/d")]);
        assert!(twice.ends_with(" (with x-ms-copy-source: a/b: c/d)"), "{twice}");
        let long = of(&[("x-ms-copy-source", &"a/".repeat(5_000))]);
        assert!(long.len() < 300 && long.contains("x-ms-copy-source: sha256 "), "{long}");
        let names: Vec<_> = (10..30).map(|at| format!("x-field-{at}")).collect();
        let many: Vec<_> = names.iter().map(|name| (name.as_str(), "a")).collect();
        assert!(of(&many).ends_with("x-field-21: … and 8 more)"), "{}", of(&many));
    }
}

/// SECURITY: the fields are the agent's to choose, and a person sees the first of them.
#[test]
fn no_number_of_fields_hides_the_one_that_decides() {
    let names: Vec<_> = (10..40).map(|at| format!("x-a{at}")).collect();
    for (telling, value) in [
        ("x-goog-copy-source", "payroll/salaries.csv"),
        ("x-goog-acl", "public-read"),
        ("x-ms-delete-snapshots", "include"),
    ] {
        for count in [12, 30] {
            let decoys = names.iter().take(count).map(|name| (name.as_str(), "a"));
            let headers: Vec<_> = decoys.chain([(telling, value)]).collect();
            for url in [
                "https://storage.googleapis.com/scratch/x",
                "https://example.com/scratch/x",
            ] {
                let summary = resolve(shipped(), &call("PUT", url, &headers, None)).unwrap().summary;
                assert!(
                    summary.contains(&format!(" (with {telling}: {value}, x-a10: …")),
                    "{summary}"
                );
            }
        }
    }
}

#[test]
fn secrets_in_header_fields_are_not_shown() {
    for (host, name, value) in [
        ("api.stripe.com", "x-api-key", "hunter"),
        ("api.stripe.com", "cookie", "sid=hunter"),
        ("api.stripe.com", "x-password", "hunter"),
        ("api.stripe.com", "x-thing", "sk_live_hunter4Eq8RtYuP"),
        ("api.stripe.com", "x-thing", "\u{202e}hunter"),
        ("storage.googleapis.com", "x-goog-encryption-key", "hunter"),
        ("example.com", "x-auth", "hunter"),
        ("example.com", "x-thing", "hunter222"),
        ("example.com", "x-thing", "hunter two"),
        ("example.com", "x-pwd", "hunter"),
        ("api.stripe.com", "x-pwd", "hunter2"),
        ("example.com", "x-goog-copy-source", "hunter222"),
    ] {
        let url = format!("https://{host}/v1/strange");
        let summary = resolve(shipped(), &call("POST", &url, &[(name, value)], None))
            .unwrap()
            .summary;
        assert!(summary.contains(name) && !summary.contains("hunter"), "{summary}");
    }
    // Who knows the digest of a short code knows the code.
    for (host, name, code) in [("example.com", "x-pin", "482913"), ("api.stripe.com", "x-otp", "1234")] {
        let url = format!("https://{host}/v1/strange");
        let headers = [(name, code)];
        let summary = resolve(shipped(), &call("POST", &url, &headers, None)).unwrap().summary;
        assert!(summary.ends_with(&format!(" (with {name}: …)")), "{summary}");
    }
}
