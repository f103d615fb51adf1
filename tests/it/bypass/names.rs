//! O35–O56: whom a call is for.

use super::{CHARGE, Case};
use crate::harness::{Canary, Origin, Sidecar, Tunnel, Wire};

#[test]
fn o35_host_differs() {
    let case = Case::new("O35");
    let answer = case
        .tunnel()
        .ask(case.request_to("evil.example", "GET /v1/balance", &[], ""));
    assert_eq!(answer.status, 421, "{answer:?}");
    case.assert_nothing_seen();
}

#[test]
fn o36_server_name_differs() {
    let case = Case::new("O36");
    let wire = Tunnel::to("api.stripe.com:443")
        .sni("evil.example")
        .try_open(case.sidecar());
    case.assert_refused(
        wire.ok()
            .and_then(|mut wire| wire.send(case.request("GET /v1/balance", &[], "")).answer()),
    );
}

#[test]
fn o37_connect_differs() {
    let case = Case::new("O37");
    let wire = Tunnel::to("evil.example:443")
        .sni("api.stripe.com")
        .try_open(case.sidecar());
    case.assert_refused(
        wire.ok()
            .and_then(|mut wire| wire.send(case.request("GET /v1/balance", &[], "")).answer()),
    );
}

#[test]
fn o38_absolute_form_in_the_tunnel() {
    for (name, line) in [
        ("O38", "GET http://evil.example/v1/balance"),
        ("O38b", "GET https://evil.example/v1/balance"),
        ("O38c", "GET http://api.stripe.com/v1/balance"),
    ] {
        let case = Case::new(name);
        case.refuses(case.request(line, &[], ""));
    }
}

#[test]
fn o39_two_hosts() {
    for (name, host) in [("O39", "evil.example"), ("O39b", "api.stripe.com")] {
        let case = Case::new(name);
        case.refuses(case.request("GET /v1/balance", &[&format!("Host: {host}")], ""));
    }
}

#[test]
fn o40_no_host() {
    let case = Case::new("O40");
    case.refuses("GET /v1/balance HTTP/1.1\r\nX-Case: O40\r\n\r\n");
}

/// CONNECT requests that lead nowhere: refused there, or the call inside is.
macro_rules! no_tunnel {
    ($($test:ident: $name:literal, $authority:literal;)*) => {$(
        #[test]
        fn $test() {
            let case = Case::new($name);
            let (_, answer) = Tunnel::to($authority).connect(case.sidecar());
            case.assert_refused(answer);
        }
    )*};
}

no_tunnel! {
    o41_user_information: "O41", "api.stripe.com@evil.example:443";
    o41_user_information_reversed: "O41b", "evil.example@api.stripe.com:443";
    o52_homograph: "O52", "аpi.stripe.com:443";
    o53_nul_in_host: "O53", "evil.example\0.stripe.com:443";
    o53_encoded_nul_in_host: "O53b", "evil.example%00.stripe.com:443";
    o45_no_such_port: "O45b", "api.stripe.com:99999";
    o45_no_port: "O45c", "api.stripe.com";
    o45_port_zero: "O45d", "api.stripe.com:0";
}

#[test]
fn o42_trailing_dot() {
    let case = Case::new("O42");
    let mut wire = Tunnel::to("api.stripe.com.:443").open(case.sidecar());
    for host in ["api.stripe.com.", "api.stripe.com"] {
        let answer = wire.ask(case.request_to(host, "POST /v1/refunds", &[], "charge=ch_1&amount=1"));
        assert!(
            answer.text().contains("policy_blocked"),
            "judged as what it is: {answer:?}"
        );
    }
    case.assert_nothing_seen();
}

#[test]
fn o43_upper_case_host() {
    let case = Case::new("O43");
    let mut wire = Tunnel::to("API.Stripe.COM:443").open(case.sidecar());
    let answer = wire.ask(case.request_to("api.STRIPE.com", "POST /v1/refunds", &[], "charge=ch_1&amount=1"));
    assert_eq!(answer.status, 403, "{answer:?}");
    assert!(
        answer.text().contains("policy_blocked"),
        "judged as what it is: {answer:?}"
    );
    case.assert_nothing_seen();
    let answer = wire.ask(case.request_to("API.stripe.com", "GET /v1/balance", &[], ""));
    assert_eq!(answer.status, 200, "{answer:?}");
}

#[test]
fn o44_default_port_is_the_same_authority() {
    let case = Case::new("O44");
    let answer = case
        .tunnel()
        .ask(case.request_to("api.stripe.com:443", "GET /v1/balance", &[], ""));
    assert_eq!(answer.status, 200, "{answer:?}");
    let answer =
        case.tunnel()
            .ask(case.request_to("api.stripe.com:443", "POST /v1/refunds", &[], "charge=ch_1&amount=1"));
    assert!(answer.text().contains("policy_blocked"), "{answer:?}");
    assert_eq!(case.seen().len(), 1);
}

/// Another port is another service: what its calls mean is not known.
#[test]
fn o45_other_port() {
    let case = Case::new("O45");
    let mut wire = Tunnel::to("api.stripe.com:8443").open(case.sidecar());
    for (line, content) in [
        ("POST /v1/refunds", "charge=ch_1&amount=1"),
        ("POST /v1/charges", CHARGE),
    ] {
        let answer = wire.ask(case.request_to("api.stripe.com:8443", line, &[], content));
        assert_eq!(answer.status, 403, "{answer:?}");
    }
    case.assert_nothing_seen();
}

#[test]
fn o46_o48_addresses_that_nobody_named() {
    let (case, canary) = (Case::new("O46"), Canary::new());
    let port = canary.port();
    for host in [
        "127.0.0.1",
        "[::ffff:127.0.0.1]",
        "[::1]",
        "127.1",
        "0x7f000001",
        "2130706433",
        "0177.0.0.1",
    ] {
        let authority = format!("{host}:{port}");
        if let Ok(mut wire) = Tunnel::to(&authority).try_open(case.sidecar()) {
            for line in ["GET /v1/balance", "POST /v1/charges"] {
                let answer = wire.send(case.request_to(&authority, line, &[], "")).answer();
                assert!(
                    answer.is_none_or(|answer| (400..=502).contains(&answer.status)),
                    "{authority}"
                );
            }
        }
    }
    canary.assert_untouched();
}

#[test]
fn o47_metadata_service() {
    let case = Case::new("O47");
    for host in ["169.254.169.254", "[::ffff:169.254.169.254]", "[fd00:ec2::254]"] {
        let request = format!("GET http://{host}/latest/meta-data/ HTTP/1.1\r\nHost: {host}\r\nX-Case: O47\r\n\r\n");
        let answer = Wire::to(case.sidecar()).ask(request);
        assert_eq!(answer.status, 403, "{answer:?}");
        assert!(answer.text().contains("destination_refused"), "{answer:?}");
    }
}

/// A name that is nearly Stripe's is nobody's: what is allowed at Stripe is not allowed there.
#[test]
fn o51_o52_names_that_look_like_it() {
    let case = Case::new("O51");
    for host in [
        "api.stripe.com.evil.example",
        "xapi.stripe.com",
        "xn--pi-7kc.stripe.com",
        "api-stripe.com",
    ] {
        let mut wire = Tunnel::to(&format!("{host}:443")).open(case.sidecar());
        let answer = wire.ask(case.request_to(host, "POST /v1/charges", &[], CHARGE));
        assert_eq!(answer.status, 403, "{host}: {answer:?}");
    }
    case.assert_nothing_seen();
}

#[test]
fn o54_plain_http() {
    let case = Case::new("O54");
    let mut wire = Wire::to(case.sidecar());
    let answer = wire.ask(case.request("POST http://api.stripe.com/v1/refunds", &[], "charge=ch_1&amount=1"));
    assert_eq!(answer.status, 403, "{answer:?}");
    let other = case.request_to("evil.example", "GET http://api.stripe.com/v1/balance", &[], "");
    case.assert_refused(Wire::to(case.sidecar()).send(other).answer());
    let user = case.request("GET http://api.stripe.com@evil.example/v1/balance", &[], "");
    case.assert_refused(Wire::to(case.sidecar()).send(user).answer());
    let secure = case.request("GET https://api.stripe.com/v1/balance", &[], "");
    case.assert_refused(Wire::to(case.sidecar()).send(secure).answer());
}

#[test]
fn o55_origin_form_to_the_proxy() {
    let case = Case::new("O55");
    for line in ["GET /v1/balance", "GET /api/v1/approvals", "OPTIONS *"] {
        case.assert_refused(Wire::to(case.sidecar()).send(case.request(line, &[], "")).answer());
    }
}

/// Even a configuration that opens the whole loopback does not open us.
#[test]
fn o56_connect_to_ourselves() {
    let origin = Origin::stripe();
    let sidecar = Sidecar::new()
        .resolve("api.stripe.com", &origin)
        .destination("127.0.0.0/8")
        .start();
    for port in [sidecar.proxy_port(), sidecar.control_port()] {
        for host in ["127.0.0.1", "localhost", "127.0.0.9"] {
            let authority = format!("{host}:{port}");
            let Ok(mut wire) = Tunnel::to(&authority).try_open(&sidecar) else {
                continue;
            };
            let answer = wire.ask(format!("GET /health HTTP/1.1\r\nHost: {authority}\r\n\r\n"));
            assert_eq!(answer.status, 403, "{authority}: {answer:?}");
            assert!(answer.text().contains("destination_refused"), "{authority}: {answer:?}");
        }
    }
}
