//! What currency an amount is in that only a budget asks for.

use super::*;
use crate::model::accounts::{Account, Whose};

#[test]
fn an_amount_that_only_a_budget_needs_is_in_no_currency_that_nobody_said() {
    let payments = "budgets:
  money: { window: 1d, sum: amount_base, groups: [payments], per: agent, limit: 100000 }
";
    let with = |entries: &[Whose]| {
        let mut rules = rules(payments, "");
        for whose in entries {
            let account = Account {
                currency: Some("eur".into()),
                place: String::new(),
            };
            let unknown = Diagnostic::of_file("", "");
            let accounts = &mut rules.config.accounts;
            accounts.insert("stripe", whose.clone(), account, unknown).unwrap();
        }
        rules
    };
    // As the mapping leaves it: of another account that nobody named, and without an amount.
    let update = action("update_subscription", &[]);
    let wanted = |rules: &Rules, action: &Action| {
        let completed = rules.complete(action.clone(), "api.stripe.com");
        assert_eq!(rules.complete(completed.clone(), "api.stripe.com"), completed);
        let wanted = completed
            .wanted(rules.vocabulary())
            .into_iter()
            .map(ToString::to_string);
        wanted.collect::<Vec<_>>()
    };
    assert_eq!(wanted(&with(&[]), &update), ["amount"]);
    assert_eq!(wanted(&with(&[Whose::Provider]), &update), ["amount", "currency"]);
    let known = action("update_subscription", &[("currency", Value::Text("eur".to_owned()))]);
    assert_eq!(
        wanted(&with(&[Whose::Provider]), &known),
        ["amount"],
        "the mapping told it"
    );
}
