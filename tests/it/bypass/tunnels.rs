//! O57–O62: what a tunnel carries.

use std::io::Read;

use super::Case;
use crate::harness::{Tunnel, Wire, eventually};

#[test]
fn o57_connect_inside_connect() {
    let case = Case::new("O57");
    let mut wire = case.tunnel();
    wire.send("CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\nX-Case: O57\r\n\r\n");
    case.assert_refused(wire.answer());
    let case = Case::new("O57b");
    let mut wire = case.tunnel();
    wire.send("CONNECT api.stripe.com:443 HTTP/1.1\r\nHost: api.stripe.com:443\r\nX-Case: O57b\r\n\r\n");
    case.assert_refused(wire.answer());
}

#[test]
fn o58_clear_text_in_the_tunnel() {
    let case = Case::new("O58");
    let (mut wire, answer) = Tunnel::to("api.stripe.com:443").connect(case.sidecar());
    assert_eq!(answer.unwrap().status, 200);
    wire.send(case.request("POST /v1/refunds", &[], "charge=ch_1&amount=1"));
    assert!(wire.is_closed());
    case.assert_nothing_seen();
    eventually("it is in the trail", || case.sidecar().trail().holds(b"open_tunnel"));
}

#[test]
fn o59_no_server_name() {
    let case = Case::new("O59");
    let mut wire = Tunnel::to("api.stripe.com:443").without_sni().open(case.sidecar());
    let blocked = wire.ask(case.request("POST /v1/refunds", &[], "charge=ch_1&amount=1"));
    assert!(
        blocked.text().contains("policy_blocked"),
        "judged by CONNECT's name: {blocked:?}"
    );
    assert_eq!(wire.ask(case.request("GET /v1/balance", &[], "")).status, 200);
    assert_eq!(case.seen().len(), 1);
}

#[test]
fn o60_encrypted_client_hello() {
    let case = Case::new("O60");
    let mut wire = Tunnel::to("api.stripe.com:443").with_ech().open(case.sidecar());
    let blocked = wire.ask(case.request("POST /v1/refunds", &[], "charge=ch_1&amount=1"));
    assert!(
        blocked.text().contains("policy_blocked"),
        "judged by CONNECT's name: {blocked:?}"
    );
    assert_eq!(wire.ask(case.request("GET /v1/balance", &[], "")).status, 200);
    assert_eq!(case.seen().len(), 1);
}

/// A client hello of TLS 1.0 with the suites of its day.
fn old_hello() -> Vec<u8> {
    let mut hello = vec![0x03, 0x01];
    hello.extend([0x5a; 32]);
    hello.push(0);
    hello.extend([0, 8, 0x00, 0x2f, 0x00, 0x35, 0xc0, 0x13, 0xc0, 0x14]);
    hello.extend([1, 0]);
    let mut handshake = vec![1, 0, 0, hello.len() as u8];
    handshake.extend(hello);
    let mut record = vec![0x16, 0x03, 0x01, 0, handshake.len() as u8];
    record.extend(handshake);
    record
}

#[test]
fn o61_tls_1_0() {
    let case = Case::new("O61");
    let (mut wire, _) = Tunnel::to("api.stripe.com:443").connect(case.sidecar());
    wire.send(old_hello());
    let mut said = Vec::new();
    let _ = wire.read_to_end(&mut said);
    assert!(
        said.is_empty() || said[0] == 0x15,
        "an alert or nothing, no handshake: {said:x?}"
    );
    case.assert_nothing_seen();
}

/// What ALPN did not agree on is not spoken: HTTP/2 is judged where it is (`http2`), and refused where it is not.
#[test]
fn o62_http2_unasked() {
    let case = Case::new("O62");
    let tunnel = |alpn: &[&str]| Tunnel::to("api.stripe.com:443").alpn(alpn).open(case.sidecar());
    // The last is the proxy's port itself, in clear.
    for mut wire in [tunnel(&["http/1.1"]), tunnel(&[]), Wire::to(case.sidecar())] {
        // Preface, SETTINGS, and nothing that could be answered by HTTP/1.1.
        wire.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
            .send([0, 0, 0, 4, 0, 0, 0, 0, 0]);
        assert!(wire.answer().is_none_or(|answer| answer.status >= 400));
    }
    case.assert_nothing_seen();
}
