//! TLS on our own ports: version 1.3 only, with a certificate that can be replaced while they serve.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{WebPkiSupportedAlgorithms, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, ServerConfig, SignatureScheme};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::keys::{self, KeyError};
use super::socket::Socket;
use super::stream::Stream;
use crate::model::Host;

/// What the names of authorities begin with that sidecars make, each with an id of its own after it.
pub const AUTHORITY_NAME: &str = "Runplane local authority ";

/// For a client's first byte and its handshake.
const HANDSHAKE_WITHIN: Duration = Duration::from_secs(10);
/// For a client that speaks no TLS to read that.
const GOODBYE_WITHIN: Duration = Duration::from_secs(1);
/// The first byte of a TLS record that begins a handshake.
const HANDSHAKE: u8 = 0x16;
/// The longest key file, in bytes: RSA keys of 16,384 bits take less.
const LONGEST_KEY: u64 = 64 << 10;
/// What a client in clear is told.
const SPEAKS_TLS: &[u8] =
    b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nConnection: close\r\nContent-Length: 56\r\n\r\n\
    This port speaks TLS: use https:// instead of http:// .\n";

/// Where a listener's certificate and key are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Files {
    /// PEM, the listener's own first.
    pub certificate: PathBuf,
    /// PEM; secret.
    pub key: PathBuf,
}

/// Why a certificate or its key is not used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot read `{}`: {source}", path.display())]
    Certificate {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("`{}` holds no certificate in PEM", .0.display())]
    NoCertificate(PathBuf),
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error("`{}` holds no private key in PEM", .0.display())]
    NoKey(PathBuf),
    #[error("`{}` and `{}` are not of one pair, or of a kind that cannot be used: {source}", files.certificate.display(), files.key.display())]
    Pair {
        files: Files,
        #[source]
        source: rustls::Error,
    },
    #[error("TLS could not be set up: {0}")]
    Tls(#[from] rustls::Error),
}

/// TLS of one listener.
#[derive(Debug)]
pub struct Server {
    files: Files,
    shown: Arc<Shown>,
    config: Arc<ServerConfig>,
}

/// The certificate that is shown to clients now.
#[derive(Debug)]
struct Shown(ArcSwap<CertifiedKey>);

impl ResolvesServerCert for Shown {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.load_full())
    }
}

impl Server {
    /// # Errors
    /// Files that cannot be read, are open to others, or do not belong together.
    pub fn load(files: Files) -> Result<Self, Error> {
        let shown = Arc::new(Shown(ArcSwap::from_pointee(pair(&files)?)));
        let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .with_no_client_auth()
            .with_cert_resolver(shown.clone());
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self {
            files,
            shown,
            config: Arc::new(config),
        })
    }

    /// Reads the files again; what is shown stays if they are wrong. True: from now on another certificate is shown.
    ///
    /// # Errors
    /// As [`Server::load`].
    pub fn reload(&self) -> Result<bool, Error> {
        let pair = pair(&self.files)?;
        if pair.cert == self.shown.0.load().cert {
            return Ok(false);
        }
        self.shown.0.store(Arc::new(pair));
        Ok(true)
    }

    pub fn files(&self) -> &Files {
        &self.files
    }

    /// The names that the certificate is for, but for wildcards.
    pub fn names(&self) -> Vec<Host> {
        let shown = self.shown.0.load();
        let parsed = shown
            .cert
            .first()
            .and_then(|first| X509Certificate::from_der(first).ok());
        // One that cannot be read so was read by rustls, and names nothing that a client would take.
        let names = parsed.as_ref().and_then(|(_, it)| it.subject_alternative_name().ok()?);
        let names = names
            .map(|names| names.value.general_names.as_slice())
            .unwrap_or_default();
        let host = |name: &GeneralName<'_>| {
            let GeneralName::DNSName(name) = name else {
                return None;
            };
            // A wildcard is no name that leads anywhere.
            name.parse().ok().filter(|_| !name.contains('*'))
        };
        names.iter().filter_map(host).collect()
    }

    /// Ends the TLS of a connection that came in. `None`: there is nobody to serve on it.
    async fn accept(&self, mut stream: Socket) -> Option<Stream> {
        let mut byte = [0];
        let seen = timeout(HANDSHAKE_WITHIN, stream.peek(&mut byte)).await;
        match (seen, byte) {
            (Ok(Ok(1..)), [HANDSHAKE]) => {}
            (Ok(Ok(1..)), _) => {
                farewell(stream).await;
                return None;
            }
            (Ok(Ok(0) | Err(_)) | Err(_), _) => return None,
        }
        let accepting = TlsAcceptor::from(self.config.clone()).accept(stream);
        match timeout(HANDSHAKE_WITHIN, accepting).await {
            Ok(Ok(stream)) => Some(Stream::Tls(Box::new(stream.into()))),
            Ok(Err(error)) => {
                tracing::debug!(%error, "a TLS handshake on a port of ours failed");
                None
            }
            Err(_) => None,
        }
    }
}

/// A connection that came in, with its TLS ended where the port speaks it. `None`: there is nobody to serve on it.
pub async fn accept(server: Option<&Server>, stream: Socket) -> Option<Stream> {
    match server {
        Some(server) => server.accept(stream).await,
        None => Some(Stream::Clear(stream)),
    }
}

/// Tells a client in clear what is spoken here. It must have read that before the connection is reset for what it still
/// sends.
async fn farewell(mut stream: Socket) {
    let say = async {
        stream.write_all(SPEAKS_TLS).await?;
        stream.shutdown().await?;
        let mut unread = [0; 1024];
        while stream.read(&mut unread).await? > 0 {}
        io::Result::Ok(())
    };
    // A client that does not listen has been told all the same.
    let _ = timeout(GOODBYE_WITHIN, say).await;
}

fn pair(files: &Files) -> Result<CertifiedKey, Error> {
    let chain = certificates(files)?;
    let key = keys::secret_file(&files.key, LONGEST_KEY)?;
    let key = PrivateKeyDer::from_pem_slice(key.expose()).map_err(|_| Error::NoKey(files.key.clone()))?;
    CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider()).map_err(|source| Error::Pair {
        files: files.clone(),
        source,
    })
}

fn certificates(files: &Files) -> Result<Vec<CertificateDer<'static>>, Error> {
    let path = &files.certificate;
    let text = std::fs::read(path).map_err(|source| Error::Certificate {
        path: path.clone(),
        source,
    })?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    match chain {
        Ok(chain) if !chain.is_empty() => Ok(chain),
        Ok(_) | Err(_) => Err(Error::NoCertificate(path.clone())),
    }
}

/// TLS to a listener of ours that shows exactly the certificate in these files, whatever name it has.
///
/// # Errors
/// If the certificate cannot be read.
pub fn pinned(files: &Files) -> Result<ClientConfig, Error> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let certificate = certificates(files)?.swap_remove(0);
    let pin = Pin {
        certificate,
        algorithms: provider.signature_verification_algorithms,
    };
    Ok(ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(pin))
        .with_no_client_auth())
}

/// One certificate, known beforehand, and proof that the other end has its key.
// SECURITY: no name and no authority is asked, for none is needed: who lacks the key of this very certificate cannot
// finish the handshake. Test: `another_certificate_than_the_pinned_one_is_refused`.
#[derive(Debug)]
struct Pin {
    certificate: CertificateDer<'static>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for Pin {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        match *certificate == self.certificate {
            true => Ok(ServerCertVerified::assertion()),
            false => Err(CertificateError::ApplicationVerificationFailure.into()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests;
