//! Budgets hold through the whole binary: for real clients, for many at once, across kill -9 and reloads.

mod at_once;

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpStream};

use serde_json::Value;

use crate::harness::{Configuration, Gate, Origin, PATIENCE, Reply, Session, Sidecar, eventually};

pub const REFUNDS: &str = "budgets:
  refunds_per_day: { window: 1d, sum: amount_base, actions: [process_refund], per: agent, limit: 100000 }
";

pub fn with_budgets(yaml: &str) -> Configuration {
    let configuration = Sidecar::new();
    configuration.home.write("policies/budgets.yaml", yaml);
    configuration
}

pub fn stripe(yaml: &str) -> (Origin, Sidecar) {
    let origin = Origin::stripe();
    let sidecar = with_budgets(yaml).resolve("api.stripe.com", &origin).hold("1s").start();
    (origin, sidecar)
}

/// What is used of a budget, over all its windows.
pub fn used(sidecar: &Sidecar, budget: &str) -> i64 {
    let told: Value = serde_json::from_str(&sidecar.told(&["budgets", "--json"])).unwrap();
    let items = told["items"].as_array().unwrap().iter();
    items
        .filter(|item| item["budget"] == budget)
        .map(|item| item["used"].as_i64().unwrap())
        .sum()
}

#[test]
fn refunds_stop_at_the_budget_and_the_agent_and_people_are_told() {
    let (origin, sidecar) = stripe(REFUNDS);
    let mut client = Session::stripe(&sidecar);
    client.call("refund ch_1 amount=50000").assert_ok();
    client.call("refund ch_1 amount=40000").assert_ok();
    let refused = client.call("refund ch_1 amount=20000");
    refused.assert_refused("budget_exceeded");
    for told in [
        "NOT executed",
        "refunds_per_day",
        "$1000.00 in 1d",
        "$1100.00",
        "there is room for it from",
    ] {
        assert!(refused.error().message.contains(told), "{told}: {refused:?}");
    }
    assert_eq!(refused.error().http_status, Some(403));
    assert!(sidecar.prints(&["BLOCKED support-bot", "budget:refunds_per_day"]));
    client.call("refund ch_1 amount=10000").assert_ok();
    assert_eq!(origin.calls("POST", "/v1/refunds").len(), 3);
    let listed = sidecar.told(&["budgets"]);
    for told in ["refunds_per_day", "agent support-bot", "$1000.00", "$0.00"] {
        assert!(listed.contains(told), "{told}: {listed}");
    }
    let decided = sidecar.trail().of_kind("decided");
    let blocked = decided.iter().find(|entry| entry["decision"] == "BLOCK").unwrap();
    let explained = sidecar.told(&["explain", blocked["call"].as_str().unwrap()]);
    let then = "refunds_per_day: 90000 used, 110000 with this call, at most 100000 for support-bot";
    assert!(explained.contains(then), "{explained}");
    let decided = sidecar.trail().of_kind("decided");
    assert!(
        decided.iter().all(|entry| entry["budgets"] == "refunds_per_day"),
        "{decided:?}"
    );
    assert!(
        decided.iter().all(|entry| entry["commit_budgets"].is_string()),
        "{decided:?}"
    );
    client.call("balance").assert_ok();
    let decided = sidecar.trail().of_kind("decided");
    assert!(
        decided.last().unwrap().get("budgets").is_none(),
        "a call that touches none says nothing"
    );
}

#[test]
fn what_the_provider_refuses_is_given_back_and_what_it_may_have_done_is_not() {
    let (origin, sidecar) = stripe(REFUNDS);
    let mut client = Session::open("stripe_client.py", &sidecar, None, &[("STRIPE_RETRIES", "0")]);
    for (status, counts) in [(402, 0), (404, 0), (409, 10_000), (500, 20_000)] {
        origin.answer_next_with(Reply::new(status).bytes(r#"{"error":{"type":"api_error","message":"no"}}"#));
        assert!(!client.call("refund ch_1 amount=10000").ok);
        eventually("the outcome is in the books", || {
            used(&sidecar, "refunds_per_day") == counts
        });
    }
}

#[test]
fn a_held_call_reserves_nothing_until_it_is_approved() {
    let asks = REFUNDS.replace("limit: 100000", "limit: 30000, over: REQUIRE_APPROVAL");
    let (origin, sidecar) = stripe(&asks);
    let mut client = Session::stripe(&sidecar);
    client.call("refund ch_1 amount=30000").assert_ok();
    let held = client.call("refund ch_1 amount=5000");
    held.assert_refused("approval_pending");
    assert_eq!(used(&sidecar, "refunds_per_day"), 30_000);
    let shown = sidecar.told(&["approvals", "show", &held.approval()]);
    assert!(
        shown.contains("budget:refunds_per_day") && shown.contains("$350.00"),
        "{shown}"
    );
    sidecar.approve(&held.approval());
    client.call("refund ch_1 amount=5000").assert_ok();
    assert_eq!(used(&sidecar, "refunds_per_day"), 35_000);
    assert_eq!(origin.calls("POST", "/v1/refunds").len(), 2);
}

#[test]
fn a_library_that_tries_again_with_its_key_is_counted_once() {
    let (origin, sidecar) = stripe(REFUNDS);
    let mut client = Session::open("stripe_client.py", &sidecar, None, &[("STRIPE_RETRIES", "2")]);
    let no = r#"{"error":{"type":"api_error","message":"no"}}"#;
    origin.answer_next_with(Reply::new(500).bytes(no));
    origin.answer_next_with(Reply::new(500).bytes(no));
    client.call("refund ch_1 amount=40000").assert_ok();
    assert_eq!(origin.calls("POST", "/v1/refunds").len(), 3, "it tried three times");
    assert_eq!(used(&sidecar, "refunds_per_day"), 40_000);
    let repeats = sidecar.trail().of_kind("decided");
    assert_eq!(
        repeats.iter().filter(|entry| entry["repeats"].is_string()).count(),
        2,
        "{repeats:?}"
    );
    sidecar.restart_hard();
    assert_eq!(used(&sidecar, "refunds_per_day"), 40_000, "and so by the record");
}

#[test]
fn what_was_used_is_used_after_kill_9_and_doubt_counts() {
    let (origin, sidecar) = stripe(REFUNDS);
    let mut client = Session::open("stripe_client.py", &sidecar, None, &[("STRIPE_RETRIES", "0")]);
    client.call("refund ch_1 amount=30000").assert_ok();
    origin.answer_next_with(Reply::new(402).bytes(r#"{"error":{"type":"card_error","message":"no"}}"#));
    assert!(!client.call("refund ch_1 amount=50000").ok);
    let gate = Gate::shut();
    origin.answer_next_with(Reply::new(200).bytes("{}").after(&gate));
    client.send("refund ch_1 amount=40000");
    eventually("the refund is at the provider", || {
        origin.calls("POST", "/v1/refunds").len() == 3
    });
    eventually("the first two have their end", || {
        sidecar.trail().of_kind("outcome").len() == 2
    });
    sidecar.kill9();
    assert!(!client.receive().ok);
    sidecar.restart();
    gate.open();
    assert_eq!(
        used(&sidecar, "refunds_per_day"),
        70_000,
        "30,000 done and 40,000 in doubt; what was refused is not"
    );
    client
        .call("refund ch_1 amount=30001")
        .assert_refused("budget_exceeded");
    client.call("refund ch_1 amount=30000").assert_ok();
}

#[test]
fn a_budget_that_a_reload_brings_or_changes_counts_what_was_before() {
    let (_origin, sidecar) = stripe("budgets: {}\n");
    let mut client = Session::stripe(&sidecar);
    client.call("refund ch_1 amount=50000").assert_ok();
    client.call("refund ch_1 amount=40000").assert_ok();
    sidecar.puts("policies/budgets.yaml", REFUNDS);
    assert_eq!(used(&sidecar, "refunds_per_day"), 90_000);
    client
        .call("refund ch_1 amount=10001")
        .assert_refused("budget_exceeded");
    sidecar.puts(
        "policies/budgets.yaml",
        REFUNDS.replace("1d", "2h").replace("agent", "sidecar"),
    );
    assert_eq!(
        used(&sidecar, "refunds_per_day"),
        90_000,
        "another window, other scopes"
    );
    sidecar.puts(
        "policies/budgets.yaml",
        REFUNDS
            .replace("1d", "2h")
            .replace("agent", "sidecar")
            .replace("100000", "120000"),
    );
    client.call("refund ch_1 amount=30000").assert_ok();
}

/// One read through the proxy, in clear.
pub fn try_read(sidecar: &Sidecar) -> io::Result<u16> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, sidecar.proxy_port()))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream
        .write_all(b"GET http://things.example/hello HTTP/1.1\r\nHost: things.example\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
    status.ok_or_else(|| io::Error::other("no answer"))
}

#[test]
fn many_calls_at_once_never_go_over_whatever_is_killed_in_the_middle() {
    let origin = Origin::of_things_in_clear();
    let budget = "budgets:\n  reads: { window: 1h, actions: [read_record], per: sidecar, limit: 100 }\n";
    let sidecar = with_budgets(budget).resolve("things.example", &origin).start();
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                for _ in 0..10 {
                    // Once it is killed, nobody answers.
                    let _gone = try_read(&sidecar).is_err();
                }
            });
        }
        scope.spawn(|| {
            eventually("some came through", || origin.seen().len() >= 20);
            sidecar.kill9();
        });
    });
    sidecar.restart();
    let before = origin.seen().len();
    assert!(before <= 100, "{before} arrived");
    assert!(
        used(&sidecar, "reads") >= i64::try_from(before).unwrap(),
        "each that arrived counts"
    );
    // The rest, and not one more.
    let statuses: Vec<u16> = (0..110).map(|_| try_read(&sidecar).unwrap()).collect();
    let more = statuses.iter().filter(|status| **status == 200).count();
    assert_eq!(statuses.last(), Some(&403));
    assert_eq!(origin.seen().len(), before + more);
    assert!(origin.seen().len() <= 100, "{} arrived", origin.seen().len());
    assert_eq!(used(&sidecar, "reads"), 100);
}

#[test]
fn mails_stop_at_the_hours_recipients() {
    let origin = Origin::sendgrid();
    let budget = "budgets:\n  mails_per_hour: { window: 1h, sum: recipient_count, actions: [send_email], per: agent, limit: 3 }\n";
    let sidecar = with_budgets(budget)
        .resolve("api.sendgrid.com", &origin)
        .hold("1s")
        .start();
    let mut client = Session::sendgrid(&sidecar);
    client.call("send 2").assert_ok();
    client.call("send 2").assert_refused("budget_exceeded");
    client.call("send 1").assert_ok();
    assert_eq!(used(&sidecar, "mails_per_hour"), 3);
}

#[test]
fn a_wrong_budget_file_keeps_what_is_in_force_and_check_tells_all_of_it() {
    let (_origin, sidecar) = stripe(REFUNDS);
    let home = sidecar.home().join("policies/budgets.yaml");
    std::fs::write(&home, REFUNDS.replace("amount_base", "amuont").replace("1d", "soon")).unwrap();
    assert!(sidecar.prints(&["RELOAD REFUSED", "budgets.yaml:2:", "did you mean `amount`?"]));
    assert!(sidecar.prints(&["RELOAD REFUSED", "budgets.yaml:2:", "expected a window"]));
    let mut client = Session::stripe(&sidecar);
    client.call("refund ch_1 amount=50000").assert_ok();
    client.call("refund ch_1 amount=50000").assert_ok();
    client.call("refund ch_1 amount=100").assert_refused("budget_exceeded");
    let checked = sidecar.cli(&["check"]);
    let said = String::from_utf8_lossy(&checked.stderr).into_owned();
    assert!(!checked.status.success() && said.contains("2 errors found"), "{said}");
}
