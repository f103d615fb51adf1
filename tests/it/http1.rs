//! The odd ends of HTTP/1: `Expect: 100-continue`, HTTP/1.0, and clients that are set up to speak to the proxy in a way
//! that it does not understand.

use std::io::{Read, Write};
use std::net::TcpListener;

use crate::harness::{Curl, Origin, PATIENCE, Sidecar, Tunnel, Wire, contains, eventually, noise, sha256};

const EVERYTHING: &str = r#"
@id("everything")
permit (principal, action, resource);
"#;

fn things(policy: &str) -> (Origin, Sidecar) {
    let origin = Origin::of_things();
    let sidecar = Sidecar::new()
        .resolve("things.example", &origin)
        .only_policy(policy)
        .start();
    (origin, sidecar)
}

/// The first line that comes, whichever it is.
fn first_line(wire: &mut Wire) -> String {
    let mut line = Vec::new();
    while !line.ends_with(b"\r\n") {
        let mut byte = [0];
        assert_eq!(wire.read(&mut byte).unwrap(), 1, "{}", String::from_utf8_lossy(&line));
        line.push(byte[0]);
    }
    String::from_utf8(line).unwrap().trim_end().to_owned()
}

fn expecting(length: usize) -> String {
    format!("POST /echo HTTP/1.1\r\nHost: things.example\r\nExpect: 100-continue\r\nContent-Length: {length}\r\n\r\n")
}

#[test]
fn a_blocked_call_is_answered_without_asking_for_its_content() {
    let (origin, sidecar) = things("@id(\"reads\") permit (principal, action in Action::\"reads\", resource);");
    let mut wire = Tunnel::to("things.example:443").open(&sidecar);
    wire.send(expecting(1 << 30));
    let status = first_line(&mut wire);
    assert!(
        status.starts_with("HTTP/1.1 403 ") && status.contains("policy_blocked"),
        "{status}"
    );
    let mut rest = Vec::new();
    // What follows is the refusal, and then the end: the content that was announced never comes.
    let _ = wire.read_to_end(&mut rest);
    assert!(
        contains(&rest, b"connection: close"),
        "{}",
        String::from_utf8_lossy(&rest)
    );
    assert!(contains(&rest, b"policy_blocked"), "{}", String::from_utf8_lossy(&rest));
    origin.assert_untouched();
}

#[test]
fn an_allowed_call_is_asked_for_its_content_and_streams() {
    let (origin, sidecar) = things(EVERYTHING);
    let mut wire = Tunnel::to("things.example:443").open(&sidecar);
    wire.send(expecting(5));
    assert_eq!(first_line(&mut wire), "HTTP/1.1 100 Continue");
    assert_eq!(first_line(&mut wire), "");
    eventually("the call is at the origin, its content is not", || {
        origin.seen().len() == 1
    });
    assert_eq!(wire.ask("hello").text(), "hello");
    assert_eq!(origin.seen()[0].header("expect"), None, "we have answered that");
    // The connection is as good as before.
    assert_eq!(
        wire.ask("GET /hello HTTP/1.1\r\nHost: things.example\r\n\r\n").status,
        200
    );
}

#[test]
fn a_call_that_is_read_to_be_judged_is_asked_for_its_content_too() {
    let origin = Origin::stripe();
    let sidecar = Sidecar::new().resolve("api.stripe.com", &origin).start();
    let content = "amount=100&currency=usd&source=tok_visa";
    let mut wire = Tunnel::to("api.stripe.com:443").open(&sidecar);
    wire.send(format!(
        "POST /v1/charges HTTP/1.1\r\nHost: api.stripe.com\r\nAuthorization: Bearer sk_test_1\r\nExpect: 100-continue\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n",
        content.len()
    ));
    assert_eq!(first_line(&mut wire), "HTTP/1.1 100 Continue");
    assert!(origin.seen().is_empty(), "nothing leaves before it is judged");
    assert_eq!(first_line(&mut wire), "");
    assert_eq!(wire.ask(content).status, 200);
}

#[test]
fn curl_uploads_a_large_file() {
    let (origin, sidecar) = things(EVERYTHING);
    let file = sidecar.home().join("large");
    std::fs::write(&file, noise(20 << 20)).unwrap();
    let answer = Curl::call(&sidecar, &["-T", file.to_str().unwrap(), "https://things.example/sink"]);
    answer.assert_ok();
    let seen = origin.calls("PUT", "/sink");
    assert_eq!(sha256(&seen[0].body), sha256(noise(20 << 20)));
}

#[test]
fn curl_shows_a_refusal_of_a_large_file() {
    let (origin, sidecar) = things("@id(\"reads\") permit (principal, action in Action::\"reads\", resource);");
    let file = sidecar.home().join("large");
    std::fs::write(&file, noise(20 << 20)).unwrap();
    for expect in ["Expect: 100-continue", "Expect:"] {
        let answer = Curl::call(
            &sidecar,
            &[
                "-H",
                expect,
                "-T",
                file.to_str().unwrap(),
                "https://things.example/sink",
            ],
        );
        assert_eq!(answer.status, Some(403), "{expect}: {answer:?}");
        answer.assert_refused("policy_blocked");
    }
    origin.assert_untouched();
}

/// A provider in clear that answers as soon as it has a head, and never reads on.
fn hasty(status: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        let mut open = Vec::new();
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            let mut head = Vec::new();
            while !contains(&head, b"\r\n\r\n") {
                let mut byte = [0];
                stream.read_exact(&mut byte).unwrap();
                head.push(byte[0]);
            }
            let answer = format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: 6\r\n\r\nhasty\n");
            stream.write_all(answer.as_bytes()).unwrap();
            // Not closed: that would be a reset, for what was not read.
            open.push(stream);
        }
    });
    address
}

#[test]
fn an_answer_that_comes_before_the_content_was_read_reaches_the_client() {
    for status in ["403 Forbidden", "413 Content Too Large", "417 Expectation Failed"] {
        let address = hasty(status);
        let sidecar = Sidecar::new()
            .resolve_to("hasty.example:80", &address)
            .destination(&address)
            .only_policy(EVERYTHING)
            .start();
        let file = sidecar.home().join("large");
        std::fs::write(&file, noise(20 << 20)).unwrap();
        let answer = Curl::call(&sidecar, &["-T", file.to_str().unwrap(), "http://hasty.example/sink"]);
        assert_eq!(answer.status, status[..3].parse().ok(), "{answer:?}");
        assert!(answer.error().message.starts_with("hasty\n"), "{answer:?}");
        eventually("it is recorded", || sidecar.trail().of_kind("outcome").len() == 1);
        assert_eq!(sidecar.trail().of_kind("outcome")[0]["outcome"], "failure");
    }
}

#[test]
fn a_provider_that_is_not_there_is_told_to_who_is_still_sending() {
    let sidecar = Sidecar::new()
        .resolve_to("gone.example:80", "127.0.0.1:1")
        .destination("127.0.0.1:1")
        .only_policy(EVERYTHING)
        .start();
    let mut wire = Wire::to(&sidecar);
    wire.send("POST http://gone.example/ HTTP/1.1\r\nHost: gone.example\r\nContent-Length: 6000000\r\n\r\n");
    for _ in 0..6 {
        wire.try_send(&[7; 1_000_000]).expect("it is read on, wanted or not");
    }
    assert_eq!(wire.answer().unwrap().status, 502);
}

#[test]
fn http_1_0_in_a_tunnel_gets_what_it_can_read() {
    let (origin, sidecar) = things(EVERYTHING);
    let ask = |path: &str, fields: &str| format!("GET {path} HTTP/1.0\r\nHost: things.example\r\n{fields}\r\n");
    let mut wire = Tunnel::to("things.example:443").open(&sidecar);
    let chunked = wire.ask(ask("/chunked/200000", ""));
    assert_eq!((chunked.status, chunked.header("transfer-encoding")), (200, None));
    assert_eq!(
        sha256(&chunked.body),
        sha256(noise(200_000)),
        "it ends with the connection"
    );
    assert!(wire.is_closed());
    // A length keeps the connection for who asks to keep it, and only for them.
    let mut wire = Tunnel::to("things.example:443").open(&sidecar);
    for _ in 0..2 {
        let kept = wire.ask(ask("/bytes/1000", "Connection: keep-alive\r\n"));
        assert_eq!((kept.status, kept.body.len()), (200, 1000));
        assert!(
            kept.header("connection")
                .is_some_and(|value| value.eq_ignore_ascii_case("keep-alive")),
            "{kept:?}"
        );
    }
    assert_eq!(wire.ask(ask("/bytes/1000", "")).status, 200);
    assert!(wire.is_closed());
    let mut wire = Tunnel::to("things.example:443").open(&sidecar);
    wire.send("POST /echo HTTP/1.0\r\nHost: things.example\r\nContent-Length: 5\r\n\r\nhello");
    assert_eq!(wire.answer().unwrap().text(), "hello");
    let raw = String::from_utf8(origin.raw(origin.seen()[0].connection)).unwrap();
    assert!(
        raw.starts_with("GET /chunked/200000 HTTP/1.1\r\n"),
        "we speak for ourselves: {raw}"
    );
    // No authority but the one that all agree on.
    let none = Tunnel::to("things.example:443")
        .open(&sidecar)
        .ask("GET /hello HTTP/1.0\r\n\r\n");
    assert_eq!(none.status, 400);
}

#[test]
fn http_1_0_in_absolute_form_needs_no_host() {
    let origin = Origin::of_things_in_clear();
    let sidecar = Sidecar::new()
        .resolve("things.example:80", &origin)
        .resolve("things.example:8080", &origin)
        .start();
    let ask = |line: &str, fields: &str| Wire::to(&sidecar).ask(format!("{line}\r\n{fields}\r\n"));
    assert_eq!(ask("GET http://things.example/hello HTTP/1.0", "").text(), "hello\n");
    assert_eq!(
        ask("GET http://things.example:8080/hello HTTP/1.0", "").text(),
        "hello\n"
    );
    let hosts: Vec<_> = origin
        .seen()
        .iter()
        .map(|seen| seen.header("host").unwrap().to_owned())
        .collect();
    assert_eq!(hosts, ["things.example", "things.example:8080"]);
    // HTTP/1.1 must have one, and one that is there must agree.
    assert_eq!(ask("GET http://things.example/hello HTTP/1.1", "").status, 400);
    assert_eq!(
        ask("GET http://things.example/hello HTTP/1.0", "Host: evil.example\r\n").status,
        421
    );
    assert_eq!(
        ask("GET http://things.example/hello HTTP/1.0", "Host: \r\n").status,
        400
    );
    // The same gate for all.
    let change = "POST http://things.example/echo HTTP/1.0";
    assert_eq!(ask(change, "Content-Length: 0\r\n").status, 403);
    assert_eq!(origin.seen().len(), 2);
    let curl = Curl::call(&sidecar, &["--http1.0", "http://things.example/bytes/1000"]);
    assert_eq!(curl.assert_ok().sha256, Some(sha256(noise(1000))));
}

#[test]
fn https_in_clear_is_told_what_to_change() {
    let sidecar = Sidecar::new().start();
    let told = Wire::to(&sidecar).ask("GET https://api.stripe.com/v1/balance HTTP/1.1\r\nHost: api.stripe.com\r\n\r\n");
    assert_eq!(told.status, 400);
    for words in [
        "NOT executed",
        "CONNECT api.stripe.com:443",
        "use_forwarding_for_https=False",
        "axios",
    ] {
        assert!(told.text().contains(words), "{words}: {}", told.text());
    }
    let told = Wire::to(&sidecar).ask("GET / HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n");
    assert_eq!(told.status, 400);
    assert!(
        told.text().contains("set HTTPS_PROXY and HTTP_PROXY to it"),
        "{}",
        told.text()
    );
}

#[test]
fn tls_to_the_proxys_port_ends_at_once_and_says_what_to_change() {
    let sidecar = Sidecar::new().start();
    let proxy = format!("https://127.0.0.1:{}", sidecar.proxy_port());
    let failed = Curl::call(&sidecar, &["--proxy", &proxy, "https://api.stripe.com/v1/balance"]);
    assert!(!failed.ok && failed.status.is_none(), "{failed:?}");
    let said = failed.error().message.to_lowercase().replace('_', " ");
    assert!(said.contains("wrong version number"), "what people look for: {said}");
    assert!(
        sidecar.prints(&["REFUSED 127.0.0.1:", "must begin with http://"]),
        "{}",
        sidecar.printed()
    );
    assert_eq!(sidecar.trail().of_kind("refused").len(), 1);
    // Bytes that are neither are told as before.
    assert_eq!(Wire::to(&sidecar).ask("\x05\x01\0\r\n\r\n").status, 400);
}
