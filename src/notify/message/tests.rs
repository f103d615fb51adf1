use std::time::Duration;

use super::*;
use crate::model::outbox::{DeliveryState, REQUESTED};
use crate::store::tests::sample;

pub(in crate::notify) fn delivery(row: &ApprovalRow, event: &str) -> Delivery {
    Delivery {
        id: 1,
        approval: row.id.clone(),
        revision: row.revision,
        event: event.to_owned(),
        receiver: "webhook:ops".into(),
        created: Timestamp(5),
        state: DeliveryState::Pending,
        attempts: 0,
        due: Timestamp(0),
        error: None,
    }
}

/// What is told of an approval that is pending for an hour yet.
pub(in crate::notify) fn told_of(mut row: ApprovalRow) -> Message {
    row.expires = Timestamp::now().plus(Duration::from_secs(3600));
    Message::new(&words(), Some("olga"), &delivery(&row, REQUESTED), &row, &[])
}

fn words() -> Words {
    Words {
        command: Box::new(|row| format!("runplane approvals approve {}", row.id.short())),
        home_option: String::new(),
        public_url: Some("https://runplane.corp".to_owned()),
        grant: Duration::from_secs(600),
        reason_from_risk: None,
    }
}

#[test]
fn a_message_has_what_is_needed_to_decide() {
    let row = sample::approval();
    let id = row.id.clone();
    let message = told_of(row);
    let json = serde_json::to_value(&message).unwrap();
    assert_eq!(json["approval"], id.as_str());
    assert_eq!(
        (&json["agent"], &json["owner"]),
        (&"support-bot".into(), &"olga".into())
    );
    assert_eq!(
        (&json["fields"]["amount"], &json["fields"]["amount_shown"]),
        (&90_000.into(), &"$900.00".into())
    );
    assert_eq!(json["url"], format!("https://runplane.corp/api/v1/approvals/{id}"));
    assert_eq!(json["page"], format!("https://runplane.corp/approvals/{id}"));
    assert!(json["approve"].as_str().unwrap().ends_with(id.short()));
    assert!(json["deny"].as_str().unwrap().contains("--reason"));
    let lines = message.lines();
    let until = lines.iter().find(|(name, _)| *name == "Until").unwrap();
    assert!(until.1.ends_with(" left when this was written)"), "{until:?}");
    assert!(
        !json.to_string().contains("request_line"),
        "what may be secret is not told: {json}"
    );
}

#[test]
fn what_is_over_is_not_asked() {
    for state in [State::Approved, State::Denied, State::Expired, State::Consumed] {
        let mut row = sample::approval();
        row.state = state;
        let message = told_of(row);
        assert!(message.commands().is_empty());
        assert_eq!(serde_json::to_value(&message).unwrap()["state"], state.as_str());
    }
}

#[test]
fn no_words_of_the_agents_move_hide_or_flood() {
    let mut row = sample::approval();
    row.action.summary = format!("pay \u{202e}000,9$\r\nBcc: x@evil.test\u{1b}[2J{}", "a".repeat(100_000));
    row.action.target.id = Some("\u{200b}".repeat(5_000));
    for at in 0..2_000 {
        row.action.fields.insert(
            format!("field_{at}").as_str().into(),
            Value::Text("\u{7}".repeat(9_000)),
        );
    }
    row.action.also = vec![sample::action(); 500];
    let message = told_of(row);
    let text = serde_json::to_string(&message).unwrap();
    assert!(text.len() < 20_000, "{}", text.len());
    assert!(!text.contains(crate::model::inert::is_active), "{text}");
    assert!(text.contains("\\\\u{202e}"), "{text}");
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(json["fields"]["amount"], 90_000, "what is short comes first");
    assert!(json["fields_left_out"].as_u64().unwrap() > 1_900);
    assert!(
        message
            .lines()
            .iter()
            .all(|(_, line)| !line.contains(crate::model::inert::is_active))
    );
}

#[test]
fn what_a_person_stated_is_shown_as_fields_are() {
    let mut row = sample::approval();
    let amount = row.action.fields.remove("amount").unwrap();
    let currency = row.action.fields.remove("currency").unwrap();
    row.stated = BTreeMap::from([("amount".into(), amount), ("currency".into(), currency)]);
    let message = told_of(row);
    let json = serde_json::to_value(&message).unwrap();
    assert_eq!(
        json["stated"],
        serde_json::json!({"amount": 90_000, "amount_shown": "$900.00", "currency": "usd"})
    );
    let lines = message.lines();
    for line in ["amount = 90000", "amount_shown = $900.00"] {
        assert!(lines.contains(&("Stated", line.to_owned())), "{lines:?}");
    }
    assert!(message.is_whole());
}

#[test]
fn what_a_list_has_no_room_for_is_counted() {
    let row = sample::approval();
    let other = Action {
        fields: BTreeMap::new(),
        ..sample::action()
    };
    for (also, rules, votes, left_out) in [
        (10, 20, 20, 0),
        (11, 1, 0, 1),
        (0, 22, 0, 2),
        (0, 1, 23, 3),
        (12, 25, 30, 17),
    ] {
        let mut row = row.clone();
        row.action.also = vec![other.clone(); also];
        row.rules = vec![row.rules[0].clone(); rules];
        row.votes = vec![sample::grant(1).vote; votes];
        let message = told_of(row);
        assert_eq!(serde_json::to_value(&message).unwrap()["left_out"], left_out);
        assert_eq!(message.is_whole(), left_out == 0);
        let is_told = |(_, line): &(_, String)| line.starts_with(&format!("{left_out} more is left out here"));
        assert_eq!(message.lines().iter().any(is_told), left_out > 0);
    }
}

/// Everywhere the longest and the worst to be shown: nine bytes of JSON for one character that is not seen.
#[test]
fn a_message_has_room_for_people_whatever_an_agent_writes() {
    let worst = |length: usize| "\u{202e}\"\u{e0041}".repeat(length);
    for (also, before, people) in [(12, 0, 0), (500, 40, 0), (500, 5, 30)] {
        let mut row = sample::approval();
        row.expires = Timestamp::now().plus(Duration::from_secs(3600));
        row.action.summary = worst(9_000);
        row.action.operation = worst(900).as_str().into();
        row.action.target.id = Some(worst(5_000));
        row.facts.roles = (0..50).map(|_| worst(60).as_str().into()).collect();
        for at in 0..200 {
            row.action
                .fields
                .insert(format!("field_{at}").as_str().into(), Value::Text(worst(1_000)));
        }
        row.stated = row.action.fields.clone();
        let other = Action {
            target: row.action.target.clone(),
            ..sample::action()
        };
        row.action.also = vec![other; also];
        row.rules = vec![row.rules[0].clone(); 1 + people];
        row.rules[0].reason = Some(worst(500));
        let granted = sample::grant(1).vote;
        let vote = crate::model::Vote {
            reason: Some(worst(500)),
            ..granted
        };
        row.votes = vec![vote; people];
        let before: Vec<Before> = (0..before).map(|_| Before(told(&worst(200), 200))).collect();
        let message = Message::new(&words(), Some("olga"), &delivery(&row, REQUESTED), &row, &before);
        let json = serde_json::to_value(&message).unwrap();
        let length = json.to_string().len();
        assert!(length <= 19_000 && length > 5_000, "{length}");
        assert!(
            json["rules"][0]["id"] == "refund-over-500" && json["approve"].is_string(),
            "{json}"
        );
        assert!(json["fields_left_out"].as_u64().unwrap() > 100);
        assert!(json["left_out"].as_u64().unwrap() > 0);
        let is_told = |(_, line): &(_, String)| line.contains("left out here: see the approval");
        assert!(message.lines().iter().any(is_told));
    }
}

#[test]
fn a_call_like_one_that_waits_says_which_it_is_and_what_differs() {
    use crate::model::alike::{Answered, Beside, Past};
    let (first, mut row) = (sample::approval(), sample::approval());
    row.fingerprint = [1; 32];
    row.action.fields.insert("amount".into(), Value::Int(80_000));
    row.action.request_line = "POST https://api.stripe.com/v1/refunds?token=secret".to_owned();
    let answered = Answered {
        approval: crate::model::ApprovalId::random(),
        fingerprint: vec![2; 32],
        denied: true,
        time: Timestamp::now(),
        people: vec!["bob".into()],
        reason: Some("not\u{202e} him".to_owned()),
        outcome: None,
    };
    let alike = Alike {
        beside: Beside::new(&first, &row, 2, 2),
        lately: Past::of(&row, &[answered]),
        waiting: 0,
    };
    let message = told_of(row.clone()).among(&row, &alike);
    let lines: Vec<String> = message
        .lines()
        .into_iter()
        .map(|(name, text)| format!("{name}: {text}"))
        .collect();
    for line in [
        format!(
            "Similar: 2nd similar, after {}: differs in: amount, request",
            first.id.short()
        ),
        "Similar: amount = $800.00, first: $900.00".to_owned(),
        "Lately: a similar call was denied just now by bob: not\\u{202e} him".to_owned(),
    ] {
        assert!(lines.contains(&line), "{line}: {lines:#?}");
    }
    let json = serde_json::to_string(&message).unwrap();
    assert!(!json.contains("token=secret"), "nothing of the address: {json}");
    assert_eq!(
        message.first_event(),
        Some(format!("evt_{}_0", first.id.as_str().trim_start_matches("apr_")))
    );
    assert_eq!(told_of(row).rank(), None, "alone");
}

#[test]
fn what_was_decided_says_how_many_like_it_still_wait() {
    let mut row = sample::approval();
    row.state = State::Denied;
    let alike = Alike {
        waiting: 2,
        ..Alike::default()
    };
    let message = told_of(row.clone()).among(&row, &alike);
    let told = ("Similar", "2 calls like it still wait".to_owned());
    assert!(message.lines().contains(&told), "{:#?}", message.lines());
}
