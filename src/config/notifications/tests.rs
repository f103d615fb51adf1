use std::os::unix::fs::PermissionsExt as _;

use super::super::Config;
use super::*;

const SECRET: &str = "whsec_QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWY=";

fn parse(section: &str) -> Result<Config, String> {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str, mode: u32| {
        let path = directory.path().join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    write("hook.secret", SECRET, 0o600);
    write("open.secret", SECRET, 0o644);
    write("no.secret", "hunter2", 0o600);
    write("password", "pa ss\n", 0o600);
    write("slack.token", "xoxb-12-AbC\n", 0o600);
    write("slack.secret", "8f742231b10e8888abcd99baac885a5f\n", 0o600);
    write("runplane.yaml", &format!("notifications:\n{section}"), 0o600);
    let home = Home::choose(Some(directory.path().to_owned())).unwrap();
    Config::load(home).map_err(|wrong| wrong.iter().map(ToString::to_string).collect())
}

fn hook(keys: &str) -> String {
    format!("  webhooks:\n    - {{ name: ops, {keys} }}\n")
}

fn email(keys: &str) -> String {
    format!("  email: {{ from: a@example.com, groups: {{ finance: [ b@example.com ] }}, {keys} }}\n")
}

#[test]
fn what_is_configured_is_who_is_told() {
    let text = hook("url: 'https://hooks.example.com/a?b=c', secret_file: hook.secret, events: [ denied, requested ]");
    let text =
        text + &email("server: mail.example.com, user: u, password_file: password, always: [ 'C <c@example.com>' ]");
    let config = parse(&(text + "  destinations: [ 10.0.0.0/8 ]\n")).unwrap();
    let receivers = config.notifications.receivers();
    let shown: Vec<String> = receivers
        .iter()
        .map(|receiver| format!("{} {:?} {:?}", receiver.name, receiver.groups, receiver.events))
        .collect();
    assert_eq!(
        shown,
        [
            "webhook:ops None [\"denied\", \"requested\"]",
            "email:b@example.com Some([\"finance\"]) [\"requested\"]",
            "email:c@example.com None [\"requested\"]",
        ]
    );
    let email = config.notifications.email.as_ref().unwrap();
    assert_eq!((email.server.port, email.encryption), (587, Encryption::StartTls));
    assert_eq!(email.credentials.as_ref().unwrap().1.expose(), "pa ss");
    assert_eq!(config.files().len(), 2, "an agent is kept from both");
    assert!(!format!("{config:?}").contains("QUJD") && !format!("{config:?}").contains("pa ss"));
    assert!(parse("  webhooks: []\n").unwrap().notifications.receivers().is_empty());
}

#[test]
fn what_is_wrong_is_said_with_its_place_and_no_secret() {
    let good = "secret_file: hook.secret";
    let url = "url: 'https://hooks.example.com/'";
    for (section, says) in [
        ("  webhook: []\n".to_owned(), "unknown field `webhook`"),
        (hook(&format!("{good}, {url}, method: PUT")), "unknown field `method`"),
        (
            hook(&format!("{good}, url: 'http://hooks.example.com/'")),
            "in clear to this machine only",
        ),
        (
            hook(&format!("{good}, url: 'ftp://hooks.example.com/'")),
            "it begins with https://",
        ),
        (
            hook(&format!("{good}, url: 'https://u:hunter2@hooks.example.com/'")),
            "expected a URL",
        ),
        (
            hook(&format!("{good}, url: 'https://hooks.example.com/#a'")),
            "fragment",
        ),
        (
            hook(&format!("{good}, {url}, events: [ consent ]")),
            "expected one of requested",
        ),
        (hook(&format!("{url}, secret_file: none.secret")), "none.secret"),
        (hook(&format!("{url}, secret_file: open.secret")), "chmod 600"),
        (
            hook(&format!("{url}, secret_file: no.secret")),
            "24 to 64 bytes in base64",
        ),
        (hook(url), "missing field"),
        (
            hook(&format!("{good}, {url}")) + &format!("    - {{ name: ops, {good}, {url} }}\n"),
            "another webhook is called `ops`",
        ),
        (email("server: 'mail.example.com:99999'"), "expected a mail server"),
        (email("server: mail.example.com, tls: ssl"), "starttls"),
        (email("server: mail.example.com, user: u"), "go together"),
        (
            email("server: mail.example.com, always: [ nobody ]"),
            "expected an address",
        ),
        (
            "  email: { server: mail.example.com, from: a@example.com }\n".to_owned(),
            "nobody would get mail",
        ),
        ("  destinations: [ 10.0.0.0/99 ]\n".to_owned(), "expected a network"),
    ] {
        let error = parse(&section).unwrap_err();
        assert!(
            error.contains(says) && error.contains("runplane.yaml:"),
            "{section}{error}"
        );
        assert!(!error.contains("QUJD"), "{error}");
    }
}

#[test]
fn mail_goes_in_clear_to_this_machine_only() {
    for server in ["mail.example.com", "10.1.2.3", "'[::]:25'", "localhost.example.com"] {
        let error = parse(&email(&format!("server: {server}, tls: none"))).unwrap_err();
        assert!(error.contains("on this machine only"), "{server}: {error}");
    }
    for server in ["localhost", "127.0.0.1", "'[::1]:2525'"] {
        parse(&email(&format!("server: {server}, tls: none"))).unwrap();
    }
}

/// With a name by which people reach control.
fn slack(keys: &str) -> String {
    format!(
        "  slack: {{ groups: {{ finance: [ C01, C02 ] }}, {keys} }}\ncontrol: {{ public_url: 'https://runplane.corp' }}\n"
    )
}

#[test]
fn channels_are_asked_for_their_groups_and_users_of_slack_are_people_here() {
    let keys = "token_file: slack.token, always: [ C02, G03 ], signing_secret_file: slack.secret, people: { U01: alice, W02: bob }";
    let config = parse(&slack(keys)).unwrap();
    let receivers = config.notifications.receivers();
    let shown: Vec<String> = receivers
        .iter()
        .map(|receiver| format!("{} {:?} {}", receiver.name, receiver.groups, receiver.events.len()))
        .collect();
    assert_eq!(
        shown,
        [
            "slack:C01 Some([\"finance\"]) 7",
            "slack:C02 None 7",
            "slack:G03 None 7"
        ]
    );
    let buttons = config.notifications.slack.as_ref().unwrap().buttons.as_ref().unwrap();
    assert_eq!(buttons.people.get("U01").map(|name| &**name), Some("alice"));
    assert_eq!(config.files().len(), 2, "an agent is kept from both");
    assert!(!format!("{config:?}").contains("xoxb") && !format!("{config:?}").contains("8f74"));
    let config = parse(&slack("token_file: slack.token")).unwrap();
    assert!(config.notifications.slack.unwrap().buttons.is_none());
}

#[test]
fn what_is_wrong_of_slack_is_said_with_its_place_and_no_secret() {
    let (token, both) = (
        "token_file: slack.token",
        "signing_secret_file: slack.secret, people: { U01: alice }",
    );
    for (section, says) in [
        (slack("always: []"), "missing field"),
        (slack("token_file: open.secret"), "chmod 600"),
        (slack("token_file: no.secret"), "xoxb-"),
        (
            slack(&format!("{token}, always: [ '#finance' ]")),
            "expected the id of a channel",
        ),
        (slack(&format!("{token}, people: {{ U01: alice }}")), "go together"),
        (
            slack(&format!("{token}, signing_secret_file: slack.secret")),
            "nobody could press",
        ),
        (
            slack(&format!(
                "{token}, signing_secret_file: slack.secret, people: {{ alice: alice }}"
            )),
            "the id of a user",
        ),
        (
            slack(&format!(
                "{token}, signing_secret_file: no.secret, people: {{ U01: alice }}"
            )),
            "32 hexadecimal digits",
        ),
        (
            slack(&format!("{token}, url: 'https://evil.example'")),
            "unknown field `url`",
        ),
        (format!("  slack: {{ {token} }}\n"), "nobody would be asked"),
        (
            format!("  slack: {{ always: [ C01 ], {token}, {both} }}\n"),
            "control.public_url",
        ),
    ] {
        let error = parse(&section).unwrap_err();
        assert!(
            error.contains(says) && error.contains("runplane.yaml:"),
            "{section}{error}"
        );
        assert!(!error.contains("hunter2") && !error.contains("8f74"), "{error}");
    }
}
