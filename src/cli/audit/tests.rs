use std::path::Path;

use clap::Parser;

use super::*;
use crate::audit::tests::scene::{Made, Scene};
use crate::model::change::CallRow;
use crate::model::{CallId, Change, Outcome, Timestamp};
use crate::store::tests::sample;
use crate::store::{self, Store};

#[derive(Parser)]
struct Command {
    #[command(flatten)]
    audit: AuditArgs,
}

/// What a command prints about a home.
fn told(home: &Path, arguments: &[&str]) -> anyhow::Result<String> {
    let command = Command::try_parse_from(["audit"].iter().chain(arguments)).unwrap();
    let mut out = Vec::new();
    run(&command.audit, || Ok(Home::choose(Some(home.to_owned()))?), &mut out)?;
    Ok(String::from_utf8(out).unwrap())
}

fn show(home: &Path, arguments: &[&str]) -> anyhow::Result<String> {
    told(home, &[&["show"], arguments].concat())
}

async fn put(store: &Store, change: impl FnOnce(&mut CallRow)) -> CallId {
    let id = CallId::random();
    let mut row = sample::call_row(&id, "ALLOW");
    row.time = Timestamp(1_795_183_500_000);
    change(&mut row);
    store.write(vec![Change::CallDecided(Box::new(row))]).await.unwrap();
    id
}

#[tokio::test]
async fn agent_action_and_decision_are_shown_while_the_sidecar_runs_and_when_it_does_not() {
    let home = tempfile::tempdir().unwrap();
    let store = Store::open(&home.path().join(store::FILE)).unwrap();
    let first = put(&store, |_| {}).await;
    store.write(sample::closed(&first)).await.unwrap();
    let mut approval = sample::approval();
    approval.votes = vec![crate::model::Vote {
        person: "alice".into(),
        time: Timestamp(5),
        proof: "key".into(),
        reason: None,
        rules: Vec::new(),
    }];
    let held = Change::ApprovalHeld(Box::new(approval.clone()));
    store.write(vec![held]).await.unwrap();
    let second = put(&store, |row| {
        row.agent = "ops-bot".into();
        row.decision = "REQUIRE_APPROVAL";
        row.rules = vec!["a".into(), "b".into()];
        row.summary = String::new();
        row.approval = Some(approval.id.clone());
    })
    .await;
    let short = approval.id.short();
    let expected = format!(
        "TIME                  AGENT        ACTION          DECISION          RISK  OUTCOME  RULES            SUMMARY                                        APPROVAL      CALL\n\
         2026-11-20T14:05:00Z  support-bot  process_refund  ALLOW             74    success  refund-over-500  Refund $900.00 of ch_1 in Stripe               -             {first}\n\
         2026-11-20T14:05:00Z  ops-bot      process_refund  REQUIRE_APPROVAL  74    -        a,b              POST https://api.stripe.com/v1/refunds?key=…  {short}  {second}\n"
    );
    let normal = |text: &str| {
        text.lines()
            .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
            .collect::<Vec<_>>()
    };
    let running = show(home.path(), &[]).unwrap();
    assert_eq!(normal(&running), normal(&expected));
    drop(store);
    assert_eq!(show(home.path(), &[]).unwrap(), running);

    assert_eq!(show(home.path(), &["--limit", "1"]).unwrap().lines().count(), 2);
    let json = show(home.path(), &["--json"]).unwrap();
    let decided: Vec<serde_json::Value> = json.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(decided[0]["decided_by"], serde_json::json!([]));
    assert_eq!(
        decided[1]["decided_by"],
        serde_json::json!(["alice"]),
        "who decided is named"
    );
    let of_one = show(home.path(), &["--agent", "support-bot"]).unwrap();
    assert!(of_one.contains(first.as_str()) && !of_one.contains(second.as_str()));
    assert_eq!(
        show(home.path(), &["--agent", "nobody"]).unwrap(),
        "No calls on record.\n"
    );
}

#[tokio::test]
async fn text_of_an_agent_is_inert_in_the_table_and_in_json() {
    let home = tempfile::tempdir().unwrap();
    let store = Store::open(&home.path().join(store::FILE)).unwrap();
    let summary = "pay \u{1b}[2Jx\nALLOW \u{202e}nwod\u{200b} \u{9b}31m".to_owned();
    put(&store, |row| row.summary = summary.clone()).await;
    let long = "é".repeat(500);
    put(&store, |row| row.summary = long.clone()).await;
    let table = show(home.path(), &[]).unwrap();
    assert_eq!(table.lines().count(), 3, "no line is added");
    assert!(table.contains(&format!("{}…", "é".repeat(72))));
    let json = show(home.path(), &["--json"]).unwrap();
    for shown in [&table, &json] {
        assert!(
            shown
                .chars()
                .all(|character| character == '\n' || !crate::model::inert::is_active(character))
        );
    }
    let lines: Vec<serde_json::Value> = json.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines[0]["summary"], summary.as_str(), "the same text, escaped");
    assert_eq!(lines[1]["summary"], long.as_str());
    assert_eq!(lines[0]["rules"][0], "refund-over-500");
}

#[tokio::test]
async fn entries_are_shown_in_their_bytes() {
    let home = tempfile::tempdir().unwrap();
    let store = Store::open(&home.path().join(store::FILE)).unwrap();
    for kind in [crate::model::entry::Kind::Boot, crate::model::entry::Kind::Shutdown] {
        store.write(vec![sample::entry(kind)]).await.unwrap();
    }
    let shown = show(home.path(), &["--entries"]).unwrap();
    let kinds: Vec<serde_json::Value> = shown.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(
        (kinds[0]["kind"].as_str(), kinds[1]["seq"].as_i64()),
        (Some("boot"), Some(2))
    );
    let latest = show(home.path(), &["--entries", "--limit", "1"]).unwrap();
    assert_eq!(latest, format!("{}\n", shown.lines().last().unwrap()));
}

#[test]
fn a_home_without_a_record_says_so_and_makes_nothing() {
    let home = tempfile::tempdir().unwrap();
    let error = show(home.path(), &[]).unwrap_err();
    assert!(error.to_string().contains("has not run in this home yet"), "{error}");
    assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 0);
}

/// A pipe whose reader has gone.
struct Closed;

impl Write for Closed {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_reader_that_closes_early_is_no_error() {
    let home = tempfile::tempdir().unwrap();
    let store = Store::open(&home.path().join(store::FILE)).unwrap();
    put(&store, |_| {}).await;
    for arguments in [
        &["show"][..],
        &["show", "--json"],
        &["stats"],
        &["export"],
        &["export", "--format", "csv"],
    ] {
        let command = Command::try_parse_from(["audit"].iter().chain(arguments)).unwrap();
        let home = || Ok(Home::choose(Some(home.path().to_owned()))?);
        assert!(run(&command.audit, home, &mut Closed).is_ok(), "{arguments:?}");
    }
}

/// How many calls a filter leaves.
fn left(scene: &Scene, arguments: &[&str]) -> usize {
    let json = show(scene.home.path(), &[&["--json"], arguments].concat()).unwrap();
    json.lines().count()
}

#[test]
fn every_filter_and_all_together_choose_what_is_shown() {
    let scene = Scene::new();
    let now = Timestamp::now().0;
    let made = |agent, received: i64, money| Made {
        agent,
        received,
        money,
        ..Made::default()
    };
    let hour = 3_600_000;
    scene.call(
        &made("ops-bot", now - 30 * hour, Some((20_000, "eur", Some(21_600)))),
        "BLOCK",
        None,
    );
    scene.call(
        &made("support-bot", now - 3 * hour, None),
        "ALLOW",
        Some(Outcome::Success),
    );
    scene.approved(
        &made("support-bot", now - hour, Some((90_000, "usd", Some(90_000)))),
        "alice",
    );
    scene.call(
        &made("support-bot", now - hour / 2, Some((4_000, "usd", Some(4_000)))),
        "ALLOW",
        None,
    );
    for (arguments, count) in [
        (&[][..], 4),
        (&["--since", "2h"], 2),
        (&["--since", "2d", "--until", "2h"], 2),
        (&["--until", "1970-01-02"], 0),
        (&["--since", "1970-01-02T00:00:00Z"], 4),
        (&["--agent", "ops-bot"], 1),
        (&["--decision", "block"], 1),
        (&["--decision", "allow"], 3),
        (&["--provider", "stripe"], 4),
        (&["--provider", "aws"], 0),
        (&["--action", "process_refund"], 4),
        (&["--approved-by", "alice"], 1),
        (&["--approved-by", "bob"], 0),
        (&["--min-amount", "216"], 2),
        (&["--min-amount", "216.01"], 1),
        (&["--max-amount", "40"], 1),
        (&["--currency", "EUR"], 1),
        (&["--currency", "eur", "--min-amount", "200.01"], 0),
        (&["--limit", "3"], 3),
    ] {
        assert_eq!(left(&scene, arguments), count, "{arguments:?}");
    }
    let all = [
        "--agent",
        "support-bot",
        "--action",
        "process_refund",
        "--provider",
        "stripe",
        "--decision",
        "allow",
        "--since",
        "2h",
        "--until",
        "1m",
        "--approved-by",
        "alice",
        "--min-amount",
        "1",
        "--max-amount",
        "900.00",
    ];
    assert_eq!(left(&scene, &all), 1);
    let last = show(scene.home.path(), &["--limit", "1", "--json"]).unwrap();
    assert!(last.contains("\"amount\":4000"), "the latest: {last}");
    let error = show(scene.home.path(), &["--entries", "--decision", "block"]).unwrap_err();
    assert!(error.to_string().contains("audit export"), "{error}");
    let places = show(scene.home.path(), &["--max-amount", "1.005"]).unwrap_err();
    assert!(places.to_string().contains("2 decimal places"), "{places}");
}

#[test]
fn more_calls_than_are_laid_out_at_once_are_all_shown() {
    let scene = Scene::new();
    let made = Made::default();
    scene.write(
        (0..2_100)
            .flat_map(|_| made.decided(&CallId::random(), "BLOCK", None))
            .collect(),
    );
    let table = show(scene.home.path(), &["--limit", "2050"]).unwrap();
    assert_eq!(table.lines().count(), 2_051);
}

#[test]
fn stats_add_up_in_text_and_json() {
    let scene = Scene::new();
    scene.approved(&Made::default(), "alice");
    scene.call(&Made::default(), "BLOCK", None);
    let json: serde_json::Value =
        serde_json::from_str(&told(scene.home.path(), &["stats", "--json"]).unwrap()).unwrap();
    let all = &json["all"];
    assert_eq!((&all["calls"], &json["account_currency"]), (&2.into(), &"usd".into()));
    assert_eq!(
        (&all["decided"]["approved"], &all["decided"]["blocked"]),
        (&1.into(), &1.into())
    );
    assert_eq!(
        all["money"]["usd"]["done"],
        serde_json::json!({ "amount": 90_000, "calls": 1 })
    );
    assert_eq!(all["base"]["stopped"]["amount"], 90_000);
    assert_eq!(json["agents"]["support-bot"]["calls"], 2);
    let text = told(scene.home.path(), &["stats"]).unwrap();
    assert!(
        text.contains("$900.00 (1)") && text.contains("process_refund"),
        "{text}"
    );
    let none = told(scene.home.path(), &["stats", "--agent", "nobody"]).unwrap();
    assert_eq!(none, "No calls on record.\n");
}

#[test]
fn an_export_into_a_file_is_what_goes_to_standard_output() {
    let scene = Scene::new();
    scene.approved(&Made::default(), "alice");
    scene.call(&Made::default(), "BLOCK", None);
    for format in ["jsonl", "ocsf", "cef", "csv", "otlp"] {
        let file = scene.home.path().join("export");
        let arguments = ["export", "--format", format, "--decision", "block"];
        let printed = told(scene.home.path(), &arguments).unwrap();
        let into = [&arguments[..], &["--output", file.to_str().unwrap()]].concat();
        assert_eq!(told(scene.home.path(), &into).unwrap(), "");
        assert_eq!(std::fs::read_to_string(&file).unwrap(), printed, "{format}");
        assert_eq!(
            printed.lines().count(),
            1 + usize::from(format == "csv"),
            "{format}: {printed}"
        );
    }
}
