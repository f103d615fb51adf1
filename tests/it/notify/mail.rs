//! By mail.

use super::*;

#[test]
fn who_is_asked_gets_mail_that_says_what_to_type() {
    let receiver = Receiver::of_mail("starttls");
    let (origin, configuration) = stripe();
    let more = "      owner: [ alice@example.com ]\n    always: [ Records <records@example.com> ]\n    events: [ requested, approved ]";
    let sidecar = mailed(configuration.hold("30s"), receiver.port, "starttls", more).start();
    let mut client = Session::stripe(&sidecar);
    client.send(REFUND);
    let mut got = receiver.gets(2);
    got.sort_by_key(|mail| mail["to"].to_string());
    let [alice, records] = &got[..] else { panic!("{got:#?}") };
    assert_eq!(
        (&alice["to"][0], &records["to"][0]),
        (&"alice@example.com".into(), &"records@example.com".into())
    );
    for mail in &got {
        assert_eq!(
            (&mail["from"], &mail["tls"]),
            (&"runplane@example.com".into(), &true.into())
        );
        assert_eq!(
            (&mail["authenticated"], &mail["defects"]),
            (&true.into(), &serde_json::json!([]))
        );
        assert!(
            text(&mail["subject"]).contains("Approval wanted: support-bot: Refund $900.00 of ch_1"),
            "{mail:#}"
        );
        for part in ["plain", "html"] {
            assert!(text(&mail[part]).contains("refund-over-500"), "{mail:#}");
        }
    }
    // What stands in the mail is what decides: there is nothing in it that a scanner of links could open.
    assert!(
        !text(&alice["html"]).contains("href") && !text(&alice["plain"]).contains("http"),
        "{alice:#}"
    );
    origin.assert_untouched();
    let lines = text(&alice["plain"]).lines();
    let command = lines
        .map(str::trim)
        .find_map(|line| line.strip_prefix("runplane approvals approve"))
        .unwrap();
    let words: Vec<&str> = ["approvals", "approve"]
        .into_iter()
        .chain(command.split_whitespace())
        .collect();
    sidecar.told(&words);
    client.receive().assert_ok();
    let got = receiver.gets(4);
    assert!(
        got[2..]
            .iter()
            .all(|mail| text(&mail["subject"]).contains("Approved: ")),
        "{got:#?}"
    );
}

#[test]
fn mail_by_tls_from_the_first_byte_on_goes_out_too() {
    let receiver = Receiver::of_mail("implicit");
    let (_origin, configuration) = stripe();
    let sidecar = mailed(configuration, receiver.port, "implicit", "").start();
    Session::stripe(&sidecar)
        .call(REFUND)
        .assert_refused("approval_pending");
    let got = receiver.gets(1);
    assert_eq!(
        (&got[0]["to"][0], &got[0]["tls"]),
        (&"alice@example.com".into(), &true.into())
    );
}

#[test]
fn a_server_that_offers_no_tls_gets_no_mail() {
    let receiver = Receiver::of_mail("clear");
    let (_origin, configuration) = stripe();
    let sidecar = mailed(configuration, receiver.port, "starttls", "").start();
    Session::stripe(&sidecar)
        .call(REFUND)
        .assert_refused("approval_pending");
    assert!(error(&sidecar).contains("offers no STARTTLS"), "{}", error(&sidecar));
    assert!(receiver.got().is_empty());
}

#[test]
fn an_address_that_is_not_there_is_given_up_and_that_is_on_record() {
    let receiver = Receiver::of_mail("starttls");
    let (_origin, configuration) = stripe();
    let more = "    always: [ nobody@example.com ]";
    let sidecar = mailed(configuration, receiver.port, "starttls", more).start();
    Session::stripe(&sidecar)
        .call(REFUND)
        .assert_refused("approval_pending");
    receiver.gets(1);
    let given_up = || sidecar.trail().of_kind("notification");
    eventually("it is on record", || !given_up().is_empty());
    let entry = &given_up()[0];
    assert_eq!(
        (&entry["result"], &entry["channel"]),
        (&"given_up".into(), &"email".into())
    );
    assert!(
        !entry.to_string().contains("nobody@"),
        "an address is not kept for ever: {entry}"
    );
    let list = sidecar.told(&["notifications", "list"]);
    assert!(
        list.contains("email:nobody@example.com") && list.contains("given_up") && list.contains("550"),
        "{list}"
    );
}

#[test]
fn who_cannot_be_asked_in_time_is_not_asked() {
    let port = free_port();
    let (_origin, configuration) = stripe();
    let sidecar = mailed(configuration, port, "starttls", "").start();
    let id = Session::stripe(&sidecar).call(REFUND).approval();
    error(&sidecar);
    sidecar.deny(&id, "not today");
    let receiver = Receiver::of_mail_at(port, "starttls");
    eventually("there is nothing to ask any more", || {
        notifications(&sidecar)["items"][0]["state"] == "superseded"
    });
    assert!(!receiver.printed().contains("hello"), "{}", receiver.printed());
}
