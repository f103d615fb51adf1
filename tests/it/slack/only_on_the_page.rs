//! What has no buttons.

use super::*;

#[test]
fn a_forged_click_on_what_has_no_buttons_decides_nothing() {
    let rule = r#"@id("two") @decision("REQUIRE_APPROVAL") @approvers("approver") @quorum("2")
        forbid (principal, action == Action::"process_refund", resource);"#;
    let workspace = Workspace::new();
    let (origin, configuration) = stripe("1s");
    let sidecar = workspace.asked_by(configuration.policy(rule)).start();
    Session::stripe(&sidecar)
        .call(REFUND)
        .assert_refused("approval_pending");
    let message = workspace.shows("for more than one person is asked");
    assert_eq!(ids(&message), [PAGE]);
    let click = workspace.said("U0ALICE", APPROVE, &button_of(&waiting(&sidecar), 0));
    assert_eq!(Signed::now(&click).send(&sidecar).status, 200);
    assert!(
        workspace.whispers(1).contains("is decided on the page"),
        "{}",
        workspace.whispers(1)
    );
    assert!(is_pending(&sidecar) && sidecar.trail().of_kind("approved").is_empty());
    origin.assert_untouched();
}

#[test]
fn what_is_of_high_risk_or_wants_a_reason_only_leads_to_the_page() {
    for (section, says) in [
        ("risk: { weights: { action: 0.9999 } }", "for its risk is 70 or more"),
        ("time_zone: UTC", "for a yes to it needs a reason"),
    ] {
        let workspace = Workspace::new();
        let (_origin, configuration) = stripe("1s");
        let configuration = configuration.section(section).approvals("reason_from_risk: 1");
        let sidecar = workspace.asked_by(configuration).start();
        Session::stripe(&sidecar)
            .call(REFUND)
            .assert_refused("approval_pending");
        let message = workspace.shows(says);
        assert_eq!(ids(&message), [PAGE], "{message:#}");
    }
}

#[test]
fn what_somebody_else_stated_is_shown_and_decided_on_the_page() {
    let rule = r#"@id("large") @decision("REQUIRE_APPROVAL") @approvers("marketing")
        forbid (principal, action == Action::"process_refund", resource) when { context.amount_base > 1000000 };"#;
    let workspace = Workspace::new();
    let (origin, configuration) = stripe("1s");
    let sidecar = workspace.asked_by(configuration.policy(rule)).start();
    Session::stripe(&sidecar)
        .call("refund ch_1")
        .assert_refused("approval_pending");
    workspace.shows("Approval wanted");
    let id = waiting(&sidecar);
    let stated = ["approvals", "approve", &id, "--set", "amount=5120000"];
    let output = sidecar.cli_as(Some(&key("alice")), &stated);
    assert!(output.status.success(), "{output:?}");
    let says = |words: &str| {
        let messages = workspace.messages();
        messages
            .last()
            .is_some_and(|message| message.to_string().contains(words))
    };
    eventually("what was stated is shown", || says("Stated: amount = 5120000"));
    let message = workspace.messages().pop().unwrap();
    assert!(message.to_string().contains("large asks marketing"), "{message:#}");
    assert_eq!(ids(&message), [PAGE], "{message:#}");
    let revision = sidecar.approvals("pending")[0]["revision"].as_u64().unwrap();
    let value = button_of(&id, u32::try_from(revision).unwrap());
    let click = workspace.said("U0BOB", APPROVE, &value);
    assert_eq!(Signed::now(&click).send(&sidecar).status, 200);
    let told = workspace.whispers(1);
    assert!(told.contains("is decided on the page"), "{told}");
    assert!(is_pending(&sidecar));
    origin.assert_untouched();
}
