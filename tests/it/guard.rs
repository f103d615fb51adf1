//! The Guard API: an agent asks before it acts, and all is as for a call off the wire.

mod again;
mod doors;
mod examples;
mod taken;
mod unrecorded;

use serde_json::{Value, json};

use crate::harness::{Configuration, HttpAnswer, Sidecar, key};

/// The example by which the product is explained.
pub fn transfer() -> Value {
    json!({ "action": "transfer_funds", "target": "finance-system", "amount": 12000, "environment": "production" })
}

pub fn house() -> Configuration {
    Sidecar::new()
        .agent("support-bot", "support")
        .agent("ops-bot", "sre")
        .person("alice", "approver")
}

pub fn body(answer: &HttpAnswer) -> Value {
    serde_json::from_slice(&answer.body).unwrap_or_else(|error| panic!("{error}: {answer:?}"))
}

/// What an agent gets for a question that is answered.
pub fn asks(sidecar: &Sidecar, agent: &str, statement: &Value) -> Value {
    let answer = sidecar.api("POST", "/api/v1/guard", &key(agent), Some(statement));
    assert_eq!(answer.status, 200, "{answer:?}");
    body(&answer)
}

fn tells(sidecar: &Sidecar, agent: &str, decision: &Value, outcome: &Value) -> HttpAnswer {
    let path = format!("/api/v1/guard/{}/outcome", decision["decision_id"].as_str().unwrap());
    sidecar.api("POST", &path, &key(agent), Some(outcome))
}

/// The record proves itself with all of it.
fn verifies(sidecar: &Sidecar) {
    let key = sidecar.told(&["audit", "key"]).trim().to_owned();
    let database = sidecar.home().join("state/runplane.db");
    let told = sidecar.told(&["audit", "verify", "--key", &key, database.to_str().unwrap()]);
    assert!(told.starts_with("OK: "), "{told}");
}

fn ended(sidecar: &Sidecar, decision: &Value) -> Vec<Value> {
    let mut outcomes = sidecar.trail().of_kind("outcome");
    outcomes.retain(|entry| entry["call"] == decision["decision_id"]);
    outcomes
}

#[test]
fn the_named_example_waits_for_a_person_and_is_on_record() {
    let sidecar = house().start();
    let answer = asks(&sidecar, "support-bot", &transfer());
    assert_eq!(answer["decision"], "REQUIRE_APPROVAL", "{answer}");
    assert_eq!(answer["reason"], "High-risk financial action in production");
    assert_eq!(answer["policies"], json!(["transfer"]));
    assert_eq!(answer["risk"]["level"], "medium", "{answer}");
    let factors = answer["risk"]["factors"].as_array().unwrap();
    let points: i64 = factors.iter().map(|factor| factor["points"].as_i64().unwrap()).sum();
    assert!(factors.len() > 1 && answer["risk"]["score"] == points, "{answer}");
    assert!(answer["expires_at"].is_string() && answer["approval_id"].as_str().unwrap().starts_with("apr_"));

    let trail = sidecar.trail();
    let decided = &trail.of_kind("decided")[0];
    for (member, value) in [
        ("call", &answer["decision_id"]),
        ("decision", &"REQUIRE_APPROVAL".into()),
        ("action", &"transfer_funds".into()),
        ("provider", &"guard".into()),
        ("environment", &"unknown".into()),
        ("agent", &"support-bot".into()),
    ] {
        assert_eq!(&decided[member], value, "{decided}");
    }
    assert_eq!(trail.of_kind("held")[0]["approval"], answer["approval_id"]);
    let shown = sidecar.told(&["approvals", "show", answer["approval_id"].as_str().unwrap()]);
    assert!(
        shown.contains("$12000.00") && shown.contains("finance-system"),
        "{shown}"
    );
}

#[test]
fn what_people_approve_is_allowed_once_and_its_end_is_told() {
    let sidecar = house().start();
    let first = asks(&sidecar, "support-bot", &transfer());
    let wait = first["wait_url"].as_str().unwrap();
    let waited = |path: &str| body(&sidecar.api("GET", path, &key("support-bot"), None));
    assert_eq!(waited(&wait.replace("=25", "=0"))["state"], "pending");
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| waited(wait));
        sidecar.approve(first["approval_id"].as_str().unwrap());
        assert_eq!(waiting.join().unwrap()["state"], "approved");
    });
    let allowed = asks(&sidecar, "support-bot", &transfer());
    assert_eq!(
        (&allowed["decision"], &allowed["approval_id"]),
        (&"ALLOW".into(), &first["approval_id"])
    );
    assert_ne!(allowed["decision_id"], first["decision_id"]);
    assert!(ended(&sidecar, &allowed).is_empty(), "nobody knows yet");

    let told = tells(
        &sidecar,
        "support-bot",
        &allowed,
        &json!({ "outcome": "success", "result_id": "tr_1" }),
    );
    assert_eq!(told.status, 200, "{told:?}");
    assert_eq!(ended(&sidecar, &allowed)[0]["outcome"], "success");
    for (outcome, status) in [("success", 200), ("failure", 409)] {
        let again = tells(&sidecar, "support-bot", &allowed, &json!({ "outcome": outcome }));
        assert_eq!(again.status, status, "{again:?}");
    }
    let again = asks(&sidecar, "support-bot", &transfer());
    assert_eq!(
        (&again["decision"], &again["code"]),
        (&"BLOCK".into(), &"already_executed".into())
    );
    assert_eq!(ended(&sidecar, &allowed).len(), 1);
    verifies(&sidecar);
}

#[test]
fn what_people_deny_is_blocked_with_their_reason() {
    let sidecar = house().start();
    let first = asks(&sidecar, "support-bot", &transfer());
    sidecar.deny(first["approval_id"].as_str().unwrap(), "ask finance first");
    let denied = asks(&sidecar, "support-bot", &transfer());
    assert_eq!(
        (&denied["decision"], &denied["code"]),
        (&"BLOCK".into(), &"approval_denied".into())
    );
    assert!(
        denied["reason"].as_str().unwrap().contains("ask finance first"),
        "{denied}"
    );
}

#[test]
fn a_request_id_is_answered_once() {
    let sidecar = house().start();
    let mut post = json!({ "action": "post_message", "target": "general", "request_id": "r1" });
    let first = asks(&sidecar, "support-bot", &post);
    assert_eq!(first["decision"], "ALLOW");
    assert_eq!(asks(&sidecar, "support-bot", &post), first);
    assert_eq!(
        asks(&sidecar, "ops-bot", &post)["decision_id"].as_str(),
        asks(&sidecar, "ops-bot", &post)["decision_id"].as_str()
    );
    assert_eq!(sidecar.trail().of_kind("decided").len(), 2, "one for each agent");
    post["target"] = "random".into();
    let other = sidecar.api("POST", "/api/v1/guard", &key("support-bot"), Some(&post));
    assert_eq!(
        (other.status, &body(&other)["decision"]),
        (409, &"BLOCK".into()),
        "{other:?}"
    );

    // What waits is answered as it was until people decide.
    let mut transfer = transfer();
    transfer["request_id"] = "r2".into();
    let pending = asks(&sidecar, "support-bot", &transfer);
    assert_eq!(asks(&sidecar, "support-bot", &transfer), pending);
    sidecar.approve(pending["approval_id"].as_str().unwrap());
    let allowed = asks(&sidecar, "support-bot", &transfer);
    assert_eq!(allowed["decision"], "ALLOW", "{allowed}");
    assert_eq!(asks(&sidecar, "support-bot", &transfer), allowed);
    assert_eq!(sidecar.trail().of_kind("consumed").len(), 1);
}

#[test]
fn the_same_request_at_once_is_decided_once() {
    let sidecar = house().start();
    let post = json!({ "action": "post_message", "target": "general", "request_id": "r1" });
    let answers: Vec<Value> = std::thread::scope(|scope| {
        let all: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| asks(&sidecar, "support-bot", &post)))
            .collect();
        all.into_iter().map(|one| one.join().unwrap()).collect()
    });
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    assert_eq!(sidecar.trail().of_kind("decided").len(), 1);
}

#[test]
fn a_word_on_the_environment_makes_nothing_laxer() {
    let unlabelled = r#"
@id("name-it-first") @reason("Nobody has said what this is")
forbid (principal, action == Action::"transfer_funds", resource) when { resource.environment == "unknown" };
"#;
    let configuration = house().policy(unlabelled);
    configuration.home.write(
        "policies/targets.yaml",
        "domains: []\ntargets:\n  - match: { provider: guard, id: \"staging-*\" }\n    label: { environment: staging }\n",
    );
    let sidecar = configuration.start();
    for claimed in ["production", "staging", "test"] {
        let mut statement = transfer();
        statement["environment"] = claimed.into();
        let answer = asks(&sidecar, "support-bot", &statement);
        assert_eq!(
            (&answer["decision"], &answer["policies"]),
            (&"BLOCK".into(), &json!(["name-it-first"])),
            "{claimed}"
        );
        statement["target"] = "staging-ledger".into();
        let answer = asks(&sidecar, "support-bot", &statement);
        assert_eq!(
            answer["policies"],
            json!(["transfer-elsewhere"]),
            "what the operator says counts: {answer}"
        );
    }
}

#[test]
fn tools_beyond_the_vocabulary_are_known_by_the_table_or_held() {
    let configuration = house();
    let table = include_str!("../../mappings/tools.yaml");
    let own = table.replacen(
        "tools:\n",
        "tools:\n  - { tool: get_order_status, action: read_record }\n",
        1,
    );
    configuration.home.write("mappings/tools.yaml", own);
    let sidecar = configuration.start();
    for (tool, decision, action) in [
        ("deleteUser", "REQUIRE_APPROVAL", "delete_record"),
        ("delete_all_users", "BLOCK", "delete_records"),
        ("getOrderStatus", "ALLOW", "read_record"),
        ("get_customer", "REQUIRE_APPROVAL", "call_tool"),
        ("fire_missiles", "REQUIRE_APPROVAL", "call_tool"),
        ("sendEmail", "REQUIRE_APPROVAL", "send_email"),
    ] {
        let answer = asks(&sidecar, "support-bot", &json!({ "action": tool, "target": "x" }));
        assert_eq!(
            (&answer["decision"], &answer["action"]),
            (&decision.into(), &action.into()),
            "{answer}"
        );
    }
    let mail = json!({ "action": "sendEmail", "target": "x", "recipient_count": 1 });
    assert_eq!(asks(&sidecar, "support-bot", &mail)["decision"], "ALLOW");
}

#[test]
fn a_paused_agent_is_allowed_nothing() {
    let sidecar = house().start();
    let post = json!({ "action": "post_message", "target": "general", "request_id": "r1" });
    sidecar.told(&["pause", "--agent", "support-bot"]);
    let answer = sidecar.api("POST", "/api/v1/guard", &key("support-bot"), Some(&post));
    let told = body(&answer);
    assert_eq!(
        (answer.status, &told["decision"], &told["code"]),
        (403, &"BLOCK".into(), &"paused".into())
    );
    sidecar.told(&["resume", "--agent", "support-bot"]);
    assert_eq!(
        asks(&sidecar, "support-bot", &post)["decision"],
        "ALLOW",
        "asked again when it is over"
    );
}

#[test]
fn an_agent_that_is_only_observed_is_told_so() {
    let sidecar = house().section("dangerously_observe: [support-bot]").start();
    let answer = asks(&sidecar, "support-bot", &transfer());
    assert_eq!(
        (&answer["decision"], &answer["would"]),
        (&"ALLOW".into(), &"REQUIRE_APPROVAL".into()),
        "{answer}"
    );
}

#[test]
fn kill_9_between_decision_and_outcome_leaves_a_truthful_trail() {
    let sidecar = house().start();
    let allowed = asks(
        &sidecar,
        "support-bot",
        &json!({ "action": "post_message", "target": "general" }),
    );
    let pending = asks(&sidecar, "support-bot", &transfer());
    sidecar.kill9();
    sidecar.restart();
    assert_eq!(ended(&sidecar, &allowed)[0]["outcome"], "unknown");
    assert_eq!(ended(&sidecar, &pending)[0]["outcome"], "not_sent");
    let late = tells(&sidecar, "support-bot", &allowed, &json!({ "outcome": "success" }));
    assert_eq!(late.status, 404, "{late:?}");
    assert_eq!(ended(&sidecar, &allowed).len(), 1);
    // People may still decide, and what they approve is allowed once.
    sidecar.approve(pending["approval_id"].as_str().unwrap());
    assert_eq!(asks(&sidecar, "support-bot", &transfer())["decision"], "ALLOW");
    assert_eq!(asks(&sidecar, "support-bot", &transfer())["code"], "already_executed");
    verifies(&sidecar);
}

#[test]
fn what_is_open_when_the_sidecar_stops_ends_as_unknown() {
    let sidecar = house().start();
    let allowed = asks(
        &sidecar,
        "support-bot",
        &json!({ "action": "post_message", "target": "general" }),
    );
    sidecar.terminate();
    assert!(sidecar.ended().success());
    assert_eq!(ended(&sidecar, &allowed)[0]["outcome"], "unknown");
    let last = sidecar.trail().entries().pop().unwrap();
    assert_eq!(last["kind"], "shutdown");
}
