//! What agents see of our certificates.

use std::process::Command;

use x509_parser::prelude::*;

use crate::harness::{Origin, Sidecar, Tunnel, bounded, python, root, said};

fn leaf(sidecar: &Sidecar, authority: &str) -> Vec<u8> {
    Tunnel::to(authority).open(sidecar).certificates()[0].clone()
}

#[test]
fn a_leaf_is_for_the_connect_name_only() {
    let sidecar = Sidecar::new().start();
    let leaf = leaf(&sidecar, "api.stripe.com:443");
    let (_, certificate) = X509Certificate::from_der(&leaf).unwrap();
    let names = &certificate
        .subject_alternative_name()
        .unwrap()
        .unwrap()
        .value
        .general_names;
    assert_eq!(names[..], [GeneralName::DNSName("api.stripe.com")]);
    assert!(!certificate.is_ca());
    let days = certificate.validity().time_to_expiration().unwrap().whole_days();
    assert!((5..=7).contains(&days), "{days} days");
    let usage = certificate.extended_key_usage().unwrap().unwrap();
    assert!(usage.value.server_auth && !usage.value.client_auth);
    for authority in ["127.0.0.1:443", "[::1]:443"] {
        let leaf = self::leaf(&sidecar, authority);
        let (_, certificate) = X509Certificate::from_der(&leaf).unwrap();
        let names = &certificate
            .subject_alternative_name()
            .unwrap()
            .unwrap()
            .value
            .general_names;
        assert!(
            matches!(names[..], [GeneralName::IPAddress(_)]),
            "{authority}: {names:?}"
        );
    }
}

#[test]
fn two_leaves_have_two_serial_numbers() {
    let sidecar = Sidecar::new().start();
    let serial = |authority| {
        let leaf = leaf(&sidecar, authority);
        X509Certificate::from_der(&leaf).unwrap().1.raw_serial().to_vec()
    };
    assert_ne!(serial("one.example:443"), serial("two.example:443"));
}

#[test]
fn the_authority_is_one_per_home_and_stays() {
    let (one, two) = (Sidecar::new().start(), Sidecar::new().start());
    assert_ne!(one.ca_pem(), two.ca_pem());
    let (_, pem) = parse_x509_pem(one.ca_pem().as_bytes()).unwrap();
    let certificate = pem.parse_x509().unwrap();
    assert!(certificate.is_ca());
    assert!(certificate.key_usage().unwrap().unwrap().value.key_cert_sign());
    let before = one.ca_pem();
    one.restart_hard();
    assert_eq!(one.ca_pem(), before);
}

/// Python 3.13 makes this check by default: key usage, SKI and AKI must all be there.
#[test]
fn pythons_strict_check_passes() {
    let sidecar = Sidecar::new().start();
    for host in ["api.stripe.com", "127.0.0.1"] {
        let mut command = Command::new(python());
        command.arg(root().join("tests/clients/strict_tls_client.py"));
        command
            .args([host, "443", &sidecar.proxy_port().to_string()])
            .arg(sidecar.ca_file());
        let output = bounded(command);
        let told: serde_json::Value =
            serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", said(&output)));
        assert_eq!(told["ok"], true, "{told}");
        assert_eq!(told["names"].as_array().unwrap().len(), 1, "{told}");
    }
}

#[test]
fn tls_1_2_and_1_3_are_spoken_and_alpn_agrees_on_http_1_1_or_2() {
    let origin = Origin::of_things();
    let sidecar = Sidecar::new().resolve("things.example", &origin).start();
    for protocols in [&["http/1.1", "h2"][..], &["h2"]] {
        let wire = Tunnel::to("things.example:443").alpn(protocols).open(&sidecar);
        assert_eq!(wire.alpn().as_deref(), Some(&b"h2"[..]));
    }
    for protocols in [&["http/1.1"][..], &["h3", "http/1.1"]] {
        let mut wire = Tunnel::to("things.example:443").alpn(protocols).open(&sidecar);
        assert_eq!(wire.alpn().as_deref(), Some(&b"http/1.1"[..]));
        assert_eq!(
            wire.ask("GET /hello HTTP/1.1\r\nHost: things.example\r\n\r\n").status,
            200
        );
    }
    for version in ["--tlsv1.2", "--tlsv1.3"] {
        let only = ["--tls-max", &version[6..], version];
        crate::harness::Curl::call(&sidecar, &[&only[..], &["https://things.example/hello"]].concat()).assert_ok();
    }
}

#[test]
fn our_own_authority_is_refused_as_an_upstream_root() {
    let sidecar = Sidecar::new().start();
    std::fs::copy(sidecar.ca_file(), sidecar.home().join("certs/upstream/ours.pem")).unwrap();
    sidecar.kill9();
    let mut command = crate::harness::runplane();
    command.arg("run").arg("--home").arg(sidecar.home());
    let output = bounded(command);
    assert!(!output.status.success(), "{}", said(&output));
    assert!(said(&output).contains("ours.pem"), "{}", said(&output));
}
