//! Uploads in parts whose content no rule reads: each sending has a boundary of its own.

use super::*;

const METADATA: &str = r#"{"name":"report.csv"}"#;

/// An upload to Cloud Storage as its libraries send it.
fn upload(boundary: &str, metadata: &str, media: &str) -> String {
    let end = "\r\n";
    let part = |kind: &str, content: &str| format!("--{boundary}{end}content-type: {kind}{end}{end}{content}{end}");
    let parts = part("application/json; charset=UTF-8", metadata) + &part("text/csv", media);
    format!("{parts}--{boundary}--")
}

fn sent(content_type: &str, body: &str) -> Vec<u8> {
    content(&call(
        "POST",
        "https://storage.googleapis.com/upload/storage/v1/b/acme-data/o?uploadType=multipart",
        &[("content-type", content_type)],
        Some(body),
    ))
}

fn related(boundary: &str, metadata: &str, media: &str) -> Vec<u8> {
    let kind = format!("multipart/related; boundary=\"{boundary}\"");
    sent(&kind, &upload(boundary, metadata, media))
}

#[test]
fn an_upload_in_parts_is_known_again_under_another_boundary() {
    let (python, other) = ("===============0123456789==", "===============9876543210==");
    let first = related(python, METADATA, "a,b");
    assert_eq!(first, related(other, METADATA, "a,b"));
    assert_eq!(first, related("__END_OF_PART__1b2c__", METADATA, "a,b"));
    let bare = sent("multipart/related; boundary=b1", &upload("b1", METADATA, "a,b"));
    assert_eq!(first, bare);
}

#[test]
fn another_part_makes_an_upload_another_one() {
    let first = related("b1", METADATA, "a,b");
    for (metadata, media) in [
        (METADATA, "a,c"),
        (METADATA, ""),
        (r#"{"name":"report.csv","acl":[]}"#, "a,b"),
        (r#"{ "name":"report.csv"}"#, "a,b"),
    ] {
        assert_ne!(first, related("b1", metadata, media), "{metadata} {media}");
    }
    let whole = upload("b1", METADATA, "a,b");
    let kind = "multipart/related; boundary=b1";
    for other in [
        whole.replace("content-type", "Content-Type"),
        whole.replace("text/csv", "text/html"),
        whole.replace("--b1--", "--b1\r\n\r\nx\r\n--b1--"),
        whole.replace("\r\n", "\n"),
        format!("x{whole}"),
        format!("{whole}x"),
        whole.replace("--b1--", ""),
    ] {
        assert_ne!(first, sent(kind, &other), "{other}");
    }
}

/// Where readers may part it in another way each byte counts, and so does the boundary.
#[test]
fn a_boundary_with_two_readings_is_part_of_the_upload() {
    let body = |boundary: &str| upload(boundary, METADATA, "a,b");
    for kind in [
        "multipart/related; boundary=B; boundary=x",
        "multipart/related; boundary=B; type=\"application/json\"",
        "multipart/mixed; boundary=B",
        "multipart/related; boundary=\"B,y\"",
        "multipart/related; boundary==B",
    ] {
        let of = |boundary: &str| sent(&kind.replace('B', boundary), &body(boundary));
        assert_ne!(of("b1"), of("b2"), "{kind}");
        assert_eq!(of("b1"), of("b1"), "{kind}");
    }
}

#[test]
fn a_file_that_no_rule_reads_is_known_again_and_no_other_is() {
    let file = |boundary: &str, purpose: &str, bytes: &str| {
        let part = |disposition: &str, content: &str| {
            format!("--{boundary}\r\nContent-Disposition: form-data; {disposition}\r\n\r\n{content}\r\n")
        };
        let parts = part("name=\"purpose\"", purpose) + &part("name=\"file\"; filename=\"a.jsonl\"", bytes);
        content(&call(
            "POST",
            "https://api.openai.com/v1/files",
            &[("content-type", &format!("multipart/form-data; boundary={boundary}"))],
            Some(&format!("{parts}--{boundary}--\r\n")),
        ))
    };
    assert_eq!(file("b1", "fine-tune", "{}"), file("b2", "fine-tune", "{}"));
    assert_ne!(file("b1", "fine-tune", "{}"), file("b1", "batch", "{}"));
    assert_ne!(file("b1", "fine-tune", "{}"), file("b1", "fine-tune", "{ }"));
}

/// What is stored is the parts and their boundary, where the provider reads neither.
#[test]
fn an_object_made_of_parts_is_another_one_under_another_boundary() {
    let storage = "https://storage.googleapis.com";
    let upload_to = format!("{storage}/upload/storage/v1/b/acme-data/o");
    for (method, url) in [
        ("PUT", "https://s3.us-east-1.amazonaws.com/b/key".to_owned()),
        ("PUT", format!("{storage}/b/o")),
        ("PUT", format!("{storage}/b/o?uploadType=multipart")),
        ("PUT", "https://b.storage.googleapis.com/o".to_owned()),
        (
            "POST",
            "https://www.googleapis.com/upload/storage/v1/b/b/o?uploadType=multipart".to_owned(),
        ),
        ("PUT", "https://example.com/o".to_owned()),
        ("POST", upload_to.clone()),
        ("POST", format!("{upload_to}?uploadType=media&name=o")),
        ("POST", format!("{upload_to}?uploadType=Multipart&name=o")),
        ("PUT", format!("{upload_to}?uploadType=multipart&upload_id=1")),
    ] {
        for kind in ["multipart/related", "multipart/form-data"] {
            let put = |boundary: &str| {
                let kind = format!("{kind}; boundary={boundary}");
                let parts = upload(boundary, METADATA, "a,b").replace(
                    "content-type: application",
                    "content-disposition: form-data; name=\"a\"\r\ncontent-type: application",
                );
                let parts = parts.replace(
                    "content-type: text/csv",
                    "content-disposition: form-data; name=\"b\"\r\ncontent-type: text/csv",
                );
                content(&call(method, &url, &[("content-type", &kind)], Some(&parts)))
            };
            assert_ne!(put("b1"), put("b2"), "{method} {url} {kind}");
            assert_eq!(put("b1"), put("b1"), "{method} {url} {kind}");
        }
    }
}

/// SECURITY: of a pair that is said twice nobody knows which one counts.
#[test]
fn parts_are_taken_apart_only_where_the_query_says_it_once() {
    let text = "provider: hook\ntitle: Hook\nhosts: [hooks.example.com]\ndispatch: path\ncontent: { multipart/related: multipart }\noperations:\n  put: { call: POST /o, action: modify_record, target: { kind: object }, content_ignored: true, in_parts: { type: parts } }\n";
    let mappings = load(&[("hook.yaml", text)]).unwrap();
    let put = |query: &str, boundary: &str| {
        let kind = format!("multipart/related; boundary={boundary}");
        let url = format!("https://hooks.example.com/o?{query}");
        let call = call(
            "POST",
            &url,
            &[("content-type", &kind)],
            Some(&upload(boundary, METADATA, "a,b")),
        );
        let action = resolve(&mappings, &call).unwrap();
        mappings.identify(&call, &action).unwrap().content
    };
    for (query, known) in [
        ("type=parts", true),
        ("a=b&t%79pe=parts", true),
        ("type=media", false),
        ("type=Parts", false),
        ("Type=parts", false),
        ("type=parts&type=parts", false),
        ("type=parts&TYPE=media", false),
        ("a=b", false),
    ] {
        assert_eq!(put(query, "b1") == put(query, "b2"), known, "{query}");
    }
}

/// A presigned upload to a host without a mapping stores what it is sent.
#[test]
fn a_stranger_may_store_parts_as_they_come() {
    let form = |host: &str, boundary: &str| {
        let part = "Content-Disposition: form-data; name=\"purpose\"\r\n\r\nx";
        content(&call(
            "POST",
            &format!("https://{host}/api/files.upload"),
            &[("content-type", &format!("multipart/form-data; boundary={boundary}"))],
            Some(&format!("--{boundary}\r\n{part}\r\n--{boundary}--\r\n")),
        ))
    };
    assert_ne!(form("example.com", "b1"), form("example.com", "b2"));
    assert_eq!(form("slack.com", "b1"), form("slack.com", "b2"));
}
