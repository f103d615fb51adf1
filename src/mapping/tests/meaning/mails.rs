//! Who gets a mail that a call sends.

use base64::Engine as _;

use super::*;

const MAIL: &str = "To: a@x.example\r\n\r\nhello";
const JSON: (&str, &str) = ("content-type", "application/json");
const WHOLE: (&str, &str) = ("content-type", "message/rfc822");
const SIGNED: (&str, &str) = (
    "authorization",
    "AWS4-HMAC-SHA256 Credential=AKIASAMPLE/20261120/us-east-1/ses/aws4_request, SignedHeaders=host;x-amz-date, Signature=0",
);
const PARTS: (&str, &str) = ("content-type", "multipart/related; boundary=b");

fn in_parts() -> String {
    format!(
        "--b\r\nContent-Type: application/json\r\n\r\n{{}}\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n{MAIL}\r\n--b--"
    )
}

fn in_json() -> String {
    let raw = base64::engine::general_purpose::URL_SAFE.encode(MAIL);
    json!({ "raw": raw, "message": { "raw": raw } }).to_string()
}

/// How many get it, `None` where that is not told.
fn recipients(path: &str, headers: &[(&str, &str)], body: &str) -> Result<Option<i64>, Reason> {
    let url = format!("https://gmail.googleapis.com{path}");
    let action = resolve(shipped(), &call("POST", &url, headers, Some(body)))?;
    assert_eq!(&*action.name, "send_email", "{path}");
    match action.fields.get("recipient_count") {
        Some(Value::Int(count)) => Ok(Some(*count)),
        _ => {
            assert!(action.is_missing("recipient_count"), "{path} {headers:?}");
            assert!(!action.fields.contains_key("recipient_domains"), "{path} {headers:?}");
            Ok(None)
        }
    }
}

/// Property of design 4.2: what is sent in pieces, or as another type than it says, is not what was read.
#[test]
fn an_upload_that_may_not_be_all_of_the_mail_tells_nobody() {
    const UPLOAD: &str = "/upload/gmail/v1/users/me/messages/send";
    const SEND: &str = "/gmail/v1/users/me/messages/send";
    const DRAFT: &str = "/gmail/v1/users/me/drafts/send";
    let (parts, json) = (in_parts(), in_json());
    let bodies = [(JSON, json.as_str()), (WHOLE, MAIL), (PARTS, parts.as_str())];
    for (query, told) in [
        ("?uploadType=media", Some(WHOLE)),
        ("?uploadType=multipart", Some(PARTS)),
        ("?uploadType=resumable", None),
        ("?uploadType=MEDIA", None),
        ("?uploadType=", None),
        ("?uploadType[]=media", None),
        ("", None),
    ] {
        for (kind, body) in bodies {
            let expected = (told == Some(kind)).then_some(1);
            let path = format!("{UPLOAD}{query}");
            assert_eq!(recipients(&path, &[kind], body), Ok(expected), "{query} {kind:?}");
        }
    }
    for path in [SEND, DRAFT] {
        for (kind, body) in bodies {
            let expected = (kind == JSON).then_some(1);
            assert_eq!(recipients(path, &[kind], body), Ok(expected), "{path} {kind:?}");
        }
        let path = format!("{path}?uploadType=resumable");
        assert_eq!(recipients(&path, &[JSON], &json), Ok(None), "{path}");
    }
    let media = format!("{UPLOAD}?uploadType=media");
    for header in [
        ("content-transfer-encoding", "base64"),
        ("content-range", "bytes 0-9/100"),
        ("x-upload-content-type", "message/rfc822"),
        ("x-upload-content-length", "100"),
    ] {
        assert_eq!(recipients(&media, &[WHOLE, header], MAIL), Ok(None), "{header:?}");
        assert_eq!(recipients(SEND, &[JSON, header], &json), Ok(None), "{header:?}");
    }
    assert_eq!(recipients(&format!("{media}&upload_id=x"), &[WHOLE], MAIL), Ok(None));
    for (query, header) in [
        ("&uploadType=multipart", ("accept", "*/*")),
        ("&uploadtype=media", ("accept", "*/*")),
        ("&upload_protocol=resumable", ("accept", "*/*")),
        ("", ("x-goog-upload-protocol", "resumable")),
        ("", ("x-goog-upload-command", "start")),
        ("", ("x-goog-upload-offset", "0")),
        ("", ("x-goog-upload-header-content-type", "message/rfc822")),
    ] {
        let found = recipients(&format!("{media}{query}"), &[WHOLE, header], MAIL);
        assert_eq!(found, Err(Reason::Malformed), "{query} {header:?}");
    }
}

/// A person may have written it, and sends it from where they do not see what became of it.
#[test]
fn other_words_in_somebodys_draft_are_a_change_that_nobody_knows() {
    let json = in_json();
    for (path, kind, body) in [
        ("/gmail/v1/users/me/drafts/r1", JSON, json.as_str()),
        ("/upload/gmail/v1/users/me/drafts/r1?uploadType=media", WHOLE, MAIL),
    ] {
        let url = format!("https://gmail.googleapis.com{path}");
        let action = resolve(shipped(), &call("PUT", &url, &[kind], Some(body))).unwrap();
        assert!(action.unmapped, "{path}: {action:?}");
    }
}

#[test]
fn who_is_named_in_the_call_is_one_address_each() {
    let send = |to: serde_json::Value| {
        let body = json!({
            "FromEmailAddress": "bot@acme.example",
            "Destination": { "ToAddresses": to },
            "Content": { "Raw": { "Data": base64::engine::general_purpose::STANDARD.encode(MAIL) } },
        });
        let url = "https://email.us-east-1.amazonaws.com/v2/email/outbound-emails";
        let action = resolve(shipped(), &call("POST", url, &[SIGNED, JSON], Some(&body.to_string()))).unwrap();
        let count = action.fields.get("recipient_count").cloned();
        assert_eq!(
            count.is_none(),
            why(&action, "recipient_count") == Some(Why::Unreadable),
            "{to}"
        );
        count
    };
    assert_eq!(send(json!([])), Some(Value::Int(1)), "the head says who");
    assert_eq!(send(json!(["b@y.example", "Cy <c@y.example>"])), Some(Value::Int(2)));
    assert_eq!(send(json!(["=?utf-8?q?Zo=C3=AB?= <z@y.example>"])), Some(Value::Int(1)));
    for to in [
        json!([null]),
        json!([""]),
        json!([" "]),
        json!([{}]),
        json!(["b@y.example", null]),
        json!(["postmaster"]),
        json!(["b@y.example,c@y.example"]),
        json!(["=?utf-8?q?b=40evil.example=3e=2c?=a@ours.example"]),
        json!(["=?utf-8?q?b=40evil.example=2c?= <a@ours.example>"]),
    ] {
        assert_eq!(send(to.clone()), None, "{to}");
    }
}
