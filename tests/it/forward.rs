//! What may pass, passes as it is: byte for byte, streamed, once.

use std::io::Read;
use std::time::{Duration, Instant};

use crate::harness::{Curl, Gate, Origin, Reply, Session, Sidecar, Tunnel, noise, sha256};

/// In place of the shipped rules, which block writes to hosts that nobody knows.
const EVERYTHING: &str = r#"
@id("everything")
permit (principal, action, resource);
"#;

fn things() -> (Origin, Sidecar) {
    let origin = Origin::of_things();
    let sidecar = Sidecar::new()
        .resolve("things.example", &origin)
        .only_policy(EVERYTHING)
        .start();
    (origin, sidecar)
}

#[test]
fn a_read_passes_byte_for_byte() {
    let origin = Origin::stripe();
    let sidecar = Sidecar::new().resolve("api.stripe.com", &origin).start();
    let answer = Session::stripe(&sidecar).call("balance");
    answer.assert_ok();
    let seen = origin.calls("GET", "/v1/balance");
    assert_eq!(seen.len(), 1);
    assert_eq!(answer.sha256, seen[0].answered);
}

#[test]
fn the_request_arrives_as_it_was_sent() {
    let (origin, sidecar) = things();
    let request = "POST /echo?b=2&a=%20x&a= HTTP/1.1\r\nHost: things.example\r\nX-Odd: a , \"b\"\r\nX-Two: 1\r\nX-Two: 2\r\n\
                   Accept-Encoding: gzip, br\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nh\0\r\n!";
    let answer = Tunnel::to("things.example:443").open(&sidecar).ask(request);
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.body, b"h\0\r\n!");
    let seen = &origin.seen()[0];
    assert_eq!(
        (seen.method.as_str(), seen.target.as_str()),
        ("POST", "/echo?b=2&a=%20x&a=")
    );
    assert_eq!(&seen.body[..], b"h\0\r\n!");
    let sent = [
        ("accept-encoding", "gzip, br"),
        ("content-length", "5"),
        ("content-type", "text/plain"),
        ("host", "things.example"),
        ("x-odd", "a , \"b\""),
        ("x-two", "1"),
        ("x-two", "2"),
    ];
    let mut found: Vec<_> = seen
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    found.sort_unstable();
    assert_eq!(found, sent, "nothing added, nothing taken away");
}

#[test]
fn what_is_between_us_and_the_agent_does_not_go_upstream() {
    let (origin, sidecar) = things();
    let request = "GET /hello HTTP/1.1\r\nHost: things.example\r\nProxy-Authorization: Basic YTpi\r\nProxy-Connection: keep-alive\r\n\
                   Connection: x-hop, keep-alive\r\nKeep-Alive: timeout=5\r\nX-Hop: 1\r\nTE: trailers\r\n\r\n";
    assert_eq!(Tunnel::to("things.example:443").open(&sidecar).ask(request).status, 200);
    let seen = &origin.seen()[0];
    for name in ["proxy-authorization", "proxy-connection", "keep-alive", "x-hop", "te"] {
        assert_eq!(seen.header(name), None, "{name}");
    }
}

#[test]
fn the_answer_arrives_as_it_was_given() {
    let (_origin, sidecar) = things();
    let answer = Tunnel::to("things.example:443")
        .open(&sidecar)
        .ask("GET /marked HTTP/1.1\r\nHost: things.example\r\n\r\n");
    let all = |name: &str| {
        let found = answer
            .headers
            .iter()
            .filter(|(found, _)| found.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str()).collect::<Vec<_>>()
    };
    assert_eq!((answer.status, answer.text().as_str()), (200, "marked\n"));
    assert_eq!(all("set-cookie"), ["a=1; Path=/", "b=2"]);
    assert_eq!(all("x-twice"), ["one", "two"]);
    assert_eq!(all("etag"), ["\"W/odd , value\""]);
    assert_eq!(
        all("x-between-us"),
        [""; 0],
        "named by Connection, so not for the agent"
    );
}

#[test]
fn an_origin_cannot_speak_for_us() {
    let (_origin, sidecar) = things();
    let answer = Tunnel::to("things.example:443")
        .open(&sidecar)
        .ask("GET /marked HTTP/1.1\r\nHost: things.example\r\n\r\n");
    assert_ne!(answer.header("runplane-approval-id"), Some("apr_forged"));
    assert_eq!(answer.header("runplane-decision"), None, "{answer:?}");
}

#[test]
fn twenty_megabytes_come_down_whole() {
    let (_origin, sidecar) = things();
    for path in ["bytes", "chunked"] {
        let length = 20 << 20;
        let request = format!("GET /{path}/{length} HTTP/1.1\r\nHost: things.example\r\n\r\n");
        let answer = Tunnel::to("things.example:443").open(&sidecar).ask(request);
        assert!(answer.complete);
        assert_eq!(sha256(&answer.body), sha256(noise(length)), "{path}");
    }
}

#[test]
fn twenty_megabytes_go_up_whole() {
    let (origin, sidecar) = things();
    let content = noise(20 << 20);
    let mut sized = Tunnel::to("things.example:443").open(&sidecar);
    sized.send(format!(
        "POST /sink HTTP/1.1\r\nHost: things.example\r\nContent-Length: {}\r\n\r\n",
        content.len()
    ));
    assert_eq!(sized.ask(&content).status, 200);
    let mut chunked = Tunnel::to("things.example:443").open(&sidecar);
    chunked.send("POST /sink HTTP/1.1\r\nHost: things.example\r\nTransfer-Encoding: chunked\r\n\r\n");
    for piece in content.chunks(100_000) {
        chunked.send(format!("{:x}\r\n", piece.len())).send(piece).send("\r\n");
    }
    assert_eq!(chunked.ask("0\r\n\r\n").status, 200);
    let seen = origin.calls("POST", "/sink");
    assert_eq!(seen.len(), 2);
    for seen in seen {
        assert!(seen.complete);
        assert_eq!(sha256(&seen.body), sha256(&content));
    }
}

#[test]
fn an_answer_is_not_kept_until_it_is_whole() {
    let (origin, sidecar) = things();
    let gate = Gate::shut();
    let reply = Reply::new(200).header("content-type", "text/event-stream");
    origin.answer_next_with(reply.bytes("data: 1\n\n").gate(&gate).bytes("data: 2\n\n"));
    let mut wire = Tunnel::to("things.example:443").open(&sidecar);
    wire.send("GET /events HTTP/1.1\r\nHost: things.example\r\n\r\n");
    let mut read = Vec::new();
    while !read.windows(9).any(|window| window == b"data: 1\n\n") {
        let mut piece = [0; 1024];
        let length = wire
            .read(&mut piece)
            .expect("the first event, while the second has not been sent");
        assert_ne!(length, 0, "{}", String::from_utf8_lossy(&read));
        read.extend_from_slice(&piece[..length]);
    }
    gate.open();
    while !read.ends_with(b"0\r\n\r\n") {
        let mut piece = [0; 1024];
        let length = wire.read(&mut piece).unwrap();
        assert_ne!(length, 0, "{}", String::from_utf8_lossy(&read));
        read.extend_from_slice(&piece[..length]);
    }
    assert!(String::from_utf8_lossy(&read).contains("data: 2\n\n"));
}

#[test]
fn an_origin_that_does_not_read_stops_the_agent_from_sending() {
    let (_origin, sidecar) = things();
    let mut wire = Tunnel::to("things.example:443").open(&sidecar);
    wire.patience(Duration::from_secs(2));
    wire.send(format!(
        "POST /stall HTTP/1.1\r\nHost: things.example\r\nContent-Length: {}\r\n\r\n",
        1u64 << 30
    ));
    let piece = vec![7; 256 << 10];
    let (mut sent, start) = (0, Instant::now());
    while wire.try_send(&piece).is_ok() {
        sent += piece.len();
        assert!(sent < 64 << 20, "took {sent} bytes that the origin has not read");
        assert!(start.elapsed() < Duration::from_secs(60));
    }
}

#[test]
fn clear_http_by_absolute_form_goes_through_the_same_gate() {
    let origin = Origin::of_things_in_clear();
    let sidecar = Sidecar::new().resolve("things.example:80", &origin).start();
    let answer = Curl::call(&sidecar, &["http://things.example/bytes/1000"]);
    answer.assert_ok();
    assert_eq!(answer.sha256, Some(sha256(noise(1000))));
    let seen = &origin.seen()[0];
    assert_eq!(
        (seen.target.as_str(), seen.header("host")),
        ("/bytes/1000", Some("things.example"))
    );
    let refused = Curl::call(&sidecar, &["-d", "a=1", "http://things.example/echo"]);
    assert_eq!(refused.status, Some(403), "{refused:?}");
    assert_eq!(origin.seen().len(), 1);
}

#[test]
fn several_calls_share_a_connection_and_each_is_decided() {
    let (origin, sidecar) = things();
    let mut wire = Tunnel::to("things.example:443").open(&sidecar);
    let ids: Vec<_> = ["/one", "/two", "/three"]
        .map(|path| {
            let answer = wire.ask(format!("GET {path} HTTP/1.1\r\nHost: things.example\r\n\r\n"));
            assert_eq!(answer.status, 200);
            path
        })
        .into();
    let seen: Vec<_> = origin.seen().into_iter().map(|seen| seen.target).collect();
    assert_eq!(seen, ids);
    assert_eq!(sidecar.trail().of_kind("decided").len(), 3);
}

#[test]
fn answers_without_content_end_where_they_should() {
    let (origin, sidecar) = things();
    origin.answer_next_with(Reply::new(200).header("content-length", "5"));
    let mut wire = Tunnel::to("things.example:443").open(&sidecar);
    wire.send("HEAD /hello HTTP/1.1\r\nHost: things.example\r\n\r\n");
    assert_eq!(wire.answer_to_head().unwrap().status, 200);
    for status in [204, 304] {
        origin.answer_next_with(Reply::new(status));
        assert_eq!(
            wire.ask("GET /hello HTTP/1.1\r\nHost: things.example\r\n\r\n").status,
            status
        );
    }
    assert_eq!(
        wire.ask("GET /hello HTTP/1.1\r\nHost: things.example\r\n\r\n").text(),
        "hello\n"
    );
}

#[test]
fn a_providers_own_error_is_the_agents_to_see() {
    let (_origin, sidecar) = things();
    let answer = Curl::call(&sidecar, &["https://things.example/status/500"]);
    assert_eq!(answer.status, Some(500));
    assert_eq!(answer.value, "status 500\n");
}
