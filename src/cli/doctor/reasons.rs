//! Why a client's call did not come, or did not trust what it met, and what to do.

use super::clients::Told;
use super::environment::{Environment, Reached};
use super::finding::Finding;
use crate::app::wiring::JAVA;

/// The variable by which a client is told what to trust.
fn trust_variable(client: &str) -> &'static str {
    match client {
        "curl" => "CURL_CA_BUNDLE",
        "git" => "GIT_SSL_CAINFO",
        "Python: requests" => "REQUESTS_CA_BUNDLE",
        _ if client.starts_with("Node") => "NODE_EXTRA_CA_CERTS",
        _ if client.starts_with("Java") => JAVA,
        _ => "SSL_CERT_FILE",
    }
}

/// What a client has of its own that goes before variables.
fn own_settings(client: &str) -> &'static str {
    match client {
        "curl" => "~/.curlrc (`proxy`, `noproxy`, `cacert`)",
        "git" => "`git config --show-origin --get-regexp 'http.*'` (`http.proxy`, `http.sslCAInfo`)",
        _ if client.starts_with("Python") => "a sitecustomize.py or usercustomize.py",
        _ if client.starts_with("Node") => "NODE_OPTIONS (`--use-openssl-ca`, a preload of another's)",
        _ if client.starts_with("Java") => "-D options of JDK_JAVA_OPTIONS, and conf/net.properties",
        _ => "settings of its own",
    }
}

/// What its call tells.
pub(super) fn finding(environment: &Environment, told: &Told) -> Finding {
    let check = format!("{} {}", told.client, told.version).trim().to_owned();
    let error = &told.verified;
    if error == "ok" {
        return Finding::ok(check, "proxy used, CA trusted").of_client(Some(true), Some(true));
    }
    if told.unverified.as_deref() == Some("ok") {
        let detail = format!("proxy used, CA NOT trusted: {error}");
        return Finding::wrong(check, &detail, trust(environment, &told.client)).of_client(Some(true), Some(false));
    }
    if matches!(environment.reached(), Reached::Refused) || error.contains("407") {
        let detail = format!("the sidecar refuses the agent's key, or its lack: {error}");
        return Finding::wrong(check, &detail, key(&told.client)).of_client(None, None);
    }
    let (why, fix) = past(environment, told);
    let detail = format!("proxy NOT used: {why} ({error})");
    Finding::wrong(check, &detail, fix).of_client(Some(false), None)
}

fn trust(environment: &Environment, client: &str) -> String {
    let variable = trust_variable(client);
    let export = environment.export(variable);
    let is_set = match client.starts_with("Java") {
        true => environment
            .variable(JAVA)
            .is_some_and(|options| options.contains("trustStore=")),
        false => environment.variable(variable).is_some(),
    };
    match (export, is_set) {
        (Some(export), false) => export,
        (Some(export), true) => format!("{export}\nif it says so already: look into {}", own_settings(client)),
        (None, _) => format!("have {variable} name a file that holds the CA, as `runplane env` and `runplane exec` do"),
    }
}

fn key(client: &str) -> String {
    match client.starts_with("Java") {
        true => {
            "Java takes no key from a proxy's address: give that agent a sidecar of its own (`agent:` in runplane.yaml)"
                .to_owned()
        }
        false => "RUNPLANE_AGENT_KEY=rp_… with `runplane env --agent NAME` or `runplane exec --agent NAME`".to_owned(),
    }
}

/// Why it goes past the proxy, and what to do.
fn past(environment: &Environment, told: &Told) -> (String, String) {
    let rewire = || environment.rewire();
    if told.client.starts_with("Java") {
        let options = environment.variable(JAVA).unwrap_or_default();
        if !options.contains("-Dhttps.proxyHost=") {
            let fix = environment.export(JAVA).unwrap_or_else(rewire);
            return (format!("Java reads no HTTPS_PROXY, and {JAVA} names no proxy"), fix);
        }
    }
    if let Some(why) = environment.leads_nowhere() {
        return (why.to_owned(), rewire());
    }
    if environment.hides_us() {
        return ("NO_PROXY covers the sidecar's own name".to_owned(), rewire());
    }
    if told.client.starts_with("Node") {
        let fix = "start the agent by `runplane exec` (its preload wires every Node), or use Node 22.21, 24.5 or later";
        if !knows_proxies(&told.version) {
            return ("this Node ignores NODE_USE_ENV_PROXY".to_owned(), fix.to_owned());
        }
        if environment.variable("NODE_USE_ENV_PROXY").is_none() {
            let why = "NODE_USE_ENV_PROXY is not set".to_owned();
            return (why, "export NODE_USE_ENV_PROXY='1'".to_owned());
        }
    }
    let why = "the variables are right, so it has settings of its own".to_owned();
    (why, format!("look into {}", own_settings(&told.client)))
}

/// Whether this version of Node has NODE_USE_ENV_PROXY for `https` and `fetch`.
fn knows_proxies(version: &str) -> bool {
    let mut numbers = version.split('.').map(|number| number.parse().unwrap_or(0));
    let (major, minor): (u32, u32) = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    matches!((major, minor), (22, 21..) | (24, 5..) | (25.., _))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_versions_of_node_that_read_proxies_are_known() {
        for version in ["22.21.0", "22.23.1", "24.5.0", "24.21.0", "25.0.0", "26.1.0"] {
            assert!(knows_proxies(version), "{version}");
        }
        for version in ["18.20.4", "20.20.2", "22.20.0", "23.11.0", "24.4.1", "", "x"] {
            assert!(!knows_proxies(version), "{version}");
        }
    }
}
