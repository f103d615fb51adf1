//! TLS on our own ports.

use std::io::Read;
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use rcgen::{CertificateParams, KeyPair};

use crate::harness::{Configuration, Curl, Origin, Session, Sidecar, Wire, free_port, said};

pub const TLS: &str = "tls: { certificate: own.pem, key: own.key }";

/// A new certificate for this machine, with its key.
fn certify(home: &Path) {
    certify_as(&["localhost", "127.0.0.1"], home);
}

/// A new certificate for these names, with its key.
pub fn certify_as(names: &[&str], home: &Path) {
    let key = KeyPair::generate().unwrap();
    let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
    let certificate = CertificateParams::new(names).unwrap().self_signed(&key).unwrap();
    std::fs::write(home.join("own.pem"), certificate.pem()).unwrap();
    let file = home.join("own.key");
    std::fs::write(&file, key.serialize_pem()).unwrap();
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o600)).unwrap();
}

fn certified() -> Configuration {
    let sidecar = Sidecar::new();
    certify(sidecar.home.path());
    sidecar
}

fn certificate(sidecar: &Sidecar) -> String {
    sidecar.home().join("own.pem").display().to_string()
}

fn hang_up(sidecar: &Sidecar) {
    let sent = Command::new("sh")
        .args(["-c", &format!("kill -HUP {}", sidecar.pid())])
        .status();
    assert!(sent.unwrap().success());
}

#[test]
fn curl_and_requests_reach_the_proxy_by_tls() {
    let origin = Origin::stripe();
    let sidecar = certified()
        .resolve("api.stripe.com", &origin)
        .hold("30s")
        .proxy(TLS)
        .start();
    let proxy = format!("https://localhost:{}", sidecar.proxy_port());
    let curl = ["--proxy", &proxy, "--proxy-cacert", &certificate(&sidecar)];
    let balance = Curl::call(&sidecar, &[&curl[..], &["https://api.stripe.com/v1/balance"]].concat());
    balance.assert_ok();
    let refund = [
        "-d",
        "charge=ch_1",
        "-d",
        "amount=90000",
        "https://api.stripe.com/v1/refunds",
    ];
    let held = Curl::start(&sidecar, &[&curl[..], &refund].concat());
    sidecar.approve(&sidecar.next_held());
    held.finish().assert_ok();

    let bundle = sidecar.home().join("bundle.pem");
    let both = sidecar.ca_pem() + &std::fs::read_to_string(certificate(&sidecar)).unwrap();
    std::fs::write(&bundle, both).unwrap();
    let bundle = bundle.display().to_string();
    let environment = [
        ("HTTPS_PROXY", &*proxy),
        ("https_proxy", &proxy),
        ("REQUESTS_CA_BUNDLE", &bundle),
    ];
    let mut requests = Session::open("requests_client.py", &sidecar, None, &environment);
    requests.call("get https://api.stripe.com/v1/balance").assert_ok();
    assert_eq!(origin.seen().len(), 3);
    assert!(
        sidecar
            .printed()
            .contains(&format!("proxy     https://127.0.0.1:{}", sidecar.proxy_port()))
    );
}

#[test]
fn reverse_by_tls() {
    let origin = Origin::stripe();
    let port = free_port();
    let section = format!("reverse: [ {{ listen: \"127.0.0.1:{port}\", to: \"https://api.stripe.com\", {TLS} }} ]");
    let sidecar = certified().resolve("api.stripe.com", &origin).section(&section).start();
    let url = format!("https://localhost:{port}/v1/balance");
    Curl::call(&sidecar, &["--noproxy", "*", "--cacert", &certificate(&sidecar), &url]).assert_ok();
    let boot = &sidecar.trail().of_kind("boot")[0];
    let listeners = boot["listeners"].as_str().unwrap();
    assert!(
        listeners.contains(&format!("reverse https://127.0.0.1:{port}")) && listeners.contains("proxy http://"),
        "{listeners}"
    );
}

#[test]
fn the_command_line_knows_controls_certificate_and_no_other() {
    let sidecar = certified()
        .control(&format!("{TLS}, public_url: \"https://runplane.corp\""))
        .start();
    assert!(sidecar.printed().contains("(for people: https://runplane.corp)"));
    assert!(sidecar.told(&["people", "list"]).contains("owner"));
    // Another certificate in the files: not shown before it is read, and what is shown is not it.
    certify(sidecar.home());
    let told = said(&sidecar.cli(&["people", "list"]));
    assert!(told.contains("does not show the certificate"), "{told}");
    hang_up(&sidecar);
    assert!(sidecar.prints(&["RELOADED: the certificate"]));
    assert!(sidecar.told(&["people", "list"]).contains("owner"));
    // A key that is not its own: what is shown stays.
    let key = KeyPair::generate().unwrap().serialize_pem();
    let file = sidecar.home().join("own.key");
    let good = std::fs::read(&file).unwrap();
    std::fs::write(&file, key).unwrap();
    hang_up(&sidecar);
    assert!(sidecar.prints(&["RELOAD REFUSED", "own.key", "stays"]));
    std::fs::write(&file, good).unwrap();
    assert!(sidecar.told(&["people", "list"]).contains("owner"));
}

#[test]
fn beyond_loopback_with_a_certificate() {
    let sidecar = certified();
    let (proxy, control) = (sidecar.proxy_port, sidecar.control_port);
    let yaml = format!(
        "proxy: {{ listen: \"0.0.0.0:{proxy}\", {TLS} }}\ncontrol: {{ listen: \"0.0.0.0:{control}\", {TLS} }}\n"
    );
    let sidecar = sidecar.control(TLS).start_as(&yaml);
    assert!(sidecar.told(&["people", "list"]).contains("owner"));
}

#[test]
fn a_key_that_others_can_read_is_refused() {
    let sidecar = certified().proxy(TLS);
    std::fs::set_permissions(sidecar.home.join("own.key"), std::fs::Permissions::from_mode(0o644)).unwrap();
    let told = said(&sidecar.refuses());
    assert!(
        told.contains("runplane.yaml:1:") && told.contains("chmod 600"),
        "{told}"
    );
}

#[test]
fn who_speaks_otherwise_is_let_go_at_once() {
    let sidecar = certified().proxy(TLS).start();
    let mut clear = Wire::to(&sidecar);
    let answer = clear.ask("GET http://things.example/ HTTP/1.1\r\nHost: things.example\r\n\r\n");
    assert_eq!(answer.status, 400, "{answer:?}");
    assert!(answer.text().contains("https://") && clear.is_closed(), "{answer:?}");

    let sidecar = Sidecar::new().start();
    for port in [sidecar.proxy_port(), sidecar.control_port()] {
        let name = "localhost".try_into().unwrap();
        let roots = rustls::RootCertStore::empty();
        let provider = std::sync::Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let mut client = rustls::ClientConnection::new(config.into(), name).unwrap();
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream
            .set_read_timeout(Some(std::time::Duration::from_secs(5)))
            .unwrap();
        client.write_tls(&mut stream).unwrap();
        let mut said = Vec::new();
        let ended = stream.read_to_end(&mut said);
        let waited = ended.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock);
        assert!(!waited, "port {port} kept a client of TLS waiting: {said:?}");
    }
}
