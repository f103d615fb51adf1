use clap::Parser;

use super::*;
use crate::model::CallId;
use crate::model::change::CallRow;
use crate::model::{Change, Timestamp};
use crate::store::Store;
use crate::store::tests::sample;

#[derive(Parser)]
struct Command {
    #[command(flatten)]
    audit: AuditArgs,
}

fn show(home: &Path, arguments: &[&str]) -> Result<String, AuditError> {
    let arguments = ["audit", "show"].iter().chain(arguments);
    let command = Command::try_parse_from(arguments).unwrap();
    let mut out = Vec::new();
    run(&command.audit, home, &mut out)?;
    Ok(String::from_utf8(out).unwrap())
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
    let command = Command::try_parse_from(["audit", "show"]).unwrap();
    assert!(run(&command.audit, home.path(), &mut Closed).is_ok());
}
