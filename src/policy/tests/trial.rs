//! What is only looked at: rules on trial, and calls that no decision stops.

use bytes::Bytes;

use super::*;
use crate::model::observed::{Trial, Would};
use crate::model::{Authority, Body, CallId, Caller, Host, Origin, Scheme};

const REFUNDS: &str = r#"@id("refunds") permit (principal, action == Action::"process_refund", resource);"#;

fn call() -> Call {
    let Facts {
        agent, roles, method, ..
    } = facts();
    Call {
        id: CallId::random(),
        origin: Origin::Wire,
        caller: Caller {
            agent,
            roles,
            owner: None,
        },
        received: Timestamp(0),
        scheme: Scheme::Https,
        authority: Authority {
            host: Host::Name("api.example.com".into()),
            port: 443,
        },
        method: method.parse().unwrap(),
        path: "/".to_owned(),
        query: None,
        headers: http::HeaderMap::new(),
        body: Body::Captured(Bytes::from_static(b"x")),
    }
}

fn decide(policies: &Policies, action: Action) -> Decision {
    policies.decide(call(), action, &situation(), None)
}

fn refund(amount: i64) -> Action {
    action(
        "process_refund",
        &[("amount", Value::Int(amount)), ("amount_base", Value::Int(amount))],
    )
}

#[track_caller]
fn permitted(decision: Decision) -> Permit {
    match decision {
        Decision::Allow(permit) => permit,
        stopped @ (Decision::Block(_) | Decision::RequireApproval(_)) => panic!("expected a permit, found {stopped:?}"),
    }
}

#[test]
fn a_rule_on_trial_is_told_and_not_obeyed() {
    let rules = format!(
        "{REFUNDS}
        @id(\"cap\") @mode(\"observe\") forbid (principal, action == Action::\"process_refund\", resource)
        when {{ context.amount > 500 }};
        @id(\"ask\") @mode(\"observe\") @decision(\"REQUIRE_APPROVAL\")
        forbid (principal, action == Action::\"process_refund\", resource) when {{ context.amount > 100 }};"
    );
    let policies = policies(&rules);
    assert_eq!(permitted(decide(&policies, refund(50))).trial(), None);
    let told = |amount| permitted(decide(&policies, refund(amount))).trial().cloned().unwrap();
    let would = |decision, reason| Would { decision, reason };
    assert_eq!(
        told(200),
        Trial {
            rules: names(&["ask"]),
            failed: Vec::new(),
            would: would("REQUIRE_APPROVAL", None)
        }
    );
    assert_eq!(
        told(600),
        Trial {
            rules: names(&["ask", "cap"]),
            failed: Vec::new(),
            would: would("BLOCK", Some(Reason::PolicyBlocked))
        }
    );
    let permit = permitted(decide(&policies, refund(600)));
    assert_eq!((permit.basis(), permit.rules()), (Basis::Rules, &*names(&["refunds"])));
}

#[test]
fn a_permit_on_trial_lets_nothing_through_and_says_that_it_would() {
    let policies = policies(&REFUNDS.replace("permit", "@mode(\"observe\") permit"));
    let Decision::Block(blocked) = decide(&policies, refund(5)) else {
        panic!("a permit on trial permits");
    };
    assert_eq!(&*blocked.rules[0].id, DEFAULT);
    let trial = blocked.trial.unwrap();
    assert_eq!((trial.rules, trial.would.decision), (names(&["refunds"]), "ALLOW"));
}

#[test]
fn an_erring_rule_on_trial_blocks_nothing() {
    let overflow =
        "@id(\"broken\") @mode(\"observe\") forbid (principal, action == Action::\"process_refund\", resource)
        when { context.amount + 9223372036854775807 > 0 };";
    let permit = permitted(decide(&policies(&format!("{REFUNDS}{overflow}")), refund(5)));
    let trial = permit.trial().unwrap();
    assert_eq!((&*trial.rules, &*trial.failed), (&[][..], &*names(&["broken"])));
    assert_eq!(trial.would.reason, Some(Reason::PolicyError));
}

/// Of an action that lacks a field, a rule on trial that needs it is one that could not be checked.
#[test]
fn a_rule_on_trial_leaves_an_incomplete_action_as_it_is() {
    let trial = "@id(\"cap\") @mode(\"observe\") @decision(\"REQUIRE_APPROVAL\") @approvers(\"legal\")
        forbid (principal, action == Action::\"process_refund\", resource) when { context.amount > 500 };";
    let incomplete = without(refund(5), &["amount", "amount_base"]);
    let (plain, tried) = (policies(REFUNDS), policies(&format!("{REFUNDS}{trial}")));
    let verdict = |policies: &Policies| policies.evaluate(&facts(), &incomplete, &situation(), None);
    assert_eq!(verdict(&plain), verdict(&tried), "no approver more, no digest changed");
}

/// A `has` answers "no" of a field that could not be read, which is no answer.
#[test]
fn a_test_on_trial_for_a_field_that_could_not_be_read_is_told_as_unchecked() {
    let all = "@id(\"all\") permit (principal, action, resource);";
    let trial = "@id(\"outside\") @mode(\"observe\") forbid (principal, action == Action::\"modify_record\", resource)
        when { context has domains && context.domains.contains(\"evil.example\") };";
    let garbled = without(action("modify_record", &[]), &["domains"]);
    let (plain, tried) = (policies(all), policies(&format!("{all}{trial}")));
    let verdict = |policies: &Policies| policies.evaluate(&facts(), &garbled, &situation(), None);
    assert_eq!(verdict(&plain), verdict(&tried));
    let Decision::RequireApproval(held) = decide(&tried, garbled.clone()) else {
        panic!("what could not be read is not held");
    };
    let trial = held.trial.unwrap();
    assert_eq!((&*trial.rules, &*trial.failed), (&[][..], &*names(&["outside"])));
    // A field that is known to be absent has been checked.
    let checked = permitted(decide(&tried, action("modify_record", &[])));
    assert_eq!(checked.trial(), None);
}

#[test]
fn what_a_rule_on_trial_tests_is_not_asked_for() {
    let rule = |mode: &str| {
        format!(
            "@id(\"x\") {mode} forbid (principal, action == Action::\"modify_record\", resource)
            when {{ context has amount && context.amount > 5 }};"
        )
    };
    assert!(policies(&rule("")).asks_for("modify_record", "amount"));
    assert!(!policies(&rule("@mode(\"observe\")")).asks_for("modify_record", "amount"));
}

#[test]
fn a_mode_that_nobody_knows_is_refused_with_the_word_that_was_meant() {
    let rule = |mode: &str| format!("@id(\"x\")\n@mode(\"{mode}\")\nforbid (principal, action, resource);");
    for (mode, hint) in [
        ("obsrve", "did you mean \"observe\"?"),
        ("Observe", "did you mean \"observe\"?"),
        ("enforce", "expected \"observe\""),
        ("", "expected \"observe\""),
    ] {
        let wrong = load(&rule(mode)).err().unwrap();
        assert_eq!((wrong.len(), wrong[0].line), (1, 2), "{mode}: {wrong:?}");
        assert!(wrong[0].message.contains(hint), "{mode}: {}", wrong[0].message);
    }
    assert!(load(&rule("observe")).is_ok());
}

#[test]
fn what_is_observed_is_permitted_and_says_so() {
    let rules = format!(
        "{REFUNDS}
        @id(\"cap\") forbid (principal, action == Action::\"process_refund\", resource) when {{ context.amount > 500 }};
        @id(\"ask\") @decision(\"REQUIRE_APPROVAL\")
        forbid (principal, action == Action::\"process_refund\", resource) when {{ context.amount > 100 }};"
    );
    let observe = |agent: &str| policies(&rules).observing(Observe::Agents([Arc::from(agent)].into()));
    let (observed, other) = (observe("support-bot"), observe("ops-bot"));
    let of = |action| {
        let permit = permitted(decide(&observed, action));
        (permit.would(), permit.rules().to_vec())
    };
    let would = |decision, reason| Some(Would { decision, reason });
    assert_eq!(of(refund(5)), (None, names(&["refunds"])));
    assert_eq!(of(refund(200)), (would("REQUIRE_APPROVAL", None), names(&["ask"])));
    assert_eq!(
        of(refund(600)),
        (would("BLOCK", Some(Reason::PolicyBlocked)), names(&["cap"]))
    );
    let unfit = action("no_such_action", &[]);
    assert_eq!(
        of(unfit),
        (would("BLOCK", Some(Reason::PolicyError)), names(&["policy_error"]))
    );
    // What people or programs ask for stays what it is.
    assert!(matches!(
        observed.evaluate(&facts(), &refund(600), &situation(), None),
        Verdict::Block { .. }
    ));
    assert!(matches!(decide(&other, refund(600)), Decision::Block(_)));
    assert!(matches!(decide(&other, refund(200)), Decision::RequireApproval(_)));
}
