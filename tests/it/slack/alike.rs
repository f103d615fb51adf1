//! Calls that are alike in Slack, a message that is asked again, and a wish to be left alone.

use std::time::Duration;

use super::{APPROVE, DENY, PAGE, REFUND, asked, deliveries, ids, stripe};
use crate::harness::{Session, Workspace, eventually};

#[test]
fn what_is_alike_is_asked_below_the_first_and_a_click_is_for_its_own() {
    let (workspace, origin, sidecar, mut client) = asked(|it| it);
    let first = workspace.shows("Approval wanted");
    client
        .call("refund ch_1 amount=70000")
        .assert_refused("approval_pending");
    eventually("it is asked, too", || workspace.messages().len() == 2);
    let second = workspace.messages().pop().unwrap();
    assert_eq!(second["thread_ts"], first["ts"], "{second:#}");
    assert_eq!(second["reply_broadcast"], false, "no more is at stake: {second:#}");
    for words in ["2nd similar", "differs in: amount", "$700.00, first: $600.00"] {
        assert!(second.to_string().contains(words), "{words}: {second:#}");
    }
    assert_eq!(ids(&second), [APPROVE, DENY, PAGE], "each has its own");
    workspace.press(&sidecar, "U0ALICE", APPROVE);
    eventually("it is approved", || sidecar.approvals("approved").len() == 1);
    assert_eq!(sidecar.approvals("pending").len(), 1, "and the first is not");
    client.call("refund ch_1 amount=70000").assert_ok();
    client.call(REFUND).assert_refused("approval_pending");
    let sent = origin.calls("POST", "/v1/refunds");
    assert!(sent.len() == 1 && sent[0].text().contains("70000"), "{sent:?}");
    // Another target is another matter.
    client
        .call("refund ch_2 amount=70000")
        .assert_refused("approval_pending");
    eventually("it is asked for itself", || workspace.messages().len() == 3);
    assert!(workspace.messages()[2]["thread_ts"].is_null());
}

#[test]
fn where_the_first_was_removed_there_what_is_alike_is_asked_in_the_channel() {
    let (workspace, _origin, sidecar, mut client) = asked(|it| it);
    eventually("it is written down as delivered", || {
        deliveries(&sidecar)["items"][0]["state"] == "delivered"
    });
    workspace.remove_all();
    client
        .call("refund ch_1 amount=70000")
        .assert_refused("approval_pending");
    let second = workspace.shows("2nd similar");
    assert!(second["thread_ts"].is_null(), "{second:#}");
}

fn rule(reason: &str) -> String {
    format!(
        r#"@id("mine") @decision("REQUIRE_APPROVAL") @reason("{reason}")
        forbid (principal, action == Action::"process_refund", resource);"#
    )
}

#[test]
fn an_older_message_that_cannot_be_changed_keeps_nobody_from_being_asked() {
    let (workspace, _origin, sidecar, mut client) = asked(|it| it.policy(&rule("Once")));
    workspace.press(&sidecar, "U0ALICE", APPROVE);
    workspace.shows("Approved: apr_");
    workspace.is_overrun("chat.update");
    sidecar.puts("policies/house.cedar", rule("Twice"));
    client.call(REFUND).assert_refused("approval_pending");
    eventually("it is asked again", || workspace.messages().len() == 2);
    sidecar.deny(sidecar.approvals("pending")[0]["id"].as_str().unwrap(), "no");
    let changes = || workspace.calls().iter().filter(|call| *call == "chat.update").count();
    eventually("the denial is not shown, either", || changes() >= 3);
    // A wish about changes is none about questions.
    client
        .call("refund ch_2 amount=60000")
        .assert_refused("approval_pending");
    eventually("another is asked", || workspace.messages().len() == 3);
}

#[test]
fn what_asks_another_rule_than_the_first_is_told_to_the_whole_channel() {
    let (workspace, _origin, sidecar, mut client) = asked(|it| it.policy(&rule("Once")));
    let first = workspace.shows("Approval wanted");
    let another = rule("Twice").replace("mine", "another");
    sidecar.puts("policies/house.cedar", format!("{}\n{another}", rule("Once")));
    client
        .call("refund ch_1 amount=70000")
        .assert_refused("approval_pending");
    eventually("it is asked, too", || workspace.messages().len() == 2);
    let second = workspace.messages().pop().unwrap();
    assert_eq!(second["thread_ts"], first["ts"], "{second:#}");
    assert_eq!(second["reply_broadcast"], true, "{second:#}");
}

#[test]
fn what_is_asked_again_takes_the_buttons_off_its_older_message() {
    let (workspace, _origin, sidecar, mut client) = asked(|it| it.policy(&rule("Once")));
    workspace.press(&sidecar, "U0ALICE", APPROVE);
    workspace.shows("Approved: apr_");
    sidecar.puts("policies/house.cedar", rule("Twice"));
    client.call(REFUND).assert_refused("approval_pending");
    eventually("it is asked again", || workspace.messages().len() == 2);
    let retired = || workspace.messages()[0].to_string().contains("Asked again: apr_");
    eventually("the older one says so", retired);
    let messages = workspace.messages();
    assert_eq!(ids(&messages[0]), [PAGE]);
    assert_eq!(ids(&messages[1]), [APPROVE, DENY, PAGE]);
    workspace.press(&sidecar, "U0ALICE", APPROVE);
    eventually("the newer one is changed from here on", || {
        workspace.messages()[1].to_string().contains("Approved: apr_")
    });
    assert!(workspace.messages()[0].to_string().contains("Asked again: apr_"));
}

#[test]
fn what_slack_asks_of_one_message_counts_for_all_by_its_token() {
    let workspace = Workspace::new();
    let (_origin, configuration) = stripe("30s");
    workspace.is_busy(1);
    let sidecar = workspace.asked_by(configuration).start();
    let (mut one, mut other) = (Session::stripe(&sidecar), Session::stripe(&sidecar));
    one.send(REFUND);
    eventually("Slack is asked", || workspace.calls().len() == 1);
    other.send("refund ch_2 amount=60000");
    eventually("both are shown", || workspace.messages().len() == 2);
    let moments = workspace.moments();
    assert!(moments[1] - moments[0] >= Duration::from_millis(990), "{moments:?}");
    for _ in 0..2 {
        sidecar.deny(&sidecar.next_held(), "no");
    }
    assert!(!one.receive().ok && !other.receive().ok);
}
