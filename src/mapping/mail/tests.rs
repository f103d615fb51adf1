use proptest::prelude::*;

use super::*;
use crate::io::fuzz::worked;

fn to(mail: &str) -> Result<Vec<String>, Why> {
    recipients(mail.as_bytes())
}

#[test]
fn whoever_the_head_names_gets_it() {
    for (mail, found) in [
        ("To: a@x.example\r\n\r\nTo: b@x.example\r\n", &["a@x.example"][..]),
        ("to:a@x.example\nBCC: b@y.example\n\n", &["a@x.example", "b@y.example"]),
        (
            "To: a@x.example\r\nTo: b@x.example\r\n\r\n",
            &["a@x.example", "b@x.example"],
        ),
        (
            "To: Ada <a@x.example>,\r\n\t\"Bob, B.\" <b@x.example>\r\n\r\n",
            &["a@x.example", "b@x.example"],
        ),
        (
            "To: team: a@x.example, b@x.example;\n\n",
            &["a@x.example", "b@x.example"],
        ),
        ("To: undisclosed-recipients:;\nBcc: b@x.example\n\n", &["b@x.example"]),
        ("To: =?utf-8?q?Zo=C3=AB?= <z@x.example>\n\n", &["z@x.example"]),
        ("To: \"a@x.example\" <a@x.example>\n\n", &["a@x.example"]),
        ("To: a@x.example, a@x.example\n\n", &["a@x.example", "a@x.example"]),
        ("To: Zoë <z@x.example>\nCc:\n\n", &["z@x.example"]),
        ("To: a@x.example", &["a@x.example"]),
        ("To: a@x.example; b@x.example\n\n", &["a@x.example", "b@x.example"]),
    ] {
        assert_eq!(to(mail).unwrap(), found, "{mail:?}");
    }
}

#[test]
fn a_head_that_may_be_read_otherwise_is_unreadable() {
    for mail in [
        "To: a@x.example\r\nResent-To: b@x.example\r\n\r\n",
        "To: a@x.example\r\nApparently-To: b@x.example\r\n\r\n",
        "To: a@x.example\r\nBcc : b@x.example\r\n\r\n",
        "To: a@x.example\r\nX: y\rBcc: b@x.example\r\n\r\n",
        "To: a@x.example\r\nX: y\nBcc: b@x.example\r\n\r\n",
        "To: a@x.example\nX: y\r\n\r\nBcc: b@x.example\n\n",
        "To: a@x.example\r\n \r\nBcc: b@x.example\r\n\r\n",
        "To: a@x.example\r\nX: y\u{85}Bcc: b@x.example\r\n\r\n",
        "To: a@x.example\r\nX: y\u{2028}Bcc: b@x.example\r\n\r\n",
        "To: a@x.example\r\nX: y\u{b}Bcc: b@x.example\r\n\r\n",
        "\r\nTo: a@x.example\r\n\r\n",
        " To: a@x.example\r\n\r\n",
        "From me\r\nTo: a@x.example\r\n\r\n",
        "To: b@x.example <a@x.example>\r\n\r\n",
        "To: =?utf-8?q?b=40x.example=2C?= <a@x.example>\r\n\r\n",
        "To: <@b.example:a@x.example>\r\n\r\n",
        "To: \"a@b\"@x.example\r\n\r\n",
        "To: a@x.example (b@x.example)\r\n\r\n",
        "To: postmaster\r\n\r\n",
    ] {
        assert_eq!(to(mail), Err(Why::Unreadable), "{mail:?}");
    }
    for mail in [
        "",
        "Subject: x\r\n\r\nTo: a@x.example",
        "To: undisclosed-recipients:;\r\n\r\n",
        "To: \r\n\r\n",
    ] {
        assert_eq!(to(mail), Err(Why::Absent), "{mail:?}");
    }
}

#[test]
fn an_encoded_word_that_not_all_decode_is_unreadable() {
    let name = |words: &str| to(&format!("To: {words} <a@x.example>\r\n\r\n"));
    for words in [
        "=?utf-8?q?Zo=C3=AB?=",
        "=?UTF-8?B?Wm/Dqw==?=",
        "=?iso-8859-1?Q?Andr=E9?= Pirard",
        "=?utf-8?q?Doe=2C_J.?=",
        "=?utf-8?q?a?=\r\n =?utf-8?q?b?=",
        "(=?utf-8?q?a?=)",
    ] {
        assert_eq!(name(words).as_deref(), Ok(&["a@x.example".to_owned()][..]), "{words}");
    }
    for words in [
        "=?utf-8?q?b=40evil.example=3e=2c?=",
        "=?utf-8?b?YkBldmlsLmV4YW1wbGU=?=",
        "=?x-unknown?q?a?=",
        "=?utf-7?q?+AEA-?=",
        "=?utf-8*en?q?a?=",
        "=?utf-8?x?a?=",
        "=?utf-8?b?YQ?=",
        "=?utf-8?b?_?=",
        "=?utf-8?q?=C3?=",
        "=?utf-8?q?=4?=",
        "=?utf-8?q?=3D=3Futf-8?=",
        "=?utf-8?q?a=0D=0A?=",
        "=?us-ascii?q?=E9?=",
        "=?utf-8?q?a b?=",
        "=?utf-8?q?a",
        "=?",
        "a=?utf-8?q?a?=",
        "=?utf-8?q?a?=b",
        "=?utf-8?q?a?==?utf-8?q?b?=",
        "\"=?utf-8?q?a?=\"",
        "Zoë =?utf-8?q?a?=",
        &format!("=?utf-8?q?{}?=", "a".repeat(64)),
    ] {
        assert_eq!(name(words), Err(Why::Unreadable), "{words}");
    }
    for mail in [
        "To: =?utf-8?q?b=40evil.example=3e=2c?=a@ours.example\r\n\r\n",
        "To: =?utf-8?q?a?=@ours.example\r\n\r\n",
        "To: a@=?utf-8?q?ours.example?=\r\n\r\n",
        "To: <=?utf-8?q?a?=@ours.example>\r\n\r\n",
    ] {
        assert_eq!(to(mail), Err(Why::Unreadable), "{mail}");
    }
}

#[test]
fn a_long_head_is_read_in_little_time() {
    let began = worked();
    let lines = |line: &str| format!("To: {}a@x.example\r\n\r\n", line.repeat(200 * 1024 / line.len()));
    for line in [
        " =?",
        " =?utf-8?q?a?=",
        "\r\n =?",
        "\r\n =?utf-8?q?a?=",
        "?=",
        "(",
        "\"",
        "\\",
        ":",
        "a@x.example,",
    ] {
        assert_eq!(to(&lines(line)), Err(Why::Unreadable), "{line:?}");
    }
    let hostile = format!("To: {}?={}\r\n\r\n", " =?".repeat(3_000), "x?=".repeat(3_000));
    assert_eq!(to(&hostile), Err(Why::Unreadable));
    // As much as is read at all.
    let words = "\r\n".to_owned() + &" =?utf-8?q?a?=".repeat(70);
    let field = format!("To: {} <a@x.example>\r\n", words.repeat(60));
    assert_eq!(to(&format!("{}\r\n", field.repeat(3))).map(|found| found.len()), Ok(3));
    let took = worked() - began;
    assert!(took < std::time::Duration::from_secs(1), "{took:?} of a processor");
    for (field, fine) in [
        (format!("To: {} <a@x.example>\r\n\r\n", "b".repeat(980)), true),
        (format!("To: {} <a@x.example>\r\n\r\n", "b".repeat(981)), false),
    ] {
        assert_eq!(to(&field).is_ok(), fine, "{}", field.len());
    }
}

#[test]
fn parts_of_an_upload_are_as_they_are_or_none() {
    let body = |head: &str, about: &str, mail: &str| {
        format!(
            "--b\r\nContent-Type: application/json{head}\r\n\r\n{about}\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n{mail}\r\n--b--"
        )
    };
    let read = |text: &str| content(text.as_bytes(), "multipart/related; boundary=b");
    let fine = read(&body("", "{\"threadId\":\"t\"}", "To: a@x.example\r\n\r\n")).unwrap();
    assert_eq!(
        decode(fine["raw"].as_str().unwrap()).unwrap(),
        b"To: a@x.example\r\n\r\n"
    );
    assert_eq!(fine["threadId"], "t");
    for text in [
        body("", "{\"raw\":\"eA==\"}", "To: a@x.example"),
        body("\r\nTo: b@x.example", "{}", "To: a@x.example"),
        body("\r\nContent-Transfer-Encoding: base64", "{}", "To: a@x.example"),
        body("", "[]", "To: a@x.example"),
        body("", "{}", "To: a@x.example").replace("message/rfc822", "text/plain"),
        body(
            "",
            "{}",
            "x\r\n--b\r\nContent-Type: message/rfc822\r\n\r\nTo: b@x.example",
        ),
    ] {
        assert!(read(&text).is_none(), "{text}");
    }
}

/// All addresses that any reader may find in fields that name recipients: every run around an `@`.
fn named(head: &[(String, String)]) -> usize {
    let recipients = head
        .iter()
        .filter(|(name, _)| RECIPIENTS.iter().any(|known| known.eq_ignore_ascii_case(name)));
    let mut all: Vec<&str> = Vec::new();
    for (_, value) in recipients {
        let words = value.split([' ', ',', ';', '<', '>', ':', '"', '(', ')', '\n', '\r', '\t']);
        let found: Vec<&str> = words
            .filter(|word| word.split('@').all(|part| !part.is_empty()) && word.contains('@'))
            .collect();
        // An address as its own name is one.
        for (at, address) in found.iter().enumerate() {
            if at == 0
                || !found
                    .get(at - 1)
                    .is_some_and(|before| before.eq_ignore_ascii_case(address))
            {
                all.push(address);
            }
        }
    }
    all.len()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn no_recipient_goes_uncounted(
        head in prop::collection::vec((
            prop::sample::select(vec!["To", "CC", "bcc", "From", "Subject", "X-To"]),
            prop::collection::vec(prop::sample::select(vec![
                "a@x.example", "Bob <b@y.example>", "\"c, d\" <c@x.example>", "<e@x.example>", ", ", ",", " ", ";", "team: ",
                "(note)", "\n ", "\"", "<", ">", "f@x.example (g@y.example)", "=?utf-8?q?h=40x?=", "\\", "postmaster", "@",
            ]), 0..7),
        ), 0..5),
        crlf in any::<bool>(),
    ) {
        let newline = if crlf { "\r\n" } else { "\n" };
        let fields: Vec<(String, String)> = head.iter()
            .map(|(name, parts)| ((*name).to_owned(), parts.concat().replace('\n', newline)))
            .collect();
        let mail: String = fields.iter().map(|(name, value)| format!("{name}: {value}{newline}")).collect();
        let mail = format!("{mail}{newline}To: body@z.example{newline}");
        if let Ok(found) = recipients(mail.as_bytes()) {
            prop_assert!(found.len() >= named(&fields), "{:?}: {:?}", mail, found);
        }
    }

    #[test]
    fn any_bytes_are_read_or_not(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        if let Ok(found) = recipients(&bytes) {
            prop_assert!(!found.is_empty());
        }
    }
}
