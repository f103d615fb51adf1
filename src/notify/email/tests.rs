use super::*;
use crate::model::Value;
use crate::notify::message::tests::told_of;
use crate::store::tests::sample;

fn mailbox(text: &str) -> Mailbox {
    text.parse().unwrap()
}

fn email() -> Email {
    let people = |names: &[&str]| names.iter().map(|name| mailbox(name)).collect();
    Email {
        server: Authority::parse("mail.test:587", None).unwrap(),
        encryption: Encryption::StartTls,
        credentials: None,
        from: mailbox("Runplane <runplane@example.com>"),
        groups: BTreeMap::from([
            ("finance".into(), people(&["a@example.com", "b@example.com"])),
            ("legal".into(), people(&["Bob <b@example.com>", "c@example.com"])),
        ]),
        always: people(&["c@example.com"]),
        events: vec!["requested".into()],
    }
}

fn written(summary: &str) -> String {
    let mut row = sample::approval();
    row.action.summary = summary.to_owned();
    let mail = email().written(&mailbox("a@example.com"), &told_of(row)).unwrap();
    String::from_utf8(mail.formatted()).unwrap()
}

/// Header fields up to the empty line, continued lines joined.
fn head(mail: &str) -> Vec<String> {
    let head = mail.split_once("\r\n\r\n").unwrap().0.replace("\r\n ", " ");
    head.split("\r\n").map(str::to_owned).collect()
}

#[test]
fn no_words_of_the_agents_make_a_header() {
    let names = |mail: &str| -> Vec<String> {
        let head = head(mail);
        head.iter()
            .map(|field| field.split(':').next().unwrap().to_owned())
            .collect()
    };
    let plain = names(&written("Refund $900.00"));
    assert!(
        plain.contains(&"Auto-Submitted".to_owned()) && plain.contains(&"Message-ID".to_owned()),
        "{plain:?}"
    );
    for evil in [
        "a\r\nBcc: x@evil.test",
        "a\nBcc: x@evil.test",
        "a\rBcc: x@evil.test",
        "a\r\n\r\n<html>",
        "a\u{2028}Bcc: x@evil.test\u{85}Cc: y@evil.test",
        "=?utf-8?q?=0d=0aBcc:_x@evil.test?=",
        &format!("{}\r\nBcc: x@evil.test", "ä".repeat(400)),
    ] {
        let mail = written(evil);
        assert_eq!(names(&mail), plain, "{mail}");
        let mail = email()
            .written(&mailbox("a@example.com"), &told_of(sample::approval()))
            .unwrap();
        assert_eq!(mail.envelope().to().len(), 1);
    }
}

#[test]
fn no_words_of_the_agents_are_markup() {
    let mut row = sample::approval();
    row.action.summary = "<a href=\"https://evil.test\">Approve</a><script>alert('1')</script>&amp;".to_owned();
    let text = html(&told_of(row));
    for markup in ["<a href=\"https://evil", "<script", "alert('"] {
        assert!(!text.contains(markup), "{markup}: {text}");
    }
    assert_eq!(text.matches("<a ").count(), 1, "{text}");
    assert!(
        text.contains("<a href=\"https://runplane.corp/approvals/apr_"),
        "{text}"
    );
    assert!(text.contains("&lt;a href=&quot;https[:]//evil[.]test&quot;&gt;") && text.contains("&amp;amp;"));
}

/// What readers of mail make a link of by themselves: in the subject, the text and the HTML.
#[test]
fn no_words_of_the_agents_become_a_link() {
    let mut row = sample::approval();
    let evil = "https://evil.example/approve/apr_7k2";
    row.action.summary = format!("Refund $900.00 of {evil} www.evil.example");
    row.action.target.id = Some(evil.to_owned());
    row.action.fields.insert(
        "resource_ids".into(),
        Value::List(vec!["evil.example/apr_7k2".to_owned()]),
    );
    let message = told_of(row);
    let mail = email().written(&mailbox("a@example.com"), &message).unwrap();
    let subject = head(&String::from_utf8(mail.formatted()).unwrap());
    let subject = subject.into_iter().find(|field| field.starts_with("Subject")).unwrap();
    for text in [subject, plain(&message), html(&message)] {
        // The one link is ours.
        let text = text.replace("https://runplane.corp/approvals/", "");
        assert!(!text.contains("://") && !text.contains("evil.example"), "{text}");
        assert!(text.contains("evil[.]example") && text.contains("$900.00"), "{text}");
    }
}

#[test]
fn each_person_is_told_once_for_all_their_groups() {
    let people = email().people();
    let shown: Vec<(String, Option<usize>)> = people
        .iter()
        .map(|(mailbox, groups)| (mailbox.address(), groups.as_ref().map(Vec::len)))
        .collect();
    let expected = [
        ("a@example.com", Some(1)),
        ("b@example.com", Some(2)),
        ("c@example.com", None),
    ];
    assert_eq!(shown, expected.map(|(address, groups)| (address.to_owned(), groups)));
}

#[test]
fn what_is_no_address_is_refused() {
    for text in [
        "",
        "alice",
        "alice@",
        "@example.com",
        "alice@example.com\r\nBcc: x@evil.test",
        "Al\u{a}ice <alice@example.com>",
        "a@example.com, b@example.com",
        "<a@example.com> b@example.com",
        "a <b <c@example.com>",
        &format!("{}@example.com", "a".repeat(300)),
    ] {
        assert!(text.parse::<Mailbox>().is_err(), "{text:?}");
    }
    assert_eq!(mailbox("Alice Ä. <alice@example.com>").address(), "alice@example.com");
    assert_eq!(mailbox("<alice@example.com>").address(), "alice@example.com");
}
