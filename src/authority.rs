//! The local certificate authority: made or loaded at start, mints a leaf for each host an agent connects to, and is followed by
//! another one before it ends. Stage, floor 2.

mod certificate;
mod files;
mod leaf;
mod rotation;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arc_swap::{ArcSwap, ArcSwapOption};
use moka::sync::Cache;
use rcgen::{Issuer, KeyPair};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::server::ServerSessionMemoryCache;
use rustls::sign::{CertifiedKey, SigningKey, SingleCertAndKey};
use rustls::{CipherSuite, ServerConfig};
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::model::{Host, Timestamp};

pub use certificate::Certificate;
use files::Paths;
pub use rotation::{Successor, hasten, rotate, successor, trusted};

/// Hosts whose leaf is kept at a time. A leaf with its sessions takes about 20 kB.
const CACHED_LEAVES: u64 = 1000;
/// Well below [`leaf::LIFE`], so that none is handed out that soon ends.
const CACHED_FOR: Duration = Duration::from_secs(24 * 3600);
/// Resumable sessions kept per host.
const SESSIONS_PER_HOST: usize = 32;
/// New leaves at once, and per second after that.
const MINTED_AT_ONCE: u32 = 256;
const MINTED_PER_SECOND: u32 = 32;

/// Why there is no authority.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot {action} `{}`", path.display())]
    File {
        action: &'static str,
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error(
        "the key `{}` may be read by others (mode {mode:03o}): `chmod 600 {0}`, and make a new authority if somebody else \
         has read it (remove {0} and its certificate, start again, trust the new certificate)", path.display()
    )]
    LaxMode { path: PathBuf, mode: u32 },
    #[error(
        "`{}` is there without its key `{}`: put the key back, or remove the certificate to have a new authority made \
         (agents must then trust the new one)", certificate.display(), key.display()
    )]
    KeyMissing { certificate: PathBuf, key: PathBuf },
    #[error(
        "`{}` is there without its certificate `{}`: put the certificate back, or remove the key to have a new authority \
         made (agents must then trust the new one)", key.display(), certificate.display()
    )]
    CertificateMissing { certificate: PathBuf, key: PathBuf },
    #[error("`{}` is not the key of `{}`: put the right pair in place, or remove both to have a new authority made", key.display(), certificate.display())]
    KeyMismatch { certificate: PathBuf, key: PathBuf },
    #[error("`{}` is not a certificate of an authority in PEM", .0.display())]
    NotAnAuthority(PathBuf),
    #[error("`{}` is not valid at this time (check the clock): `runplane ca rotate` makes another one (agents must then trust that)", .0.display())]
    NotValidNow(PathBuf),
    #[error("`{}` is not an ECDSA P-256 key in PEM (PKCS#8)", path.display())]
    Key {
        path: PathBuf,
        #[source]
        source: rcgen::Error,
    },
    #[error("`{}` holds no time: expected one as 2026-11-28T09:00:00Z, from which on the certificate beside it signs", .0.display())]
    NotATime(PathBuf),
    #[error("there is no `{}`: the first one is made at the first start (`runplane run`)", .0.display())]
    NothingToFollow(PathBuf),
    #[error("another one is made already, and signs from {0} on: `runplane ca rotate --now` has it sign at once")]
    FollowedAlready(Timestamp),
    #[error("another process changes the CA just now (it has locked `{}`): try again", .0.display())]
    Busy(PathBuf),
    #[error("the certificate could not be made")]
    Certificate(#[from] rcgen::Error),
    #[error("the key of the leaves could not be used")]
    Tls(#[from] rustls::Error),
}

fn file_error(action: &'static str, path: &Path) -> impl Fn(std::io::Error) -> Error {
    move |source| Error::File {
        action,
        path: path.to_owned(),
        source,
    }
}

/// Why there is no leaf for a host.
#[derive(Debug, thiserror::Error)]
pub enum LeafError {
    /// More new hosts than leaves may be minted for.
    #[error("too many new hosts at once")]
    Busy,
    #[error("the host cannot be named in a certificate")]
    Certificate(#[from] rcgen::Error),
    #[error("the leaf could not be used")]
    Tls(#[from] rustls::Error),
}

/// The authority agents trust, and the leaves it has minted.
pub struct Authority {
    certs: PathBuf,
    signer: ArcSwap<Signer>,
    successor: ArcSwapOption<Successor>,
    /// One key for all leaves of this process: it never leaves memory.
    leaf_key: KeyPair,
    leaf_signer: Arc<dyn SigningKey>,
    provider: Arc<CryptoProvider>,
    minting: Mutex<leaf::Allowance>,
}

/// Who signs, and what it has signed: it goes with it.
struct Signer {
    issuer: Issuer<'static, KeyPair>,
    certificate: Certificate,
    configs: Cache<Host, Arc<ServerConfig>>,
}

impl Signer {
    fn new(pair: files::Pair) -> Result<Signer, Error> {
        Ok(Signer {
            issuer: Issuer::from_ca_cert_der(&pair.certificate.der, pair.key)?,
            certificate: pair.certificate,
            configs: Cache::builder()
                .max_capacity(CACHED_LEAVES)
                .time_to_live(CACHED_FOR)
                .build(),
        })
    }
}

/// What has changed on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rotation {
    /// Another one is to be trusted besides, from another time on, or none any more.
    Next(Option<Successor>),
    /// Its time has come.
    Due(Successor),
    /// Another one is in the place of the one that signs.
    Replaced(Certificate),
}

/// A rotation that nothing can keep from counting any more, see [`Authority::prepare`].
#[derive(Debug)]
pub struct Ready {
    /// `None`: the one that signs goes on.
    signer: Option<Signer>,
    successor: Option<Successor>,
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Signer").finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authority").finish_non_exhaustive()
    }
}

impl Authority {
    /// Loads `ca.pem` and `ca.key` of the directory, or makes both (key 0600, created exclusively). One whose time has come
    /// takes over.
    ///
    /// # Errors
    /// One of the two alone, a key that others may read or that is another's, a certificate out of its time.
    pub fn load_or_create(certs: &Path) -> Result<Authority, Error> {
        rotation::settle(certs)?;
        let signer = Signer::new(files::load_or_create(certs)?)?;
        let leaf_key = KeyPair::generate()?;
        let leaf_der = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(leaf_key.serialize_der()));
        let leaf_signer = aws_lc_rs::sign::any_ecdsa_type(&leaf_der)?;
        Ok(Authority {
            certs: certs.to_owned(),
            signer: ArcSwap::from_pointee(signer),
            successor: ArcSwapOption::from_pointee(rotation::successor(certs)?),
            leaf_key,
            leaf_signer,
            provider: Arc::new(provider()),
            minting: Mutex::new(leaf::Allowance::new(MINTED_AT_ONCE, MINTED_PER_SECOND)),
        })
    }

    /// The one that signs.
    pub fn certificate(&self) -> Certificate {
        self.signer.load().certificate.clone()
    }

    /// The one that follows.
    pub fn successor(&self) -> Option<Successor> {
        self.successor.load().as_deref().cloned()
    }

    /// What agents must trust, the one that signs first.
    pub fn trusted(&self) -> Vec<Certificate> {
        let successor = self.successor().map(|successor| successor.certificate);
        [self.certificate()].into_iter().chain(successor).collect()
    }

    /// What the disk says that is not so yet. Nothing changes by it: see [`Authority::prepare`].
    ///
    /// # Errors
    /// If what is there cannot be read.
    pub fn look(&self) -> Result<Option<Rotation>, Error> {
        let found = rotation::successor(&self.certs)?;
        if let Some(due) = found.as_ref().filter(|found| found.is_due(Timestamp::now())) {
            return Ok(Some(Rotation::Due(due.clone())));
        }
        let current = Certificate::read(&Paths::in_directory(&self.certs).certificate)?;
        Ok(match found {
            _ if current.der != self.signer.load().certificate.der => Some(Rotation::Replaced(current)),
            found if found == self.successor() => None,
            found => Some(Rotation::Next(found)),
        })
    }

    /// Has the files say so, and all be ready for it; who signs until [`Authority::apply`] goes on.
    ///
    /// # Errors
    /// If the files cannot be replaced, or their key is not fit to sign.
    pub fn prepare(&self, rotation: &Rotation) -> Result<Ready, Error> {
        match rotation {
            Rotation::Next(next) => {
                return Ok(Ready {
                    signer: None,
                    successor: next.clone(),
                });
            }
            Rotation::Due(_) => rotation::take_over(&self.certs)?,
            Rotation::Replaced(_) => {}
        }
        Ok(Ready {
            signer: Some(Signer::new(files::load(&Paths::in_directory(&self.certs))?)?),
            successor: rotation::successor(&self.certs)?,
        })
    }

    /// Has it count. Leaves come from the new one from then on.
    pub fn apply(&self, ready: Ready) {
        if let Some(signer) = ready.signer {
            self.signer.store(Arc::new(signer));
        }
        self.successor.store(ready.successor.map(Arc::new));
    }

    /// TLS server configuration with a leaf for exactly this host; cached, bounded in number and rate.
    ///
    /// # Errors
    /// [`LeafError::Busy`] if too many new hosts are asked for; else a host that no certificate can name.
    pub fn server_config(&self, host: &Host) -> Result<Arc<ServerConfig>, LeafError> {
        let signer = self.signer.load();
        if let Some(config) = signer.configs.get(host) {
            return Ok(config);
        }
        // SECURITY: an agent that connects to ever new names must not keep us signing.
        // Test: `new_hosts_beyond_the_allowance_are_refused`.
        let allowed = self
            .minting
            .lock()
            .is_ok_and(|mut minting| minting.take(std::time::Instant::now()));
        if !allowed {
            return Err(LeafError::Busy);
        }
        let config = Arc::new(self.mint(&signer, host)?);
        signer.configs.insert(host.clone(), config.clone());
        Ok(config)
    }

    fn mint(&self, signer: &Signer, host: &Host) -> Result<ServerConfig, LeafError> {
        let leaf = leaf::parameters(host)?.signed_by(&self.leaf_key, &signer.issuer)?;
        let chain = vec![leaf.der().clone(), signer.certificate.der.clone()];
        let key = CertifiedKey::new(chain, self.leaf_signer.clone());
        let mut config = ServerConfig::builder_with_provider(self.provider.clone())
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])?
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(SingleCertAndKey::from(key)));
        // SECURITY: only what we can read is offered; a protocol that is not parsed would pass unseen.
        // Test: `only_what_is_parsed_is_spoken`.
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        config.ignore_client_order = true;
        config.session_storage = ServerSessionMemoryCache::new(SESSIONS_PER_HOST);
        config.send_tls13_tickets = 1;
        Ok(config)
    }
}

/// All suites of rustls, those with AES-128 and SHA-256 first: processors have instructions for SHA-256 and mostly none for
/// SHA-384, which makes a handshake cost a tenth more. Agents are next to us, and any of these suites is good enough.
fn provider() -> CryptoProvider {
    let mut provider = aws_lc_rs::default_provider();
    provider.cipher_suites.sort_by_key(|suite| {
        !matches!(
            suite.suite(),
            CipherSuite::TLS13_AES_128_GCM_SHA256 | CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256
        )
    });
    provider
}

#[cfg(test)]
mod tests;
