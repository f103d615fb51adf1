mod readers;

use serde_json::json;

use readers::{cef_read, csv_rows};

use super::*;
use crate::audit::choice::{self, Choice};
use crate::audit::tests::scene::{Made, Scene};
use crate::model::inert::is_active;
use crate::model::{Outcome, Timestamp};

const ALL: [Format; 5] = [Format::Jsonl, Format::Ocsf, Format::Cef, Format::Csv, Format::Otlp];

/// Everything that means something to one of the formats, or to who looks at them.
const HOSTILE: [&str; 8] = [
    "=cmd|' /C calc'!A0",
    "@SUM(1+1)*cmd|' /C calc'!A0",
    "\",\"x\"\r\nCEF:0|Evil|x|1|1|x|10|act=ALLOW",
    "a|b\\|c=d act=ALLOW\n{\"kind\":\"decided\",\"decision\":\"ALLOW\"}",
    "<script>alert(1)</script>",
    "pay \u{202e}000,9$\u{2066}\u{200b}\u{1b}[2J\u{9b}31m",
    "-2+3, \"quoted\", 'and', \t tab",
    "\\\" \\\\ \u{2028} end\\",
];

fn written(scene: &Scene, format: Format) -> String {
    let reader = scene.reader();
    let exporter = Exporter::new(format, &reader).unwrap();
    let mut out = Vec::new();
    exporter.head(&mut out).unwrap();
    choice::entries::<anyhow::Error>(&reader, &Choice::default(), 0, |entry, call| {
        Ok(exporter.entry(entry, call, &mut out)?)
    })
    .unwrap();
    String::from_utf8(out).unwrap()
}

fn hostile() -> Scene {
    let scene = Scene::new();
    for text in HOSTILE {
        let made = Made {
            summary: text.to_owned(),
            target: text.to_owned(),
            ..Made::default()
        };
        scene.call(&made, "BLOCK", None);
    }
    scene
}

fn json_lines(text: &str) -> Vec<Json> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// An attribute of the record on a line of OTLP.
fn attribute(logs: &Json, key: &str) -> Json {
    let record = &logs["resourceLogs"][0]["scopeLogs"][0]["logRecords"][0];
    let attributes = record["attributes"].as_array().unwrap();
    let mut found = attributes.iter().filter(|attribute| attribute["key"] == key);
    let value = found.next().unwrap_or_else(|| panic!("no {key}"))["value"].clone();
    assert!(found.next().is_none(), "{key} twice");
    value
}

#[test]
fn what_an_agent_writes_stays_what_it_is_in_every_format() {
    let scene = hostile();
    let entries = HOSTILE.len();
    for format in ALL {
        let text = written(&scene, format);
        let head = usize::from(format == Format::Csv);
        assert_eq!(text.lines().count(), entries + head, "{format:?}: one line each");
        let is_end = |character: char| character == '\n' || (format == Format::Csv && character == '\r');
        assert!(
            text.chars().all(|character| is_end(character) || !is_active(character)),
            "{format:?}"
        );
    }
    for (line, text) in json_lines(&written(&scene, Format::Jsonl)).iter().zip(HOSTILE) {
        assert_eq!(line["values"]["summary"]["value"], text);
        assert_eq!(line["entry"]["decision"], "BLOCK");
    }
    for (event, text) in json_lines(&written(&scene, Format::Ocsf)).iter().zip(HOSTILE) {
        assert_eq!(
            (&event["message"], &event["disposition"]),
            (&json!(text), &json!("Blocked"))
        );
        assert_eq!(event["resources"][0]["uid"], text);
    }
    for (logs, text) in json_lines(&written(&scene, Format::Otlp)).iter().zip(HOSTILE) {
        assert_eq!(attribute(logs, "runplane.summary"), json!({ "stringValue": text }));
        assert_eq!(attribute(logs, "runplane.decision"), json!({ "stringValue": "BLOCK" }));
    }
    for (line, text) in written(&scene, Format::Cef).lines().zip(HOSTILE) {
        let (fields, pairs) = cef_read(line);
        assert_eq!(fields[..3], ["CEF:0", "Runplane", "Runplane"]);
        assert_eq!(fields[4..], ["decided", "Call blocked", "7"]);
        assert_eq!(pairs["act"], "BLOCK");
        let shown: String = text
            .chars()
            .map(|character| match character {
                '\n' | '\r' => character.to_string(),
                active if is_active(active) => format!("\\u{{{:x}}}", u32::from(active)),
                plain => plain.to_string(),
            })
            .collect();
        assert_eq!(pairs["msg"], shown);
    }
    let rows = csv_rows(&written(&scene, Format::Csv));
    let summary = rows[0].iter().position(|heading| heading == "summary").unwrap();
    for (row, text) in rows[1..].iter().zip(HOSTILE) {
        assert_eq!(row.len(), rows[0].len());
        let cell = &row[summary];
        assert!(!cell.trim_start().starts_with(['=', '+', '-', '@', '|']), "{cell}");
        let shown = crate::model::inert::inert(text);
        assert_eq!(cell.strip_prefix('\'').unwrap_or(cell), shown);
    }
}

#[test]
fn an_entry_of_jsonl_leads_to_its_leaf_and_its_values_to_their_commitments() {
    let scene = Scene::new();
    scene.call(&Made::default(), "ALLOW", Some(Outcome::Success));
    let kept = scene.reader().written(1, 3, &[], 10).unwrap();
    for (line, entry) in json_lines(&written(&scene, Format::Jsonl)).iter().zip(&kept) {
        // RFC 8785 of what was read is what is signed.
        assert_eq!(serde_json::to_vec(&line["entry"]).unwrap(), entry.bytes);
        assert_eq!(line["leaf_hash"], hex::encode(merkle::leaf(&entry.bytes)));
        assert_eq!(line["leaf_index"], entry.seq - 1);
        for (name, value) in line["values"].as_object().unwrap() {
            let salt = hex::decode(value["salt"].as_str().unwrap()).unwrap();
            let text = serde_json::to_string(&value["value"]).unwrap();
            let digest = hex::encode(crate::model::entry::hmac_sha256(&salt, text.as_bytes()));
            assert_eq!(line["entry"][format!("commit_{name}")], digest);
        }
    }
}

#[test]
fn salts_of_what_is_hidden_are_not_exported() {
    let scene = Scene::new();
    scene.call(&Made::default(), "ALLOW", None);
    let entry = scene.reader().written(1, 2, &[], 1).unwrap().remove(0);
    let committed: Json = serde_json::from_str(entry.committed.as_deref().unwrap()).unwrap();
    let salt = committed["request"]["salt"].as_str().unwrap();
    assert!(committed["request"].get("value").is_none());
    for format in ALL {
        assert!(!written(&scene, format).contains(salt), "{format:?}");
    }
}

#[test]
fn a_decision_and_an_end_are_api_activity_with_integrity() {
    let scene = Scene::new();
    let id = scene.call(&Made::default(), "ALLOW", Some(Outcome::Success));
    let kept = scene.reader().written(1, 3, &[], 10).unwrap();
    let events = json_lines(&written(&scene, Format::Ocsf));
    let decided = &events[0];
    let expected = json!({
        "activity_id": 99, "activity_name": "Write", "category_uid": 6, "category_name": "Application Activity",
        "class_uid": 6003, "class_name": "API Activity", "type_uid": 600_399, "type_name": "API Activity: Write",
        "severity_id": 1, "status_id": 1, "action_id": 1, "disposition_id": 1, "time": kept[0].time.0,
    });
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(&decided[name], value, "{name}");
    }
    let metadata = &decided["metadata"];
    assert_eq!(metadata["version"], "1.9.0");
    assert_eq!(
        metadata["profiles"],
        json!(["ai_operation", "record_integrity", "security_control"])
    );
    assert_eq!(
        (&metadata["correlation_uid"], &metadata["sequence"]),
        (&json!(id.as_str()), &json!(1))
    );
    assert_eq!(decided["actor"]["user"]["name"], "support-bot");
    assert_eq!(decided["ai_agent"]["uid"], "support-bot");
    assert_eq!(decided["src_endpoint"]["name"], "support-bot");
    assert_eq!(decided["api"]["operation"], "refunds.create");
    assert_eq!(decided["api"]["service"]["name"], "stripe");
    assert_eq!(decided["http_request"]["http_method"], "POST");
    assert_eq!(decided["http_request"]["url"]["path"], "/v1/refunds");
    assert_eq!(decided["dst_endpoint"]["hostname"], "api.stripe.com");
    assert_eq!(decided["resources"], json!([{ "type": "charge", "uid": "ch_1" }]));
    assert_eq!(decided["authorizations"][0]["policy"]["uid"], "refund-over-500");
    assert_eq!(decided["unmapped"]["amount"], 90_000);
    let ended = &events[1];
    assert_eq!((&ended["status_id"], &ended["status_code"]), (&json!(1), &json!("200")));
    assert_eq!(ended["http_response"]["code"], 200);
    assert_eq!(ended["type_uid"], 600_399, "by the access of the call's decision");
    for (event, entry) in events.iter().zip(&kept) {
        assert_eq!(event["raw_data"].as_str().unwrap().as_bytes(), entry.bytes);
        assert_eq!(event["unmapped"]["leaf_index"], entry.seq - 1);
        assert_eq!(event["unmapped"]["leaf_hash"], hex::encode(merkle::leaf(&entry.bytes)));
        // The fingerprint is of the event in its canonical form without it.
        let mut bare = event.clone();
        let attestation = bare["attestation_list"][0].as_object_mut().unwrap();
        let fingerprint = attestation.remove("fingerprint").unwrap();
        let digest = <sha2::Sha256 as sha2::Digest>::digest(bare.to_string());
        assert_eq!(fingerprint["value"], hex::encode(digest));
        assert_eq!(fingerprint["algorithm_id"], 3);
    }
}

#[test]
fn what_is_decided_is_told_in_the_words_of_the_schema() {
    let scene = Scene::new();
    scene.call(&Made::default(), "BLOCK", None);
    scene.approved(&Made::default(), "alice");
    let events = json_lines(&written(&scene, Format::Ocsf));
    let told: Vec<(i64, i64)> = events
        .iter()
        .filter(|event| event["unmapped"]["kind"] == "decided")
        .map(|event| {
            (
                event["action_id"].as_i64().unwrap(),
                event["disposition_id"].as_i64().unwrap(),
            )
        })
        .collect();
    assert_eq!(told, [(2, 2), (0, 14), (1, 8)], "denied, delayed, approved");
    let approved = events
        .iter()
        .find(|event| event["unmapped"]["kind"] == "approved")
        .unwrap();
    assert_eq!((&approved["class_uid"], &approved["type_uid"]), (&json!(0), &json!(99)));
    assert_eq!(approved["unmapped"]["person"], "alice");
    assert_eq!(approved["metadata"]["profiles"], json!(["record_integrity"]));
}

#[test]
fn a_line_of_cef_has_its_fields() {
    let scene = Scene::new();
    let id = scene.approved(&Made::default(), "alice");
    let text = written(&scene, Format::Cef);
    let lines: Vec<_> = text.lines().map(cef_read).collect();
    let (fields, pairs) = &lines[0];
    assert_eq!(fields[3..], [VERSION, "decided", "Call held", "5"]);
    for (name, value) in [
        ("externalId", "1"),
        ("suser", "support-bot"),
        ("act", "REQUIRE_APPROVAL"),
        ("cat", "process_refund"),
        ("destinationServiceName", "stripe"),
        ("cs1", "refund-over-500"),
        ("cs1Label", "rules"),
        ("cs2", id.as_str()),
        ("cn1", "90000"),
        ("flexString1", "usd"),
    ] {
        assert_eq!(pairs[name], value, "{name}");
    }
    assert_eq!(
        pairs["request"], "https://api.stripe.com/v1/refunds?key=…",
        "an equals sign is escaped and read back"
    );
    let approved = lines.iter().find(|(fields, _)| fields[4] == "approved").unwrap();
    assert_eq!((&*approved.0[5], &*approved.1["duser"]), ("Person approved", "alice"));
    let ended = lines.last().unwrap();
    assert_eq!((&*ended.1["outcome"], &*ended.1["cn2"]), ("success", "200"));
}

#[test]
fn a_line_of_otlp_is_one_log_record_with_its_attributes() {
    let scene = Scene::new();
    let id = scene.call(&Made::default(), "ALLOW", Some(Outcome::Success));
    let kept = scene.reader().written(1, 3, &[], 10).unwrap();
    let lines = json_lines(&written(&scene, Format::Otlp));
    for (logs, entry) in lines.iter().zip(&kept) {
        let record = &logs["resourceLogs"][0]["scopeLogs"][0]["logRecords"][0];
        assert_eq!(record["timeUnixNano"], format!("{}000000", entry.time.0));
        assert_eq!(record["eventName"], format!("runplane.{}", entry.kind));
        assert_eq!(record["body"]["stringValue"].as_str().unwrap().as_bytes(), entry.bytes);
        assert_eq!(attribute(logs, "gen_ai.tool.call.id")["stringValue"], id.as_str());
        assert_eq!(attribute(logs, "gen_ai.agent.id")["stringValue"], "support-bot");
        assert_eq!(
            attribute(logs, "runplane.leaf.index")["intValue"],
            (entry.seq - 1).to_string()
        );
        let leaf = hex::encode(merkle::leaf(&entry.bytes));
        assert_eq!(attribute(logs, "runplane.leaf.hash")["stringValue"], leaf);
    }
    assert_eq!(attribute(&lines[0], "runplane.amount")["intValue"], "90000");
    assert_eq!(attribute(&lines[1], "http.response.status_code")["intValue"], "200");
}

#[test]
fn a_row_of_csv_has_its_cells() {
    let scene = Scene::new();
    let made = Made {
        money: Some((-5, "usd", None)),
        ..Made::default()
    };
    scene.call(&made, "ALLOW", Some(Outcome::Failure));
    let text = written(&scene, Format::Csv);
    let rows = csv_rows(&text);
    let cell = |row: usize, name: &str| {
        let at = rows[0].iter().position(|heading| heading == name).unwrap();
        rows[row][at].clone()
    };
    let time = Timestamp::to_string(&scene.reader().written(1, 2, &[], 1).unwrap()[0].time);
    assert_eq!((cell(1, "entry"), cell(1, "time")), ("1".to_owned(), time));
    assert_eq!(
        (cell(1, "decision"), cell(1, "amount")),
        ("ALLOW".to_owned(), "-5".to_owned())
    );
    assert_eq!(
        (cell(2, "outcome"), cell(2, "action")),
        ("failure".to_owned(), "process_refund".to_owned())
    );
    assert_eq!(cell(1, "leaf_hash").len(), 64);
    assert!(text.ends_with("\r\n"));
}

#[test]
fn an_entry_that_is_not_as_we_write_it_is_told_all_the_same() {
    let written = Written {
        seq: 7,
        time: Timestamp(1_000),
        kind: "decided".to_owned(),
        call: None,
        bytes: b"not JSON\n,\"".to_vec(),
        committed: Some("nor this".to_owned()),
    };
    for format in ALL {
        let exporter = Exporter {
            format,
            log: "log".to_owned(),
        };
        let mut out = Vec::new();
        exporter.entry(&written, None, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text.lines().count(), 1, "{format:?}: {text}");
        assert!(text.contains('7') || text.contains("entry_hex"), "{text}");
    }
}
