//! The baseline, row by row.

use super::labels::{DOMAINS, PAYROLL, mail, read, with_targets};
use super::*;

#[track_caller]
fn gets(action: &Action, expected: &str) {
    assert_eq!(
        decided(&gate(""), action, None),
        expected,
        "{} {:?}",
        action.name,
        action.fields
    );
}

fn get() -> Call {
    Call {
        method: http::Method::GET,
        ..call()
    }
}

/// As a host without a mapping is resolved.
fn unknown_host(name: &str) -> Action {
    let mut action = action(name, &[]);
    action.provider = "unknown".into();
    action.operation = "POST /anything".into();
    action.target.kind = "host".into();
    action.unmapped = true;
    action
}

#[test]
fn a_mapped_read_is_allowed() {
    for name in ["read_record", "read_balance", "execute_query"] {
        gets(&action(name, &[]), "ALLOW reads");
    }
}

#[test]
fn a_read_of_a_restricted_target_is_held_and_others_are_not() {
    let gate = with_targets("", PAYROLL);
    for name in ["read_record", "read_balance", "execute_query"] {
        let mut restricted = action(name, &[]);
        restricted.target.id = Some("payroll".to_owned());
        assert_eq!(decided(&gate, &restricted, None), "REQUIRE_APPROVAL restricted-read");
    }
    assert_eq!(decided(&gate, &read(Some("orders")), None), "ALLOW reads");
    // Spelt otherwise, or not at all, it may be the one.
    for id in [
        Some("PayRoll"),
        Some("arn:aws:dynamodb:eu-west-1:1:table/payroll"),
        None,
    ] {
        assert_eq!(
            decided(&gate, &read(id), None),
            "REQUIRE_APPROVAL restricted-read",
            "{id:?}"
        );
    }
    for sensitivity in ["public", "internal", "confidential"] {
        let targets = PAYROLL.replace("restricted", sensitivity);
        assert_eq!(
            decided(&with_targets("", &targets), &read(Some("payroll")), None),
            "ALLOW reads"
        );
    }
}

#[test]
fn reading_a_secret_is_held() {
    gets(&action("read_secret", &[]), "REQUIRE_APPROVAL secret");
}

#[test]
fn a_read_of_an_unknown_host_is_allowed_by_a_rule_of_its_own() {
    let gate = gate("");
    let read = unknown_host("read_record");
    assert_eq!(decided_call(&gate, get(), &read, None), "ALLOW reads-without-mapping");
    // A read by another method is none.
    assert_eq!(decided(&gate, &read, None), "BLOCK policy_blocked default");
}

#[test]
fn a_change_at_an_unknown_host_is_blocked() {
    for access in [Access::Write, Access::Delete, Access::Admin] {
        let mut change = unknown_host("call_api");
        change.access = access;
        gets(&change, "BLOCK policy_blocked writes-to-unknown-hosts");
    }
    let gate = gate("");
    // Whatever method it comes by, and whatever a reader makes of it.
    assert_eq!(
        decided_call(&gate, get(), &unknown_host("call_api"), None),
        "BLOCK policy_blocked writes-to-unknown-hosts"
    );
    let mut tool = unknown_host("call_tool");
    tool.unmapped = false;
    gets(&tool, "BLOCK policy_blocked writes-to-unknown-hosts");
}

#[test]
fn an_unmapped_change_at_a_known_provider_is_held() {
    let mut change = action("call_api", &[]);
    change.unmapped = true;
    gets(&change, "REQUIRE_APPROVAL unmapped-change");
    change.access = Access::Delete;
    gets(&change, "REQUIRE_APPROVAL unmapped-change");
}

/// A name that was made from a description changes nothing of that: no change that is unmapped is allowed by its name, nor by
/// what its fields would say if they were there.
#[test]
fn a_generated_change_is_held_whatever_its_name() {
    for name in [
        "approve_request",
        "bulk_update",
        "create_charge",
        "delete_record",
        "delete_records",
        "deploy_service",
        "export_data",
        "generate_document",
        "modify_record",
        "modify_schema",
        "modify_security",
        "modify_webhook",
        "post_message",
        "process_refund",
        "provision_instance",
        "scale_resources",
        "send_email",
        "stop_instance",
        "sync_data",
        "terminate_instance",
        "transfer_funds",
        "update_integration",
        "update_subscription",
    ] {
        let mut change = action(name, &[]);
        change.unmapped = true;
        let decision = decided(&gate(""), &change, None);
        assert!(!decision.starts_with("ALLOW"), "{name}: {decision}");
        let counted = [
            ("amount", Value::Int(1)),
            ("amount_base", Value::Int(1)),
            ("instance_count", Value::Int(1)),
            ("recipient_count", Value::Int(1)),
            ("unbounded", Value::Bool(false)),
        ];
        change.fields = counted.map(|(field, value)| (field.into(), value)).into();
        let decision = decided(&gate(""), &change, None);
        assert!(!decision.starts_with("ALLOW"), "{name}: {decision}");
    }
}

#[test]
fn an_incomplete_action_is_held() {
    for name in [
        "create_charge",
        "process_refund",
        "provision_instance",
        "scale_resources",
        "send_email",
        "bulk_update",
    ] {
        gets(&action(name, &[]), "REQUIRE_APPROVAL incomplete_action");
    }
    gets(
        &action("transfer_funds", &[]),
        "REQUIRE_APPROVAL incomplete_action transfer",
    );
}

#[test]
fn other_mapped_changes_are_allowed() {
    for name in [
        "update_subscription",
        "stop_instance",
        "call_api",
        "modify_webhook",
        "sync_data",
        "update_integration",
        "generate_document",
        "modify_record",
        "approve_request",
        "call_tool",
    ] {
        gets(&action(name, &[]), "ALLOW changes");
    }
    gets(
        &action("bulk_update", &[("unbounded", Value::Bool(false))]),
        "ALLOW changes",
    );
}

#[test]
fn charges_and_refunds_to_500_dollars_are_allowed_and_above_held() {
    for (name, held) in [
        ("create_charge", "charge-over-500"),
        ("process_refund", "refund-over-500"),
    ] {
        let of = |amount| action(name, &[("amount", Value::Int(amount))]);
        gets(&of(0), "ALLOW changes");
        gets(&of(50_000), "ALLOW changes");
        gets(&of(50_001), &format!("REQUIRE_APPROVAL {held}"));
        gets(&of(1_000_000_000_000_000), &format!("REQUIRE_APPROVAL {held}"));
        gets(&of(-1), &format!("REQUIRE_APPROVAL {held}"));
    }
}

#[test]
fn the_limit_is_in_the_accounts_currency() {
    let of = |amount, currency: &str| {
        let fields = [
            ("amount", Value::Int(amount)),
            ("currency", Value::Text(currency.to_owned())),
        ];
        action("process_refund", &fields)
    };
    gets(&of(45_454, "eur"), "ALLOW changes");
    gets(&of(45_455, "eur"), "REQUIRE_APPROVAL refund-over-500");
    gets(&of(50_000, "USD"), "ALLOW changes");
    // No rate: its worth is missing, not small.
    gets(&of(1, "jpy"), "REQUIRE_APPROVAL incomplete_action");
    gets(&of(1, "nonsense"), "REQUIRE_APPROVAL incomplete_action");
}

#[test]
fn transfers_deletions_terminations_access_and_schema_changes_are_held() {
    gets(
        &action("transfer_funds", &[("amount", Value::Int(1))]),
        "REQUIRE_APPROVAL transfer",
    );
    gets(&action("delete_record", &[]), "REQUIRE_APPROVAL deletion");
    gets(&action("terminate_instance", &[]), "REQUIRE_APPROVAL termination");
    gets(&action("modify_security", &[]), "REQUIRE_APPROVAL access-change");
    gets(&action("modify_schema", &[]), "REQUIRE_APPROVAL schema-change");
}

#[test]
fn a_deployment_to_production_is_held_and_unknown_counts_as_production() {
    let mut deployment = action("deploy_service", &[]);
    for environment in ["production", "unknown", "", "Test", "testing", "live"] {
        deployment.environment = environment.into();
        gets(&deployment, "REQUIRE_APPROVAL deployment-to-production");
    }
    for environment in ["test", "development", "staging", "sandbox"] {
        deployment.environment = environment.into();
        gets(&deployment, "ALLOW changes");
    }
}

#[test]
fn bulk_deletion_export_and_unbounded_changes_are_blocked() {
    gets(&action("delete_records", &[]), "BLOCK policy_blocked bulk-deletion");
    gets(
        &action("delete_records", &[("record_count", Value::Int(1))]),
        "BLOCK policy_blocked bulk-deletion",
    );
    gets(&action("export_data", &[]), "BLOCK policy_blocked data-export");
    gets(
        &action("bulk_update", &[("unbounded", Value::Bool(true))]),
        "BLOCK policy_blocked unbounded-change",
    );
}

#[test]
fn up_to_10_instances_are_allowed_and_more_held() {
    for name in ["provision_instance", "scale_resources"] {
        gets(&action(name, &[("instance_count", Value::Int(10))]), "ALLOW changes");
        gets(
            &action(name, &[("instance_count", Value::Int(11))]),
            "REQUIRE_APPROVAL more-than-10-instances",
        );
    }
}

#[test]
fn messages_to_100_are_allowed_and_to_more_held() {
    for (name, held) in [
        ("send_email", "message-to-over-100"),
        ("send_sms", "message-to-over-100"),
        ("broadcast_notification", "message-to-over-100"),
        ("post_message", "post-to-over-100"),
    ] {
        let to = |count| action(name, &[("recipient_count", Value::Int(count))]);
        gets(&to(100), "ALLOW changes");
        gets(&to(101), &format!("REQUIRE_APPROVAL {held}"));
    }
    gets(&action("post_message", &[]), "ALLOW changes");
    let mut garbled = action("post_message", &[]);
    garbled.missing.push(Missing {
        field: "recipient_count".into(),
        why: Why::Unreadable,
    });
    gets(&garbled, "REQUIRE_APPROVAL incomplete_action");
}

#[test]
fn mail_to_others_is_held_where_domains_are_configured() {
    let (gate, unconfigured) = (with_targets("", DOMAINS), with_targets("", TARGETS));
    let ours = mail(3, &["example.com", "a.example.org"]);
    let mixed = mail(2, &["evil.test", "example.com"]);
    assert_eq!(decided(&gate, &ours, None), "ALLOW changes");
    assert_eq!(decided(&gate, &mixed, None), "REQUIRE_APPROVAL message-to-outsiders");
    assert_eq!(
        decided(&gate, &mail(1, &["example.com.evil.test"]), None),
        "REQUIRE_APPROVAL message-to-outsiders"
    );
    for any in [ours, mixed] {
        assert_eq!(decided(&unconfigured, &any, None), "ALLOW changes");
    }
}

#[test]
fn renewing_a_credential_is_allowed_and_issuing_one_held() {
    gets(
        &action("issue_token", &[("renewal", Value::Bool(true))]),
        "ALLOW changes",
    );
    gets(
        &action("issue_token", &[("renewal", Value::Bool(false))]),
        "REQUIRE_APPROVAL new-credential",
    );
    gets(&action("issue_token", &[]), "REQUIRE_APPROVAL new-credential");
}

/// What is deleted cannot be switched on again, and locks out whoever worked with it.
#[test]
fn revoking_a_credential_is_held() {
    gets(&action("revoke_token", &[]), "REQUIRE_APPROVAL revocation");
}

#[test]
fn generating_text_is_allowed_without_looking_into_it() {
    let mut ask = action("generate_text", &[]);
    ask.inspected = false;
    gets(&ask, "ALLOW changes");
}

#[test]
fn tunnels_and_streams_are_blocked_until_a_rule_names_the_host() {
    for name in ["open_tunnel", "open_stream"] {
        let mapped = action(name, &[]);
        let unknown = unknown_host(name);
        gets(&mapped, "BLOCK policy_blocked default");
        gets(&unknown, "BLOCK policy_blocked default");
        let rule = |host: &str| {
            format!(
                "@id(\"feed\") permit (principal, action == Action::\"{name}\", resource) when {{ context.host == \"{host}\" }};"
            )
        };
        let opened = gate(&rule("api.stripe.com"));
        assert_eq!(decided(&opened, &mapped, None), "ALLOW feed");
        assert_eq!(decided(&opened, &unknown, None), "ALLOW feed");
        assert_eq!(
            decided(&gate(&rule("elsewhere.example")), &unknown, None),
            "BLOCK policy_blocked default"
        );
    }
}

#[test]
fn every_rule_says_why_in_words() {
    let marks = BASELINE.matches("@reason(\"").count();
    assert_eq!(
        marks,
        BASELINE.matches("@id(\"").count() - 1,
        "one @id stands in a comment"
    );
}
