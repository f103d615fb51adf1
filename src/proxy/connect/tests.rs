use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;

use super::*;
use crate::io::drain::Drain;
use crate::io::socket::Presence;

struct House {
    authority: crate::authority::Authority,
    _directory: TempDir,
}

fn house() -> House {
    let directory = TempDir::new().unwrap();
    let authority = crate::authority::Authority::load_or_create(directory.path()).unwrap();
    House {
        authority,
        _directory: directory,
    }
}

fn trusting(house: &House) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(house.authority.certificate().der).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let versions = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap();
    versions.with_root_certificates(roots).with_no_client_auth()
}

async fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    (client, listener.accept().await.unwrap().0)
}

/// A client that asks for `asked` in a tunnel to `connect`: whether the client was content, and what the tunnel says.
async fn shake(
    house: &House,
    config: ClientConfig,
    connect: &str,
    asked: &str,
) -> (bool, Result<Option<Refusal>, Refusal>) {
    let (client, server) = pair().await;
    let authority = Authority::parse(connect, Some(443)).unwrap();
    let tls = house.authority.server_config(&authority.host).unwrap();
    let drain = Drain::default();
    let mut connection = Connection {
        peer: server.peer_addr().unwrap(),
        local: server.local_addr().unwrap(),
        tunnel: Some(Tunnel {
            scheme: Scheme::Https,
            authority,
            credentials: Credentials::Proxy(None),
            disagreement: None,
        }),
        reverse: None,
        working: drain.working(),
        stream: stream::Slot::default(),
        presence: Presence::default(),
    };
    let name = ServerName::try_from(asked.to_owned()).unwrap();
    let metrics = Metrics::default();
    let connector = TlsConnector::from(Arc::new(config));
    let (client, server) = tokio::join!(
        connector.connect(name, client),
        handshake(
            &metrics,
            &mut connection,
            tls,
            Prefixed::new(Bytes::new(), Stream::Clear(server.into()))
        )
    );
    let said = server.map(|_| connection.tunnel.and_then(|tunnel| tunnel.disagreement));
    (client.is_ok(), said)
}

#[tokio::test]
async fn a_client_that_trusts_us_gets_the_leaf_of_the_connect_name() {
    let house = house();
    for host in ["api.stripe.test", "127.0.0.1"] {
        let (content, said) = shake(&house, trusting(&house), host, host).await;
        assert!(content, "{host}");
        assert_eq!(said, Ok(None));
    }
}

/// O36, O37
#[tokio::test]
async fn an_sni_other_than_the_tunnels_is_refused() {
    let house = house();
    // A client that checks names never gets so far; the trail tells why.
    let (content, said) = shake(&house, trusting(&house), "evil.test", "api.stripe.test").await;
    assert!(!content);
    assert_eq!(said.unwrap_err().reason, Reason::AuthorityMismatch);
    // One that does not is told inside.
    let mut blind = trusting(&house);
    blind
        .dangerous()
        .set_certificate_verifier(Arc::new(blind_verifier::Blind));
    let (content, said) = shake(&house, blind, "evil.test", "api.stripe.test").await;
    assert!(content);
    assert_eq!(said.unwrap().unwrap().reason, Reason::AuthorityMismatch);
}

/// O59
#[tokio::test]
async fn a_hello_without_sni_is_taken_at_connects_word() {
    let house = house();
    let mut config = trusting(&house);
    config.enable_sni = false;
    let (content, said) = shake(&house, config, "api.stripe.test", "api.stripe.test").await;
    assert!(content);
    assert_eq!(said, Ok(None));
}

/// A protocol that is none of ours, and a certificate that is not trusted.
#[tokio::test]
async fn a_handshake_that_fails_says_what_to_look_at() {
    let house = house();
    let mut only_h3 = trusting(&house);
    only_h3.alpn_protocols = vec![b"h3".to_vec()];
    let (content, said) = shake(&house, only_h3, "api.stripe.test", "api.stripe.test").await;
    assert!(!content);
    assert_eq!(said.unwrap_err().reason, Reason::Malformed);

    let mut distrusting = trusting(&house);
    distrusting.alpn_protocols = vec![b"http/1.1".to_vec()];
    let other = self::house();
    let (content, said) = shake(&other, distrusting, "api.stripe.test", "api.stripe.test").await;
    assert!(!content);
    assert!(said.unwrap_err().detail.contains("trust"));
}

#[tokio::test]
async fn the_first_byte_is_seen_and_left_in_place() {
    let (mut client, server) = pair().await;
    let (mut server, mut early) = (Stream::Clear(server.into()), Bytes::new());
    client.write_all(b"POST").await.unwrap();
    assert_eq!(first_byte(&mut server, &mut early).await, Some(b'P'));
    client.write_all(b" /").await.unwrap();
    let mut all = [0; 6];
    Prefixed::new(early, server).read_exact(&mut all).await.unwrap();
    assert_eq!(&all, b"POST /");
    drop(client);

    let (client, server) = pair().await;
    let mut server = Stream::Clear(server.into());
    let mut early = Bytes::from_static(&[HANDSHAKE, 3]);
    let first = first_byte(&mut server, &mut early).await;
    assert_eq!(first, Some(HANDSHAKE), "what came with CONNECT comes first");
    drop(client);
    assert_eq!(first_byte(&mut server, &mut Bytes::new()).await, None);
}

#[test]
fn the_call_of_a_tunnel_is_its_connect() {
    let caller = Caller {
        agent: "a".into(),
        roles: Arc::from([]),
        owner: None,
    };
    let call = as_call(
        CallId::random(),
        caller,
        Authority::parse("db.test:5432", None).unwrap(),
    );
    assert_eq!(
        (call.method, call.authority.to_string().as_str()),
        (Method::CONNECT, "db.test:5432")
    );
}

mod blind_verifier {
    use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
    use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
    use rustls::{DigitallySignedStruct, Error, SignatureScheme};

    /// A client that believes every certificate.
    #[derive(Debug)]
    pub(super) struct Blind;

    impl ServerCertVerifier for Blind {
        fn verify_server_cert(
            &self,
            _: &CertificateDer<'_>,
            _: &[CertificateDer<'_>],
            _: &ServerName<'_>,
            _: &[u8],
            _: UnixTime,
        ) -> Result<ServerCertVerified, Error> {
            Ok(ServerCertVerified::assertion())
        }

        fn verify_tls12_signature(
            &self,
            _: &[u8],
            _: &CertificateDer<'_>,
            _: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            Ok(HandshakeSignatureValid::assertion())
        }

        fn verify_tls13_signature(
            &self,
            _: &[u8],
            _: &CertificateDer<'_>,
            _: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            Ok(HandshakeSignatureValid::assertion())
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            vec![SignatureScheme::ECDSA_NISTP256_SHA256]
        }
    }
}
