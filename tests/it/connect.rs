//! Who may connect, and that every name of one call agrees.

use base64::Engine;

use crate::harness::{Origin, Sidecar, Tunnel, Wire, eventually, key};

fn basic(credentials: &str) -> String {
    let encoded = base64::engine::general_purpose::STANDARD.encode(credentials);
    format!("Proxy-Authorization: Basic {encoded}")
}

fn registered() -> (Origin, Sidecar) {
    let origin = Origin::of_things();
    let sidecar = Sidecar::new()
        .resolve("things.example", &origin)
        .agent("support-bot", "support")
        .start();
    (origin, sidecar)
}

fn get(host: &str) -> String {
    format!("GET /hello HTTP/1.1\r\nHost: {host}\r\n\r\n")
}

#[test]
fn a_wrong_or_missing_key_is_407_at_connect() {
    let (origin, sidecar) = registered();
    let wrong = [
        String::new(),
        basic("support-bot:rp_wrong"),
        basic(&format!("other-bot:{}", key("support-bot"))),
        basic("support-bot:"),
        basic(&key("support-bot")),
        "Proxy-Authorization: Basic !!!".to_owned(),
        format!("Proxy-Authorization: Bearer {}x", key("support-bot")),
    ];
    for field in wrong {
        let tunnel = Tunnel::to("things.example:443");
        let tunnel = if field.is_empty() { tunnel } else { tunnel.field(&field) };
        let (_, answer) = tunnel.connect(&sidecar);
        let answer = answer.expect("an answer");
        assert_eq!(answer.status, 407, "{field}: {answer:?}");
        assert!(
            answer
                .header("proxy-authenticate")
                .is_some_and(|value| value.starts_with("Basic")),
            "{answer:?}"
        );
        assert!(answer.text().contains("agent_unknown"), "{answer:?}");
    }
    origin.assert_untouched();
    eventually("they are recorded", || sidecar.trail().of_kind("refused").len() == 7);
}

#[test]
fn the_right_key_is_taken() {
    let (origin, sidecar) = registered();
    let mut wire = Tunnel::to("things.example:443")
        .field(&basic(&format!("support-bot:{}", key("support-bot"))))
        .open(&sidecar);
    assert_eq!(wire.ask(get("things.example")).status, 200);
    assert_eq!(origin.seen()[0].header("proxy-authorization"), None);
}

#[test]
fn in_absolute_form_every_request_shows_its_key() {
    let origin = Origin::of_things_in_clear();
    let sidecar = Sidecar::new()
        .resolve("things.example:80", &origin)
        .agent("support-bot", "support")
        .start();
    let field = basic(&format!("support-bot:{}", key("support-bot")));
    let mut wire = Wire::to(&sidecar);
    let request = |field: &str| format!("GET http://things.example/ HTTP/1.1\r\nHost: things.example\r\n{field}\r\n");
    assert_eq!(wire.ask(request(&format!("{field}\r\n"))).status, 200);
    let without = wire.ask(request(""));
    assert_eq!(
        without.status, 407,
        "the first request's key is not the second's: {without:?}"
    );
    assert_eq!(origin.seen().len(), 1);
    assert_eq!(origin.seen()[0].header("proxy-authorization"), None);
}

#[test]
fn another_server_name_than_connects_is_421() {
    let origin = Origin::of_things();
    let sidecar = Sidecar::new()
        .resolve("things.example", &origin)
        .resolve("other.example", &origin)
        .start();
    for (connect, sni, host) in [
        ("things.example:443", "other.example", "things.example"),
        ("things.example:443", "other.example", "other.example"),
        ("other.example:443", "things.example", "things.example"),
    ] {
        let answer = Tunnel::to(connect).sni(sni).open(&sidecar).ask(get(host));
        assert_eq!(answer.status, 421, "{connect} {sni} {host}: {answer:?}");
        assert!(answer.text().contains("authority_mismatch"), "{answer:?}");
    }
    origin.assert_untouched();
}

#[test]
fn another_host_than_connects_is_421() {
    let origin = Origin::of_things();
    let sidecar = Sidecar::new()
        .resolve("things.example", &origin)
        .resolve("other.example", &origin)
        .start();
    for host in [
        "other.example",
        "things.example:444",
        "127.0.0.1",
        "things.example.",
        "xthings.example",
    ] {
        let answer = Tunnel::to("things.example:443").open(&sidecar).ask(get(host));
        // A trailing dot is the same name in the DNS: refused, or taken for what it is.
        let same = host == "things.example." && answer.status == 200;
        assert!(answer.status == 421 || same, "{host}: {answer:?}");
    }
    assert!(origin.seen().iter().all(|seen| {
        seen.header("host")
            .is_some_and(|host| host.starts_with("things.example"))
    }));
}

#[test]
fn what_is_not_tls_in_a_tunnel_is_closed_and_recorded() {
    let origin = Origin::of_things();
    let sidecar = Sidecar::new().resolve("things.example", &origin).start();
    for bytes in [
        &b"POST /orders HTTP/1.1\r\nHost: things.example\r\nContent-Length: 0\r\n\r\n"[..],
        b"SSH-2.0-x\r\n",
        b"\0\0\0",
    ] {
        let (mut wire, answer) = Tunnel::to("things.example:443").connect(&sidecar);
        assert_eq!(answer.unwrap().status, 200);
        wire.send(bytes);
        assert!(wire.is_closed());
    }
    origin.assert_untouched();
    eventually("they are recorded", || {
        let entries = sidecar.trail().entries();
        entries
            .iter()
            .filter(|entry| entry["kind"] == "refused" || entry["kind"] == "decided")
            .count()
            == 3
    });
}

#[test]
fn a_tunnel_that_says_nothing_is_not_kept_for_ever() {
    let sidecar = Sidecar::new().start();
    let (mut wire, _) = Tunnel::to("things.example:443").connect(&sidecar);
    wire.patience(std::time::Duration::from_secs(45));
    assert!(wire.is_closed(), "still open after 45 seconds of silence");
}
