//! What may not pass: told in the shape that the client expects, and nothing reaches the provider.

use crate::harness::{Curl, Moto, Origin, Session, Shared, Sidecar, Tunnel};

/// A rule of the house's own.
pub const NO_PAYOUTS: &str = r#"
@id("no-payouts")
@reason("Payouts are made by people only")
forbid (principal, action == Action::"transfer_funds", resource);
"#;

/// AWS for whoever needs it at the time.
pub static MOTO: Shared<Moto> = Shared::new();

#[test]
fn a_blocked_call_raises_stripes_own_error_with_our_reason() {
    let origin = Origin::stripe();
    let sidecar = Sidecar::new()
        .resolve("api.stripe.com", &origin)
        .policy(NO_PAYOUTS)
        .start();
    let answer = Session::stripe(&sidecar).call("payout 90000");
    answer
        .assert_refused("policy_blocked")
        .assert_refused("Payouts are made by people only");
    let error = answer.error();
    assert_eq!(
        (error.class.as_str(), error.http_status),
        ("PermissionError", Some(403))
    );
    assert_eq!(answer.headers["runplane-decision"], "BLOCK");
    assert!(answer.headers["runplane-request-id"].starts_with("call_"));
    origin.assert_untouched();
    assert!(
        sidecar.prints(&["BLOCKED", "support-bot", "no-payouts"]),
        "{}",
        sidecar.printed()
    );
}

#[test]
fn no_client_library_tries_a_blocked_call_again() {
    let origin = Origin::stripe();
    let sidecar = Sidecar::new()
        .resolve("api.stripe.com", &origin)
        .policy(NO_PAYOUTS)
        .start();
    let mut stripe = Session::open("stripe_client.py", &sidecar, None, &[("STRIPE_RETRIES", "2")]);
    stripe.call("payout 90000").assert_refused("policy_blocked");
    assert_eq!(sidecar.trail().of_kind("decided").len(), 1, "one attempt, not three");
}

#[test]
fn a_refusal_says_all_that_a_client_and_its_cache_must_know() {
    let origin = Origin::of_things();
    let sidecar = Sidecar::new().resolve("things.example", &origin).start();
    let request = "POST /orders HTTP/1.1\r\nHost: things.example\r\nContent-Length: 3\r\n\r\na=1";
    let answer = Tunnel::to("things.example:443").open(&sidecar).ask(request);
    assert_eq!(answer.status, 403);
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.header("stripe-should-retry"), Some("false"));
    assert_eq!(answer.header("x-should-retry"), Some("false"));
    assert_eq!(
        answer.header("retry-after"),
        None,
        "some clients take it for an invitation"
    );
    assert_eq!(answer.header("runplane-decision"), Some("BLOCK"));
    let problem = answer.json();
    assert_eq!(problem["status"], 403);
    assert!(
        problem["title"].is_string() && problem["detail"].is_string(),
        "{problem}"
    );
    assert!(problem.to_string().contains("policy_blocked"), "{problem}");
    origin.assert_untouched();
}

#[test]
fn a_write_to_an_unknown_host_is_blocked_and_a_read_is_not() {
    let origin = Origin::of_things();
    let sidecar = Sidecar::new().resolve("things.example", &origin).start();
    for method in ["POST", "PUT", "PATCH", "DELETE"] {
        let answer = Curl::call(&sidecar, &["-X", method, "-d", "a=1", "https://things.example/orders"]);
        assert_eq!(answer.status, Some(403), "{method}: {answer:?}");
        answer.assert_refused("policy_blocked");
    }
    let with_content = Curl::call(&sidecar, &["-X", "GET", "-d", "a=1", "https://things.example/orders"]);
    assert_eq!(
        with_content.status,
        Some(403),
        "a GET with content is no read: {with_content:?}"
    );
    origin.assert_untouched();
    Curl::call(&sidecar, &["https://things.example/orders"]).assert_ok();
    assert_eq!(origin.seen().len(), 1);
}

#[test]
fn a_bulk_deletion_raises_botos_own_error_and_deletes_nothing() {
    let moto = MOTO.get(Moto::start);
    let sidecar = Sidecar::new()
        .resolve("dynamodb.us-east-1.amazonaws.com", &moto.origin)
        .start();
    let answer = Session::boto3(&sidecar).call("batch_delete orders 1 2 3");
    answer.assert_refused("policy_blocked");
    let error = answer.error();
    assert_eq!((error.class.as_str(), error.http_status), ("ClientError", Some(403)));
    let reached = moto.origin.seen();
    assert!(
        !reached.iter().any(|seen| seen.text().contains("DeleteRequest")),
        "{reached:#?}"
    );
}

#[test]
fn a_body_over_the_limit_is_refused_whole() {
    let origin = Origin::stripe();
    let sidecar = Sidecar::new()
        .resolve("api.stripe.com", &origin)
        .section("limits: { body: 64KiB }")
        .start();
    let body = format!(
        "description={}&amount=100&currency=usd&source=tok_visa",
        "x".repeat(128 << 10)
    );
    let head =
        "POST /v1/charges HTTP/1.1\r\nHost: api.stripe.com\r\nContent-Type: application/x-www-form-urlencoded\r\n";
    let sized = format!("{head}Content-Length: {}\r\n\r\n{body}", body.len());
    let chunked = format!(
        "{head}Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n",
        body.len()
    );
    for request in [sized, chunked] {
        let answer = Tunnel::to("api.stripe.com:443").open(&sidecar).ask(request);
        assert_eq!(answer.status, 413, "{answer:?}");
        assert!(answer.text().contains("too_large"), "{answer:?}");
    }
    origin.assert_untouched();
}

#[test]
fn content_that_cannot_be_read_one_way_is_refused() {
    let origin = Origin::stripe();
    let sidecar = Sidecar::new().resolve("api.stripe.com", &origin).hold("1s").start();
    let form = "application/x-www-form-urlencoded";
    // (what, content type, coding, content)
    let cases: [(&str, &str, &str, &[u8]); 6] = [
        ("a member twice", form, "", b"amount=5&amount=9999&currency=usd"),
        (
            "another type than declared",
            "application/json",
            "",
            b"amount=5&currency=usd",
        ),
        ("not UTF-8", form, "", b"amount=5&currency=usd&description=%ff%fe"),
        ("UTF-16", "application/json; charset=utf-16", "", b"\xfe\xff\0{\0}"),
        (
            "an unknown coding",
            form,
            "Content-Encoding: zorp\r\n",
            b"amount=5&currency=usd",
        ),
        (
            "a lie about gzip",
            form,
            "Content-Encoding: gzip\r\n",
            b"amount=5&currency=usd",
        ),
    ];
    for (what, kind, coding, content) in cases {
        let head = format!(
            "POST /v1/charges HTTP/1.1\r\nHost: api.stripe.com\r\nContent-Type: {kind}\r\n{coding}Content-Length: {}\r\n\r\n",
            content.len()
        );
        let mut wire = Tunnel::to("api.stripe.com:443").open(&sidecar);
        wire.send(head);
        let answer = wire.ask(content);
        assert!((400..500).contains(&answer.status), "{what}: {answer:?}");
        assert!(origin.seen().is_empty(), "{what} reached the origin");
    }
}
