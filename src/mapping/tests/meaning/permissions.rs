//! Calls that also change who may do what, or what runs.

use super::*;

/// Property of design 4.2: what is not read is a plain upload only where it can say nothing of permissions.
#[test]
fn an_upload_that_may_tell_permissions_changes_them() {
    let upload = |method: &str, query: &str, header: (&str, &str)| {
        let url = format!("https://storage.googleapis.com/upload/storage/v1/b/acme-data/o{query}");
        let action = resolve(shipped(), &call(method, &url, &[header], Some("a,b")));
        action.map(|action| action.name.to_string())
    };
    let plain = ("content-type", "text/csv");
    let meaning = |name: &str| Ok(name.to_owned());
    for (method, query, name) in [
        ("POST", "?uploadType=media&name=x", "modify_record"),
        ("POST", "?uploadType=multipart", "modify_security"),
        ("POST", "?uploadType=resumable&name=x", "modify_security"),
        ("POST", "?uploadType=", "modify_security"),
        ("POST", "?uploadType[]=media", "modify_security"),
        ("POST", "?name=x", "modify_security"),
        ("POST", "", "modify_security"),
        ("PUT", "?uploadType=resumable&upload_id=x", "modify_record"),
        ("PUT", "?uploadType=multipart", "modify_security"),
        ("PUT", "", "modify_security"),
    ] {
        assert_eq!(upload(method, query, plain), meaning(name), "{method} {query}");
    }
    for (query, header) in [
        ("?uploadType=media&uploadType=multipart", plain),
        ("?uploadType=media&uploadtype=multipart", plain),
        ("?uploadType=media&upload_protocol=multipart", plain),
        ("?uploadType=media", ("x-goog-upload-protocol", "resumable")),
        ("?uploadType=media", ("x-goog-upload-command", "start")),
    ] {
        assert_eq!(
            upload("POST", query, header),
            Err(Reason::Malformed),
            "{query} {header:?}"
        );
    }
}

/// Whatever is committed to a branch by the API counts as what is pushed by git.
#[test]
fn a_commit_to_a_branch_is_a_push() {
    let meanings = |method: &str, path: &str, body: &str| {
        let url = format!("https://api.github.com/repos/acme/app/{path}");
        let json_type = ("content-type", "application/json");
        let action = resolve(shipped(), &call(method, &url, &[json_type], Some(body))).unwrap();
        let all = std::iter::once(&action).chain(&action.also);
        all.map(|action| action.name.to_string()).collect::<Vec<_>>()
    };
    for (method, path, body) in [
        ("PUT", "contents/README.md", "{}"),
        ("PUT", "contents/.github/workflows/ci.yml", "{}"),
        ("DELETE", "contents/README.md", "{}"),
        ("POST", "git/refs", r#"{"ref": "refs/heads/main", "sha": "0"}"#),
        ("PATCH", "git/refs/heads/main", r#"{"sha": "0"}"#),
        ("PATCH", "git/refs/heads/main", r#"{"sha": "0", "force": true}"#),
        ("POST", "branches/x/rename", r#"{"new_name": "main"}"#),
        ("POST", "merges", r#"{"base": "main", "head": "x"}"#),
        ("POST", "merge-upstream", r#"{"branch": "main"}"#),
        ("PUT", "pulls/1/merge", "{}"),
        ("PUT", "pulls/1/update-branch", "{}"),
    ] {
        let found = meanings(method, path, body);
        assert!(
            found.iter().any(|name| name == "deploy_service"),
            "{method} {path}: {found:?}"
        );
    }
    assert_eq!(
        meanings("DELETE", "contents/README.md", "{}"),
        ["delete_record", "deploy_service"]
    );
}
