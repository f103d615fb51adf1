//! The header fields of such a change.

use std::fmt::Write as _;

use http::HeaderName;

use super::{MAX_NAME, MAX_NAMES, digest};
use crate::mapping::identity::headers;
use crate::mapping::service::Service;
use crate::mapping::{inert, record};
use crate::model::Call;

/// Characters of a value that is shown.
const MAX_VALUE: usize = 100;
/// Fields that decide what is done, and hold no secret by their meaning: told first, with their values.
const TELLING: [&str; 58] = [
    "anthropic-beta",
    "anthropic-version",
    "api-version",
    "cache-control",
    "content-disposition",
    "content-range",
    "depth",
    "destination",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-unmodified-since",
    "notion-version",
    "overwrite",
    "prefer",
    "range",
    "stripe-version",
    "x-amz-acl",
    "x-amz-bypass-governance-retention",
    "x-amz-copy-source",
    "x-amz-copy-source-if-match",
    "x-amz-copy-source-range",
    "x-amz-expected-bucket-owner",
    "x-amz-grant-full-control",
    "x-amz-grant-read",
    "x-amz-grant-read-acp",
    "x-amz-grant-write",
    "x-amz-grant-write-acp",
    "x-amz-metadata-directive",
    "x-amz-object-lock-legal-hold",
    "x-amz-object-lock-mode",
    "x-amz-object-lock-retain-until-date",
    "x-amz-object-ownership",
    "x-amz-rename-source",
    "x-amz-server-side-encryption",
    "x-amz-storage-class",
    "x-amz-tagging-directive",
    "x-amz-target",
    "x-amz-website-redirect-location",
    "x-github-api-version",
    "x-goog-acl",
    "x-goog-copy-source",
    "x-goog-copy-source-generation",
    "x-goog-copy-source-if-match",
    "x-goog-if-generation-match",
    "x-goog-metadata-directive",
    "x-goog-storage-class",
    "x-goog-user-project",
    "x-ms-access-tier",
    "x-ms-blob-public-access",
    "x-ms-blob-type",
    "x-ms-copy-source",
    "x-ms-delete-snapshots",
    "x-ms-rename-source",
    "x-ms-version",
    "x-oss-copy-source",
    "x-oss-object-acl",
    "x-requested-with",
];

/// ` (with x-goog-copy-source: payroll/salaries.csv, cookie: …, x-trace: … and 3 more)`: those that make it another call,
/// nothing where there are none. What is not shown of them tells held calls apart by their mark
/// ([`Fingerprint::mark`](crate::approval::Fingerprint::mark)).
///
/// SECURITY: a field may be all that a change does, as the copy of an object is an empty PUT (tests
/// `header_fields_of_an_unmapped_change_are_shown`, `no_number_of_fields_hides_the_one_that_decides`).
pub(in crate::mapping) fn header_fields(call: &Call, service: Option<&Service>) -> String {
    let names = headers::counted(&call.headers, service);
    let (telling, others): (Vec<_>, Vec<_>) = names.into_iter().partition(|name| is_telling(name, service));
    let mut out = String::new();
    let push_name = |out: &mut String, name: &HeaderName| {
        out.push_str(if out.is_empty() { " (with " } else { ", " });
        inert::push_at_most(out, name.as_str(), MAX_NAME);
    };
    for name in telling {
        push_name(&mut out, name);
        for value in call.headers.get_all(name) {
            out.push_str(": ");
            push_value(&mut out, value.as_bytes(), service.is_some());
        }
    }
    for name in others.iter().take(MAX_NAMES) {
        push_name(&mut out, name);
        out.push_str(": …");
    }
    if let Some(more) = others.len().checked_sub(MAX_NAMES).filter(|more| *more > 0) {
        // A String takes everything.
        let _ = write!(out, " and {more} more");
    }
    out.push_str(if out.is_empty() { "" } else { ")" });
    out
}

/// SECURITY: what is shown is kept, and whatever a field of another name holds may be a secret, or a short code that its digest
/// would tell to who tries them all (test `secrets_in_header_fields_are_not_shown`).
fn is_telling(name: &HeaderName, service: Option<&Service>) -> bool {
    let known = TELLING.contains(&name.as_str());
    match service {
        Some(service) => (known || service.significant.contains(name)) && !service.secret.contains(name),
        None => known,
    }
}

/// The value if it is plain words, of a stranger's only such as everybody has; else its digest.
///
/// SECURITY: an agent may put anything there (test `secrets_in_header_fields_are_not_shown`).
fn push_value(out: &mut String, value: &[u8], mapped: bool) {
    let plain = |word: &str| match mapped {
        true => !record::looks_secret(word),
        false => record::is_plain(word),
    };
    let text = std::str::from_utf8(value).ok().filter(|text| {
        let words = |text: &str| text.split(['/', '-', '.', '_', ':', '=', '"']).all(plain);
        let spaced = |part: &str| part.trim().contains(char::is_whitespace);
        text.len() <= MAX_VALUE && text.split([',', ';']).all(|part| !spaced(part) && words(part.trim()))
    });
    match text {
        Some(text) => inert::push(out, text),
        None => {
            out.push_str("sha256 ");
            out.push_str(&digest(value));
        }
    }
}
