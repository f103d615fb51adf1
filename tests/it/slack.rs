//! People are asked in Slack, and decide there.

mod alike;
mod only_on_the_page;
mod replayed;

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::harness::{Configuration, Origin, Session, Sidecar, Signed, Workspace, button_of, buttons, eventually, key};

const REFUND: &str = "refund ch_1 amount=60000";
const APPROVE: &str = "runplane_approve";
const DENY: &str = "runplane_deny";
const PAGE: &str = "runplane_page";

/// A sidecar to be, in front of Stripe, with people for whom Slack has buttons.
fn stripe(hold: &str) -> (Origin, Configuration) {
    let origin = Origin::stripe();
    let configuration = Sidecar::new()
        .resolve("api.stripe.com", &origin)
        .person("alice", "approver")
        .person("bob", "marketing")
        .hold(hold);
    (origin, configuration)
}

/// An agent's refund that people are asked about in Slack; the agent does not wait for them.
#[track_caller]
fn asked(shaped: impl FnOnce(Configuration) -> Configuration) -> (Workspace, Origin, Sidecar, Session) {
    let workspace = Workspace::new();
    let (origin, configuration) = stripe("1s");
    let sidecar = workspace.asked_by(shaped(configuration)).start();
    let mut client = Session::stripe(&sidecar);
    client.call(REFUND).assert_refused("approval_pending");
    workspace.shows("Approval wanted");
    (workspace, origin, sidecar, client)
}

fn ids(message: &Value) -> Vec<String> {
    buttons(message).into_iter().map(|(id, _)| id).collect()
}

fn deliveries(sidecar: &Sidecar) -> Value {
    let answer = sidecar.api("GET", "/api/v1/notifications?all=true", &sidecar.owner_key(), None);
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

fn waiting(sidecar: &Sidecar) -> String {
    sidecar.approvals("pending")[0]["id"].as_str().unwrap().to_owned()
}

fn is_pending(sidecar: &Sidecar) -> bool {
    sidecar.approvals("pending").len() == 1
}

#[test]
fn what_is_asked_stands_in_slack_and_changes_with_what_becomes_of_it() {
    let workspace = Workspace::new();
    let (_origin, configuration) = stripe("30s");
    let sidecar = workspace.asked_by(configuration).start();
    let mut client = Session::stripe(&sidecar);
    client.send(REFUND);
    let message = workspace.shows("Approval wanted");
    let text = message.to_string();
    for words in [
        "Refund $600.00 of ch_1",
        "support-bot",
        "refund-over-500",
        "https://runplane.test/approvals/apr_",
    ] {
        assert!(text.contains(words), "{words}: {message:#}");
    }
    assert_eq!(ids(&message), [APPROVE, DENY, PAGE]);
    sidecar.approve(&sidecar.next_held());
    client.receive().assert_ok();
    let message = workspace.shows("Consumed: apr_");
    assert!(message.to_string().contains("Yes: owner at "), "{message:#}");
    assert_eq!(ids(&message), [PAGE]);
    assert!(!sidecar.printed().contains("xoxb-1") && !deliveries(&sidecar).to_string().contains("xoxb-1"));
}

#[test]
fn a_click_is_that_persons_yes_and_the_message_says_so() {
    let workspace = Workspace::new();
    let (origin, configuration) = stripe("30s");
    let sidecar = workspace.asked_by(configuration).start();
    let mut client = Session::stripe(&sidecar);
    client.send(REFUND);
    workspace.shows("Approval wanted");
    workspace.press(&sidecar, "U0ALICE", APPROVE);
    client.receive().assert_ok();
    assert_eq!(origin.calls("POST", "/v1/refunds").len(), 1);
    let message = workspace.shows("Consumed: apr_");
    assert!(message.to_string().contains("Yes: alice at "), "{message:#}");
    let approved = &sidecar.trail().of_kind("approved")[0];
    assert!(approved.to_string().contains("\"alice\""), "{approved}");
    assert!(
        approved.to_string().contains("\"slack\""),
        "and how she proved it: {approved}"
    );
}

#[test]
fn a_no_says_why_in_a_form() {
    let (workspace, origin, sidecar, mut client) = asked(|it| it);
    workspace.press(&sidecar, "U0ALICE", DENY);
    assert!(
        workspace.form().to_string().contains("Refund $600.00 of ch_1"),
        "{:#}",
        workspace.form()
    );
    assert!(is_pending(&sidecar), "a form that is open decides nothing");
    let answer = Signed::now(&workspace.filled_in("U0ALICE", "Not this customer")).send(&sidecar);
    assert_eq!((answer.status, answer.text().as_str()), (200, ""));
    let message = workspace.shows("Denied: apr_");
    assert!(
        message.to_string().contains("No: alice: Not this customer"),
        "{message:#}"
    );
    assert_eq!(ids(&message), [PAGE]);
    client
        .call(REFUND)
        .assert_refused("approval_denied")
        .assert_refused("Not this customer");
    origin.assert_untouched();
}

#[test]
fn who_has_no_signature_decides_nothing() {
    let workspace = Workspace::new();
    let (origin, configuration) = stripe("1s");
    let sidecar = workspace
        .asked_by(configuration.agent("support-bot", "support"))
        .start();
    let mut client = Session::open("stripe_client.py", &sidecar, Some("support-bot"), &[]);
    client.call(REFUND).assert_refused("approval_pending");
    workspace.shows("Approval wanted");
    let click = workspace.pressed("U0ALICE", APPROVE);
    let good = Signed::now(&click);
    let now = good.timestamp;
    // What an agent can make: everything but the signature, with its own key, too.
    let with_key = format!(
        "Authorization: Bearer {}\r\nX-Slack-Request-Timestamp: {now}\r\n",
        key("support-bot")
    );
    let mut refused = vec![good.send_with(&sidecar, ""), good.send_with(&sidecar, &with_key)];
    let forged = [
        Signed {
            signature: format!("v0={}", "0".repeat(64)),
            ..good.clone()
        },
        Signed {
            timestamp: now + 1,
            ..good.clone()
        },
        Signed {
            content: good.content.replace("U0ALICE", "U0OTHER"),
            ..good.clone()
        },
        Signed::at(now - 301, &click),
        Signed::at(now + 400, &click),
    ];
    refused.extend(forged.iter().map(|request| request.send(&sidecar)));
    for answer in &refused {
        assert_eq!(answer.status, 401, "{answer:?}");
    }
    assert!(is_pending(&sidecar));
    assert_eq!(
        sidecar.trail().of_kind("refused").len(),
        refused.len(),
        "each is on record"
    );
    origin.assert_untouched();
    // It is good once, and never again.
    assert_eq!(good.send(&sidecar).status, 200);
    eventually("it is approved", || sidecar.approvals("approved").len() == 1);
    let again = good.send(&sidecar);
    assert!(
        again.status == 401 && again.text().contains("was here before"),
        "{again:?}"
    );
}

#[test]
fn who_may_not_decide_is_told_so_alone_and_nothing_changes() {
    let (workspace, origin, sidecar, _client) = asked(|it| it);
    workspace.press(&sidecar, "U0STRANGER", APPROVE);
    let told = workspace.whispers(1);
    assert!(
        told.starts_with("U0STRANGER: Nothing was decided: your Slack account (U0STRANGER) is nobody's"),
        "{told}"
    );
    assert!(!told.contains("[.]"), "our own words are as we write them: {told}");
    workspace.press(&sidecar, "U0BOB", APPROVE);
    let told = workspace.whispers(2);
    assert!(told.starts_with("U0BOB: `bob` may not decide this"), "{told}");
    workspace.press(&sidecar, "U0BOB", DENY);
    let told = workspace.whispers(3);
    assert!(told.starts_with("U0BOB: `bob` may not decide this"), "{told}");
    assert!(is_pending(&sidecar));
    let refused = sidecar.trail().of_kind("refused");
    let people: Vec<_> = refused.iter().map(|entry| entry["person"].as_str().unwrap()).collect();
    assert_eq!(people, ["slack:U0STRANGER", "bob", "bob"]);
    assert_eq!(ids(&workspace.shows("Approval wanted")), [APPROVE, DENY, PAGE]);
    origin.assert_untouched();
}

#[test]
fn a_click_on_what_was_changed_since_decides_nothing() {
    let (workspace, _origin, sidecar, _client) = asked(|it| it);
    let click = workspace.said("U0ALICE", APPROVE, &button_of(&waiting(&sidecar), 1));
    assert_eq!(Signed::now(&click).send(&sidecar).status, 200);
    let told = workspace.whispers(1);
    assert!(told.contains("was changed since you saw it"), "{told}");
    assert!(is_pending(&sidecar));
    // Decided meanwhile, a click says by whom.
    let click = workspace.pressed("U0ALICE", APPROVE);
    sidecar.deny(&sidecar.next_held(), "no");
    assert_eq!(Signed::now(&click).send(&sidecar).status, 200);
    let told = workspace.whispers(2);
    assert!(told.contains("is denied by owner: nothing was changed"), "{told}");
}

/// Escalation changes whom an approval asks, and with that its revision.
#[test]
fn what_asks_other_people_by_now_is_shown_anew_and_decided_as_it_is() {
    let rule = r#"@id("soon") @decision("REQUIRE_APPROVAL") @approvers("approver") @timeout("60s") @escalate("managers at 5%")
        forbid (principal, action == Action::"process_refund", resource);"#;
    let workspace = Workspace::new();
    let (_origin, configuration) = stripe("1s");
    let configuration = configuration.person("carol", "managers");
    let sidecar = workspace.asked_by(configuration.policy(rule)).start();
    Session::stripe(&sidecar)
        .call("refund ch_1 amount=100")
        .assert_refused("approval_pending");
    workspace.shows("approver or managers");
    workspace.press(&sidecar, "U0ALICE", APPROVE);
    workspace.shows("Approved: apr_");
}

#[test]
fn slack_may_have_us_wait() {
    let workspace = Workspace::new();
    let (_origin, configuration) = stripe("1s");
    workspace.is_busy(1);
    let sidecar = workspace.asked_by(configuration).start();
    Session::stripe(&sidecar)
        .call(REFUND)
        .assert_refused("approval_pending");
    workspace.shows("Approval wanted");
    eventually("it is written down as delivered", || {
        deliveries(&sidecar)["items"][0]["state"] == "delivered"
    });
    let found = deliveries(&sidecar);
    assert_eq!(found["items"][0]["attempts"], 2, "{found:#}");
    assert!(
        found["receivers"][0]["last_error"].as_str().unwrap().contains("429"),
        "{found:#}"
    );
    assert_eq!(workspace.calls(), ["chat.postMessage", "chat.postMessage"]);
}

#[test]
fn a_click_after_a_restart_counts_as_before() {
    let (workspace, _origin, sidecar, mut client) = asked(|it| it);
    eventually("it is written down as delivered", || {
        deliveries(&sidecar)["items"][0]["state"] == "delivered"
    });
    let before = Signed::at(
        runplane::model::Timestamp::now().0 / 1000 - 60,
        &workspace.pressed("U0ALICE", APPROVE),
    );
    sidecar.restart_hard();
    assert_eq!(
        before.send(&sidecar).status,
        401,
        "what was signed before we remembered is not known to be new"
    );
    workspace.press(&sidecar, "U0ALICE", APPROVE);
    workspace.shows("Approved: apr_");
    client.call(REFUND).assert_ok();
    workspace.shows("Consumed: apr_");
}

/// Slack takes what is not acknowledged within three seconds for lost.
#[test]
fn a_click_is_acknowledged_at_once_and_comes_to_its_end_though_we_stop() {
    let (workspace, _origin, sidecar, _client) = asked(|it| it);
    eventually("it is written down as delivered", || {
        deliveries(&sidecar)["items"][0]["state"] == "delivered"
    });
    let slow = Duration::from_millis(1500);
    workspace.is_slow(slow);
    workspace.is_busy(1);
    let start = Instant::now();
    workspace.press(&sidecar, "U0ALICE", DENY);
    assert!(start.elapsed() < slow, "{:?}", start.elapsed());
    sidecar.terminate();
    assert!(sidecar.ended().success());
    let refused = sidecar.trail().of_kind("refused");
    let reasons: Vec<_> = refused.iter().map(|entry| entry["reason"].as_str().unwrap()).collect();
    assert_eq!(reasons, ["not_decided"], "Slack opened no form, which is on record");
}

#[test]
fn what_nobody_decides_expires_in_slack_too() {
    let workspace = Workspace::new();
    let (_origin, configuration) = stripe("1s");
    let sidecar = workspace.asked_by(configuration.approvals("pending: 3s")).start();
    Session::stripe(&sidecar)
        .call(REFUND)
        .assert_refused("approval_pending");
    let message = workspace.shows("Expired: apr_");
    assert_eq!(ids(&message), [PAGE]);
}

#[test]
fn what_slack_refuses_to_show_is_asked_without_it() {
    let workspace = Workspace::new();
    let (_origin, configuration) = stripe("1s");
    workspace.is_allergic_to("ch_1");
    let sidecar = workspace.asked_by(configuration).start();
    Session::stripe(&sidecar)
        .call(REFUND)
        .assert_refused("approval_pending");
    let message = workspace.shows("Slack did not take what this is about");
    assert_eq!(ids(&message), [PAGE]);
    assert!(
        message.to_string().contains("runplane approvals approve apr_"),
        "{message:#}"
    );
    assert_eq!(workspace.calls(), ["chat.postMessage", "chat.postMessage"]);
    // What was asked in short has no button, whatever is said to have been pressed.
    let value = format!("{}:0:{}", waiting(&sidecar), "0".repeat(64));
    let click = workspace.said("U0ALICE", APPROVE, &value);
    assert_eq!(Signed::now(&click).send(&sidecar).status, 200);
    let told = workspace.whispers(1);
    assert!(
        told.contains("on the page, for no message of ours has this button"),
        "{told}"
    );
    assert!(is_pending(&sidecar));
}

#[test]
fn without_a_signing_secret_messages_have_no_buttons_and_nobody_is_listened_to() {
    let workspace = Workspace::new();
    let (_origin, configuration) = stripe("1s");
    let sidecar = workspace.asked(configuration, "xoxb-1-2-abcDEF", "always: []").start();
    Session::stripe(&sidecar)
        .call(REFUND)
        .assert_refused("approval_pending");
    let message = workspace.shows("decided by typing on the machine");
    assert!(ids(&message).is_empty(), "{message:#}");
    let click = workspace.said("U0ALICE", APPROVE, "apr_x:0");
    assert_eq!(Signed::now(&click).send(&sidecar).status, 404);
}

#[test]
fn a_wrong_token_is_said_and_mended_by_people() {
    let workspace = Workspace::new();
    let (_origin, configuration) = stripe("1s");
    let sidecar = workspace.asked(configuration, "xoxb-wrong", "always: []").start();
    Session::stripe(&sidecar)
        .call(REFUND)
        .assert_refused("approval_pending");
    let said = || sidecar.told(&["notifications", "list"]);
    eventually("it is said", || said().contains("`invalid_auth`"));
    assert!(
        said().contains("slack:C0123456789") && !said().contains("xoxb"),
        "{}",
        said()
    );
    assert_eq!(deliveries(&sidecar)["items"][0]["state"], "pending");
    assert!(workspace.messages().is_empty());
}
