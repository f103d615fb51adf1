//! The tools around rules: `policy check`, `test`, `policy suggest`, and the page that teaches them.

use std::fs;
use std::path::Path;
use std::process::Output;

use crate::harness::pages::followed;
use crate::harness::{Origin, Session, Sidecar, bounded, eventually, root, runplane, said};

fn run(home: &Path, arguments: &[&str]) -> Output {
    let mut command = runplane();
    command.args(arguments).env("RUNPLANE_HOME", home);
    bounded(command)
}

fn home_with(files: &[(&str, &str)]) -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    for (file, text) in files {
        let path = home.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    home
}

#[test]
fn the_baseline_passes_its_tests_as_it_ships_and_as_it_is_written_out() {
    let home = home_with(&[("runplane.yaml", "money: { account_currency: usd }\n")]);
    let output = run(home.path(), &["test"]);
    assert!(
        output.status.success() && said(&output).contains("0 otherwise"),
        "{}",
        said(&output)
    );
    assert!(run(home.path(), &["init"]).status.success());
    let written = fs::read_to_string(home.path().join("policies/tests/baseline.yaml")).unwrap();
    assert_eq!(
        written,
        fs::read_to_string(root().join("policies/tests/baseline.yaml")).unwrap()
    );
    let output = run(home.path(), &["test", "--verbose"]);
    assert!(
        output.status.success() && said(&output).contains("ok         a refund above $500 is held"),
        "{}",
        said(&output)
    );
    // The tests are no rules, and what ships is not idle.
    let output = run(home.path(), &["policy", "check", "--strict"]);
    assert!(
        output.status.success() && said(&output).contains("0 warnings"),
        "{}",
        said(&output)
    );
}

#[test]
fn drift_ends_with_1_and_is_written_as_junit() {
    let rule = "@id(\"no-refunds\") forbid (principal, action == Action::\"process_refund\", resource);";
    let home = home_with(&[("policies/house.cedar", rule)]);
    let junit = home.path().join("results.xml");
    let output = run(home.path(), &["test", "--junit", junit.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    let text = said(&output);
    assert!(
        text.contains("OTHERWISE  policies/tests/baseline.yaml:") && text.contains(", as shipped: "),
        "{text}"
    );
    assert!(text.contains("expected ALLOW") && text.contains("no-refunds"), "{text}");
    let written = fs::read_to_string(junit).unwrap();
    let document = roxmltree::Document::parse(&written).unwrap();
    assert!(document.descendants().any(|node| node.has_tag_name("failure")));
}

#[test]
fn idle_rules_are_warned_of_and_wrong_ones_are_errors() {
    let idle = "@id(\"never\") forbid (principal, action, resource) when { context.time.weekday == \"Friday\" };\n";
    let budgets = "budgets:\n  a: { window: 1d, per: agent, when: { environment: produciton } }\n";
    let home = home_with(&[("policies/house.cedar", idle), ("policies/budgets.yaml", budgets)]);
    let output = run(home.path(), &["policy", "check"]);
    let text = said(&output);
    assert!(output.status.success(), "{text}");
    for said in [
        "warning: ",
        "house.cedar:1:1",
        "`context.time.weekday`",
        "1 | @id",
        "budgets.yaml:2:",
        "did you mean `production`?",
        "2 warnings",
    ] {
        assert!(text.contains(said), "{said}: {text}");
    }
    assert_eq!(
        run(home.path(), &["policy", "check", "--strict"]).status.code(),
        Some(1)
    );
    let output = run(home.path(), &["check"]);
    assert!(
        output.status.success() && said(&output).contains("`context.time.weekday`"),
        "{}",
        said(&output)
    );
    let other = home_with(&[(
        "house.cedar",
        "@id(\"x\") permit (principal, action, resource) when { context.amuont > 1 };",
    )]);
    let output = run(home.path(), &["policy", "check", other.path().to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        said(&output).contains("error: ") && said(&output).contains("house.cedar:1:"),
        "{}",
        said(&output)
    );
}

#[test]
fn the_page_that_teaches_rules_does_what_it_says() {
    let origin = Origin::stripe();
    let sidecar = Sidecar::new().resolve("api.stripe.com", &origin).hold("1s").start();
    let mut stripe = Session::stripe(&sidecar);
    stripe.call("balance").assert_ok();
    stripe.call("refund ch_1 amount=4000").assert_ok();
    stripe.call("refund ch_2 amount=9000").assert_ok();
    let work = tempfile::tempdir().unwrap();
    let told = followed(&sidecar, work.path(), "docs/policies.md");
    for said in [
        "0 warnings",
        "3 tests: 3 as expected",
        "newly held",
        "$90.00",
        "hold    refund-over-50",
        "(decided)",
    ] {
        assert!(told.contains(said), "{said}: {told}");
    }
    eventually("the rule is in force", || sidecar.printed().contains("RELOADED"));
    stripe
        .call("refund ch_3 amount=9000")
        .assert_refused("approval_pending");
    let suggested = fs::read_to_string(work.path().join("suggested.cedar")).unwrap();
    assert!(
        suggested.contains("Action::\"read_balance\"") && suggested.contains("process_refund by"),
        "{suggested}"
    );
    let draft = home_with(&[("suggested.cedar", &suggested)]);
    let output = run(sidecar.home(), &["policy", "check", draft.path().to_str().unwrap()]);
    assert!(output.status.success(), "{}", said(&output));
}

/// Cedar's own parser and validator take what `policy schema` prints, and find in it what we find.
#[test]
fn cedars_own_tools_read_the_printed_schema() {
    let home = home_with(&[(
        "policies/budgets.yaml",
        "budgets:\n  refunds_per_day: { window: 1d, sum: amount_base, actions: [process_refund], per: agent, limit: 100000 }\n",
    )]);
    let output = run(home.path(), &["policy", "schema"]);
    assert!(output.status.success(), "{}", said(&output));
    let text = String::from_utf8(output.stdout).unwrap();
    let (schema, warnings) = cedar_policy::Schema::from_cedarschema_str(&text).unwrap();
    assert_eq!(warnings.map(|warning| warning.to_string()).collect::<Vec<_>>(), [""; 0]);
    let validator = cedar_policy::Validator::new(schema);
    let valid = |policy: &str| {
        let set: cedar_policy::PolicySet = policy.parse().unwrap();
        validator
            .validate(&set, cedar_policy::ValidationMode::Strict)
            .validation_passed()
    };
    let refund = "forbid (principal, action == Action::\"process_refund\", resource)";
    assert!(valid(&format!(
        "{refund} when {{ context.amount_base > 50000 && context.budgets.refunds_per_day > 90000 }};"
    )));
    assert!(valid(
        &fs::read_to_string(root().join("policies/baseline.cedar")).unwrap()
    ));
    for wrong in [
        "context.amuont_base > 50000",
        "context.amount_base > \"50000\"",
        "context.budgets.mails_per_day > 1",
    ] {
        assert!(!valid(&format!("{refund} when {{ {wrong} }};")), "{wrong}");
    }
}

/// Hours of a zone in which it is that hour now, whenever the test runs; some minutes around it do no harm.
fn zone_where_it_is(hour: i64) -> String {
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    let ahead = (hour - i64::try_from(now.as_secs() / 3600 % 24).unwrap()).rem_euclid(24);
    // Such names count westwards.
    match ahead {
        0..=12 => format!("Etc/GMT-{ahead}"),
        _ => format!("Etc/GMT+{}", 24 - ahead),
    }
}

#[test]
fn a_rule_about_the_time_of_day_goes_by_the_configured_zone() {
    let rule = "@id(\"office-hours\") @reason(\"Charges wait for the office\")
forbid (principal, action == Action::\"create_charge\", resource)
unless { context.time.hour >= 9 && context.time.hour < 17 };";
    for (hour, sent) in [(13, 1), (2, 0)] {
        let origin = Origin::stripe();
        let zone = format!("time_zone: {}", zone_where_it_is(hour));
        let sidecar = Sidecar::new()
            .resolve("api.stripe.com", &origin)
            .section(&zone)
            .policy(rule)
            .start();
        let answer = Session::stripe(&sidecar).call("charge 100");
        assert_eq!(answer.ok, sent == 1, "{zone}: {answer:?}");
        assert_eq!(origin.calls("POST", "/v1/charges").len(), sent, "{zone}");
        if sent == 0 {
            answer.assert_refused("policy_blocked");
            assert_eq!(sidecar.trail().of_kind("decided")[0]["rules"], "office-hours");
        }
    }
}
