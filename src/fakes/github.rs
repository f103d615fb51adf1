//! A stand-in for GitHub's REST API: one repository, whose branches come and go as asked.

use serde_json::{Value, json};

use super::{Answer, Request};

/// A repository that nobody sees.
#[derive(Debug, Default)]
pub struct GitHub;

impl GitHub {
    /// Answers as GitHub would.
    pub fn answer(&self, request: &Request<'_>) -> Answer {
        let segments: Vec<&str> = request.path().trim_start_matches('/').split('/').collect();
        match (request.method, segments.as_slice()) {
            ("GET", ["repos", owner, name]) => Answer::json(200, &repository(owner, name)),
            ("POST", ["repos", owner, name, "issues"]) => {
                let issue = json!({
                    "id": 1, "number": 1347, "title": title(request.body), "state": "open",
                    "url": format!("https://api.github.com/repos/{owner}/{name}/issues/1347"),
                });
                Answer::json(201, &issue).done(format!("issue 1347 in {owner}/{name}"))
            }
            ("GET", ["repos", owner, name, "git", "ref" | "refs", branch @ ..]) => {
                Answer::json(200, &reference(owner, name, &branch.join("/")))
            }
            ("DELETE", ["repos", owner, name, "git", "refs", branch @ ..]) => {
                Answer::new(204).done(format!("{} of {owner}/{name} deleted", branch.join("/")))
            }
            ("PUT", ["repos", owner, name, "collaborators", who]) => {
                Answer::new(204).done(format!("{who} let into {owner}/{name}"))
            }
            _ => Answer::json(
                404,
                &json!({"message": "Not Found", "documentation_url": "https://docs.github.com/rest", "status": "404"}),
            ),
        }
    }
}

fn title(content: &[u8]) -> Value {
    let content: Option<Value> = serde_json::from_slice(content).ok();
    content
        .and_then(|content| content.get("title").cloned())
        .unwrap_or_default()
}

fn repository(owner: &str, name: &str) -> Value {
    json!({
        "id": 1_296_269, "name": name, "full_name": format!("{owner}/{name}"), "private": false,
        "owner": {"login": owner, "id": 1, "type": "Organization"}, "default_branch": "main",
        "description": "Übersicht · 概要", "url": format!("https://api.github.com/repos/{owner}/{name}"),
    })
}

fn reference(owner: &str, name: &str, branch: &str) -> Value {
    json!({
        "ref": format!("refs/{branch}"), "node_id": "MDM6UmVm",
        "url": format!("https://api.github.com/repos/{owner}/{name}/git/refs/{branch}"),
        "object": {"type": "commit", "sha": "aa218f56b14c9653891f9e74264a383fa43fefbd", "url": "https://api.github.com/"},
    })
}
