//! What asks to leave HTTP.

use super::*;

#[tokio::test]
async fn asking_to_leave_http_is_seen() {
    let asks = |upgrade: &str| {
        with(
            "GET /socket",
            &format!("Connection: Upgrade, HTTP2-Settings\r\nUpgrade: {upgrade}\r\nHTTP2-Settings: AA\r\n"),
        )
    };
    for upgrade in [
        "TLS/1.2",
        "foo, websocket",
        "websocket, foo",
        "websocket, websocket",
        "h2c, TLS/1.2",
    ] {
        let parsed = inside(&asks(upgrade)).await.unwrap();
        assert!(parsed.leaves_http && !parsed.call.opens_stream(), "{upgrade}");
    }
    let parsed = inside(&asks("h2c")).await.unwrap();
    assert!(!parsed.leaves_http, "an offer of HTTP/2 may be passed over");
    assert!(!parsed.call.headers.contains_key("upgrade") && !parsed.call.headers.contains_key("http2-settings"));
}

/// What RFC 6455 asks of a handshake, a line for each.
const HANDSHAKE: [&str; 4] = [
    "Connection: keep-alive, Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version: 13",
];

#[tokio::test]
async fn a_whole_handshake_is_known_and_keeps_what_makes_it() {
    for upgrade in ["websocket", "WebSocket"] {
        let lines = HANDSHAKE.join("\r\n").replace("websocket", upgrade) + "\r\n";
        let Parsed { call, leaves_http } = inside(&with("GET /socket", &lines)).await.unwrap();
        assert!(leaves_http && call.opens_stream(), "{upgrade}");
        assert_eq!(call.header("upgrade"), Some("websocket"));
        assert!(!call.headers.contains_key("connection"));
        assert_eq!(call.header("sec-websocket-key"), Some("dGhlIHNhbXBsZSBub25jZQ=="));
    }
}

#[tokio::test]
async fn a_handshake_that_is_not_whole_is_refused() {
    let lines = |at: usize, line: &str| {
        let mut lines = HANDSHAKE.map(str::to_owned);
        lines[at] = line.to_owned();
        lines
            .iter()
            .filter(|line| !line.is_empty())
            .map(|line| format!("{line}\r\n"))
            .collect::<String>()
    };
    let whole = lines(1, HANDSHAKE[1]);
    let requests = [
        with("GET /socket", &lines(0, "")),
        with("GET /socket", &lines(0, "Connection: keep-alive")),
        with("GET /socket", &lines(1, "Upgrade: h2c, websocket")),
        with("GET /socket", &lines(1, "Upgrade: websocket\r\nUpgrade: h2c")),
        with("GET /socket", &lines(2, "")),
        with("GET /socket", &lines(2, "Sec-WebSocket-Key: short")),
        with("GET /socket", &lines(2, "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ")),
        with("GET /socket", &(whole.clone() + HANDSHAKE[2] + "\r\n")),
        with("GET /socket", &lines(3, "")),
        with("GET /socket", &lines(3, "Sec-WebSocket-Version: 8")),
        with("GET /socket", &(whole.clone() + "Content-Length: 1\r\n")) + "x",
        with("GET /socket", &(whole.clone() + "Transfer-Encoding: chunked\r\n")) + "0\r\n\r\n",
        with("POST /socket", &whole),
        with("HEAD /socket", &whole),
        with("GET /socket", &whole).replace("HTTP/1.1", "HTTP/1.0"),
    ];
    for request in requests {
        assert_eq!(reason(&request).await, Reason::Malformed, "{request}");
    }
}
