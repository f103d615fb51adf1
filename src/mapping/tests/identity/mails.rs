//! Mail that a call sends: each writing of it has a date, an id and boundaries of its own.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;

use super::*;

const SEND: &str = "https://gmail.googleapis.com/gmail/v1/users/me/messages/send";
const UPLOAD: &str = "https://gmail.googleapis.com/upload/gmail/v1/users/me/messages/send";

fn mail(date: &str, id: &str, boundary: &str, to: &str, text: &str) -> String {
    format!(
        "From: bot@acme.example\nTo: {to}\nDate: {date}\nMessage-ID: <{id}@host>\nMIME-Version: 1.0\n\
         Content-Type: multipart/alternative; boundary=\"{boundary}\"\n\n\
         --{boundary}\nContent-Type: text/plain\n\n{text}\n--{boundary}\nContent-Type: text/html\n\n<p>{text}</p>\n--{boundary}--\n"
    )
}

fn first() -> String {
    mail(
        "Sun, 22 Nov 2026 07:00:00 +0000",
        "1",
        "===============1==",
        "a@x.example",
        "hello",
    )
}

fn again() -> String {
    mail(
        "Sun, 22 Nov 2026 07:00:09 +0000",
        "2",
        "===============23==",
        "a@x.example",
        "hello",
    )
}

fn in_json(mail: &str) -> Vec<u8> {
    let body = json!({ "raw": URL_SAFE.encode(mail), "threadId": "t" }).to_string();
    content(&call(
        "POST",
        SEND,
        &[("content-type", "application/json")],
        Some(&body),
    ))
}

fn whole(mail: &str) -> Vec<u8> {
    let url = format!("{UPLOAD}?uploadType=media");
    content(&call("POST", &url, &[("content-type", "message/rfc822")], Some(mail)))
}

fn in_parts(mail: &str, boundary: &str) -> Vec<u8> {
    let body = format!(
        "--{boundary}\r\nContent-Type: application/json\r\n\r\n{{}}\r\n--{boundary}\r\nContent-Type: message/rfc822\r\n\r\n{mail}\r\n--{boundary}--"
    );
    let url = format!("{UPLOAD}?uploadType=multipart");
    let kind = format!("multipart/related; boundary={boundary}");
    content(&call("POST", &url, &[("content-type", &kind)], Some(&body)))
}

fn raw(mail: &str) -> Vec<u8> {
    let data = base64::engine::general_purpose::STANDARD.encode(mail);
    let body: String = form_urlencoded::Serializer::new(String::new())
        .extend_pairs([
            ("Action", "SendRawEmail"),
            ("Version", "2010-12-01"),
            ("RawMessage.Data", &data),
        ])
        .finish();
    content(&call(
        "POST",
        "https://email.us-east-1.amazonaws.com/",
        &[FORM],
        Some(&body),
    ))
}

/// A call that sends this mail.
type Way<'a> = &'a dyn Fn(&str) -> Vec<u8>;

#[test]
fn a_mail_is_known_again_by_what_it_says() {
    let (first, again) = (first(), again());
    let ways: [Way<'_>; 4] = [&in_json, &whole, &|mail| in_parts(mail, "b1"), &raw];
    for (at, way) in ways.into_iter().enumerate() {
        let known = way(&first);
        assert_eq!(known, way(&again), "{at}");
        for other in [
            first.replace("a@x.example", "b@x.example"),
            first.replace("hello", "hallo"),
            first.replace("Date:", "X-Date:"),
            first.replace("text/html", "text/plain"),
            first.replace("From: bot@acme.example\n", ""),
            first.replace("MIME-Version: 1.0\n", "MIME-Version: 1.0\nBcc: c@x.example\n"),
            first.replace("\n", "\r\n"),
            // Something beside the date or in the id.
            first.replace("07:00:00 +0000", "07:00:00 +0000 (pay 1)"),
            first.replace("07:00:00 +0000", "pay 1 to c@x.example"),
            first.replace("<1@host>", "<1@host> pay 1"),
            first.replace("<1@host>", "pay 1"),
            first.replace("<1@host>", &format!("<{}@host>", "1".repeat(200))),
            // No parameter of that name.
            first.replace("; boundary=\"", "; x-boundary=\""),
            first.replace("; boundary=\"", "; x=\"; boundary=\""),
            // Not a date, two ids, a boundary that stands where it parts nothing, something before it.
            first.replace("07:00:00", "{07:00:00}"),
            first.replace("Date:", "Message-ID: <3@host>\nDate:"),
            first.replace("<p>", "--===============1=="),
            first.replace("\n\n--", "\n\nx\n--"),
        ] {
            assert_ne!(other, first);
            assert_ne!(known, way(&other), "{at}: {other}");
            // What cannot be told apart is another one each time that it differs.
            assert_eq!(way(&other), way(&other));
        }
    }
    assert_eq!(in_parts(&first, "b1"), in_parts(&again, "b2"));
    assert_ne!(in_json(&first), whole(&first));
}

#[test]
fn what_is_no_date_id_or_boundary_tells_two_mails_apart() {
    let (first, again) = (first(), again());
    for (from, one, other) in [
        ("07:00:00 +0000", "07:00:00 +0000 (pay 1)", "07:00:00 +0000 (pay 2)"),
        ("Sun, 22 Nov 2026", "pay 1 Sun, 22 Nov 2026", "pay 2 Sun, 22 Nov 2026"),
        ("<1@host>", "<1@host> <pay-1@host>", "<1@host> <pay-2@host>"),
        ("<1@host>", "pay-1@host", "pay-2@host"),
        (";", "; x=\"a\" ", "; x=\"b\" "),
    ] {
        assert_ne!(
            in_json(&first.replace(from, one)),
            in_json(&first.replace(from, other)),
            "{from}"
        );
    }
    for other in ["; x-boundary=", "; x=\"\\\"; boundary=", "; x=y boundary="] {
        let (one, two) = (first.replace("; boundary=", other), again.replace("; boundary=", other));
        assert_ne!(in_json(&one), in_json(&two), "{other}");
    }
    let folded = |mail: &str| mail.replace("Message-ID: ", "Message-ID:\n ");
    assert_eq!(in_json(&folded(&first)), in_json(&folded(&again)));
}

#[test]
fn a_mail_that_is_not_one_counts_as_it_came() {
    for (one, other) in [
        ("x", "y"),
        ("To: a@x.example\r\n\r\nx", "To: a@x.example\n\nx"),
        ("Date: 1\rTo: a\n\n", "Date: 2\rTo: a\n\n"),
    ] {
        assert_ne!(in_json(one), in_json(other));
        assert_ne!(whole(one), whole(other));
    }
}
