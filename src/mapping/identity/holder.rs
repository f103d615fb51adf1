//! Whose things a call is about: two calls by the same key, for the same account, at the same place.

use http::header::{AUTHORIZATION, COOKIE};
use sha2::{Digest as _, Sha256};

use super::{Framed, credential, headers};
use crate::mapping::service::Service;
use crate::model::Call;

/// A digest of whose things it is, read by the mappings of that `digest`. `None`: the call shows no credential.
///
/// SECURITY: ids are one account's, at one host: what order 17 of one tenant cost says nothing of another's (test
/// `another_key_account_or_host_recalls_nothing`).
pub(in crate::mapping) fn holder(call: &Call, service: &Service, digest: &str) -> Option<[u8; 32]> {
    let mut secret = service.secret.iter().filter(|name| **name != COOKIE);
    let shown = call.headers.contains_key(AUTHORIZATION) || secret.any(|name| call.headers.contains_key(name));
    let credential = credential(call, service.into()).ok().filter(|_| shown)?;
    let mut whose = Framed::default();
    for part in [
        digest.as_bytes(),
        call.scheme.as_str().as_bytes(),
        call.authority.to_string().as_bytes(),
        &credential,
    ] {
        whose.put(b'w', part);
    }
    let named: Vec<_> = match service.every_header {
        true => headers::counted(&call.headers, Some(service)),
        false => service.significant.iter().collect(),
    };
    for name in named.into_iter().chain(&service.account) {
        whose.header(&call.headers, name);
    }
    Some(Sha256::digest(&whose.0).into())
}
