//! What counts, once and in which window, whatever an agent or a host makes of it.

use super::*;

#[test]
fn a_refusal_of_a_host_that_nobody_knows_gives_nothing_back() {
    let rules = rules("budgets:\n  all: { window: 1h, per: agent }\n", "");
    let unmapped = Action {
        unmapped: true,
        ..action("read_record", &[])
    };
    let unknown = Action {
        provider: "unknown".into(),
        ..action("read_record", &[])
    };
    let also = Action {
        also: vec![unknown.clone()],
        ..action("read_record", &[])
    };
    let not_found = (Outcome::Failure, Some(404));
    for (unread, (outcome, status), counts) in [
        (unmapped.clone(), not_found, 1),
        (unknown, not_found, 2),
        (also, not_found, 4),
        (unmapped, (Outcome::NotSent, None), 4),
    ] {
        let read = Call {
            method: http::Method::GET,
            ..call()
        };
        let Decision::Allow(permit) = rules.decide(read, unread, None, NOON) else {
            panic!("not allowed")
        };
        settle(&permit, outcome, status);
        assert_eq!(used(&rules), [("support-bot".to_owned(), counts)]);
    }
}

#[test]
fn what_is_told_by_its_name_and_its_whole_arn_is_done_once() {
    const ARN: &str = "arn:aws:rds:eu-west-1:123456789012:snapshot:ch_1";
    let at = |id: &str, amount| {
        let mut action = refund(amount);
        action.target.id = Some(id.to_owned());
        action
    };
    let of = |per: &str, also: Vec<Action>| {
        let rules = rules(&REFUNDS.replace("agent", per), "");
        let call = Action {
            also,
            ..at("ch_1", 10_000)
        };
        executed(&rules, call);
        used(&rules).iter().map(|(_, used)| used).sum::<i64>()
    };
    for per in ["agent", "target"] {
        assert_eq!(of(per, vec![at(ARN, 10_000)]), 10_000, "per {per}");
        assert_eq!(of(per, vec![at("ch_1", 10_000)]), 20_000, "the same thing done twice");
        assert_eq!(of(per, vec![at(ARN, 20_000)]), 30_000, "another amount is another deed");
        assert_eq!(of(per, vec![at(&ARN.replace("ch_1", "ch_2"), 10_000)]), 20_000);
        let another_account = ARN.replace("1234", "4321");
        assert_eq!(of(per, vec![at(ARN, 10_000), at(&another_account, 10_000)]), 20_000);
    }
}

#[test]
fn one_target_has_one_window_however_it_is_spelt() {
    let rules = rules(
        "budgets:\n  b: { window: 1h, actions: [process_refund], per: target }\n",
        "",
    );
    for id in [
        "Acme/App",
        "acme/app",
        "ACME/APP/",
        "arn:aws:s3:::acme/app",
        "acme/other",
    ] {
        let mut action = refund(1);
        action.target.id = Some(id.to_owned());
        executed(&rules, action);
    }
    let one = |id: &str, used| (format!("stripe/charge/acme/{id}"), used);
    assert_eq!(used(&rules), [one("app", 4), one("other", 1)]);
}

#[test]
fn outsiders_that_a_budget_sums_can_be_stated_where_no_domain_is_the_organisations() {
    let mails = "budgets:
  outsiders: { window: 1d, sum: external_recipient_count, actions: [send_email], per: agent, limit: 10 }
";
    let rules = rules(mails, "");
    let nowhere = action("send_email", &[("recipient_count", Value::Int(3))]);
    for mail in [super::super::labels::mail(3, &["evil.test"]), nowhere] {
        let Decision::RequireApproval(hold) = decide(&rules, mail.clone()) else {
            panic!("not held")
        };
        assert_eq!(
            hold.action.wanted(rules.vocabulary()),
            [&Arc::from("external_recipient_count")]
        );
        let consent = |count| evidence(&hold.rules, &[("external_recipient_count", Value::Int(count))]);
        assert_eq!(
            said(&rules.decide(call(), mail.clone(), Some(&consent(11)), NOON)),
            "budget_exceeded budget:outsiders"
        );
        let stated = |count| said(&rules.decide(call(), mail.clone(), Some(&consent(count)), NOON));
        assert_eq!(stated(2), "message-to-outsiders");
        assert_eq!(stated(0), "ALLOW");
    }
}

#[test]
fn what_a_budget_does_not_count_is_zero_to_its_rules() {
    let rules = rules(&of_environment("production"), ANY_COUNTED);
    assert_eq!(said(&decide(&rules, at("staging"))), "ALLOW", "it is not production");
    assert_eq!(said(&decide(&rules, at("production"))), "policy_blocked any");
}

#[test]
fn a_budget_of_production_counts_what_nobody_knows() {
    let production = rules(&of_environment("production"), ANY_COUNTED);
    for environment in ["production", "unknown", "live", "Test", ""] {
        assert_eq!(
            said(&decide(&production, at(environment))),
            "policy_blocked any",
            "{environment}"
        );
    }
    for environment in ["test", "development", "staging", "sandbox"] {
        assert_eq!(said(&decide(&production, at(environment))), "ALLOW", "{environment}");
    }
    let test = rules(&of_environment("test"), ANY_COUNTED);
    for environment in ["production", "unknown", "staging"] {
        assert_eq!(
            said(&decide(&test, at(environment))),
            "ALLOW",
            "{environment} is no test"
        );
    }
    assert_eq!(said(&decide(&test, at("test"))), "policy_blocked any");
}

const ANY_COUNTED: &str =
    r#"@id("any") forbid (principal, action == Action::"process_refund", resource) when { context.budgets.some > 0 };"#;

fn of_environment(environment: &str) -> String {
    format!(
        "budgets:\n  some: {{ window: 1h, actions: [process_refund], per: agent, when: {{ environment: {environment} }}, limit: 9 }}\n"
    )
}

fn at(environment: &str) -> Action {
    Action {
        environment: environment.into(),
        ..refund(1)
    }
}
