//! What `runplane doctor` has clients ask for: an answer that only this sidecar gives, to whoever comes by the proxy and trusts
//! the CA. It tells no more than that, and what agents may know anyway.

use std::sync::Arc;

use http::StatusCode;
use serde_json::json;

use super::Page;
use crate::model::Timestamp;
use crate::proxy::Parts;

/// Nonces are random; longer ones are nobody's.
const LONGEST: usize = 64;

/// The answer with the nonce in it; `None` if that is none.
pub(super) fn page(parts: &Parts, agent: &Arc<str>, nonce: &str) -> Option<Page> {
    let trusted = parts.authority.trusted();
    let authorities = trusted.iter().map(|certificate| {
        json!({
            "sha256": certificate.fingerprint(),
            "not_before": certificate.not_before.to_string(),
            "not_after": certificate.not_after.to_string(),
        })
    });
    is_nonce(nonce).then(|| {
        Page::json(
            StatusCode::OK,
            &json!({
                "runplane": env!("CARGO_PKG_VERSION"),
                "nonce": nonce,
                "agent": agent,
                "time": Timestamp::now().to_string(),
                "authorities": authorities.collect::<Vec<_>>(),
            }),
        )
    })
}

/// The same for git: a repository with one branch, which has the nonce for its name (gitprotocol-http, smart).
pub(super) fn repository(nonce: &str, query: Option<&str>) -> Option<Page> {
    let asked = is_nonce(nonce) && query == Some("service=git-upload-pack");
    asked.then(|| Page {
        status: StatusCode::OK,
        kind: "application/x-git-upload-pack-advertisement",
        content: format!(
            "{}0000{}0000",
            packet("# service=git-upload-pack\n"),
            packet(&format!("{} refs/heads/{nonce}\0agent=runplane\n", "1".repeat(40)))
        ),
    })
}

/// Its length goes first, in four hexadecimal digits, with these four (gitprotocol-common).
fn packet(line: &str) -> String {
    format!("{:04x}{line}", line.len() + 4)
}

/// SECURITY: what is given back must mean nothing in any format. Test: `a_nonce_is_given_back_and_nothing_else_is`.
fn is_nonce(text: &str) -> bool {
    (1..=LONGEST).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}
