//! What the operator says of targets (`policies/targets.yaml`): what is restricted is held, mail that leaves the organisation
//! too; a changed file comes into force; what was touched and has no label is listed first.

use std::fs;

use serde_json::Value;

use crate::harness::{Configuration, Curl, Origin, Session, Sidecar, said};

const CHARGES: &str = "https://api.stripe.com/v1/charges";
const TARGETS: &str = "policies/targets.yaml";
const RESTRICTED: &str = "targets:
  - match: { provider: stripe, kind: charge, id: \"ch_secret*\" }
    label: { sensitivity: restricted, owner: finance, tags: [pii] }
";

fn stripe(targets: &str) -> (Origin, Configuration) {
    let origin = Origin::stripe();
    let configuration = Sidecar::new().resolve("api.stripe.com", &origin).hold("1s");
    configuration.home.write(TARGETS, targets);
    (origin, configuration)
}

fn read(sidecar: &Sidecar, charge: &str) -> Option<u16> {
    Curl::call(sidecar, &[&format!("{CHARGES}/{charge}")]).status
}

#[test]
fn a_read_of_what_is_restricted_is_held_however_it_is_spelt() {
    let (origin, configuration) = stripe(RESTRICTED);
    let sidecar = configuration.start();
    let held = ["ch_secret1", "CH_SECRET1", "ch_secret1%20"];
    for charge in held {
        assert_eq!(read(&sidecar, charge), Some(403), "{charge}");
    }
    // No mapping names this: it may be about any charge.
    assert_eq!(
        Curl::call(&sidecar, &["https://api.stripe.com/v1/charges/ch_secret1/notes"]).status,
        Some(403)
    );
    assert_eq!(sidecar.approvals("pending").len(), 4);
    assert!(origin.calls("GET", "/v1/charges/ch_secret1").is_empty());
    Curl::call(&sidecar, &[&format!("{CHARGES}/ch_other")]);
    assert_eq!(origin.calls("GET", "/v1/charges/ch_other").len(), 1);
    // The record tells how it was labelled, and nothing of what was not.
    let decided = sidecar.trail().of_kind("decided");
    let first = &decided[0];
    for (member, value) in [
        ("sensitivity", "restricted"),
        ("owner", "finance"),
        ("tags", "pii"),
        ("label_lines", "3"),
    ] {
        assert_eq!(first[member], value, "{first}");
    }
    assert_eq!(decided[1]["label_doubt"], 1);
    let last = decided.last().unwrap();
    assert!(
        last.get("sensitivity").is_none() && last.get("label_lines").is_none(),
        "{last}"
    );
}

#[test]
fn a_held_read_is_sent_once_people_consent() {
    let (origin, configuration) = stripe(RESTRICTED);
    let sidecar = configuration.hold("30s").start();
    let call = Curl::start(&sidecar, &[&format!("{CHARGES}/ch_secret1")]);
    sidecar.approve(&sidecar.next_held());
    let answer = call.finish();
    assert_ne!(answer.status, Some(403), "{answer:?}");
    assert_eq!(origin.calls("GET", "/v1/charges/ch_secret1").len(), 1);
}

/// A yes to what was shown under other labels is none.
#[test]
fn a_target_that_is_labelled_otherwise_asks_again() {
    let (origin, configuration) = stripe(RESTRICTED);
    let sidecar = configuration.start();
    let secret = || read(&sidecar, "ch_secret1");
    assert_eq!(secret(), Some(403));
    let id = sidecar.approvals("pending")[0]["id"].as_str().unwrap().to_owned();
    sidecar.approve(&id);
    sidecar.puts(TARGETS, RESTRICTED.replace("[pii]", "[pii, cards]"));
    assert_eq!(secret(), Some(403));
    let pending = &sidecar.approvals("pending")[0];
    assert_eq!(
        (&pending["id"], &pending["votes"]),
        (&id.into(), &serde_json::json!([])),
        "{pending}"
    );
    assert!(origin.calls("GET", "/v1/charges/ch_secret1").is_empty());
    // That the same is said on another line is nothing to ask about.
    sidecar.approve_at(pending["id"].as_str().unwrap(), 2);
    sidecar.puts(
        TARGETS,
        RESTRICTED
            .replace("[pii]", "[pii, cards]")
            .replace("targets:", "targets:\n"),
    );
    assert_ne!(secret(), Some(403));
    assert_eq!(origin.calls("GET", "/v1/charges/ch_secret1").len(), 1);
}

#[test]
fn mail_to_others_is_held_once_domains_are_configured() {
    let origin = Origin::sendgrid();
    let sidecar = Sidecar::new().resolve("api.sendgrid.com", &origin).hold("1s").start();
    let mut sendgrid = Session::sendgrid(&sidecar);
    sendgrid.call("send 3").assert_ok();
    sidecar.puts(TARGETS, "domains: [house.test]\n");
    let held = sendgrid.call("send 3");
    assert_eq!(held.status, Some(403), "{held:?}");
    assert!(
        sidecar.approvals("pending")[0]["rules"]
            .to_string()
            .contains("message-to-outsiders")
    );
    sidecar.puts(TARGETS, "domains: [house.test, \"*.example.com\"]\n");
    assert_eq!(
        sendgrid.call("send 4").status,
        Some(403),
        "only what is below example.com"
    );
    sidecar.puts(TARGETS, "domains: [house.test, example.com]\n");
    sendgrid.call("send 5").assert_ok();
    assert_eq!(origin.calls("POST", "/v3/mail/send").len(), 2);
}

#[test]
fn a_changed_file_comes_into_force_and_a_broken_one_keeps_the_last() {
    let (origin, configuration) = stripe("targets: []\n");
    let sidecar = configuration.start();
    read(&sidecar, "ch_secret1");
    assert_eq!(origin.calls("GET", "/v1/charges/ch_secret1").len(), 1);
    sidecar.puts(TARGETS, RESTRICTED);
    assert_eq!(read(&sidecar, "ch_secret1"), Some(403));
    let broken = RESTRICTED
        .replace("restricted", "public")
        .replace("owner: finance", "owner: \"\"")
        + "  - 1\n";
    let wrong = RESTRICTED
        .replace("restricted", "secret")
        .replace("kind: charge", "kind: chrage");
    for (text, places) in [
        (broken, &["targets.yaml:4:"][..]),
        (wrong, &["targets.yaml:2:", "targets.yaml:3:"]),
    ] {
        fs::write(sidecar.home().join(TARGETS), text).unwrap();
        for place in places {
            assert!(sidecar.prints(&["RELOAD REFUSED: ", place]), "{place}");
        }
        assert_eq!(read(&sidecar, "ch_secret2"), Some(403));
    }
    sidecar.puts(TARGETS, RESTRICTED.replace("restricted", "internal"));
    read(&sidecar, "ch_secret1");
    assert_eq!(origin.calls("GET", "/v1/charges/ch_secret1").len(), 2);
    let reloads = sidecar.trail().of_kind("reload");
    let results: Vec<&str> = reloads.iter().map(|entry| entry["result"].as_str().unwrap()).collect();
    assert_eq!(
        (results.first(), results.last()),
        (Some(&"applied"), Some(&"applied")),
        "{results:?}"
    );
    assert!(results.contains(&"refused"), "{results:?}");
}

#[test]
fn check_tells_all_mistakes_with_their_places() {
    let (_origin, configuration) =
        stripe("domains: [Example.com]\ntargets:\n  - match: { provider: strpe }\n    label: { sensitivity: high }\n");
    let output = configuration.refuses();
    let text = said(&output);
    for words in [
        "targets.yaml:1:11: `Example.com` is no domain",
        "targets.yaml:3:24: no mapping is for the provider `strpe` (did you mean `stripe`?)",
        "targets.yaml:4:27: `high` is no sensitivity",
        "   4 |     label: { sensitivity: high }",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
}

#[test]
fn targets_lists_what_was_touched_unlabelled_first() {
    let (_origin, configuration) = stripe(RESTRICTED);
    let sidecar = configuration.start();
    for charge in ["ch_secret1", "ch_a", "ch_a", "ch_b"] {
        read(&sidecar, charge);
    }
    let table = sidecar.told(&["targets"]);
    let row = |id: &str| {
        table
            .lines()
            .position(|line| line.contains(id))
            .unwrap_or_else(|| panic!("{id}: {table}"))
    };
    assert!(
        row("ch_a ") < row("ch_secret1") && row("ch_b ") < row("ch_secret1"),
        "{table}"
    );
    let labelled = table.lines().nth(row("ch_secret1")).unwrap();
    for words in [
        "stripe",
        "charge",
        "sensitivity restricted",
        "targets.yaml:3:",
        "owner finance",
        "tags pii",
    ] {
        assert!(labelled.contains(words), "{words}: {labelled}");
    }
    assert!(table.contains("2 of 3 without a label"), "{table}");
    let lines = sidecar.told(&["targets", "--json"]);
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 3);
    let of = |id: &str| lines.iter().find(|line| line["id"] == id).unwrap();
    assert_eq!((&of("ch_a")["calls"], &of("ch_a")["labels"]), (&2.into(), &Value::Null));
    assert_eq!(of("ch_secret1")["labels"]["owner"]["value"], "finance");
    let one = sidecar.told(&["targets", "--limit", "1"]);
    assert!(
        one.contains("2 more are not shown: --limit 3") && !one.contains("ch_secret1"),
        "{one}"
    );
}

#[test]
fn explain_names_the_line_that_labels_a_target() {
    let (_origin, configuration) = stripe(RESTRICTED);
    let sidecar = configuration.start();
    let explained = |charge: &str| sidecar.told(&["explain", &format!("{CHARGES}/{charge}")]);
    let text = explained("ch_secret1");
    for words in [
        "sensitivity = restricted",
        "owner = finance",
        "tags = pii",
        "targets.yaml:3:27",
        "restricted-read",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    assert!(!text.contains("cannot be told"), "{text}");
    assert!(explained("CH_secret1").contains("its id cannot be told"));
    let plain = explained("ch_other");
    assert!(
        plain.lines().any(|line| line.split_whitespace().eq(["labels", "-"])),
        "{plain}"
    );
    read(&sidecar, "ch_secret1");
    let call = sidecar.trail().of_kind("decided")[0]["call"]
        .as_str()
        .unwrap()
        .to_owned();
    let past = sidecar.told(&["explain", &call]);
    assert!(
        past.contains("sensitivity = restricted, owner = finance, tags = pii  targets.yaml, lines 3"),
        "{past}"
    );
}

#[test]
fn init_writes_a_file_that_teaches_and_says_nothing() {
    let home = tempfile::tempdir().unwrap();
    let mut command = crate::harness::runplane();
    let output = command.args(["init", "--home"]).arg(home.path()).output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    let written = fs::read_to_string(home.path().join(TARGETS)).unwrap();
    assert!(
        written.contains("sensitivity: restricted") && written.ends_with("domains: []\ntargets: []\n"),
        "{written}"
    );
}
