//! Values are erased: gone from the file and its log, while both verifiers say that the trail is as it was signed.

mod budgets;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use serde_json::{Value, json};

use super::{Recorded, changed, database, second, stop, verified};
use crate::harness::{Origin, Session, Sidecar, said};

const MARKER: &str = "ch_marker7x9";

fn erase(sidecar: &Sidecar, more: &[&str]) -> String {
    let output = erasing(sidecar, more);
    assert!(output.status.success(), "{}", said(&output));
    said(&output)
}

fn refused(sidecar: &Sidecar, more: &[&str]) -> String {
    let output = erasing(sidecar, more);
    assert!(!output.status.success(), "{}", said(&output));
    said(&output)
}

/// The end of a call comes on record a moment after its answer.
fn erasing(sidecar: &Sidecar, more: &[&str]) -> Output {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let output = sidecar.cli(&[&["audit", "erase", "--reason", "they asked for it"][..], more].concat());
        if !said(&output).contains("has not ended") || Instant::now() > deadline {
            return output;
        }
        thread::sleep(Duration::from_millis(50));
    }
}

/// Files of the state in which the marker stands.
fn found(sidecar: &Sidecar) -> Vec<PathBuf> {
    let files = fs::read_dir(sidecar.home().join("state")).unwrap();
    let files = files.map(|file| file.unwrap().path()).filter(|path| path.is_file());
    let has = |path: &PathBuf| {
        let bytes = fs::read(path).unwrap();
        bytes.windows(MARKER.len()).any(|window| window == MARKER.as_bytes())
    };
    files.filter(has).collect()
}

fn verify(sidecar: &Sidecar, key: &str) -> String {
    let path = database(sidecar);
    assert_eq!(second(key, &[], std::slice::from_ref(&path)), [true]);
    let told = sidecar.told(&["audit", "verify", "--key", key, path.to_str().unwrap()]);
    assert!(told.starts_with("OK: "), "{told}");
    told
}

/// Approved, denied, corrected and blocked calls in which the marker stands, and others.
fn marked() -> (Origin, Sidecar) {
    let origin = Origin::stripe();
    let sidecar = Sidecar::new()
        .resolve("api.stripe.com", &origin)
        .policy(crate::reject::NO_PAYOUTS)
        .hold("1s")
        .start();
    let mut client = Session::stripe(&sidecar);
    client.call(&format!("refund {MARKER} amount=100")).assert_ok();
    let approved = client.call(&format!("refund {MARKER} amount=90000")).approval();
    sidecar.approve(&approved);
    client.call(&format!("refund {MARKER} amount=90000")).assert_ok();
    let denied = client.call(&format!("refund {MARKER} amount=91000")).approval();
    sidecar.deny(&denied, &format!("not {MARKER}"));
    let corrected = client.call(&format!("refund {MARKER} amount=92000")).approval();
    let correction = ["--reason", "too much", "--correct", "amount=60000"];
    sidecar.told(&[&["approvals", "deny", &corrected][..], &correction].concat());
    client.call(&format!("refund {MARKER} amount=60000")).assert_ok();
    client.call("refund ch_1 amount=100").assert_ok();
    // Enough that pages are split.
    for _ in 0..60 {
        client.call("balance").assert_ok();
    }
    (origin, sidecar)
}

#[test]
fn what_is_erased_is_gone_from_the_file_and_the_trail_still_verifies() {
    let (_origin, sidecar) = marked();
    let key = sidecar.told(&["audit", "key"]).trim().to_owned();
    assert!(!found(&sidecar).is_empty(), "it is looked for where it lies");
    let by = format!("target={MARKER}");
    let would = erase(&sidecar, &["--where", &by, "--dry-run"]);
    assert!(
        would.starts_with("Would erase ") && !found(&sidecar).is_empty(),
        "{would}"
    );
    let told = erase(&sidecar, &["--where", &by]);
    assert!(told.starts_with("Erased ") && !told.contains("Traces"), "{told}");
    assert_eq!(found(&sidecar), Vec::<PathBuf>::new(), "while it runs: {told}");
    for listed in ["/api/v1/grants", "/api/v1/approvals"] {
        let listed = sidecar.api("GET", listed, &sidecar.owner_key(), None).text();
        assert!(listed.contains("erased") && !listed.contains(MARKER), "{listed}");
    }
    let told = verify(&sidecar, &key);
    assert!(told.contains("  erased       "), "{told}");
    let again = erase(&sidecar, &["--where", &by]);
    assert!(again.contains("already erased; the file was cleaned"), "{again}");
    let entries = sidecar.trail().of_kind("erased");
    assert!(entries.iter().all(|entry| entry["person"] == "owner"), "{entries:?}");
    assert_eq!(entries[0]["field"], "target");
    stop(&sidecar);
    assert_eq!(found(&sidecar), Vec::<PathBuf>::new(), "after it stopped");
    verify(&sidecar, &key);
    // After a restart also, and for all who read the record.
    sidecar.restart();
    Session::stripe(&sidecar).call("balance").assert_ok();
    let shown = sidecar.told(&["audit", "show", "--limit", "1000"]);
    assert!(shown.contains("erased") && shown.contains("ch_1"), "{shown}");
    let line = sidecar.told(&["audit", "show", "--json", "--action", "process_refund"]);
    let calls: Vec<Value> = line.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let gone: Vec<&Value> = calls.iter().filter(|call| call["summary"] == "erased").collect();
    assert_eq!(gone.len(), 6, "{calls:?}");
    for call in &gone {
        assert_eq!(
            (&call["target_id"], &call["risk"]),
            (&json!("erased"), &Value::Null),
            "{call}"
        );
        assert_eq!(call["money"], json!([]), "{call}");
    }
    let call = gone[0]["id"].as_str().unwrap();
    let explained = sidecar.told(&["explain", call]);
    assert!(explained.contains("erased"), "{explained}");
    let stats = sidecar.told(&["audit", "stats"]);
    assert!(stats.contains("erased"), "{stats}");
    for format in ["jsonl", "ocsf", "cef", "csv", "otlp"] {
        let exported = sidecar.told(&["audit", "export", "--format", format]);
        assert!(exported.contains("erased"), "{format}: {exported}");
    }
    let page = sidecar.home().join("report.html");
    let page = page.to_str().unwrap();
    sidecar.told(&[
        "audit",
        "report",
        "--from",
        "2020-01-01",
        "--to",
        "2040-01-01",
        "--output",
        page,
    ]);
    assert!(fs::read_to_string(page).unwrap().contains("erased"));
    let replayed = sidecar.told(&["replay", "--since", "1h"]);
    assert!(replayed.contains("erased"), "{replayed}");
    verify(&sidecar, &key);
}

#[test]
fn what_can_still_be_used_is_not_erased() {
    let origin = Origin::stripe();
    let sidecar = Sidecar::new().resolve("api.stripe.com", &origin).hold("1s").start();
    let mut client = Session::stripe(&sidecar);
    let held = client.call(&format!("refund {MARKER} amount=90000")).approval();
    let by = format!("target={MARKER}");
    let told = refused(&sidecar, &["--where", &by]);
    assert!(told.contains(&held) && told.contains("pending"), "{told}");
    let other = client.call(&format!("refund {MARKER} amount=95000")).approval();
    let told = refused(&sidecar, &["--where", &by]);
    assert!(told.contains(&held) && told.contains(&other), "at once: {told}");
    sidecar.deny(&other, "no");
    assert!(refused(&sidecar, &["--where", "target=ch_other"]).contains("nothing on record"));
    assert!(refused(&sidecar, &["--where", "access=write"]).contains("no canonical field"));
    sidecar.approve(&held);
    let told = refused(&sidecar, &["--where", &by]);
    assert!(told.contains(&held) && told.contains("approved"), "{told}");
    assert!(!found(&sidecar).is_empty());
    client.call(&format!("refund {MARKER} amount=90000")).assert_ok();
    erase(&sidecar, &["--where", &by]);
    assert_eq!(found(&sidecar), Vec::<PathBuf>::new());
    // Shown from memory, too.
    let shown = sidecar.told(&["approvals", "show", &held]);
    assert!(shown.contains("erased") && !shown.contains(MARKER), "{shown}");
    let boot = sidecar.trail().of_kind("boot")[0]["seq"].to_string();
    assert!(refused(&sidecar, &[&boot]).contains("about no call"));
    assert!(refused(&sidecar, &["99999"]).contains("no entry"));
    let key = sidecar.told(&["people", "add", "bob", "--group", "approver"]);
    let key = key.split_whitespace().find(|word| word.starts_with("rp_")).unwrap();
    let body = json!({"ids": ["1"], "reason": "they asked for it"});
    assert_eq!(
        sidecar.api("POST", "/api/v1/erasures", key, Some(&body)).status,
        403,
        "for owners"
    );
}

/// A mark beside another entry, a value beside a mark, and a mark that was taken away.
#[test]
fn what_is_erased_is_told_from_what_is_missing() {
    let recorded = Recorded::with_calls(3);
    let sidecar = &recorded.sidecar;
    let before = tempfile::tempdir().unwrap();
    let whole = before.path().join("whole.db");
    fs::copy(recorded.database(), &whole).unwrap();
    sidecar.restart();
    erase(sidecar, &["--where", "target=ch_1"]);
    stop(sidecar);
    let by = sidecar.trail().of_kind("erased")[0]["seq"].to_string();
    let verdicts = |name: &str, change: &dyn Fn(&Connection)| {
        let path = changed(&before, name, &recorded.database(), change);
        assert_eq!(
            second(&recorded.key, &[], std::slice::from_ref(&path)),
            [false],
            "{name}"
        );
        told(sidecar, &recorded.key, &path)
    };
    verify(sidecar, &recorded.key);
    let mark = format!("{{\"erased\":{by}}}");
    let unborne = verdicts("mark.db", &|connection| {
        let sql = "UPDATE entry_values SET committed = json_set(committed, '$.fields', json(?1)) WHERE seq =
            (SELECT seq FROM entries WHERE kind = 'decided' AND call NOT IN
                (SELECT call FROM entries JOIN entry_values USING (seq) WHERE committed LIKE '%\"erased\"%' AND call IS NOT NULL))";
        assert_eq!(connection.execute(sql, [&mark]).unwrap(), 1);
    });
    assert!(unborne.contains("does not say that it is erased"), "{unborne}");
    let gone = verdicts("gone.db", &|connection| {
        let sql = "DELETE FROM entry_values WHERE seq = (SELECT min(seq) FROM entry_values WHERE committed LIKE '%\"erased\"%')";
        assert_eq!(connection.execute(sql, []).unwrap(), 1);
    });
    assert!(gone.contains("no entry says so"), "{gone}");
    let back = verdicts("back.db", &|connection| {
        connection
            .execute("ATTACH ?1 AS whole", [whole.to_str().unwrap()])
            .unwrap();
        let sql = "UPDATE entry_values SET committed = (SELECT committed FROM whole.entry_values AS was WHERE was.seq = entry_values.seq)
            WHERE seq = (SELECT min(seq) FROM entry_values WHERE committed LIKE '%\"erased\"%')";
        assert_eq!(connection.execute(sql, []).unwrap(), 1);
        connection.execute_batch("DETACH whole").unwrap();
    });
    assert!(back.contains("what it says it erased is there"), "{back}");
}

/// What is left of a call, its approval and its grant is held to the entries as all else is.
#[test]
fn what_is_left_of_what_was_erased_is_not_changed_unnoticed() {
    let recorded = Recorded::with_calls(3);
    let sidecar = &recorded.sidecar;
    sidecar.restart();
    // It was denied with a correction, and went by the grant that came of that.
    let told = erase(sidecar, &["--where", "target=ch_5"]);
    assert!(told.contains("2 calls, 2 approvals, 1 grants"), "{told}");
    stop(sidecar);
    verify(sidecar, &recorded.key);
    let by = sidecar.trail().of_kind("erased")[0]["seq"].as_i64().unwrap();
    let mut changes: Vec<String> = ["summary", "request_line", "target_kind", "target_id", "result_id"]
        .map(|column| format!("UPDATE calls SET {column} = 'x' WHERE {column} = 'erased'"))
        .to_vec();
    changes.extend([
        "UPDATE calls SET target_id = NULL WHERE target_id = 'erased'".to_owned(),
        "UPDATE calls SET risk = 1 WHERE summary = 'erased'".to_owned(),
        "UPDATE approvals SET row = replace(row, '\"erased\"', '\"x\"') WHERE row LIKE '%\"summary\":\"erased\"%'"
            .to_owned(),
        "UPDATE grants SET row = replace(row, '\"erased\"', '\"x\"') WHERE row LIKE '%\"kind\":\"erased\"%'".to_owned(),
        format!(
            "UPDATE entry_values SET committed = replace(committed, '{{\"erased\":{by}}}', '{{\"erased\":{}}}')",
            by + 1
        ),
        format!(
            "UPDATE entry_values SET committed = replace(committed, '{{\"erased\":{by}}}', '{{\"erased\":\"{by}\"}}')"
        ),
        "UPDATE entry_values SET committed = json_remove(committed, '$.fields') WHERE committed LIKE '%\"erased\"%'"
            .to_owned(),
        format!(
            "UPDATE entries SET bytes = CAST(replace(CAST(bytes AS TEXT), 'owner', 'alice') AS BLOB) WHERE seq = {by}"
        ),
        format!(
            "UPDATE entries SET bytes = CAST(replace(CAST(bytes AS TEXT), '\"entries\":\"', '\"entries\":\"1-99999999999999,') AS BLOB) WHERE seq = {by}"
        ),
        format!("UPDATE entries SET kind = 'reload' WHERE seq = {by}"),
        format!("DELETE FROM entries WHERE seq = {by}"),
    ]);
    let directory = tempfile::tempdir().unwrap();
    let copies: Vec<PathBuf> = changes
        .iter()
        .enumerate()
        .map(|(number, sql)| {
            changed(
                &directory,
                &format!("{number}.db"),
                &recorded.database(),
                |connection| {
                    assert!(connection.execute(sql, []).unwrap() > 0, "{sql}");
                },
            )
        })
        .collect();
    let others = second(&recorded.key, &[], &copies);
    for ((sql, copy), other) in changes.iter().zip(&copies).zip(others) {
        let report = verified(copy, &recorded.against(None));
        assert!(
            report.findings.count > 0 && !other,
            "{sql}: {:?}, {other}",
            report.findings
        );
    }
}

fn told(sidecar: &Sidecar, key: &str, path: &Path) -> String {
    let output = sidecar.cli(&["audit", "verify", "--key", key, path.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    said(&output)
}

#[test]
fn a_value_that_is_disclosed_is_proven_and_a_changed_one_is_not() {
    let recorded = Recorded::with_calls(0);
    let sidecar = &recorded.sidecar;
    let call = sidecar.trail().of_kind("decided")[0]["call"]
        .as_str()
        .unwrap()
        .to_owned();
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().to_str().unwrap();
    let made = sidecar.told(&["audit", "prove", &call, "--field", "fields", "--out", out]);
    let file = PathBuf::from(made.trim());
    let verify = || sidecar.cli(&["audit", "verify", "--key", &recorded.key, file.to_str().unwrap()]);
    let output = verify();
    assert!(
        output.status.success() && said(&output).contains("\"amount\":100"),
        "{}",
        said(&output)
    );
    assert_eq!(second(&recorded.key, &[], std::slice::from_ref(&file)), [true]);
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.contains("\"amount\":100"), "{text}");
    let salt = text.split("\"salt\":\"").nth(1).unwrap().get(..32).unwrap();
    for other in [
        text.replacen("\"amount\":100", "\"amount\":101", 1),
        text.replacen(salt, &"0".repeat(32), 1),
        text.replacen("{\"disclosed\":\"fields\"", "{\"disclosed\":\"summary\"", 1),
        text.replacen("{\"disclosed\"", "{\"disclosed\" ", 1),
    ] {
        assert_ne!(other, text);
        fs::write(&file, &other).unwrap();
        assert_eq!(
            second(&recorded.key, &[], std::slice::from_ref(&file)),
            [false],
            "{other}"
        );
        assert!(!verify().status.success(), "{other}");
    }
    let output = sidecar.cli(&["audit", "prove", &call, "--field", "amount", "--out", out]);
    assert!(
        !output.status.success() && said(&output).contains("has no value `amount`"),
        "{}",
        said(&output)
    );
}
