//! What words make of an operation.

use proptest::prelude::*;

use super::super::words::CHANGING;
use super::*;

fn of(method: &str, name: &str, path: &str, scopes: &[&str]) -> (Access, Evidence) {
    let scopes: Vec<Vec<String>> = scopes.iter().map(|scope| vec![(*scope).to_owned()]).collect();
    let judged = judge(&Known {
        method: Some(method),
        name,
        path,
        scopes: &scopes,
        ..Known::default()
    });
    (judged.access, judged.by)
}

#[test]
fn a_name_that_changes_is_no_read() {
    for (method, name, scopes) in [
        ("GET", "delete-account", &[][..]),
        ("GET", "sendMessage", &["messages.read"]),
        ("POST", "getOrCreateUser", &[]),
        ("POST", "searchAndReplace", &["x.readonly"]),
        ("POST", "updateSearch", &["x.readonly"]),
        ("POST", "getToken", &[]),
        ("POST", "getOobConfirmationCode", &[]),
        ("PUT", "getThing", &["x.readonly"]),
        ("PATCH", "queryThing", &[]),
        ("POST", "things", &[]),
        ("POST", "watch", &[]),
        ("POST", "post-/preferences/batch/unsubscribe-all/read", &[]),
        ("POST", "listAndReopenCases", &["x.readonly"]),
        ("POST", "streamingReadValues", &[]),
        ("POST", "conversationalSearch", &[]),
        ("POST", "post-/objects", &["objects.read"]),
        ("DELETE", "getThing", &["x.readonly"]),
        ("POST", "watch", &["x.readonly"]),
        ("POST", "renew", &["x.readonly"]),
        ("POST", "predictLongRunning", &["x.readonly"]),
        ("POST", "prewarmArtifact", &["x.readonly"]),
        ("POST", "search-application-post-behavioral-analytics-event", &[]),
        ("POST", "validateDomain", &[]),
        ("POST", "GetTestFileMultipartPresignedUrls", &["x.read"]),
        ("GET", "restart", &[]),
        ("GET", "submit", &["x.readonly"]),
    ] {
        assert_ne!(of(method, name, "/things", scopes).0, Access::Read, "{method} {name}");
    }
    for (name, path) in [
        ("queries.createquery", "/v1.1/query"),
        ("deletequery", "/deletequery/query"),
        ("savequery", "/h/query"),
        ("runsearch", "/run/search"),
        ("publishpreview", "/i/preview"),
        ("startrender", "/j/render"),
        ("incrementcount", "/count"),
        ("bumpcount", "/count"),
        ("reruncheck", "/x/{id}/check"),
        ("unpublishpreview", "/x/preview"),
    ] {
        for scopes in [&[][..], &["x.readonly"]] {
            assert_ne!(of("POST", name, path, scopes).0, Access::Read, "{name}");
        }
    }
}

#[test]
fn what_a_custom_method_does_by_get_is_no_read() {
    for verb in ["move", "restore", "restart", "generateAccessToken", "purge"] {
        let path = format!("/v1/things/{{thing}}:{verb}");
        assert_ne!(of("GET", "things", &path, &["x.readonly"]).0, Access::Read, "{verb}");
    }
    for verb in [
        "search",
        "download",
        "getIamPolicy",
        "aggregatedList",
        "analyzeMove",
        "fetchReleaseOptions",
        "completeQuery",
    ] {
        let path = format!("/v1/things/{{thing}}:{verb}");
        assert_eq!(of("GET", "things", &path, &[]).0, Access::Read, "{verb}");
    }
}

#[test]
fn a_read_has_its_evidence() {
    for (method, name, path, scopes, by) in [
        ("GET", "accounts-balance", "/a", &[][..], Evidence::Method),
        ("GET", "listThings", "/a", &["a.readonly", "a"], Evidence::Scopes),
        (
            "POST",
            "reports",
            "/a:report",
            &["https://x.test/auth/cloud-platform.read-only"],
            Evidence::Scopes,
        ),
        ("POST", "searchThings", "/a", &[], Evidence::Name),
        (
            "POST",
            "listTransferableOffers",
            "/a:listTransferableOffers",
            &[],
            Evidence::Name,
        ),
        (
            "POST",
            "post-/crm/v3/things/batch/read",
            "/crm/v3/things/batch/read",
            &[],
            Evidence::Name,
        ),
        ("POST", "ml-get-records", "/ml/records", &[], Evidence::Name),
    ] {
        assert_eq!(of(method, name, path, scopes), (Access::Read, by), "{method} {name}");
    }
}

#[test]
fn what_removes_is_a_deletion_and_who_may_is_administration() {
    assert_eq!(of("POST", "things.batchDelete", "/t", &[]).0, Access::Delete);
    assert_eq!(
        of("POST", "attachments_delete", "/attachments/delete", &[]).0,
        Access::Delete
    );
    assert_eq!(of("POST", "runsearchDelete", "/t", &[]).0, Access::Delete);
    assert_eq!(of("POST", "setIamPolicy", "/t/{x}:setIamPolicy", &[]).0, Access::Admin);
    assert_eq!(
        of("POST", "post-/things/batch/archive", "/things/batch/archive", &[]).0,
        Access::Delete
    );
}

/// A word in one of the ways in which names have it.
fn spelt(words: &[String], way: usize) -> String {
    let capital = |word: &String| match word.split_at_checked(1) {
        Some((first, rest)) => first.to_ascii_uppercase() + rest,
        None => String::new(),
    };
    match way {
        0 => words.join("-"),
        1 => words.join("_"),
        2 => words.join("."),
        3 => words.iter().map(capital).collect(),
        _ => words.first().cloned().unwrap_or_default() + &words.iter().skip(1).map(capital).collect::<String>(),
    }
}

/// Words by which descriptions make things look like reads.
fn harmless() -> impl Strategy<Value = String> {
    let known = READING.iter().chain(&ENDING).chain(&ANYWHERE).chain(&ASKING);
    let known: Vec<&str> = known
        .chain(&["things", "v1", "iam", "permissions", "all", "batch"])
        .copied()
        .collect();
    prop_oneof![prop::sample::select(known).prop_map(str::to_owned), "[a-z]{1,8}"]
}

/// Words by which they say that something is changed.
fn changing() -> impl Strategy<Value = String> {
    let words: Vec<&str> = CHANGING.iter().chain(&REMOVING).copied().collect();
    let words = prop::sample::select(words).prop_map(str::to_owned);
    (prop::sample::select(vec!["", "", "re", "un"]), words).prop_map(|(again, word)| format!("{again}{word}"))
}

proptest! {
    /// Whatever the words of a description, no method with the evidence of a change is a read.
    #[test]
    fn no_words_make_a_read_of_a_change(
        method in prop::sample::select(vec!["POST", "PUT", "PATCH", "DELETE"]),
        before in prop::collection::vec(harmless(), 0..3),
        change in changing(),
        after in prop::collection::vec(harmless(), 0..3),
        path in prop::collection::vec(harmless(), 1..4),
        way in 0usize..5,
        place in 0usize..3,
        scopes in prop::collection::vec(prop::sample::select(vec!["x.readonly", "read", "things:read", "x"]), 0..3),
    ) {
        let words: Vec<String> = before.into_iter().chain([change.clone()]).chain(after).collect();
        let plain = spelt(&path, 0);
        let (name, path) = match place {
            // In the name, as the end of the path, as a custom method.
            0 => (spelt(&words, way), format!("/v1/{plain}")),
            1 => (spelt(&path, way), format!("/v1/things/{}", spelt(&words, way))),
            _ => (spelt(&path, way), format!("/v1/things/{{thing}}:{change}")),
        };
        let found = of(method, &name, &path, &scopes);
        prop_assert_ne!(found.0, Access::Read, "{} {} {}", method, name, path);
    }

    /// Those that replace, change or remove by their method never read, whatever they are called and by whatever they are told.
    #[test]
    fn no_words_make_a_read_of_put_patch_or_delete(
        method in prop::sample::select(vec!["PUT", "PATCH", "DELETE"]),
        name in prop::collection::vec(harmless(), 1..5),
        path in prop::collection::vec(harmless(), 1..4),
        way in 0usize..5,
        scopes in prop::collection::vec("[a-z./]{0,12}(read|readonly)", 0..3),
    ) {
        let scopes: Vec<&str> = scopes.iter().map(String::as_str).collect();
        let (name, path) = (spelt(&name, way), format!("/v1/{}", path.join("/")));
        prop_assert_ne!(of(method, &name, &path, &scopes).0, Access::Read, "{} {} {}", method, name, path);
    }

    /// A text in a language is one that may change anything; and what only its user's words say (`getToken`) makes a credential.
    #[test]
    fn no_words_make_a_read_of_a_statement_or_a_credential(
        words in prop::collection::vec(harmless(), 1..4),
        credential in prop::sample::select(CREDENTIAL.to_vec()),
        way in 0usize..5,
    ) {
        let scopes = vec![vec!["x.readonly".to_owned()]];
        let name = spelt(&words, way);
        let statement = judge(&Known { method: Some("POST"), name: &name, path: "/v1/x", scopes: &scopes, statement: true, ..Known::default() });
        prop_assert_ne!(statement.access, Access::Read, "{}", name);
        let words: Vec<String> = words.into_iter().chain([credential.to_owned()]).collect();
        let name = spelt(&words, way);
        prop_assert_ne!(of("POST", &name, "/v1/x", &["x.readonly"]).0, Access::Read, "{}", name);
    }
}
