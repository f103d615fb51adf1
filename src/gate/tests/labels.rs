//! What labels of targets and the organisation's domains do to decisions.

use proptest::prelude::*;

use super::*;
use crate::model::{Labels, Sensitivity};

pub(super) fn with_targets(more: &str, targets: &str) -> Gate {
    Gate::new(labelled(more, targets, rates()))
}

pub(super) const PAYROLL: &str =
    "targets:\n  - { match: { id: payroll }, label: { sensitivity: restricted, owner: finance, tags: [pii] } }\n";

pub(super) fn read(id: Option<&str>) -> Action {
    let mut read = action("read_record", &[]);
    read.target.kind = "table".into();
    read.target.id = id.map(str::to_owned);
    read
}

#[test]
fn what_a_call_does_besides_is_labelled_too() {
    let gate = with_targets("", PAYROLL);
    let mut copy = action("modify_record", &[]);
    copy.also = vec![read(Some("orders"))];
    assert_eq!(decided(&gate, &copy, None), "ALLOW changes reads");
    copy.also = vec![read(Some("payroll"))];
    assert_eq!(decided(&gate, &copy, None), "REQUIRE_APPROVAL restricted-read");
}

/// A gate with these conditions, each of a rule that forbids: `r0`, `r1`, …
fn forbidding(conditions: &[&str], targets: &str) -> Gate {
    let rules = conditions.iter().enumerate();
    let rules =
        rules.map(|(at, condition)| format!("@id(\"r{at}\") forbid (principal, action, resource) {condition};\n"));
    with_targets(&rules.collect::<String>(), targets)
}

#[test]
fn rules_see_what_the_file_says_and_not_what_came_along() {
    let targets = "targets:\n  - match: { id: a }\n    label: { sensitivity: internal, owner: finance, tags: [pii, eu], environment: production }\n";
    let gate = forbidding(
        &[
            "when { resource.sensitivity == \"internal\" }",
            "when { resource has owner && resource.owner == \"finance\" }",
            "when { resource.tags.containsAll([\"pii\", \"eu\"]) }",
            "when { resource.environment == \"production\" && resource in Environment::\"production\" }",
            "when { resource.sensitivity == \"unknown\" && !(resource has owner) && resource.tags.isEmpty() }",
        ],
        targets,
    );
    let mut labelled = read(Some("a"));
    labelled.environment = "test".into();
    assert_eq!(decided(&gate, &labelled, None), "BLOCK policy_blocked r0 r1 r2 r3");
    assert_eq!(decided(&gate, &read(Some("b")), None), "BLOCK policy_blocked r4");
    let mut forged = read(Some("b"));
    forged.labels = labelled_as_internal();
    assert_eq!(decided(&gate, &forged, None), "BLOCK policy_blocked r4");
}

fn labelled_as_internal() -> Option<Arc<Labels>> {
    Some(Arc::new(Labels {
        sensitivity: Sensitivity::Internal,
        ..Labels::default()
    }))
}

#[test]
fn a_target_that_cannot_be_told_has_the_strictest_of_all_its_labels() {
    let targets = "targets:
  - { match: { id: a }, label: { owner: finance, tags: [pii] } }
  - { match: { id: b }, label: { owner: sandbox, tags: [sandbox] } }
  - { match: { id: c }, label: { environment: test } }
";
    let gate = forbidding(
        &[
            "when { resource has owner && resource.owner == \"finance\" }",
            "when { resource has owner && resource.owner == \"sandbox\" }",
            "unless { resource has owner && resource.owner == \"sandbox\" }",
            "unless { resource has owner }",
            "when { resource.tags.contains(\"pii\") }",
            "unless { resource.tags.contains(\"sandbox\") }",
            "unless { resource.environment == \"test\" }",
        ],
        targets,
    );
    assert_eq!(
        decided(&gate, &read(None), None),
        "BLOCK policy_blocked r0 r1 r2 r3 r4 r5 r6"
    );
    assert_eq!(decided(&gate, &read(Some("b")), None), "BLOCK policy_blocked r1 r6");
}

#[test]
fn two_targets_that_differ_in_labels_only_share_no_answer() {
    // No rule reads ids, so that targets alike in all else are one to the rules.
    let gate = with_targets("", PAYROLL);
    for _ in 0..2 {
        assert_eq!(decided(&gate, &read(Some("orders")), None), "ALLOW reads");
        assert_eq!(
            decided(&gate, &read(Some("payroll")), None),
            "REQUIRE_APPROVAL restricted-read"
        );
        assert_eq!(decided(&gate, &read(Some("invoices")), None), "ALLOW reads");
    }
    let by_tag = "@id(\"pii\") forbid (principal, action, resource) when { resource.tags.contains(\"pii\") };";
    let gate = with_targets(by_tag, PAYROLL);
    for _ in 0..2 {
        assert_eq!(decided(&gate, &read(Some("orders")), None), "ALLOW reads");
        assert_eq!(decided(&gate, &read(Some("payroll")), None), "BLOCK policy_blocked pii");
    }
}

pub(super) fn mail(count: i64, domains: &[&str]) -> Action {
    let domains = domains.iter().map(|domain| (*domain).to_owned()).collect();
    action(
        "send_email",
        &[
            ("recipient_count", Value::Int(count)),
            ("recipient_domains", Value::List(domains)),
        ],
    )
}

pub(super) const DOMAINS: &str = "domains: [example.com, \"*.example.org\"]\n";

#[test]
fn outsiders_are_counted_by_the_most_there_may_be() {
    let count = |action: Action, targets: &str| {
        let rules = labelled("", targets, rates());
        let once = rules.complete(action, "api.sendgrid.com");
        assert_eq!(rules.complete(once.clone(), "api.sendgrid.com"), once);
        once.int("external_recipient_count")
    };
    assert_eq!(count(mail(3, &["example.com"]), DOMAINS), Some(0));
    assert_eq!(count(mail(3, &["evil.test"]), DOMAINS), Some(3));
    assert_eq!(
        count(mail(5, &["a.example.org", "evil.test", "example.com"]), DOMAINS),
        Some(3)
    );
    assert_eq!(count(mail(1, &["a.test", "b.test"]), DOMAINS), Some(2));
    assert_eq!(count(mail(0, &[]), DOMAINS), Some(0));
    assert_eq!(count(mail(3, &["evil.test"]), TARGETS), None);
}

#[test]
fn recipients_that_cannot_be_told_may_be_anybodys() {
    let gate = with_targets("", DOMAINS);
    let untold = action("send_email", &[("recipient_count", Value::Int(3))]);
    let mut garbled = untold.clone();
    garbled.missing.push(Missing {
        field: "recipient_domains".into(),
        why: Why::Unreadable,
    });
    for action in [untold.clone(), garbled, mail(3, &[])] {
        let rules = held(&gate, &action, None);
        assert_eq!(&*rules[0].id, INCOMPLETE_ACTION);
        assert!(
            rules[0].unchecked.iter().any(|id| &**id == "message-to-outsiders"),
            "{rules:?}"
        );
    }
    // A person may say how many there are.
    let rules = held(&gate, &untold, None);
    let states = |count| evidence(&rules, &[("external_recipient_count", Value::Int(count))]);
    assert_eq!(decided(&gate, &untold, Some(&states(0))), "ALLOW changes");
    assert_eq!(
        decided(&gate, &untold, Some(&states(3))),
        "REQUIRE_APPROVAL message-to-outsiders"
    );
}

#[test]
fn a_count_of_outsiders_that_came_with_the_call_is_dropped() {
    let mut forged = mail(2, &["evil.test"]);
    forged.fields.insert("external_recipient_count".into(), Value::Int(0));
    assert_eq!(
        decided(&with_targets("", DOMAINS), &forged, None),
        "REQUIRE_APPROVAL message-to-outsiders"
    );
}

#[test]
fn the_rule_of_the_documentation_loads() {
    let page = include_str!("../../../docs/labels.md");
    let rule = page
        .split("```cedar\n")
        .nth(1)
        .and_then(|rest| rest.split("```").next())
        .unwrap();
    let gate = with_targets(rule, PAYROLL);
    let held = |hour: i64| {
        let at = Timestamp(NOON.0 + (hour - 12) * 3_600_000);
        let verdict = gate.rules().review(&call().facts(), &read(Some("payroll")), None, at);
        matches!(verdict, Verdict::RequireApproval { rules } if rules.iter().any(|rule| &*rule.id == "pii-stays-in-hours"))
    };
    assert!(!held(12) && held(3));
}

#[test]
fn labels_and_domains_count_in_the_digest_of_the_policies() {
    let digests = |targets| labelled("", targets, rates()).digests();
    assert_eq!(digests(TARGETS), digests(TARGETS));
    assert_eq!(digests(TARGETS).mappings, digests(DOMAINS).mappings);
    assert_ne!(digests(TARGETS).policies, digests(DOMAINS).policies);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn no_way_to_leave_recipients_out_allows_what_naming_them_holds(
        domains in prop::collection::vec(prop::sample::select(vec!["example.com", "evil.test", "a.example.org"]), 0..4),
        count in 1..6i64,
        unreadable in any::<bool>(),
    ) {
        static GATE: std::sync::LazyLock<Gate> = std::sync::LazyLock::new(|| with_targets("", DOMAINS));
        let gate = &*GATE;
        let whole = mail(count, &domains);
        for field in ["recipient_count", "recipient_domains"] {
            let mut less = whole.clone();
            less.fields.remove(field);
            if unreadable || field == "recipient_count" {
                less.missing.push(Missing { field: field.into(), why: if unreadable { Why::Unreadable } else { Why::Absent } });
            }
            prop_assert!(!decided(gate, &less, None).starts_with("ALLOW"));
        }
    }
}
