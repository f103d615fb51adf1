//! Calls that meet a bad origin: told to the agent as what they are, and never made twice.

use crate::harness::{Flaw, Origin, Reply, Sidecar, Tunnel, eventually};

const GET: &str = "GET /hello HTTP/1.1\r\nHost: things.example\r\n\r\n";

fn before(origin: &Origin) -> Sidecar {
    Sidecar::new().resolve("things.example", origin).start()
}

/// The outcome that the trail gives the one call that was made.
fn outcome(sidecar: &Sidecar) -> String {
    eventually("the call has an outcome", || {
        !sidecar.trail().of_kind("outcome").is_empty()
    });
    let outcomes = sidecar.trail().of_kind("outcome");
    assert_eq!(outcomes.len(), 1, "{outcomes:?}");
    outcomes[0]["outcome"]
        .as_str()
        .unwrap_or_else(|| panic!("{outcomes:?}"))
        .to_owned()
}

fn refuses_certificate(flaw: Flaw) {
    let origin = Origin::with_flaw(flaw);
    let sidecar = before(&origin);
    let answer = Tunnel::to("things.example:443").open(&sidecar).ask(GET);
    assert_eq!(answer.status, 502, "{answer:?}");
    assert!(answer.text().contains("upstream_unreachable"), "{answer:?}");
    assert!(
        origin.seen().is_empty(),
        "{flaw:?}: a request reached an origin that could not prove who it is"
    );
    assert_eq!(outcome(&sidecar), "not_sent");
}

#[test]
fn an_unknown_issuer_is_refused() {
    refuses_certificate(Flaw::UnknownIssuer);
}

#[test]
fn a_certificate_for_another_name_is_refused() {
    refuses_certificate(Flaw::WrongName);
}

#[test]
fn an_expired_certificate_is_refused() {
    refuses_certificate(Flaw::Expired);
}

#[test]
fn an_origin_that_is_not_there_is_502_and_nothing_was_sent() {
    let address = {
        let origin = Origin::of_things();
        origin.address().to_string()
    };
    let sidecar = Sidecar::new()
        .resolve_to("things.example", &address)
        .destination(&address)
        .start();
    let answer = Tunnel::to("things.example:443").open(&sidecar).ask(GET);
    assert_eq!(answer.status, 502, "{answer:?}");
    let problem = answer.json();
    assert_eq!(
        (&problem["code"], &problem["executed"]),
        (&"upstream_unreachable".into(), &"no".into())
    );
    assert_eq!(outcome(&sidecar), "not_sent");
}

#[test]
fn a_connection_that_breaks_before_the_answer_is_502_and_the_call_is_not_repeated() {
    let origin = Origin::of_things();
    let sidecar = before(&origin);
    origin.answer_next_with(Reply::none());
    let answer = Tunnel::to("things.example:443").open(&sidecar).ask(GET);
    assert_eq!(answer.status, 502, "{answer:?}");
    assert_eq!(origin.seen().len(), 1, "written once, so never written again");
    assert_eq!(answer.json()["executed"], "unknown");
    let outcome = outcome(&sidecar);
    assert!(["unknown", "error"].contains(&outcome.as_str()), "{outcome}");
}

#[test]
fn a_break_on_a_kept_connection_does_not_repeat_a_write() {
    let origin = Origin::stripe();
    let sidecar = Sidecar::new().resolve("api.stripe.com", &origin).start();
    let mut wire = Tunnel::to("api.stripe.com:443").open(&sidecar);
    let balance = "GET /v1/balance HTTP/1.1\r\nHost: api.stripe.com\r\nAuthorization: Bearer sk_test_1\r\n\r\n";
    assert_eq!(wire.ask(balance).status, 200);
    origin.answer_next_with(Reply::none());
    let body = "amount=100&currency=usd&source=tok_visa";
    let charge = format!(
        "POST /v1/charges HTTP/1.1\r\nHost: api.stripe.com\r\nAuthorization: Bearer sk_test_1\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    assert_eq!(wire.ask(charge).status, 502);
    assert_eq!(origin.calls("POST", "/v1/charges").len(), 1);
}

#[test]
fn an_answer_cut_short_does_not_look_whole() {
    let origin = Origin::of_things();
    let sidecar = before(&origin);
    for declared in [true, false] {
        let reply = match declared {
            true => Reply::new(200).header("content-length", "100"),
            false => Reply::new(200),
        };
        origin.answer_next_with(reply.bytes("only this").and_break());
        let mut wire = Tunnel::to("things.example:443").open(&sidecar);
        wire.send(GET);
        // No head at all is as clear a sign as a broken content.
        if let Some(answer) = wire.answer() {
            assert!(!answer.complete || answer.status == 502, "{answer:?}");
        }
    }
    assert_eq!(origin.seen().len(), 2);
}

#[test]
fn a_redirect_is_the_agents_to_follow() {
    let origin = Origin::of_things();
    let elsewhere = Origin::of_things_in_clear();
    let sidecar = Sidecar::new()
        .resolve("things.example", &origin)
        .resolve("elsewhere.example:80", &elsewhere)
        .start();
    let request = "GET /to?http://elsewhere.example/latest HTTP/1.1\r\nHost: things.example\r\n\r\n";
    let answer = Tunnel::to("things.example:443").open(&sidecar).ask(request);
    assert_eq!(answer.status, 302);
    assert_eq!(answer.header("location"), Some("http://elsewhere.example/latest"));
    elsewhere.assert_untouched();
}

#[test]
fn an_agent_that_leaves_before_the_answer_is_recorded() {
    let origin = Origin::of_things();
    let sidecar = before(&origin);
    let gate = crate::harness::Gate::shut();
    origin.answer_next_with(Reply::new(200).bytes("late").after(&gate));
    let mut wire = Tunnel::to("things.example:443").open(&sidecar);
    wire.send(GET);
    eventually("the call is at the origin", || origin.seen().len() == 1);
    drop(wire);
    let outcome = outcome(&sidecar);
    assert!(["abandoned", "unknown"].contains(&outcome.as_str()), "{outcome}");
    gate.open();
}
