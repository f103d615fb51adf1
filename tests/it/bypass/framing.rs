//! O19–O34, O67: where one request ends and the next begins.

use std::time::Duration;

use super::{CHARGE, Case};

const HOST: &str =
    "Host: api.stripe.com\r\nAuthorization: Bearer sk_test_1\r\nContent-Type: application/x-www-form-urlencoded\r\n";

fn refund(case: &Case) -> String {
    case.request("POST /v1/refunds", &[], "charge=ch_1&amount=1")
}

/// No request on any of the case's upstream connections says its length in two ways.
fn assert_one_framing(case: &Case) {
    for seen in case.seen() {
        let raw = String::from_utf8_lossy(&case.world.origin.raw(seen.connection)).to_lowercase();
        let both = raw
            .split("\r\n\r\n")
            .find(|part| part.contains("\r\ncontent-length:") && part.contains("\r\ntransfer-encoding:"));
        assert_eq!(both, None, "{}", case.name);
    }
}

/// Both lengths, in either order: whatever the first request is taken for, the second is judged.
fn two_lengths(name: &'static str, length_first: bool) {
    let case = Case::new(name);
    let hidden = refund(&case);
    let content = format!("{:x}\r\n{CHARGE}\r\n0\r\n\r\n{hidden}", CHARGE.len());
    let length = format!("Content-Length: {}\r\n", content.len());
    let (one, two) = match length_first {
        true => (length.as_str(), "Transfer-Encoding: chunked\r\n"),
        false => ("Transfer-Encoding: chunked\r\n", length.as_str()),
    };
    let mut wire = case.tunnel();
    wire.send(format!(
        "POST /v1/charges HTTP/1.1\r\n{HOST}X-Case: {name}\r\n{one}{two}\r\n{content}"
    ));
    if let Some(first) = wire.answer()
        && first.status == 200
    {
        wire.patience(Duration::from_secs(5));
        if let Some(second) = wire.answer() {
            assert_eq!(second.status, 403, "{second:?}");
        }
    }
    case.assert_no_refund();
    assert_one_framing(&case);
}

#[test]
fn o19_length_before_chunked() {
    two_lengths("O19", true);
}

#[test]
fn o20_chunked_before_length() {
    two_lengths("O20", false);
}

/// Heads that are refused whatever follows.
macro_rules! malformed {
    ($($test:ident: $name:literal, $line:literal, $fields:literal, $content:literal;)*) => {$(
        #[test]
        fn $test() {
            let case = Case::new($name);
            case.refuses(format!(concat!($line, "\r\n{}X-Case: ", $name, "\r\n", $fields, "\r\n", $content), HOST));
        }
    )*};
}

malformed! {
    o21_two_lengths: "O21", "POST /v1/charges HTTP/1.1", "Content-Length: 5\r\nContent-Length: 60\r\n", "amount=1&currency=usd";
    o21_a_list_of_lengths: "O21b", "POST /v1/charges HTTP/1.1", "Content-Length: 21, 21\r\n", "amount=1&currency=usd";
    o21_a_signed_length: "O21c", "POST /v1/charges HTTP/1.1", "Content-Length: +21\r\n", "amount=1&currency=usd";
    o22_identity: "O22", "POST /v1/charges HTTP/1.1", "Transfer-Encoding: identity\r\nContent-Length: 21\r\n", "amount=1&currency=usd";
    o22_gzip_chunked: "O22b", "POST /v1/charges HTTP/1.1", "Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n";
    o22_chunked_twice: "O22c", "POST /v1/charges HTTP/1.1", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n";
    o22_empty_then_chunked: "O22d", "POST /v1/charges HTTP/1.1", "Transfer-Encoding: ,chunked\r\n", "0\r\n\r\n";
    o22_not_quite_chunked: "O22e", "POST /v1/charges HTTP/1.1", "Transfer-Encoding: xchunked\r\n", "0\r\n\r\n";
    o23_space_before_colon: "O23", "POST /v1/charges HTTP/1.1", "Content-Length : 21\r\n", "amount=1&currency=usd";
    o24_folded_field: "O24", "GET /v1/balance HTTP/1.1", "X-Folded: a\r\n b\r\n", "";
    o25_bare_cr: "O25", "GET /v1/balance HTTP/1.1", "X-Bare: a\rX-Other: b\r\n", "";
    o25_nul_in_field: "O25b", "GET /v1/balance HTTP/1.1", "X-Nul: a\0b\r\n", "";
    o27_chunk_size_0x: "O27", "POST /v1/charges HTTP/1.1", "Transfer-Encoding: chunked\r\n", "0x15\r\namount=1&currency=usd\r\n0\r\n\r\n";
    o27_chunk_size_words: "O27b", "POST /v1/charges HTTP/1.1", "Transfer-Encoding: chunked\r\n", "zz\r\namount=1&currency=usd\r\n0\r\n\r\n";
    o27_chunk_size_overflows: "O27c", "POST /v1/charges HTTP/1.1", "Transfer-Encoding: chunked\r\n", "FFFFFFFFFFFFFFFFF\r\namount=1&currency=usd\r\n0\r\n\r\n";
    o27_chunk_size_negative: "O27d", "POST /v1/charges HTTP/1.1", "Transfer-Encoding: chunked\r\n", "-15\r\namount=1&currency=usd\r\n0\r\n\r\n";
    o30_chunked_in_http_1_0: "O30", "POST /v1/charges HTTP/1.0", "Transfer-Encoding: chunked\r\n", "15\r\namount=1&currency=usd\r\n0\r\n\r\n";
}

#[test]
fn o26_chunk_extension() {
    let case = Case::new("O26");
    let content = format!("{:x};x=y;POST /v1/refunds\r\n{CHARGE}\r\n0;z\r\n\r\n", CHARGE.len());
    let seen = case.passes(format!(
        "POST /v1/charges HTTP/1.1\r\n{HOST}X-Case: O26\r\nTransfer-Encoding: chunked\r\n\r\n{content}"
    ));
    assert_eq!(seen.text(), CHARGE);
    let raw = case.world.origin.raw(seen.connection);
    assert!(
        !String::from_utf8_lossy(&raw).contains(";x=y"),
        "extensions are not handed on"
    );
}

#[test]
fn o28_trailer_fields() {
    let case = Case::new("O28");
    let content = format!(
        "{:x}\r\n{CHARGE}\r\n0\r\nAuthorization: Bearer other\r\nHost: evil.example\r\n\r\n",
        CHARGE.len()
    );
    let head = format!(
        "POST /v1/charges HTTP/1.1\r\n{HOST}X-Case: O28\r\nTransfer-Encoding: chunked\r\nTrailer: Authorization, Host\r\n\r\n"
    );
    let answer = case.tunnel().send(head + &content).answer();
    match answer.filter(|answer| answer.status == 200) {
        Some(_) => {
            let seen = &case.seen()[0];
            assert_eq!((seen.text().as_str(), seen.trailers.len()), (CHARGE, 0), "{seen:?}");
            assert_eq!(
                (seen.header("authorization"), seen.header("host")),
                (Some("Bearer sk_test_1"), Some("api.stripe.com"))
            );
        }
        None => case.assert_nothing_seen(),
    }
}

#[test]
fn o31_pipelined_requests_are_judged_one_by_one() {
    let case = Case::new("O31");
    let mut wire = case.tunnel();
    wire.send(case.request("GET /v1/balance", &[], "") + &refund(&case));
    assert_eq!(wire.answer().unwrap().status, 200);
    if let Some(second) = wire.answer() {
        assert_eq!(second.status, 403, "{second:?}");
    }
    let seen: Vec<_> = case.seen().into_iter().map(|seen| seen.target).collect();
    assert_eq!(seen, ["/v1/balance"]);
}

#[test]
fn o32_another_host_on_a_kept_connection() {
    let case = Case::new("O32");
    let mut wire = case.tunnel();
    assert_eq!(wire.ask(case.request("GET /v1/balance", &[], "")).status, 200);
    let second = wire.ask(case.request_to("evil.example", "GET /v1/balance", &[], ""));
    assert_eq!(second.status, 421, "{second:?}");
    assert_eq!(case.seen().len(), 1);
}

#[test]
fn o33_content_that_was_to_be_asked_for() {
    let case = Case::new("O33");
    let content = "amount=999999&currency=usd&source=tok_visa";
    let head = format!(
        "POST /v1/charges HTTP/1.1\r\n{HOST}X-Case: O33\r\nExpect: 100-continue\r\nContent-Length: {}\r\n\r\n",
        content.len()
    );
    let mut wire = case.tunnel();
    wire.send(head);
    std::thread::sleep(Duration::from_millis(200));
    let answer = wire.ask(content);
    assert_eq!(answer.status, 403, "{answer:?}");
    assert!(
        answer.text().contains("policy_blocked"),
        "judged by its content: {answer:?}"
    );
    case.assert_nothing_seen();
}

/// Neither answered with 101 nor handed on.
#[track_caller]
fn does_not_upgrade(name: &'static str, fields: &[&str]) {
    let case = Case::new(name);
    let mut wire = case.tunnel();
    wire.send(case.request("GET /v1/balance", fields, ""));
    if let Some(answer) = wire.answer() {
        assert_ne!(answer.status, 101, "{name}");
    }
    wire.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").send(refund(&case));
    wire.patience(Duration::from_secs(5));
    let _ = wire.is_closed();
    for seen in case.seen() {
        assert_eq!(
            (seen.header("upgrade"), seen.header("http2-settings")),
            (None, None),
            "{name}: {seen:?}"
        );
    }
    case.assert_no_refund();
}

#[test]
fn o34_upgrade_to_websocket() {
    let key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";
    does_not_upgrade(
        "O34",
        &[
            "Connection: Upgrade",
            "Upgrade: websocket",
            "Sec-WebSocket-Version: 13",
            key,
        ],
    );
}

#[test]
fn o67_upgrade_to_h2c() {
    does_not_upgrade(
        "O67",
        &[
            "Connection: Upgrade, HTTP2-Settings",
            "Upgrade: h2c",
            "HTTP2-Settings: AAMAAABkAAQAAP__",
        ],
    );
}
