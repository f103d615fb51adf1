//! What stands in the certificates, and how fast leaves may be minted.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, KeyUsagePurpose,
    SanType, SerialNumber, date_time_ymd,
};

use crate::io::tls::AUTHORITY_NAME;
use crate::model::{Host, secret};

/// Life of a leaf.
pub(super) const LIFE: Duration = Duration::from_secs(7 * 24 * 3600);
/// Life of the authority's own certificate.
const AUTHORITY_LIFE: Duration = Duration::from_secs(2 * 365 * 24 * 3600);
/// Clocks differ: certificates are valid a little before they are made.
const BEFORE: Duration = Duration::from_secs(3600);

/// An authority that may sign leaves and nothing else. Its name tells one install from another.
pub(super) fn authority_parameters() -> CertificateParams {
    let mut parameters = CertificateParams::default();
    let install = hex::encode(secret::random_bytes::<4>());
    parameters.distinguished_name = DistinguishedName::new();
    parameters.distinguished_name.push(DnType::OrganizationName, "Runplane");
    parameters
        .distinguished_name
        .push(DnType::CommonName, format!("{AUTHORITY_NAME}{install}"));
    parameters.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    set_life(&mut parameters, AUTHORITY_LIFE);
    parameters
}

/// A leaf for one host and no other.
///
/// # Errors
/// A host that a certificate cannot name.
pub(super) fn parameters(host: &Host) -> Result<CertificateParams, rcgen::Error> {
    let mut parameters = CertificateParams::default();
    // The name stands in the SAN only: a subject holds 64 characters at most, and nobody reads it.
    parameters.distinguished_name = DistinguishedName::new();
    parameters.distinguished_name.push(DnType::OrganizationName, "Runplane");
    parameters.subject_alt_names = vec![match host {
        Host::Name(name) => SanType::DnsName(name.as_ref().try_into()?),
        Host::Address(address) => SanType::IpAddress(*address),
    }];
    // `ExplicitNoCa`: without it rcgen writes no SubjectKeyIdentifier, and strict verifiers refuse the leaf.
    parameters.is_ca = IsCa::ExplicitNoCa;
    parameters.use_authority_key_identifier_extension = true;
    parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    parameters.serial_number = Some(serial_number());
    set_life(&mut parameters, LIFE);
    Ok(parameters)
}

/// Random: rcgen makes one of the key otherwise, which all leaves share, and NSS refuses a number it has seen before.
fn serial_number() -> SerialNumber {
    let mut bytes = secret::random_bytes::<16>();
    // Positive, and of full length (RFC 5280, 4.1.2.2).
    bytes[0] = bytes[0] & 0x7f | 0x40;
    SerialNumber::from_slice(&bytes)
}

fn set_life(parameters: &mut CertificateParams, life: Duration) {
    let now = date_time_ymd(1970, 1, 1) + SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    parameters.not_before = now - BEFORE;
    parameters.not_after = now + life;
}

/// How many leaves may be minted: a number at once, refilled at a rate.
#[derive(Debug)]
pub(super) struct Allowance {
    most: f64,
    per_second: f64,
    left: f64,
    since: Option<Instant>,
}

impl Allowance {
    pub(super) fn new(at_once: u32, per_second: u32) -> Self {
        let most = f64::from(at_once);
        Self {
            most,
            per_second: f64::from(per_second),
            left: most,
            since: None,
        }
    }

    /// Takes one, if there is one.
    pub(super) fn take(&mut self, now: Instant) -> bool {
        let passed = self
            .since
            .map_or(Duration::ZERO, |since| now.saturating_duration_since(since));
        self.since = Some(now);
        self.left = (self.left + passed.as_secs_f64() * self.per_second).min(self.most);
        if self.left < 1.0 {
            return false;
        }
        self.left -= 1.0;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_hosts_beyond_the_allowance_are_refused() {
        let (mut allowance, start) = (Allowance::new(3, 2), Instant::now());
        let taken = (0..5).filter(|_| allowance.take(start)).count();
        assert_eq!(taken, 3);
        assert!(allowance.take(start + Duration::from_millis(500)));
        assert!(!allowance.take(start + Duration::from_millis(600)));
        let later = start + Duration::from_secs(3600);
        assert_eq!(
            (0..5).filter(|_| allowance.take(later)).count(),
            3,
            "the refill has an end"
        );
    }
}
