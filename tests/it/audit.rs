//! The record: on disk before the call leaves, readable by people, without secrets.

use std::sync::{Arc, Mutex};

use base64::Engine;

use crate::harness::{Curl, Origin, Session, Sidecar, Trail, Tunnel, contains, files, key};
use crate::reject::NO_PAYOUTS;

#[test]
fn a_decision_is_on_disk_before_the_call_arrives() {
    let origin = Origin::stripe();
    let sidecar = Sidecar::new().resolve("api.stripe.com", &origin).start();
    let found = Arc::new(Mutex::new(Vec::new()));
    let (home, notes) = (sidecar.home().to_owned(), found.clone());
    origin.on_arrival(move |_| notes.lock().unwrap().push(Trail::read(&home).of_kind("decided").len()));
    let mut client = Session::stripe(&sidecar);
    client.call("balance").assert_ok();
    client.call("charge 100").assert_ok();
    client.send("refund ch_1 amount=90000");
    sidecar.approve(&sidecar.next_held());
    client.receive().assert_ok();
    let found = found.lock().unwrap().clone();
    assert_eq!(&found[..2], [1, 2], "at the moment each request came in");
    assert!(found[2] >= 3, "{found:?}");
    assert_eq!(sidecar.trail().of_kind("consumed").len(), 1);
}

#[test]
fn a_spent_approval_is_on_disk_before_the_call_arrives() {
    let origin = Origin::stripe();
    let sidecar = Sidecar::new().resolve("api.stripe.com", &origin).start();
    let found = Arc::new(Mutex::new(Vec::new()));
    let (home, notes) = (sidecar.home().to_owned(), found.clone());
    origin.on_arrival(move |_| notes.lock().unwrap().push(Trail::read(&home).of_kind("consumed").len()));
    let mut client = Session::stripe(&sidecar);
    client.send("refund ch_1 amount=90000");
    sidecar.approve(&sidecar.next_held());
    client.receive().assert_ok();
    assert_eq!(*found.lock().unwrap(), [1]);
}

#[test]
fn the_record_names_agent_action_and_decision() {
    let origin = Origin::stripe();
    let sidecar = Sidecar::new()
        .resolve("api.stripe.com", &origin)
        .policy(NO_PAYOUTS)
        .hold("1s")
        .start();
    let mut client = Session::stripe(&sidecar);
    client.call("balance").assert_ok();
    client
        .call("refund ch_1 amount=90000")
        .assert_refused("approval_pending");
    client.call("payout 100").assert_refused("policy_blocked");
    let shown = sidecar.told(&["audit", "show"]);
    let line = |action: &str, decision: &str| {
        shown
            .lines()
            .any(|line| ["support-bot", action, decision].iter().all(|word| line.contains(word)))
    };
    assert!(line("read_balance", "ALLOW"), "{shown}");
    assert!(line("process_refund", "REQUIRE_APPROVAL"), "{shown}");
    assert!(line("transfer_funds", "BLOCK"), "{shown}");
}

#[test]
fn every_decided_call_has_one_end() {
    let origin = Origin::stripe();
    let sidecar = Sidecar::new()
        .resolve("api.stripe.com", &origin)
        .policy(NO_PAYOUTS)
        .hold("1s")
        .start();
    let mut client = Session::stripe(&sidecar);
    client.call("balance").assert_ok();
    client.call("charge 100").assert_ok();
    client.call("refund ch_missing amount=100").assert_ok();
    client.call("payout 100").assert_refused("policy_blocked");
    client
        .call("refund ch_1 amount=90000")
        .assert_refused("approval_pending");
    drop(client);
    sidecar.terminate();
    sidecar.ended();
    let trail = sidecar.trail();
    for entry in trail.of_kind("decided") {
        let ends = trail
            .of_kind("outcome")
            .into_iter()
            .filter(|end| end["call"] == entry["call"])
            .count();
        let blocked = entry["decision"] == "BLOCK";
        assert!(ends == 1 || blocked && ends == 0, "{ends} ends of {entry}");
    }
}

/// Everything that must never be found, wherever it was planted.
const SECRETS: [&str; 9] = [
    "sk_test_SECRETinAuthorization0001",
    "SECRETinApiKeyHeader0002xyz",
    "SECRETinCookie0003xyzxyz",
    "SECRETinQuery0004xyzxyzxyz",
    "SECRETinPath0005xyzxyzxyzxyzxyzxyzxyzxyz",
    "SECRETinBody0006xyzxyzxyz",
    "4000056655665556",
    "SECRETinProxyPassword0008xyz",
    "SECRETinUnknownBody0009xyz",
];

#[test]
fn no_secret_is_in_database_log_or_dump() {
    let (origin, things) = (Origin::stripe(), Origin::of_things());
    let sidecar = Sidecar::new()
        .resolve("api.stripe.com", &origin)
        .resolve("things.example", &things)
        .hold("1s")
        .start();
    let bearer = format!("Authorization: Bearer {}", SECRETS[0]);
    let key = format!("X-Api-Key: {}", SECRETS[1]);
    let cookie = format!("Cookie: session={}", SECRETS[2]);
    let headers = ["-H", &bearer, "-H", &key, "-H", &cookie];
    let call = |arguments: &[&str]| Curl::call(&sidecar, &[&headers[..], arguments].concat());
    // Allowed, held and blocked, at a known provider and at a host that nobody knows.
    call(&["https://api.stripe.com/v1/balance"]).assert_ok();
    let card = format!(
        "amount=100&currency=usd&source[number]={}&source[cvc]=123&client_secret={}",
        SECRETS[6], SECRETS[5]
    );
    call(&["-g", "-d", &card, "https://api.stripe.com/v1/charges"]);
    let held = format!("charge=ch_1&amount=90000&metadata[token]={}", SECRETS[5]);
    let pending = call(&["-g", "-d", &held, "https://api.stripe.com/v1/refunds"]);
    pending.assert_refused("approval_pending");
    let path = format!(
        "https://things.example/hooks/{}/go?token={}&X-Amz-Signature={}",
        SECRETS[4], SECRETS[3], SECRETS[3]
    );
    call(&[&path]).assert_ok();
    call(&["-d", SECRETS[8], &path]).assert_refused("policy_blocked");
    Curl::call(&sidecar, &["-u", &format!("user:{}", SECRETS[5]), &path]).assert_ok();
    // Refused before there is anything to decide.
    let credentials = format!("Proxy-Authorization: Basic {}", basic());
    drop(Tunnel::to("things.example:443").field(&credentials).connect(&sidecar));
    let mut tunnel = Tunnel::to("things.example:443").open(&sidecar);
    let elsewhere = format!("GET /{} HTTP/1.1\r\nHost: other.example\r\n{key}\r\n\r\n", SECRETS[4]);
    assert_eq!(tunnel.ask(elsewhere).status, 421);
    let told = [
        sidecar.told(&["audit", "show"]),
        sidecar.told(&["approvals", "list"]),
        sidecar.told(&["approvals", "show", &pending.approval()]),
        sidecar.printed(),
    ];
    assert_nowhere(&sidecar, &told, &SECRETS);
}

/// In no file of the home, no row, and nothing that was printed.
fn assert_nowhere(sidecar: &Sidecar, told: &[String], secrets: &[&str]) {
    sidecar.terminate();
    sidecar.ended();
    let mut places: Vec<(String, Vec<u8>)> = told
        .iter()
        .enumerate()
        .map(|(n, text)| (format!("output {n}"), text.clone().into()))
        .collect();
    for file in files(sidecar.home()) {
        places.push((file.display().to_string(), std::fs::read(&file).unwrap()));
    }
    let trail = sidecar.trail();
    for secret in secrets {
        for form in forms(secret) {
            for (place, content) in &places {
                assert!(!contains(content, form.as_bytes()), "{form} is in {place}");
            }
            assert!(!trail.holds(form.as_bytes()), "{form} is in a row");
        }
    }
    assert!(places.iter().any(|(place, _)| place.ends_with("runplane.db")));
}

/// Where a provider is to call is what people and rules look at; its path, query and password are the right to post there.
#[test]
fn no_secret_of_a_webhook_is_in_database_log_or_dump() {
    const HELD: &str = r#"
        @id("hooks") @decision("REQUIRE_APPROVAL") @reason("Somebody looks at webhooks")
        forbid (principal, action == Action::"modify_webhook", resource);
    "#;
    const SENT: &str = r#"
        @id("hooks") permit (principal, action == Action::"modify_webhook", resource);
    "#;
    const SECRETS: [&str; 4] = [
        "PASSWORDofHook0001xyz",
        "SECRETinHookPath0002xyzxyz",
        "SECRETinHookQuery0003xyz",
        "ghp_SECRETasResource0004xyz",
    ];
    let hook = format!(
        "https://u:{}@hooks.example.com/services/T000/{}?token={}",
        SECRETS[0], SECRETS[1], SECRETS[2]
    );
    let (github, aws) = (Origin::of_things(), Origin::of_things());
    let house = |policy: &str| {
        Sidecar::new()
            .resolve("api.github.com", &github)
            .resolve("sns.us-east-1.amazonaws.com", &aws)
            .agent("support-bot", "support")
            .policy(policy)
            .hold("1s")
            .start()
    };
    let credentials = format!("support-bot:{}", key("support-bot"));
    for policy in [HELD, SENT] {
        let sidecar = house(policy);
        let made = format!(r#"{{"name":"web","config":{{"url":"{hook}"}}}}"#);
        let json = ["-H", "Content-Type: application/json", "-d", &made];
        let call = |arguments: &[&str], url| {
            Curl::start_as(&sidecar, Some(&credentials), &[arguments, &[url]].concat()).finish()
        };
        let called = call(&json, "https://api.github.com/repos/o/r/hooks");
        let form = ["Action=Subscribe", "Version=2010-03-31", "Protocol=https"]
            .map(|pair| ["-d", pair])
            .concat();
        let topic = "TopicArn=arn:aws:sns:us-east-1:123456789012:jobs";
        let rest = ["-d", topic, "--data-urlencode", &format!("Endpoint={hook}")].map(str::to_owned);
        let form: Vec<&str> = form.into_iter().chain(rest.iter().map(String::as_str)).collect();
        call(&form, "https://sns.us-east-1.amazonaws.com/");
        let statement = serde_json::json!({
            "action": "modify_webhook", "target": hook, "url_fields": [hook], "resource_ids": [SECRETS[3]], "note": hook
        });
        let stated = sidecar.api("POST", "/api/v1/guard", &key("support-bot"), Some(&statement));
        assert_eq!(stated.status, 200, "{stated:?}");
        let shown = sidecar.told(&["audit", "show", "--json"]);
        assert!(shown.contains("https://…@hooks.example.com/services/…/…"), "{shown}");
        let mut told = vec![
            shown,
            sidecar.told(&["audit", "export", "--format", "jsonl"]),
            sidecar.told(&["approvals", "list"]),
            sidecar.printed(),
        ];
        if policy == HELD {
            called.assert_refused("approval_pending");
            told.push(sidecar.told(&["approvals", "show", &called.approval()]));
        }
        assert_nowhere(&sidecar, &told, &SECRETS);
    }
}

fn basic() -> String {
    base64::engine::general_purpose::STANDARD.encode(format!("support-bot:{}", SECRETS[7]))
}

/// The ways in which a secret may have been written down.
fn forms(secret: &str) -> Vec<String> {
    let bytes = secret.as_bytes();
    let base64 = |skip: usize| {
        // Base64 within a longer text starts at any of three places; its borders depend on what is beside it.
        let text = base64::engine::general_purpose::STANDARD_NO_PAD.encode(&bytes[skip..]);
        text[..text.len() - 4].to_owned()
    };
    vec![secret.to_owned(), base64(0), base64(1), base64(2), hex::encode(secret)]
}

#[test]
fn keys_and_state_are_the_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let sidecar = Sidecar::new().start();
    let mut private = files(&sidecar.home().join("state"));
    private.push(sidecar.home().join("certs/ca.key"));
    for file in &private {
        let mode = std::fs::metadata(file).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{} is {mode:o}", file.display());
    }
    for name in ["ca.key", "secrets", "owner.key", "runplane.db"] {
        assert!(
            private.iter().any(|file| file.ends_with(name)),
            "{name} is not there: {private:?}"
        );
    }
}
