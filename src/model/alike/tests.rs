use proptest::prelude::*;

use super::*;
use crate::model::Target;
use crate::store::tests::sample;

fn row(agent: &str, id: Option<&str>, amount: i64) -> ApprovalRow {
    let mut row = sample::approval();
    row.id = ApprovalId::random();
    row.facts.agent = agent.into();
    row.action.target = Target {
        kind: "charge".into(),
        id: id.map(str::to_owned),
    };
    row.action.fields.insert("amount".into(), Value::Int(amount));
    row
}

fn answered(row: &ApprovalRow, denied: bool, minute: i64) -> Answered {
    Answered {
        approval: ApprovalId::random(),
        fingerprint: row.fingerprint.to_vec(),
        denied,
        time: Timestamp(minute * 60_000),
        people: vec!["ann".into()],
        reason: denied.then(|| "not this one".to_owned()),
        outcome: (!denied).then_some(Outcome::Success),
    }
}

proptest! {
    #[test]
    fn every_call_is_on_exactly_one_card_with_those_that_are_like_it(
        calls in proptest::collection::vec((0..3_u8, proptest::option::of(0..3_u8), 0..3_i64), 0..40)
    ) {
        let rows: Vec<ApprovalRow> = calls
            .iter()
            .map(|(agent, id, amount)| row(&format!("bot-{agent}"), id.map(|id| format!("ch_{id}")).as_deref(), *amount))
            .collect();
        let found = cards(rows.iter().collect(), |row: &&ApprovalRow| row);
        let mut all: Vec<&ApprovalId> = found.iter().flatten().map(|row| &row.id).collect();
        prop_assert_eq!(all.len(), rows.len());
        all.sort();
        all.dedup();
        prop_assert_eq!(all.len(), rows.len(), "one is on two cards");
        for (at, card) in found.iter().enumerate() {
            for other in &found[at + 1..] {
                prop_assert_ne!(Kin::from(card[0]), Kin::from(other[0]));
            }
            prop_assert!(card.iter().all(|row| Kin::from(*row) == Kin::from(card[0])));
        }
        let firsts: Vec<&ApprovalId> = found.iter().map(|card| &card[0].id).collect();
        let order: Vec<&ApprovalId> = rows.iter().map(|row| &row.id).filter(|id| firsts.contains(id)).collect();
        prop_assert_eq!(firsts, order, "the card of whoever asked first comes first");
    }
}

#[test]
fn what_differs_is_told_with_both_values() {
    let first = row("bot", Some("ch_1"), 90_000);
    let mut other = row("bot", Some("ch_1"), 80_000);
    other.fingerprint = [8; 32];
    other.action.fields.remove("full");
    other.action.environment = "test".into();
    let beside = Beside::new(&first, &other, 2, 5).unwrap();
    assert_eq!(beside.rank(), "2nd of 5 similar");
    assert_eq!(beside.in_short(), "differs in: amount, full, environment");
    let told: Vec<(String, String)> = beside
        .differs
        .iter()
        .map(|it| {
            let told = |value: &Option<Value>| it.told(value.as_ref(), Some("usd"));
            (told(&it.first), told(&it.here))
        })
        .collect();
    let expected = [("$900.00", "$800.00"), ("false", "(not said)"), ("production", "test")];
    assert_eq!(told, expected.map(|(first, here)| (first.to_owned(), here.to_owned())));
    assert_eq!(Beside::new(&first, &first, 1, 1), None, "alone");
}

#[test]
fn what_differs_only_where_nobody_reads_is_not_called_the_same() {
    let first = row("bot", Some("ch_1"), 90_000);
    let same = Beside::new(&first, &first, 2, 2).unwrap();
    assert_eq!(same.in_short(), "the same call, made again");
    let mut other = first.clone();
    other.fingerprint = [8; 32];
    let beside = Beside::new(&first, &other, 2, 2).unwrap();
    assert!(
        beside.in_short().starts_with("differs in its content"),
        "{}",
        beside.in_short()
    );
    // What it does besides is a difference, too, down to each value.
    let mut also = first.action.clone();
    other.action.also.push(also.clone());
    let mut third = other.clone();
    also.fields.insert("amount".into(), Value::Int(1));
    third.action.also = vec![also];
    third.fingerprint = [7; 32];
    assert_eq!(
        Beside::new(&other, &third, 2, 2).unwrap().in_short(),
        "differs in: also"
    );
}

#[test]
fn the_last_answer_of_each_sort_is_told_and_how_many_there_were() {
    let mut waits = row("bot", Some("ch_1"), 90_000);
    waits.fingerprint = [1; 32];
    let mut like = waits.clone();
    like.fingerprint = [2; 32];
    let mut back = answered(&waits, false, 99);
    back.outcome = Some(Outcome::NotSent);
    let mut own = answered(&waits, true, 98);
    own.approval = waits.id.clone();
    let all = [
        back,
        own,
        answered(&like, true, 90),
        answered(&like, true, 80),
        answered(&waits, false, 10),
    ];
    let told: Vec<String> = Past::of(&waits, &all)
        .iter()
        .map(|past| past.in_words(Timestamp(190 * 60_000)))
        .collect();
    assert_eq!(
        told,
        [
            "an equal call was executed 3 h ago (approved by ann)",
            "a similar call was denied 1 h ago by ann; 2 such answers in all: not this one",
        ]
    );
}

#[test]
fn places_are_told_as_people_count() {
    let told: Vec<String> = [1, 2, 3, 4, 11, 12, 13, 21, 22, 101, 111, 112, 122]
        .into_iter()
        .map(ordinal)
        .collect();
    assert_eq!(
        told,
        [
            "1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "22nd", "101st", "111th", "112th", "122nd"
        ]
    );
}

#[test]
fn what_is_riskier_or_asks_another_rule_is_never_folded() {
    let call = |rule: &'static str, score: i64| (vec![rule], Some(score));
    let card = [
        call("a", 20),
        call("a", 10),
        call("a", 29),
        call("a", 30),
        call("a", 31),
        call("b", 5),
        call("b", 5),
    ];
    assert_eq!(
        shown(card.clone(), 2),
        [true, true, false, true, false, true, false],
        "the first two, the first of a higher band, and the first that asks another"
    );
    assert_eq!(shown(card, 10), [true; 7]);
    assert_eq!(
        shown([call("a", 84), (vec!["a"], None)], 1),
        [true, true],
        "what was not weighed may be anything"
    );
}

#[test]
fn a_riskier_call_another_rule_or_more_people_are_more_than_the_first() {
    let first = row("bot", Some("ch_1"), 90_000);
    assert!(!asks_more(&first, &first));
    let mut quorum = first.clone();
    quorum.rules[0].quorum = 2;
    assert!(asks_more(&first, &quorum) && !asks_more(&quorum, &first));
    let mut rule = first.clone();
    rule.rules[0].id = "another".into();
    assert!(asks_more(&first, &rule));
    let scored = |score: i64| {
        let mut row = first.clone();
        row.action.risk = Some(Box::new(crate::model::Risk {
            action: "process_refund".into(),
            factors: Vec::new(),
            score,
            weights: "ab".into(),
        }));
        row
    };
    assert!(asks_more(&scored(29), &scored(30)) && !asks_more(&scored(30), &scored(29)));
    assert!(!asks_more(&scored(30), &scored(31)), "of one band");
    assert!(
        asks_more(&scored(84), &first) && !asks_more(&first, &scored(100)),
        "what was not weighed may be anything"
    );
}

#[test]
fn long_values_are_cut_where_they_part() {
    let text = |text: String| Some(Value::Text(text));
    let cut = |first: Option<Value>, here: Option<Value>| {
        let what = "note".into();
        let cut = Difference { what, first, here }.cut();
        (cut.told(cut.first.as_ref(), None), cut.told(cut.here.as_ref(), None))
    };
    let long = "x".repeat(5_000);
    let (first, here) = cut(text(format!("{long}a{long}")), text(format!("{long}b")));
    assert_eq!(here, format!("…{}b", "x".repeat(40)));
    assert!(first.starts_with(&format!("…{}a", "x".repeat(40))) && first.ends_with('…'));
    assert_eq!(first.chars().count(), 1_002);
    let (first, here) = cut(None, text(long.clone()));
    assert_eq!((first.as_str(), here.chars().count()), ("(not said)", 1_001));
    let list = |last: &str| Some(Value::List(vec![long.clone(), last.to_owned()]));
    let (first, here) = cut(list("ann"), list("bob"));
    assert!(first.ends_with(", ann") && here.ends_with(", bob"), "{first} {here}");
    let short = Some(Value::List(vec!["a".to_owned()]));
    assert_eq!(cut(short, text("ä".to_owned())), ("a".to_owned(), "ä".to_owned()));
}
