use std::fs;
use std::os::unix::fs::PermissionsExt;

use rustls_pki_types::CertificateDer;
use tempfile::TempDir;
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::prelude::{FromDer, X509Certificate};

use super::*;

fn made() -> (TempDir, Authority) {
    let directory = TempDir::new().unwrap();
    let authority = Authority::load_or_create(&directory.path().join("certs")).unwrap();
    (directory, authority)
}

fn certs(directory: &TempDir) -> PathBuf {
    directory.path().join("certs")
}

fn host(text: &str) -> Host {
    text.parse().unwrap()
}

fn leaf_of(authority: &Authority, host: &Host) -> CertificateDer<'static> {
    let parameters = leaf::parameters(host).unwrap();
    parameters
        .signed_by(&authority.leaf_key, &authority.signer.load().issuer)
        .unwrap()
        .der()
        .clone()
}

#[test]
fn what_is_made_is_found_again() {
    let (directory, first) = made();
    let second = Authority::load_or_create(&certs(&directory)).unwrap();
    assert_eq!(first.certificate(), second.certificate());
    let mode = |name: &str| fs::metadata(certs(&directory).join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode("ca.key"), 0o600);
    assert_eq!(mode("ca.pem") & 0o400, 0o400);
    let (_, other) = made();
    assert_ne!(first.certificate().public_key, other.certificate().public_key);
}

#[test]
fn a_key_that_others_may_read_is_refused() {
    let (directory, _) = made();
    let key = certs(&directory).join("ca.key");
    for mode in [0o640, 0o604, 0o644, 0o660, 0o610] {
        fs::set_permissions(&key, fs::Permissions::from_mode(mode)).unwrap();
        let error = Authority::load_or_create(&certs(&directory)).unwrap_err();
        assert!(matches!(error, Error::LaxMode { .. }), "{mode:o}");
        assert!(
            error.to_string().contains(&format!("chmod 600 {}", key.display())),
            "{error}"
        );
    }
}

#[test]
fn one_of_the_two_alone_is_refused_and_left_alone() {
    let (directory, _) = made();
    let (pem, key) = (certs(&directory).join("ca.pem"), certs(&directory).join("ca.key"));
    fs::rename(&key, directory.path().join("away")).unwrap();
    assert!(matches!(
        Authority::load_or_create(&certs(&directory)),
        Err(Error::KeyMissing { .. })
    ));
    assert!(!key.exists());
    fs::rename(directory.path().join("away"), &key).unwrap();
    fs::remove_file(&pem).unwrap();
    assert!(matches!(
        Authority::load_or_create(&certs(&directory)),
        Err(Error::CertificateMissing { .. })
    ));
    assert!(!pem.exists());
}

#[test]
fn a_key_of_another_is_refused() {
    let ((mine, _), (theirs, _)) = (made(), made());
    fs::copy(certs(&theirs).join("ca.key"), certs(&mine).join("ca.key")).unwrap();
    assert!(matches!(
        Authority::load_or_create(&certs(&mine)),
        Err(Error::KeyMismatch { .. })
    ));
}

#[test]
fn an_expired_or_senseless_certificate_is_refused() {
    let (directory, _) = made();
    let pem = certs(&directory).join("ca.pem");
    let key = KeyPair::from_pem(&fs::read_to_string(certs(&directory).join("ca.key")).unwrap()).unwrap();
    let mut parameters = leaf::authority_parameters();
    parameters.not_after = rcgen::date_time_ymd(2020, 1, 1);
    fs::write(&pem, parameters.self_signed(&key).unwrap().pem()).unwrap();
    assert!(matches!(
        Authority::load_or_create(&certs(&directory)),
        Err(Error::NotValidNow(_))
    ));
    fs::write(
        &pem,
        leaf::parameters(&host("a.test"))
            .unwrap()
            .self_signed(&key)
            .unwrap()
            .pem(),
    )
    .unwrap();
    assert!(matches!(
        Authority::load_or_create(&certs(&directory)),
        Err(Error::NotAnAuthority(_))
    ));
    fs::write(&pem, "nonsense").unwrap();
    assert!(matches!(
        Authority::load_or_create(&certs(&directory)),
        Err(Error::NotAnAuthority(_))
    ));
}

#[test]
fn a_leaf_names_its_host_only() {
    let (_directory, authority) = made();
    for (text, expected) in [
        ("api.stripe.test", GeneralName::DNSName("api.stripe.test")),
        ("127.0.0.1", GeneralName::IPAddress(&[127, 0, 0, 1])),
        (
            "[::1]",
            GeneralName::IPAddress(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]),
        ),
    ] {
        let der = leaf_of(&authority, &host(text));
        let (_, leaf) = X509Certificate::from_der(&der).unwrap();
        let names = &leaf.subject_alternative_name().unwrap().unwrap().value.general_names;
        assert_eq!(*names, vec![expected]);
        assert!(!leaf.is_ca());
        let days = (leaf.validity().not_after.timestamp() - leaf.validity().not_before.timestamp()) / 86400;
        assert_eq!(days, 7);
        let has = |wanted: fn(&ParsedExtension<'_>) -> bool| {
            leaf.extensions().iter().any(|found| wanted(found.parsed_extension()))
        };
        assert!(has(|found| matches!(found, ParsedExtension::SubjectKeyIdentifier(_))));
        assert!(has(|found| matches!(found, ParsedExtension::AuthorityKeyIdentifier(_))));
        assert!(has(
            |found| matches!(found, ParsedExtension::ExtendedKeyUsage(usage) if usage.server_auth)
        ));
        assert!(has(
            |found| matches!(found, ParsedExtension::KeyUsage(usage) if usage.digital_signature() && !usage.key_cert_sign())
        ));
        assert!(leaf.basic_constraints().unwrap().unwrap().critical);
        leaf.verify_signature(Some(
            X509Certificate::from_der(&authority.certificate().der)
                .unwrap()
                .1
                .public_key(),
        ))
        .unwrap();
    }
}

#[test]
fn two_leaves_have_two_serial_numbers() {
    let (_directory, authority) = made();
    let serial = |text| {
        let der = leaf_of(&authority, &host(text));
        X509Certificate::from_der(&der).unwrap().1.raw_serial().to_vec()
    };
    let numbers = [serial("a.test"), serial("b.test"), serial("a.test")];
    assert!(numbers[0] != numbers[1] && numbers[0] != numbers[2]);
    assert!(numbers.iter().all(|number| number.len() == 16 && number[0] & 0x80 == 0));
}

#[test]
fn a_host_gets_the_same_leaf_again() {
    let (_directory, authority) = made();
    let first = authority.server_config(&host("a.test")).unwrap();
    assert!(Arc::ptr_eq(&first, &authority.server_config(&host("A.TEST.")).unwrap()));
    assert!(!Arc::ptr_eq(&first, &authority.server_config(&host("b.test")).unwrap()));
}

#[test]
fn an_endless_row_of_new_hosts_is_refused_at_last() {
    let (_directory, authority) = made();
    let refused = (0..2000).any(|n| {
        matches!(
            authority.server_config(&host(&format!("h{n}.test"))),
            Err(LeafError::Busy)
        )
    });
    assert!(refused);
    assert!(
        authority.server_config(&host("h0.test")).is_ok(),
        "what is cached is still served"
    );
}

#[test]
fn only_what_is_parsed_is_spoken() {
    let (_directory, authority) = made();
    assert_eq!(
        authority.server_config(&host("a.test")).unwrap().alpn_protocols,
        vec![b"h2".to_vec(), b"http/1.1".to_vec()]
    );
}

/// What a client with all suites, the strongest first, and a server with this configuration agree on.
fn agreed_suite(authority: &Authority, version: &'static rustls::SupportedProtocolVersion) -> CipherSuite {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(authority.certificate().der).unwrap();
    let client = rustls::ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let mut client = rustls::ClientConnection::new(Arc::new(client), "a.test".try_into().unwrap()).unwrap();
    let mut server = rustls::ServerConnection::new(authority.server_config(&host("a.test")).unwrap()).unwrap();
    while client.is_handshaking() || server.is_handshaking() {
        let mut sent = Vec::new();
        client.write_tls(&mut sent).unwrap();
        server.read_tls(&mut sent.as_slice()).unwrap();
        server.process_new_packets().unwrap();
        sent.clear();
        server.write_tls(&mut sent).unwrap();
        client.read_tls(&mut sent.as_slice()).unwrap();
        client.process_new_packets().unwrap();
    }
    client.negotiated_cipher_suite().unwrap().suite()
}

#[test]
fn the_cheapest_suite_is_taken_whatever_order_the_client_has() {
    let (_directory, authority) = made();
    let all = aws_lc_rs::default_provider().cipher_suites.len();
    assert_eq!(provider().cipher_suites.len(), all, "no suite is lost");
    assert_eq!(
        agreed_suite(&authority, &rustls::version::TLS13),
        CipherSuite::TLS13_AES_128_GCM_SHA256
    );
    assert_eq!(
        agreed_suite(&authority, &rustls::version::TLS12),
        CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256
    );
}
