//! `%2F` in what only descriptions name.

use super::*;

/// `%2F` stays inside its segment, as GitHub and AWS have it.
#[test]
fn an_escaped_slash_stays_inside_its_segment() {
    let aws = (
        "authorization",
        "AWS4-HMAC-SHA256 Credential=AKIASAMPLE/20261120/us-east-1/eks/aws4_request, SignedHeaders=host, Signature=0",
    );
    let github = ("authorization", "Bearer ghp_sample");
    let found = |method: &str, url: &str| {
        let header = if url.contains("amazonaws") { aws } else { github };
        resolve(with_index(), &call(method, url, &[header], None)).map(|action| action.operation.to_string())
    };
    for (method, path, operation) in [
        ("GET", "/repos/o/r/contents/a%2Fb", "repos.get_content"),
        ("DELETE", "/repos/o/r/contents/a%2Fb", "repos.delete_file"),
        ("DELETE", "/repos/o/r/labels/kind%2Fbug", "issues.delete_label"),
        ("GET", "/repos/o/r/releases/tags/v1%2F2", "repos/get-release-by-tag"),
        (
            "GET",
            "/repos/o/r/tarball/feature%2Fx",
            "repos/download-tarball-archive",
        ),
        ("GET", "/repos/o/r/git/trees/feature%2Fx", "git/get-tree"),
        (
            "DELETE",
            "/orgs/o/packages/container/a%2Fb",
            "packages/delete-package-for-org",
        ),
        (
            "DELETE",
            "/repos/o/r/environments/a%2Fb/variables/X",
            "actions/delete-environment-variable",
        ),
    ] {
        let url = format!("https://api.github.com{path}");
        assert_eq!(found(method, &url).as_deref(), Ok(operation), "{method} {path}");
    }
    for (method, path) in [
        // Names of owners, repositories and keys hold no slash: another server may see another operation.
        ("DELETE", "/repos/o/r%2Fkeys/1"),
        ("DELETE", "/repos/o%2Fr"),
        ("GET", "/repos/o/r%2Fcommits/x"),
        ("PUT", "/repos/o/r/branches/x%2Fprotection"),
        ("DELETE", "/orgs/o/packages/container%2Fa/b"),
        ("GET", "/repos/o/r/tarball/..%2F..%2Fx"),
        ("GET", "/repos/o/r/releases/tags/%2e%2e%2Fx"),
    ] {
        let url = format!("https://api.github.com{path}");
        assert_eq!(found(method, &url), Err(Reason::Malformed), "{method} {path}");
    }
    let role = "arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Fx";
    let policy = "arn%3Aaws%3Aeks%3A%3Aaws%3Acluster-access-policy%2FView";
    for (method, path, operation) in [
        (
            "GET",
            format!("/clusters/c/access-entries/{role}"),
            "eks.DescribeAccessEntry",
        ),
        (
            "DELETE",
            format!("/clusters/c/access-entries/{role}"),
            "eks.DeleteAccessEntry",
        ),
        (
            "DELETE",
            format!("/clusters/c/access-entries/{role}/access-policies/{policy}"),
            "eks.DisassociateAccessPolicy",
        ),
        (
            "DELETE",
            "/clusters/c/access-entries/a%2Faccess-policies%2Fb".to_owned(),
            "eks.DeleteAccessEntry",
        ),
        (
            "GET",
            "/tags/arn%3Aaws%3Aeks%3Aus-east-1%3A1%3Acluster%2Fc".to_owned(),
            "eks.ListTagsForResource",
        ),
    ] {
        let url = format!("https://eks.us-east-1.amazonaws.com{path}");
        assert_eq!(found(method, &url).as_deref(), Ok(operation), "{method} {path}");
    }
}
