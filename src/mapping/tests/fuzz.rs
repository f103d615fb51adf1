//! What decodes calls and loads mappings, with bytes that nobody meant: `io/fuzz.rs` says how.
//!
//! Each target claims more than that nothing panics: what a general reader refuses is refused, nothing of what was sent is lost, and
//! what cannot be read is no read.

use super::*;
use crate::io::fuzz::{Outcome, Target, shape};

mod calls;
mod files;
mod readers;

const XML_WORDS: &[&str] = &[
    "<a>",
    "</a>",
    "<a/>",
    "<a b=\"c\">",
    " xmlns=\"x\"",
    "<!--",
    "-->",
    "<![CDATA[",
    "]]>",
    "<!DOCTYPE a [<!ENTITY b \"c\">]>",
    "&b;",
    "&lt;",
    "&#x41;",
    "&#0;",
    "<?xml version=\"1.0\" encoding=\"utf-16\"?>",
    "<x:a>",
];
const FORM_WORDS: &[&str] = &[
    "&",
    "=",
    "[",
    "]",
    "[]",
    "[0]",
    "[a]",
    "%5B",
    "%5D",
    "%00",
    "%",
    "+",
    ";",
    ".1",
    ".member.1",
    ".2.",
    "Action=",
    "a=1&a=2",
    "&&",
    "%c3%28",
];
const JSON_WORDS: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"",
    "\\u0061",
    "\\ud800",
    "\\udc00",
    "null",
    "true",
    "1e5",
    "{\"a\":",
    "\"a\":1,\"a\":2",
    "\u{feff}",
    "{\"$serde_json::private::Number\":\"5\"}",
    "//",
    "/*",
    "NaN",
];

fn told<T: std::fmt::Debug, E: std::fmt::Debug>(result: &Result<T, E>, of: impl Fn(&T) -> String) -> Outcome {
    match result {
        Ok(value) => Outcome::accepted(of(value)),
        // The same mistake elsewhere is the same mistake.
        Err(error) => Outcome::error(format!("{error:?}").replace(|character: char| character.is_ascii_digit(), "")),
    }
}

#[test]
fn json_is_read_as_others_read_it_or_not_at_all() {
    let check = |input: &[u8]| {
        let read = json::parse(input);
        assert_eq!(json::parse(input), read);
        if let Ok(value) = &read {
            assert!(
                serde_json::from_slice::<serde::de::IgnoredAny>(input).is_ok(),
                "no other reader takes it"
            );
            assert_eq!(
                json::parse(value.to_string().as_bytes()).as_ref(),
                Ok(value),
                "written and read again"
            );
        }
        told(&read, shape)
    };
    let target = Target {
        name: "json",
        words: JSON_WORDS,
        longest: 65_536,
        check,
    };
    target.fuzz();
}

/// Values of a document that are no lists and no objects.
fn leaves(value: &Json) -> usize {
    match value {
        Json::Array(items) => items.iter().map(leaves).sum(),
        Json::Object(members) => members.values().map(leaves).sum(),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => 1,
    }
}

/// Every parameter that was sent is one value of what is read.
fn form(input: &[u8], nesting: form::Nesting) -> Outcome {
    let Ok(text) = std::str::from_utf8(input) else {
        return Outcome::error("no text");
    };
    let read = form::nest(text, nesting, form::Semicolons::Refused);
    assert_eq!(form::nest(text, nesting, form::Semicolons::Refused), read);
    if let Ok(value) = &read {
        let sent = form_urlencoded::parse(input).count();
        assert_eq!(leaves(value), sent, "{value}");
    }
    told(&read, shape)
}

#[test]
fn no_parameter_of_a_form_is_lost() {
    let target = Target {
        name: "form",
        words: FORM_WORDS,
        longest: 16_384,
        check: |input| form(input, form::Nesting::Brackets),
    };
    target.fuzz();
}

#[test]
fn no_parameter_of_the_query_protocol_is_lost() {
    let target = Target {
        name: "aws-query",
        words: FORM_WORDS,
        longest: 16_384,
        check: |input| form(input, form::Nesting::Dots),
    };
    target.fuzz();
}

/// The media type in the first line, and the content.
fn typed(input: &[u8]) -> Option<(&str, &[u8])> {
    let end = input.iter().position(|byte| *byte == b'\n')?;
    Some((std::str::from_utf8(&input[..end]).ok()?, &input[end + 1..]))
}

#[test]
fn the_parts_of_multipart_are_all_that_was_sent() {
    let check = |input: &[u8]| {
        let Some((content_type, content)) = typed(input) else {
            return Outcome::error("no type");
        };
        let boundary = match multipart::boundary(content_type) {
            Ok(boundary) => boundary,
            Err(error) => return Outcome::error(format!("{error:?}")),
        };
        if let Ok(parts) = multipart::split(content, boundary) {
            let mut again = format!("--{boundary}").into_bytes();
            for part in parts {
                again.extend_from_slice(b"\r\n");
                again.extend_from_slice(part);
                again.extend_from_slice(format!("\r\n--{boundary}").as_bytes());
            }
            again.extend_from_slice(b"--");
            let end = content.strip_suffix(b"\r\n").filter(|_| again.len() < content.len());
            assert_eq!(again, end.unwrap_or(content), "put together again");
        }
        let read = multipart::parse(content, boundary);
        let read = read.and_then(|parts| {
            let values = parts.iter().map(|part| Ok((part.name, part.value()?)));
            Ok((parts.len(), values.collect::<Result<Vec<_>, multipart::Error>>()?))
        });
        let values = match read {
            Ok((number, values)) => {
                assert_eq!(number, values.len());
                form::assemble(values, form::Nesting::Brackets)
            }
            Err(error) => return Outcome::error(format!("{error:?}")),
        };
        told(&values, shape)
    };
    let words = &[
        "--x",
        "--x--",
        "\r\n",
        "\r\n--x\r\n",
        "\n--x\n",
        "Content-Disposition: form-data; name=\"a\"",
        "; filename=\"b\"",
        "; filename*=utf-8''c",
        "Content-Type: application/json\r\n",
        "Content-Transfer-Encoding: base64\r\n",
        "\r\n\r\n",
        "boundary=",
        "; charset=utf-8",
        "\"",
        "\\",
        "name=a",
    ];
    let target = Target {
        name: "multipart",
        words,
        longest: 16_384,
        check,
    };
    target.fuzz();
}

/// Elements and attributes of a document as it is read.
fn elements(value: &Json) -> (usize, usize) {
    let Json::Object(members) = value else {
        return (0, 0);
    };
    let mut found = (0, 0);
    for (name, member) in members {
        match member {
            _ if name.starts_with('@') => found.1 += 1,
            _ if name == "#text" => {}
            Json::Array(items) => {
                for item in items {
                    let (below, attributes) = elements(item);
                    found = (found.0 + 1 + below, found.1 + attributes);
                }
            }
            root @ (Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) | Json::Object(_)) => {
                let (below, attributes) = elements(root);
                found = (found.0 + 1 + below, found.1 + attributes);
            }
        }
    }
    found
}

#[test]
fn no_element_of_xml_is_lost() {
    let check = |input: &[u8]| {
        let read = xml::parse(input);
        assert_eq!(xml::parse(input), read);
        if let Ok(value) = &read {
            let text = std::str::from_utf8(input).expect("it was read");
            let document = roxmltree::Document::parse(text).expect("another reader takes it");
            let nodes = || document.descendants().filter(roxmltree::Node::is_element);
            let attributes: usize = nodes().map(|node| node.attributes().len()).sum();
            assert_eq!(elements(value), (nodes().count(), attributes), "{value}");
        }
        told(&read, shape)
    };
    let target = Target {
        name: "xml",
        words: XML_WORDS,
        longest: 16_384,
        check,
    };
    target.fuzz();
}

#[test]
fn cbor_that_is_cut_or_goes_on_is_not_read() {
    let check = |input: &[u8]| {
        let read = cbor::parse(input);
        assert_eq!(cbor::parse(input), read);
        let members = cbor::members(input);
        match &read {
            Ok(value) => {
                for cut in (0..input.len()).rev().take(64) {
                    assert!(cbor::parse(&input[..cut]).is_err(), "cut at {cut}");
                }
                assert!(cbor::parse(&[input, &[0]].concat()).is_err());
                let known = value.as_object().map(serde_json::Map::len);
                assert_eq!(members.map(|members| members.len()).ok(), known);
            }
            Err(_) => assert!(members.is_err()),
        }
        told(&read, shape)
    };
    let words = &[
        "\u{0}", "\u{1}", "a", "aa", "`", "@", "x", "\u{7f}", "\u{1b}", "\u{3}abc",
    ];
    let target = Target {
        name: "cbor",
        words,
        longest: 16_384,
        check,
    };
    target.fuzz();
}

#[test]
fn a_recipient_more_is_counted_in_every_mail() {
    let check = |input: &[u8]| {
        let found = mail::recipients(input);
        assert_eq!(mail::recipients(input), found);
        // A first line that begins with space would go on with what is put before it.
        for newline in ["\r\n", "\n"] {
            let more = [format!("Bcc: one.more@fuzz.example{newline}").as_bytes(), input].concat();
            if let Ok(all) = mail::recipients(&more)
                && !input.starts_with(b" ")
                && !input.starts_with(b"\t")
            {
                let one_more = "one.more@fuzz.example".to_owned();
                let counted = all.iter().filter(|one| **one == one_more).count();
                let before = found.iter().flatten().filter(|one| **one == one_more).count();
                assert_eq!(counted, before + 1, "{all:?}");
                let named = found.as_ref().map_or(0, Vec::len);
                assert_eq!(all.len(), named + 1, "{all:?}");
            }
        }
        told(&found, |all| all.len().to_string())
    };
    let words = &[
        "To: ",
        "Cc: ",
        "Bcc: ",
        "Resent-To: ",
        "\r\n",
        "\n",
        "\r\n ",
        "\r\n\r\n",
        "@",
        "<",
        ">",
        ",",
        ";",
        "team: ",
        "\"",
        "\\",
        "(",
        ")",
        "=?utf-8?q?",
        "?=",
        "=40",
        "a@b.example",
        "\u{2028}",
        "Content-Type: message/rfc822\r\n",
    ];
    let target = Target {
        name: "mail",
        words,
        longest: 16_384,
        check,
    };
    target.fuzz();
}
