//! The libraries of SendGrid, Slack and Twilio.

use super::*;

pub const SENDGRID: Calls = Calls {
    allow: "templates",
    block: ("delete_bounces", "Many records at once are not deleted by an agent"),
    hold: "send 250",
    executed: |origin| origin.calls("POST", "/v3/mail/send").len(),
};

pub const SLACK: Calls = Calls {
    allow: "post C1 hello",
    block: ("invite C1 U2", "People are let in by people only"),
    hold: "delete C1 1405894322.002768",
    executed: |origin| origin.calls("POST", "/api/chat.delete").len(),
};

pub const NO_INVITATIONS: &str = r#"
@id("no-invitations")
@reason("People are let in by people only")
forbid (principal, action == Action::"modify_security", resource in Provider::"slack");
"#;

const TWILIO: Calls = Calls {
    allow: "messages",
    block: ("send +15005550006", "Nobody is written to by an agent"),
    hold: "delete SM0123456789abcdef0123456789abcdef",
    executed: |origin| deletions(origin, "/Messages/"),
};

#[test]
fn sendgrid() {
    let hosts: &[&str] = &["api.sendgrid.com"];
    shows(
        "sendgrid",
        &SENDGRID,
        &Origin::sendgrid(),
        (hosts, ""),
        Session::sendgrid,
    );
}

#[test]
fn sendgrid_up_to_a_hundred_recipients_are_mailed_unasked() {
    let origin = Origin::sendgrid();
    let sidecar = Sidecar::new().resolve("api.sendgrid.com", &origin).hold("1s").start();
    let mut sendgrid = Session::sendgrid(&sidecar);
    assert_eq!(sendgrid.call("send 100").assert_ok().status, Some(202));
    let held = sendgrid.call("send 101");
    held.assert_refused("approval_pending");
    assert_eq!(
        (held.error().class.as_str(), held.error().http_status),
        ("ForbiddenError", Some(403))
    );
    assert_eq!(origin.calls("POST", "/v3/mail/send").len(), 1);
}

#[test]
fn slack_sdk() {
    let hosts: &[&str] = &["slack.com"];
    shows(
        "slack_sdk",
        &SLACK,
        &Origin::slack(),
        (hosts, NO_INVITATIONS),
        Session::slack,
    );
}

/// It tries again whatever is not a 200.
#[test]
fn slack_for_node() {
    let start = |sidecar: &Sidecar| Session::open("node/slack_client.js", sidecar, None, &[]);
    let hosts: &[&str] = &["slack.com"];
    shows(
        "@slack/web-api",
        &SLACK,
        &Origin::slack(),
        (hosts, NO_INVITATIONS),
        start,
    );
}

#[test]
fn twilio() {
    let rule = no("send_sms", "twilio", "Nobody is written to by an agent");
    shows(
        "twilio",
        &TWILIO,
        &Origin::twilio(),
        (&["api.twilio.com"], &rule),
        Session::twilio,
    );
}

#[test]
fn twilios_library_sends_what_nothing_forbids_and_shows_its_own_error() {
    let origin = Origin::twilio();
    let sidecar = Sidecar::new().resolve("api.twilio.com", &origin).hold("1s").start();
    let mut twilio = Session::twilio(&sidecar);
    assert_eq!(twilio.call("send +15005550006").assert_ok().status, Some(201));
    let held = twilio.call("delete SM0123456789abcdef0123456789abcdef");
    held.assert_refused("approval_pending").assert_refused("NOT executed");
    let error = held.error();
    assert_eq!(
        (error.class.as_str(), error.http_status, error.code.as_deref()),
        ("TwilioRestException", Some(403), Some("20403"))
    );
    assert_eq!(sidecar.trail().of_kind("decided").len(), 2, "one attempt each");
}
