//! Checkpoints by webhook, before witnesses and in the log.

mod witnesses;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use serde_json::Value;

use super::{database, second, stop};
use crate::harness::{Configuration, Origin, Receiver, Session, Sidecar, Wire, bounded, eventually, runplane, said};

const SECRET: &str = "whsec_QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWY=";
/// Of `tests/clients/witness.py`.
const WITNESS: &str = "witness.test/w1+849f66ac+BPoeK328TZVdpLmiSWs4dSVsRomRKn6jKgjBDVFlPTdn";

fn stripe() -> (Origin, Configuration) {
    let origin = Origin::stripe();
    let configuration = Sidecar::new().resolve("api.stripe.com", &origin);
    (origin, configuration)
}

/// Each checkpoint goes to `hooks.test` at this port and path.
fn hooked(configuration: Configuration, port: u16, path: &str) -> Configuration {
    configuration.home.write("hook.secret", format!("{SECRET}\n"));
    configuration
        .resolve_to("hooks.test", &format!("127.0.0.1:{port}"))
        .section(&format!(
            "audit:\n  publish:\n    webhook: {{ url: \"https://hooks.test:{port}{path}\", secret_file: hook.secret }}\n    \
             destinations: [ hooks.test ]"
        ))
}

fn size(note: &str) -> u64 {
    note.lines().nth(1).unwrap().parse().unwrap()
}

fn entries(sidecar: &Sidecar) -> u64 {
    sidecar.trail().entries().len().try_into().unwrap()
}

/// What is on record of publishing to the place of this name.
fn told(sidecar: &Sidecar, to: &str) -> Vec<String> {
    let entries = sidecar.trail().of_kind("anchor");
    let of_it = entries.iter().filter(|entry| entry["to"] == to);
    of_it
        .map(|entry| match entry["reason"].as_str() {
            Some(reason) => reason.to_owned(),
            None => entry["event"].as_str().unwrap().to_owned(),
        })
        .collect()
}

fn get(sidecar: &Sidecar, path: &str) -> String {
    let request = format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
    Wire::at(sidecar.control_port()).ask(request).text()
}

fn verify(sidecar: &Sidecar, key: &str, more: &[&str]) -> (Option<i32>, String) {
    let mut command = runplane();
    command
        .args(["audit", "verify", "--key", key])
        .args(more)
        .arg(database(sidecar));
    let output = bounded(command);
    (output.status.code(), said(&output))
}

#[test]
fn each_checkpoint_reaches_a_webhook_whose_library_verifies_it_and_the_trail_is_held_to_it() {
    let receiver = Receiver::of_webhooks(SECRET);
    let (_origin, configuration) = stripe();
    let sidecar = hooked(configuration, receiver.port, "/anchor").start();
    eventually("it gets the first", || !receiver.got().is_empty());
    Session::stripe(&sidecar).call("balance").assert_ok();
    stop(&sidecar);
    let got = receiver.got();
    assert!(got.iter().all(|one| one["verified"] == true), "{got:#?}");
    assert_eq!(got[0]["body"]["type"], "audit.checkpoint");
    let data = &got.last().unwrap()["body"]["data"];
    let note = data["note"].as_str().unwrap();
    assert_eq!(size(note), data["size"].as_u64().unwrap());
    assert_eq!(data["size"], entries(&sidecar), "the end of the trail is there");
    let boot = sidecar.trail().of_kind("boot").remove(0);
    assert_eq!(boot["anchor"], "none that can be read is configured");
    let file = sidecar.home().join("kept.checkpoint");
    fs::write(&file, note).unwrap();
    let key = sidecar.told(&["audit", "key"]).trim().to_owned();
    let checkpoint = ["--checkpoint", file.to_str().unwrap()];
    let (code, told) = verify(&sidecar, &key, &checkpoint);
    assert_eq!(code, Some(0), "{told}");
    assert_eq!(second(&key, &checkpoint, &[database(&sidecar)]), [true]);
    assert!(!sidecar.printed().contains(&SECRET[6..]));
}

#[test]
fn a_webhook_that_refuses_is_on_record_once_and_gets_the_same_checkpoint_again() {
    let receiver = Receiver::of_webhooks(SECRET);
    let (_origin, configuration) = stripe();
    let sidecar = hooked(configuration, receiver.port, "/twice/500").start();
    eventually("it is on record", || told(&sidecar, "webhook") == ["refused"]);
    eventually("it goes on", || told(&sidecar, "webhook") == ["refused", "published"]);
    let got = receiver.got();
    let id = |one: &Value| one["headers"]["webhook-id"].as_str().unwrap().to_owned();
    let note = |one: &Value| one["body"]["data"]["note"].as_str().unwrap().to_owned();
    let notes: BTreeMap<String, String> = got.iter().map(|one| (id(one), note(one))).collect();
    let distinct: BTreeSet<&String> = notes.values().collect();
    assert_eq!(distinct.len(), notes.len(), "an id for each checkpoint: {got:#?}");
    assert!(
        got.iter().all(|one| notes[&id(one)] == note(one)),
        "and always the same: {got:#?}"
    );
    // It may grow once before it is on record that this fails, and not until it goes on.
    assert!(notes.len() < got.len(), "it was sent again: {got:#?}");
    let metrics = get(&sidecar, "/metrics");
    let failed = "runplane_audit_publications_total{to=\"webhook\",result=\"failed\"} 2";
    assert!(metrics.contains(failed), "{metrics}");
}

#[test]
fn a_checkpoint_in_the_log_is_one_that_the_trail_is_held_to() {
    for (section, there) in [("", true), ("audit: { publish: { log: false } }", false)] {
        let sidecar = Sidecar::new().section(section).start();
        stop(&sidecar);
        let printed = sidecar.printed();
        let mut lines = printed.lines();
        let Some(last) = lines.rfind(|line| line.contains(" runplane::checkpoint: ")) else {
            assert!(!there, "{printed}");
            continue;
        };
        assert!(there, "{printed}");
        // As docs/audit.md says.
        let script = "printf '%b' \"$(sed -n 's/.* runplane::checkpoint: .* note=\"\\(.*\\)\"$/\\1/p' | tail -n 1)\"";
        let log = sidecar.home().join("sidecar.log");
        fs::write(&log, format!("{last}\n")).unwrap();
        let mut command = std::process::Command::new("sh");
        command.args(["-c", script]).stdin(fs::File::open(&log).unwrap());
        let file = sidecar.home().join("from-log.checkpoint");
        fs::write(&file, bounded(command).stdout).unwrap();
        let key = sidecar.told(&["audit", "key"]).trim().to_owned();
        let checkpoint = ["--checkpoint", file.to_str().unwrap()];
        let (code, told) = verify(&sidecar, &key, &checkpoint);
        let all = format!("anchored     entries 1 to {}", entries(&sidecar));
        assert!(code == Some(0) && told.contains(&all), "{told}");
        assert_eq!(second(&key, &checkpoint, &[database(&sidecar)]), [true]);
    }
}

#[test]
fn what_is_wrong_in_where_checkpoints_go_is_said_with_its_place() {
    let refused = |publish: &str| {
        let configuration = Sidecar::new().section(&format!("audit:\n  publish:\n    {publish}"));
        configuration.home.write("no.secret", "hunter2\n");
        said(&configuration.refuses())
    };
    let witness = |url: &str, key: &str| format!("{{ url: \"{url}\", key: \"{key}\" }}");
    let good = witness("https://witness.test/w1", WITNESS);
    let wrong = WITNESS.replace("849f66ac", "849f66ad");
    let hook = |url: &str, file: &str| format!("webhook: {{ url: \"{url}\", secret_file: {file} }}");
    for (publish, says) in [
        (hook("https://hooks.test/", "none.secret"), "none.secret"),
        (hook("https://hooks.test/", "no.secret"), "expected `whsec_`"),
        (hook("http://hooks.test/", "no.secret"), "https"),
        (
            format!("witnesses: [ {} ]", witness("https://witness.test/w1", &wrong)),
            "verifier key of a witness",
        ),
        (
            format!("witnesses: [ {} ]", witness("http://witness.test/w1", WITNESS)),
            "https",
        ),
        (
            format!("witnesses: [ {} ]", witness("https://witness.test/w1?a=b", WITNESS)),
            "it has no query",
        ),
        (format!("witnesses: [ {good}, {good} ]"), "is there twice"),
        ("witness: []".to_owned(), "unknown field `witness`"),
    ] {
        let text = refused(&publish);
        assert!(
            text.contains(says) && text.contains("runplane.yaml:"),
            "{publish}: {text}"
        );
        assert!(!text.contains("hunter2"), "{text}");
    }
}
