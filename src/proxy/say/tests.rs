use std::collections::BTreeMap;
use std::sync::Arc;

use http::{HeaderMap, Method};

use super::*;
use crate::model::approval::HoldRule;
use crate::model::{Access, Authority, Body, Caller, Missing, Origin, Scheme, Target, Tie, Timestamp};

fn call() -> Call {
    Call {
        id: CallId::random(),
        origin: Origin::Wire,
        caller: Caller {
            agent: "support-bot".into(),
            roles: Arc::from([]),
            owner: None,
        },
        received: Timestamp::now(),
        scheme: Scheme::Https,
        authority: Authority::parse("api.stripe.test:443", None).unwrap(),
        method: Method::GET,
        path: "/".to_owned(),
        query: None,
        headers: HeaderMap::new(),
        body: Body::Absent,
    }
}

fn action(summary: &str) -> Action {
    Action {
        provider: "stripe".into(),
        operation: "refunds.create".into(),
        name: "process_refund".into(),
        access: Access::Write,
        fields: BTreeMap::new(),
        missing: vec![
            Missing {
                field: "amount".into(),
                why: Why::Absent,
            },
            Missing {
                field: "amount_base".into(),
                why: Why::Derived,
            },
        ],
        target: Target {
            kind: "charge".into(),
            id: None,
        },
        environment: "test".into(),
        labels: None,
        unmapped: false,
        inspected: true,
        summary: summary.to_owned(),
        request_line: "GET /".to_owned(),
        answer: Arc::default(),
        also: Vec::new(),
        tie: Tie::default(),
        risk: None,
    }
}

fn of(reason: Reason, rules: &[(&str, Option<&str>)]) -> Blocked {
    let rules = rules.iter().map(|(id, reason)| RuleReason {
        id: (*id).into(),
        reason: reason.map(str::to_owned),
    });
    Blocked {
        call: call(),
        action: action("Refund \u{1b}[2Jof \u{202e}ch_1\r\nHELD"),
        reason,
        rules: rules.collect(),
        spending: Spending::default(),
        trial: None,
    }
}

#[test]
fn a_line_for_the_terminal_is_inert() {
    let line = blocked(&of(Reason::PolicyBlocked, &[("no-refunds", None)]));
    assert!(line.starts_with("BLOCKED support-bot: Refund "), "{line}");
    assert!(line.ends_with("(no-refunds)"), "{line}");
    assert!(!line.contains(['\u{1b}', '\u{202e}', '\r', '\n']), "{line:?}");
    assert!(blocked(&of(Reason::PolicyError, &[])).ends_with("(policy_error)"));
}

#[test]
fn a_block_is_told_with_the_rules_in_their_authors_words() {
    let rules = [("no-refunds", Some("By people only.")), ("default", None)];
    let told = why_blocked(&of(Reason::PolicyBlocked, &rules));
    assert_eq!(told, "policy does not allow it (no-refunds: By people only; default)");
    let told = why_blocked(&of(Reason::IncompleteAction, &rules));
    assert!(
        told.contains("to judge it: amount (no-refunds"),
        "what follows from it is not asked for: {told}"
    );
}

#[test]
fn what_asks_to_leave_http_is_blocked_whatever_was_decided() {
    let rule = HoldRule {
        id: "streams".into(),
        reason: None,
        approvers: vec!["approver".into()],
        quorum: 1,
        timeout: None,
        escalation: None,
        digest: "".into(),
        unchecked: Vec::new(),
    };
    let hold = || {
        Decision::RequireApproval(Hold {
            call: call(),
            action: action(""),
            rules: vec![rule.clone()],
            spending: Spending::default(),
            trial: None,
        })
    };
    let Decision::Block(blocked) = carried(hold(), true) else {
        panic!("a hold would be passed on")
    };
    assert_eq!(blocked.reason, Reason::NotInspectable);
    assert_eq!(&*blocked.rules[0].id, "streams");
    assert!(
        matches!(carried(hold(), false), Decision::RequireApproval(_)),
        "others are left alone"
    );
    let no = carried(Decision::Block(of(Reason::PolicyBlocked, &[])), true);
    assert!(matches!(
        no,
        Decision::Block(Blocked {
            reason: Reason::PolicyBlocked,
            ..
        })
    ));
}
