//! `/metrics`, on control and where probes come in: what is counted is what happened, and nothing of whose it was.

use std::collections::BTreeMap;
use std::process::Command;

use crate::harness::{Origin, Session, Sidecar, Tunnel, Wire, bounded, eventually, free_port, python, root, said};

/// Samples by name and labels, as the official parser of the format reads them; it refuses what is not of the format.
fn read(text: &str) -> BTreeMap<String, f64> {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("metrics");
    std::fs::write(&file, text).unwrap();
    let mut parser = Command::new(python());
    let output = bounded({
        parser.arg(root().join("tests/deploy/metrics_reader.py")).arg(&file);
        parser
    });
    assert!(output.status.success(), "{}\n{text}", said(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn get(port: u16, path: &str) -> crate::harness::HttpAnswer {
    Wire::at(port).ask(format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"))
}

fn samples(sidecar: &Sidecar) -> BTreeMap<String, f64> {
    let answer = get(sidecar.control_port(), "/metrics");
    let kind = answer.header("content-type").unwrap();
    assert_eq!(kind, "application/openmetrics-text; version=1.0.0; charset=utf-8");
    read(&answer.text())
}

fn requests(class: &str, decision: &str, status: &str) -> String {
    format!("runplane_requests_total{{action_class={class},decision={decision},upstream_status_class={status}}}")
}

#[test]
fn what_is_counted_is_what_happened() {
    let origin = Origin::stripe();
    let sidecar = Sidecar::new().resolve("api.stripe.com", &origin).start();
    let first = samples(&sidecar);
    let mut client = Session::stripe(&sidecar);
    client.call("balance").assert_ok();
    client.send("refund ch_1 amount=90000");
    let id = sidecar.next_held();
    assert_eq!(samples(&sidecar)["runplane_approvals_pending"], 1.0);
    sidecar.approve(&id);
    client.receive().assert_ok();
    client.send("refund ch_1 amount=95000");
    sidecar.deny(&sidecar.next_held(), "no");
    client.receive().assert_refused("approval_denied");
    let mut leaves = Tunnel::to("api.stripe.com:443").open(&sidecar);
    leaves.send(
        "POST /v1/refunds HTTP/1.1\r\nHost: api.stripe.com\r\nAuthorization: Bearer sk_test_1\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 24\r\n\r\ncharge=ch_2&amount=90000",
    );
    sidecar.next_held();
    drop(leaves);
    let mut fronted = Tunnel::to("evil.example:443").sni("api.stripe.com").open(&sidecar);
    let front = fronted.ask("GET / HTTP/1.1\r\nHost: api.stripe.com\r\n\r\n");
    assert_eq!(front.status, 421);
    let mut elsewhere = Tunnel::to("169.254.169.254:443").open(&sidecar);
    assert_eq!(
        elsewhere.ask("GET / HTTP/1.1\r\nHost: 169.254.169.254\r\n\r\n").status,
        403
    );

    let expected = [
        (requests("read", "ALLOW", "2xx"), 1.0),
        (requests("write", "REQUIRE_APPROVAL", "2xx"), 1.0),
        (requests("write", "REQUIRE_APPROVAL", "none"), 2.0),
        (requests("none", "none", "none"), 1.0),
        ("runplane_approval_decisions_total{result=approved}".to_owned(), 1.0),
        ("runplane_approval_decisions_total{result=denied}".to_owned(), 1.0),
        ("runplane_approval_decisions_total{result=expired}".to_owned(), 0.0),
        ("runplane_approval_wait_seconds_count".to_owned(), 2.0),
        ("runplane_approvals_pending".to_owned(), 1.0),
        ("runplane_upstream_duration_seconds_count".to_owned(), 2.0),
        ("runplane_bypass_rejected_total".to_owned(), 2.0),
    ];
    eventually("all is counted", || {
        let found = samples(&sidecar);
        expected.iter().all(|(name, count)| found.get(name) == Some(count))
    });
    let found = samples(&sidecar);
    let all: f64 = found
        .iter()
        .filter(|(name, _)| name.starts_with("runplane_requests_total"))
        .map(|(_, count)| count)
        .sum();
    assert_eq!(all, 6.0, "each request once: {found:#?}");
    let entries = sidecar.trail().entries().len() as f64;
    assert_eq!(found["runplane_audit_entries_total"], entries);
    assert!(first["runplane_audit_entries_total"] < entries);
    assert!(found.contains_key("runplane_build_info{version=0.1.0}"), "{found:#?}");
    assert!(found.keys().any(|name| name.starts_with("runplane_policy_bundle_info")));
}

#[test]
fn blocks_and_failed_handshakes_are_counted() {
    let sidecar = Sidecar::new().start();
    let mut blocked = Tunnel::to("unknown.example:443").open(&sidecar);
    let post = "POST / HTTP/1.1\r\nHost: unknown.example\r\nContent-Length: 0\r\n\r\n";
    assert_eq!(blocked.ask(post).status, 403);
    // curl that was told of the proxy, and not of its CA.
    let mut distrustful = Command::new("curl");
    distrustful.args(["-sS", "--proxy", &format!("http://127.0.0.1:{}", sidecar.proxy_port())]);
    distrustful.args(["--noproxy", "", "https://unknown.example/"]);
    assert!(!bounded(distrustful).status.success());
    eventually("both are counted", || {
        let found = samples(&sidecar);
        found.get(&requests("write", "BLOCK", "none")) == Some(&1.0)
            && found["runplane_tls_handshake_failures_total{reason=untrusted}"] == 1.0
    });
}

#[test]
fn the_health_listener_serves_probes_and_nothing_else() {
    let port = free_port();
    let health = format!("health: {{ listen: \"127.0.0.1:{port}\" }}");
    let sidecar = Sidecar::new().section(&health).start();
    assert!(sidecar.prints(&["health", &port.to_string(), "/metrics"]));
    for path in ["/live", "/ready", "/metrics"] {
        assert_eq!(get(port, path).status, 200, "{path}");
    }
    // By whatever name the monitoring knows it.
    let named = Wire::at(port).ask("GET /metrics HTTP/1.1\r\nHost: runplane.monitoring.svc\r\n\r\n");
    assert_eq!(named.status, 200);
    let key = sidecar.owner_key();
    for (method, path) in [
        ("GET", "/"),
        ("GET", "/proof?key=owner&nonce=00"),
        ("GET", "/api/v1/approvals"),
        ("POST", "/api/v1/agents"),
        ("GET", "/api/v1/people"),
        ("GET", "/live/../api/v1/people"),
        ("GET", "//api/v1/people"),
        ("GET", "http://things.example/live"),
    ] {
        let asked = format!(
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {key}\r\nContent-Length: 0\r\n\r\n"
        );
        let status = Wire::at(port).ask(asked).status;
        // A whole URI to `/live` is answered by its path, as any web server does, and goes nowhere.
        let expected = if path.ends_with("/live") { 200 } else { 404 };
        assert_eq!(status, expected, "{method} {path}");
    }
    for method in ["POST", "PUT", "DELETE", "CONNECT"] {
        let path = if method == "CONNECT" {
            "things.example:443"
        } else {
            "/live"
        };
        let asked = format!("{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\n\r\n");
        let status = Wire::at(port).ask(asked).status;
        assert!(matches!(status, 404 | 405), "{method}: {status}");
    }
    // It is ours, and no destination.
    let mut round = Wire::to(&sidecar);
    let back = format!("GET http://127.0.0.1:{port}/metrics HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n");
    assert_eq!(round.ask(back).status, 403);
}

#[test]
fn what_is_counted_names_no_agent_host_or_call() {
    let origin = Origin::stripe();
    let sidecar = Sidecar::new().resolve("api.stripe.com", &origin).start();
    let mut client = Session::stripe(&sidecar);
    client.call("balance").assert_ok();
    client.send("refund ch_1 amount=90000");
    let id = sidecar.next_held();
    let text = get(sidecar.control_port(), "/metrics").text();
    for named in ["support-bot", "stripe", "ch_1", "refund", "owner", &id] {
        assert!(!text.contains(named), "{named} in {text}");
    }
}
