//! Files of tests: read, and everything that is wrong in them told at once.

mod expected;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;

use self::expected::Written;
pub(super) use self::expected::{Expected, Wanted};
use super::curl;
use crate::gate::Rules;
use crate::io::yaml::{self, Located};
use crate::model::diagnostic::meant;
use crate::model::vocabulary::{ActionDefinition, FieldType};
use crate::model::{
    Access, Action, Caller, Diagnostic, Facts, Missing, Source, Target, Tie, Timestamp, Value, Vocabulary, Why,
};
use crate::proxy::described::Described;

/// A file as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    tests: Vec<Test>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Test {
    /// What is claimed, in words.
    it: Located<String>,
    #[serde(default)]
    agent: Option<String>,
    #[serde(default)]
    roles: Vec<Arc<str>>,
    /// When the call comes, in RFC 3339.
    #[serde(default)]
    at: Option<Located<String>>,
    /// Totals of budgets before the call, by name.
    #[serde(default)]
    budgets: BTreeMap<String, Located<i64>>,
    #[serde(default)]
    curl: Option<Located<String>>,
    #[serde(default)]
    request: Option<Request>,
    #[serde(default)]
    action: Option<Stated>,
    expect: Written,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    #[serde(default)]
    method: Option<String>,
    url: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    body: Option<String>,
}

/// An action as a mapping would read it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Stated {
    name: Located<String>,
    provider: Arc<str>,
    #[serde(default)]
    operation: Option<Arc<str>>,
    /// The vocabulary's, if it says nothing else.
    #[serde(default)]
    access: Option<Access>,
    #[serde(default)]
    fields: BTreeMap<String, Located<Value>>,
    /// Fields that are there but cannot be read.
    #[serde(default)]
    unreadable: Vec<Located<String>>,
    #[serde(default)]
    target: Option<Target>,
    #[serde(default)]
    environment: Option<Arc<str>>,
    #[serde(default)]
    unmapped: bool,
    #[serde(default)]
    host: Option<String>,
    #[serde(default)]
    method: Option<String>,
}

/// A test, ready to run.
pub(super) struct Case {
    /// `policies/tests/house.yaml`, and where in it.
    pub(super) file: String,
    pub(super) line: usize,
    pub(super) column: usize,
    pub(super) name: String,
    pub(super) subject: Subject,
    /// What was taken of budgets before.
    pub(super) taken: BTreeMap<Arc<str>, i64>,
    pub(super) expected: Expected,
}

pub(super) enum Subject {
    Request {
        described: Described,
        caller: Caller,
    },
    Action {
        action: Box<Action>,
        facts: Facts,
        at: Timestamp,
    },
}

/// Reads one file.
///
/// # Errors
/// Everything that is wrong in it.
pub(super) fn read(source: &Source, rules: &Rules) -> Result<Vec<Case>, Vec<Diagnostic>> {
    yaml::load_with(source, |file| cases(source, file, rules))
}

fn cases(source: &Source, file: File, rules: &Rules) -> Result<Vec<Case>, Vec<Diagnostic>> {
    let mut reader = Reader {
        source,
        vocabulary: rules.vocabulary(),
        budgets: rules.budget_names().collect(),
        wrong: Vec::new(),
    };
    let mut cases: Vec<Case> = Vec::new();
    let mut names: BTreeMap<String, usize> = BTreeMap::new();
    for test in file.tests {
        let first = *names.entry(test.it.value.clone()).or_insert(test.it.line);
        if first != test.it.line {
            reader.find(&test.it, format!("a test of this name stands in line {first} already"));
        }
        cases.extend(reader.case(test));
    }
    match reader.wrong.is_empty() {
        true => Ok(cases),
        false => Err(reader.wrong),
    }
}

struct Reader<'a> {
    source: &'a Source,
    vocabulary: &'a Vocabulary,
    /// Their names.
    budgets: Vec<&'a Arc<str>>,
    wrong: Vec<Diagnostic>,
}

impl Reader<'_> {
    fn find<T>(&mut self, at: &Located<T>, message: impl Into<String>) {
        self.wrong.push(at.diagnostic(self.source, message));
    }

    /// `None` where something is wrong with it, which is noted.
    fn case(&mut self, test: Test) -> Option<Case> {
        let at = match &test.at {
            None => Some(Timestamp::now()),
            Some(text) => {
                let time = Timestamp::parse(&text.value);
                if time.is_none() {
                    self.find(
                        text,
                        format!("`{}`: expected a time such as 2026-11-20T14:05:00Z", text.value),
                    );
                }
                time
            }
        };
        for (name, total) in &test.budgets {
            if !self.budgets.iter().any(|known| ***known == **name) {
                let hint = meant(name, self.budgets.iter().map(|name| &***name));
                let hint = hint.map(|name| format!("; did you mean `{name}`?")).unwrap_or_default();
                self.find(total, format!("there is no budget `{name}`{hint}"));
            } else if total.value < 0 {
                self.find(total, format!("`{name}`: expected what was taken before, 0 or more"));
            }
        }
        let taken = test
            .budgets
            .iter()
            .map(|(name, total)| (name.as_str().into(), total.value))
            .collect();
        let expected = self.expected(&test.it, test.expect);
        let caller = Caller {
            agent: test.agent.as_deref().unwrap_or("default").into(),
            roles: test.roles.into(),
            owner: None,
        };
        let subject = match (test.curl, test.request, test.action) {
            (Some(command), None, None) => {
                let described = curl::describe(&command.value);
                described
                    .map_err(|message| self.find(&command, message))
                    .ok()
                    .map(|described| Subject::Request {
                        described: Described { at, ..described },
                        caller,
                    })
            }
            (None, Some(request), None) => Some(Subject::Request {
                described: request.described(at),
                caller,
            }),
            (None, None, Some(stated)) => self.action(stated, caller, at.unwrap_or(Timestamp(0))),
            _ => {
                self.find(&test.it, "expected exactly one of `curl`, `request` and `action`");
                None
            }
        };
        at?;
        Some(Case {
            file: self.source.file.clone(),
            line: test.it.line,
            column: test.it.column,
            name: test.it.value,
            subject: subject?,
            taken,
            expected: expected?,
        })
    }

    fn action(&mut self, stated: Stated, caller: Caller, at: Timestamp) -> Option<Subject> {
        let vocabulary = self.vocabulary;
        let Some((name, definition)) = vocabulary.actions.get_key_value(stated.name.value.as_str()) else {
            let known = vocabulary.actions.keys().map(|name| &**name);
            self.find(&stated.name, unknown("action", &stated.name.value, known));
            return None;
        };
        let mut fields = BTreeMap::new();
        for (field, value) in &stated.fields {
            if let Some(field) = self.field(definition, field, value) {
                self.typed(&field, value);
                fields.insert(field, value.value.clone());
            }
        }
        let mut missing = Vec::new();
        for field in &stated.unreadable {
            missing.extend(self.field(definition, &field.value, field).map(|field| Missing {
                field,
                why: Why::Unreadable,
            }));
        }
        let absent = definition.required.iter();
        let absent =
            absent.filter(|field| !fields.contains_key(*field) && missing.iter().all(|other| other.field != **field));
        let absent: Vec<Missing> = absent
            .map(|field| Missing {
                field: field.clone(),
                why: Why::Absent,
            })
            .collect();
        missing.extend(absent);
        let access = stated.access.unwrap_or(definition.access);
        let usual = if access == Access::Read { "GET" } else { "POST" };
        let facts = Facts {
            agent: caller.agent,
            roles: caller.roles,
            host: stated.host.unwrap_or_else(|| "host.invalid".to_owned()),
            method: stated.method.unwrap_or_else(|| usual.to_owned()),
        };
        let unknown: Arc<str> = "unknown".into();
        let action = Action {
            provider: stated.provider,
            operation: stated.operation.unwrap_or_else(|| name.clone()),
            name: name.clone(),
            access,
            fields,
            missing,
            target: stated.target.unwrap_or_else(|| Target {
                kind: unknown.clone(),
                id: None,
            }),
            environment: stated.environment.unwrap_or(unknown),
            labels: None,
            risk: None,
            unmapped: stated.unmapped,
            inspected: true,
            summary: String::new(),
            request_line: String::new(),
            answer: Arc::default(),
            also: Vec::new(),
            tie: Tie::default(),
        };
        Some(Subject::Action {
            action: Box::new(action),
            facts,
            at,
        })
    }

    /// A field of the action by its name.
    fn field<T>(&mut self, definition: &ActionDefinition, name: &str, at: &Located<T>) -> Option<Arc<str>> {
        let known = definition.required.iter().chain(&definition.optional);
        let found = known.clone().find(|field| &***field == name).cloned();
        if found.is_none() {
            let message = unknown("field of this action", name, known.map(|field| &**field));
            self.find(at, message);
        }
        found
    }

    fn typed(&mut self, field: &Arc<str>, value: &Located<Value>) {
        let kind = self.vocabulary.fields.get(field).map(|definition| definition.kind);
        let expected = match (kind, &value.value) {
            (Some(FieldType::Int), Value::Int(_))
            | (Some(FieldType::Bool), Value::Bool(_))
            | (Some(FieldType::String), Value::Text(_))
            | (Some(FieldType::Strings), Value::List(_))
            | (None, _) => return,
            (Some(FieldType::Int), _) => "a whole number",
            (Some(FieldType::Bool), _) => "true or false",
            (Some(FieldType::String), _) => "a text",
            (Some(FieldType::Strings), _) => "a list of texts",
        };
        self.find(value, format!("`{field}`: expected {expected}"));
    }
}

impl Request {
    fn described(self, at: Option<Timestamp>) -> Described {
        let method = self.method.unwrap_or_else(|| match self.body {
            Some(_) => "POST".to_owned(),
            None => "GET".to_owned(),
        });
        Described {
            method,
            url: self.url,
            headers: self.headers.into_iter().collect(),
            content: self.body.map(Into::into),
            at,
        }
    }
}

fn unknown<'a>(what: &str, found: &str, known: impl Iterator<Item = &'a str> + Clone) -> String {
    match meant(found, known.clone()) {
        Some(meant) => format!("no {what} `{found}`; did you mean `{meant}`?"),
        None => format!(
            "no {what} `{found}`; expected one of {}",
            known.collect::<Vec<_>>().join(", ")
        ),
    }
}
