use std::net::SocketAddr;
use std::path::PathBuf;

use super::*;
use crate::app::wiring::{ADDED, BUNDLES};
use crate::cli::doctor::finding::Verdict;
use crate::cli::doctor::finding::Verdict::{Note, Ok as Well, Wrong};

/// Nobody listens on port 9 (discard) of any machine that runs tests.
const PROXY: &str = "http://support-bot:rp_secret@127.0.0.1:9";

fn environment(variables: &[(&str, &str)]) -> Environment {
    let place = Place::Elsewhere { option: String::new() };
    let variables = variables
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Environment::new(place, variables.collect(), "nonce")
}

fn found(variables: &[(&str, &str)], check: &str) -> Vec<(Verdict, String)> {
    let findings = environment(variables).findings().into_iter();
    findings
        .filter(|finding| finding.check == check)
        .map(|finding| (finding.verdict, finding.detail))
        .collect()
}

#[test]
fn a_proxy_that_is_missing_or_none_is_wrong() {
    for (variables, told) in [
        (&[][..], "is not set"),
        (
            &[("HTTPS_PROXY", "socks5://127.0.0.1:1080")],
            "neither http:// nor https://",
        ),
    ] {
        let [(Wrong, detail)] = &found(variables, "HTTPS_PROXY")[..] else {
            panic!("{variables:?}");
        };
        assert!(detail.contains(told), "{detail}");
    }
    assert_eq!(found(&[("HTTPS_PROXY", PROXY)], "HTTPS_PROXY")[0].0, Well);
    assert_eq!(
        found(&[("HTTPS_PROXY", PROXY)], "proxy")[0].0,
        Wrong,
        "nobody answers there"
    );
}

#[test]
fn spellings_that_lead_elsewhere_are_wrong() {
    let elsewhere = "http://127.0.0.1:10";
    for name in ["HTTPS_PROXY", "HTTP_PROXY", "http_proxy"] {
        let variables = [("https_proxy", PROXY), (name, elsewhere)];
        let wrong = found(&variables, name)
            .into_iter()
            .filter(|(verdict, _)| *verdict == Wrong);
        let wrong: Vec<_> = wrong.collect();
        assert!(wrong.len() == 1 && wrong[0].1.contains(elsewhere), "{name}: {wrong:?}");
    }
}

#[test]
fn what_no_proxy_hides_is_told_by_its_provider() {
    let told = |entries: &str| found(&[("HTTPS_PROXY", PROXY), ("NO_PROXY", entries)], "NO_PROXY");
    assert_eq!(told("localhost,127.0.0.1,::1"), []);
    assert_eq!(told("localhost, 127.0.0.0/8"), []);
    for (entries, provider) in [
        ("localhost,api.stripe.com", "api.stripe.com (Stripe)"),
        (
            "stripe.com",
            "stripe.com (MCP server, Stripe, Stripe Connect and 1 more)",
        ),
        (
            ".STRIPE.com",
            ".STRIPE.com (MCP server, Stripe, Stripe Connect and 1 more)",
        ),
        (
            "*.stripe.com:443",
            "*.stripe.com:443 (MCP server, Stripe, Stripe Connect and 1 more)",
        ),
        (
            ".amazonaws.com",
            ".amazonaws.com (AWS AI Ops, AWS API Gateway, AWS ARC - Region switch and ",
        ),
        ("s3.eu-west-1.amazonaws.com", "s3.eu-west-1.amazonaws.com (AWS S3)"),
        ("com,git.corp", "com (ACME DNS API, "),
        ("*", "every call"),
        (".internal", "the sidecar's own name"),
    ] {
        let [(Wrong, detail)] = &told(entries)[..] else {
            panic!("{entries}: {:?}", told(entries));
        };
        assert!(detail.contains(provider), "{entries}: {detail}");
    }
    for entries in ["git.corp", "10.0.0.0/8", "notstripe.com", "api.stripe.com.corp"] {
        let [(Note, detail)] = &told(entries)[..] else {
            panic!("{entries}: {:?}", told(entries));
        };
        assert!(detail.contains(entries), "{detail}");
    }
}

#[test]
fn what_leads_round_the_sidecar_or_checks_nothing_is_told() {
    let told = |name: &str, value: &str| found(&[("HTTPS_PROXY", PROXY), (name, value)], name);
    assert_eq!(told("ALL_PROXY", "http://127.0.0.1:10")[0].0, Note);
    assert_eq!(told("all_proxy", "socks5://corp:1080")[0].0, Note);
    assert_eq!(told("ALL_PROXY", PROXY), [], "it leads to the same");
    assert_eq!(told("NODE_TLS_REJECT_UNAUTHORIZED", "0")[0].0, Note);
    assert_eq!(told("NODE_TLS_REJECT_UNAUTHORIZED", "1"), []);
    assert_eq!(told("GIT_SSL_NO_VERIFY", "true")[0].0, Note);
}

#[test]
fn a_file_that_is_not_there_is_told_once_for_all_that_name_it() {
    let variables = [
        ("SSL_CERT_FILE", "/nonexistent/bundle.pem"),
        ("CURL_CA_BUNDLE", "/nonexistent/bundle.pem"),
    ];
    let [(Wrong, detail)] = &found(&variables, "CA files")[..] else {
        panic!("one finding");
    };
    assert!(
        detail.starts_with("SSL_CERT_FILE, CURL_CA_BUNDLE: /nonexistent/bundle.pem cannot be read"),
        "{detail}"
    );
}

#[test]
fn every_variable_that_names_a_file_is_looked_into() {
    let wiring = Wiring {
        proxy: SocketAddr::from(([127, 0, 0, 1], 8080)),
        secure: false,
        credentials: None,
        public: PathBuf::from("/public"),
    };
    let variables = wiring.variables().into_iter();
    let named = variables
        .filter(|(_, value)| value.starts_with("/public/"))
        .map(|(name, _)| name);
    let (mut named, mut known) = (
        named.collect::<Vec<_>>(),
        BUNDLES.into_iter().chain([ADDED]).collect::<Vec<_>>(),
    );
    named.sort_unstable();
    known.sort_unstable();
    assert_eq!(named, known);
}

/// SECURITY: what is printed is pasted into issues.
#[test]
fn a_key_in_a_variable_is_shown_nowhere() {
    let variables = [
        ("HTTPS_PROXY", PROXY),
        ("HTTP_PROXY", "http://other:rp_secret@127.0.0.1:10"),
        ("ALL_PROXY", "http://other:rp_secret@127.0.0.1:10"),
        ("https_proxy", "ftp://other:rp_secret@127.0.0.1"),
    ];
    for finding in environment(&variables).findings() {
        assert!(!format!("{finding:?}").contains("rp_secret"), "{finding:?}");
    }
}

#[test]
fn a_place_is_known_by_its_address_and_port() {
    let at = |url: &str, own: &str| is_at(&ProxyUrl::parse(url).unwrap(), own.parse().unwrap());
    assert!(at("http://127.0.0.1:8080", "127.0.0.1:8080"));
    assert!(at("http://localhost:8080", "127.0.0.1:8080"));
    assert!(at("http://10.0.0.1:8080", "0.0.0.0:8080"));
    assert!(at("http://sidecar:8080", "10.0.0.1:8080"));
    assert!(!at("http://127.0.0.1:8081", "127.0.0.1:8080"));
    assert!(!at("http://127.0.0.2:8080", "127.0.0.1:8080"));
    assert!(!at("http://localhost:8080", "10.0.0.1:8080"));
}
