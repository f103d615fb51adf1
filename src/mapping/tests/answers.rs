//! What the answers of providers, as they document them, tell of what was made.

use std::collections::BTreeSet;

use super::*;
use crate::io::yaml;
use crate::model::Answer;

/// A provider's answer, and the id that it tells.
#[derive(serde::Deserialize)]
struct Shown {
    file: String,
    operation: String,
    answer: Json,
    id: String,
}

fn shown() -> impl Iterator<Item = Shown> {
    let lines = include_str!("../../../tests/golden/answers.jsonl").lines();
    lines.map(|line| serde_json::from_str(line).unwrap())
}

/// What the operation of a file says of its answers.
fn answers_to(file: &str, operation: &str) -> Arc<Answer> {
    let (_, _, samples) = FILES.iter().find(|(name, ..)| *name == file).unwrap();
    let mut calls = samples.lines().map(|line| serde_json::from_str::<Json>(line).unwrap());
    let sample = calls
        .find(|sample| sample["expected"]["operation"] == operation)
        .unwrap_or_else(|| panic!("{file}: {operation} has no sample"));
    resolve(shipped(), &samples::sample_call(&sample)).unwrap().answer
}

fn reading(file: &str, operation: &str, content: &str) -> Reading {
    read_answer(&answers_to(file, operation), 200, Some(content.as_bytes()))
}

#[test]
fn what_was_made_has_the_id_that_the_provider_documents() {
    for shown in shown() {
        let expected = Reading {
            success: true,
            result_id: Some(shown.id),
        };
        // XML stands there as text.
        let content = shown
            .answer
            .as_str()
            .map_or_else(|| shown.answer.to_string(), str::to_owned);
        assert_eq!(
            reading(&shown.file, &shown.operation, &content),
            expected,
            "{}",
            shown.operation
        );
    }
}

#[test]
fn every_place_where_a_mapping_written_by_people_finds_an_id_is_shown_by_an_answer() {
    let place = |shown: Shown| {
        let path = answers_to(&shown.file, &shown.operation).result_id.clone();
        (shown.file, path.expect("a path"))
    };
    let shown: BTreeSet<_> = shown().map(place).collect();
    for &(name, text, _) in FILES {
        let file: file::File = yaml::load(&source(name, text)).unwrap();
        let operations = file.operations.values().chain(file.graphql.mutations.values());
        for operation in operations {
            let answer = operation.value.answer.as_ref();
            if let Some(path) = answer.and_then(|answer| answer.result_id.clone()) {
                let shown = shown.contains(&(name.to_owned(), path.clone()));
                assert!(shown, "{name}: no answer shows {path}");
            }
        }
    }
}

#[test]
fn a_200_that_tells_of_failure_is_none() {
    for (file, operation, content) in [
        (
            "aws-ecs",
            "ecs.RunTask",
            r#"{"failures": [{"arn": "arn:aws:ecs:us-east-1:1:container-instance/c", "reason": "RESOURCE:MEMORY"}], "tasks": []}"#,
        ),
        (
            "aws-sqs",
            "sqs.SendMessageBatch",
            r#"{"Failed": [{"Id": "a", "SenderFault": true, "Code": "InvalidParameterValue"}], "Successful": []}"#,
        ),
        (
            "aws-sqs",
            "sqs.DeleteMessageBatch",
            r#"{"Failed": [{"Id": "a", "SenderFault": true, "Code": "ReceiptHandleIsInvalid"}], "Successful": []}"#,
        ),
        (
            "cloudflare",
            "zones-post",
            r#"{"errors": [{"code": 1061, "message": "example.com already exists"}], "messages": [], "success": false, "result": null}"#,
        ),
        (
            "shopify",
            "refundCreate",
            r#"{"errors": [{"message": "Throttled", "extensions": {"code": "THROTTLED"}}]}"#,
        ),
        (
            "shopify",
            "thingDelete",
            r#"{"errors": [{"message": "Field 'thingDelete' doesn't exist on type 'Mutation'"}]}"#,
        ),
        (
            "slack",
            "conversations.join",
            r#"{"ok": false, "error": "not_in_channel"}"#,
        ),
    ] {
        let expected = Reading {
            success: false,
            result_id: None,
        };
        assert_eq!(reading(file, operation, content), expected, "{file}: {operation}");
    }
}

#[test]
fn a_batch_of_which_a_part_failed_did_something() {
    for (file, operation, content) in [
        (
            "aws-sqs",
            "sqs.DeleteMessageBatch",
            r#"{"Failed": [{"Id": "b", "SenderFault": true, "Code": "ReceiptHandleIsInvalid"}], "Successful": [{"Id": "a"}]}"#,
        ),
        (
            "aws-dynamodb",
            "dynamodb.BatchWriteItem",
            r#"{"UnprocessedItems": {"Forum": [{"PutRequest": {"Item": {"Name": {"S": "Amazon ElastiCache"}}}}]}}"#,
        ),
        (
            "shopify",
            "refundCreate",
            r#"{"data": {"refundCreate": null}, "errors": [{"message": "Access denied for refundCreate field.", "path": ["refundCreate"]}]}"#,
        ),
    ] {
        assert!(reading(file, operation, content).success, "{file}: {operation}");
    }
}
