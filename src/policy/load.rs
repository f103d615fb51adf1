//! Policy files → rules: parse, validate, lint; all mistakes of all files at once.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::str::FromStr;
use std::sync::Arc;

use cedar_policy::{Effect, Policy, PolicyId, PolicySet, Schema, ValidationError, ValidationMode, Validator};

use super::lint::{self, Finding};
use super::mentions::Mentions;
use super::place::{Statement, statements};
use super::rule::{Kind, Rule, digest};
use super::schema::{self, RECORD_KINDS, Strictness};
use crate::model::diagnostic::Lines;
use crate::model::{Diagnostic, HoldRule, Source, Vocabulary};

/// The file that diagnostics of the vocabulary name.
const VOCABULARY_FILE: &str = "mappings/actions.yaml";

/// Rules by id, and the Cedar policies they are, under the same ids.
#[derive(Default)]
pub(super) struct Loaded {
    pub(super) rules: HashMap<Arc<str>, Rule>,
    pub(super) policies: Vec<Policy>,
}

/// Both schemas of a vocabulary.
pub(super) fn schemas(vocabulary: &Vocabulary) -> Result<(Schema, Schema), Vec<Diagnostic>> {
    let of_vocabulary = |message: String| Diagnostic::of_file(VOCABULARY_FILE, message);
    let problems = schema::problems(vocabulary);
    if !problems.is_empty() {
        return Err(problems.into_iter().map(of_vocabulary).collect());
    }
    let schema = |strictness| {
        Schema::from_cedarschema_str(&schema::text(vocabulary, strictness))
            .map(|(schema, _)| schema)
            .map_err(|error| vec![of_vocabulary(format!("cannot become a policy schema: {error}"))])
    };
    Ok((schema(Strictness::Strict)?, schema(Strictness::Lenient)?))
}

/// Reads all files against the strict schema.
pub(super) fn files(
    files: &[Source],
    vocabulary: &Vocabulary,
    strict: Schema,
    groups: Option<&BTreeSet<String>>,
) -> Result<Loaded, Vec<Diagnostic>> {
    let validator = Validator::new(strict);
    let mut loaded = Loaded::default();
    let mut first_use: BTreeMap<Arc<str>, String> = BTreeMap::new();
    let mut diagnostics = Vec::new();
    for file in files {
        let mut reader = File {
            source: file,
            lines: Lines::of(&file.text),
            statements: statements(&file.text),
            vocabulary,
            groups,
            findings: BTreeSet::new(),
        };
        for (id, rule, policy) in reader.read(&validator) {
            let place = reader.shown(reader.statement(&policy).annotation("id"));
            if let Some(first) = first_use.get(&id) {
                let offset = reader.statement(&policy).annotation("id");
                reader.find(offset, format!("`@id(\"{id}\")` is used twice, first at {first}"));
                continue;
            }
            first_use.insert(id.clone(), place);
            loaded.policies.push(policy.new_id(PolicyId::new(&id)));
            loaded.rules.insert(id, rule);
        }
        diagnostics.extend(reader.diagnostics());
    }
    if diagnostics.is_empty() {
        Ok(loaded)
    } else {
        Err(diagnostics)
    }
}

/// What is no Cedar.
pub(super) fn misshapen(files: &[Source]) -> Vec<Diagnostic> {
    let wrong = files.iter().flat_map(|source| {
        let lines = Lines::of(&source.text);
        parse(&source.text)
            .err()
            .into_iter()
            .flatten()
            .map(move |finding| finding.diagnostic(source, &lines))
    });
    wrong.collect()
}

fn parse(text: &str) -> Result<PolicySet, Vec<Finding>> {
    PolicySet::from_str(text).map_err(|errors| {
        let finding = |error: &cedar_policy::ParseError| {
            Finding::at(offset(error).unwrap_or_default(), with_help(error.to_string(), error))
        };
        errors.iter().map(finding).collect()
    })
}

/// One file being read.
struct File<'a> {
    source: &'a Source,
    lines: Lines<'a>,
    statements: Vec<Statement<'a>>,
    vocabulary: &'a Vocabulary,
    groups: Option<&'a BTreeSet<String>>,
    /// By their place; the same mistake, found for several actions, stands once.
    findings: BTreeSet<Finding>,
}

impl<'a> File<'a> {
    /// The good rules of the file, in its order, still under Cedar's own ids; the rest goes to `findings`.
    fn read(&mut self, validator: &Validator) -> Vec<(Arc<str>, Rule, Policy)> {
        let set = match parse(&self.source.text) {
            Ok(set) => set,
            Err(wrong) => {
                self.findings.extend(wrong);
                return Vec::new();
            }
        };
        for template in set.templates() {
            let place = self.nth(template.id()).start();
            self.find(
                place,
                "templates (`?principal`, `?resource`) are not supported: nothing would link them",
            );
        }
        self.validate(&set, validator);
        let mut policies: Vec<&Policy> = set.policies().collect();
        policies.sort_by_key(|policy| number(policy.id()));
        let rules = policies.into_iter().map(|policy| self.rule(policy));
        rules.collect::<Vec<_>>().into_iter().flatten().collect()
    }

    fn validate(&mut self, set: &PolicySet, validator: &Validator) {
        let result = validator.validate(set, ValidationMode::Strict);
        let follows = |error: &&ValidationError| matches!(error, ValidationError::InvalidActionApplication(_));
        let causes: BTreeSet<&PolicyId> = result
            .validation_errors()
            .filter(|error| !follows(error))
            .map(ValidationError::policy_id)
            .collect();
        let mut mistakes = Mistakes::new();
        // That a rule applies to nothing, or never holds, mostly follows from a misspelt name: said only where it does not.
        for error in result.validation_errors() {
            if !(follows(&error) && causes.contains(error.policy_id())) {
                self.invalid(set, error.policy_id(), error, &mut mistakes);
            }
        }
        for warning in result.validation_warnings() {
            if !causes.contains(warning.policy_id()) {
                self.invalid(set, warning.policy_id(), warning, &mut mistakes);
            }
        }
        for ((place, _), (message, actions)) in mistakes {
            let more = match actions.len() {
                0 | 1 => String::new(),
                several => format!(" (the same for {several} actions)"),
            };
            self.find(place, message + &more);
        }
    }

    fn invalid<D: miette::Diagnostic>(&self, set: &PolicySet, policy: &PolicyId, mistake: &D, mistakes: &mut Mistakes) {
        let name = set.annotation(policy, "id").unwrap_or("without @id");
        let message = mistake.to_string();
        let message = message
            .strip_prefix(&format!("for policy `{policy}`"))
            .unwrap_or(&message);
        let message = message.trim_start_matches([',', ':', ' ']);
        let place = offset(mistake).unwrap_or_else(|| self.nth(policy).start());
        let message = with_help(format!("rule `{name}`: {message}"), mistake);
        let (alike, action) = without_action(&message);
        let (_, actions) = mistakes.entry((place, alike)).or_insert((message, BTreeSet::new()));
        actions.extend(action);
    }

    fn rule(&mut self, policy: &Policy) -> Option<(Arc<str>, Rule, Policy)> {
        let statement = self.nth(policy.id());
        let id = lint::id(policy, &statement);
        let annotations = lint::annotations(policy, &statement, self.groups);
        let tests = lint::conditions(policy, &statement, self.vocabulary);
        match (id, annotations, tests) {
            (Ok(id), Ok(terms), Ok(tests)) => {
                let reason = policy.annotation("reason").filter(|reason| !reason.is_empty());
                let reason = reason.map(str::to_owned);
                let digest = digest([policy.to_cedar()?.as_str()]);
                let kind = match (policy.effect(), terms) {
                    (Effect::Permit, _) => Kind::Permit,
                    (Effect::Forbid, None) => Kind::Forbid,
                    (Effect::Forbid, Some(terms)) => Kind::Hold(HoldRule {
                        id: id.clone(),
                        reason: reason.clone(),
                        approvers: terms.approvers,
                        quorum: terms.quorum,
                        timeout: terms.timeout,
                        escalation: terms.escalation,
                        digest: digest.clone(),
                        unchecked: Vec::new(),
                    }),
                };
                let rule = Rule {
                    kind,
                    reason,
                    place: self.shown(statement.annotation("id")),
                    digest,
                    tests,
                    reads_kinds: Mentions::of(policy).hold(RECORD_KINDS),
                    on_trial: policy.annotation(lint::MODE).is_some(),
                };
                Some((id, rule, policy.clone()))
            }
            (id, annotations, tests) => {
                let findings = id.err().into_iter().chain(annotations.err().into_iter().flatten());
                self.findings.extend(findings.chain(tests.err().into_iter().flatten()));
                None
            }
        }
    }

    fn statement(&self, policy: &Policy) -> Statement<'a> {
        self.nth(policy.id())
    }

    fn nth(&self, id: &PolicyId) -> Statement<'a> {
        self.statements.get(number(id)).cloned().unwrap_or_default()
    }

    fn find(&mut self, offset: usize, message: impl Into<String>) {
        self.findings.insert(Finding::at(offset, message));
    }

    /// `baseline.cedar:12:1`
    fn shown(&self, offset: usize) -> String {
        let (line, column) = self.lines.position(offset);
        format!("{}:{line}:{column}", self.source.file)
    }

    fn diagnostics(self) -> impl Iterator<Item = Diagnostic> {
        let (source, lines) = (self.source, self.lines);
        self.findings
            .into_iter()
            .map(move |finding| finding.diagnostic(source, &lines))
    }
}

/// Cedar tells a mistake once for each action that the rule is about. Place, and the message but for the action → the first
/// message, and the actions.
type Mistakes = BTreeMap<(usize, String), (String, BTreeSet<String>)>;

fn without_action(message: &str) -> (String, Option<String>) {
    const ACTION: &str = "Action::\"";
    let parts = message
        .split_once(ACTION)
        .and_then(|(before, rest)| Some((before, rest.split_once('"')?)));
    match parts {
        Some((before, (action, after))) => (format!("{before}{ACTION}…{after}"), Some(action.to_owned())),
        None => (message.to_owned(), None),
    }
}

/// Cedar numbers the policies of a file in their order: `policy0`, `policy1`, …
fn number(id: &PolicyId) -> usize {
    let id: &str = id.as_ref();
    id.strip_prefix("policy")
        .and_then(|number| number.parse().ok())
        .unwrap_or(usize::MAX)
}

/// Where Cedar says the mistake is: a byte offset in the file.
fn offset<D: miette::Diagnostic + ?Sized>(mistake: &D) -> Option<usize> {
    Some(mistake.labels()?.next()?.offset())
}

fn with_help<D: miette::Diagnostic + ?Sized>(message: String, mistake: &D) -> String {
    match mistake.help() {
        Some(help) => format!("{message} ({help})"),
        None => message,
    }
}
