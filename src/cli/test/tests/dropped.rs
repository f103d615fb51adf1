//! Requests without one of their parameters, from the wire on: what was stopped whole is not let through for leaving something out.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value as Json;

use super::*;
use crate::io::body::Limits;
use crate::model::Caller;
use crate::policy::Verdict;
use crate::proxy::described::{Described, judge};

/// Operation and parameter of samples that may go through without it. What is new here is to be looked at by a person.
const HARMLESS: &[(&str, &str)] = &[
    // Without it less is done: what asked for a person, or was blocked, is just this.
    ("Envelopes_PostEnvelopes", "compositeTemplates"),
    ("Envelopes_PostEnvelopes", "recipients.signers.0.phoneNumber"),
    ("Envelopes_PostEnvelopes", "recipients.signers.0.signingGroupId"),
    ("GET /v1/issuing/cards/ic_1", "query expand[]"),
    ("UpdateCall", "FallbackUrl"),
    ("UpdateCall", "Twiml"),
    ("UpdateCall", "Url"),
    ("UpdateIncomingPhoneNumber", "AccountSid"),
    ("UpdateMonitor", "options"),
    ("UpdateMonitor", "options.silenced"),
    ("aggregate", "pipeline.1.$out"),
    ("bigquery.jobs.insert", "configuration.load.writeDisposition"),
    ("bigquery.jobs.insert", "configuration.query.destinationTable"),
    ("calendar.events.insert", "attendees"),
    ("charges.create", "destination[account]"),
    ("createBatch", "endpoint"),
    ("createProject", "data"),
    ("createProject", "data.privacy_setting"),
    ("createResponse", "input"),
    ("createResponse", "input.1.tools"),
    ("createResponse", "prompt"),
    ("createResponse", "prompt.id"),
    ("createResponse", "tools"),
    ("customers.create", "balance"),
    ("customers.update", "balance"),
    ("dynamodb.BatchWriteItem", "RequestItems.Other"),
    ("eks.CreateNodegroup", "remoteAccess"),
    ("messages.batches.create", "requests"),
    ("messages.batches.create", "requests.0.params"),
    ("messages.batches.create", "requests.0.params.mcp_servers"),
    ("orders.cancel", "query amount"),
    ("pages.update", "archived"),
    ("pages.update", "erase_content"),
    ("pages.update", "in_trash"),
    ("payment_intents.update", "amount"),
    ("payment_intents.update", "transfer_data[amount]"),
    ("repos.update", "private"),
    ("repos.update", "visibility"),
    ("rest.select", "query select"),
    ("spanner.projects.instances.databases.sessions.commit", "mutations"),
    ("storage.buckets.insert", "iamConfiguration"),
    ("storage.buckets.insert", "query predefinedAcl"),
    ("storage.objects.insert", "query predefinedAcl"),
    ("storage.objects.insert_metadata", "temporaryHold"),
    ("storage.objects.patch", "acl"),
    ("subscriptions.update", "transfer_data[destination]"),
    ("tools/call:execute_sql", "params.arguments.limit"),
    ("tools/call:execute_sql", "params.arguments.sql_query"),
    ("tools/call:sql_exec_tool", "params.arguments.limit"),
    ("update", "script"),
    ("update-by-query", "script"),
    ("updateProject", "data"),
    ("updateProject", "data.followers"),
    ("updateProject", "data.owner"),
    ("updateProject", "data.public"),
    ("updateProject", "data.team"),
    ("updateProject", "permissionScheme"),
    // Without it the call is another: a bucket is made, or an object is written.
    ("s3.CreateSession", "query session"),
    ("s3.PutBucketAbac", "query abac"),
    ("s3.PutBucketAcl", "query acl"),
    ("s3.PutBucketCors", "query cors"),
    ("s3.PutBucketEncryption", "query encryption"),
    ("s3.PutBucketLifecycleConfiguration", "query lifecycle"),
    ("s3.PutBucketLogging", "query logging"),
    ("s3.PutBucketOwnershipControls", "query ownershipControls"),
    ("s3.PutBucketPolicy", "query policy"),
    ("s3.PutBucketReplication", "query replication"),
    ("s3.PutBucketVersioning", "query versioning"),
    ("s3.PutBucketWebsite", "query website"),
    ("s3.PutObjectAcl", "query acl"),
    ("s3.PutObjectLegalHold", "query legal-hold"),
    ("s3.PutObjectLockConfiguration", "query object-lock"),
    ("s3.PutObjectRetention", "query retention"),
    ("s3.PutPublicAccessBlock", "query publicAccessBlock"),
    ("s3.UpdateObjectEncryption", "query encryption"),
    // Then it is in the account's currency (`money.account_currency`), or the provider refuses it.
    ("charges.create", "currency"),
    ("payment_intents.create", "currency"),
    ("refunds.create", "currency"),
    ("transactions.create", "transaction.currency"),
    // The provider refuses it without.
    ("cloudflare-d1-query-database", "batch.1.sql"),
    ("createBatch", "input_file_id"),
    ("dropletActions_post", "type"),
    ("dynamodb.BatchExecuteStatement", "Statements.1.Statement"),
    ("ec2.DescribeInstanceAttribute", "Attribute"),
    ("eks.CreateNodegroup", "scalingConfig.maxSize"),
    ("http.sql", "queries.1.query"),
    ("subscription_items.update", "price_data[unit_amount]"),
    ("subscriptions.create", "items[0][price_data][unit_amount]"),
    ("subscriptions.update", "add_invoice_items[0][price]"),
    ("zone-purge", "hosts"),
    ("zone-purge", "prefixes"),
    // Then machines count once each.
    (
        "ec2.CreateFleet",
        "LaunchTemplateConfigs.1.Overrides.1.WeightedCapacity",
    ),
    ("ec2.CreateFleet", "TargetCapacitySpecification.TargetCapacityUnitType"),
];

#[test]
fn no_sample_goes_through_for_leaving_a_parameter_out() {
    let (_home, rules) = rules("");
    let directory = tempfile::tempdir().unwrap();
    let config = Config::load(Home::choose(Some(directory.path().to_owned())).unwrap()).unwrap();
    let limits = config.limits.of_one_body();
    let (mut stopped, mut tried, mut found) = (0, 0, BTreeSet::new());
    for sample in samples() {
        if is_allowed(&rules, &sample.described, &limits) != Some(false) {
            continue;
        }
        stopped += 1;
        for (parameter, without) in sample.without_one() {
            tried += 1;
            if is_allowed(&rules, &without, &limits) == Some(true) {
                found.insert((sample.operation.clone(), parameter));
            }
        }
    }
    assert!(stopped > 500 && tried > 1_000, "{stopped} stopped, {tried} tried");
    let harmless: BTreeSet<(String, String)> = HARMLESS
        .iter()
        .map(|(operation, parameter)| ((*operation).to_owned(), (*parameter).to_owned()))
        .collect();
    let wrong: Vec<_> = found.difference(&harmless).collect();
    assert!(wrong.is_empty(), "let through without: {wrong:#?}");
    let idle: Vec<_> = harmless.difference(&found).collect();
    assert!(idle.is_empty(), "not let through, and listed: {idle:#?}");
}

struct Sample {
    operation: String,
    described: Described,
}

fn samples() -> Vec<Sample> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples");
    let mut samples = Vec::new();
    for file in fs::read_dir(directory).unwrap() {
        for line in fs::read_to_string(file.unwrap().path()).unwrap().lines() {
            let sample: Json = serde_json::from_str(line).unwrap();
            let headers = sample["headers"].as_object().unwrap().iter();
            let described = Described {
                method: sample["method"].as_str().unwrap().to_owned(),
                url: sample["url"].as_str().unwrap().to_owned(),
                headers: headers
                    .map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned()))
                    .collect(),
                content: sample["body"].as_str().map(|body| body.to_owned().into()),
                ..Described::default()
            };
            let operation = sample["expected"]["operation"].as_str().unwrap_or_default().to_owned();
            samples.push(Sample { operation, described });
        }
    }
    samples
}

/// `None`: refused before there is anything to decide.
fn is_allowed(rules: &Rules, described: &Described, limits: &Limits) -> Option<bool> {
    let caller = Caller {
        agent: "support-bot".into(),
        roles: [].into(),
        owner: None,
    };
    let judged = judge(rules, caller, described.clone(), limits).ok()?;
    Some(matches!(judged.verdict, Verdict::Allow { .. }))
}

impl Sample {
    /// The request without each of its parameters: in the query, in a form, anywhere in JSON.
    fn without_one(&self) -> Vec<(String, Described)> {
        let whole = &self.described;
        let mut all = Vec::new();
        if let Some((path, query)) = whole.url.split_once('?') {
            for (name, rest) in pairs_without_one(query) {
                let url = match rest.is_empty() {
                    true => path.to_owned(),
                    false => format!("{path}?{rest}"),
                };
                all.push((format!("query {name}"), Described { url, ..whole.clone() }));
            }
        }
        let body = whole
            .content
            .as_deref()
            .and_then(|content| std::str::from_utf8(content).ok());
        let is_form = whole.headers.iter().any(|(_, value)| value.contains("urlencoded"));
        let less = match body {
            Some(body) if is_form => pairs_without_one(body),
            Some(body) => serde_json::from_str(body).map_or_else(|_| Vec::new(), |json| members_without_one(&json)),
            None => Vec::new(),
        };
        all.extend(less.into_iter().map(|(name, body)| {
            let content = Some(body.into());
            (
                name,
                Described {
                    content,
                    ..whole.clone()
                },
            )
        }));
        all
    }
}

fn pairs_without_one(text: &str) -> Vec<(String, String)> {
    let pairs: Vec<&str> = text.split('&').collect();
    let without = |at: usize| {
        let name = pairs[at].split('=').next().unwrap_or_default();
        let rest: Vec<&str> = pairs
            .iter()
            .enumerate()
            .filter(|(other, _)| *other != at)
            .map(|(_, pair)| *pair)
            .collect();
        (name.to_owned(), rest.join("&"))
    };
    (0..pairs.len()).map(without).collect()
}

/// Members by their places: `filter.ids`, `items.0.id`.
fn members_without_one(whole: &Json) -> Vec<(String, String)> {
    let mut places = Vec::new();
    collect(whole, "", &mut places);
    let without = |place: &String| {
        let mut less = whole.clone();
        let (parent, name) = place.rsplit_once('/')?;
        less.pointer_mut(parent)?
            .as_object_mut()?
            .remove(&name.replace("~1", "/").replace("~0", "~"))?;
        Some((place[1..].replace('/', "."), less.to_string()))
    };
    places.iter().filter_map(without).collect()
}

fn collect(json: &Json, at: &str, places: &mut Vec<String>) {
    match json {
        Json::Object(members) => {
            for (name, value) in members {
                let place = format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"));
                collect(value, &place, places);
                places.push(place);
            }
        }
        Json::Array(items) => {
            for (number, item) in items.iter().enumerate() {
                collect(item, &format!("{at}/{number}"), places);
            }
        }
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {}
    }
}
