//! What each library raises for each kind of refusal, where code, sentence and approval stand in it, and how often it tries; held against
//! `docs/agents.md`. `already_executed` is made in a client's row of `docs/clients.md`.

use std::time::{Duration, Instant};

use super::*;
use crate::harness::{Configuration, Curl, free_port, libraries, raised, rows};

/// What goes on for longer is told to go on: some libraries try for half an hour.
const LIMIT: Duration = Duration::from_secs(45);
const NOTHING: &str = "budgets:\n  nothing: { window: 1h, per: sidecar, limit: 0 }\n";
const ON: &str = "tries on for minutes";

/// A library's row. `before`: a sidecar by whether its provider is there.
pub fn raises<C: Client>(
    library: &str,
    calls: &Calls,
    before: &dyn Fn(bool) -> Configuration,
    start: impl Fn(&Sidecar) -> C,
) {
    if !libraries().contains(&library) {
        return;
    }
    let (refused, text, overloaded) = refused(calls, before(true), &start);
    let (unreachable, unknown) = not_let_in(calls, before(false), &start);
    raised(library, &[refused, text, unreachable, overloaded, unknown]);
}

/// The classes of what is not tried again, what the error's own text has of it, and what is raised for a 503.
fn refused<C: Client>(calls: &Calls, before: Configuration, start: impl Fn(&Sidecar) -> C) -> (String, String, String) {
    let sidecar = before.hold("1s").approvals("max_pending_per_agent: 1").start();
    // Another call of the agent waits, and takes the one place there is.
    let other = [
        "-d",
        "charge=ch_9",
        "-d",
        "amount=90000",
        "https://api.stripe.com/v1/refunds",
    ];
    Curl::call(&sidecar, &other).assert_refused("approval_pending");
    let other = sidecar.next_held();
    let overloaded = tries(&sidecar, &mut start(&sidecar), calls.hold, "overloaded");
    sidecar.deny(&other, "no");

    let mut client = start(&sidecar);
    let mut found: Vec<(String, Vec<&str>)> = Vec::new();
    let mut once = |code: &'static str, client: &mut C, call: &str, says: &[&str]| {
        let (count, answer) = (refusals(&sidecar, code), client.call(call));
        assert_eq!(
            refusals(&sidecar, code) - count,
            1,
            "{code} is not tried again: {answer:?}"
        );
        says.iter().chain([&code]).for_each(|says| {
            answer.assert_refused(says);
        });
        let class = class(&answer);
        match found.iter_mut().find(|(other, _)| *other == class) {
            Some((_, codes)) => codes.push(code),
            None => found.push((class, vec![code])),
        }
        answer
    };
    once("policy_blocked", &mut client, calls.block.0, &["NOT executed"]);
    let pending = once("approval_pending", &mut client, calls.hold, &["NOT executed"]);
    let id = pending.approval();
    sidecar.deny(&id, "not this week");
    once("approval_denied", &mut client, calls.hold, &["not this week", &id]);
    sidecar.told(&["pause", "--all"]);
    once("paused", &mut client, calls.hold, &["NOT executed"]);
    sidecar.told(&["resume", "--all"]);
    std::fs::write(sidecar.home().join("policies/budgets.yaml"), NOTHING).unwrap();
    assert!(sidecar.prints(&["RELOADED"]));
    once("budget_exceeded", &mut client, calls.allow, &["NOT executed"]);

    let is_one = found.len() == 1;
    let found = found.into_iter().map(|(class, codes)| match is_one {
        true => class,
        false => format!("{class} ({})", codes.join(", ")),
    });
    (found.collect::<Vec<_>>().join("; "), text(&pending, &id), overloaded)
}

/// What is raised where the provider is not reached, and where nobody knows the agent.
fn not_let_in<C: Client>(calls: &Calls, before: Configuration, start: impl Fn(&Sidecar) -> C) -> (String, String) {
    let sidecar = before.without_fixed_agent().start();
    // Both start before there are agents with keys: without one, nothing is started then.
    let (mut first, mut second) = (start(&sidecar), start(&sidecar));
    let unreachable = tries(&sidecar, &mut first, calls.allow, "upstream_unreachable");
    drop(first);
    sidecar.told(&["agents", "add", "another-bot"]);
    let unknown = tries(&sidecar, &mut second, calls.allow, "agent_unknown");
    (unreachable, unknown)
}

/// `InternalServerError 503, 3 attempts`
fn tries<C: Client>(sidecar: &Sidecar, client: &mut C, call: &str, code: &str) -> String {
    let (before, began) = (refusals(sidecar, code), Instant::now());
    client.send(call);
    let Some(answer) = client.receive_within(LIMIT) else {
        assert!(refusals(sidecar, code) - before > 1, "{code}");
        return ON.to_owned();
    };
    assert!(!answer.ok, "{code}: {answer:?}");
    let attempts = refusals(sidecar, code) - before;
    assert!(attempts > 0, "{code} after {:?}: {answer:?}", began.elapsed());
    match attempts {
        1 => class(&answer),
        more => format!("{}, {more} attempts", class(&answer)),
    }
}

/// How many calls were refused so, or for something that is decided alike.
fn refusals(sidecar: &Sidecar, code: &str) -> usize {
    let trail = sidecar.trail();
    let elsewhere = |entry: &&serde_json::Value| entry["rules"] != "writes-to-unknown-hosts";
    let decided = |decision: &str| {
        let decided = trail.of_kind("decided");
        decided
            .iter()
            .filter(elsewhere)
            .filter(|entry| entry["decision"] == decision)
            .count()
    };
    match code {
        "policy_blocked" | "budget_exceeded" => decided("BLOCK"),
        "approval_pending" | "approval_denied" | "overloaded" => decided("REQUIRE_APPROVAL"),
        "upstream_unreachable" => decided("ALLOW"),
        code => trail
            .of_kind("refused")
            .iter()
            .filter(|entry| entry["reason"] == code)
            .count(),
    }
}

fn class(answer: &Answer) -> String {
    let error = answer.error();
    let status = error.http_status.map(|status| status.to_string());
    // gRPC has statuses of its own.
    let status = status.or_else(|| error.code.clone()).map(|status| format!(" {status}"));
    format!("`{}`{}", error.class, status.unwrap_or_default())
}

/// What the error's own text has: what an agent's code shows to its model without more ado.
fn text(pending: &Answer, id: &str) -> String {
    let Some(said) = &pending.error().said else {
        return "it is no error, but a response".to_owned();
    };
    let all = [
        ("code", "approval_pending"),
        ("sentence", "NOT executed"),
        ("approval", id),
    ];
    let has: Vec<&str> = all
        .iter()
        .filter(|(_, text)| said.contains(text))
        .map(|(name, _)| *name)
        .collect();
    match has.is_empty() {
        true => "nothing of it".to_owned(),
        false => has.join(", "),
    }
}

/// The sidecar of a row: these hosts lead to the origin, or to where nobody listens.
pub fn at(origin: Option<&Origin>, hosts: &[&str], rule: &str) -> Configuration {
    let nobody = nobody();
    let leads = |sidecar: Configuration, host: &&str| match origin {
        Some(origin) => sidecar.resolve(host, origin),
        None => sidecar.resolve_to(host, &nobody),
    };
    let sidecar = hosts.iter().fold(Sidecar::new().policy(rule), leads);
    sidecar.destination(&nobody)
}

/// An address where nobody listens.
pub fn nobody() -> String {
    format!("127.0.0.1:{}", free_port())
}

#[test]
fn the_page_for_agents_has_a_row_for_each_library() {
    assert_eq!(rows(), libraries());
}
