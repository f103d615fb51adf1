//! In which currency an amount is that comes without one: by provider, key and account.

use sha2::{Digest as _, Sha256};

use super::*;
use crate::model::Why;
use crate::model::accounts::{Account, Told, Whose};

/// The shipped Stripe, all else in dollars.
fn with(entries: &[(Whose, Option<&str>)]) -> Mappings {
    let mut accounts = Accounts::default();
    for (whose, currency) in entries {
        let account = Account {
            currency: currency.map(Arc::from),
            place: String::new(),
        };
        let unknown = Diagnostic::of_file("", "");
        accounts.insert("stripe", whose.clone(), account, unknown).unwrap();
    }
    let mappings = load(&[("stripe", STRIPE)]).unwrap();
    mappings.with_accounts(Some("usd"), accounts)
}

fn key(key: &str) -> Whose {
    Whose::Key(hex::encode(Sha256::digest(key)).into())
}

fn refund(headers: &[(&str, &str)], body: &str) -> Call {
    let headers: Vec<_> = [FORM].iter().chain(headers).copied().collect();
    call("POST", "https://api.stripe.com/v1/refunds", &headers, Some(body))
}

/// Amount, currency and why that is missing, and the summary.
fn told(mappings: &Mappings, call: &Call) -> (Option<i64>, Option<String>, Option<Why>, String) {
    let action = resolve(mappings, call).unwrap();
    let missing = action.missing.iter().find(|missing| &*missing.field == "currency");
    let currency = action.text("currency").map(str::to_owned);
    (
        action.int("amount"),
        currency,
        missing.map(|missing| missing.why),
        action.summary.clone(),
    )
}

const EUROS: (&str, &str) = ("authorization", "Bearer sk_live_euros");
const ARIARY: (&str, &str) = ("authorization", "Basic c2tfbGl2ZV9hcmlhcnk6"); // sk_live_ariary:

#[test]
fn a_refund_is_in_the_currency_of_its_keys_account() {
    let mappings = with(&[
        (Whose::Provider, Some("gbp")),
        (key("sk_live_euros"), Some("eur")),
        (key("sk_live_ariary"), Some("mga")),
    ]);
    let of = |key| told(&mappings, &refund(&[key], "charge=ch_1&amount=51200"));
    let (amount, currency, _, summary) = of(EUROS);
    assert_eq!((amount, currency.as_deref()), (Some(51_200), Some("eur")));
    assert_eq!(summary, "Refund 512.00 EUR of ch_1 in Stripe");
    let (amount, currency, _, summary) = of(ARIARY);
    assert_eq!(
        (amount, currency.as_deref()),
        (Some(5_120_000), Some("mga")),
        "whole ariary"
    );
    assert_eq!(summary, "Refund 51200.00 MGA of ch_1 in Stripe");
    let (_, currency, _, summary) = of(KEY);
    assert_eq!(currency.as_deref(), Some("gbp"));
    assert_eq!(summary, "Refund 512.00 GBP of ch_1 in Stripe");
    // What the call says itself stands.
    let charge = call(
        "POST",
        "https://api.stripe.com/v1/charges",
        &[FORM, EUROS],
        Some("amount=51200&currency=jpy"),
    );
    assert_eq!(told(&mappings, &charge).1.as_deref(), Some("jpy"));
}

#[test]
fn a_refund_by_a_key_that_cannot_be_told_has_no_currency() {
    let mappings = with(&[(key("sk_live_euros"), Some("eur"))]);
    for headers in [
        &[][..],
        &[("authorization", "Bearer sk_live_euros, x")],
        &[("authorization", "Digest sk_live_euros")],
        // One that is read and has no entry.
        &[KEY],
    ] {
        let (amount, currency, missing, summary) = told(&mappings, &refund(headers, "charge=ch_1&amount=51200"));
        assert_eq!((amount, currency, missing), (Some(51_200), None, Some(Why::Unreadable)));
        assert_eq!(
            summary,
            "Refund 51200 (minor units) of ch_1 in Stripe (currency not readable)"
        );
    }
    // Of whom the provider's own entry is.
    let others = with(&[(key("sk_live_euros"), Some("eur")), (Whose::Provider, Some("usd"))]);
    let (_, currency, missing, summary) = told(&others, &refund(&[KEY], "charge=ch_1&amount=51200"));
    assert_eq!((currency.as_deref(), missing), (Some("usd"), None));
    assert_eq!(summary, "Refund $512.00 of ch_1 in Stripe");
}

#[test]
fn a_refund_for_a_connected_account_is_in_that_accounts_currency_or_in_none() {
    let body = "charge=ch_1&amount=51200";
    let mappings = with(&[
        (Whose::Provider, Some("eur")),
        (Whose::Account("acct_1".into()), Some("jpy")),
    ]);
    let of = |mappings: &Mappings, name: &str, id: &str| {
        let (_, currency, missing, _) = told(mappings, &refund(&[KEY, (name, id)], body));
        (currency, missing)
    };
    let yen = (Some("jpy".to_owned()), None);
    let untold = (None, Some(Why::Unreadable));
    assert_eq!(of(&mappings, "Stripe-Account", "acct_1"), yen);
    assert_eq!(of(&mappings, "Stripe-Context", "acct_1"), yen);
    assert_eq!(of(&mappings, "Stripe-Account", "acct_2"), untold);
    let other = with(&[(key("sk_live_euros"), Some("eur"))]);
    assert_eq!(
        of(&other, "Stripe-Account", "acct_2"),
        untold,
        "whatever all others are in"
    );
    let nothing = with(&[]);
    assert_eq!(
        of(&nothing, "Stripe-Account", "acct_2"),
        (None, None),
        "left to the gate"
    );
    let any = with(&[(Whose::AnyAccount, Some("jpy"))]);
    assert_eq!(of(&any, "Stripe-Account", "acct_2"), yen);
    let both = [KEY, ("Stripe-Account", "acct_1"), ("Stripe-Context", "acct_2")];
    assert_eq!(told(&any, &refund(&both, body)).2, Some(Why::Unreadable));
    // Where no amount is, none is missing a currency; where one should be, it is.
    let update = |body| {
        let url = "https://api.stripe.com/v1/subscriptions/sub_1";
        call("POST", url, &[FORM, KEY, ("Stripe-Account", "acct_2")], Some(body))
    };
    assert_eq!(told(&mappings, &update("metadata[a]=b")).2, None);
    assert_eq!(
        told(&mappings, &refund(&[KEY, ("Stripe-Account", "acct_2")], "charge=ch_1")).2,
        untold.1
    );
    assert!(matches!(mappings.account_of(&update("")), Told::Unknown));
}

#[test]
fn decimal_amounts_have_the_places_of_their_currency() {
    let in_shop = |usual: Option<&str>, amount: &str, currency: &str| {
        let mappings = load(&[("shopify", SHOPIFY)]).unwrap();
        let mappings = mappings.with_accounts(usual, Accounts::default());
        let url = "https://acme.myshopify.com/admin/api/2026-01/orders/7/refunds";
        let body = format!(r#"{{"refund":{{{currency}"transactions":[{{"amount":"{amount}"}}]}}}}"#);
        let json = [("content-type", "application/json")];
        let action = resolve(&mappings, &call("POST", url, &json, Some(&body))).unwrap();
        let missing = action.missing.iter().find(|missing| &*missing.field == "amount");
        (action.int("amount"), missing.map(|missing| missing.why))
    };
    for (currency, amount, expected) in [
        ("usd", "400.50", 40_050),
        ("kwd", "400.50", 400_500),
        ("jpy", "5000", 5_000),
    ] {
        assert_eq!(
            in_shop(Some(currency), amount, ""),
            (Some(expected), None),
            "{currency}"
        );
        let said = format!(r#""currency":"{currency}","#);
        assert_eq!(
            in_shop(Some("usd"), amount, &said),
            (Some(expected), None),
            "{currency}, as said"
        );
    }
    // People say it in minor units of the currency that they know it to be in.
    let unreadable = (None, Some(Why::Unreadable));
    assert_eq!(in_shop(None, "400.50", ""), unreadable);
    assert_eq!(in_shop(Some("usd"), "400.50", r#""currency":5,"#), unreadable);
    assert_eq!(
        in_shop(Some("usd"), "400.50", r#""currency":"xau","#),
        unreadable,
        "nobody pays in gold"
    );
}

#[test]
fn what_is_given_back_for_another_merchant_is_in_no_currency_of_the_keys() {
    let mut accounts = Accounts::default();
    let euros = Account {
        currency: Some("eur".into()),
        place: String::new(),
    };
    let unknown = Diagnostic::of_file("", "");
    accounts.insert("paypal", Whose::Provider, euros, unknown).unwrap();
    let mappings = load(&[("paypal", PAYPAL)])
        .unwrap()
        .with_accounts(Some("usd"), accounts);
    let url = "https://api-m.paypal.com/v2/payments/captures/2GG/refund";
    let of = |more: &[(&str, &str)]| {
        let headers: Vec<_> = [("content-type", "application/json")]
            .iter()
            .chain(more)
            .copied()
            .collect();
        let (_, currency, missing, _) = told(&mappings, &call("POST", url, &headers, Some("{}")));
        (currency, missing)
    };
    assert_eq!(of(&[]), (Some("eur".to_owned()), None));
    let merchant = ("PayPal-Auth-Assertion", "eyJhbGciOiJub25lIn0.eyJpc3MiOiJhIn0.");
    assert_eq!(of(&[merchant]), (None, Some(Why::Unreadable)));
}
