//! The record, told: what `audit show`, `stats`, `export` and `report` say of a real sidecar's trail, held to its entries.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use rusqlite::Connection;
use serde_json::Value;

use crate::harness::{Origin, Session, Sidecar, root, said};
use crate::reject::NO_PAYOUTS;

/// A charge, a blocked payout, a refund that alice approved on the same connection, one that came again once it was approved,
/// and one that was denied.
fn traffic() -> Sidecar {
    let origin = Origin::stripe();
    let sidecar = Sidecar::new()
        .resolve("api.stripe.com", &origin)
        .policy(NO_PAYOUTS)
        .start();
    let mut client = Session::stripe(&sidecar);
    client.call("charge 100").assert_ok();
    client.call("balance").assert_ok();
    client.call("payout 100").assert_refused("policy_blocked");
    client.send("refund ch_1 amount=90000");
    sidecar.approve(&sidecar.next_held());
    client.receive().assert_ok();
    client.send("refund ch_2 amount=70000");
    sidecar.deny(&sidecar.next_held(), "not <this> one, \"please\"\n=1+1");
    client.receive().assert_refused("approval_denied");
    // An end may be written after the answer.
    drop(client);
    drop(origin);
    sidecar
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(json).collect()
}

/// A figure of a report by its name.
fn figure(page: &str, name: &str) -> u64 {
    let begin = format!("data-figure=\"{name}\">");
    let at = page.find(&begin).unwrap_or_else(|| panic!("no figure {name}")) + begin.len();
    page[at..].split('<').next().unwrap().parse().unwrap()
}

fn report(sidecar: &Sidecar, more: &[&str]) -> String {
    let file = sidecar.home().join("report.html");
    let arguments = ["audit", "report", "--from", "1h", "--output", file.to_str().unwrap()];
    sidecar.told(&[&arguments[..], more].concat());
    fs::read_to_string(&file).unwrap()
}

#[test]
fn stats_export_and_report_say_what_the_trail_says() {
    let sidecar = traffic();
    sidecar.terminate();
    sidecar.ended();
    let trail = sidecar.trail();
    let stats = json(&sidecar.told(&["audit", "stats", "--json"]));
    let all = &stats["all"];
    let calls: BTreeSet<String> = trail
        .of_kind("decided")
        .iter()
        .map(|entry| entry["call"].to_string())
        .collect();
    assert_eq!(all["calls"], calls.len());
    assert_eq!(
        (
            &all["decided"]["allowed"],
            &all["decided"]["approved"],
            &all["decided"]["blocked"],
            &all["decided"]["held"]
        ),
        (&2.into(), &1.into(), &1.into(), &1.into()),
        "{stats}"
    );
    assert_eq!(all["base"]["done"]["amount"], 90_100, "a charge and a refund: {stats}");
    assert_eq!(
        all["base"]["stopped"]["amount"], 70_100,
        "a payout and a refund: {stats}"
    );

    let exported = lines(&sidecar.told(&["audit", "export"]));
    let entries: Vec<&Value> = exported.iter().map(|line| &line["entry"]).collect();
    assert_eq!(
        entries,
        trail.entries().iter().collect::<Vec<_>>(),
        "each entry once, in order"
    );
    let half = exported.len() / 2;
    let rest = sidecar.told(&["audit", "export", "--after", &half.to_string()]);
    assert_eq!(lines(&rest), exported[half..]);
    for event in lines(&sidecar.told(&["audit", "export", "--format", "ocsf", "--decision", "block"])) {
        assert_eq!(
            (&event["class_uid"], &event["disposition"]),
            (&6003.into(), &"Blocked".into())
        );
        assert_eq!(event["unmapped"]["action"], "transfer_funds");
    }
    let told = lines(&sidecar.told(&["audit", "export", "--format", "otlp"]));
    let logged: Vec<Value> = told
        .iter()
        .map(|logs| {
            let record = &logs["resourceLogs"][0]["scopeLogs"][0]["logRecords"][0];
            assert!(
                record["timeUnixNano"].as_str().is_some_and(|time| time.len() == 19),
                "{record}"
            );
            serde_json::from_str(record["body"]["stringValue"].as_str().unwrap()).unwrap()
        })
        .collect();
    assert_eq!(logged, trail.entries(), "each entry once, in order");
    for (format, count) in [("cef", exported.len()), ("csv", exported.len() + 1)] {
        let file = sidecar.home().join("export");
        sidecar.told(&["audit", "export", "--format", format, "-o", file.to_str().unwrap()]);
        assert_eq!(fs::read_to_string(&file).unwrap().lines().count(), count, "{format}");
    }

    let page = report(&sidecar, &[]);
    assert!(
        page.contains("Verified: what was signed of this trail is as it was signed."),
        "{page}"
    );
    for (name, value) in [
        ("calls", &all["calls"]),
        ("decided.approved", &all["decided"]["approved"]),
        ("decided.blocked", &all["decided"]["blocked"]),
        ("stood.done", &all["stood"]["done"]),
        ("base.done", &all["base"]["done"]["calls"]),
        ("action.process_refund", &stats["actions"]["process_refund"]["calls"]),
        ("agent.support-bot", &stats["agents"]["support-bot"]["calls"]),
    ] {
        assert_eq!(figure(&page, name), value.as_u64().unwrap(), "{name}");
    }
    assert_eq!(
        (
            figure(&page, "person.owner.approved"),
            figure(&page, "person.owner.denied")
        ),
        (1, 1)
    );
    assert_eq!((figure(&page, "boot"), figure(&page, "shutdown")), (1, 1));
    assert!(!page.contains("not <this> one"));
    assert_eq!(
        lines(&sidecar.told(&["audit", "show", "--json", "--approved-by", "owner"])).len(),
        1
    );
}

#[test]
fn a_report_of_a_changed_trail_says_so_and_takes_the_key_and_checkpoint_that_were_kept() {
    let sidecar = traffic();
    let key = sidecar.told(&["audit", "key"]).trim().to_owned();
    assert!(
        report(&sidecar, &[]).contains("By the key that lies in this home"),
        "while it runs"
    );
    sidecar.terminate();
    sidecar.ended();
    let given = report(&sidecar, &["--key", &key]);
    assert!(given.contains("Verified:") && !given.contains("By the key that lies in this home"));
    let database = Connection::open(sidecar.home().join("state/runplane.db")).unwrap();
    database
        .execute_batch("DROP TRIGGER entries_stay; UPDATE entries SET time = time + 1 WHERE seq = 4")
        .unwrap();
    drop(database);
    let page = report(&sidecar, &["--key", &key]);
    assert!(page.contains("CHANGED: this trail is not as it was signed."), "{page}");
    assert!(page.contains("first bad entry: 4"), "{page}");
}

/// Has every index that sorts calls by time say that the first call is of 1970, and the table that it is not.
fn hide_first_call(database: &Path) {
    let run = |sql: &str| Connection::open(database).unwrap().execute_batch(sql).unwrap();
    let open = Connection::open(database).unwrap();
    let time: i64 = open
        .query_row("SELECT time FROM calls WHERE ordinal = 1", [], |row| row.get(0))
        .unwrap();
    drop(open);
    run("UPDATE calls SET time = 5 WHERE ordinal = 1");
    // While the schema has no such indexes, nobody keeps them.
    run(
        "PRAGMA writable_schema = ON; CREATE TABLE aside AS SELECT * FROM sqlite_schema WHERE name LIKE 'calls_by_%';
        DELETE FROM sqlite_schema WHERE name LIKE 'calls_by_%'",
    );
    run(&format!("UPDATE calls SET time = {time} WHERE ordinal = 1"));
    run(
        "PRAGMA writable_schema = ON; INSERT INTO sqlite_schema SELECT * FROM aside; DELETE FROM sqlite_schema WHERE name = 'aside'",
    );
}

#[test]
fn a_call_that_an_index_hides_is_found() {
    let sidecar = traffic();
    let key = sidecar.told(&["audit", "key"]).trim().to_owned();
    sidecar.terminate();
    sidecar.ended();
    let database = sidecar.home().join("state/runplane.db");
    let shown = |since: &str| lines(&sidecar.told(&["audit", "show", "--json", "--since", since])).len();
    let all = shown("1h");
    hide_first_call(&database);
    assert_eq!(shown("1h"), all - 1, "it is not shown any more");
    let output = sidecar.cli(&["audit", "verify", "--key", &key, database.to_str().unwrap()]);
    assert!(
        !output.status.success() && said(&output).contains("calls_by_"),
        "{}",
        said(&output)
    );
    let mut second = std::process::Command::new(crate::harness::python());
    second
        .arg(root().join("tests/verify.py"))
        .args(["--key", &key])
        .arg(&database);
    let told = said(&crate::harness::bounded(second));
    assert!(told.starts_with("CHANGED: "), "{told}");
}

/// `kind.member` of each row of the table of the EU AI Act in `docs/audit.md`.
fn named_fields() -> BTreeSet<(String, String)> {
    let text = fs::read_to_string(root().join("docs/audit.md")).unwrap();
    let (_, after) = text.split_once("## EU AI Act").expect("the section");
    let section = after.split("\n## ").next().unwrap();
    let rows = section.lines().filter(|line| line.starts_with("| "));
    let codes = rows.flat_map(|row| row.split('`').skip(1).step_by(2));
    let fields = codes.filter_map(|code| code.split_once('.'));
    let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    fields
        .filter(|(kind, member)| plain(kind) && plain(member))
        .map(|(kind, member)| (kind.to_owned(), member.to_owned()))
        .collect()
}

#[test]
fn every_field_that_the_table_of_the_eu_ai_act_names_is_in_a_real_entry() {
    let sidecar = traffic();
    sidecar.told(&["agents", "add", "ops-bot", "--role", "sre", "--owner", "owner"]);
    sidecar.told(&["people", "add", "bob", "--group", "approver"]);
    sidecar.told(&["pause", "--agent", "ops-bot", "--reason", "sleeps"]);
    sidecar.terminate();
    sidecar.ended();
    let mut real: Vec<Value> = sidecar.trail().entries();
    // What takes a broken clock, a lost connection or a day: in the bytes that it is written in.
    let rare = [
        "gap",
        "reload",
        "refused",
        "expired",
        "cancelled",
        "escalated",
        "returned",
        "notification",
        "pruned",
    ];
    let golden = fs::read_to_string(root().join("tests/golden/entries.jsonl")).unwrap();
    real.extend(
        lines(&golden)
            .into_iter()
            .filter(|entry| rare.iter().any(|kind| entry["kind"] == *kind)),
    );
    real.extend(
        lines(&golden)
            .into_iter()
            .filter(|entry| entry["kind"] == "decided" || entry["kind"] == "approved"),
    );
    let named = named_fields();
    assert!(named.len() > 40, "{named:?}");
    for (kind, member) in named {
        let found = real
            .iter()
            .any(|entry| entry["kind"] == *kind && entry.get(&member).is_some());
        assert!(found, "docs/audit.md names `{kind}.{member}`, which no entry has");
    }
}
