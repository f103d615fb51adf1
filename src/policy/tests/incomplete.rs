//! Actions that do not state all they must.

use super::*;

const RULES: &str = r#"
@id("changes") permit (principal, action in [Action::"writes", Action::"deletes"], resource);
@id("refund-over-500") @decision("REQUIRE_APPROVAL") @approvers("finance") @timeout("30m")
forbid (principal, action == Action::"process_refund", resource) when { context.amount_base > 50000 };
@id("refund-over-5000") @decision("REQUIRE_APPROVAL") @approvers("finance,legal") @timeout("10m")
forbid (principal, action == Action::"process_refund", resource) when { context.amount > 500000 };
@id("refund-cap") forbid (principal, action == Action::"process_refund", resource) when { context.amount > 5000000 };
"#;

fn full_refund() -> Action {
    without(refund(0), &["amount", "amount_base"])
}

#[test]
fn a_refund_without_amount_is_held_and_names_the_rules_that_could_not_be_checked() {
    let rules = holds(&policies(RULES), &full_refund(), None);
    assert_eq!(rules.len(), 1);
    let hold = &rules[0];
    assert_eq!(&*hold.id, INCOMPLETE_ACTION);
    assert_eq!(
        hold.unchecked,
        names(&["refund-cap", "refund-over-500", "refund-over-5000"])
    );
    assert_eq!(hold.approvers, names(&["finance", "legal"]));
    assert_eq!(hold.timeout, Some(std::time::Duration::from_secs(600)));
    assert_eq!(hold.quorum, 1);
    assert_eq!(
        hold.reason.as_deref(),
        Some("`amount` is not stated, `amount_base` is not stated")
    );
}

#[test]
fn a_rule_about_records_that_nobody_can_name_is_not_checked() {
    let policies = policies(
        r#"@id("changes") permit (principal, action in Action::"writes", resource);
        @id("contracts") @decision("REQUIRE_APPROVAL") @approvers("legal") @timeout("10m")
        forbid (principal, action == Action::"modify_record", resource) when { context.record_kinds.contains("contracts") };"#,
    );
    for field in ["sql_tables", "record_kind"] {
        let rules = holds(&policies, &without(action("modify_record", &[]), &[field]), None);
        assert_eq!(rules[0].unchecked, names(&["contracts"]), "{field}");
        assert_eq!(rules[0].approvers, names(&["legal"]), "{field}");
        assert_eq!(rules[0].timeout, Some(std::time::Duration::from_secs(600)), "{field}");
    }
}

#[test]
fn without_unchecked_holds_the_default_approvers_complete_it() {
    let policies = policies(r#"@id("all") permit (principal, action, resource);"#);
    let rules = holds(&policies, &full_refund(), None);
    assert_eq!(rules[0].approvers, names(&[DEFAULT_APPROVERS]));
    assert!(rules[0].unchecked.is_empty());
}

#[test]
fn no_vote_makes_an_incomplete_action_pass() {
    let policies = policies(RULES);
    let rules = holds(&policies, &full_refund(), None);
    let mut consent = evidence(&rules);
    assert_eq!(holds(&policies, &full_refund(), Some(&consent)), rules);
    // Nor does a value that was stated but not filled in.
    consent.stated.insert("amount".into(), Value::Int(1));
    assert_eq!(holds(&policies, &full_refund(), Some(&consent)), rules);
}

#[test]
fn what_is_forbidden_or_not_permitted_without_the_field_is_blocked() {
    let stopped = format!("{RULES} @id(\"stop\") forbid (principal, action in Action::\"payments\", resource);");
    assert_eq!(
        decided(&policies(&stopped), &full_refund()),
        "BLOCK policy_blocked stop"
    );
    let reads = r#"@id("reads") permit (principal, action in Action::"reads", resource);"#;
    assert_eq!(
        decided(&policies(reads), &full_refund()),
        "BLOCK policy_blocked default"
    );
    // This permit is decided before the amount matters.
    let elsewhere = r#"@id("small") permit (principal, action == Action::"process_refund", resource)
        when { resource.kind == "gift" && context.amount < 10 };"#;
    assert_eq!(
        decided(&policies(elsewhere), &full_refund()),
        "BLOCK policy_blocked default"
    );
}

#[test]
fn a_permit_that_hangs_on_the_field_may_still_permit() {
    let small = policies(
        r#"@id("small") permit (principal, action == Action::"process_refund", resource) unless { context.amount > 10 };"#,
    );
    let rules = holds(&small, &full_refund(), None);
    assert_eq!(rules[0].unchecked, names(&["small"]));
    assert_eq!(decided(&small, &refund(11)), "BLOCK policy_blocked default");
    assert_eq!(decided(&small, &refund(10)), "ALLOW small");
}

#[test]
fn a_hold_that_matches_without_the_field_stands_beside_the_incomplete_action() {
    let text = format!(
        "{RULES} @id(\"a-hold\") @decision(\"REQUIRE_APPROVAL\") forbid (principal, action in Action::\"payments\", resource);"
    );
    let policies = policies(&text);
    assert_eq!(
        decided(&policies, &full_refund()),
        "REQUIRE_APPROVAL a-hold incomplete_action"
    );
    let consent = evidence(&holds(&policies, &full_refund(), None)[..1]);
    assert_eq!(
        shown(&policies.evaluate(&facts(), &full_refund(), &situation(), Some(&consent))),
        "REQUIRE_APPROVAL incomplete_action"
    );
}

#[test]
fn another_error_than_the_missing_field_blocks() {
    let text = format!(
        "{RULES} @id(\"sum\") forbid (principal, action == Action::\"process_refund\", resource)
         when {{ context.host == \"x\" || 9223372036854775807 + 1 > 0 }};"
    );
    assert_eq!(decided(&policies(&text), &full_refund()), "BLOCK policy_error sum");
}

#[test]
fn an_action_may_say_that_it_is_blocked_when_incomplete() {
    let policies = policies(
        r#"@id("all") permit (principal, action, resource);
           @id("many") @decision("REQUIRE_APPROVAL") forbid (principal, action == Action::"export_data", resource)
           when { context.record_count > 10 };"#,
    );
    let export = action("export_data", &[("record_count", Value::Int(1))]);
    assert_eq!(decided(&policies, &export), "ALLOW all");
    assert_eq!(
        decided(&policies, &without(export, &["record_count"])),
        "BLOCK incomplete_action incomplete_action"
    );
}

#[test]
fn a_field_that_is_missing_but_not_named_so_is_an_error() {
    let mut half = full_refund();
    half.missing.retain(|missing| &*missing.field == "amount");
    assert_eq!(decided(&policies(RULES), &half), "BLOCK policy_error policy_error");
    let mut both = full_refund();
    both.fields.insert("amount".into(), Value::Int(1));
    assert_eq!(decided(&policies(RULES), &both), "BLOCK policy_error policy_error");
    let strange = without(refund(1), &["domains"]);
    assert_eq!(decided(&policies(RULES), &strange), "BLOCK policy_error policy_error");
}

#[test]
fn a_test_for_an_unreadable_optional_field_could_not_be_checked() {
    // `has` answers "no" without an error, so the rule would be overlooked.
    let policies = policies(
        r#"@id("all") permit (principal, action, resource);
           @id("outside") @decision("REQUIRE_APPROVAL") @approvers("legal")
           forbid (principal, action == Action::"modify_record", resource)
           when { context has domains && context.domains.contains("evil.example") };
           @id("other") forbid (principal, action == Action::"create_charge", resource)
           when { context has currency && context.currency == "xxx" };"#,
    );
    let garbled = without(action("modify_record", &[]), &["domains"]);
    let rules = holds(&policies, &garbled, None);
    assert_eq!(rules[0].unchecked, names(&["outside"]));
    assert_eq!(rules[0].approvers, names(&["legal"]));
}

#[test]
fn the_hold_is_bound_to_the_missing_fields_and_to_the_text_of_the_unchecked_rules() {
    let digest = |text: &str, action: &Action| holds(&policies(text), action, None)[0].digest.clone();
    let first = digest(RULES, &full_refund());
    assert_ne!(digest(RULES, &without(refund(1), &["amount"])), first);
    assert_ne!(digest(&RULES.replace("5000000 }", "6000000 }"), &full_refund()), first);
    let beside = format!("{RULES} @id(\"beside\") forbid (principal, action in Action::\"reads\", resource);");
    assert_eq!(digest(&beside, &full_refund()), first);
}
