use super::*;
use crate::audit::tests::scene::{Made, Scene};
use crate::model::Outcome;

/// Calls of two agents, at two providers, allowed, blocked, and approved by alice or bob, with all sorts of money; one a second.
fn scene() -> Scene {
    let scene = Scene::new();
    let amounts = [
        None,
        Some((100, "usd", Some(100))),
        Some((5_000, "eur", Some(5_400))),
        Some((5_400, "usd", Some(5_400))),
        Some((70_000, "jpy", None)),
    ];
    for at in 0..60_i64 {
        let pick = |from: i64| usize::try_from(at % from).unwrap();
        let made = Made {
            agent: ["support-bot", "ops-bot"][pick(2)],
            provider: ["stripe", "aws"][pick(3) / 2],
            action: ["process_refund", "create_charge"][pick(4) / 2],
            money: amounts[pick(5)],
            also: (at % 20 == 0).then_some((900, "chf", Some(1_000))),
            received: at * 1_000,
            ..Made::default()
        };
        match at % 6 {
            0 => drop(scene.approved(&made, "alice")),
            1 => drop(scene.approved(&made, "bob")),
            2 => drop(scene.call(&made, "BLOCK", None)),
            _ => drop(scene.call(&made, "ALLOW", Some(Outcome::Success))),
        }
    }
    scene
}

fn range(currency: Option<&str>, least: Option<i64>, most: Option<i64>) -> Option<Range> {
    Some(Range {
        currency: currency.map(Into::into),
        least,
        most,
    })
}

/// One filter at a time, and all of them together.
fn choices(reader: &Reader) -> Vec<Choice> {
    let query = CallQuery::default();
    let text = |text: &str| Some(text.to_owned());
    let of = |query: CallQuery| Choice { query, money: None };
    let alices = Some(reader.approved_by("alice").unwrap());
    assert_eq!(alices.as_ref().unwrap().len(), 10);
    vec![
        of(query.clone()),
        of(CallQuery {
            agent: text("ops-bot"),
            ..query.clone()
        }),
        of(CallQuery {
            action: text("create_charge"),
            ..query.clone()
        }),
        of(CallQuery {
            provider: text("aws"),
            ..query.clone()
        }),
        of(CallQuery {
            decision: Some("BLOCK"),
            ..query.clone()
        }),
        of(CallQuery {
            decision: Some("ALLOW"),
            ..query.clone()
        }),
        of(CallQuery {
            approvals: alices.clone(),
            ..query.clone()
        }),
        of(CallQuery {
            approvals: Some(Vec::new()),
            ..query.clone()
        }),
        Choice {
            query: query.clone(),
            money: range(None, Some(5_400), None),
        },
        Choice {
            query: query.clone(),
            money: range(Some("usd"), Some(100), Some(5_399)),
        },
        Choice {
            query: query.clone(),
            money: range(Some("chf"), None, None),
        },
        Choice {
            query: CallQuery {
                agent: text("support-bot"),
                action: text("process_refund"),
                provider: text("stripe"),
                decision: Some("ALLOW"),
                approvals: alices,
                ..query
            },
            money: range(None, Some(1), Some(1_000_000)),
        },
    ]
}

fn found(reader: &Reader, choice: &Choice, order: Order) -> Vec<String> {
    let mut found = Vec::new();
    calls::<ReadError>(reader, choice, order, None, |call, _| {
        found.push(call.call.row.id.to_string());
        Ok(true)
    })
    .unwrap();
    found
}

#[test]
fn entries_are_chosen_as_their_calls_are() {
    let scene = scene();
    let reader = scene.reader();
    let all = found(&reader, &Choice::default(), Order::OldestFirst);
    assert_eq!(all.len(), 60);
    for choice in choices(&reader) {
        let mut chosen = found(&reader, &choice, Order::OldestFirst);
        let mut newest = found(&reader, &choice, Order::NewestFirst);
        newest.reverse();
        assert_eq!(chosen, newest);
        let empty = choice.query.approvals.as_ref().is_some_and(Vec::is_empty);
        assert_eq!(chosen.is_empty(), empty, "{choice:?}");
        let mut by_entries = Vec::new();
        entries::<ReadError>(&reader, &choice, 0, |entry, _| {
            if entry.kind == "decided" && !by_entries.contains(entry.call.as_ref().unwrap()) {
                by_entries.push(entry.call.clone().unwrap());
            }
            Ok(())
        })
        .unwrap();
        chosen.sort_unstable();
        by_entries.sort_unstable();
        assert_eq!(by_entries, chosen, "{choice:?}");
    }
}

#[test]
fn money_is_compared_in_its_currency_or_in_the_accounts() {
    let scene = scene();
    let reader = scene.reader();
    let amounts = |money: Option<Range>| {
        let choice = Choice {
            query: CallQuery::default(),
            money,
        };
        found(&reader, &choice, Order::OldestFirst).len()
    };
    assert_eq!(amounts(range(Some("eur"), None, None)), 12);
    assert_eq!(amounts(range(Some("usd"), Some(5_400), Some(5_400))), 12);
    assert_eq!(amounts(range(None, Some(5_400), Some(5_400))), 24, "of both currencies");
    assert_eq!(amounts(range(Some("jpy"), Some(1), None)), 12);
    assert_eq!(
        amounts(range(None, Some(60_000), None)),
        0,
        "what has no worth in it is no amount of it"
    );
    assert_eq!(
        amounts(range(Some("chf"), Some(900), None)),
        3,
        "of what else a call does, too"
    );
}

#[test]
fn the_latest_calls_begin_where_they_begin() {
    let scene = scene();
    let reader = scene.reader();
    for choice in choices(&reader) {
        let all = found(&reader, &choice, Order::OldestFirst);
        for count in [1, 2, 7, 500] {
            let begin = latest(&reader, &choice, count).unwrap();
            let mut seen = Vec::new();
            calls::<ReadError>(&reader, &choice, Order::OldestFirst, begin, |call, _| {
                seen.push(call.call.row.id.to_string());
                Ok(true)
            })
            .unwrap();
            let from = all.len().saturating_sub(usize::try_from(count).unwrap());
            assert_eq!(seen, all[from..], "{choice:?} {count}");
        }
    }
}

#[test]
fn an_export_goes_on_where_the_last_one_ended() {
    let scene = scene();
    let reader = scene.reader();
    let behind = |after: i64| {
        let mut seen = Vec::new();
        entries::<ReadError>(&reader, &Choice::default(), after, |entry, _| {
            seen.push(entry.seq);
            Ok(())
        })
        .unwrap();
        seen
    };
    let all = behind(0);
    assert!(all.len() > 100 && all[0] == 1);
    assert_eq!(behind(40), all[40..]);
    assert_eq!(behind(i64::MAX), [0; 0]);
}
