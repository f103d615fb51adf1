//! `http://runplane.internal/`: what agents may ask of the proxy itself.

use std::time::{Duration, Instant};

use crate::harness::{Answer, Curl, Origin, Session, Sidecar, Tunnel, Wire, eventually, key};

const REFUND: &str = "refund ch_1 amount=90000";

fn before(origin: &Origin) -> Sidecar {
    Sidecar::new().resolve("api.stripe.com", origin).hold("1s").start()
}

/// A held refund's approval, and where its agent asks for it.
fn pending(sidecar: &Sidecar) -> (String, String) {
    let told = Session::stripe(sidecar).call(REFUND);
    let id = told.assert_refused("approval_pending").approval();
    let place = format!("http://runplane.internal/approvals/{id}");
    // The refusal itself says where to ask.
    assert!(told.error().message.contains(&format!("{place}/wait")), "{told:?}");
    (id, place)
}

fn json(answer: &Answer) -> serde_json::Value {
    serde_json::from_str(answer.value.as_str().unwrap()).unwrap_or_else(|error| panic!("{error}: {answer:?}"))
}

#[test]
fn an_agent_reads_what_is_governed_and_what_refusals_mean() {
    let origin = Origin::stripe();
    let sidecar = before(&origin);
    let (id, _) = pending(&sidecar);
    for place in [
        "http://runplane.internal/",
        "http://runplane.internal",
        "http://RUNPLANE.internal./",
        "http://runplane.internal:8080/",
        "https://runplane.internal/",
    ] {
        let page = Curl::call(&sidecar, &[place]);
        let text = page.assert_ok().value.as_str().unwrap();
        assert_eq!(page.headers["content-type"], "text/markdown; charset=utf-8");
        for said in [
            "Stripe",
            "| `approval_pending` |",
            "| `already_executed` |",
            &id,
            "Refund $900.00 of ch_1",
        ] {
            assert!(text.contains(said), "{place}: {said}: {text}");
        }
    }
    let head = Wire::to(&sidecar)
        .send("HEAD http://runplane.internal/ HTTP/1.1\r\nHost: runplane.internal\r\n\r\n")
        .answer_to_head()
        .unwrap();
    assert_eq!((head.status, head.text().as_str()), (200, ""));
}

#[test]
fn an_approval_is_told_as_it_stands() {
    let origin = Origin::stripe();
    let sidecar = before(&origin);
    let (id, place) = pending(&sidecar);
    let shown = json(Curl::call(&sidecar, &[&place]).assert_ok());
    assert_eq!(
        (&shown["id"], &shown["state"]),
        (&id.as_str().into(), &"pending".into())
    );
    assert_eq!(shown["rules"][0]["id"], "refund-over-500");
    assert!(shown["call"].as_str().unwrap().contains("$900.00"), "{shown}");

    sidecar.approve(&id);
    let shown = json(&Curl::call(&sidecar, &[&place]));
    assert_eq!(shown["state"], "approved");
    assert!(
        shown["repeat_before"].is_string() && shown["next"].as_str().unwrap().contains("exactly the same call now")
    );

    let mut client = Session::stripe(&sidecar);
    client.call(REFUND).assert_ok();
    let shown = json(&Curl::call(&sidecar, &[&place]));
    assert_eq!(shown["state"], "consumed");
    assert!(
        shown["executed"]["request_id"].as_str().unwrap().starts_with("call_"),
        "{shown}"
    );
    assert_eq!(origin.calls("POST", "/v1/refunds").len(), 1);
}

#[test]
fn a_denial_is_told_with_its_reason_and_without_its_person() {
    let origin = Origin::stripe();
    let sidecar = before(&origin);
    let (id, place) = pending(&sidecar);
    sidecar.deny(&id, "ask finance first");
    let answer = Curl::call(&sidecar, &[&place]);
    let shown = json(&answer);
    assert_eq!(
        (&shown["state"], &shown["denied_because"]),
        (&"denied".into(), &"ask finance first".into())
    );
    assert!(!answer.value.as_str().unwrap().contains("owner"), "{shown}");
}

#[test]
fn a_wait_ends_with_the_decision_and_otherwise_in_time() {
    let origin = Origin::stripe();
    let sidecar = before(&origin);
    let (id, place) = pending(&sidecar);
    let start = Instant::now();
    let none = json(Curl::call(&sidecar, &[&format!("{place}/wait?timeout=1")]).assert_ok());
    assert_eq!(none["state"], "pending");
    assert!(start.elapsed() >= Duration::from_secs(1), "{:?}", start.elapsed());

    let waiting = Curl::start(&sidecar, &[&format!("{place}/wait?timeout=50")]);
    let start = Instant::now();
    sidecar.approve(&id);
    let decided = waiting.finish();
    assert_eq!(json(decided.assert_ok())["state"], "approved");
    assert!(start.elapsed() < Duration::from_secs(40), "{:?}", start.elapsed());
    for wrong in ["timeout=soon", "x=1"] {
        assert_eq!(
            Curl::call(&sidecar, &[&format!("{place}/wait?{wrong}")]).status,
            Some(400),
            "{wrong}"
        );
    }
}

#[test]
fn a_wait_ends_when_the_sidecar_does() {
    let origin = Origin::stripe();
    let sidecar = before(&origin);
    let (_, place) = pending(&sidecar);
    let mut wire = Wire::to(&sidecar);
    wire.send(format!(
        "GET {place}/wait?timeout=300 HTTP/1.1\r\nHost: runplane.internal\r\n\r\n"
    ));
    // Answered on the same connection after it, this one says that the first is being waited for.
    assert_eq!(json(&Curl::call(&sidecar, &[&place]))["state"], "pending");
    let start = Instant::now();
    sidecar.terminate();
    assert!(sidecar.ended().success());
    assert!(start.elapsed() < Duration::from_secs(30), "{:?}", start.elapsed());
}

#[test]
fn another_agents_approval_is_not_there() {
    let origin = Origin::stripe();
    let sidecar = Sidecar::new()
        .resolve("api.stripe.com", &origin)
        .agent("support-bot", "support")
        .agent("ops-bot", "sre")
        .hold("1s")
        .start();
    let held = Session::open("stripe_client.py", &sidecar, Some("support-bot"), &[]).call(REFUND);
    let place = format!("http://runplane.internal/approvals/{}", held.approval());
    let ask =
        |name: &str, place: &str| Curl::start_as(&sidecar, Some(&format!("{name}:{}", key(name))), &[place]).finish();
    ask("support-bot", &place).assert_ok();
    let never = "http://runplane.internal/approvals/apr_00000000000000000000000000";
    let (other, none) = (ask("ops-bot", &place), ask("ops-bot", never));
    assert_eq!((other.status, &other.value), (Some(404), &none.value));
    assert_eq!(
        ask("ops-bot", &format!("{place}/wait")).status,
        Some(404),
        "at once, and not after a minute"
    );
    assert!(
        !ask("ops-bot", "http://runplane.internal/")
            .value
            .to_string()
            .contains("apr_0")
    );
    // Without a key: as everywhere.
    assert_eq!(Curl::call(&sidecar, &[&place]).status, Some(407));
    assert_eq!(Curl::call(&sidecar, &["http://runplane.internal/"]).status, Some(407));
}

/// An agent that comes back after a while can tell a no from a question that was never asked.
#[test]
fn what_became_of_a_call_is_told_after_it_was_forgotten() {
    let origin = Origin::stripe();
    let sidecar = Sidecar::new()
        .resolve("api.stripe.com", &origin)
        .agent("support-bot", "support")
        .agent("ops-bot", "sre")
        .hold("1s")
        .approvals("grant: 1s")
        .approvals("cool_down: 1s")
        .start();
    let mut client = Session::open("stripe_client.py", &sidecar, Some("support-bot"), &[]);
    let ask =
        |name: &str, place: &str| Curl::start_as(&sidecar, Some(&format!("{name}:{}", key(name))), &[place]).finish();
    let place = |id: &str| format!("http://runplane.internal/approvals/{id}");
    let denied = client.call(REFUND).approval();
    sidecar.deny(&denied, "ask finance first");
    let left = client.call("refund ch_2 amount=90000").approval();
    sidecar.approve(&left);
    eventually("both are forgotten", || {
        sidecar.approvals("denied").is_empty()
            && sidecar.approvals("approved").is_empty()
            && sidecar.approvals("expired").is_empty()
    });
    let shown = json(ask("support-bot", &place(&denied)).assert_ok());
    assert_eq!(
        (&shown["state"], &shown["denied_because"]),
        (&"denied".into(), &"ask finance first".into())
    );
    let waited = json(ask("support-bot", &format!("{}/wait?timeout=60", place(&denied))).assert_ok());
    assert_eq!(waited, shown, "at once");
    let shown = json(ask("support-bot", &place(&left)).assert_ok());
    assert_eq!(shown["state"], "expired", "{shown}");
    for id in [&denied, &left] {
        assert_eq!(ask("ops-bot", &place(id)).status, Some(404), "nobody else is told");
    }
    origin.assert_untouched();
}

#[test]
fn nothing_there_decides() {
    let origin = Origin::stripe();
    let sidecar = before(&origin);
    let (_, place) = pending(&sidecar);
    for method in ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"] {
        for path in [
            place.clone(),
            format!("{place}/approve"),
            "http://runplane.internal/".to_owned(),
        ] {
            let answer = Curl::call(&sidecar, &["-X", method, "-d", "x=y", &path]);
            assert_eq!(answer.status, Some(405), "{method} {path}");
            assert_eq!(answer.headers["allow"], "GET, HEAD");
        }
    }
    for path in ["approve", "deny", "wait/x", "%2e%2e"] {
        let answer = Curl::call(&sidecar, &["--path-as-is", &format!("{place}/{path}")]);
        assert_eq!(answer.status, Some(404), "{path}");
    }
    assert_eq!(json(&Curl::call(&sidecar, &[&place]))["state"], "pending");
}

#[test]
fn the_name_never_leaves() {
    let origin = Origin::of_things();
    // Even where a rule lets everything go, and the name is resolved.
    let sidecar = Sidecar::new()
        .resolve("runplane.internal", &origin)
        .resolve("api.runplane.internal", &origin)
        .only_policy("@id(\"all\")\n@reason(\"all\")\npermit (principal, action, resource);\n")
        .start();
    assert_eq!(Curl::call(&sidecar, &["http://runplane.internal/"]).status, Some(200));
    assert_eq!(
        Curl::call(&sidecar, &["http://api.runplane.internal/"]).status,
        Some(404)
    );
    assert_eq!(
        Curl::call(&sidecar, &["https://api.runplane.internal:444/x"]).status,
        Some(404)
    );
    // No TLS in the tunnel: a rule opens those, but not this one.
    let (mut wire, answer) = Tunnel::to("runplane.internal:443").connect(&sidecar);
    assert_eq!(answer.map(|answer| answer.status), Some(200));
    wire.send("SSH-2.0-x\r\n");
    assert!(wire.is_closed());
    let upgrade = "GET http://runplane.internal/ HTTP/1.1\r\nHost: runplane.internal\r\nConnection: upgrade\r\n\
                   Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: eA==\r\n\r\n";
    assert_eq!(Wire::to(&sidecar).ask(upgrade).status, 200);
    assert_eq!(origin.connections(), 0);
    // And nothing of it is a call.
    let trail = sidecar.trail();
    assert!(trail.of_kind("decided").is_empty());
    assert_eq!(trail.of_kind("refused").len(), 1, "the tunnel");
}
