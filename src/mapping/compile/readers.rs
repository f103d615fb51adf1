//! What reads content beyond its members, made ready.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Compiler, Context};
use crate::io::yaml::Located;
use crate::mapping::dispatch::{self, Dispatch, Routes};
use crate::mapping::file::{self, File};
use crate::mapping::service::{Graphql, Mcp, Meaning, Operation, Reader, SqlReader, Table};
use crate::mapping::sql::{Class, Engine};
use crate::model::Access;

/// What people read of a statement.
const SQL: &str = "{sql_verb|SQL that cannot be read}[ on {sql_tables}] in {provider}";
const SQL_ROWS: &str = "{sql_verb|SQL that cannot be read}[ on {sql_tables}][, unbounded: {unbounded}] in {provider}";

/// What statements mean. DDL is a write or a deletion as its verb is.
const MEANINGS: [(Class, &str, Option<Access>, &str); 10] = [
    (Class::Read, "execute_query", None, SQL),
    (Class::Other, "call_api", None, SQL),
    (Class::Held, "call_api", None, SQL),
    (Class::Export, "export_data", None, SQL),
    (Class::Insert, "modify_record", None, SQL),
    (Class::Update, "bulk_update", None, SQL_ROWS),
    (Class::Schema, "modify_schema", Some(Access::Write), SQL),
    (Class::Drop, "modify_schema", Some(Access::Delete), SQL),
    (Class::Delete, "delete_records", None, SQL_ROWS),
    (Class::Security, "modify_security", None, SQL),
];

/// Where tools that nobody listed take SQL.
const STATEMENTS: &str = "$.body.params.arguments['query','sql','sql_query','statement']";

/// What a subscription is.
const STREAM: &str = "open_stream";

type Operations = BTreeMap<String, Located<file::Operation>>;

impl Compiler<'_> {
    pub(super) fn reader(&mut self, at: &Located<file::Reader>, context: &Context<'_>) -> Option<Reader> {
        match &at.value {
            file::Reader::Graphql => Some(Reader::Graphql),
            file::Reader::Mcp => Some(Reader::Mcp),
            file::Reader::Sql(sql) => {
                let from = std::iter::once(&sql.from).chain(&sql.also);
                let from = from.filter_map(|path| self.path(path, context)).collect();
                let meanings = MEANINGS.iter().filter_map(|(class, action, access, summary)| {
                    let meaning = self.meaning(at, &placed(at, (*action).to_owned()), *access, Some(summary));
                    meaning.map(|meaning: Meaning| (*class, meaning))
                });
                Some(Reader::Sql(Box::new(SqlReader {
                    meanings: meanings.collect(),
                    from,
                    engines: match sql.engines.is_empty() {
                        true => Engine::ALL.to_vec(),
                        false => sql.engines.clone(),
                    },
                    pure: sql.pure.iter().map(|name| name.to_lowercase().into()).collect(),
                })))
            }
        }
    }

    /// The fields of documents, where an operation reads those.
    pub(super) fn graphql(&mut self, file: &File, context: &Context<'_>) -> Option<Graphql> {
        let reads = |reader: &file::Reader| matches!(reader, file::Reader::Graphql);
        let table = &file.graphql;
        let tables = [&table.queries, &table.mutations, &table.endings, &table.subscriptions];
        if !has(file, reads) {
            for operation in tables.into_iter().flat_map(BTreeMap::values) {
                self.wrong(
                    operation,
                    "no operation of this file reads documents (`reader: graphql`)",
                );
            }
            return None;
        }
        for operation in table.queries.values() {
            self.only(operation, true, "a query's field reads");
        }
        for operation in table.mutations.values().chain(table.endings.values()) {
            self.only(operation, false, "a mutation's field does not read");
        }
        for operation in table.subscriptions.values() {
            self.only_streams(operation);
        }
        for reader in tables.into_iter().flat_map(BTreeMap::values).filter_map(reader) {
            self.wrong(reader, "`reader` is for `operations`, and for tools that take SQL");
        }
        let none = BTreeMap::new();
        let field = |action, summary| entry(action, "field", summary);
        let query = field("read_record", "Read {operation} in {provider}");
        let mutation = field("call_api", "{operation} in {provider}");
        let subscription = field(STREAM, "Follow {operation} in {provider}");
        Some(Graphql {
            queries: self.table(file, &table.queries, &none, query, context)?,
            mutations: self.table(file, &table.mutations, &table.endings, mutation, context)?,
            subscriptions: self.table(file, &table.subscriptions, &none, subscription, context)?,
        })
    }

    /// The tools of a server, where messages are read.
    pub(super) fn mcp(&mut self, file: &File, context: &Context<'_>) -> Option<Mcp> {
        let reads = |reader: &file::Reader| matches!(reader, file::Reader::Mcp);
        if !has(file, reads) && !matches!(file.dispatch.value, file::Dispatch::Mcp) {
            for operation in file.tools.values() {
                self.wrong(
                    operation,
                    "nothing in this file reads messages: `dispatch: mcp`, or an operation with `reader: mcp`",
                );
            }
            return None;
        }
        let sql = |reader: &&Located<file::Reader>| matches!(reader.value, file::Reader::Sql(_));
        for reader in file.tools.values().filter_map(reader).filter(|reader| !sql(reader)) {
            self.wrong(
                reader,
                "a tool's message is read already: expected `{ sql: { from: … } }`",
            );
        }
        let mut tool = entry(
            "call_tool",
            "tool",
            "Call tool {tool|of an unstated name} of {provider}",
        );
        let name = placed(&file.dispatch, "$.body.params.name".to_owned());
        if let Some(target) = &mut tool.target {
            target.id = Some(name.clone());
        }
        let name = file::Field {
            from: Some(name),
            ..file::Field::default()
        };
        tool.fields.insert("tool".to_owned(), placed(&file.dispatch, name));
        let code = entry("call_api", "shell", "Run code by {operation} of {provider}");
        let mut sql = entry("execute_query", "database", "Query by {operation} of {provider}");
        let statements = file::Sql {
            from: placed(&file.dispatch, STATEMENTS.to_owned()),
            also: Vec::new(),
            engines: Vec::new(),
            pure: Vec::new(),
        };
        sql.reader = Some(placed(&file.dispatch, file::Reader::Sql(statements)));
        let reads = entry("read_record", "server", "{operation} of {provider}");
        let other = entry("call_api", "server", "{operation} of {provider}");
        Some(Mcp {
            tools: self.table(file, &file.tools, &BTreeMap::new(), tool, context)?,
            code: self.listed(file, code, context)?,
            sql: self.listed(file, sql, context)?,
            reads: self.listed(file, reads, context)?,
            other: self.listed(file, other, context)?,
        })
    }

    /// `dispatch: mcp`: messages go to any path.
    pub(super) fn messages(&mut self, file: &File, context: &Context<'_>) -> Dispatch {
        for operation in file.operations.values().chain(file.prefixes.values()) {
            self.wrong(operation, "where the dispatch is `mcp`, operations are `tools`");
        }
        let mut routes = Routes::new(None, Vec::new(), std::collections::HashSet::new());
        for template in ["/", "/{path*}"] {
            let mut messages = entry("call_tool", "server", "Call a tool of {provider}");
            messages.reader = Some(placed(&file.dispatch, file::Reader::Mcp));
            let parameters = dispatch::parameters(template).unwrap_or_default();
            let context = Context {
                parameters: parameters.into_iter().map(Arc::from).collect(),
                shown_segments: Vec::new(),
                ..*context
            };
            if let Some(compiled) = self.listed(file, messages, &context) {
                let inserted = routes.insert(&http::Method::POST, template, Arc::new(compiled));
                self.keep(&file.dispatch, inserted);
            }
        }
        routes.settle();
        Dispatch::Path(Box::new(routes))
    }

    fn table(
        &mut self,
        file: &File,
        exact: &Operations,
        endings: &Operations,
        other: file::Operation,
        context: &Context<'_>,
    ) -> Option<Table> {
        let mut all = |operations: &Operations, before: &str| -> Vec<(Box<str>, Operation)> {
            let compiled = operations.iter().filter_map(|(name, operation)| {
                if operation.value.call.is_some() || !operation.value.calls.is_empty() {
                    self.wrong(
                        operation,
                        "here the key is the operation's name: `call` is for `operations`",
                    );
                }
                let compiled = self.operation(file, &format!("{before}{name}"), operation, None, context);
                Some((name.as_str().into(), compiled?))
            });
            compiled.collect()
        };
        let exact = all(exact, "").into_iter().collect();
        let mut endings = all(endings, "*");
        endings.sort_by_key(|(ending, _)| std::cmp::Reverse(ending.len()));
        Some(Table {
            exact,
            endings,
            other: self.listed(file, other, context)?,
        })
    }

    /// What the engine says of all that a file does not.
    fn listed(&mut self, file: &File, mut operation: file::Operation, context: &Context<'_>) -> Option<Operation> {
        if file.generated.is_some() {
            let action = operation
                .action
                .as_ref()
                .and_then(|action| self.vocabulary.actions.get(action.value.as_str()));
            operation.access = action.map(|action| action.access);
            operation.by = Some(file::Evidence::Kind);
        }
        self.operation(file, "*", &placed(&file.dispatch, operation), None, context)
    }

    /// SECURITY: a document's own word decides whether it reads, never the table (test `a_table_says_nothing_else_than_documents`).
    fn only(&mut self, at: &Located<file::Operation>, reads: bool, what: &str) {
        let named = at.value.action.as_ref();
        let known = named.and_then(|action| self.vocabulary.actions.get(action.value.as_str()));
        let said = [known.map(|known| known.access), at.value.access];
        if !said
            .into_iter()
            .flatten()
            .any(|access| (access == Access::Read) != reads)
        {
            return;
        }
        match named {
            Some(action) => self.wrong(action, format!("`{}`: {what}", action.value)),
            None => self.wrong(at, what),
        }
    }

    /// SECURITY: what a stream brings is not judged, so that a field that opens one is that and nothing milder (test
    /// `a_table_says_nothing_else_than_documents`).
    fn only_streams(&mut self, at: &Located<file::Operation>) {
        let Some(action) = &at.value.action else {
            self.wrong(
                at,
                "expected `action: open_stream`: a subscription's field opens a stream",
            );
            return;
        };
        if action.value != STREAM {
            self.wrong(
                action,
                format!("`{}`: a subscription's field opens a stream", action.value),
            );
        }
    }
}

fn has(file: &File, wanted: impl Fn(&file::Reader) -> bool) -> bool {
    let mut readers = file
        .operations
        .values()
        .filter_map(|operation| operation.value.reader.as_ref());
    readers.any(|reader| wanted(&reader.value))
}

fn reader(operation: &Located<file::Operation>) -> Option<&Located<file::Reader>> {
    operation.value.reader.as_ref()
}

fn placed<T, U>(at: &Located<T>, value: U) -> Located<U> {
    Located {
        value,
        line: at.line,
        column: at.column,
    }
}

fn entry(action: &str, kind: &str, summary: &str) -> file::Operation {
    let nowhere = |value: &str| Located {
        value: value.to_owned(),
        line: 0,
        column: 0,
    };
    file::Operation {
        call: None,
        calls: Vec::new(),
        volatile: Vec::new(),
        with: file::With::default(),
        may: Vec::new(),
        action: Some(nowhere(action)),
        access: None,
        by: None,
        target: Some(file::Target {
            kind: kind.to_owned(),
            within: None,
            id: None,
            also: Vec::new(),
            wrapped: None,
            without: None,
            url_path: false,
            arn: BTreeMap::new(),
            any_case: false,
        }),
        fields: BTreeMap::new(),
        when: Vec::new(),
        summary: Some(summary.to_owned()),
        content: None,
        reader: None,
        content_ignored: false,
        content_by_get: false,
        in_parts: BTreeMap::new(),
        answer: None,
    }
}
