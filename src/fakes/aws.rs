//! A stand-in for AWS: EC2 by Query (form in, XML out) and DynamoDB by JSON 1.0, one account, one region.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::{Mutex, PoisonError};

use serde_json::{Value, json};

use super::{Answer, Request};

const NAMESPACE: &str = "http://ec2.amazonaws.com/doc/2016-11-15/";
const REQUEST_ID: &str = "59dbff89-35bd-4eac-99ed-be587EXAMPLE";
/// Write requests that one batch may hold.
const MAX_BATCH: usize = 25;

/// An account whose machines run nowhere.
#[derive(Debug, Default)]
pub struct Aws {
    /// Instances by id, with their type.
    instances: Mutex<BTreeMap<String, String>>,
}

impl Aws {
    /// Answers as the service of this host would: `X-Amz-Target` is DynamoDB's, all else is a Query of EC2's.
    pub fn answer(&self, request: &Request<'_>) -> Answer {
        match request.header("x-amz-target") {
            Some(operation) => dynamodb(operation, request.body),
            None => self.ec2(request),
        }
    }

    fn ec2(&self, request: &Request<'_>) -> Answer {
        let form = request.form();
        let text = |name: &str| form.get(name).map(|value| value.to_string());
        match text("Action").as_deref() {
            Some("RunInstances") => {
                let count = |name: &str| text(name).and_then(|count| count.parse::<usize>().ok());
                let (Some(least), Some(most)) = (count("MinCount"), count("MaxCount")) else {
                    return ec2_error(
                        "MissingParameter",
                        "The request must contain the parameters MinCount and MaxCount",
                    );
                };
                if least == 0 || least > most {
                    return ec2_error("InvalidParameterValue", "MinCount is not between 1 and MaxCount");
                }
                self.run(most, &text("InstanceType").unwrap_or_else(|| "m1.small".to_owned()))
            }
            Some("DescribeInstances") => {
                let instances = self.instances.lock().unwrap_or_else(PoisonError::into_inner);
                let items: String = instances
                    .iter()
                    .map(|(id, kind)| instance(id, kind, 16, "running"))
                    .collect();
                let set = match items.is_empty() {
                    true => "<reservationSet/>".to_owned(),
                    false => format!("<reservationSet><item>{}</item></reservationSet>", reservation(&items)),
                };
                xml("DescribeInstancesResponse", &set)
            }
            action => {
                let action = escaped(action.unwrap_or_default());
                ec2_error(
                    "InvalidAction",
                    &format!("The action {action} is not valid for this web service."),
                )
            }
        }
    }

    /// As many as asked for at most, as an account without limits gives.
    fn run(&self, count: usize, kind: &str) -> Answer {
        let mut instances = self.instances.lock().unwrap_or_else(PoisonError::into_inner);
        let mut items = String::new();
        for _ in 0..count {
            let id = format!("i-{:017x}", instances.len() + 1);
            items.push_str(&instance(&id, kind, 0, "pending"));
            instances.insert(id, kind.to_owned());
        }
        xml("RunInstancesResponse", &reservation(&items)).done(format!("{} × {kind} started", super::count(count)))
    }
}

fn reservation(items: &str) -> String {
    format!(
        "<reservationId>r-0a1b2c3d4e5f60718</reservationId><ownerId>123456789012</ownerId><groupSet/>\
         <instancesSet>{items}</instancesSet>"
    )
}

fn instance(id: &str, kind: &str, code: u8, state: &str) -> String {
    format!(
        "<item><instanceId>{id}</instanceId><imageId>ami-12c6146b</imageId><instanceState><code>{code}</code>\
         <name>{state}</name></instanceState><instanceType>{}</instanceType></item>",
        escaped(kind)
    )
}

fn xml(name: &str, content: &str) -> Answer {
    let mut text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n".to_owned();
    // Writing into a String cannot fail.
    let _ = write!(
        text,
        "<{name} xmlns=\"{NAMESPACE}\"><requestId>{REQUEST_ID}</requestId>{content}</{name}>"
    );
    Answer::text(200, "text/xml;charset=UTF-8", text)
}

fn ec2_error(code: &str, message: &str) -> Answer {
    let text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message>\
         </Error></Errors><RequestID>{REQUEST_ID}</RequestID></Response>"
    );
    Answer::text(400, "text/xml;charset=UTF-8", text)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn dynamodb(operation: &str, body: &[u8]) -> Answer {
    let Some("BatchWriteItem") = operation.strip_prefix("DynamoDB_20120810.") else {
        return dynamodb_error("com.amazon.coral.service#UnknownOperationException", "");
    };
    let tables = serde_json::from_slice::<Value>(body).ok();
    let tables = tables.as_ref().and_then(|body| body.get("RequestItems")?.as_object());
    let writes: Vec<&Value> = tables
        .into_iter()
        .flat_map(|tables| tables.values())
        .filter_map(Value::as_array)
        .flatten()
        .collect();
    if writes.is_empty() || writes.len() > MAX_BATCH {
        let message = format!("1 validation error detected: a batch holds 1 to {MAX_BATCH} write requests");
        return dynamodb_error("com.amazon.coral.validate#ValidationException", &message);
    }
    let deletions = writes
        .iter()
        .filter(|write| write.get("DeleteRequest").is_some())
        .count();
    let puts = writes.len() - deletions;
    dynamodb_answer(200, &json!({"UnprocessedItems": {}})).done(format!("{deletions} items deleted, {puts} written"))
}

fn dynamodb_error(kind: &str, message: &str) -> Answer {
    dynamodb_answer(400, &json!({"__type": kind, "message": message}))
}

fn dynamodb_answer(status: u16, value: &Value) -> Answer {
    Answer::text(status, "application/x-amz-json-1.0", value.to_string()).header("x-amzn-requestid", REQUEST_ID)
}
