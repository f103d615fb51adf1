//! Amounts without a currency, by whose account they are: two keys, two currencies, and one threshold.

use serde_json::Value;

use crate::budgets::{REFUNDS, used, with_budgets};
use crate::harness::{Answer, Curl, Origin, Sidecar, said, sha256};

const REFUND: &str = "https://api.stripe.com/v1/refunds";
const POUNDS: &str = "sk_test_pounds";
const EUROS: &str = "sk_test_euros";

fn money() -> String {
    format!(
        "money:
  account_currency: usd
  rates: {{ eur: '1.10', gbp: '1.30', jpy: '0.0067' }}
  accounts:
    - {{ provider: stripe, currency: eur }}
    - {{ provider: stripe, key_sha256: {}, currency: gbp }}
    - {{ provider: stripe, account: acct_tokyo, currency: jpy }}
    - {{ provider: paypal, currency: chf }}
    - {{ provider: guard, currency: jpy }}
",
        sha256(POUNDS)
    )
}

fn refunds(sidecar: &Sidecar, key: &str, more: &[&str]) -> Answer {
    let authorization = format!("Authorization: Bearer {key}");
    let call = [REFUND, "-H", &authorization, "-d", "charge=ch_1&amount=40000"];
    Curl::call(sidecar, &[&call[..], more].concat())
}

#[test]
fn a_threshold_is_met_by_the_currency_of_the_keys_account() {
    let origin = Origin::stripe();
    let configuration = with_budgets(REFUNDS).section(&money()).hold("1s");
    let sidecar = configuration.resolve("api.stripe.com", &origin).start();
    let printed = sidecar.printed();
    for told in [
        "calls that name no currency are in usd (money.account_currency)",
        "  stripe: eur",
        &format!("  stripe key {}…: gbp", &sha256(POUNDS)[..8]),
        "  stripe account acct_tokyo: jpy",
        "  guard: jpy",
        "  paypal: chf, which has no rate: people are asked",
    ] {
        assert!(printed.contains(told), "{told}: {printed}");
    }
    // €400 are $440, £400 are $520.
    refunds(&sidecar, EUROS, &[]).assert_ok();
    let held = refunds(&sidecar, POUNDS, &[]);
    held.assert_refused("approval_pending");
    assert!(sidecar.prints(&["HELD", "Refund 400.00 GBP", "refund-over-500"]));
    assert_eq!(origin.calls("POST", "/v1/refunds").len(), 1);
    assert_eq!(used(&sidecar, "refunds_per_day"), 44_000);
    // ¥40,000 are $268; in what another one is, nobody said.
    refunds(&sidecar, POUNDS, &["-H", "Stripe-Account: acct_tokyo"]).assert_ok();
    assert_eq!(used(&sidecar, "refunds_per_day"), 44_000 + 26_800);
    let untold = refunds(&sidecar, EUROS, &["-H", "Stripe-Account: acct_oslo"]);
    untold.assert_refused("approval_pending");
    let shown = sidecar.told(&["approvals", "show", &untold.approval()]);
    assert!(
        shown.contains("40000 (minor units)") && shown.contains("currency"),
        "{shown}"
    );
    // A person says it, and it is sent once.
    let set = ["approvals", "approve", &untold.approval(), "--set", "currency=jpy"];
    let output = sidecar.cli(&set);
    assert!(output.status.success(), "{}", said(&output));
    refunds(&sidecar, EUROS, &["-H", "Stripe-Account: acct_oslo"]).assert_ok();
    assert_eq!(origin.calls("POST", "/v1/refunds").len(), 3);
    assert!(!sidecar.trail().holds(POUNDS.as_bytes()));

    let decided = sidecar.trail().of_kind("decided");
    let pounds = decided[1]["call"].as_str().unwrap();
    let explained = sidecar.told(&["explain", pounds]);
    assert!(explained.contains("400.00 GBP"), "{explained}");
    // What decided them decides them again as it did, without a key to look at.
    let report: Value = serde_json::from_str(&sidecar.told(&["replay", "--json"])).unwrap();
    assert_eq!(
        (&report["changed"], &report["not_replayed"]),
        (&0.into(), &serde_json::json!({})),
        "{report}"
    );
}

#[test]
fn explain_takes_the_currency_of_the_key_and_says_where_that_stands() {
    let home = Sidecar::new().section(&money());
    home.write();
    let explain = |more: &[&str]| {
        let mut command = crate::harness::runplane();
        command.args(["explain", REFUND, "-d", "charge=ch_1&amount=40000"]);
        command.args(more).env("RUNPLANE_HOME", home.home.path());
        let output = crate::harness::bounded(command);
        assert!(output.status.success(), "{}", said(&output));
        said(&output)
    };
    let pounds = explain(&["-u", &format!("{POUNDS}:")]);
    for told in [
        "Refund 400.00 GBP",
        "currency = gbp",
        "amount_base = 52000",
        "in gbp (",
        "runplane.yaml:",
        "REQUIRE_APPROVAL",
    ] {
        assert!(pounds.contains(told), "{told}: {pounds}");
    }
    let euros = explain(&["-H", "Authorization: Bearer sk_test_euros"]);
    assert!(
        euros.contains("amount_base = 44000") && euros.contains("in eur ("),
        "{euros}"
    );
    let untold = explain(&["-u", "sk_test_euros:", "-H", "Stripe-Account: acct_oslo"]);
    assert!(untold.contains("in a currency that nobody can tell"), "{untold}");
}

#[test]
fn a_provider_that_no_mapping_is_for_is_refused_at_its_place() {
    let home = Sidecar::new().section("money:\n  accounts:\n    - { provider: strpe, currency: eur }\n");
    home.write();
    let text = said(&home.refuses_as_is());
    for told in [
        "runplane.yaml:",
        ":19: `money.accounts`: no mapping is for the provider `strpe` (did you mean `stripe`?)",
    ] {
        assert!(text.contains(told), "{told}: {text}");
    }
}

#[test]
fn what_money_was_decided_by_is_on_record() {
    let sidecar = Sidecar::new().section(&money()).start();
    let file = sidecar.home().join("runplane.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    sidecar.restart();
    std::fs::write(&file, text.replace("gbp: '1.30'", "gbp: '1.31'")).unwrap();
    sidecar.restart();
    let trail = sidecar.trail();
    let boots = trail.of_kind("boot");
    let of = |name: &str| boots.iter().map(|boot| boot[name].to_string()).collect::<Vec<_>>();
    let money = of("money");
    assert_eq!(money.len(), 3);
    assert_eq!(money[0], money[1], "nothing changed");
    assert_ne!(money[1], money[2], "a rate did");
    assert_eq!(of("policies")[1..2], of("policies")[2..3]);
}
