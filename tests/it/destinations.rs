//! Where nothing may be dialled, whatever was decided.

use crate::harness::{Canary, Origin, Sidecar, Tunnel, Wire};

const GET: &str = "GET /hello HTTP/1.1\r\nHost: things.example\r\n\r\n";

#[track_caller]
fn assert_destination_refused(answer: &crate::harness::HttpAnswer) {
    assert_eq!(answer.status, 403, "{answer:?}");
    assert!(answer.text().contains("destination_refused"), "{answer:?}");
}

#[test]
fn loopback_private_and_metadata_addresses_are_refused() {
    let sidecar = Sidecar::new().start();
    let addresses = [
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "169.254.169.254",
        "0.0.0.0",
        "[::1]",
        "[fe80::1]",
        "[fd00::1]",
        "[::ffff:10.0.0.1]",
        "[::ffff:169.254.169.254]",
        "[64:ff9b::a00:1]",
    ];
    for address in addresses {
        let answer = Wire::to(&sidecar).ask(format!(
            "GET http://{address}/latest/ HTTP/1.1\r\nHost: {address}\r\n\r\n"
        ));
        assert_destination_refused(&answer);
    }
}

#[test]
fn a_name_that_leads_to_the_loopback_is_refused() {
    let canary = Canary::new();
    let sidecar = Sidecar::new()
        .resolve_to("things.example", &canary.address().to_string())
        .start();
    assert_destination_refused(&Tunnel::to("things.example:443").open(&sidecar).ask(GET));
    let port = canary.port();
    let by_name = format!("GET http://localhost:{port}/ HTTP/1.1\r\nHost: localhost:{port}\r\n\r\n");
    assert_destination_refused(&Wire::to(&sidecar).ask(by_name));
    let by_address = format!("GET http://127.0.0.1:{port}/ HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n");
    assert_destination_refused(&Wire::to(&sidecar).ask(by_address));
    canary.assert_untouched();
}

#[test]
fn naming_one_port_opens_no_other() {
    let (origin, canary) = (Origin::of_things_in_clear(), Canary::new());
    let sidecar = Sidecar::new()
        .resolve("things.example:80", &origin)
        .resolve_to("other.example:80", &canary.address().to_string())
        .start();
    assert_eq!(
        Wire::to(&sidecar)
            .ask("GET http://things.example/ HTTP/1.1\r\nHost: things.example\r\n\r\n")
            .status,
        200
    );
    let other = Wire::to(&sidecar).ask("GET http://other.example/ HTTP/1.1\r\nHost: other.example\r\n\r\n");
    assert_destination_refused(&other);
    canary.assert_untouched();
}

#[test]
fn our_own_listeners_are_never_a_destination() {
    let sidecar = Sidecar::new().destination("127.0.0.0/8").destination("::1").start();
    for port in [sidecar.proxy_port(), sidecar.control_port()] {
        for host in ["127.0.0.1", "localhost", "127.0.0.2", "[::ffff:127.0.0.1]"] {
            let request = format!("GET http://{host}:{port}/health HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n");
            assert_destination_refused(&Wire::to(&sidecar).ask(request));
        }
    }
}

#[test]
fn a_refused_destination_is_recorded_as_not_sent() {
    let sidecar = Sidecar::new().start();
    Wire::to(&sidecar).ask("GET http://169.254.169.254/latest/ HTTP/1.1\r\nHost: 169.254.169.254\r\n\r\n");
    crate::harness::eventually("its outcome is in the trail", || {
        !sidecar.trail().of_kind("outcome").is_empty()
    });
    let outcomes = sidecar.trail().of_kind("outcome");
    assert_eq!(outcomes[0]["outcome"], "not_sent", "{outcomes:?}");
}
