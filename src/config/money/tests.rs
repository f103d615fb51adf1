use super::*;
use crate::io::yaml;
use crate::model::accounts::{Named, Told};

const KEY: &str = "abababababababababababababababababababababababababababababababab";

fn source(entries: &str) -> Source {
    Source {
        file: "home/runplane.yaml".to_owned(),
        text: format!("account_currency: usd\naccounts:\n{entries}"),
    }
}

fn read(entries: &str) -> Result<Accounts, Vec<Diagnostic>> {
    let source = source(entries);
    yaml::load::<Section>(&source)?.accounts(&source)
}

#[track_caller]
fn wrong(entries: &str) -> String {
    let wrong = read(entries).unwrap_err();
    wrong.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

#[test]
fn an_entry_is_of_a_provider_a_key_or_an_account() {
    let accounts = read(&format!(
        "- {{ provider: stripe, currency: EUR }}
- {{ provider: stripe, key_sha256: {}, currency: gbp }}
- {{ provider: stripe, account: acct_1, currency: null }}
- {{ provider: stripe, account: \"*\", currency: chf }}
",
        KEY.to_uppercase()
    ))
    .unwrap();
    let of = |key: &str, named| accounts.of("stripe", || Some(key.to_owned()), named);
    assert_eq!(of("another", Named::Own).currency(None), Some("eur"));
    assert_eq!(of(KEY, Named::Own).currency(None), Some("gbp"));
    assert_eq!(of(KEY, Named::Other("acct_1")), Told::Unknown);
    assert_eq!(of(KEY, Named::Other("acct_2")).currency(None), Some("chf"));
    let Told::Said(account) = of(KEY, Named::Own) else {
        panic!("it is said");
    };
    assert_eq!(account.place, "home/runplane.yaml:4");
}

#[test]
fn what_is_wrong_is_told_all_at_once_and_in_its_place() {
    let text = wrong(&format!(
        "- {{ provider: stripe, currency: eur }}
- {{ provider: stripe, key_sha256: {KEY}, currency: gbp }}
- {{ provider: stripe, key_sha256: {KEY}, currency: jpy }}
- {{ provider: stripe, currency: eur }}
- {{ provider: stripe, key_sha256: {KEY}, account: acct_1, currency: jpy }}
- {{ provider: paypal, currency: eur }}
- {{ provider: paypal, account: \"*\", currency: eur }}
- {{ provider: paypal, account: \"*\", currency: null }}
"
    ));
    let places = [
        "runplane.yaml:5:35: `money.accounts`: home/runplane.yaml:4 says it already: gbp",
        "runplane.yaml:6:3: `money.accounts`: home/runplane.yaml:3 says it already: eur",
        "runplane.yaml:7:110: `money.accounts`: expected `key_sha256` or `account`, found both",
        "runplane.yaml:10:32: `money.accounts`: home/runplane.yaml:9 says it already: eur",
    ];
    for place in places {
        assert!(text.contains(place), "{place}: {text}");
    }
    assert_eq!(text.matches("home/runplane.yaml:").count(), 4 + 3, "{text}");
    for (entry, expected) in [
        ("- { provider: stripe }", "currency"),
        ("- { currency: eur }", "provider"),
        (
            "- { provider: stripe, currency: euro }",
            "expected a currency of three letters",
        ),
        (
            "- { provider: stripe, currency: uer }",
            "found `uer` (did you mean `eur`?)",
        ),
        ("- { provider: stripe, key_sha256: sk, currency: eur }", "sha256sum"),
        (
            "- { provider: stripe, account: \"acct_*\", currency: eur }",
            "expected an account",
        ),
        (
            "- { provider: stripe, account: \"\", currency: eur }",
            "expected an account",
        ),
        ("- { provider: stripe, key: sk, currency: eur }", "key_sha256"),
    ] {
        let text = wrong(entry);
        assert!(
            text.contains("runplane.yaml:3:") && text.contains(expected),
            "{entry}: {text}"
        );
    }
}
