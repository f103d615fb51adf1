mod dropped;

use super::*;
use crate::gate::Rules;
use crate::model::Diagnostic;
use crate::model::money::Rates;
use crate::{app, gate};

fn rules(house: &str) -> (tempfile::TempDir, Rules) {
    let directory = tempfile::tempdir().unwrap();
    let home = Home::choose(Some(directory.path().to_owned())).unwrap();
    fs::create_dir_all(home.policies()).unwrap();
    fs::write(home.policies().join("house.cedar"), house).unwrap();
    let config = gate::Config {
        rates: Rates::new(Some("usd")),
        ..gate::Config::default()
    };
    let rules = app::load_rules(&home, None, config).unwrap_or_else(|wrong| panic!("{wrong:?}"));
    (directory, rules)
}

fn source(text: &str) -> Source {
    Source {
        file: "policies/tests/house.yaml".to_owned(),
        text: text.to_owned(),
    }
}

/// What a file's tests come to, as people and as machines read it.
fn results(rules: &Rules, text: &str) -> (bool, String, String) {
    let cases = fixture::read(&source(text), rules).unwrap_or_else(|wrong| panic!("{wrong:?}"));
    let directory = tempfile::tempdir().unwrap();
    let limits = Config::load(Home::choose(Some(directory.path().to_owned())).unwrap()).unwrap();
    let limits = limits.limits.of_one_body();
    let ran: Vec<Ran> = cases.iter().map(|case| run::run(case, rules, &limits)).collect();
    let mut out = Vec::new();
    show::results(&ran, rules, true, &mut out).unwrap();
    (
        ran.iter().all(Ran::passed),
        String::from_utf8(out).unwrap(),
        junit::report(&ran),
    )
}

#[test]
fn a_test_that_finds_what_it_expects_passes() {
    let (_home, rules) = rules(
        "@id(\"at-night\") @decision(\"REQUIRE_APPROVAL\") @reason(\"Nobody looks at night\")\n\
         forbid (principal in Role::\"night\", action in Action::\"writes\", resource)\nwhen { context.time.hour < 6 };",
    );
    let (passed, text, junit) = results(
        &rules,
        "tests:
  - it: a change at night is held
    agent: bot
    roles: [night]
    at: 2026-11-20T03:00:00Z
    request: { url: 'https://api.stripe.com/v1/refunds', headers: { content-type: application/x-www-form-urlencoded, authorization: Bearer sk_test_x }, body: charge=ch_1&amount=4000 }
    expect: { decision: REQUIRE_APPROVAL, rules: [at-night], reason: Nobody looks }
  - it: by day it is allowed
    agent: bot
    roles: [night]
    at: 2026-11-20T13:00:00Z
    action: { name: modify_record, provider: stripe }
    expect: { decision: ALLOW }
  - it: what cannot be read as one request is refused
    curl: >-
      https://api.stripe.com/v1/charges/%2e%2e/refunds -H 'Authorization: Bearer sk_test_x'
    expect: { refused: malformed }
",
    );
    assert!(passed, "{text}");
    assert!(text.contains("3 tests: 3 as expected, 0 otherwise"), "{text}");
    assert!(junit.contains("tests=\"3\" failures=\"0\""), "{junit}");
}

#[test]
fn rules_that_are_among_those_that_decided_are_enough_where_a_test_says_so() {
    let (_home, rules) = rules("@id(\"more\") permit (principal, action, resource);");
    let test = |expect: &str| {
        format!(
            "tests:\n  - it: x\n    action: {{ name: modify_record, provider: stripe }}\n    expect: {{ {expect} }}\n"
        )
    };
    let passes = |expect: &str| results(&rules, &test(expect)).0;
    assert!(passes("decision: ALLOW, among: [changes]"));
    assert!(passes("decision: ALLOW, among: [more, changes]"));
    assert!(passes("decision: ALLOW, rules: [more, changes]"));
    assert!(!passes("decision: ALLOW, rules: [changes]"));
    assert!(!passes("decision: ALLOW, among: [changes, reads]"));
    assert!(!passes("decision: BLOCK, among: [changes]"));
    for (wrong, says) in [
        ("decision: ALLOW, rules: [changes], among: [more]", "not both"),
        ("refused: malformed, among: [changes]", "`refused` alone"),
    ] {
        let told = fixture::read(&source(&test(wrong)), &rules).err().unwrap();
        assert!(told[0].to_string().contains(says), "{}", told[0]);
    }
}

/// From the request on: who is outside follows from targets.yaml alone.
#[test]
fn with_the_pack_mail_to_people_outside_is_held_once_somebody_says_who_is_inside() {
    let mail = |decision: &str, at: &str| {
        format!(
            "tests:\n  - it: x\n    curl: >-\n      https://api.sendgrid.com/v3/mail/send --json '{{\"personalizations\": [{{\"to\": \
             [{{\"email\": \"ada@{at}\"}}]}}], \"from\": {{\"email\": \"bot@example.com\"}}, \"subject\": \"x\", \"content\": \
             [{{\"type\": \"text/plain\", \"value\": \"x\"}}]}}'\n    expect: {{ decision: {decision} }}\n"
        )
    };
    let pack = include_str!("../../../policies/packs/communication.cedar");
    for (targets, outside) in [("", "ALLOW"), ("domains: [example.com]\n", "REQUIRE_APPROVAL")] {
        let (directory, _) = rules(pack);
        let home = Home::choose(Some(directory.path().to_owned())).unwrap();
        if !targets.is_empty() {
            fs::write(home.policies().join("targets.yaml"), targets).unwrap();
        }
        let rules = app::load_rules(&home, None, Config::load(home.clone()).unwrap().gate).unwrap();
        for (decision, at) in [("ALLOW", "example.com"), (outside, "elsewhere.example")] {
            let (passed, text, _) = results(&rules, &mail(decision, at));
            assert!(passed, "{targets}: {text}");
        }
    }
}

#[test]
fn with_the_pack_a_mail_to_101_people_is_held_and_one_to_100_is_sent() {
    let (_home, rules) = rules(include_str!("../../../policies/packs/communication.cedar"));
    for (people, expected) in [
        (100, "decision: ALLOW"),
        (
            101,
            "decision: REQUIRE_APPROVAL, among: [communication-bulk, message-to-over-100]",
        ),
    ] {
        let to: Vec<String> = (0..people)
            .map(|at| format!("{{\"email\": \"u{at}@example.com\"}}"))
            .collect();
        let (passed, text, _) = results(
            &rules,
            &format!(
                "tests:\n  - it: x\n    curl: >-\n      https://api.sendgrid.com/v3/mail/send --json '{{\"personalizations\": \
                 [{{\"to\": [{}]}}], \"from\": {{\"email\": \"bot@example.com\"}}, \"subject\": \"x\", \"content\": \
                 [{{\"type\": \"text/plain\", \"value\": \"x\"}}]}}'\n    expect: {{ {expected} }}\n",
                to.join(", ")
            ),
        );
        assert!(passed, "{people}: {text}");
    }
}

#[test]
fn a_file_of_ones_own_is_not_taken_for_a_packs() {
    let directory = tempfile::tempdir().unwrap();
    let tests = |name: &str| {
        fs::write(directory.path().join(name), "tests: []\n").unwrap();
        let found = shipped::fixtures(directory.path()).unwrap();
        found.iter().filter(|source| source.is_embedded()).count()
    };
    assert_eq!(tests("pack-payments.yaml"), 1, "the baseline's, beside a pack's");
    assert_eq!(tests("payments.yaml"), 0, "one's own stand alone");
}

/// What decides is the strictest of all rules, so what holds of the baseline and of all packs at once holds of any of them.
#[test]
fn with_any_pack_the_shipped_tests_pass_and_no_rule_is_idle() {
    let directory = tempfile::tempdir().unwrap();
    let home = Home::choose(Some(directory.path().to_owned())).unwrap();
    fs::write(
        directory.path().join("runplane.yaml"),
        "money: { account_currency: usd }\n",
    )
    .unwrap();
    let names: Vec<String> = shipped::packs().map(str::to_owned).collect();
    for packs in [Vec::new(), names] {
        shipped::write_packs(&home, &packs).unwrap();
        let rules = app::load_rules(&home, None, Config::load(home.clone()).unwrap().gate)
            .unwrap_or_else(|wrong| panic!("{wrong:?}"));
        let tests = shipped::fixtures(&home.policies().join("tests")).unwrap();
        assert_eq!(tests.len(), 1 + packs.len(), "the baseline's, and those of each pack");
        for tests in tests {
            let (passed, text, _) = results(&rules, &tests.text);
            assert!(passed, "{packs:?}: {text}");
        }
        // Agents that have no roles yet.
        let known = crate::policy::Known {
            agents: Some(["bot".to_owned()].into()),
            roles: Some(["support".to_owned()].into()),
            groups: Some(["approver".to_owned()].into()),
            ..crate::policy::Known::default()
        };
        let idle = rules.policies().warnings(&[], &known);
        assert!(idle.is_empty(), "{packs:?}: {idle:#?}");
        let nobody_inside = crate::policy::Known {
            domains: Some(false),
            ..known
        };
        let told = rules.policies().warnings(&[], &nobody_inside);
        assert_eq!(told.len(), usize::from(!packs.is_empty()), "the baseline waits for it");
        let names = |one: &Diagnostic| one.message.contains("`communication-external` counts nobody");
        assert!(told.iter().all(names), "{told:#?}");
    }
}

#[test]
fn drift_is_told_with_its_place_what_was_expected_and_what_was_found() {
    let (_home, rules) = rules("");
    let (passed, text, junit) = results(
        &rules,
        "tests:
  - it: 'charges <are> \"blocked\" & \u{202e}more'
    action: { name: create_charge, provider: stripe, fields: { amount: 90000 } }
    expect: { decision: BLOCK, rules: [no-charges, refund-over-500], reason: nothing at all }
",
    );
    assert!(!passed);
    for said in [
        "OTHERWISE  policies/tests/house.yaml:2:9",
        "expected BLOCK",
        "expected the rule no-charges, and there is no such rule",
        "expected the rule refund-over-500, which stands at embedded:policies/baseline.cedar:",
        "did not expect the rule charge-over-500",
        "expected the reason `nothing at all`",
        "found REQUIRE_APPROVAL by charge-over-500 (policies/baseline.cedar:",
        "1 tests: 0 as expected, 1 otherwise",
    ] {
        assert!(text.contains(said), "{said}: {text}");
    }
    assert!(!text.contains('\u{202e}') && !junit.contains('\u{202e}'));
    let document = roxmltree::Document::parse(&junit).unwrap();
    let case = document
        .descendants()
        .find(|node| node.has_tag_name("testcase"))
        .unwrap();
    assert_eq!(
        case.attribute("name"),
        Some("charges <are> \"blocked\" & \\u{202e}more")
    );
    let failure = case.descendants().find(|node| node.has_tag_name("failure")).unwrap();
    assert!(failure.attribute("message").unwrap().contains("expected BLOCK"));
}

#[test]
fn every_mistake_of_a_file_is_told_with_its_place() {
    let (_home, rules) = rules("");
    let wrong = fixture::read(
        &source(
            "tests:
  - it: one
    at: yesterday
    action: { name: proces_refund, provider: stripe }
    expect: { decision: ALOW }
  - it: one
    action: { name: process_refund, provider: stripe, fields: { amuont: 5, amount: many }, unreadable: [nothing] }
    expect: { decision: ALLOW }
  - it: two
    budgets: { refunds_a_day: 5 }
    curl: https://a.example/ -d @secret
    expect: { refused: polcy_blocked }
  - it: three
    expect: { decision: ALLOW, refused: malformed }
",
        ),
        &rules,
    )
    .err()
    .unwrap();
    let said: Vec<String> = wrong.iter().map(ToString::to_string).collect();
    for (place, says) in [
        (":3:9", "`yesterday`: expected a time"),
        (":4:21", "did you mean `process_refund`?"),
        (":5:25", "did you mean `ALLOW`?"),
        (":6:9", "stands in line 2 already"),
        (":7:", "did you mean `amount`?"),
        (":7:", "`amount`: expected a whole number"),
        (":7:", "no field of this action `nothing`"),
        (":10:31", "no budget `refunds_a_day`"),
        (":11:11", "not `@FILE`"),
        (":12:24", "did you mean `policy_blocked`?"),
        (":13:9", "expected exactly one of"),
        (":13:9", "or `refused` alone"),
    ] {
        let found = said.iter().any(|line| line.contains(place) && line.contains(says));
        assert!(found, "{place} {says}: {said:#?}");
    }
    assert_eq!(wrong.len(), 12, "{said:#?}");
    assert!(wrong.iter().all(|wrong| wrong.snippet.is_some()));
    let unknown = fixture::read(&source("tests:\n  - it: x\n    expcet: {}\n"), &rules)
        .err()
        .unwrap();
    let told = |wrong: &&Diagnostic| wrong.line == 3 && wrong.message.contains("did you mean `expect`?");
    assert_eq!(unknown.iter().filter(told).count(), 1, "{unknown:#?}");
}
