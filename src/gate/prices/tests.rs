use super::*;
use crate::gate::tests::action;
use crate::model::Value;

fn source(text: &str) -> Source {
    Source {
        file: "policies/prices.yaml".to_owned(),
        text: text.to_owned(),
    }
}

const SMALL: &str = "currency: usd\nas_of: today\nproviders:\n  stripe:\n    region: here\n    hourly:\n      t3.micro: 0.0104\n    monthly: { plan-a: \"20\" }\n";

fn machines(kind: &str, count: i64) -> Action {
    let fields = [
        ("instance_type", Value::Text(kind.to_owned())),
        ("instance_count", Value::Int(count)),
    ];
    action("provision_instance", &fields)
}

#[test]
fn a_cost_is_count_times_price_times_730_hours_rounded_up() {
    let (prices, rates) = (Prices::load(&source(SMALL), None).unwrap(), Rates::new(Some("usd")));
    let cost = |kind: &str, count| prices.monthly(&machines(kind, count), &rates);
    assert_eq!(cost("t3.micro", 1), Some(760), "$7.592");
    assert_eq!(cost("t3.micro", 100), Some(75_920));
    assert_eq!(cost("zones/a/machineTypes/t3.micro", 1), Some(760));
    assert_eq!(cost("plan-a", 3), Some(6_000));
    assert_eq!(cost("t3.micro", 0), Some(0));
    assert_eq!(
        cost("t3.micro", -5),
        Some(0),
        "a negative count costs nothing and saves nothing"
    );
    assert_eq!(cost("t9.giant", 1), None);
    assert_eq!(cost("t3.micro", i64::MAX), None, "too much to be a number");
    assert_eq!(prices.monthly(&action("provision_instance", &[]), &rates), None);
    let mut euro = Rates::new(Some("eur"));
    assert_eq!(prices.monthly(&machines("plan-a", 1), &euro), None, "no rate");
    euro.insert("usd", "0.9").unwrap();
    assert_eq!(prices.monthly(&machines("plan-a", 1), &euro), Some(1_800));
}

#[test]
fn all_mistakes_are_told_at_once_with_their_places() {
    let text = SMALL
        .replace("usd", "uds")
        .replace("0.0104", "cheap")
        .replace("\"20\"", "-1, t3.micro: 5");
    let wrong: Vec<String> = Prices::load(&source(&text), Some(&["aws", "stripes"]))
        .unwrap_err()
        .iter()
        .map(ToString::to_string)
        .collect();
    let told = wrong.join("\n");
    assert_eq!(wrong.len(), 4, "{told}");
    let strange = "no mapping is for the provider `stripe` (did you mean `stripes`?)";
    assert!(told.contains("prices.yaml:5:") && told.contains(strange), "{told}");
    assert!(
        told.contains("prices.yaml:1:") && told.contains("found `uds` (did you mean `usd`?)"),
        "{told}"
    );
    assert!(told.contains("prices.yaml:7:") && told.contains("`cheap`"), "{told}");
    assert!(told.contains("prices.yaml:8:") && told.contains("`-1`"), "{told}");
}

#[test]
fn the_prices_that_ship_are_many_and_read() {
    let prices = Prices::load(&source(include_str!("../../../policies/prices.yaml")), None).unwrap();
    let known = |provider: &str| prices.monthly[provider].keys().cloned().collect::<Vec<_>>();
    let (rds, ec2): (Vec<_>, Vec<_>) = known("aws").into_iter().partition(|kind| kind.starts_with("db."));
    assert!(ec2.len() >= 60 && rds.len() >= 30 && known("google").len() >= 25);
    let month = |kind: &str| prices.monthly["aws"][kind] / 10_000_000;
    assert_eq!(month("m5.large"), 7_008, "$70.08");
    assert_eq!(month("db.r5.large"), 18_250);
}
