//! AWS Signature Version 4, as far as it says who calls, and which service in which region.

use std::borrow::Cow;

use http::header::AUTHORIZATION;

use super::service::Signer;
use super::{content, form};
use crate::model::{Call, Reason, Refusal};

/// What a signature's credential says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Credential<'a> {
    pub access_key: Cow<'a, str>,
    pub region: Cow<'a, str>,
    pub service: Cow<'a, str>,
}

/// The credential of an `Authorization: AWS4-HMAC-SHA256` field's value; `None` for other schemes.
pub(super) fn of_header(value: &str) -> Option<Result<Credential<'_>, Refusal>> {
    let parameters = value.strip_prefix("AWS4-")?;
    let scope = parameters.strip_prefix("HMAC-SHA256 ").and_then(|parameters| {
        let mut scopes = parameters
            .split(',')
            .filter_map(|parameter| parameter.trim().strip_prefix("Credential="));
        scopes.next().filter(|_| scopes.next().is_none())
    });
    Some(
        scope
            .and_then(|scope| parse(Cow::Borrowed(scope)))
            .ok_or_else(unreadable),
    )
}

/// The credential of a presigned call, from its query.
fn of_query(query: &str) -> Option<Result<Credential<'static>, Refusal>> {
    let is_credential =
        |name: &str| form::decode(name, true).is_ok_and(|name| name.eq_ignore_ascii_case("X-Amz-Credential"));
    let mut scopes = query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .filter(|(name, _)| is_credential(name));
    let (_, scope) = scopes.next()?;
    let scope = form::decode(scope, true).ok().filter(|_| scopes.next().is_none());
    Some(
        scope
            .and_then(|scope| parse(Cow::Owned(scope.into_owned())))
            .ok_or_else(unreadable),
    )
}

/// `AKID/20261120/us-east-1/ec2/aws4_request`; the access key is what is left of the last four.
fn parse(scope: Cow<'_, str>) -> Option<Credential<'_>> {
    let part = |at: usize, scope: &str| {
        scope
            .rsplitn(5, '/')
            .nth(at)
            .filter(|part| !part.is_empty())
            .map(str::to_owned)
    };
    if part(0, &scope)? != "aws4_request" || part(3, &scope)?.len() != 8 {
        return None;
    }
    Some(Credential {
        access_key: part(4, &scope)?.into(),
        region: part(2, &scope)?.into(),
        service: part(1, &scope)?.into(),
    })
}

fn unreadable() -> Refusal {
    Refusal::new(
        Reason::Malformed,
        "the AWS signature's credential cannot be read, or is there twice",
    )
}

/// All credentials of a call: none, or that of header or query, or both.
pub(super) fn credentials(call: &Call) -> Result<Vec<Credential<'_>>, Refusal> {
    let header = content::once(&call.headers, &AUTHORIZATION)?.and_then(of_header);
    let query = call.query.as_deref().and_then(of_query);
    header.into_iter().chain(query).collect()
}

/// Refuses a call that is signed for another service or region than its host is of.
///
/// SECURITY: a signature for another service is honoured where hosts are shared or forwarded, and the call would be
/// judged as what it is not (test `a_signature_for_another_service_is_refused`).
pub(super) fn check(call: &Call, signer: &Signer, region: Option<&str>) -> Result<(), Refusal> {
    let region = region.or(signer.region.as_deref());
    for credential in credentials(call)? {
        if *credential.service != *signer.service || region.is_some_and(|region| *credential.region != *region) {
            let detail = format!(
                "the call is signed for another service or region than its host is of ({} in {})",
                signer.service,
                region.unwrap_or("any region")
            );
            return Err(Refusal::new(Reason::Malformed, detail));
        }
    }
    Ok(())
}
