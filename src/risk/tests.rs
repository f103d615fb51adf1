mod transfers;

use std::collections::BTreeMap;

use super::*;
use crate::mapping::Mappings;
use crate::model::risk::{BASELINE_FROM, Band, WHOLE};
use crate::model::time::Zone;
use crate::model::vocabulary::{ActionClass, Reversible};
use crate::model::{Access, Missing, Source, Target, Tie, Timestamp, Why};

/// The vocabulary that ships, and a listing, which it does not have: reading many things.
pub(super) fn vocabulary() -> &'static Vocabulary {
    static VOCABULARY: std::sync::LazyLock<Vocabulary> = std::sync::LazyLock::new(|| {
        let source = Source {
            file: "mappings/actions.yaml".to_owned(),
            text: include_str!("../../mappings/actions.yaml").to_owned(),
        };
        let mut vocabulary = Vocabulary::clone(&Mappings::read_vocabulary(&source).unwrap());
        let mut list = vocabulary.actions["read_record"].clone();
        list.class = ActionClass::Export;
        list.optional.push("record_count".into());
        assert_eq!(list.reversible, Reversible::Yes);
        vocabulary.actions.insert("list_records".into(), list);
        vocabulary
    });
    &VOCABULARY
}

pub(super) fn action(name: &str, environment: &str, fields: &[(&str, i64)]) -> Action {
    let fields = fields.iter();
    Action {
        provider: "stripe".into(),
        operation: "refunds.create".into(),
        name: name.into(),
        access: vocabulary().actions[name].access,
        fields: fields
            .map(|(name, value)| (Arc::from(*name), Value::Int(*value)))
            .collect(),
        missing: Vec::new(),
        target: Target {
            kind: "charge".into(),
            id: None,
        },
        environment: environment.into(),
        labels: None,
        unmapped: false,
        inspected: true,
        summary: String::new(),
        request_line: String::new(),
        answer: Arc::default(),
        also: Vec::new(),
        tie: Tie::default(),
        risk: None,
    }
}

fn assessed(settings: &Settings, action: &Action, label: Option<&str>, habits: &Habits) -> Risk {
    let time = Zone::default().at(Timestamp(1_795_176_000_000));
    let subject = Subject {
        action,
        vocabulary: vocabulary(),
        time: &time,
    };
    let label = |_: &Action| label.map(Arc::from);
    let risk = assess(settings, &subject, label, |_| habits.clone()).unwrap();
    assert_eq!(check(&risk), Ok(()), "{risk:?}");
    assert_eq!(risk.factors.iter().map(|factor| factor.points).sum::<i64>(), risk.score);
    *risk
}

fn risk(action: &Action, label: Option<&str>) -> Risk {
    assessed(&Settings::default(), action, label, &Habits::default())
}

fn points(risk: &Risk) -> Vec<(&'static str, i64)> {
    let factors = risk.factors.iter();
    factors.map(|factor| (factor.basis.name(), factor.points)).collect()
}

#[test]
fn reading_what_is_public_is_3() {
    let risk = risk(&action("read_record", "test", &[]), Some("public"));
    assert_eq!((risk.score, points(&risk)), (3, vec![("action", 3)]));
    assert_eq!(Band::of(risk.score), Band::Low);
}

/// The reference takes a listing for something that can be undone; our `export_data` cannot be, and is worth more.
#[test]
fn listing_500_confidential_rows_is_45() {
    let rows = |name| risk(&action(name, "test", &[("record_count", 500)]), Some("confidential"));
    let listed = rows("list_records");
    assert_eq!(listed.score, 45);
    assert_eq!(points(&listed), [("action", 8), ("sensitivity", 12), ("scale", 25)]);
    assert_eq!(rows("export_data").score, 53);
}

#[test]
fn updating_an_internal_record_is_30() {
    let risk = risk(&action("modify_record", "test", &[]), Some("internal"));
    assert_eq!(risk.score, 30);
    assert_eq!(
        points(&risk),
        [("action", 18), ("reversibility", 7), ("sensitivity", 5)]
    );
}

fn refund(cents: i64) -> Action {
    action("process_refund", "live", &[("amount", cents), ("amount_base", cents)])
}

#[test]
fn a_refund_of_20_is_66_and_one_of_480_is_74() {
    assert_eq!(risk(&refund(2_000), None).score, 66);
    // Twenty euros in an account of dollars.
    assert_eq!(risk(&refund(2_200), None).score, 66);
    let risk = risk(&refund(48_000), None);
    assert_eq!(risk.score, 74);
    let expected = [("action", 30), ("reversibility", 9), ("sensitivity", 17), ("scale", 18)];
    assert_eq!(points(&risk), expected);
    assert_eq!(
        risk.in_one_line(),
        "74 high (action 30, scale 18, sensitivity 17, reversibility 9); no baseline yet"
    );
    let x: Vec<i64> = risk.factors.iter().map(|factor| factor.x).collect();
    assert_eq!(x, [8_500, 10_000, 9_000, 5_604]);
}

/// Five deviations above what is usual, and the first time with this kind of target. The reference does not say how much else
/// the agent did once: between a fourteenth and a quarter, 91 comes out.
#[test]
fn a_refund_of_9000_to_something_new_far_above_the_usual_is_91() {
    let value = 900_000;
    let usual = Usual {
        by: Whose::Agent,
        mean: number::millionths_of_ln(value) - 5 * 600_000,
        sd: 600_000,
        n: 200,
    };
    let mut habits = Habits {
        sizes: [Some(usual), None, None, None],
        ..Habits::default()
    };
    habits.novelty[0] = Some((New::Kind, 100, 10));
    let risk = assessed(&Settings::default(), &refund(value), None, &habits);
    assert_eq!(risk.score, 91);
    assert_eq!(Band::of(risk.score), Band::Critical);
    let size = risk
        .factors
        .iter()
        .find(|factor| factor.basis.name() == "size")
        .unwrap();
    assert_eq!((size.x, size.w), (7_500, 4_000));
    assert!(risk.has_baseline());
    assert!(!risk.in_one_line().contains("no baseline"));
}

#[test]
fn deleting_2000_rows_of_production_is_76() {
    let risk = risk(
        &action("delete_records", "production", &[("record_count", 2_000)]),
        None,
    );
    assert_eq!(risk.score, 76);
}

#[test]
fn what_is_missing_scales_as_the_most() {
    let most = risk(&refund(1_000_000_000), None);
    let mut full = refund(1);
    full.fields.clear();
    assert_eq!(risk(&full, None).score, most.score, "required, and not there");
    for field in ["amount", "amount_base"] {
        let why = Why::Absent;
        full.missing.push(Missing {
            field: field.into(),
            why,
        });
    }
    assert_eq!(risk(&full, None).score, most.score, "named as missing");
    let rows = |fields: &[(&str, i64)]| risk(&action("delete_records", "test", fields), None).score;
    assert_eq!(
        rows(&[]),
        rows(&[("record_count", 10_000)]),
        "many, and nobody knows how many"
    );
    assert!(rows(&[]) > rows(&[("record_count", 20)]));
    let mut unbounded = action("delete_records", "test", &[("record_count", 1)]);
    unbounded.fields.insert("unbounded".into(), Value::Bool(true));
    assert_eq!(risk(&unbounded, None).score, rows(&[]));
    // What tells no number by its nature is one thing.
    assert!(
        points(&risk(&action("delete_record", "test", &[]), None))
            .iter()
            .all(|(name, _)| *name != "scale")
    );
}

#[test]
fn the_riskiest_meaning_is_the_risk() {
    let alone = risk(&refund(48_000), None);
    let mut both = action("read_balance", "live", &[]);
    assert!(risk(&both, None).score < alone.score);
    both.also = vec![action("read_balance", "live", &[]), refund(48_000)];
    let both = risk(&both, None);
    assert_eq!((both.score, &*both.action), (alone.score, "process_refund"));
    assert_eq!(both.factors, alone.factors);
}

#[test]
fn what_is_in_no_vocabulary_has_no_risk() {
    let time = Zone::default().at(Timestamp(0));
    let mut strange = refund(1);
    strange.name = "launch_rocket".into();
    let subject = Subject {
        action: &strange,
        vocabulary: vocabulary(),
        time: &time,
    };
    assert_eq!(
        assess(&Settings::default(), &subject, |_| None, |_| Habits::default()),
        None
    );
}

#[test]
fn circumstances_count() {
    let plain = risk(&action("send_email", "test", &[("recipient_count", 1)]), None).score;
    let external = |count| {
        action(
            "send_email",
            "test",
            &[("recipient_count", 1), ("external_recipient_count", count)],
        )
    };
    assert_eq!(risk(&external(0), None).score, plain);
    assert!(risk(&external(1), None).score > plain);
    let mut unread = action("send_email", "test", &[("recipient_count", 1)]);
    unread.missing.push(Missing {
        field: "external_recipient_count".into(),
        why: Why::Unreadable,
    });
    assert_eq!(risk(&unread, None).score, risk(&external(1), None).score);
    unread.unmapped = true;
    assert!(risk(&unread, None).score > risk(&external(1), None).score);
}

#[test]
fn off_hours_are_outside_of_the_configured_ones() {
    let hours = |days: &[&str], from, to| WorkingHours {
        days: days.iter().map(|day| (*day).to_owned()).collect(),
        from,
        to,
    };
    // Noon of a Friday, UTC.
    let off = |hours: Option<WorkingHours>| {
        let settings = Settings::new(Weights::default(), Scales::default(), BTreeMap::new(), hours);
        let risk = assessed(&settings, &refund(1), None, &Habits::default());
        points(&risk).iter().any(|(name, _)| *name == "off_hours")
    };
    assert!(!off(None));
    assert!(!off(Some(hours(&["friday"], 12, 13))));
    assert!(off(Some(hours(&["friday"], 13, 24))));
    assert!(off(Some(hours(&["friday"], 8, 12))));
    assert!(off(Some(hours(&["saturday"], 0, 24))));
}

#[test]
fn nothing_is_unusual_before_there_is_a_baseline() {
    let with = |n| {
        let usual = Usual {
            by: Whose::Agent,
            mean: 0,
            sd: 0,
            n,
        };
        let habits = Habits {
            sizes: [Some(usual), None, None, None],
            rate: Some(Often {
                calls: 500,
                mean: 1_000,
                n,
            }),
            ..Habits::default()
        };
        assessed(&Settings::default(), &refund(48_000), None, &habits)
    };
    let (cold, warm) = (with(BASELINE_FROM - 1), with(BASELINE_FROM));
    assert_eq!((cold.score, cold.has_baseline()), (74, false));
    assert!(warm.score > 85 && warm.has_baseline());
}

#[test]
fn an_action_has_its_own_scale() {
    let own = ActionScales {
        scales: BTreeMap::from([(Measure::AmountBase, Scale { lo: 1, hi: 10 })]),
        unknown: crate::model::Diagnostic::of_file("runplane.yaml", "no action of this name"),
    };
    let of = |name: &str| {
        let actions = BTreeMap::from([(Arc::from(name), own.clone())]);
        Settings::new(Weights::default(), Scales::default(), actions, None)
    };
    let score = |settings: &Settings| assessed(settings, &refund(100), None, &Habits::default()).score;
    assert!(score(&of("process_refund")) > score(&of("transfer_funds")));
    assert_eq!(of("process_refund").unknown(vocabulary()), []);
    assert_eq!(
        of("process_refnd").unknown(vocabulary()),
        std::slice::from_ref(&own.unknown)
    );
    let versions = [Settings::default(), of("process_refund"), of("transfer_funds")].map(|it| it.version().clone());
    assert!(versions.iter().all(|version| version.len() == 16));
    assert!(versions[0] != versions[1] && versions[1] != versions[2]);
}

#[test]
fn a_stored_risk_that_was_changed_is_noticed() {
    let good = risk(&refund(48_000), None);
    let read = |text: &str| serde_json::from_str::<Risk>(text).unwrap();
    let text = serde_json::to_string(&good).unwrap();
    assert_eq!(check(&read(&text)), Ok(()));
    assert_eq!(read(&text), good);
    for (from, to) in [
        ("\"score\":74", "\"score\":24"),
        ("\"points\":30", "\"points\":10"),
        ("\"x\":5604", "\"x\":0"),
        ("\"value\":48000", "\"value\":480"),
        ("\"w\":5000", "\"w\":50"),
        ("\"w\":5000", "\"w\":-9000000000000000000"),
        ("\"class\":\"money\"", "\"class\":\"read\""),
        ("\"live\"", "\"test\""),
    ] {
        let changed = text.replacen(from, to, 1);
        assert_ne!(changed, text, "{from}");
        assert!(check(&read(&changed)).is_err(), "{from} {to}");
    }
}

/// RFC 8785: members in order, and nothing but whole numbers, words and lists.
#[test]
fn a_risk_is_written_in_canonical_order() {
    let mut habits = Habits::default();
    habits.sizes[0] = Some(Usual {
        by: Whose::Everybody,
        mean: 1,
        sd: 2,
        n: 40,
    });
    habits.rate = Some(Often {
        calls: 9,
        mean: 500,
        n: 40,
    });
    habits.novelty[2] = Some((New::Host, 9, 1));
    let mut call = refund(48_000);
    call.unmapped = true;
    let risk = assessed(&Settings::default(), &call, Some("restricted"), &habits);
    let text = serde_json::to_string(&risk).unwrap();
    // `Value` keeps members in the order of their names.
    let sorted: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(text, sorted.to_string());
    assert!(!text.contains('.') && !text.contains("null"), "{text}");
    assert_eq!(risk.factors.len(), 8);
    assert!(risk.factors.iter().all(|factor| (0..=WHOLE).contains(&factor.x)));
    assert_eq!(vocabulary().actions["process_refund"].access, Access::Write);
}
