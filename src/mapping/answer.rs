//! What the provider's answer says.

use serde_json::Value;

use super::document::Selector;
use super::{json, xml};
use crate::model::{Answer, ErrorShape};

/// Content beyond this is not looked at, in bytes.
const MAX_CONTENT: usize = 64 * 1024;
/// Bytes that the id of what was made may have.
const MAX_ID: usize = 256;

/// What the provider's answer says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    pub success: bool,
    pub result_id: Option<String>,
}

/// Whether anything in the answer's content is wanted at all (else the stream need not be looked at).
pub fn wants_content(answer: &Answer) -> bool {
    answer.success.is_some() || answer.result_id.is_some()
}

/// Reads status and, where declared, at most 64 KiB of decoded content (`None`: too large, coded, or not read).
///
/// A 2xx whose content was to say more, but could not be read, is a success: the provider did what was asked as far as
/// anyone can tell, and what was spent stays spent.
pub fn read_answer(answer: &Answer, status: u16, content: Option<&[u8]>) -> Reading {
    let document = match wants_content(answer) {
        true => content
            .filter(|bytes| bytes.len() <= MAX_CONTENT)
            .and_then(|bytes| document_of(answer.error, bytes)),
        false => None,
    };
    let find = |path: &Option<String>| -> Option<Value> {
        let selector = Selector::parse(path.as_deref()?).ok()?;
        selector
            .select(document.as_ref()?)
            .first()
            .map(|value| (*value).clone())
    };
    let says_yes =
        answer.success.is_none() || document.is_none() || find(&answer.success).is_some_and(|value| is_yes(&value));
    let result_id = find(&answer.result_id).and_then(|value| match value {
        Value::String(text) if !text.is_empty() && text.len() <= MAX_ID => Some(text),
        Value::Number(number) if number.as_str().len() <= MAX_ID => Some(number.as_str().to_owned()),
        Value::String(_) | Value::Number(_) | Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    });
    let success = (200..300).contains(&status) && says_yes;
    Reading {
        success,
        result_id: result_id.filter(|_| success),
    }
}

/// The content, if it is in the notation that the provider's own errors are in: a page in HTML where an API of JSON was asked
/// tells nothing, and neither does the JSON that SNS gives to whoever asks for it.
fn document_of(error: ErrorShape, content: &[u8]) -> Option<Value> {
    match matches!(error, ErrorShape::AwsQuery | ErrorShape::AwsEc2 | ErrorShape::AwsRest) {
        true => xml::parse(content).ok(),
        false => json::parse(content).ok(),
    }
}

fn is_yes(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(value) => *value,
        Value::Number(number) => !number.as_str().bytes().all(|byte| matches!(byte, b'0' | b'.' | b'-')),
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(members) => !members.is_empty(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_in_another_notation_than_the_providers_tells_nothing() {
        let slack = Answer {
            error: ErrorShape::Slack,
            success: Some("$.ok".to_owned()),
            result_id: Some("$.ts".to_owned()),
        };
        let page = Some(&b"<html><ok>no</ok></html>"[..]);
        let told = |success| Reading {
            success,
            result_id: None,
        };
        assert_eq!(read_answer(&slack, 200, page), told(true));
        assert_eq!(read_answer(&slack, 200, Some(b"{\"ok\": false}")), told(false));
        let sns = Answer {
            error: ErrorShape::AwsQuery,
            success: Some("$.PublishBatchResponse.PublishBatchResult[*].Successful[*].member[*]".to_owned()),
            result_id: None,
        };
        let json = Some(&b"{\"PublishBatchResponse\": {\"PublishBatchResult\": {\"Successful\": []}}}"[..]);
        assert_eq!(read_answer(&sns, 200, json), told(true));
        let none =
            b"<PublishBatchResponse><PublishBatchResult><Successful/></PublishBatchResult></PublishBatchResponse>";
        assert_eq!(read_answer(&sns, 200, Some(none)), told(false));
    }

    #[test]
    fn success_is_2xx_and_what_the_content_says() {
        let plain = Answer::default();
        assert!(!wants_content(&plain));
        assert!(read_answer(&plain, 204, None).success);
        for status in [100, 199, 300, 404, 500] {
            assert!(!read_answer(&plain, status, None).success, "{status}");
        }
        let slack = Answer {
            success: Some("$.ok".to_owned()),
            result_id: Some("$.ts".to_owned()),
            ..Answer::default()
        };
        let read = |content: &str| read_answer(&slack, 200, Some(content.as_bytes()));
        assert_eq!(
            read(r#"{"ok": true, "ts": "1.2"}"#),
            Reading {
                success: true,
                result_id: Some("1.2".to_owned())
            }
        );
        for no in [
            r#"{"ok": false, "ts": "1.2"}"#,
            r#"{"ok": 0}"#,
            r#"{"ok": null}"#,
            r#"{"ok": ""}"#,
            "{}",
        ] {
            assert_eq!(
                read(no),
                Reading {
                    success: false,
                    result_id: None
                },
                "{no}"
            );
        }
        assert!(
            read_answer(&slack, 200, None).success,
            "what was not read is not held against the provider's 200"
        );
        assert!(read("not json").success);
    }

    #[test]
    fn the_id_of_what_was_made_is_read() {
        let answer = Answer {
            result_id: Some("$.id".to_owned()),
            ..Answer::default()
        };
        let id = |content: &str| read_answer(&answer, 200, Some(content.as_bytes())).result_id;
        assert_eq!(id(r#"{"id": "re_1"}"#), Some("re_1".to_owned()));
        assert_eq!(id(r#"{"id": 12}"#), Some("12".to_owned()));
        assert_eq!(id(r#"{"id": ["x"]}"#), None);
        let long = |digits: usize| format!(r#"{{"id": {}}}"#, "1".repeat(digits));
        assert_eq!(id(&long(MAX_ID)), Some("1".repeat(MAX_ID)));
        assert_eq!(id(&long(MAX_ID + 1)), None, "it would be kept for ever");
        assert_eq!(id("[]"), None);
        assert_eq!(read_answer(&answer, 402, Some(br#"{"id": "re_1"}"#)).result_id, None);
        let large = format!(r#"{{"id": "re_1", "x": "{}"}}"#, "x".repeat(70_000));
        assert_eq!(id(&large), None);
    }
}
