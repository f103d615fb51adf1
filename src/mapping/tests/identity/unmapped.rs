//! Changes that no rule names: nobody knows which header fields their providers act on.

use super::*;

/// A change at the host of a file's first sample that none of its rules names.
fn nobody_knows(samples: &str, headers: &[(&str, &str)]) -> Call {
    let sample: Json = serde_json::from_str(samples.lines().next().unwrap()).unwrap();
    let url = sample["url"].as_str().unwrap();
    let host = url.split('/').nth(2).unwrap();
    let call = call(
        "PATCH",
        &format!("https://{host}/nobody/knows?nobody=knows"),
        headers,
        None,
    );
    let action = resolve(shipped(), &call).unwrap();
    assert!(
        action.unmapped && &*action.name == "call_api",
        "{host}: {}",
        action.name
    );
    call
}

/// SECURITY: held as an empty PUT, approved, and sent again with `x-goog-copy-source` it would be a copy.
#[test]
fn one_header_more_makes_a_change_that_nobody_knows_another_one() {
    for (file, _, samples) in FILES {
        let of = |headers: &[(&str, &str)]| content(&nobody_knows(samples, headers));
        let plain = of(&[]);
        for name in [
            "x-goog-copy-source",
            "x-goog-acl",
            "x-amz-copy-source",
            "x-nobody-knows",
            "if-match",
        ] {
            assert_ne!(of(&[(name, "a")]), plain, "{file}: {name}");
            assert_ne!(of(&[(name, "a")]), of(&[(name, "b")]), "{file}: {name}");
        }
    }
}

#[test]
fn a_change_that_nobody_knows_is_known_again_when_its_library_sends_it_again() {
    for (file, _, samples) in FILES {
        let of = |nth: &str| {
            let fresh = [
                "user-agent",
                "x-goog-api-client",
                "x-request-id",
                "traceparent",
                "amz-sdk-invocation-id",
                "x-stripe-client-telemetry",
                "x-stainless-retry-count",
                "idempotency-key",
            ];
            let mut headers = fresh.map(|name| (name, nth)).to_vec();
            headers.push(("x-github-api-version", "2022-11-28"));
            headers.extend((*file == "google-storage").then_some(("x-goog-gcs-idempotency-token", nth)));
            content(&nobody_knows(samples, &headers))
        };
        assert_eq!(of("1"), of("2"), "{file}");
    }
}

#[test]
fn what_cloud_storage_acts_on_is_part_of_the_call() {
    let objects = "https://storage.googleapis.com/storage/v1/b/acme-data/o";
    for (method, url) in [
        ("POST", format!("{objects}/a/rewriteTo/b/acme-data/o/b")),
        ("DELETE", format!("{objects}/a")),
        ("PUT", "https://acme-data.storage.googleapis.com/a".to_owned()),
        ("PUT", "https://storage.googleapis.com/acme-data/a".to_owned()),
        (
            "POST",
            "https://www.googleapis.com/upload/storage/v1/b/acme-data/o".to_owned(),
        ),
    ] {
        let of = |headers: &[(&str, &str)]| content(&call(method, &url, headers, None));
        for name in [
            "x-goog-encryption-key-sha256",
            "x-goog-acl",
            "x-goog-copy-source",
            "x-upload-content-type",
        ] {
            assert_ne!(of(&[(name, "a")]), of(&[]), "{method} {url}: {name}");
        }
        let client = |id: &'static str| {
            [
                ("x-goog-api-client", id),
                ("user-agent", id),
                ("x-goog-user-project", "p"),
            ]
        };
        assert_eq!(
            of(&client("gccl-invocation-id/1")),
            of(&client("gccl-invocation-id/2")),
            "{url}"
        );
    }
}
