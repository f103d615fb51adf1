//! What libraries raise where the call could not be recorded, and where nobody knows the agent; held against `docs/agents.md`.

use super::*;

/// Each library by its name, its script, and a call that would be allowed.
const LIBRARIES: [(&str, &str, &str); 9] = [
    (
        "requests",
        "requests_client.py",
        "get https://api.stripe.com/v1/balance",
    ),
    ("httpx", "httpx_client.py", "get https://api.stripe.com/v1/balance"),
    ("stripe", "stripe_client.py", "balance"),
    ("boto3", "boto3_client.py", "describe_instances"),
    ("slack_sdk", "slack_client.py", "whoami"),
    ("openai", "openai_client.py", "models"),
    ("anthropic", "anthropic_client.py", "ask Hello"),
    ("twilio", "twilio_client.py", "messages"),
    ("PyGithub", "github_client.py", "repository acme/app"),
];

#[test]
fn the_page_for_agents_has_what_libraries_raise_for_503_and_407() {
    let sidecar = Sidecar::new().agent("support-bot", "support").start();
    let database = rusqlite::Connection::open(sidecar.home().join("state/runplane.db")).unwrap();
    let page = std::fs::read_to_string(root().join("docs/agents.md")).unwrap();
    // Without a key nobody is known; with one, nothing of the call can be recorded.
    let ask = |agent: Option<&str>| {
        LIBRARIES.map(|(_, script, call)| {
            // With a bound on what some of them try again.
            let bound = [("AWS_MAX_ATTEMPTS", "1"), ("HTTPX_TIMEOUT", "60")];
            let answer = Session::open(script, &sidecar, agent, &bound).call(call);
            assert!(!answer.ok, "{script}: {answer:?}");
            answer
        })
    };
    let unknown = ask(None);
    database.busy_timeout(std::time::Duration::from_secs(20)).unwrap();
    database.execute_batch("BEGIN IMMEDIATE").unwrap();
    let unrecorded = ask(Some("support-bot"));
    database.execute_batch("ROLLBACK").unwrap();
    let lines: Vec<String> = LIBRARIES
        .iter()
        .zip(unrecorded.iter().zip(&unknown))
        .map(|((name, ..), (unrecorded, unknown))| {
            format!(
                "| {name} | `{}` | `{}` |",
                unrecorded.error().class,
                unknown.error().class
            )
        })
        .collect();
    let missing: Vec<_> = lines.iter().filter(|line| !page.contains(*line)).collect();
    assert!(
        missing.is_empty(),
        "docs/agents.md has other lines than these: {lines:#?}"
    );
    let shows = ["requests", "httpx", "stripe", "boto3", "openai"];
    for ((name, ..), answer) in LIBRARIES
        .iter()
        .zip(&unrecorded)
        .filter(|((name, ..), _)| shows.contains(name))
    {
        assert!(answer.told().contains("audit_unavailable"), "{name}: {answer:?}");
    }
}
