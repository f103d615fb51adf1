//! Where sources and packages come from: GitHub's libraries, git, pip.

use super::*;

const GITHUB: Calls = Calls {
    allow: "repository acme/app",
    block: ("invite acme/app bob", "People are let in by people only"),
    hold: "delete_branch acme/app feature/x",
    executed: |origin| deletions(origin, "/git/refs/heads/feature/x"),
};

fn shows_github<C: Client>(client: &str, start: impl Fn(&Sidecar) -> C) {
    let rule = no("modify_security", "github", "People are let in by people only");
    shows(client, &GITHUB, &Origin::github(), (&["api.github.com"], &rule), start);
}

#[test]
fn github() {
    shows_github("PyGithub", Session::github);
}

#[test]
fn octokit() {
    shows_github("octokit", |sidecar| {
        Session::open("node/octokit_client.js", sidecar, None, &[])
    });
}

/// With a `Retry-After` it would try ten times, and wait for hours.
#[test]
fn pygithub_tries_once() {
    let origin = Origin::github();
    let sidecar = Sidecar::new().resolve("api.github.com", &origin).hold("1s").start();
    let held = Session::github(&sidecar).call("invite acme/app bob");
    held.assert_refused("approval_pending");
    let error = held.error();
    assert_eq!(
        (error.class.as_str(), error.http_status),
        ("GithubException", Some(403))
    );
    assert_eq!(sidecar.trail().of_kind("decided").len(), 1);
    origin.assert_untouched();
}

const GIT: Calls = Calls {
    allow: "clone https://github.com/acme/app.git",
    block: ("push https://github.com/acme/locked.git", "Nobody pushes there"),
    hold: "push https://github.com/acme/app.git",
    executed: |origin| origin.calls("POST", "/acme/app.git/git-receive-pack").len(),
};

const LOCKED: &str = r#"
@id("locked")
@reason("Nobody pushes there")
forbid (principal, action == Action::"deploy_service", resource) when { resource has id && resource.id == "acme/locked" };
"#;

#[test]
fn git() {
    let start = |sidecar: &Sidecar| Session::open("git_client.py", sidecar, None, &[]);
    shows("git", &GIT, &Origin::git(), (&["github.com"], LOCKED), start);
}

/// What is more than git sends in one piece goes in pieces, after a question whether it may push at all.
#[test]
fn a_large_push_is_asked_about_once() {
    let origin = Origin::git();
    let sidecar = Sidecar::new().resolve("github.com", &origin).start();
    let mut git = Session::open("git_client.py", &sidecar, None, &[]);
    git.send("push_large https://github.com/acme/app.git");
    let id = sidecar.next_held();
    let sizes = || {
        let pushes = origin.calls("POST", "/acme/app.git/git-receive-pack");
        pushes.iter().map(|push| push.body.len()).collect::<Vec<_>>()
    };
    assert_eq!(sizes(), [4]);
    sidecar.approve(&id);
    git.receive().assert_ok();
    assert!(sizes().len() == 2 && sizes()[1] > 200_000, "{:?}", sizes());
    assert!(sidecar.approvals("pending").is_empty());
}

const PIP: Calls = Calls {
    allow: "download useful",
    block: ("download harmful", "This package is not used here"),
    hold: "download unknown",
    executed: |origin| origin.calls("GET", "/files/unknown-1.0-py3-none-any.whl").len(),
};

const PACKAGES: &str = r#"
@id("harmful")
@reason("This package is not used here")
forbid (principal, action in Action::"reads", resource) when { context.host == "harmful.example" };

@id("unknown")
@decision("REQUIRE_APPROVAL")
@reason("Nobody has looked at this package")
forbid (principal, action in Action::"reads", resource) when { context.host == "unknown.example" };
"#;

#[test]
fn pip() {
    let start = |sidecar: &Sidecar| Session::open("pip_client.py", sidecar, None, &[]);
    let hosts: &[&str] = &["index.example", "useful.example", "harmful.example", "unknown.example"];
    let origin = Origin::packages(&["useful", "harmful", "unknown"]);
    shows("pip", &PIP, &origin, (hosts, PACKAGES), start);
}
