use proptest::prelude::*;
use serde_json::json;

use super::*;

#[test]
fn a_text_of_any_length_is_read_whole() {
    for run in (0..50).map(|length| "x".repeat(length)) {
        let read = |between: &str| parse(format!("\"{run}{between}{run}\"").as_bytes());
        for (between, text) in [
            ("", ""),
            ("\\n", "\n"),
            ("\\\"", "\""),
            ("\u{e9}", "\u{e9}"),
            ("\u{7f}", "\u{7f}"),
        ] {
            assert_eq!(read(between), Ok(format!("{run}{text}{run}").into()));
        }
        assert_eq!(read("\u{1f}"), Err(Error::Syntax(run.len() + 1)));
    }
}

#[test]
fn what_two_servers_may_read_differently_is_refused() {
    for (text, error) in [
        (&b"{\"amount\":5,\"amount\":9999}"[..], Error::DuplicateKey),
        (b"{\"amount\":5,\"\\u0061mount\":9999}", Error::DuplicateKey),
        (b"{\"a\":{\"b\":[{\"c\":1,\"c\":1}]}}", Error::DuplicateKey),
        (b"{}{}", Error::Trailing),
        (b"{} x", Error::Trailing),
        (b"1 2", Error::Trailing),
        (b"\xef\xbb\xbf{}", Error::ByteOrderMark),
        (b"\xff\xfe{\0}\0", Error::Encoding),
        (b"{\"a\":\"\xff\"}", Error::Encoding),
    ] {
        assert_eq!(parse(text), Err(error), "{}", String::from_utf8_lossy(text));
    }
    for text in [
        "",
        " ",
        "{",
        "[1,]",
        "{\"a\":1,}",
        "{a:1}",
        "'a'",
        "01",
        "+1",
        "1.",
        ".5",
        "1e",
        "0x10",
        "NaN",
        "Infinity",
        "-",
        "\"\\x\"",
        "\"\\ud800\"",
        "\"\\udc00\"",
        "\"\\ud800\\u0041\"",
        "\"a\nb\"",
        "\"\\u12\"",
        "{\"a\" 1}",
        "tru",
        "//x\n1",
        "\0{}",
        "{\0}\0",
    ] {
        assert!(parse(text.as_bytes()).is_err(), "{text:?}");
    }
}

#[test]
fn depth_and_size_are_limited() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert!(parse(nested(64).as_bytes()).is_ok());
    assert_eq!(parse(nested(65).as_bytes()), Err(Error::TooDeep));
    assert_eq!(parse(nested(1_000_000).as_bytes()), Err(Error::TooDeep));
    let wide = |values: usize| format!("[{}1]", "1,".repeat(values - 2));
    assert!(parse(wide(MAX_NODES).as_bytes()).is_ok());
    assert_eq!(parse(wide(MAX_NODES + 1).as_bytes()), Err(Error::TooMany));
}

#[test]
fn what_real_clients_send_in_bulk_is_read() {
    let recipients: Vec<String> = (0..50_000)
        .map(|number| format!(r#"{{"email":"user{number}@example.com","name":"User {number}"}}"#))
        .collect();
    let mail = format!(r#"{{"personalizations":[{{"to":[{}]}}]}}"#, recipients.join(","));
    let read = parse(mail.as_bytes()).unwrap();
    assert_eq!(read["personalizations"][0]["to"].as_array().map(Vec::len), Some(50_000));
}

#[test]
fn eight_mebibytes_of_tiny_values_are_refused_before_they_are_all_read() {
    for unit in ["0,", "[],", "{},", "\"\",", "[[]],", "{\"\":0},"] {
        let hostile = format!("[{}0]", unit.repeat((8 << 20) / unit.len() - 1));
        let start = std::time::Instant::now();
        assert_eq!(parse(hostile.as_bytes()), Err(Error::TooMany), "{unit}");
        let took = start.elapsed();
        assert!(took < std::time::Duration::from_secs(5), "{unit}: {took:?}");
    }
    // No reading on past the limit: what is no JSON behind it is never met.
    let endless = format!("[{}%", "0,".repeat(MAX_NODES));
    assert_eq!(parse(endless.as_bytes()), Err(Error::TooMany));
}

#[test]
fn number_tokens_stay_as_written_and_look_alikes_stay_objects() {
    for token in ["1e6", "5000.0", "1E+05", "-0", "123456789012345678901234567890"] {
        let Value::Number(number) = parse(token.as_bytes()).unwrap() else {
            panic!("{token}")
        };
        assert_eq!(number.as_str(), token);
    }
    let look_alike = parse(br#"{"$serde_json::private::Number": "5"}"#).unwrap();
    assert!(look_alike.is_object());
}

proptest! {
    #[test]
    fn reads_what_serde_json_writes(strings in prop::collection::vec(any::<String>(), 0..4), number in any::<i64>(), flag in any::<bool>()) {
        let value = json!({"strings": strings, "number": number, "flag": flag, "nested": [{"x": null}]});
        let text = serde_json::to_string_pretty(&value).unwrap();
        prop_assert_eq!(parse(text.as_bytes()), Ok(value));
    }

    #[test]
    fn accepts_nothing_that_serde_json_refuses(text in "[\\[\\]{}\",:0-9a-fnrtu\\\\ .eE+-]{0,24}") {
        if parse(text.as_bytes()).is_ok() {
            prop_assert!(serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok());
        }
    }
}
