use std::collections::BTreeMap;
use std::sync::Arc;

use http::StatusCode;

use super::super::consent::{Consent, judge};
use super::super::problem::Problem;
use crate::agent::{Person, Proof};
use crate::approval::tests::{approvals, call, hold, rule};
use crate::approval::{Approvals, Found, Review};
use crate::model::{ApprovalId, Evidence, HoldRule, Reason, Value};
use crate::policy::{RuleReason, Verdict};

fn person(name: &str, groups: &[&str]) -> Person {
    Person {
        name: name.into(),
        groups: groups.iter().map(|group| Arc::from(*group)).collect(),
        proof: Proof::Key,
    }
}

fn rule_of(id: &str, group: &str) -> HoldRule {
    HoldRule {
        approvers: vec![group.into()],
        ..rule(id, "d")
    }
}

fn held(approvals: &Approvals, rules: &[HoldRule]) -> ApprovalId {
    let mut held = hold("bot");
    held.rules = rules.to_vec();
    let Found::New(draft, ticket) = approvals.look_up(&call("bot", 1, None), &held) else {
        panic!("expected a new approval");
    };
    draft.committed();
    ticket.approval().clone()
}

fn review(approvals: &Approvals, id: &ApprovalId) -> Review {
    match approvals.review(id) {
        Ok(review) => review,
        Err(_) => panic!("expected it to be pending"),
    }
}

/// A gate that wants these rules satisfied.
fn gate(rules: &[HoldRule]) -> impl Fn(&Evidence) -> Verdict {
    move |evidence| {
        let rest: Vec<HoldRule> = rules.iter().filter(|rule| !evidence.satisfies(rule)).cloned().collect();
        match rest.is_empty() {
            true => Verdict::Allow { rules: Vec::new() },
            false => Verdict::RequireApproval { rules: rest },
        }
    }
}

fn yes(review: &Review, person: &Person, gate: impl Fn(&Evidence) -> Verdict) -> Result<Consent, Problem> {
    judge(review, person, None, BTreeMap::new(), gate)
}

#[tokio::test(start_paused = true)]
async fn one_yes_of_the_right_group_is_enough() {
    let approvals = approvals();
    let rules = [rule_of("refund", "finance")];
    let review = review(&approvals, &held(&approvals, &rules));
    let consent = yes(&review, &person("alice", &["finance"]), gate(&rules)).unwrap();
    assert_eq!(consent.remaining, []);
    assert_eq!(consent.vote.rules, [("refund".into(), "d".into())]);
    assert_eq!((&*consent.vote.person, &*consent.vote.proof), ("alice", "key"));
}

#[tokio::test(start_paused = true)]
async fn a_person_of_no_group_that_is_asked_decides_nothing() {
    let approvals = approvals();
    let rules = [rule_of("refund", "finance")];
    let review = review(&approvals, &held(&approvals, &rules));
    for groups in [&["security"][..], &[], &["Finance"], &["owners"]] {
        let problem = yes(&review, &person("bob", groups), gate(&rules)).unwrap_err();
        assert_eq!(problem.status, StatusCode::FORBIDDEN);
        assert!(problem.detail.contains("finance (refund)"), "{}", problem.detail);
        // Nor if the gate by now wants nobody.
        assert!(yes(&review, &person("bob", groups), gate(&[])).is_err());
    }
}

#[tokio::test(start_paused = true)]
async fn an_owner_may_approve_anything() {
    let approvals = approvals();
    let rules = [rule_of("refund", "finance"), rule_of("delete", "security")];
    let review = review(&approvals, &held(&approvals, &rules));
    let consent = yes(&review, &person("owner", &["owner"]), gate(&rules)).unwrap();
    assert_eq!((consent.remaining.len(), consent.vote.rules.len()), (0, 2));
}

#[tokio::test(start_paused = true)]
async fn a_vote_counts_for_the_rules_of_its_groups_only() {
    let approvals = approvals();
    let rules = [rule_of("refund", "finance"), rule_of("delete", "security")];
    let id = held(&approvals, &rules);
    let first = review(&approvals, &id);
    let consent = yes(&first, &person("alice", &["finance"]), gate(&rules)).unwrap();
    assert_eq!(consent.remaining, [rules[1].clone()]);
    let _ = first
        .consent(consent.vote, consent.stated, consent.remaining)
        .committed();

    let second = review(&approvals, &id);
    let again = yes(&second, &person("alice", &["finance"]), gate(&rules)).unwrap_err();
    assert!(again.detail.contains("security (delete)"), "{}", again.detail);
    let consent = yes(&second, &person("sam", &["security"]), gate(&rules)).unwrap();
    assert_eq!(consent.remaining, []);
}

#[tokio::test(start_paused = true)]
async fn the_same_person_twice_is_not_two_people() {
    let approvals = approvals();
    let rules = [HoldRule {
        quorum: 2,
        ..rule_of("refund", "finance")
    }];
    let id = held(&approvals, &rules);
    let first = review(&approvals, &id);
    let consent = yes(&first, &person("alice", &["finance"]), gate(&rules)).unwrap();
    assert_eq!(consent.remaining, rules);
    let _ = first
        .consent(consent.vote, consent.stated, consent.remaining)
        .committed();
    let second = review(&approvals, &id);
    let again = yes(&second, &person("alice", &["finance"]), gate(&rules)).unwrap_err();
    assert_eq!(again.status, StatusCode::CONFLICT);
    assert_eq!(
        yes(&second, &person("bob", &["finance"]), gate(&rules))
            .unwrap()
            .remaining,
        []
    );
}

#[tokio::test(start_paused = true)]
async fn rules_that_a_stated_value_brings_in_are_met_by_the_same_yes_where_it_may() {
    let approvals = approvals();
    let incomplete = rule_of("incomplete_action", "finance");
    let over = rule_of("refund-over-500", "finance");
    let huge = rule_of("refund-over-5000", "board");
    let asked = {
        let (incomplete, over, huge) = (incomplete.clone(), over.clone(), huge.clone());
        move |evidence: &Evidence| match evidence.stated.get("amount") {
            Some(Value::Int(amount)) if *amount > 500_000 => gate(&[over.clone(), huge.clone()])(evidence),
            Some(Value::Int(amount)) if *amount > 50_000 => gate(std::slice::from_ref(&over))(evidence),
            Some(_) => gate(&[])(evidence),
            None => gate(std::slice::from_ref(&incomplete))(evidence),
        }
    };
    let review = review(&approvals, &held(&approvals, &[incomplete]));
    let alice = person("alice", &["finance"]);
    let say = |amount| {
        judge(
            &review,
            &alice,
            None,
            BTreeMap::from([("amount".into(), Value::Int(amount))]),
            &asked,
        )
    };
    assert_eq!(say(100).unwrap().remaining, []);
    let met = say(51_200).unwrap();
    assert_eq!(met.remaining, []);
    assert!(met.vote.rules.iter().any(|(id, _)| &**id == "refund-over-500"));
    assert_eq!(say(600_000).unwrap().remaining, [huge]);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_would_be_blocked_is_not_approved() {
    let approvals = approvals();
    let rules = [rule_of("refund", "finance")];
    let review = review(&approvals, &held(&approvals, &rules));
    let problem = yes(&review, &person("alice", &["finance"]), |_| Verdict::Block {
        reason: Reason::PolicyBlocked,
        rules: vec![RuleReason {
            id: "freeze".into(),
            reason: Some("No refunds today".to_owned()),
        }],
    })
    .unwrap_err();
    assert_eq!(problem.status, StatusCode::CONFLICT);
    assert_eq!(
        problem.detail,
        "nothing is approved: the call would be blocked (policy_blocked) by freeze (No refunds today)"
    );
}

#[tokio::test(start_paused = true)]
async fn a_rule_whose_text_changed_is_shown_before_a_yes_counts_for_it() {
    let approvals = approvals();
    let id = held(&approvals, &[rule_of("refund", "finance")]);
    let changed = [HoldRule {
        digest: "new".into(),
        ..rule_of("refund", "finance")
    }];
    let alice = person("alice", &["finance"]);
    let first = review(&approvals, &id);
    let consent = yes(&first, &alice, gate(&changed)).unwrap();
    assert_eq!(consent.remaining, changed);
    let _ = first
        .consent(consent.vote, consent.stated, consent.remaining)
        .committed();
    let consent = yes(&review(&approvals, &id), &alice, gate(&changed)).unwrap();
    assert_eq!(consent.remaining, []);
}

/// Stating a value is no yes to a rule that came or was edited since the person looked.
#[tokio::test(start_paused = true)]
async fn with_stated_values_too_a_rule_that_was_not_shown_needs_its_own_look() {
    let incomplete = rule_of("incomplete_action", "finance");
    let over = rule_of("refund-over-500", "finance");
    let alice = person("alice", &["finance"]);
    let edited = HoldRule {
        digest: "new".into(),
        ..rule_of("every-refund", "finance")
    };
    for shown in [
        vec![incomplete.clone()],
        vec![incomplete.clone(), rule_of("every-refund", "finance")],
    ] {
        let approvals = approvals();
        let review = review(&approvals, &held(&approvals, &shown));
        let asked = |evidence: &Evidence| match evidence.stated.contains_key("amount") {
            true => gate(&[incomplete.clone(), over.clone(), edited.clone()])(evidence),
            false => gate(&[incomplete.clone(), edited.clone()])(evidence),
        };
        let stated = BTreeMap::from([("amount".into(), Value::Int(51_200))]);
        let consent = judge(&review, &alice, None, stated, asked).unwrap();
        assert_eq!(consent.remaining, std::slice::from_ref(&edited));
        assert!(
            consent.vote.rules.contains(&("refund-over-500".into(), "d".into())),
            "brought in by the value: {:?}",
            consent.vote
        );
        assert!(!consent.vote.rules.iter().any(|(_, digest)| &**digest == "new"));
    }
}
