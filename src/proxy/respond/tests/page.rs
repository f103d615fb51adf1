//! `docs/agents.md` says what the table says.

use std::collections::BTreeSet;

use super::super::row;
use super::*;

const PAGE: &str = include_str!("../../../../docs/agents.md");

#[test]
fn the_page_for_agents_has_each_refusal_with_its_status() {
    for reason in Reason::ALL {
        let line = format!("\n| `{reason}` | {} |", row(reason).status.as_u16());
        assert_eq!(PAGE.matches(&line).count(), 1, "{line}");
    }
    let lines = PAGE
        .lines()
        .filter(|line| line.starts_with("| `") && line.split('|').count() == 6);
    assert_eq!(lines.count(), Reason::ALL.len(), "and no other");
}

/// What stands between the marks of the first piece of JSON.
fn whole(page: &str) -> Value {
    let (_, rest) = page.split_once("```json\n").unwrap();
    serde_json::from_str(rest.split_once("```").unwrap().0).unwrap()
}

#[tokio::test]
async fn the_page_for_agents_has_the_whole_document() {
    let refused = refused(Reason::ApprovalPending, ErrorShape::Problem);
    let told = content(refuse(&refused, &CallId::random(), false, false)).await;
    let (told, shown): (Value, Value) = (serde_json::from_str(&told).unwrap(), whole(PAGE));
    let members = |document: &Value| document.as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>();
    assert_eq!(members(&told), members(&shown));
    for same in ["type", "code", "title", "status", "executed"] {
        assert_eq!(told[same], shown[same], "{same}");
    }
    assert_eq!(members(&told["rules"][0]), members(&shown["rules"][0]));
}

/// The piece behind these words, as it stands between its marks.
fn piece<'a>(words: &str, kind: &str) -> &'a str {
    let start = format!("\n{words}:\n\n```{kind}\n");
    let (_, rest) = PAGE.split_once(&start).unwrap_or_else(|| panic!("nothing for {words}"));
    rest.split_once("\n```").unwrap().0
}

#[tokio::test]
async fn the_page_for_agents_has_the_whole_answer_in_the_forms_of_providers() {
    for (words, shape, kind) in [
        ("As `application/problem+json`, status 403", ErrorShape::Problem, "json"),
        ("Slack's, status 200", ErrorShape::Slack, "json"),
        ("AWS by JSON (DynamoDB, KMS), status 403", ErrorShape::AwsJson, "json"),
        ("AWS by query (SNS, IAM), status 403", ErrorShape::AwsQuery, "xml"),
        ("EC2's, status 403", ErrorShape::AwsEc2, "xml"),
        ("AWS by REST and XML (S3), status 403", ErrorShape::AwsRest, "xml"),
    ] {
        let refused = Refused {
            refusal: told(&Refusal::new(Reason::PolicyBlocked, "…")),
            approval: None,
            ..refused(Reason::PolicyBlocked, shape)
        };
        let id = CallId::random();
        let answer = refuse(&refused, &id, false, false);
        assert!(words.ends_with(&answer.status().as_u16().to_string()), "{words}");
        let told = content(answer).await.replace(id.as_str(), "call_…");
        match kind {
            "json" => {
                let [told, shown] =
                    [&*told, piece(words, kind)].map(|text| serde_json::from_str::<Value>(text).unwrap());
                assert_eq!(told, shown, "{words}: {told:#}");
            }
            _ => assert_eq!(told, piece(words, kind), "{words}"),
        }
    }
}

/// Those of held calls are held in `hold/say/tests.rs`.
#[test]
fn the_page_for_agents_has_each_sentence() {
    for reason in Reason::ALL {
        let said = told(&Refusal::new(reason, "…")).detail;
        let held = matches!(
            reason,
            Reason::ApprovalPending
                | Reason::ApprovalDenied
                | Reason::ApprovalExpired
                | Reason::ApprovedRepeat
                | Reason::AlreadyExecuted
        );
        let line = format!("\n| `{reason}` | {said} |\n");
        assert_eq!(PAGE.matches(&line).count(), usize::from(!held), "{line}");
    }
}
