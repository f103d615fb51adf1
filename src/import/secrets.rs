//! Reads whose answers can be acted with.

use super::words::{SECRET_ENDS, words};

/// Whether what is read can be acted with: `GET /clusters/{id}/kubeconfig`, `GET /secrets/{s}/versions/{v}:access`.
///
/// SECURITY: a read of a secret is held, and a plain read is not (test `what_answers_with_a_secret_is_no_plain_read`).
pub(super) fn reveals(name: &str, path: &str) -> bool {
    let name = words(name);
    if name.iter().any(|word| word == "list") {
        return false;
    }
    let literals: Vec<Vec<String>> = path
        .split('/')
        .map(|segment| words(segment.rsplit('}').next().unwrap_or_default()))
        .filter(|words| !words.is_empty())
        .collect();
    let last = literals.last().map(Vec::as_slice).unwrap_or_default();
    let ends = |words: &[String]| {
        let text = words.join(" ");
        let ends_so = |end: &&str| text == **end || text.ends_with(&format!(" {end}"));
        SECRET_ENDS.iter().any(ends_so)
    };
    let of_secrets = || literals.iter().flatten().any(|word| word == "secrets");
    let keys = || matches!(last, [.., kind, keys] if keys == "keys" && matches!(kind.as_str(), "api" | "application"));
    ends(&name)
        || ends(last)
        || last == ["token"]
        || last.last().is_some_and(|word| word == "access") && of_secrets()
        || path.ends_with('}') && keys()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_answers_with_a_secret_is_no_plain_read() {
        for (name, path) in [
            ("access", "/v1/projects/{p}/secrets/{s}/versions/{v}:access"),
            ("getKeyString", "/v2/projects/{p}/keys/{k}/keyString"),
            ("kubernetes_get_kubeconfig", "/v2/kubernetes/clusters/{id}/kubeconfig"),
            ("kubernetes_get_credentials", "/v2/kubernetes/clusters/{id}/credentials"),
            ("registry_get_dockerCredentials", "/v2/registry/docker-credentials"),
            (
                "cloudflare-tunnel-get-a-tunnel-token",
                "/accounts/{a}/cfd_tunnel/{t}/token",
            ),
            (
                "merchant-integration.credentials",
                "/v1/partners/{p}/merchant-integrations/credentials",
            ),
            ("GetAPIKey", "/api/v2/api_keys/{id}"),
        ] {
            assert!(reveals(name, path), "{name}");
        }
        for (name, path) in [
            ("ListAPIKeys", "/api/v2/api_keys"),
            ("actions/list-repo-secrets", "/repos/{o}/{r}/actions/secrets"),
            ("ListCredentialAws", "/v1/Credentials/AWS"),
            ("get", "/v1/projects/{p}/secrets/{s}/versions/{v}"),
            ("changes.getStartPageToken", "/drive/v3/changes/startPageToken"),
            (
                "GetShippingRatesShippingRateToken",
                "/v1/shipping_rates/{shipping_rate_token}",
            ),
        ] {
            assert!(!reveals(name, path), "{name}");
        }
    }
}
