//! Reads whose answers can be acted with.

use super::words::{SECRET_ENDS, words};

/// Ends of paths whose answers hold keys, passwords or tokens though no name says so: what the providers' documentation says of
/// them. A parameter is `{}`.
const KNOWN: [&str; 28] = [
    // Cloudflare: the secrets of widgets, of zone transfers and of streams, and keys that sign.
    "/challenges/widgets/{}",
    "/images/v1/keys",
    "/secondary_dns/tsigs",
    "/secondary_dns/tsigs/{}",
    "/stream/live_inputs/{}",
    // Datadog's first version gives whole keys.
    "/api/v1/api_key",
    "/api/v1/api_key/{}",
    "/api/v1/application_key",
    "/api/v1/application_key/{}",
    // DigitalOcean: the way into a database, with its password.
    "/v2/databases",
    "/v2/databases/{}",
    "/v2/databases/{}/pools",
    "/v2/databases/{}/pools/{}",
    "/v2/databases/{}/replicas",
    "/v2/databases/{}/replicas/{}",
    "/v2/databases/{}/users",
    "/v2/databases/{}/users/{}",
    // Discord: whoever has a webhook's token posts by it.
    "/channels/{}/webhooks",
    "/guilds/{}/webhooks",
    "/v10/webhooks/{}",
    // Elasticsearch: what a new node or Kibana joins with.
    "/_security/enroll/kibana",
    "/_security/enroll/node",
    // GitHub: the secrets that were found.
    "/secret-scanning/alerts",
    "/secret-scanning/alerts/{}",
    // Google
    "/authTokens",
    "/measurementProtocolSecrets",
    "/measurementProtocolSecrets/{}",
    "/oauthClients/{}/credentials",
];

/// Whether what is read can be acted with: `GET /clusters/{id}/kubeconfig`, `GET /secrets/{s}/versions/{v}:access`.
///
/// SECURITY: a read of a secret is held, and a plain read is not (test `what_answers_with_a_secret_is_no_plain_read`).
pub(super) fn reveals(name: &str, path: &str) -> bool {
    let shape = shape(path);
    if KNOWN.iter().any(|end| shape.ends_with(end)) {
        return true;
    }
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

/// `/v2/databases/{}` of `/v2/databases/{database}`
fn shape(path: &str) -> String {
    let segments = path
        .split('/')
        .map(|segment| match segment.ends_with('}') && segment.starts_with('{') {
            true => "{}",
            false => segment,
        });
    segments.collect::<Vec<_>>().join("/")
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
            ("GetAPIKey", "/api/v1/api_key/{key}"),
            ("databases_list_clusters", "/v2/databases"),
            (
                "databases_get_user",
                "/v2/databases/{database_cluster_uuid}/users/{username}",
            ),
            (
                "partnerAttachments_get_bgp_auth_key",
                "/v2/attachments/{pa_id}/bgp_auth_key",
            ),
            ("getAuthString", "/v1/projects/{p}/instances/{i}/authString"),
            (
                "secret-scanning/list-alerts-for-repo",
                "/repos/{owner}/{repo}/secret-scanning/alerts",
            ),
            ("security-enroll-node", "/_security/enroll/node"),
            ("get_channel_webhooks", "/api/v10/channels/{channel_id}/webhooks"),
            ("getSignedUrl", "/files/v3/files/{fileId}/signed-url"),
            (
                "getConnectorSecret",
                "/v1alpha/projects/{p}/dataConnector:getConnectorSecret",
            ),
            (
                "measurementProtocolSecrets.list",
                "/v1alpha/properties/{p}/dataStreams/{d}/measurementProtocolSecrets",
            ),
        ] {
            assert!(reveals(name, path), "{name}");
        }
        for (name, path) in [
            ("ListAPIKeys", "/api/v2/api_keys"),
            ("actions/list-repo-secrets", "/repos/{o}/{r}/actions/secrets"),
            ("ListCredentialAws", "/v1/Credentials/AWS"),
            ("get", "/v1/projects/{p}/secrets/{s}/versions/{v}"),
            ("databases_get_config", "/v2/databases/{database_cluster_uuid}/config"),
            (
                "secret-scanning/get-scan-history",
                "/repos/{owner}/{repo}/secret-scanning/scan-history",
            ),
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
