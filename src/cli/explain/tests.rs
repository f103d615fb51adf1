//! Requests as typed; the whole through the binary in `tests/it/explain.rs`.

use clap::Parser;

use super::request;

#[derive(Debug, Parser)]
struct Typed {
    url: String,
    #[command(flatten)]
    request: request::Args,
}

/// Method, URL, headers and content of what was typed.
fn described(arguments: &[&str]) -> (String, String, Vec<(String, String)>, Option<String>) {
    let typed = Typed::parse_from([&["explain"], arguments].concat());
    let described = typed.request.describe(&typed.url).unwrap();
    let content = described
        .content
        .map(|content| String::from_utf8(content.to_vec()).unwrap());
    (described.method, described.url, described.headers, content)
}

fn header(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

#[test]
fn data_makes_a_post_of_a_form() {
    let (method, _, headers, content) = described(&["https://a.example/", "-d", "a=1", "-d", "b=@c"]);
    assert_eq!((method.as_str(), content.as_deref()), ("POST", Some("a=1&b=@c")));
    assert_eq!(headers, [header("content-type", "application/x-www-form-urlencoded")]);
}

#[test]
fn a_header_said_wins_over_the_one_implied() {
    let (_, _, headers, _) = described(&[
        "https://a.example/",
        "-H",
        "Content-Type: text/x",
        "-d",
        "a",
        "-u",
        "k:",
    ]);
    assert_eq!(
        headers,
        [header("Content-Type", "text/x"), header("authorization", "Basic azo=")]
    );
    let (_, _, headers, _) = described(&["https://a.example/", "-H", "Content-Type:", "-H", "X-Empty;", "-d", "a"]);
    assert_eq!(headers, [header("X-Empty", "")]);
}

#[test]
fn data_goes_into_the_query_where_that_is_asked_for() {
    let (method, url, headers, content) = described(&["-G", "https://a.example/x?y=1#z", "-d", "a=1"]);
    assert_eq!((method.as_str(), url.as_str()), ("GET", "https://a.example/x?y=1&a=1"));
    assert!(headers.is_empty() && content.is_none());
}

#[test]
fn values_are_escaped_where_that_is_asked_for() {
    let (_, _, _, content) = described(&[
        "https://a.example/",
        "--data-urlencode",
        "a=b c&d",
        "--data-urlencode",
        "=x y",
    ]);
    assert_eq!(content.as_deref(), Some("a=b+c%26d&x+y"));
    let (method, _, headers, content) = described(&["-X", "PATCH", "https://a.example/", "--json", "{}"]);
    assert_eq!((method.as_str(), content.as_deref()), ("PATCH", Some("{}")));
    assert_eq!(headers, [header("content-type", "application/json")]);
}

#[test]
fn a_header_without_a_colon_is_refused() {
    let typed = Typed::parse_from(["explain", "https://a.example/", "-H", "nonsense"]);
    assert!(
        typed
            .request
            .describe(&typed.url)
            .unwrap_err()
            .to_string()
            .contains("nonsense")
    );
}
