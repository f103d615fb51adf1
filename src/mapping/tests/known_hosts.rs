//! Hosts that shipped mappings know: what is not named there is a change, but by GET and HEAD.

use proptest::prelude::*;

use super::*;
use crate::io::{embedded, yaml};
use crate::model::Access;

/// Every host of every shipped file, with something in the place of what it captures.
static HOSTS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let described = embedded::MAPPINGS.get_dir("generated").unwrap().files();
    let described = described.filter_map(|file| {
        let text = file.contents_utf8()?;
        text.lines().find_map(|line| line.strip_prefix("hosts: ["))
    });
    let described = described.flat_map(|hosts| hosts.trim_end_matches(']').split(", "));
    let described = described.map(|host| host.trim_matches('"').to_owned());
    let written = FILES.iter().flat_map(|(name, text, _)| {
        let file: file::File = yaml::load(&source(name, text)).unwrap();
        file.hosts.into_iter().map(|host| host.value)
    });
    let hosts: BTreeSet<String> = described.chain(written).map(|host| filled(&host)).collect();
    hosts.into_iter().collect()
});

fn filled(host: &str) -> String {
    let host = host
        .split('|')
        .next()
        .unwrap_or_default()
        .replace("{aws}", "amazonaws.com");
    let mut out = String::new();
    let mut rest = host.as_str();
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        out.push_str("us1");
        rest = after.split_once('}').map_or("", |(_, after)| after);
    }
    out + rest
}

fn path() -> impl Strategy<Value = String> {
    let words = [
        "v1", "v2", "api", "rest", "get", "list", "search", "query", "read", "graphql", "mcp", "sql", "_search",
        "batch",
    ];
    let segment = prop_oneof![
        2 => prop::sample::select(words.to_vec()).prop_map(str::to_owned),
        1 => "[a-z]{1,6}(:[a-z]{1,6})?",
    ];
    prop::collection::vec(segment, 0..4).prop_map(|segments| format!("/{}", segments.join("/")))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// No host that is known gets an operation that nobody named called a read, unless the method is safe and carries nothing.
    #[test]
    fn what_nobody_named_is_no_read_but_by_a_safe_method(
        host in prop::sample::select(HOSTS.as_slice()),
        method in prop::sample::select(vec!["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND", "QUERY"]),
        path in path(),
        query in prop::sample::select(vec!["", "?q=x", "?Action=ListThings", "?query=%7Ba%7D", "?method=get"]),
        header in prop::sample::select(vec![("accept", "*/*"), ("x-amz-target", "X.ListThings"), ("x-http-method", "GET"), ("content-type", "application/json")]),
        body in prop::sample::select(vec![None, Some(""), Some("{}"), Some("a=b"), Some("{\"query\": \"{a}\"}"), Some("{\"jsonrpc\": \"2.0\", \"method\": \"get\"}")]),
    ) {
        let url = format!("https://{host}{path}{query}");
        let call = call(method, &url, &[header], body);
        if let Ok(action) = resolve(generated::with_index(), &call) {
            let empty = body.is_none_or(str::is_empty);
            let safe = matches!(method, "GET" | "HEAD") && empty;
            prop_assert!(safe || !action.unmapped || action.access != Access::Read, "{} {}: {}", method, url, action.summary);
            prop_assert!(&*action.provider != "unknown" || host.contains(':'), "{} is nobody's", host);
        }
    }
}

/// What was taken for a read once, and what cannot be told by what it says.
#[test]
fn what_was_let_through_once_stays_held() {
    let athena = |statement: &str| {
        let body = json!({ "QueryString": statement, "ResultConfiguration": { "OutputLocation": "s3://elsewhere/" } });
        let headers = [
            ("x-amz-target", "AmazonAthena.StartQueryExecution"),
            ("content-type", "application/x-amz-json-1.1"),
        ];
        call(
            "POST",
            "https://athena.us-east-1.amazonaws.com/",
            &headers,
            Some(&body.to_string()),
        )
    };
    let post = |url: &str| call("POST", url, &[("content-type", "application/json")], Some("{}"));
    let calls = [
        (
            post("https://doubleclickbidmanager.googleapis.com/doubleclickbidmanager/v1.1/query"),
            "queries.createquery",
        ),
        (
            post("https://www.googleapis.com/identitytoolkit/v3/relyingparty/getOobConfirmationCode"),
            "getOobConfirmationCode",
        ),
        // Its results are written where the call says.
        (athena("SELECT * FROM payroll"), "StartQueryExecution"),
        (athena("VACUUM orders"), "StartQueryExecution"),
        (
            athena("UNLOAD (SELECT * FROM payroll) TO 's3://elsewhere/' WITH (format = 'CSV')"),
            "StartQueryExecution",
        ),
        (
            athena("CREATE TABLE copy AS SELECT * FROM payroll"),
            "StartQueryExecution",
        ),
    ];
    for (call, name) in calls {
        let action = resolve(generated::with_index(), &call).unwrap();
        assert!(action.operation.ends_with(name), "{}", action.operation);
        assert!(action.unmapped && action.access != Access::Read, "{}", action.summary);
    }
}
