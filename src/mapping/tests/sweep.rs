//! Each call that a shipped description names is that operation, below all that people wrote.

use super::*;
use crate::io::embedded;
use crate::model::Access;

/// The calls of one line of a generated file: `  listThings: { call: "GET /v1|v2/things/{thing}" }`.
fn calls(line: &str) -> Option<(&str, Vec<&str>)> {
    let (name, rest) = line.strip_prefix("  ")?.split_once(": { call")?;
    let quoted = rest.split('"').skip(1).step_by(2);
    let calls = quoted.filter(|quoted| {
        quoted
            .split_once(" /")
            .is_some_and(|(method, _)| method.bytes().all(|byte| byte.is_ascii_uppercase()))
    });
    Some((name.trim_matches('"'), calls.collect()))
}

/// The value of a key of a file's head.
fn head<'t>(text: &'t str, key: &str) -> Option<&'t str> {
    text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(": "))
}

/// A host or a path with something in the place of each parameter.
fn filled(template: &str, with: &str) -> String {
    let mut out = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        out.push_str(with);
        rest = after.split_once('}').map_or("", |(_, after)| after);
    }
    out + rest
}

/// Without what parts words: `issues/list-comments` and `issues.listComments` are one name.
fn plain(name: &str) -> String {
    name.chars()
        .filter(char::is_ascii_alphanumeric)
        .collect::<String>()
        .to_ascii_lowercase()
}

/// Names that people gave to what a description names otherwise: provider, its name, theirs.
const RENAMED: &[(&str, &str, &str)] = &[
    // By the methods of GitHub's own libraries.
    (
        "github",
        "orgs/update-webhook-config-for-org",
        "orgs.update_webhook_config",
    ),
    (
        "github",
        "repos/update-webhook-config-for-repo",
        "repos.update_webhook_config",
    ),
    ("github", "search/issues-and-pull-requests", "search.issues"),
    // As the description names its other operations.
    ("openai", "admin-api-keys-create", "createAdminApiKey"),
    ("openai", "admin-api-keys-delete", "deleteAdminApiKey"),
    ("sendgrid", "POST_mail-send", "mail.send"),
    // Of the older description only: named as the methods of Stripe's libraries are.
    ("stripe", "PostChargesChargeRefund", "charges.refund"),
    ("stripe", "PostChargesChargeRefunds", "refunds.create_by_charge"),
    ("stripe", "PostFiles", "files.create"),
    // Two versions of one name, whose answers differ.
    ("twilio", "lookups_v1.FetchPhoneNumber", "FetchPhoneNumberV1"),
    ("twilio", "lookups_v2.FetchPhoneNumber", "FetchPhoneNumberV2"),
    // The second of two methods that do the same to the description, and what both do to people.
    ("elasticsearch", "POST /_field_caps", "field-caps"),
    ("elasticsearch", "POST /_msearch", "msearch"),
    ("elasticsearch", "POST /_msearch/template", "msearch-template"),
    ("elasticsearch", "POST /_search/scroll", "scroll"),
    ("elasticsearch", "POST /_search/scroll/{scroll_id}", "scroll"),
    ("elasticsearch", "POST /_sql", "sql-query"),
    ("elasticsearch", "POST /{index}/_field_caps", "field-caps"),
    ("elasticsearch", "POST /{index}/_msearch", "msearch"),
    ("elasticsearch", "POST /{index}/_msearch/template", "msearch-template"),
    // By its path, where that names an index.
    ("elasticsearch", "bulk", "bulk-index"),
    // A document whose id the provider makes, and one whose id the call says.
    ("elasticsearch", "index", "index-new"),
    // The same content by another door, of which people wrote more than the description says.
    (
        "google",
        "gmail.users.messages.send",
        "gmail.users.messages.send_upload",
    ),
    ("google", "storage.objects.insert", "storage.objects.insert_metadata"),
];

/// Calls that a description has of what people wrote, and of which it says less than they did: nobody knows these calls.
const HELD: &[(&str, &str)] = &[
    // The job is in the part of an upload that nobody reads: it may be SQL that deletes.
    ("google", "bigquery.jobs.insert"),
    // Who may read the object is told by its query, which the description says nothing of.
    ("google", "storage.objects.insert"),
];

fn is_held(provider: &str, described: &str, found: &Action) -> bool {
    HELD.contains(&(provider, described)) && found.unmapped && found.access == Access::Write
}

fn is_renamed(provider: &str, described: &str, found: &str) -> bool {
    // Twilio's products have descriptions of their own; people name operations without those.
    let product = provider == "twilio" && described.split_once('.').is_some_and(|(_, name)| name == found);
    product || RENAMED.contains(&(provider, described, found))
}

#[test]
fn every_described_call_is_that_operation() {
    let folder = embedded::MAPPINGS.get_dir("generated").unwrap();
    let (mut count, mut wrong) = (0, Vec::new());
    for file in folder.files() {
        let text = file.contents_utf8().unwrap();
        let name = file.path().file_stem().unwrap().to_str().unwrap();
        if name.starts_with("aws-") || head(text, "dispatch") != Some("path") {
            continue;
        }
        let hosts = head(text, "hosts").unwrap().trim_matches(['[', ']']);
        // The first of its ports will do.
        let host = filled(hosts.split([',', '|']).next().unwrap().trim_matches('"'), "us1");
        let prefix = head(text, "name_prefix").map_or("", |prefix| prefix.trim_matches('"'));
        let provider = head(text, "provider").unwrap();
        for (described, calls) in text.lines().filter_map(calls) {
            for (method, template) in calls.iter().filter_map(|call| call.split_once(' ')) {
                for template in dispatch::alternatives(template) {
                    for with in ["x1", "7"] {
                        let path = filled(&template, with);
                        let call = call(method, &format!("https://{host}{path}"), &[], None);
                        count += 1;
                        let described = format!("{prefix}{described}");
                        let found = match resolve(generated::with_index(), &call) {
                            Ok(found) if is_held(provider, &described, &found) => continue,
                            Ok(found) => found.operation.to_string(),
                            Err(reason) => format!("{reason:?}"),
                        };
                        if plain(&found) != plain(&described) && !is_renamed(provider, &described, &found) {
                            wrong.push(format!("{name}: {method} {template}: {described} is {found}"));
                        }
                    }
                }
            }
        }
    }
    wrong.dedup();
    assert!(wrong.is_empty(), "{} of {count}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(count > 50_000, "{count}");
}
