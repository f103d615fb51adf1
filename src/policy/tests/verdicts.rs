//! Complete actions.

use super::*;

const ALL: &str = r#"@id("all") permit (principal, action, resource);"#;
const HOLD: &str = r#"@id("hold") @decision("REQUIRE_APPROVAL") @reason("ask")
    forbid (principal, action == Action::"process_refund", resource) when { context.amount_base > 50000 };"#;
const CAP: &str = r#"@id("cap") @reason("never") forbid (principal, action == Action::"process_refund", resource)
    when { context.amount_base > 500000 };"#;

#[test]
fn block_beats_require_approval_beats_allow() {
    let policies = policies(&[ALL, HOLD, CAP].join("\n"));
    assert_eq!(decided(&policies, &refund(50_000)), "ALLOW all");
    assert_eq!(decided(&policies, &refund(50_001)), "REQUIRE_APPROVAL hold");
    let blocked = policies.evaluate(&facts(), &refund(500_001), &situation(), None);
    let never = RuleReason {
        id: "cap".into(),
        reason: Some("never".to_owned()),
    };
    let expected = Verdict::Block {
        reason: Reason::PolicyBlocked,
        rules: vec![never],
    };
    assert_eq!(blocked, expected);
}

#[test]
fn a_rule_may_ask_for_the_time_and_is_asked_anew_at_another() {
    let policies = policies(
        r#"@id("office") permit (principal, action, resource)
        when { context.time.hour >= 9 && context.time.hour < 17 && context.time.date like "2026-11-*" }
        unless { ["saturday", "sunday"].contains(context.time.weekday) || context.time.minute == 30 };"#,
    );
    let at = |hour: i64, minute: i64| {
        let moment = Timestamp(1_795_176_000_000 + ((hour - 12) * 60 + minute) * 60_000);
        let situation = Situation::at(Zone::default().at(moment), 50);
        shown(&policies.evaluate(&facts(), &refund(1), &situation, None))
    };
    let closed = "BLOCK policy_blocked default";
    assert_eq!([at(8, 59), at(9, 0), at(9, 30)], [closed, "ALLOW office", closed]);
    assert_eq!([at(16, 59), at(17, 0)], ["ALLOW office", closed]);
    assert_eq!([at(24 + 12, 0), at(3 * 24 + 12, 0)], [closed, "ALLOW office"]);
    assert_eq!(at(60 * 24 + 12, 0), closed);
}

#[test]
fn a_rule_may_ask_for_the_risk_and_is_asked_anew_at_another() {
    let policies = policies(
        r#"@id("all") permit (principal, action, resource);
        @id("risky") @decision("REQUIRE_APPROVAL") forbid (principal, action, resource) when { context.risk >= 70 };
        @id("critical") forbid (principal, action, resource) when { context.risk > 84 };"#,
    );
    let at = |risk: i64| {
        let situation = Situation { risk, ..situation() };
        shown(&policies.evaluate(&facts(), &refund(1), &situation, None))
    };
    let said = [0, 69, 70, 84, 85, 100, 69].map(at);
    let (allow, ask, block) = ("ALLOW all", "REQUIRE_APPROVAL risky", "BLOCK policy_blocked critical");
    assert_eq!(said, [allow, allow, ask, ask, block, block, allow]);
}

#[test]
fn nothing_permits_nothing_passes() {
    assert_eq!(decided(&policies(""), &refund(1)), "BLOCK policy_blocked default");
}

#[test]
fn a_hold_on_what_nothing_permits_is_a_block() {
    let reads = r#"@id("reads") permit (principal, action in Action::"reads", resource);"#;
    assert_eq!(
        decided(&policies(&[reads, HOLD].join("\n")), &refund(90_000)),
        "BLOCK policy_blocked default"
    );
}

#[test]
fn the_rules_that_decided_are_sorted() {
    let permits = ["c", "a", "b"].map(|id| format!("@id(\"{id}\") permit (principal, action, resource);"));
    assert_eq!(decided(&policies(&permits.join("\n")), &refund(1)), "ALLOW a b c");
    let forbids = ["c", "a", "b"].map(|id| format!("@id(\"{id}\") forbid (principal, action, resource);"));
    assert_eq!(
        decided(&policies(&forbids.join("\n")), &refund(1)),
        "BLOCK policy_blocked a b c"
    );
    let holds = ["c", "a", "b"]
        .map(|id| format!("@id(\"{id}\") @decision(\"REQUIRE_APPROVAL\") forbid (principal, action, resource);"));
    let policies = policies(&format!("{ALL}\n{}", holds.join("\n")));
    assert_eq!(decided(&policies, &refund(1)), "REQUIRE_APPROVAL a b c");
}

#[test]
fn an_overflow_in_a_rule_blocks() {
    // Cedar alone would skip the erring rule, and allow.
    for head in ["", "@decision(\"REQUIRE_APPROVAL\") "] {
        let rule = format!(
            "@id(\"spend\") {head}forbid (principal, action == Action::\"process_refund\", resource)
             when {{ 9223372036854775807 + context.amount > 1000000 }};"
        );
        assert_eq!(
            decided(&policies(&format!("{ALL}\n{rule}")), &refund(1)),
            "BLOCK policy_error spend"
        );
    }
    let permit = r#"@id("spend") permit (principal, action == Action::"process_refund", resource)
        when { 9223372036854775807 + context.amount > 1000000 };"#;
    assert_eq!(
        decided(&policies(&format!("{ALL}\n{permit}")), &refund(1)),
        "BLOCK policy_error spend"
    );
}

#[test]
fn an_action_that_does_not_fit_the_vocabulary_is_blocked() {
    let policies = policies(ALL);
    let amounts = |amount: Value, base: Value| action("process_refund", &[("amount", amount), ("amount_base", base)]);
    let text = || Value::Text("51200".to_owned());
    let unfit = [
        (action("make_coffee", &[]), "the action is not in the vocabulary"),
        (amounts(text(), Value::Int(1)), "`amount` is not of its type"),
        (
            amounts(Value::Int(1), Value::Int(1 + 1_000_000_000_000_000)),
            "`amount_base` is beyond ±1e15",
        ),
        (amounts(Value::Int(i64::MIN), Value::Int(1)), "`amount` is beyond ±1e15"),
        (
            action("process_refund", &[("amount_base", Value::Int(1))]),
            "`amount` is required, but neither read nor named as missing",
        ),
        (
            action("read_record", &[("amount", Value::Int(1))]),
            "`amount` is not a field of the action",
        ),
        (
            action("read_record", &[("nonsense", Value::Int(1))]),
            "`nonsense` is not a field of the action",
        ),
    ];
    for (action, why) in unfit {
        match policies.evaluate(&facts(), &action, &situation(), None) {
            Verdict::Block { reason, rules } => {
                assert_eq!(reason, Reason::PolicyError);
                assert_eq!(rules[0].reason.as_deref(), Some(why));
            }
            other @ (Verdict::Allow { .. } | Verdict::RequireApproval { .. }) => panic!("{why}: {other:?}"),
        }
    }
}

#[test]
fn a_change_that_a_mapping_calls_a_read_is_no_read() {
    let policies = policies(
        r#"@id("reads") permit (principal, action in Action::"reads", resource);
           @id("word") permit (principal, action, resource) when { context.access == "read" };"#,
    );
    assert_eq!(decided(&policies, &action("read_record", &[])), "ALLOW reads word");
    // The vocabulary says read, the mapping found a change; and the other way round.
    let mut change = action("read_record", &[]);
    change.access = Access::Write;
    assert_eq!(decided(&policies, &change), "BLOCK policy_blocked default");
    let mut change = action("modify_record", &[]);
    change.access = Access::Read;
    assert_eq!(decided(&policies, &change), "BLOCK policy_blocked default");
}

#[test]
fn a_change_that_deletes_is_under_the_rules_for_deletions() {
    let policies = policies(&format!(
        "{ALL} @id(\"kept\") forbid (principal, action in Action::\"deletes\", resource);"
    ));
    let mut deletion = action("modify_record", &[]);
    deletion.access = Access::Delete;
    assert_eq!(decided(&policies, &deletion), "BLOCK policy_blocked kept");
    let mut deletion = action("delete_records", &[("unbounded", Value::Bool(false))]);
    deletion.access = Access::Admin;
    assert_eq!(decided(&policies, &deletion), "BLOCK policy_blocked kept");
}

#[test]
fn rules_speak_of_agent_role_target_and_call() {
    let policies = policies(
        r#"@id("all") permit (principal, action, resource);
           @id("agent") forbid (principal == Agent::"support-bot", action, resource) when { context.method == "PUT" };
           @id("role") forbid (principal in Role::"support", action, resource) when { context.host == "evil.example" };
           @id("provider") forbid (principal, action, resource in Provider::"aws");
           @id("place") forbid (principal, action, resource in Environment::"staging");
           @id("target") forbid (principal, action, resource) when { resource.kind == "vault" };
           @id("one") forbid (principal, action, resource) when { resource has id && resource.id == "ch_9" };"#,
    );
    let mut facts = facts();
    let says = |facts: &Facts, action: &Action| shown(&policies.evaluate(facts, action, &situation(), None));
    assert_eq!(says(&facts, &refund(1)), "ALLOW all");
    facts.method = "PUT".to_owned();
    assert_eq!(says(&facts, &refund(1)), "BLOCK policy_blocked agent");
    facts.agent = "other".into();
    facts.host = "evil.example".to_owned();
    assert_eq!(says(&facts, &refund(1)), "BLOCK policy_blocked role");
    facts.roles = Arc::from([]);
    assert_eq!(says(&facts, &refund(1)), "ALLOW all");
    let mut action = refund(1);
    action.provider = "aws".into();
    action.environment = "staging".into();
    action.target.kind = "vault".into();
    action.target.id = Some("ch_9".to_owned());
    assert_eq!(says(&facts, &action), "BLOCK policy_blocked one place provider target");
    action.target.id = None;
    assert_eq!(says(&facts, &action), "BLOCK policy_blocked place provider target");
}

#[test]
fn an_agent_named_like_a_role_is_not_in_it() {
    let policies = policies(r#"@id("sre") permit (principal in Role::"sre", action, resource);"#);
    let mut facts = facts();
    facts.agent = "sre".into();
    assert_eq!(
        shown(&policies.evaluate(&facts, &refund(1), &situation(), None)),
        "BLOCK policy_blocked default"
    );
    facts.agent = "x\") || true || Role::\"sre".into();
    assert_eq!(
        shown(&policies.evaluate(&facts, &refund(1), &situation(), None)),
        "BLOCK policy_blocked default"
    );
}

#[test]
fn each_hold_wants_its_own_vote_for_its_own_text() {
    let texts = [
        ALL,
        HOLD,
        r#"@id("legal") @decision("REQUIRE_APPROVAL") @approvers("legal") @timeout("30m")
           forbid (principal, action in Action::"payments", resource);"#,
    ];
    let policies_now = policies(&texts.join("\n"));
    let rules = holds(&policies_now, &refund(90_000), None);
    assert_eq!(rules[0].approvers, names(&["approver"]));
    assert_eq!(rules[0].reason.as_deref(), Some("ask"));
    assert_eq!(rules[1].approvers, names(&["legal"]));
    assert_eq!(rules[1].timeout, Some(std::time::Duration::from_secs(1800)));
    let one = evidence(&rules[..1]);
    assert_eq!(holds(&policies_now, &refund(90_000), Some(&one)), rules[1..]);
    let both = evidence(&rules);
    let allowed = policies_now.evaluate(&facts(), &refund(90_000), &situation(), Some(&both));
    assert_eq!(shown(&allowed), "ALLOW all");
    // A block is not for anyone to consent to.
    let capped = policies(&[&texts[..], &[CAP]].concat().join("\n"));
    let verdict = capped.evaluate(&facts(), &refund(900_000), &situation(), Some(&both));
    assert_eq!(shown(&verdict), "BLOCK policy_blocked cap");
    // A changed rule asks again; another rule's change does not.
    let changed = policies(&texts.join("\n").replace("50000", "60000"));
    let again = changed.evaluate(&facts(), &refund(90_000), &situation(), Some(&both));
    assert_eq!(shown(&again), "REQUIRE_APPROVAL hold");
}

#[test]
fn a_rule_is_bound_by_its_text_and_not_by_its_neighbours() {
    let digest = |text: &str| holds(&policies(text), &refund(90_000), None)[0].digest.clone();
    let alone = digest(&format!("{ALL}{HOLD}"));
    assert_eq!(digest(&format!("// above\n\n{HOLD}\n// below\n{CAP}\n{ALL}")), alone);
    assert_ne!(digest(&format!("{ALL}{}", HOLD.replace("ask", "ask nicely"))), alone);
    assert_ne!(digest(&format!("{ALL}{}", HOLD.replace("> 50000", ">  50000"))), alone);
}

#[test]
fn the_digest_of_a_set_follows_names_and_texts_in_any_order() {
    let file = |file: &str, text: &str| Source {
        file: file.to_owned(),
        text: text.to_owned(),
    };
    let one = [file("policies/a.cedar", ALL), file("embedded:policies/b.cedar", HOLD)];
    let moved = [file("/etc/b.cedar", HOLD), file("a.cedar", ALL)];
    let swapped = [file("a.cedar", HOLD), file("b.cedar", ALL)];
    assert_eq!(Policies::digest_of(&one), Policies::digest_of(&moved));
    assert_ne!(Policies::digest_of(&one), Policies::digest_of(&swapped));
}
