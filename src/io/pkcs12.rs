//! Trust stores in PKCS #12 (RFC 7292), the form that Java reads. Certificates only, so nothing in it is encrypted and it has
//! no MAC: a password would be one that everybody knows. Java takes such a store with any password or none.

use rustls_pki_types::CertificateDer;
use yasna::DERWriter;
use yasna::models::ObjectIdentifier;

/// RFC 5652, 4.
const DATA: [u64; 7] = [1, 2, 840, 113_549, 1, 7, 1];
/// RFC 7292, 4.2.3.
const CERT_BAG: [u64; 9] = [1, 2, 840, 113_549, 1, 12, 10, 1, 3];
const X509_CERTIFICATE: [u64; 8] = [1, 2, 840, 113_549, 1, 9, 22, 1];
/// RFC 2985, 5.5.1: what Java calls the alias.
const FRIENDLY_NAME: [u64; 7] = [1, 2, 840, 113_549, 1, 9, 20];
/// Oracle's: without it Java takes a certificate for one of a key's chain, and trusts nothing.
const TRUSTED_KEY_USAGE: [u64; 8] = [2, 16, 840, 1, 113_894, 746_875, 1, 1];
/// RFC 5280, 4.2.1.12.
const ANY_USAGE: [u64; 5] = [2, 5, 29, 37, 0];

/// The store that trusts these certificates for everything. Their names in it are `name-1`, `name-2`, …
pub fn trust_store(name: &str, certificates: &[CertificateDer<'_>]) -> Vec<u8> {
    let bags = yasna::construct_der(|writer| {
        writer.write_sequence(|bags| {
            for (place, certificate) in certificates.iter().enumerate() {
                write_bag(bags.next(), &format!("{name}-{}", place + 1), certificate);
            }
        });
    });
    let safes = yasna::construct_der(|writer| writer.write_sequence(|safes| write_data(safes.next(), &bags)));
    yasna::construct_der(|writer| {
        writer.write_sequence(|store| {
            store.next().write_u8(3);
            write_data(store.next(), &safes);
        });
    })
}

fn write_data(writer: DERWriter<'_>, content: &[u8]) {
    write_typed(writer, &DATA, |writer| writer.write_bytes(content));
}

fn write_bag(writer: DERWriter<'_>, name: &str, certificate: &[u8]) {
    writer.write_sequence(|bag| {
        write_oid(bag.next(), &CERT_BAG);
        bag.next().write_tagged(yasna::Tag::context(0), |writer| {
            write_typed(writer, &X509_CERTIFICATE, |writer| writer.write_bytes(certificate));
        });
        bag.next().write_set_of(|attributes| {
            write_attribute(attributes.next(), &FRIENDLY_NAME, |value| value.write_bmp_string(name));
            write_attribute(attributes.next(), &TRUSTED_KEY_USAGE, |value| {
                write_oid(value, &ANY_USAGE)
            });
        });
    });
}

/// `SEQUENCE { type, [0] EXPLICIT content }`.
fn write_typed(writer: DERWriter<'_>, r#type: &[u64], content: impl FnOnce(DERWriter<'_>)) {
    writer.write_sequence(|typed| {
        write_oid(typed.next(), r#type);
        typed.next().write_tagged(yasna::Tag::context(0), content);
    });
}

fn write_attribute(writer: DERWriter<'_>, r#type: &[u64], value: impl FnOnce(DERWriter<'_>)) {
    writer.write_sequence(|attribute| {
        write_oid(attribute.next(), r#type);
        attribute.next().write_set_of(|values| value(values.next()));
    });
}

fn write_oid(writer: DERWriter<'_>, oid: &[u64]) {
    writer.write_oid(&ObjectIdentifier::from_slice(oid));
}
