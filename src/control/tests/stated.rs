use std::collections::BTreeMap;

use http::StatusCode;
use proptest::prelude::*;

use super::super::stated::{read, worth_follows};
use crate::agent::{Person, Proof};
use crate::approval::tests::{approvals, call, park, rule};
use crate::model::approval::INCOMPLETE_ACTION;
use crate::model::change::ApprovalRow;
use crate::model::vocabulary::{FieldClass, FieldDefinition, FieldType};
use crate::model::{Missing, Value, Vocabulary, Why};

pub(crate) fn vocabulary() -> Vocabulary {
    let field = |kind, derived_from: Option<&str>| FieldDefinition {
        kind,
        description: "in minor units".to_owned(),
        derived_from: derived_from.map(Into::into),
        class: FieldClass::Text,
    };
    Vocabulary {
        groups: BTreeMap::new(),
        fields: BTreeMap::from([
            ("amount".into(), field(FieldType::Int, None)),
            ("amount_base".into(), field(FieldType::Int, Some("amount"))),
            ("currency".into(), field(FieldType::String, None)),
            ("unbounded".into(), field(FieldType::Bool, None)),
            ("resource_ids".into(), field(FieldType::Strings, None)),
        ]),
        actions: BTreeMap::new(),
        digest: "d".into(),
    }
}

async fn row(missing: &[(&str, Why)]) -> ApprovalRow {
    let mut row = park(&approvals(), &call("bot", 1, None)).standing().unwrap().row;
    row.rules = vec![rule(INCOMPLETE_ACTION, "d")];
    row.action.missing = missing
        .iter()
        .map(|(field, why)| Missing {
            field: (*field).into(),
            why: *why,
        })
        .collect();
    row
}

/// Of the group that the rules of these tests ask.
fn alice() -> Person {
    Person {
        name: "alice".into(),
        groups: ["finance".into()].into(),
        proof: Proof::Key,
    }
}

fn set(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn a_missing_amount_is_stated_in_minor_units() {
    let row = row(&[("amount", Why::Absent), ("amount_base", Why::Derived)]).await;
    let stated = read(&row, &alice(), &set(&[("amount", "51200")]), &vocabulary()).unwrap();
    assert_eq!(stated, BTreeMap::from([("amount".into(), Value::Int(51_200))]));
}

#[tokio::test(start_paused = true)]
async fn an_amount_is_whole_minor_units() {
    let row = row(&[("amount", Why::Absent)]).await;
    for wrong in [
        "",
        "512.00",
        "1,000",
        "1e3",
        "-1",
        "+1",
        " 1",
        "0x10",
        "१",
        "1000000000000001",
        "99999999999999999999",
    ] {
        let problem = read(&row, &alice(), &set(&[("amount", wrong)]), &vocabulary()).unwrap_err();
        assert_eq!(problem.status, StatusCode::UNPROCESSABLE_ENTITY, "{wrong}");
        assert!(problem.detail.contains("51200 for $512.00"), "{}", problem.detail);
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_with_a_missing_value_is_not_approved_without_it() {
    let row = row(&[("amount", Why::Unreadable), ("currency", Why::Absent)]).await;
    let problem = read(&row, &alice(), &set(&[("currency", "eur")]), &vocabulary()).unwrap_err();
    assert!(
        problem.detail.contains("`amount` (in minor units)"),
        "{}",
        problem.detail
    );
    assert!(!problem.detail.contains("`currency`"));
}

#[tokio::test(start_paused = true)]
async fn nothing_that_a_call_says_is_changed() {
    let row = row(&[("amount", Why::Absent), ("amount_base", Why::Derived)]).await;
    for (field, expected) in [
        ("currency", "is not missing from this call"),
        ("nonsense", "there is no field `nonsense`"),
        ("amount_base", "follows from `amount`: state that"),
    ] {
        let problem = read(&row, &alice(), &set(&[("amount", "1"), (field, "1")]), &vocabulary()).unwrap_err();
        assert!(problem.detail.contains(expected), "{}", problem.detail);
    }
}

#[tokio::test(start_paused = true)]
async fn a_derived_value_whose_source_is_there_may_be_stated() {
    let row = row(&[("amount_base", Why::Derived)]).await;
    assert!(read(&row, &alice(), &set(&[]), &vocabulary()).is_err());
    assert!(read(&row, &alice(), &set(&[("amount_base", "100")]), &vocabulary()).is_ok());
}

#[tokio::test(start_paused = true)]
async fn what_one_person_stated_another_does_not_change() {
    let mut row = row(&[("amount", Why::Absent)]).await;
    row.stated.insert("amount".into(), Value::Int(5));
    let amount = BTreeMap::from([("amount".into(), Value::Int(5))]);
    let none = read(&row, &alice(), &set(&[]), &vocabulary()).unwrap_err();
    assert!(none.detail.contains("`amount`"), "each states it: {}", none.detail);
    assert_eq!(
        read(&row, &alice(), &set(&[("amount", "5")]), &vocabulary()),
        Ok(amount)
    );
    let problem = read(&row, &alice(), &set(&[("amount", "6")]), &vocabulary()).unwrap_err();
    assert_eq!(problem.status, StatusCode::CONFLICT);
}

#[tokio::test(start_paused = true)]
async fn who_may_not_state_a_value_states_none() {
    let mut row = row(&[("amount", Why::Absent)]).await;
    let sam = Person {
        name: "sam".into(),
        groups: ["security".into()].into(),
        proof: Proof::Key,
    };
    let read = |row: &ApprovalRow, pairs: &[(&str, &str)]| read(row, &sam, &set(pairs), &vocabulary());
    assert_eq!(read(&row, &[]), Ok(BTreeMap::new()), "nor are they asked for one");
    let problem = read(&row, &[("amount", "5")]).unwrap_err();
    assert_eq!(problem.status, StatusCode::FORBIDDEN);
    assert!(
        problem.detail.contains("finance (incomplete_action)"),
        "{}",
        problem.detail
    );
    // Stated by somebody who may: saying the same is no harm, and states nothing.
    row.stated.insert("amount".into(), Value::Int(5));
    row.rules.clear();
    assert_eq!(read(&row, &[("amount", "5")]), Ok(BTreeMap::new()));
    assert!(read(&row, &[("amount", "6")]).is_err());
}

#[tokio::test(start_paused = true)]
async fn values_are_of_the_types_of_the_vocabulary() {
    let row = row(&[
        ("unbounded", Why::Absent),
        ("resource_ids", Why::Absent),
        ("currency", Why::Absent),
    ])
    .await;
    let all = [("unbounded", "true"), ("resource_ids", "i-1, i-2"), ("currency", "eur")];
    let stated = read(&row, &alice(), &set(&all), &vocabulary()).unwrap();
    assert_eq!(stated["unbounded"], Value::Bool(true));
    assert_eq!(
        stated["resource_ids"],
        Value::List(vec!["i-1".to_owned(), "i-2".to_owned()])
    );
    assert_eq!(stated["currency"], Value::Text("eur".to_owned()));
    for (field, wrong) in [
        ("unbounded", "True"),
        ("resource_ids", "a,,b"),
        ("currency", "e\nr"),
        ("currency", ""),
    ] {
        let mut with: BTreeMap<String, String> = set(&all);
        with.insert(field.to_owned(), wrong.to_owned());
        assert!(read(&row, &alice(), &with, &vocabulary()).is_err(), "{field}={wrong}");
    }
}

proptest! {
    #[test]
    fn no_text_becomes_another_number(text in "\\PC{0,20}|[0-9]{1,20}") {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let row = runtime.block_on(row(&[("amount", Why::Absent)]));
        match read(&row, &alice(), &set(&[("amount", &text)]), &vocabulary()) {
            Ok(stated) => {
                let Value::Int(value) = stated["amount"] else { panic!("not a number") };
                prop_assert_eq!(value.to_string(), match text.trim_start_matches('0') { "" => "0", rest => rest });
            }
            Err(_) => prop_assert!(text.parse::<u64>().is_err() || text.starts_with('+') || text.parse::<u64>().unwrap() > 1_000_000_000_000_000),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_worth_is_stated_only_where_there_is_no_rate() {
    let row = row(&[("currency", Why::Unreadable), ("amount_base", Why::Derived)]).await;
    let follows = |row: &ApprovalRow, pairs: &[(&str, &str)]| {
        let stated = read(row, &alice(), &set(pairs), &vocabulary()).unwrap();
        worth_follows(row, &stated, |code| code == "eur")
    };
    follows(&row, &[("currency", "eur")]).unwrap();
    follows(&row, &[("currency", "chf"), ("amount_base", "1")]).unwrap();
    let problem = follows(&row, &[("currency", "eur"), ("amount_base", "1")]).unwrap_err();
    assert_eq!(problem.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(problem.detail.contains("eur has a rate"), "{}", problem.detail);
}
