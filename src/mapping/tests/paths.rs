//! What a path says besides segments: formats, names of any text, a rest of segments.

use super::*;

const MAPPING: &str = "
provider: files
title: Files
hosts: [files.example.com]
dispatch: path
formats: [.json, .xml]
escaped: [branch, path]
content: { application/json: json, application/x-www-form-urlencoded: form }
repeated: [tag]
operations:
  read:
    call: GET /repos/{repo}/contents/{path*}
    action: read_record
    target: { kind: file, within: $.path.repo, id: $.path.path }
  protect:
    call: PUT /repos/{repo}/branches/{branch}/protection
    action: modify_security
    target: { kind: branch, id: $.path.branch }
  remove:
    call: DELETE /repos/{repo}
    action: delete_record
    target: { kind: repository, id: $.path.repo }
    fields: { resource_ids: { from: \"$.params.tag[*]\" } }
";

fn files(method: &str, path: &str, body: Option<&str>) -> Result<Action, Reason> {
    static FILES: LazyLock<Mappings> = LazyLock::new(|| load(&[("files.yaml", MAPPING)]).unwrap());
    let headers = [FORM];
    let headers = if body.is_some() { &headers[..] } else { &[] };
    resolve(
        &FILES,
        &call(method, &format!("https://files.example.com{path}"), headers, body),
    )
}

fn target(method: &str, path: &str) -> Option<(String, Option<String>)> {
    let action = files(method, path, None).unwrap();
    (!action.unmapped).then(|| (action.operation.to_string(), action.target.id))
}

#[test]
fn a_format_is_taken_off_once_in_any_case() {
    let removed = |id: &str| Some(("remove".to_owned(), Some(id.to_owned())));
    for path in ["/repos/a", "/repos/a.json", "/repos/a.JSON", "/repos/a.xml"] {
        assert_eq!(target("DELETE", path), removed("a"), "{path}");
    }
    // Two of them, or one that is no format here: some server may see another operation.
    for path in ["/repos/a.json.xml", "/repos/a.csv"] {
        assert_eq!(target("DELETE", path), None, "{path}");
    }
    assert_eq!(target("DELETE", "/repos/.json"), None);
}

#[test]
fn a_rest_of_segments_is_one_name_and_a_format_is_part_of_it_only_where_it_is_any_text() {
    let read = |id: &str| Some(("read".to_owned(), Some(id.to_owned())));
    assert_eq!(target("GET", "/repos/a/contents/src/main.rs"), read("a/src/main.rs"));
    assert_eq!(target("GET", "/repos/a/contents/src%2Fmain.rs"), read("a/src/main.rs"));
    assert_eq!(target("GET", "/repos/a/contents/table.csv"), read("a/table.csv"));
    assert_eq!(target("GET", "/repos/a/contents"), None);
    assert_eq!(
        target("PUT", "/repos/a/branches/feature%2Fx/protection"),
        Some(("protect".to_owned(), Some("feature/x".to_owned())))
    );
}

#[test]
fn an_escaped_separator_elsewhere_is_refused() {
    for (method, path) in [
        ("DELETE", "/repos/a%2Fcontents%2Fb"),
        ("PUT", "/repos/a%2Fb/branches/x/protection"),
        ("PUT", "/repos/a/branches%2Fx/protection"),
        ("PUT", "/repos/a/branches/x%2Fprotection"),
        ("POST", "/other%2Fpath"),
        ("GET", "/repos/a/contents/%2e%2e%2Fb"),
        ("GET", "/repos/a/contents/b/%252e%252e/c"),
        ("GET", "/repos/a/contents/../b"),
        ("GET", "/repos/a/contents//b"),
        ("PUT", "/repos/a/branches/..%5Cb/protection"),
    ] {
        assert_eq!(
            files(method, path, None).map(|action| action.name),
            Err(Reason::Malformed),
            "{method} {path}"
        );
    }
}

#[test]
fn a_repeated_parameter_is_a_list_and_any_other_is_refused() {
    let ids = |body| files("DELETE", "/repos/a", Some(body)).map(|action| json!(action.fields)["resource_ids"].clone());
    assert_eq!(ids("tag=x&tag=y"), Ok(json!(["x", "y"])));
    assert_eq!(ids("t%61g=x"), Ok(json!(["x"])));
    assert_eq!(ids("tag[]=x&tag=y"), Ok(json!(["x", "y"])));
    for body in ["other=x&other=y", "tag=x&tag[a]=y", "tag=x&Tag=y"] {
        assert_eq!(ids(body), Err(Reason::Malformed), "{body}");
    }
}

#[test]
fn mistakes_in_these_keys_are_told() {
    let told = |from: &str, to: &str| load(&[("files.yaml", &MAPPING.replace(from, to))]).err().unwrap()[0].to_string();
    assert!(told("formats: [.json,", "formats: [json,").contains("expected the ending of paths"));
    assert!(
        told("escaped: [branch,", "escaped: [brunch,").contains("no operation's `call` has a parameter `{brunch}`")
    );
    assert!(told("{path*}", "{path*}/x").contains("the last one also"));
    let by_name = "provider: a\ntitle: A\nhosts: [a.example.com]\ndispatch: { after: /api/ }\nformats: [.json]\n";
    let problems = load(&[("a.yaml", by_name)]).err().unwrap();
    assert!(
        problems[0].to_string().contains("are for dispatch by path"),
        "{}",
        problems[0]
    );
}

/// Whether a field that is true or false is true can be told by a word.
#[test]
fn a_grant_renews_only_by_its_exact_name() {
    let renewal = |body: &str| {
        let call = call("POST", "https://oauth2.googleapis.com/token", &[FORM], Some(body));
        json!(resolve(shipped(), &call).unwrap().fields)["renewal"].clone()
    };
    assert_eq!(renewal("grant_type=refresh_token"), json!(true));
    for other in [
        "grant_type=refresh_token+",
        "grant_type=Refresh_token",
        "grant_type=authorization_code",
    ] {
        assert_eq!(renewal(other), json!(false), "{other}");
    }
    assert_eq!(renewal("code=1"), Json::Null);
    assert_eq!(renewal("grant_type="), Json::Null);
}
