//! AWS Signature Version 4, as far as it says who calls, and which service in which region.

use std::borrow::Cow;

use http::HeaderName;
use http::header::AUTHORIZATION;

use super::service::Signer;
use super::{content, form};
use crate::model::{Call, Reason, Refusal};

/// What the names of AWS's hosts end in, in all its partitions (botocore 1.44, `partitions.json`: `dnsSuffix` and
/// `dualStackDnsSuffix`); a host pattern says `{aws}` for any of them.
pub const ENDINGS: [&str; 14] = [
    "amazonaws.com",
    "api.aws",
    "amazonaws.com.cn",
    "api.amazonwebservices.com.cn",
    "amazonaws.eu",
    "api.amazonwebservices.eu",
    "c2s.ic.gov",
    "api.aws.ic.gov",
    "sc2s.sgov.gov",
    "api.aws.scloud",
    "cloud.adc-e.uk",
    "api.cloud-aws.adc-e.uk",
    "csp.hci.ic.gov",
    "api.aws.hci.ic.gov",
];

/// What a signature's credential says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Credential<'a> {
    pub access_key: Cow<'a, str>,
    /// None of a signature for several regions, which are in a header field.
    pub region: Option<Cow<'a, str>>,
    pub service: Cow<'a, str>,
}

/// In the query of a call that is presigned for several regions.
const FOR_REGIONS: &str = "AWS4-ECDSA-P256-SHA256";
/// Where such a signature's regions are: `us-east-1,eu-*`
const REGION_SET: HeaderName = HeaderName::from_static("x-amz-region-set");

/// The credential of an `Authorization: AWS4-HMAC-SHA256` field's value; `None` for other schemes.
pub(super) fn of_header(value: &str) -> Option<Result<Credential<'_>, Refusal>> {
    let parameters = value.strip_prefix("AWS4-")?;
    let (algorithm, parameters) = parameters.split_once(' ')?;
    let regional = match algorithm {
        "HMAC-SHA256" => true,
        // Signature Version 4A.
        "ECDSA-P256-SHA256" => false,
        _ => return Some(Err(unreadable())),
    };
    let scope = Some(parameters).and_then(|parameters| {
        let mut scopes = parameters
            .split(',')
            .filter_map(|parameter| parameter.trim().strip_prefix("Credential="));
        scopes.next().filter(|_| scopes.next().is_none())
    });
    Some(
        scope
            .and_then(|scope| parse(Cow::Borrowed(scope), regional))
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
            .and_then(|scope| parse(Cow::Owned(scope.into_owned()), !query.contains(FOR_REGIONS)))
            .ok_or_else(unreadable),
    )
}

/// `AKID/20261120/us-east-1/ec2/aws4_request`; the access key is what is left of the last four. Without the region where the
/// signature is for several.
fn parse(scope: Cow<'_, str>, regional: bool) -> Option<Credential<'_>> {
    let more = usize::from(regional);
    let part = |at: usize, scope: &str| {
        scope
            .rsplitn(4 + more, '/')
            .nth(at)
            .filter(|part| !part.is_empty())
            .map(str::to_owned)
    };
    if part(0, &scope)? != "aws4_request" || part(2 + more, &scope)?.len() != 8 {
        return None;
    }
    Some(Credential {
        access_key: part(3 + more, &scope)?.into(),
        region: match regional {
            true => Some(part(2, &scope)?.into()),
            false => None,
        },
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

/// Whether a signature for several regions is for this one.
fn is_for(call: &Call, region: &str) -> bool {
    let header = content::once(&call.headers, &REGION_SET).ok().flatten();
    let query = call.query.as_deref().unwrap_or_default();
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let mut queried = pairs.filter(|(name, _)| name.eq_ignore_ascii_case(REGION_SET.as_str()));
    let queried = queried.next().and_then(|(_, set)| form::decode(set, true).ok());
    let sets = header.map(Cow::Borrowed).into_iter().chain(queried);
    let fits = |wanted: &str| match wanted.strip_suffix('*') {
        Some(start) => region.starts_with(start),
        None => wanted == region,
    };
    sets.into_iter()
        .any(|set| set.split(',').any(|wanted| fits(wanted.trim())))
}

/// Refuses a call that is signed for another service or region than its host is of.
///
/// SECURITY: a signature for another service is honoured where hosts are shared or forwarded, and the call would be
/// judged as what it is not (test `a_signature_for_another_service_is_refused`).
pub(super) fn check(call: &Call, signer: &Signer, region: Option<&str>) -> Result<(), Refusal> {
    let region = region.or(signer.region.as_deref());
    for credential in credentials(call)? {
        let here = |region: &str| match &credential.region {
            Some(signed) => **signed == *region,
            None => is_for(call, region),
        };
        let known = signer.services.iter().any(|service| *credential.service == **service);
        if !known || !region.is_none_or(here) {
            let detail = format!(
                "the call is signed for another service or region than its host is of ({} in {})",
                signer.services.join(" or "),
                region.unwrap_or("any region")
            );
            return Err(Refusal::new(Reason::Malformed, detail));
        }
    }
    Ok(())
}
