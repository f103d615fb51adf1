//! What `explain --jsonl` says of requests is what the proxy records of them.

use std::io::Write as _;
use std::process::Stdio;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use runplane::audit::{Event, Period, RecordedCall, history};
use runplane::model::Timestamp;
use runplane::store::Reader;
use serde_json::{Value, json};

use crate::harness::{Origin, Sidecar, Tunnel, root, runplane};

/// Requests of the SDKs and descriptions of 30 providers in all their protocols, as `explain --jsonl` reads them.
fn requests() -> Vec<Value> {
    let text = std::fs::read_to_string(root().join("tests/corpus/requests.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn parts(request: &Value) -> (&str, &str) {
    let rest = request["url"].as_str().unwrap().strip_prefix("https://").unwrap();
    rest.split_at(rest.find('/').unwrap_or(rest.len()))
}

/// Bytes as they lie on the wire.
fn wire(request: &Value) -> Vec<u8> {
    let (authority, target) = parts(request);
    let content = match (request["body"].as_str(), request["body_b64"].as_str()) {
        (Some(text), None) => text.as_bytes().to_vec(),
        (None, Some(coded)) => STANDARD.decode(coded).unwrap(),
        _ => Vec::new(),
    };
    let target = if target.is_empty() { "/" } else { target };
    let mut head = format!("{} {target} HTTP/1.1\r\n", request["method"].as_str().unwrap());
    if request["headers"].get("host").is_none() {
        head.push_str(&format!("Host: {authority}\r\n"));
    }
    for (name, value) in request["headers"].as_object().unwrap() {
        head.push_str(&format!("{name}: {}\r\n", value.as_str().unwrap()));
    }
    if !content.is_empty() {
        head.push_str(&format!("Content-Length: {}\r\n", content.len()));
    }
    head.push_str("\r\n");
    [head.into_bytes(), content].concat()
}

fn explained(sidecar: &Sidecar, requests: &[Value]) -> Vec<Value> {
    let mut command = runplane();
    command
        .args(["explain", "--jsonl"])
        .env("RUNPLANE_HOME", sidecar.home());
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = child.stdin.take().unwrap();
    let text: String = requests.iter().map(|request| format!("{request}\n")).collect();
    let writer = std::thread::spawn(move || lines.write_all(text.as_bytes()).unwrap());
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn recorded(sidecar: &Sidecar) -> Vec<RecordedCall> {
    let reader = Reader::open(&sidecar.home().join("state/runplane.db")).unwrap();
    let period = Period {
        since: Timestamp(0),
        until: Timestamp(i64::MAX),
        agent: None,
    };
    let mut calls = Vec::new();
    history(&reader, &period, |event| match event {
        Event::Decided(call) => calls.push(*call),
        Event::Lost { why, .. } => panic!("{why:?}"),
        Event::Released { .. } | Event::Ended(_) => {}
    })
    .unwrap();
    calls
}

#[test]
fn what_explain_says_of_the_corpus_is_what_the_proxy_records() {
    let requests = requests();
    assert!(requests.len() >= 60, "{}", requests.len());
    let origin = Origin::of_things();
    let mut configuration = Sidecar::new()
        .only_policy("@id(\"all\") permit (principal, action, resource);")
        .hold("1s");
    let mut hosts: Vec<&str> = requests
        .iter()
        .map(|request| parts(request).0.split(':').next().unwrap())
        .collect();
    hosts.sort_unstable();
    hosts.dedup();
    for host in hosts {
        configuration = configuration.resolve(host, &origin);
    }
    let sidecar = configuration.start();
    let explained = explained(&sidecar, &requests);
    assert_eq!(explained.len(), requests.len());
    for request in &requests {
        let authority = parts(request).0;
        let authority = if authority.contains(':') {
            authority.to_owned()
        } else {
            format!("{authority}:443")
        };
        let mut tunnel = Tunnel::to(&authority).open(&sidecar);
        tunnel.send(wire(request));
        let answer = match request["method"] == "HEAD" {
            true => tunnel.answer_to_head(),
            false => tunnel.answer(),
        };
        assert!(answer.is_some(), "{request}");
    }
    let recorded = recorded(&sidecar);
    let judged = explained.iter().filter(|line| line["refusal"].is_null());
    assert_eq!(recorded.len(), judged.clone().count(), "{explained:#?}");
    for (line, call) in judged.zip(&recorded) {
        let action = &call.action;
        let also: Vec<Value> = action
            .also
            .iter()
            .map(|also| json!({"action": also.name, "access": also.access, "fields": also.fields, "target": also.target}))
            .collect();
        let found = json!({
            "provider": action.provider, "operation": action.operation, "action": action.name, "access": action.access,
            "fields": action.fields, "target": action.target, "unmapped": action.unmapped, "also": also,
            "decision": call.decision,
        });
        for (name, value) in found.as_object().unwrap() {
            assert_eq!(&line[name], value, "{name}: {line}");
        }
    }
    // They went, and not only through a gate that says no.
    let sent = recorded.iter().filter(|call| call.decision == "ALLOW").count();
    assert_eq!(origin.seen().len(), sent);
    assert!(sent > 30, "{sent}");
}
