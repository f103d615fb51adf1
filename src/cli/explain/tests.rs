//! Requests as typed; the whole through the binary in `tests/it/explain.rs`.

use std::fs;

use clap::Parser;

use super::{request, show};
use crate::app;
use crate::config::Config;
use crate::config::home::Home;
use crate::model::pause::{Pause, Whom};
use crate::model::{Caller, Timestamp};
use crate::proxy::described::{self, Described};

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

/// What is told of a refund of $200.00 in a home with this file in `policies/`.
fn told(file: &str, content: &str, pauses: &[Pause]) -> String {
    let home = tempfile::tempdir().unwrap();
    fs::create_dir(home.path().join("policies")).unwrap();
    fs::write(home.path().join("policies").join(file), content).unwrap();
    fs::write(home.path().join("runplane.yaml"), "money: { account_currency: usd }\n").unwrap();
    let config = Config::load(Home::choose(Some(home.path().to_owned())).unwrap()).unwrap();
    let rules = app::load_rules(&config.home, None, config.gate.clone()).unwrap();
    let caller = Caller {
        agent: "support-bot".into(),
        roles: [].into(),
        owner: None,
    };
    let refund = Described {
        method: "POST".to_owned(),
        url: "https://api.stripe.com/v1/refunds".to_owned(),
        headers: vec![header("content-type", "application/x-www-form-urlencoded")],
        content: Some("charge=ch_1&amount=20000".into()),
        at: None,
    };
    let judged = described::judge(&rules, caller, refund, &config.limits.of_one_body()).unwrap();
    let mut out = Vec::new();
    show::judged(&rules, &judged, pauses, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn a_limit_is_told_with_its_line_and_what_is_used() {
    let limited = |limit: u32| {
        let budget = format!(
            "budgets:\n  per_day: {{ window: 1d, sum: amount_base, actions: [process_refund], per: agent, limit: {limit} }}\n"
        );
        told("budgets.yaml", &budget, &[])
    };
    let text = limited(10_000);
    for words in [
        "BLOCK (budget_exceeded)",
        "per_day: $0.00 used, $200.00 with this call, at most $100.00 in 1d for agent support-bot",
        "To allow it, stay within `budget:per_day` (",
        "budgets.yaml:2:",
        "this call alone is more than that",
        "Then it would be allowed.",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    assert!(!text.contains("mend what could not"), "{text}");
    let text = limited(20_000);
    assert!(
        text.contains("nothing is to be changed") && text.contains("at most $200.00"),
        "{text}"
    );
}

#[test]
fn a_rule_on_trial_is_among_those_that_match() {
    let rule = r#"@id("tried") @mode("observe")
        forbid (principal, action == Action::"process_refund", resource);"#;
    let text = told("tried.cedar", rule, &[]);
    assert!(text.contains("nothing is to be changed"), "{text}");
    let tried = text.lines().find(|line| line.contains("forbid  tried"));
    assert!(tried.unwrap().ends_with("(on trial: changes nothing)"), "{text}");
}

#[test]
fn a_pause_is_told_whatever_rules_say() {
    let paused = |agent: &str| {
        let pause = Pause {
            whom: Whom::Agent(agent.into()),
            by: "olga".into(),
            reason: Some("sends too much".to_owned()),
            since: Timestamp(0),
        };
        told("none.cedar", "", &[pause])
    };
    let text = paused("support-bot");
    for words in [
        "support-bot by olga since",
        "sends too much",
        "`runplane resume --agent support-bot`",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    assert!(!text.contains("nothing is to be changed"), "{text}");
    assert!(paused("another-bot").contains("nothing is to be changed"));
}
