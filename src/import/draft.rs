//! A mapping file in the making, and how it is written: compactly, and the same bytes each time.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::evidence::Judged;
use crate::model::Access;

/// A generated mapping file: one provider's operations at some hosts.
#[derive(Clone, Debug, Default)]
pub struct Draft {
    /// Name of the file without its ending: `github`.
    pub name: String,
    pub provider: String,
    pub title: String,
    pub hosts: BTreeSet<String>,
    pub dispatch: Dispatch,
    /// Goes before the names of the operations: `compute.`
    pub name_prefix: String,
    /// Media type → decoder.
    pub content: BTreeMap<String, &'static str>,
    /// Header fields that say who calls, besides Authorization.
    pub secret: BTreeSet<String>,
    /// Query parameters that differ each time the same call is made.
    pub volatile: BTreeSet<String>,
    /// The same of content.
    pub volatile_content: BTreeSet<String>,
    /// Endings of paths that choose the answer's format: `.json`
    pub formats: BTreeSet<String>,
    /// Further keys of the head with their YAML, in this order: (`aws`, `{ service: ec2 }`).
    pub head: Vec<(&'static str, String)>,
    pub origin: Origin,
    /// The descriptions that it was made of, where there are several, each with its hosts.
    pub parts: Vec<(String, BTreeSet<String>)>,
    /// By name.
    pub operations: BTreeMap<String, Operation>,
    /// Fields of the documents that an operation takes.
    pub graphql: Option<Tables>,
}

/// Fields of the root types of a GraphQL schema, by name.
#[derive(Clone, Debug, Default)]
pub struct Tables {
    pub queries: BTreeMap<String, Operation>,
    pub mutations: BTreeMap<String, Operation>,
    pub subscriptions: BTreeMap<String, Operation>,
}

/// What a file was made of.
#[derive(Clone, Debug, Default)]
pub struct Origin {
    /// The importer: `openapi`.
    pub by: &'static str,
    /// The description's own name: `stripe-2022-03.json`.
    pub source: String,
    /// Its version, as it says it.
    pub version: String,
}

/// How operations are told: the file's `dispatch`.
#[derive(Clone, Debug, Default)]
pub enum Dispatch {
    #[default]
    Path,
    /// By a parameter in query or form.
    Parameter(String),
    /// By a header field's value after a prefix.
    Header { name: String, prefix: String },
    /// By the path after its beginning.
    After(String),
    /// By the protocols of AWS: the `aws` of a file, as YAML.
    Aws(Vec<String>),
}

/// One operation.
#[derive(Clone, Debug)]
pub struct Operation {
    /// `POST /v1/refunds`; none where the name tells the operation. All of them are the same operation.
    pub calls: BTreeSet<String>,
    pub judged: Judged,
    /// Where it is not what follows from the access.
    pub action: Option<&'static str>,
    /// Further keys with their YAML, in this order.
    pub more: Vec<(&'static str, String)>,
}

impl Draft {
    /// Adds an operation. Of one name that was there already it is another call, if both do the same; else it is named by
    /// its call.
    pub fn add(&mut self, name: String, operation: Operation) {
        match self.operations.get_mut(&name) {
            None => drop(self.operations.insert(name, operation)),
            Some(same) if same.judged.access == operation.judged.access && same.action == operation.action => {
                same.calls.extend(operation.calls);
                let more = operation.more.into_iter();
                same.more.extend(
                    more.filter(|(key, _)| !same.more.iter().any(|(has, _)| has == key))
                        .collect::<Vec<_>>(),
                );
                // A method proves nothing of another call, so the stronger evidence stands for both.
                same.judged.by = same.judged.by.min(operation.judged.by);
            }
            Some(stricter) if operation.calls.is_empty() => {
                if operation.judged.access > stricter.judged.access {
                    stricter.judged = operation.judged;
                }
            }
            Some(_) => {
                let call = operation.calls.first().cloned().unwrap_or_default();
                self.operations.insert(call, operation);
            }
        }
    }

    /// Leaves one operation for each call: the first by name, with the stricter access of all that have it.
    pub fn dedupe(&mut self) -> BTreeMap<String, String> {
        let mut taken: BTreeMap<String, String> = BTreeMap::new();
        let mut left_out = BTreeMap::new();
        for name in self.operations.keys().cloned().collect::<Vec<_>>() {
            let calls = self
                .operations
                .get(&name)
                .map(|operation| operation.calls.clone())
                .unwrap_or_default();
            let mut kept = BTreeSet::new();
            for call in &calls {
                let first = taken.entry(shape(call)).or_insert_with(|| name.clone()).clone();
                if first == name {
                    kept.insert(call.clone());
                } else if let Some(judged) = self.operations.get(&name).map(|operation| operation.judged)
                    && let Some(same) = self.operations.get_mut(&first)
                    && judged.access > same.judged.access
                {
                    same.judged = judged;
                }
            }
            if kept.len() < calls.len() {
                left_out.insert(name.clone(), "another operation has the same call".to_owned());
            }
            match self.operations.get_mut(&name) {
                Some(_) if kept.is_empty() && !calls.is_empty() => drop(self.operations.remove(&name)),
                Some(operation) => operation.calls = kept,
                None => {}
            }
        }
        left_out
    }

    /// Writes the prefix into each name: descriptions that are put together may have different ones.
    pub fn qualify(&mut self) {
        let prefix = std::mem::take(&mut self.name_prefix);
        let named = std::mem::take(&mut self.operations).into_iter();
        self.operations = named
            .map(|(name, operation)| (format!("{prefix}{name}"), operation))
            .collect();
    }

    /// Takes over what another description says of the same hosts.
    pub fn absorb(&mut self, other: Draft) {
        self.parts = [self.made_of(), other.made_of()].concat();
        self.content.extend(other.content);
        self.secret.extend(other.secret);
        self.hosts.extend(other.hosts);
        // The shorter name is the provider's own.
        if other.name.len() < self.name.len() {
            self.name = other.name;
        }
        self.formats.extend(other.formats);
        for (all, one) in [
            (&mut self.origin.source, &other.origin.source),
            (&mut self.origin.version, &other.origin.version),
        ] {
            all.push_str(", ");
            all.push_str(one);
        }
        for (name, operation) in other.operations {
            self.add(name, operation);
        }
    }

    /// Each description that it was made of, with its hosts.
    pub fn made_of(&self) -> Vec<(String, BTreeSet<String>)> {
        match self.parts.is_empty() {
            true => vec![(self.origin.source.clone(), self.hosts.clone())],
            false => self.parts.clone(),
        }
    }

    /// Takes over what an older description says of the same hosts and this one does not: operations of other calls.
    pub fn complete(&mut self, mut older: Draft) {
        let taken: BTreeSet<String> = self
            .operations
            .values()
            .flat_map(|has| &has.calls)
            .map(|call| shape(call))
            .collect();
        older.operations.retain(|_, operation| {
            operation.calls.retain(|call| !taken.contains(&shape(call)));
            !operation.calls.is_empty()
        });
        self.absorb(older);
    }

    /// The file's text.
    pub fn to_yaml(&self) -> String {
        let mut out = String::new();
        let origin = &self.origin;
        let made_from = match origin.by {
            "har" => "recorded traffic",
            _ => "the provider's description",
        };
        out.push_str("# Made from ");
        out.push_str(made_from);
        out.push_str("; do not edit: entries of a file in mappings/ go before these.\n");
        line(
            &mut out,
            "generated",
            &format!(
                "{{ by: {}, source: {}, version: {} }}",
                origin.by,
                quoted(&origin.source),
                quoted(&origin.version)
            ),
        );
        line(&mut out, "provider", &scalar(&self.provider));
        line(&mut out, "title", &quoted(&self.title));
        line(&mut out, "hosts", &list(&self.hosts));
        let dispatch = match &self.dispatch {
            Dispatch::Path => "path".to_owned(),
            Dispatch::Parameter(name) => format!("{{ parameter: {} }}", scalar(name)),
            Dispatch::After(prefix) => format!("{{ after: {} }}", quoted(prefix)),
            Dispatch::Aws(apis) => format!("{{ aws: [{}] }}", apis.join(", ")),
            Dispatch::Header { name, prefix } => {
                format!("{{ header: {{ name: {}, prefix: {} }} }}", scalar(name), quoted(prefix))
            }
        };
        line(&mut out, "dispatch", &dispatch);
        if !self.name_prefix.is_empty() {
            line(&mut out, "name_prefix", &quoted(&self.name_prefix));
        }
        if !self.content.is_empty() {
            let types = self.content.iter();
            let types = types.map(|(name, decoder)| format!("{}: {decoder}", quoted(name)));
            line(
                &mut out,
                "content",
                &format!("{{ {} }}", types.collect::<Vec<_>>().join(", ")),
            );
        }
        for (key, names) in [
            ("formats", &self.formats),
            ("secret", &self.secret),
            ("volatile", &self.volatile),
            ("volatile_content", &self.volatile_content),
        ] {
            if !names.is_empty() {
                line(&mut out, key, &list(names));
            }
        }
        for (key, value) in &self.head {
            line(&mut out, key, value);
        }
        out.push_str("operations:\n");
        for (name, operation) in &self.operations {
            operation.write(&mut out, "  ", name);
        }
        if let Some(tables) = &self.graphql {
            tables.write(&mut out);
        }
        out
    }
}

impl Tables {
    fn write(&self, out: &mut String) {
        out.push_str("graphql:\n");
        for (key, table) in [
            ("queries", &self.queries),
            ("mutations", &self.mutations),
            ("subscriptions", &self.subscriptions),
        ] {
            if !table.is_empty() {
                out.push_str(&format!("  {key}:\n"));
            }
            for (name, operation) in table {
                operation.write(out, "    ", name);
            }
        }
    }
}

impl Operation {
    /// `  instances.delete: { call: "DELETE /v1/instances/{instance}" }`; what follows from the method is left out.
    fn write(&self, out: &mut String, indent: &str, name: &str) {
        let mut members = Vec::new();
        let mut calls = self.calls.iter();
        match (calls.next(), calls.next()) {
            (None, _) => {}
            (Some(call), None) => members.push(format!("call: {}", quoted(call))),
            (Some(_), Some(_)) => members.push(format!("calls: {}", list(&self.calls))),
        }
        let implied = self.calls.iter().all(|call| implied(call) == self.judged.access) && !self.calls.is_empty();
        if !implied {
            members.push(format!("access: {}", self.judged.access.as_str()));
        }
        if let Some(action) = self.action {
            members.push(format!("action: {action}"));
        }
        if let Some(by) = self.judged.by.told() {
            members.push(format!("by: {by}"));
        }
        members.extend(self.more.iter().map(|(key, value)| format!("{key}: {value}")));
        // A string cannot fail to be written to.
        let _ = writeln!(out, "{indent}{}: {{ {} }}", scalar(name), members.join(", "));
    }
}

/// What a call does where its operation does not say: as the loader of mappings has it.
fn implied(call: &str) -> Access {
    match call.split(' ').next() {
        Some("GET" | "HEAD") => Access::Read,
        Some("DELETE") => Access::Delete,
        Some(_) | None => Access::Write,
    }
}

/// A call without its parameters' names.
fn shape(call: &str) -> String {
    let mut inside = false;
    let outside = |character: &char| {
        let was = inside;
        inside = match character {
            '{' => true,
            '}' => false,
            _ => inside,
        };
        !was || *character == '}'
    };
    call.chars().filter(outside).collect()
}

fn line(out: &mut String, key: &str, value: &str) {
    // A string cannot fail to be written to.
    let _ = writeln!(out, "{key}: {value}");
}

fn list(names: &BTreeSet<String>) -> String {
    format!(
        "[{}]",
        names.iter().map(|name| scalar(name)).collect::<Vec<_>>().join(", ")
    )
}

/// As it is where it is a word to every reader of YAML, else quoted.
pub fn scalar(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'/');
    let first = text.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic());
    let word = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    match first && text.bytes().all(plain) && !word.contains(&text.to_ascii_lowercase().as_str()) {
        true => text.to_owned(),
        false => quoted(text),
    }
}

/// In double quotes.
pub fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => {
                out.push('\\');
                out.push(character);
            }
            control if control.is_control() => {
                let _ = write!(out, "\\u{:04X}", u32::from(control)); // a string cannot fail to be written to
            }
            other => out.push(other),
        }
    }
    out.push('"');
    out
}
