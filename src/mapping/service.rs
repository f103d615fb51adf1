//! A mapping file, ready to use: everything parsed, every name known to be right.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use http::HeaderName;

use super::dispatch::{Conditions, Dispatch, NameSource, Shape};
use super::document::{Path, Sought};
use super::field::{Reading, Rule};
use super::file::Decoder;
use super::form::{self, Semicolons};
use super::graphql::Kind;
use super::hosts::Found;
use super::sql::{Class, Engine};
use super::summary::Template;
use crate::model::{Access, Answer, Call};

mod below;
mod paths;
mod trigger;

pub(super) use below::Worst;
pub(super) use paths::paths;
pub(super) use trigger::Trigger;

/// One mapping file.
pub(super) struct Service {
    /// As people know it.
    pub file: Box<str>,
    pub provider: Arc<str>,
    pub title: Box<str>,
    /// Shared with the service that it is merged with, if it is.
    pub dispatch: Arc<Dispatch>,
    /// Made from the provider's description.
    pub generated: bool,
    pub safe_methods: bool,
    /// Operations are called by gRPC, and by nothing else.
    pub grpc: bool,
    /// The capture that stands for the path's first segment.
    pub first_segment: Option<Box<str>>,
    /// Where GET and HEAD only read although no operation is named.
    pub safe_below: Box<str>,
    pub name_prefix: Box<str>,
    /// Media type → how it is read.
    pub content: Vec<(Box<str>, Decoder)>,
    pub environment: Option<Reading>,
    pub answer: Arc<Answer>,
    pub significant: Vec<HeaderName>,
    pub every_header: bool,
    pub secret: Vec<HeaderName>,
    /// Name whose account it is, where that is not the key's own.
    pub account: Vec<HeaderName>,
    /// Query parameters that differ each time the same call is made.
    pub volatile: HashSet<Box<str>>,
    /// The same of what content names at its top.
    pub volatile_content: HashSet<Box<str>>,
    /// The same of header fields.
    pub volatile_headers: Vec<HeaderName>,
    pub idempotency: Option<IdempotencyKey>,
    pub aws: Option<Signer>,
    /// Currency → decimal places of amounts, where they are not those of ISO 4217.
    pub currency_places: BTreeMap<Box<str>, u32>,
    pub refuse_headers: Vec<HeaderName>,
    pub refuse_query: Vec<Box<str>>,
    /// Query parameters whose values may stand in the record.
    pub show: HashSet<Box<str>>,
    /// The provider never takes query and content for one another.
    pub query_apart: bool,
    pub semicolons: Semicolons,
    /// Parameters of a form that are lists, one item each time they are there.
    pub repeated: Vec<Box<str>>,
    pub reveals: Option<Reveals>,
    /// What documents and messages ask for, where operations read those.
    pub graphql: Option<Arc<Graphql>>,
    pub mcp: Option<Mcp>,
    /// Of a generated service as a part of a written one: the operations that people wrote down, with what they do at worst.
    pub written: HashMap<Arc<str>, Worst>,
}

/// Operations by names in content.
pub(super) struct Table {
    pub exact: HashMap<Box<str>, Operation>,
    /// By how names end, longest first.
    pub endings: Vec<(Box<str>, Operation)>,
    /// Of every other name.
    pub other: Operation,
}

impl Table {
    /// The operation of that name, and whether the table names it.
    ///
    /// SECURITY: how a name ends says what it is called, and not what it does: `apiKeyCreate` makes a key and `giftCardCreate`
    /// money (test `an_ending_names_a_mutation_and_lets_none_go`).
    pub(super) fn find(&self, name: &str) -> (&Operation, bool) {
        if let Some(operation) = self.exact.get(name) {
            return (operation, true);
        }
        let ends = self.endings.iter().find(|(ending, _)| name.ends_with(&**ending));
        (ends.map_or(&self.other, |(_, operation)| operation), false)
    }

    /// The operation that it names, by the whole name or by how that ends.
    pub(super) fn listed(&self, name: &str) -> Option<&Operation> {
        let (operation, _) = self.find(name);
        (!std::ptr::eq(operation, &self.other)).then_some(operation)
    }

    fn operations(&self) -> impl Iterator<Item = &Operation> {
        let listed = self
            .exact
            .values()
            .chain(self.endings.iter().map(|(_, operation)| operation));
        listed.chain(std::iter::once(&self.other))
    }
}

/// What a GraphQL document asks for.
pub(super) struct Graphql {
    pub queries: Table,
    pub mutations: Table,
    pub subscriptions: Table,
}

impl Graphql {
    /// The fields of that kind of root.
    pub(super) fn of(&self, kind: Kind) -> &Table {
        match kind {
            Kind::Query => &self.queries,
            Kind::Mutation => &self.mutations,
            Kind::Subscription => &self.subscriptions,
        }
    }

    fn operations(&self) -> impl Iterator<Item = &Operation> {
        let tables = [&self.queries, &self.mutations, &self.subscriptions];
        tables.into_iter().flat_map(Table::operations)
    }
}

/// What messages of the Model Context Protocol ask for.
pub(super) struct Mcp {
    pub tools: Table,
    /// A tool that is not listed and whose name says that it runs code.
    pub code: Operation,
    /// One that is not listed and whose name says that it takes SQL.
    pub sql: Operation,
    /// Methods of the protocol after which nothing is another thing than before.
    pub reads: Operation,
    pub other: Operation,
}

/// What reads an operation's content beyond its members.
pub(super) enum Reader {
    Sql(Box<SqlReader>),
    Graphql,
    Mcp,
}

/// Where SQL is, whose it is, and what its statements mean.
pub(super) struct SqlReader {
    pub from: Vec<Path>,
    pub engines: Vec<Engine>,
    /// In lower case.
    pub pure: Vec<Box<str>>,
    pub meanings: Vec<(Class, Meaning)>,
}

impl Reader {
    pub(super) fn paths(&self) -> &[Path] {
        match self {
            Reader::Sql(sql) => &sql.from,
            Reader::Graphql | Reader::Mcp => &[],
        }
    }

    /// What it may make of a call.
    pub(super) fn meanings(&self) -> impl Iterator<Item = &Meaning> {
        let sql = match self {
            Reader::Sql(sql) => Some(&sql.meanings),
            Reader::Graphql | Reader::Mcp => None,
        };
        sql.into_iter().flatten().map(|(_, meaning)| meaning)
    }
}

/// A parameter by which an answer is made to hold secrets.
#[derive(Clone, Debug)]
pub(super) struct Reveals {
    pub parameter: Box<str>,
    pub words: Vec<Box<str>>,
}

impl Service {
    /// All operations, those that content names too; true beside those that are many, told by how their names begin.
    pub(super) fn operations(&self) -> impl Iterator<Item = (&Operation, bool)> {
        let graphql = self.graphql.iter().flat_map(|graphql| graphql.operations());
        let mcp = self.mcp.iter().flat_map(|mcp| {
            mcp.tools
                .operations()
                .chain([&mcp.code, &mcp.sql, &mcp.reads, &mcp.other])
        });
        let by_head = self.dispatch.operations();
        by_head.chain(graphql.chain(mcp).map(|operation| (operation, false)))
    }

    /// A call's path as the templates have it: what the host says of it goes first.
    pub(super) fn path<'c>(&self, call: &'c Call, found: &Found) -> Cow<'c, str> {
        let first = self.first_segment.as_deref().and_then(|name| found.capture(name));
        match first {
            Some(first) => Cow::Owned(format!("/{first}{}", call.path)),
            None => Cow::Borrowed(&call.path),
        }
    }

    /// Whether GET and HEAD of a path that no operation names only read.
    pub(super) fn is_safe_at(&self, path: &str) -> bool {
        self.safe_methods && path.starts_with(&*self.safe_below)
    }

    /// How the provider answers at a path. Beside the names of its operations it is a web site like any other, where an
    /// error that looks like a success (Slack's 200) would be read as one.
    pub(super) fn answer_at(&self, path: &str) -> Option<&Arc<Answer>> {
        match &*self.dispatch {
            Dispatch::Name(names) if matches!(names.source, NameSource::Path(_)) => {
                names.source.in_path(path).map(|_| &self.answer)
            }
            Dispatch::Name(_) | Dispatch::Path(_) | Dispatch::Aws(_) => Some(&self.answer),
        }
    }
}

#[derive(Clone, Debug)]
pub(super) enum IdempotencyKey {
    Header(HeaderName),
    Parameter(Box<str>),
}

/// What signatures must be for.
#[derive(Clone, Debug)]
pub(super) struct Signer {
    /// Any of these.
    pub services: Vec<Box<str>>,
    /// Where the host names no region; none takes any.
    pub region: Option<Box<str>>,
}

/// One operation, or many by how their names begin.
pub(super) struct Operation {
    /// The provider's own word; of a rule in bulk only how it begins.
    pub name: Arc<str>,
    /// Of the file.
    pub line: usize,
    pub conditions: Conditions,
    pub meaning: Arc<Meaning>,
    /// What the content may make of it.
    pub when: Vec<(Trigger, Meaning)>,
    pub fields: Vec<(Arc<str>, Rule)>,
    pub target: TargetRule,
    /// The template's parameters.
    pub parameters: Vec<Arc<str>>,
    pub shape: Shape,
    /// Which segments of the path may stand in the record.
    pub shown_segments: Vec<bool>,
    /// What fields, target, predicates and reader look for.
    pub sought: Sought,
    /// Query parameters that fields, target and predicates may read.
    pub reads_query: Vec<Box<str>>,
    /// Of these, what may be the address of a webhook: it does not stand in the record.
    pub hides_query: Vec<Box<str>>,
    pub needs_body: bool,
    /// Members of its content that differ each time, besides the file's.
    pub volatile: Vec<Box<str>>,
    /// Nothing is known of the content.
    pub content_ignored: bool,
    pub content_by_get: bool,
    /// Pairs of the query by which the provider takes that content apart, if it does.
    pub in_parts: Vec<(Box<str>, Box<str>)>,
    /// Whatever the content's media type.
    pub decoder: Option<Decoder>,
    pub reader: Option<Reader>,
    /// The service's own unless it is said.
    pub answer: Option<Arc<Answer>>,
}

/// The field that is missing of what is done to a target that cannot be told: a rule about that target could not be asked.
pub(super) const UNTOLD: &str = "resource_ids";

/// How the target of a meaning is told.
pub(super) struct TargetRule {
    pub kind: Arc<str>,
    /// What holds it, if that is told, and its id.
    pub id: Vec<Path>,
    /// More places of the same id.
    pub also: Vec<Path>,
    pub wrapped: Option<Wrapped>,
    /// The ending that the id is told without.
    pub without: Option<Box<str>>,
    /// The id is written as the path of a URL.
    pub url_path: bool,
    /// Types of ARNs that the id may be written as, with the kinds of what they name.
    pub arn: Vec<(Box<str>, Arc<str>)>,
    /// The id is told in lower case.
    pub any_case: bool,
}

/// Where the id stands if what has it is a member of that name.
pub(super) struct Wrapped {
    pub name: Box<str>,
    pub around: Path,
    pub id: Path,
}

/// What an operation does, in canonical words.
pub(super) struct Meaning {
    pub action: Arc<str>,
    pub access: Access,
    /// Fields of the vocabulary that the call must tell; those the gate computes are left to it.
    pub required: Vec<Arc<str>>,
    /// All fields of the vocabulary that this action has.
    pub allowed: Box<[Arc<str>]>,
    /// What it is done to, if not to the operation's target.
    pub target: Option<TargetRule>,
    pub summary: Template,
}

impl Meaning {
    /// The vocabulary's name of a field, if this action has it.
    pub(super) fn allows(&self, field: &str) -> Option<&Arc<str>> {
        self.allowed.iter().find(|known| ***known == *field)
    }
}

impl Operation {
    /// Whether the provider reads the parts of ignored content, rather than storing it as it is.
    ///
    /// SECURITY: what is said twice, or in other letters, is not relied upon (test
    /// `parts_are_taken_apart_only_where_the_query_says_it_once`).
    pub(super) fn takes_apart(&self, call: &Call) -> bool {
        let pairs = form::pairs(call.query.as_deref().unwrap_or_default()).unwrap_or_default();
        let has = |(name, value): &(Box<str>, Box<str>)| {
            let mut same = pairs.iter().filter(|pair| pair.name.eq_ignore_ascii_case(name));
            let said = same
                .next()
                .is_some_and(|pair| pair.name == **name && pair.value == **value);
            said && same.next().is_none()
        };
        !self.in_parts.is_empty() && self.in_parts.iter().all(has)
    }

    /// What a call means of which the predicates in `applies` hold: the strictest by its access (of equals the one named
    /// first, but any before the operation's own), and all the others. Each action and access once, and all that is done to
    /// other targets last.
    pub(super) fn meanings(&self, applies: impl Fn(&Trigger) -> bool) -> (&Meaning, Vec<&Meaning>) {
        let (mut first, mut others): (&Meaning, Vec<&Meaning>) = (&*self.meaning, Vec::new());
        let all = self.when.iter().filter(|(trigger, _)| applies(trigger));
        let (elsewhere, here): (Vec<_>, Vec<_>) = all
            .map(|(_, meaning)| meaning)
            .partition(|meaning| meaning.target.is_some());
        for meaning in here {
            let same = |other: &&Meaning| other.action == meaning.action && other.access == meaning.access;
            if std::ptr::eq(first, &*self.meaning) {
                // The same action in better words.
                others.extend(Some(first).filter(|own| !same(own)));
                first = meaning;
            } else if !same(&first) && !others.iter().any(same) {
                match meaning.access > first.access {
                    true => others.push(std::mem::replace(&mut first, meaning)),
                    false => others.push(meaning),
                }
            }
        }
        others.extend(elsewhere);
        (first, others)
    }
}
