//! The pictures of `docs/img`, of an afternoon with all that the page shows. `RUNPLANE_WRITE_PAGES=docs/img` has them written.

use std::path::Path;

use serde_json::{Value, json};

use super::{Browser, stripe, text};
use crate::harness::{Receiver, Session, Sidecar, Workspace, eventually, root};
use crate::notify::mailed;

/// As the pictures of each page are taken.
const TAKEN: [(u16, &str); 2] = [(1440, "light"), (390, "dark")];

fn waits(sidecar: &Sidecar, command: &str) -> (Session, String) {
    let mut client = Session::stripe(sidecar);
    client.send(command);
    (client, sidecar.next_held())
}

/// The last call that was decided, once it came to its end.
fn last(sidecar: &Sidecar) -> String {
    let call = sidecar.trail().of_kind("decided").last().unwrap()["call"].clone();
    eventually("it came to its end", || {
        sidecar.trail().of_kind("outcome").iter().any(|it| it["call"] == call)
    });
    call.as_str().unwrap().to_owned()
}

#[test]
fn what_the_pictures_show_is_sound() {
    let (_origin, configuration) = stripe();
    let sidecar = configuration.start();
    let done = |command: &str| {
        let (mut client, id) = waits(&sidecar, command);
        sidecar.approve(&id);
        client.receive().assert_ok();
        last(&sidecar)
    };
    let erased = done("refund ch_0997 amount=64000");
    sidecar.told(&["audit", "erase", "--reason", "the customer asked for it", &erased]);
    let decided = done("refund ch_1041 amount=51200");
    let (mut client, id) = waits(&sidecar, "refund ch_1042 amount=85000");
    sidecar.deny(&id, "the parcel was found");
    assert!(!client.receive().ok);
    let _waiting: Vec<_> = [
        "refund ch_1042 amount=90000",
        "refund ch_1042 amount=91500 reason=duplicate",
        "refund ch_2077 amount=250000",
    ]
    .map(|command| waits(&sidecar, command))
    .into();
    let alike = sidecar.approvals("pending");
    let alike = alike.iter().find(|it| it["target_id"] == "ch_1042").unwrap()["id"].as_str();
    let pages = [
        ("inbox", "/".to_owned(), "2nd of"),
        (
            "approval",
            format!("/approvals/{}", alike.unwrap()),
            "Calls like this one",
        ),
        (
            "similar",
            format!("/approvals/{}/similar", alike.unwrap()),
            "Similar calls that wait",
        ),
        ("decision", format!("/decisions/{decided}"), "The provider did it"),
        ("erased", format!("/decisions/{erased}"), "Erased:"),
    ];
    let base = format!("http://127.0.0.1:{}", sidecar.control_port());
    let mut browser = Browser::new();
    for (width, scheme) in TAKEN {
        browser.enter(&sidecar, (true, width, scheme), None);
        for (name, path, shows) in &pages {
            let picture = format!("{name}-{width}-{scheme}.png");
            browser.does(&format!("go {base}{path}"));
            browser.does(&format!("sees {shows}"));
            browser.is_sound(&picture);
            taken(&mut browser, &picture);
        }
    }
}

/// A real mail, as its reader shows the HTML of it.
#[test]
fn what_a_mail_says_is_sound() {
    let receiver = Receiver::of_mail("starttls");
    let (_origin, configuration) = stripe();
    let configuration = configuration.control("public_url: \"https://runplane.example\"");
    let sidecar = mailed(configuration, receiver.port, "starttls", "").start();
    Session::stripe(&sidecar).call("balance").assert_ok();
    let _client = waits(&sidecar, "refund ch_1042 amount=91500");
    let mail = receiver.gets(1).remove(0);
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("mail.html");
    // Where the test's home is belongs in no picture.
    let home = format!(" --home {}", sidecar.home().display());
    std::fs::write(&file, mail["html"].as_str().unwrap().replace(&home, "")).unwrap();
    let mut browser = Browser::new();
    for (width, scheme) in TAKEN {
        let picture = format!("mail-{width}-{scheme}.png");
        browser.open(true, width, scheme, &format!("file://{}", file.display()));
        let shown = browser.does("sees left when this was written");
        for words in [
            "Approval wanted: apr_",
            "Refund $915.00 of ch_1042",
            "refund-over-500 asks approver",
            "amount = 91500",
            "Before",
            "lets exactly this call through, once",
            "https://runplane.example/approvals/apr_",
        ] {
            assert!(text(&shown).contains(words), "{words}: {shown}");
        }
        browser.is_sound(&picture);
        taken(&mut browser, &picture);
    }
}

/// The blocks that Slack is given, as `slack-blocks-to-jsx` shows them: Slack itself shows a test none.
#[test]
fn what_a_message_in_slack_says_is_shown_block_by_block() {
    let workspace = Workspace::new();
    let (_origin, configuration) = stripe();
    let configuration = configuration.person("alice", "approver").person("bob", "marketing");
    let sidecar = workspace.asked_by(configuration).start();
    Session::stripe(&sidecar).call("balance").assert_ok();
    let (mut client, _) = waits(&sidecar, "refund ch_1042 amount=60000");
    let asking = workspace.shows("Approval wanted");
    workspace.press(&sidecar, "U0ALICE", "runplane_approve");
    client.receive().assert_ok();
    let decided = workspace.shows("Consumed: apr_");
    let messages = [
        ("While it waits for people", asking),
        (
            "The same message once alice has approved and the call has gone out",
            decided,
        ),
    ];
    let logo = root().join("src/control/page/assets/icon.svg");
    let mut renderer = Session::at("node/slack_shown.js", "LOGO", &logo.display().to_string());
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("slack.html");
    let mut browser = Browser::new();
    for (width, scheme) in TAKEN {
        let picture = format!("slack-{width}-{scheme}.png");
        let given = messages
            .each_ref()
            .map(|(caption, message)| json!({"caption": caption, "blocks": message["blocks"]}));
        let html = renderer.call(&format!("show {}", json!({"scheme": scheme, "messages": given})));
        std::fs::write(&file, html.assert_ok().value.as_str().unwrap()).unwrap();
        let shown = browser.open(true, width, scheme, &format!("file://{}", file.display()));
        for words in [
            "Approval wanted: apr_",
            "What: Refund $600.00 of ch_1042",
            "Agent: support-bot",
            "Rule: refund-over-500 asks approver",
            "Before: ",
            "Consumed: apr_",
            "Yes: alice at ",
        ] {
            assert!(text(&shown).contains(words), "{words}: {shown}");
        }
        let each = browser.does("each .slack_blocks_to_jsx--block_wrapper")["each"].clone();
        let seen: Vec<_> = each
            .as_array()
            .unwrap()
            .iter()
            .map(|it| lines(it.as_str().unwrap()))
            .collect();
        let said: Vec<_> = messages.iter().flat_map(|(_, message)| said(message)).collect();
        assert_eq!(seen, said, "{picture}: every block, and nothing else");
        let buttons = browser.does("each button")["each"].clone();
        assert_eq!(
            buttons,
            json!(["Approve", "Deny…", "Open the page", "Open the page"]),
            "{picture}"
        );
        // Without the library's style a button is lower.
        assert_eq!(browser.does("place Approve")["box"]["height"], json!(28), "{picture}");
        let judged = browser.does("judge");
        assert_eq!(judged["wider"], json!(0), "{picture}: wider than the screen");
        assert_eq!(judged["complaints"], json!([]), "{picture}");
        taken(&mut browser, &picture);
    }
}

/// The lines of each block as people read them.
fn said(message: &Value) -> Vec<Vec<String>> {
    let line = |text: &Value| text["text"].as_str().unwrap().to_owned();
    let written = |block: &Value| match block["elements"].as_array() {
        Some(buttons) => buttons.iter().flat_map(|it| lines(&line(&it["text"]))).collect(),
        None => lines(&line(&block["text"])),
    };
    message["blocks"].as_array().unwrap().iter().map(written).collect()
}

fn lines(text: &str) -> Vec<String> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.map(str::to_owned).collect()
}

/// A picture of what is shown, where pictures are wanted.
fn taken(browser: &mut Browser, picture: &str) {
    if let Some(directory) = std::env::var_os("RUNPLANE_WRITE_PAGES") {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join(directory);
        browser.does(&format!("shot {}", directory.join(picture).display()));
    }
}
