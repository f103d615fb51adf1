use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::model::{Action, HoldRule, Missing, Risk, Secret, State, Timestamp, Vote, Why};
use crate::notify::message::tests::told_of;
use crate::notify::slack::{Buttons, only_on_the_page};
use crate::store::tests::sample;

fn buttons(secret: &str) -> Buttons {
    Buttons {
        signing_secret: Secret::new(secret.to_owned()),
        people: BTreeMap::new(),
    }
}

fn card(row: ApprovalRow, why: Option<&'static str>) -> Value {
    let value = buttons("s").value(&row.id, row.revision);
    of(&told_of(row), why.map_or(Ok(value), Err)).arguments(json!({"channel": "C1"}))
}

/// Each object of the tree.
fn objects<'a>(value: &'a Value, found: &mut Vec<&'a Value>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| objects(item, found)),
        Value::Object(members) => {
            found.push(value);
            members.values().for_each(|member| objects(member, found));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn actions_of(card: &Value) -> Vec<String> {
    let mut found = Vec::new();
    objects(card, &mut found);
    let ids = found.iter().filter_map(|object| object["action_id"].as_str());
    ids.map(str::to_owned).collect()
}

fn shown(card: &Value) -> String {
    let mut found = Vec::new();
    objects(card, &mut found);
    let texts = found.iter().filter(|object| object["type"] == "plain_text");
    texts
        .map(|text| text["text"].as_str().unwrap())
        .collect::<Vec<_>>()
        .join("\n")
}

/// What Slack would refuse, and what it would make something of.
fn is_fit_and_inert(card: &Value) {
    let blocks = card["blocks"].as_array().unwrap();
    assert!((1..=50).contains(&blocks.len()), "{}", blocks.len());
    assert!(card.to_string().len() < 60_000, "{}", card.to_string().len());
    assert_eq!(
        (&card["mrkdwn"], &card["parse"], &card["link_names"]),
        (&false.into(), &"none".into(), &false.into())
    );
    let mut found = Vec::new();
    objects(card, &mut found);
    let mut texts = vec![card["text"].as_str().unwrap()];
    for object in found {
        assert_ne!(object["type"], "mrkdwn", "{object}");
        if object["type"] == "plain_text" {
            assert_eq!(object["emoji"], false);
            texts.push(object["text"].as_str().unwrap());
        }
        if object["type"] == "header" {
            assert!(object["text"]["text"].as_str().unwrap().encode_utf16().count() <= 150);
        }
        if object["type"] == "button" {
            assert!(object["value"].as_str().is_none_or(|value| value.len() <= 2_000));
            assert!(
                object["url"]
                    .as_str()
                    .is_none_or(|url| url.starts_with("https://runplane.corp/approvals/apr_"))
            );
        }
    }
    for text in texts {
        assert!((1..=3_000).contains(&text.encode_utf16().count()), "{text}");
        assert!(!text.contains(['<', '>']) && !text.contains("://"), "{text}");
        let rest = text.replace("&amp;", "").replace("&lt;", "").replace("&gt;", "");
        assert!(!rest.contains('&'), "{text}");
        assert!(
            !text.replace('\n', "").contains(crate::model::inert::is_active),
            "{text}"
        );
    }
}

fn words() -> impl Strategy<Value = String> {
    let bad = prop::sample::select(vec![
        "<!channel>",
        "<!here>",
        "<@U0123456789>",
        "<#C0123>",
        "<https://evil.example|Approve>",
        "@everyone",
        "*bold*",
        "`code`",
        ":skull:",
        "https://evil.example/a.b",
        "mailto:a@evil.example",
        "&lt;!channel&gt;",
        "&",
        "<",
        ">",
        "\u{202e}",
        "\u{0}",
        "\n",
        "…",
        "\u{1f4b8}",
        "名",
        "a.b",
        "\"",
        "\\",
    ]);
    let piece = prop_oneof![4 => bad.prop_map(str::to_owned), 1 => ".{0,40}"];
    (prop::collection::vec(piece, 0..40), 1_usize..200).prop_map(|(pieces, times)| pieces.concat().repeat(times))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn no_words_make_slack_do_anything(
        summary in words(), target in words(), field in words(), operation in words(), fields in 0_usize..60, also in 0_usize..20,
    ) {
        let mut row = sample::approval();
        row.action.summary = summary.clone();
        row.action.target.id = Some(target);
        row.action.operation = operation.as_str().into();
        for at in 0..fields {
            row.action.fields.insert(format!("field_{at}").as_str().into(), crate::model::Value::Text(field.clone()));
        }
        row.action.also = vec![sample::action(); also];
        for state in [State::Pending, State::Denied] {
            row.state = state;
            let message = told_of(row.clone());
            is_fit_and_inert(&of(&message, Ok("apr_x:0:m".to_owned())).arguments(json!({})));
            is_fit_and_inert(&in_short(&message).arguments(json!({})));
        }
        is_fit_and_inert(&whisper(&format!("nothing was decided: {summary}")).arguments(json!({})));
        let form = why(&row, "apr_x:0:C1");
        is_fit_and_inert(&json!({"text": "a", "mrkdwn": false, "parse": "none", "link_names": false, "blocks": form["blocks"]}));
        prop_assert!(form["title"]["text"].as_str().unwrap().chars().count() <= 24);
    }
}

/// What says nothing beyond its name and target.
fn bare() -> Action {
    Action {
        fields: BTreeMap::new(),
        ..sample::action()
    }
}

/// A refund of little risk.
fn plain_row() -> ApprovalRow {
    let mut row = sample::approval();
    row.action.risk = Some(Box::new(risk(40)));
    row.rules[0].quorum = 1;
    row
}

fn risk(score: i64) -> Risk {
    Risk {
        action: "process_refund".into(),
        factors: Vec::new(),
        score,
        weights: "w".into(),
    }
}

#[test]
fn a_card_has_what_is_needed_to_decide_and_the_buttons_for_it() {
    let row = plain_row();
    let card = card(row.clone(), None);
    let text = shown(&card);
    for words in [
        "Approval wanted",
        "support-bot",
        "refund-over-500",
        "$900.00",
        "amount = 90000",
        "Until: ",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    assert_eq!(actions_of(&card), [APPROVE, DENY, PAGE]);
    let value = buttons("s").value(&row.id, row.revision);
    assert!(card.to_string().contains(&value), "{card}");
    assert!(card["text"].as_str().unwrap().contains("support-bot"), "{card}");
}

#[test]
fn what_is_decided_has_no_buttons_and_says_by_whom_and_when() {
    let mut row = plain_row();
    row.state = State::Approved;
    row.decided = Some(Timestamp(1_000));
    row.votes = vec![Vote {
        reason: None,
        person: "alice".into(),
        ..sample::grant(1).vote
    }];
    let card = card(row, None);
    assert_eq!(actions_of(&card), [PAGE]);
    let text = shown(&card);
    assert!(
        text.contains("Approved: apr_") && text.contains("Yes: alice at "),
        "{text}"
    );
    assert!(text.contains("Decided: 1970-01-01T00:00:01"), "{text}");
}

#[test]
fn what_is_at_stake_decides_whether_there_are_buttons() {
    let may = |change: &dyn Fn(&mut ApprovalRow), from: Option<i64>| {
        let mut row = plain_row();
        change(&mut row);
        only_on_the_page(&row, from).is_none()
    };
    let scored = |score: i64| move |row: &mut ApprovalRow| row.action.risk = Some(Box::new(risk(score)));
    assert!(may(&|_| {}, None) && may(&scored(69), None) && may(&scored(69), Some(70)));
    assert!(!may(&scored(70), None) && !may(&scored(100), None));
    assert!(
        !may(&|row| row.action.risk = None, None),
        "what was not weighed may be anything"
    );
    assert!(!may(&scored(50), Some(50)) && may(&scored(49), Some(50)));
    assert!(!may(&|row| row.rules[0].quorum = 2, None));
    let incomplete = |row: &mut ApprovalRow| {
        let id: Arc<str> = crate::model::approval::INCOMPLETE_ACTION.into();
        let rule = row.rules[0].clone();
        row.rules.push(HoldRule { id, ..rule });
    };
    assert!(!may(&incomplete, None));
    let missing = || Missing {
        field: "amount".into(),
        why: Why::Absent,
    };
    assert!(!may(&|row| row.action.missing = vec![missing()], None));
    assert!(!may(&|row| row.stated = row.action.fields.clone(), None));
    let also = |change: &dyn Fn(&mut Action)| {
        let mut other = bare();
        change(&mut other);
        may(&|row| row.action.also = vec![bare(), other.clone()], None)
    };
    assert!(also(&|_| {}));
    assert!(!also(&|other| other.missing = vec![missing()]));
    assert!(
        !also(&|other| other.fields = sample::action().fields),
        "a card does not show them"
    );
    let why = only_on_the_page(
        &{
            let mut row = plain_row();
            row.rules[0].quorum = 2;
            row
        },
        None,
    );
    let card = card(plain_row(), why);
    assert_eq!(actions_of(&card), [PAGE]);
    assert!(shown(&card).contains("for more than one person is asked"), "{card}");
}

#[test]
fn what_is_not_shown_whole_has_no_buttons() {
    let long = "a".repeat(600);
    for change in [
        |row: &mut ApprovalRow, long: &str| row.action.summary = long.to_owned(),
        |row: &mut ApprovalRow, long: &str| row.action.target.id = Some(long.to_owned()),
        |row: &mut ApprovalRow, long: &str| {
            let field = crate::model::Value::Text(long.to_owned());
            row.action.fields.insert("subject".into(), field);
        },
        |row: &mut ApprovalRow, _: &str| {
            for at in 0..200 {
                let field = crate::model::Value::Text("b".repeat(100));
                row.action.fields.insert(format!("field_{at}").as_str().into(), field);
            }
        },
        |row: &mut ApprovalRow, _: &str| row.action.also = vec![bare(); 11],
        |row: &mut ApprovalRow, _: &str| row.rules = vec![row.rules[0].clone(); 21],
        |row: &mut ApprovalRow, _: &str| row.votes = vec![sample::grant(1).vote; 21],
    ] {
        let mut row = plain_row();
        change(&mut row, &long);
        let card = card(row, None);
        assert_eq!(actions_of(&card), [PAGE], "{card}");
        assert!(shown(&card).contains("where all of it is shown"), "{card}");
        assert!(shown(&card).contains("Until: "), "how it stands is there: {card}");
    }
}

#[test]
fn a_button_counts_for_what_it_was_made_of() {
    let (row, other) = (plain_row(), sample::approval());
    let value = buttons("s").value(&row.id, 3);
    let mark = value.strip_prefix(&format!("{}:3:", row.id)).unwrap();
    let refuse = |secret: &str, row: &ApprovalRow, revision: u32, mark: &str| {
        buttons(secret).refuse(row, None, revision, mark).is_some()
    };
    assert!(!refuse("s", &row, 3, mark));
    assert!(refuse("s", &row, 4, mark), "of another revision");
    assert!(refuse("t", &row, 3, mark), "by another secret");
    for mark in ["", "m", "0".repeat(64).as_str()] {
        assert!(refuse("s", &row, 3, mark), "{mark}");
    }
    let other = ApprovalRow {
        id: other.id,
        ..row.clone()
    };
    assert!(refuse("s", &other, 3, mark), "of another approval");
    let mut risky = row;
    risky.action.risk = Some(Box::new(risk(70)));
    assert!(refuse("s", &risky, 3, mark), "what is at stake is asked again");
}

#[test]
fn in_short_it_says_nothing_of_the_agents() {
    let mut row = plain_row();
    row.action.summary = "unheard-of words".to_owned();
    let card = in_short(&told_of(row)).arguments(json!({}));
    assert!(
        !card.to_string().contains("unheard-of") && !card.to_string().contains("90000"),
        "{card}"
    );
    assert_eq!(actions_of(&card), [PAGE]);
    assert!(shown(&card).contains("runplane approvals approve"), "{card}");
}
