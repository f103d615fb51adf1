//! `runplane mapping test`: what samples say that calls mean.

use super::*;

#[test]
fn a_sample_that_means_something_else_is_told_with_each_difference() {
    let samples = r#"{"method":"GET","url":"https://api.acme.example/v1/orders","expected":{"operation":"orders.list","action":"export_data","fields":{"amount":5},"target":["order",null]}}
{"it":"a change","method":"POST","url":"https://api.acme.example/v1/orders","expected":{"access":"write"}}
{"url":"https://api.acme.example/v1//orders","expected":{"refused":"malformed"}}
{"url":"https://api.acme.example/v1/orders","expected":{"operation":"orders.list"}}
"#;
    let home = home_with(&[("mappings/acme.yaml", ACME), ("mappings/samples/acme.jsonl", samples)]);
    let output = run(home.path(), &["mapping", "test"]);
    let text = said(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    for told in [
        "mappings/samples/acme.jsonl:1: GET https://api.acme.example/v1/orders",
        "action: expected \"export_data\", found \"read_record\"",
        "fields.amount: expected 5, found nothing",
        "found read_record by orders.list (",
        "mappings/acme.yaml:5)",
        "acme.jsonl:2: a change",
        "unmapped: expected false, found true",
        "4 samples: 2 as expected, 2 otherwise",
    ] {
        assert!(text.contains(told), "{told}: {text}");
    }
    for (wrong, told) in [
        (
            "{\"url\":\"https://x.example/\",\"expected\":{}}",
            "`expected` is empty",
        ),
        (
            "{\"url\":\"https://x.example/\",\"expected\":{\"acton\":\"x\"}}",
            "(did you mean `action`?)",
        ),
        ("{\"url\":\"https://x.example/\"}", "missing field `expected`"),
        (
            "{\"expected\":{\"action\":\"x\"}}",
            "expected exactly one of `curl` and `url`",
        ),
        ("{", "acme.jsonl:1:"),
    ] {
        fs::write(home.path().join("mappings/samples/acme.jsonl"), wrong).unwrap();
        let output = run(home.path(), &["mapping", "test", "acme"]);
        assert_eq!(output.status.code(), Some(1));
        assert!(said(&output).contains(told), "{told}: {}", said(&output));
    }
    let nothing = run(home_with(&[]).path(), &["mapping", "test"]);
    assert!(
        !nothing.status.success() && said(&nothing).contains("no samples"),
        "{}",
        said(&nothing)
    );
}

/// The samples of the mappings that ship are written in the same words. Those of what no written mapping names are left out: a
/// home has the generated ones below; so are those of an address.
#[test]
fn the_shipped_mappings_mean_what_their_samples_say_in_every_home() {
    let elsewhere = "money:
  account_currency: isk
  rates: { eur: '150', kwd: '450' }
  accounts:
    - { provider: stripe, currency: eur }
    - { provider: shopify, currency: kwd }
    - { provider: plaid, key_sha256: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08, currency: eur }
";
    for configuration in ["money: { account_currency: usd }\n", elsewhere] {
        mean_what_their_samples_say(configuration);
    }
}

fn mean_what_their_samples_say(configuration: &str) {
    let home = home_with(&[("runplane.yaml", configuration)]);
    let shipped = home.path().join("shipped");
    fs::create_dir(&shipped).unwrap();
    let mut count = 0;
    for file in fs::read_dir(root().join("tests/samples")).unwrap().map(Result::unwrap) {
        let text = fs::read_to_string(file.path()).unwrap();
        let named = |line: &&str| !line.contains("\"unmapped\":true") && !line.contains("http://127.0.0.1");
        let lines: Vec<&str> = text.lines().filter(named).collect();
        count += lines.len();
        fs::write(shipped.join(file.file_name()), lines.join("\n")).unwrap();
    }
    let output = run(home.path(), &["mapping", "test", "shipped"]);
    let told = format!("{count} samples: {count} as expected, 0 otherwise");
    assert!(
        output.status.success() && said(&output).contains(&told),
        "{}",
        said(&output)
    );
    assert!(count > 1_000, "{count}");
}

/// A gift card of Shopify, whose amount has the places of a currency that it does not name.
const GIFT_CARD: &str = r#""method":"POST","url":"https://acme.myshopify.com/admin/api/2025-07/gift_cards.json","headers":{"content-type":"application/json"},"body":"{\"gift_card\": {\"initial_value\": \"400.500\"}}""#;

#[test]
fn an_amount_without_a_currency_is_read_as_the_sample_says_or_the_configuration() {
    let expected = r#""expected":{"action":"create_charge","fields":{"amount":400500}}"#;
    let own = format!("{{{GIFT_CARD},{expected}}}\n{{{GIFT_CARD},\"account_currency\":\"KWD\",{expected}}}\n");
    for (account, otherwise) in [("kwd", 0), ("usd", 1)] {
        let configuration = format!("money: {{ account_currency: {account} }}\n");
        let home = home_with(&[("runplane.yaml", &configuration), ("mappings/samples/mine.jsonl", &own)]);
        let output = run(home.path(), &["mapping", "test"]);
        let told = format!("2 samples: {} as expected, {otherwise} otherwise", 2 - otherwise);
        assert!(said(&output).contains(&told), "{told}: {}", said(&output));
    }
    let wrong = own.replace("KWD", "dinar");
    let home = home_with(&[("mappings/samples/mine.jsonl", &wrong)]);
    let output = run(home.path(), &["mapping", "test"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains("found `dinar`"), "{}", said(&output));
}
