use std::os::unix::fs::PermissionsExt;

use rcgen::{CertificateParams, KeyPair};
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;

use super::*;

/// A certificate for this name with its key, in files of a directory.
fn write(directory: &TempDir, name: &str) -> Files {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new([name.to_owned()])
        .unwrap()
        .self_signed(&key)
        .unwrap();
    let files = Files {
        certificate: directory.path().join("tls.pem"),
        key: directory.path().join("tls.key"),
    };
    std::fs::write(&files.certificate, certificate.pem()).unwrap();
    std::fs::write(&files.key, key.serialize_pem()).unwrap();
    std::fs::set_permissions(&files.key, std::fs::Permissions::from_mode(0o600)).unwrap();
    files
}

async fn pair() -> (TcpStream, Socket) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    (client, listener.accept().await.unwrap().0.into())
}

/// Whether a client with this configuration and the server come to an understanding.
async fn shake(server: &Server, client: ClientConfig) -> bool {
    let (ours, theirs) = pair().await;
    let name = ServerName::try_from("other.test").unwrap();
    let connector = TlsConnector::from(Arc::new(client));
    let (shaken, accepted) = tokio::join!(connector.connect(name, ours), server.accept(theirs));
    shaken.is_ok() && accepted.is_some()
}

#[tokio::test]
async fn another_certificate_than_the_pinned_one_is_refused() {
    let (directory, other) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let files = write(&directory, "control.test");
    let server = Server::load(files.clone()).unwrap();
    assert!(shake(&server, pinned(&files).unwrap()).await);
    assert!(!shake(&server, pinned(&write(&other, "control.test")).unwrap()).await);
}

#[tokio::test]
async fn a_new_pair_is_shown_from_its_reload_on_and_a_broken_one_never() {
    let directory = TempDir::new().unwrap();
    let files = write(&directory, "control.test");
    let old = pinned(&files).unwrap();
    let server = Server::load(files.clone()).unwrap();
    assert!(!server.reload().unwrap());
    write(&directory, "control.test");
    let new = pinned(&files).unwrap();
    assert!(!shake(&server, new.clone()).await && shake(&server, old.clone()).await);
    assert!(server.reload().unwrap());
    assert!(shake(&server, new.clone()).await && !shake(&server, old).await);
    std::fs::write(&files.key, KeyPair::generate().unwrap().serialize_pem()).unwrap();
    assert!(matches!(server.reload(), Err(Error::Pair { .. })));
    std::fs::write(&files.certificate, "nonsense").unwrap();
    assert!(matches!(server.reload(), Err(Error::NoCertificate(_))));
    assert!(shake(&server, new).await, "the last good pair is still shown");
}

#[tokio::test]
async fn tls_1_2_is_not_spoken() {
    let directory = TempDir::new().unwrap();
    let files = write(&directory, "control.test");
    let server = Server::load(files.clone()).unwrap();
    let provider = Arc::new(aws_lc_rs::default_provider());
    let old = ClientConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&[&rustls::version::TLS12])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Pin {
            certificate: certificates(&files).unwrap().swap_remove(0),
            algorithms: provider.signature_verification_algorithms,
        }))
        .with_no_client_auth();
    assert!(!shake(&server, old).await);
}

#[test]
fn a_key_that_others_can_read_is_refused() {
    let directory = TempDir::new().unwrap();
    let files = write(&directory, "control.test");
    std::fs::set_permissions(&files.key, std::fs::Permissions::from_mode(0o640)).unwrap();
    let error = Server::load(files).unwrap_err();
    assert!(error.to_string().contains("chmod 600"), "{error}");
}

#[tokio::test]
async fn a_client_in_clear_is_told_and_let_go() {
    let directory = TempDir::new().unwrap();
    let server = Server::load(write(&directory, "control.test")).unwrap();
    let (mut client, theirs) = pair().await;
    client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    let mut said = String::new();
    let (read, accepted) = tokio::join!(
        async {
            let read = client.read_to_string(&mut said).await;
            client.shutdown().await.unwrap();
            read
        },
        server.accept(theirs)
    );
    assert!(read.is_ok() && accepted.is_none());
    let (head, body) = said.split_once("\r\n\r\n").unwrap();
    assert!(
        head.contains(&format!("Content-Length: {}", body.len())) && body.contains("https://"),
        "{said}"
    );
}
