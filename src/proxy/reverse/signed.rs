//! Calls that are signed for the host they were sent to: ours. The provider would refuse them.

use http::header::{AUTHORIZATION, HeaderMap};

use crate::model::{Reason, Refusal};

/// Schemes whose signature covers the host whatever it lists: AWS, Google's XML API, Akamai.
const ALWAYS: [&str; 3] = ["aws4-", "goog4-", "eg1-"];
/// Query parameters of URLs that are signed with their host.
const PRESIGNED: [&str; 4] = [
    "x-amz-signature",
    "x-goog-signature",
    "signatureversion",
    "oauth_signature",
];

/// # Errors
/// If the signature covers the host, with the way that works.
pub(super) fn check(headers: &HeaderMap, query: Option<&str>) -> Result<(), Refusal> {
    match signs_host(headers) || query.is_some_and(is_presigned) {
        true => Err(Refusal::new(
            Reason::AuthorityMismatch,
            "The signature of this call covers the host that it was sent to, which is not the provider's, so the provider \
             would refuse it. Calls that are signed come in by the proxy: take the base URL out of the client and set \
             HTTPS_PROXY instead.",
        )),
        false => Ok(()),
    }
}

fn signs_host(headers: &HeaderMap) -> bool {
    let texts = |name: &str| {
        let values = headers.get_all(name).iter();
        values
            .map(|value| String::from_utf8_lossy(value.as_bytes()).to_ascii_lowercase())
            .collect::<Vec<_>>()
    };
    let mut authorizations = texts(AUTHORIZATION.as_str()).into_iter();
    let mut inputs = texts("signature-input").into_iter();
    let covered = ["\"@authority\"", "\"@target-uri\"", "\"host\""];
    authorizations.any(|value| authorization_signs_host(&value))
        || inputs.any(|value| covered.iter().any(|component| value.contains(component)))
        || texts("signature").iter().any(|value| draft_signs_host(value))
        // Its proof names the URL (RFC 9449, 4.2).
        || headers.contains_key("dpop")
}

/// `value` in lower case.
fn authorization_signs_host(value: &str) -> bool {
    let (scheme, parameters) = value.trim_start().split_once(' ').unwrap_or((value, ""));
    match scheme {
        // RFC 5849, 3.4: the base string begins with the URI; without a signature there is none.
        "oauth" => parameters.contains("oauth_signature_method") && !parameters.contains("plaintext"),
        "signature" => draft_signs_host(parameters),
        _ => ALWAYS.iter().any(|known| scheme.starts_with(known)) || lists_host(parameters),
    }
}

/// Drafts of HTTP signatures list what they cover: `headers="(request-target) host date"`.
fn draft_signs_host(parameters: &str) -> bool {
    let after = parameters.split("headers=\"").nth(1);
    let list = after.and_then(|after| after.split('"').next()).unwrap_or_default();
    list.split(' ').any(|name| name == "host")
}

/// Azure, Alibaba, Tencent, Huawei and others list what they cover: `SignedHeaders=content-type;host`.
fn lists_host(parameters: &str) -> bool {
    let after = parameters.split("signedheaders=").nth(1).unwrap_or_default();
    let list = after.split([',', ' ', '&']).next().unwrap_or_default();
    list.trim_matches('"').split(';').any(|header| header == "host")
}

fn is_presigned(query: &str) -> bool {
    form_urlencoded::parse(query.as_bytes()).any(|(name, _)| PRESIGNED.contains(&name.to_ascii_lowercase().as_str()))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn refused(name: &'static str, value: &'static str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(name, HeaderValue::from_static(value));
        check(&headers, None).is_err()
    }

    #[test]
    fn a_call_that_is_signed_for_our_host_is_refused() {
        for authorization in [
            "AWS4-HMAC-SHA256 Credential=AKIA/20260101/us-east-1/s3/aws4_request, SignedHeaders=host;x-amz-date, Signature=ab",
            "AWS4-ECDSA-P256-SHA256 Credential=AKIA/20260101/s3/aws4_request, SignedHeaders=host, Signature=ab",
            "GOOG4-RSA-SHA256 Credential=a, SignedHeaders=host, Signature=ab",
            "HMAC-SHA256 Credential=a&SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature=ab",
            "HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature=ab",
            "TC3-HMAC-SHA256 Credential=a, SignedHeaders=content-type;host, Signature=ab",
            "ACS3-HMAC-SHA256 Credential=a,SignedHeaders=host;x-acs-action,Signature=ab",
            "SDK-HMAC-SHA256 Access=a, SignedHeaders=host;x-sdk-date, Signature=ab",
            "EG1-HMAC-SHA256 client_token=a;signature=b",
            "OAuth oauth_consumer_key=\"a\", oauth_signature_method=\"HMAC-SHA1\", oauth_signature=\"b\"",
            "Signature version=\"1\",headers=\"(request-target) host date\",signature=\"b\"",
        ] {
            assert!(refused("authorization", authorization), "{authorization}");
        }
        assert!(refused(
            "signature-input",
            "sig1=(\"@method\" \"@authority\");created=1"
        ));
        assert!(refused(
            "signature",
            "keyId=\"a\",headers=\"host date\",signature=\"b\""
        ));
        assert!(refused("dpop", "eyJ0"));
        for query in [
            "X-Amz-Signature=ab",
            "a=1&x-amz-signature=ab",
            "X-Goog-Signature=a",
            "X-Amz%2DSignature=ab",
        ] {
            assert!(check(&HeaderMap::new(), Some(query)).is_err(), "{query}");
        }
    }

    #[test]
    fn what_proves_itself_without_the_host_passes() {
        for authorization in [
            "Bearer sk_test_aws4",
            "Basic YXdzNDpob3N0",
            "AWS AKIA:signature=",
            "SharedKey account:signature=",
            "OAuth ya29.token",
            "OAuth oauth_signature_method=\"PLAINTEXT\", oauth_signature=\"b\"",
            "Signature headers=\"date digest\",signature=\"host\"",
            "HMAC-SHA256 SignedHeaders=x-ms-date;x-host&Signature=host",
        ] {
            assert!(!refused("authorization", authorization), "{authorization}");
        }
        assert!(!refused("signature-input", "sig1=(\"@method\" \"@path\");created=1"));
        assert!(check(&HeaderMap::new(), Some("sig=a&signature=b&q=X-Amz-Signature")).is_ok());
    }
}
