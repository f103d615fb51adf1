//! Mappings and policies changed while the sidecar runs: another set comes into force whole, or what was in force stays.

mod held;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::{Origin, Session, Sidecar, Tunnel, Wire, eventually, root};

const REFUND: &str = "refund ch_1 amount=30000";

/// Refunds from this many cents on are held.
fn limit(cents: u32) -> String {
    format!(
        "@id(\"house-refund\") @decision(\"REQUIRE_APPROVAL\") @reason(\"Over {cents} cents\")\n\
         forbid (principal, action == Action::\"process_refund\", resource)\nwhen {{ context.amount_base > {cents} }};\n"
    )
}

fn stripe(house: &str) -> (Origin, Sidecar) {
    let origin = Origin::stripe();
    let configuration = Sidecar::new().resolve("api.stripe.com", &origin).hold("1s");
    (origin, configuration.policy(house).start())
}

impl Sidecar {
    /// Puts a file in its place as editors do.
    pub fn put(&self, file: &str, content: impl AsRef<[u8]>) {
        let (aside, place) = (self.home().join("aside"), self.home().join(file));
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        fs::write(&aside, content).unwrap();
        fs::rename(&aside, place).unwrap();
    }

    fn count(&self, words: &str) -> usize {
        self.printed().matches(words).count()
    }

    /// Does something to the files and waits until another set is in force.
    fn reloads(&self, change: impl FnOnce()) {
        let before = self.count("RELOADED:");
        change();
        eventually("it is reloaded", || self.count("RELOADED:") > before);
    }

    pub fn puts(&self, file: &str, content: impl AsRef<[u8]>) {
        self.reloads(|| self.put(file, content));
    }
}

/// The sets an entry names: mappings and policies.
fn set(entry: &Value) -> (String, String) {
    let half = |name: &str| entry[name].as_str().unwrap()[..32].to_owned();
    (half("mappings"), half("policies"))
}

#[test]
fn a_changed_threshold_takes_effect_without_restart() {
    let (origin, sidecar) = stripe(&limit(20_000));
    let mut client = Session::stripe(&sidecar);
    client.call(REFUND).assert_refused("approval_pending");
    sidecar.puts("policies/house.cedar", limit(40_000));
    client.call("refund ch_2 amount=30000").assert_ok();
    sidecar.puts("policies/house.cedar", limit(10_000));
    client
        .call("refund ch_3 amount=30000")
        .assert_refused("approval_pending");
    assert_eq!(origin.calls("POST", "/v1/refunds").len(), 1);

    let trail = sidecar.trail();
    let reloads = trail.of_kind("reload");
    assert_eq!(reloads.len(), 2, "{reloads:?}");
    assert!(reloads.iter().all(|entry| entry["result"] == "applied"));
    let decided: Vec<_> = trail.of_kind("decided").iter().map(set).collect();
    assert_eq!(decided[0], set(&trail.of_kind("boot")[0]));
    assert_eq!(decided[1], set(&reloads[0]));
    assert_eq!(*decided.last().unwrap(), set(&reloads[1]));
}

#[test]
fn a_changed_mapping_takes_effect_without_restart() {
    let (_origin, sidecar) = stripe("");
    let mut client = Session::stripe(&sidecar);
    client.call("charge 100").assert_ok();
    let mapping = fs::read_to_string(root().join("mappings/stripe.yaml")).unwrap();
    let mapping = mapping.replacen("action: create_charge", "action: transfer_funds", 1);
    sidecar.puts("mappings/stripe.yaml", mapping);
    client.call("charge 100").assert_refused("approval_pending");
}

const MAPPING: &str = "provider: mine\ntitle: Mine\nhosts: [api.mine.example]\ndispatch: path\n";

#[test]
fn a_broken_file_keeps_the_set_and_says_where_it_is_broken() {
    let hold = "@decision(\"REQUIRE_APPROVAL\")";
    let forbid = "forbid (principal, action, resource)";
    let refunds = "forbid (principal, action == Action::\"process_refund\", resource)";
    let operation = |lines: &str| format!("{MAPPING}operations:\n  things.make:\n{lines}");
    // File, content, and the line that is named; 0: the file alone.
    let broken: Vec<(&str, Vec<u8>, usize)> = vec![
        ("policies/01.cedar", "@id(\"x\")\nforbid (principal, action,\n".into(), 2),
        (
            "policies/02.cedar",
            format!("@id(\"x\")\n{refunds}\nwhen {{ context.amuont > 5 }};").into(),
            3,
        ),
        (
            "policies/03.cedar",
            "@id(\"x\")\nforbid (principal, action == Action::\"refund\", resource);".into(),
            2,
        ),
        ("policies/04.cedar", format!("\n{forbid};").into(), 2),
        ("policies/05.cedar", format!("\n@id(\"reads\")\n{forbid};").into(), 2),
        ("policies/06.cedar", format!("@id(\"x\")\n@decision(\"MAYBE\")\n{forbid};").into(), 2),
        (
            "policies/07.cedar",
            format!("@id(\"x\") {hold}\n@approvers(\"nobody\")\n{forbid};").into(),
            2,
        ),
        (
            "policies/08.cedar",
            format!("@id(\"x\") {hold}\n@timeout(\"soon\")\n{forbid};").into(),
            2,
        ),
        ("policies/09.cedar", format!("@id(\"default\")\n{forbid};").into(), 1),
        (
            "policies/10.cedar",
            "\n@id(\"x\")\npermit (principal == ?principal, action, resource);".into(),
            2,
        ),
        ("policies/11.cedar", format!("\n\n@id(\"Not So\")\n{forbid};").into(), 3),
        ("policies/12.cedar", "hello world".into(), 1),
        (
            "policies/13.cedar",
            format!("@id(\"x\")\n{refunds}\nwhen {{ context.amount > \"5\" }};").into(),
            3,
        ),
        ("policies/14.cedar", b"@id(\"\xff\xfe\") forbid".to_vec(), 0),
        ("mappings/15.yaml", format!("{MAPPING}colour: red\n").into(), 5),
        ("mappings/16.yaml", "provider: mine\nhosts: [api.mine.example\n".into(), 2),
        ("mappings/17.yaml", "provider: mine\nprovider: mine\n".into(), 2),
        (
            "mappings/18.yaml",
            operation("    call: POST /v1/things\n    action: make_thing\n    target: { kind: thing }\n").into(),
            8,
        ),
        (
            "mappings/19.yaml",
            operation("    call: POST v1/things\n    action: modify_record\n    target: { kind: thing }\n").into(),
            7,
        ),
        (
            "mappings/20.yaml",
            operation("    call: POST /v1/things\n    action: modify_record\n    target: { kind: thing }\n    fields:\n      amount: { from: $.body.amount }\n")
                .into(),
            0,
        ),
        (
            "mappings/21.yaml",
            operation("    call: POST /v1/things\n    action: modify_record\n    target: { kind: thing, id: \"$.body[\" }\n")
                .into(),
            9,
        ),
        ("mappings/22.yaml", MAPPING.replace("api.mine.example", "api.stripe.com").into(), 3),
        ("mappings/23.yaml", "provider:\n\t- mine\n".into(), 2),
        ("mappings/actions.yaml", "groups: {}\nfields: []\n".into(), 2),
    ];
    let (_origin, sidecar) = stripe(&limit(20_000));
    let mut client = Session::stripe(&sidecar);
    let running = set(&sidecar.trail().of_kind("boot")[0]);
    for (file, content, line) in &broken {
        sidecar.put(file, content);
        let place = match line {
            0 => format!("{file}:"),
            line => format!("{file}:{line}:"),
        };
        assert!(sidecar.prints(&["RELOAD REFUSED: ", &place]), "{place}");
        assert!(sidecar.prints(&["ERROR", "reload refused", file]), "in the log: {file}");
        fs::remove_file(sidecar.home().join(file)).unwrap();
    }
    client.call(REFUND).assert_refused("approval_pending");
    client.call("balance").assert_ok();
    let trail = sidecar.trail();
    let refused = trail.of_kind("reload");
    assert!(refused.len() >= broken.len(), "{} of {}", refused.len(), broken.len());
    for entry in refused.iter().chain(&trail.of_kind("decided")) {
        assert_eq!(set(entry), running, "{entry}");
    }
    assert!(
        refused
            .iter()
            .all(|entry| entry["result"] == "refused" && entry["errors"].is_i64())
    );
    assert_eq!(sidecar.count("RELOADED:"), 0);
    sidecar.puts("policies/house.cedar", limit(40_000));
    client.call("refund ch_2 amount=30000").assert_ok();
}

#[test]
fn a_deleted_file_falls_back_to_the_shipped_one() {
    let origin = Origin::stripe();
    let anything = "@id(\"anything\") permit (principal, action, resource);";
    let configuration = Sidecar::new().resolve("api.stripe.com", &origin).hold("1s");
    let sidecar = configuration.only_policy(anything).start();
    let mut client = Session::stripe(&sidecar);
    client.call("refund ch_1 amount=90000").assert_ok();
    sidecar.reloads(|| fs::remove_file(sidecar.home().join("policies/baseline.cedar")).unwrap());
    client
        .call("refund ch_2 amount=90000")
        .assert_refused("approval_pending");
    sidecar.put("policies/baseline.cedar", anything);
    eventually("it is reloaded", || sidecar.count("RELOADED:") == 2);
    sidecar.reloads(|| fs::remove_dir_all(sidecar.home().join("policies")).unwrap());
    client
        .call("refund ch_3 amount=90000")
        .assert_refused("approval_pending");
}

#[test]
fn a_file_that_is_gone_for_a_moment_stays_in_force() {
    let (_origin, sidecar) = stripe(&limit(20_000));
    let mut client = Session::stripe(&sidecar);
    let policies = sidecar.home().join("policies");
    fs::rename(&policies, sidecar.home().join("aside")).unwrap();
    std::thread::sleep(Duration::from_secs(3));
    client.call(REFUND).assert_refused("approval_pending");
    fs::rename(sidecar.home().join("aside"), &policies).unwrap();
    std::thread::sleep(Duration::from_secs(1));
    client
        .call("refund ch_2 amount=30000")
        .assert_refused("approval_pending");
    assert_eq!(sidecar.count("RELOADED:"), 0);
    fs::remove_file(policies.join("house.cedar")).unwrap();
    assert!(sidecar.prints(&["house.cedar is gone: it stays in force for 10 s"]));
    eventually("what stays away is gone", || sidecar.count("RELOADED:") == 1);
    client.call("refund ch_3 amount=30000").assert_ok();
}

#[test]
fn no_other_change_makes_a_file_be_gone_sooner() {
    let (_origin, sidecar) = stripe(&limit(20_000));
    let mut client = Session::stripe(&sidecar);
    let policies = sidecar.home().join("policies");
    let removed = Instant::now();
    fs::remove_dir_all(&policies).unwrap();
    // Each of these is a change of the directories that says nothing of the rules.
    for round in 0..4 {
        std::thread::sleep(Duration::from_millis(1_500));
        fs::create_dir_all(&policies).unwrap();
        fs::write(policies.join(format!("swap{round}")), "").unwrap();
    }
    client.call(REFUND).assert_refused("approval_pending");
    assert_eq!(sidecar.count("RELOADED:"), 0);
    eventually("what stays away is gone", || sidecar.count("RELOADED:") == 1);
    assert!(removed.elapsed() >= Duration::from_secs(10), "{:?}", removed.elapsed());
    client.call("refund ch_2 amount=30000").assert_ok();
}

#[test]
fn a_half_written_file_is_waited_for() {
    let (_origin, sidecar) = stripe(&limit(20_000));
    let mut client = Session::stripe(&sidecar);
    // Half of the file is a policy as well, one without the limit.
    let whole = format!("// {}\n{}", "-".repeat(200), limit(10_000));
    let mut file = fs::File::create(sidecar.home().join("policies/house.cedar")).unwrap();
    file.write_all(&whole.as_bytes()[..100]).unwrap();
    std::thread::sleep(Duration::from_millis(1_500));
    assert_eq!(sidecar.count("RELOADED:"), 0);
    client.call(REFUND).assert_refused("approval_pending");
    sidecar.reloads(|| {
        file.write_all(&whole.as_bytes()[100..]).unwrap();
        drop(file);
    });
    client
        .call("refund ch_2 amount=15000")
        .assert_refused("approval_pending");
}

#[test]
fn a_hangup_reloads_and_says_so() {
    let (_origin, sidecar) = stripe("");
    let kill = format!("kill -HUP {}", sidecar.pid());
    assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    assert!(sidecar.prints(&["RELOAD: the files say what is in force already"]));
    assert!(sidecar.trail().of_kind("reload").is_empty());
    Session::stripe(&sidecar).call("balance").assert_ok();
}

/// Head and content of a refund.
fn refund_of(amount: u32) -> (String, String) {
    let content = format!("charge=ch_1&amount={amount}");
    let head = format!(
        "POST /v1/refunds HTTP/1.1\r\nHost: api.stripe.com\r\nAuthorization: Bearer sk_test_1\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n",
        content.len()
    );
    (head, content)
}

/// No set is ever torn; no client's calls go back to an older one; and a call that begins after a set is in force is not
/// decided by one of before. (A call that was decided before may be recorded after the `reload` entry.)
#[test]
fn many_reloads_under_load_never_tear_a_set() {
    let (_origin, sidecar) = stripe(&limit(20_000));
    let mapping = fs::read_to_string(root().join("mappings/stripe.yaml")).unwrap();
    let stop = AtomicBool::new(false);
    let balance = |wire: &mut Wire| {
        let answer =
            wire.ask("GET /v1/balance HTTP/1.1\r\nHost: api.stripe.com\r\nAuthorization: Bearer sk_test_1\r\n\r\n");
        assert_eq!(answer.status, 200);
        answer.header("runplane-request-id").unwrap().to_owned()
    };
    let open = || Tunnel::to("api.stripe.com:443").open(&sidecar);
    let mut after = Vec::new();
    let clients: Vec<Vec<String>> = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..3)
            .map(|_| {
                scope.spawn(|| {
                    let (mut wire, mut calls) = (open(), Vec::new());
                    while !stop.load(Ordering::Relaxed) {
                        calls.push(balance(&mut wire));
                    }
                    calls
                })
            })
            .collect();
        let mut wire = open();
        for round in 0..6 {
            let before = sidecar.count("RELOADED:");
            sidecar.put("mappings/stripe.yaml", format!("{mapping}# {round}\n"));
            sidecar.put("policies/house.cedar", limit(1_000 + round));
            eventually("it is reloaded", || sidecar.count("RELOADED:") > before);
            let reloads = sidecar.trail().of_kind("reload").len();
            after.push((balance(&mut wire), reloads));
        }
        stop.store(true, Ordering::Relaxed);
        clients.into_iter().map(|client| client.join().unwrap()).collect()
    });
    let trail = sidecar.trail();
    let sets: Vec<_> = trail
        .of_kind("boot")
        .iter()
        .chain(&trail.of_kind("reload"))
        .map(set)
        .collect();
    assert!(sets.len() >= 7, "{} loaded", sets.len());
    let mut decided = BTreeMap::new();
    for entry in trail.of_kind("decided") {
        let place = sets.iter().position(|loaded| *loaded == set(&entry));
        let place = place.unwrap_or_else(|| panic!("no such set was in force: {entry}"));
        decided.insert(entry["call"].as_str().unwrap().to_owned(), place);
    }
    let used: BTreeSet<_> = decided.values().collect();
    assert!(used.len() >= 5, "{} used", used.len());
    for client in &clients {
        let places: Vec<_> = client.iter().map(|call| decided[call]).collect();
        assert!(places.is_sorted(), "back to an older set: {places:?}");
    }
    for (call, reloads) in &after {
        assert!(
            decided[call] >= *reloads,
            "decided by what was replaced before it began"
        );
    }
}

/// Nobody is told of either change: the one lies elsewhere, the other is no file.
#[test]
fn what_nobody_is_told_of_is_found_within_a_minute() {
    let (_origin, sidecar) = stripe(&limit(20_000));
    let elsewhere = tempfile::tempdir().unwrap();
    let linked = elsewhere.path().join("linked.cedar");
    fs::write(&linked, "").unwrap();
    sidecar.reloads(|| std::os::unix::fs::symlink(&linked, sidecar.home().join("policies/linked.cedar")).unwrap());
    let for_treasury = "@id(\"treasury\") @decision(\"REQUIRE_APPROVAL\") @approvers(\"treasury\")\n\
         forbid (principal, action == Action::\"read_balance\", resource);\n";
    sidecar.put("policies/treasury.cedar", for_treasury);
    assert!(sidecar.prints(&["RELOAD REFUSED: ", "treasury"]));
    sidecar.told(&["people", "add", "tina", "--group", "treasury"]);
    sidecar.reloads(|| ());
    let mut client = Session::stripe(&sidecar);
    client.call("balance").assert_refused("approval_pending");
    let all = "@id(\"none\") @reason(\"No refunds today\")\nforbid (principal, action == Action::\"process_refund\", resource);\n";
    sidecar.reloads(|| fs::write(&linked, all).unwrap());
    client.call("refund ch_1 amount=100").assert_refused("policy_blocked");
}
