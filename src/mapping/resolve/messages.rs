//! Calls whose content names the operations: documents of GraphQL, messages of the Model Context Protocol.

use std::sync::Arc;

use serde_json::{Value as Json, json};

use super::statements::together;
use super::{Decoded, Matched, check_names, content, decode, full_name};
use crate::mapping::Mappings;
use crate::mapping::file::Decoder;
use crate::mapping::form::Nesting;
use crate::mapping::graphql::{self, Kind};
use crate::mapping::mcp::{self, Message};
use crate::mapping::record::{self, Known};
use crate::mapping::service::{Operation, Service};
use crate::model::{Access, Action, Call, Refusal};

impl Mappings {
    /// Each field of the documents' roots is an operation. What cannot be read is a change that nobody knows.
    pub(super) fn by_document(
        &self,
        call: &Call,
        service: &Service,
        captures: &[(Arc<str>, String)],
        operation: &Operation,
        beyond: Option<&Service>,
    ) -> Result<Action, Refusal> {
        let unknown = || self.unnamed(call, Some(service), false);
        let empty = content::is_empty(&call.body);
        let (Some(table), true) = (
            &service.graphql,
            empty || content::of_media_type(call, service) == Ok(Decoder::Json),
        ) else {
            return Ok(unknown());
        };
        let decoded = decode(call, service, !empty, operation.decoder, Nesting::Brackets)?;
        let body = decoded.body.as_ref().map(|body| &body.value);
        let Some(roots) = graphql::read(decoded.query.as_ref(), body) else {
            return Ok(unknown());
        };
        let mut actions = Vec::new();
        for root in roots {
            let fields = table.of(root.kind);
            let (own, listed) = fields.find(&root.name);
            // What people wrote, a name's ending too, goes before what was generated.
            let below = || {
                let below = beyond.filter(|_| fields.listed(&root.name).is_none())?;
                let theirs = below.graphql.as_deref()?.of(root.kind);
                Some((below, theirs.listed(&root.name)?))
            };
            let (service, operation) = below().unwrap_or((service, own));
            let known = listed || root.kind != Kind::Mutation;
            let content = json!({ "arguments": root.arguments });
            let name = full_name(service, &root.name);
            let mut action = self.part(call, service, captures, (operation, name), content, None)?;
            // SECURITY: a mutation that a schema alone names is one that nobody knows (test
            // `what_a_schema_alone_names_is_held`).
            action.unmapped |= !known;
            actions.push(action);
        }
        Ok(strictest_first(actions).unwrap_or_else(unknown))
    }

    /// Each message is an operation.
    pub(super) fn by_messages(
        &self,
        call: &Call,
        service: &Service,
        captures: &[(Arc<str>, String)],
    ) -> Result<Action, Refusal> {
        let unknown = || self.unnamed(call, Some(service), false);
        let (Some(table), true) = (&service.mcp, content::of_media_type(call, service) == Ok(Decoder::Json)) else {
            return Ok(unknown());
        };
        let decoded = decode(call, service, true, None, Nesting::Brackets)?;
        let Some(body) = decoded.body else {
            return Ok(unknown());
        };
        let query = decoded.query.as_ref();
        let mut actions = Vec::new();
        for message in mcp::read(&body.value, &call.headers)? {
            let (operation, name, content, known) = match message {
                Message::Tool { name, message } => {
                    // SECURITY: what a tool does that nobody listed its server alone knows; another name for a listed one
                    // would pass (test `a_tool_that_nobody_listed_is_a_change_that_nobody_knows`).
                    //
                    // SECURITY: what runs code does whatever it is told, so that a rule which lets unlisted tools go does not
                    // let it go with them (test `a_tool_that_runs_code_is_held_by_its_name`).
                    let (operation, listed) = match table.tools.find(name) {
                        (_, false) if mcp::runs_code(name) => (&table.code, false),
                        found => found,
                    };
                    if !listed && mcp::takes_sql(name) {
                        let name = format!("{}{name}", mcp::TOOL).into();
                        let sql = self.part(call, service, captures, (&table.sql, name), message.clone(), query)?;
                        actions.extend(changes(sql));
                    }
                    (operation, format!("{}{name}", mcp::TOOL), message, listed)
                }
                Message::Method { name, message } if mcp::READS.contains(&name) => {
                    (&table.reads, name.to_owned(), message, true)
                }
                Message::Method { name, message } => (&table.other, name.to_owned(), message, false),
                Message::Other => {
                    actions.push(Action {
                        inspected: true,
                        ..unknown()
                    });
                    continue;
                }
            };
            let mut action = self.part(
                call,
                service,
                captures,
                (operation, name.into()),
                content.clone(),
                query,
            )?;
            action.unmapped |= !known;
            actions.push(action);
        }
        Ok(strictest_first(actions).unwrap_or_else(unknown))
    }

    /// One operation of a call that has several, with its part of the content, and with the query where that says something of each.
    fn part(
        &self,
        call: &Call,
        service: &Service,
        captures: &[(Arc<str>, String)],
        (operation, name): (&Operation, Arc<str>),
        content: Json,
        query: Option<&Json>,
    ) -> Result<Action, Refusal> {
        let decoded = Decoded {
            query: query.cloned(),
            body: Some(content::Decoded {
                value: content,
                decoder: Decoder::Json,
                uncoded: None,
            }),
        };
        check_names(&operation.sought, &decoded)?;
        let matched = Matched {
            service,
            operation,
            name,
            captures,
            parameters: Vec::new(),
        };
        let mut action = self.judged(call, &matched, &decoded);
        let line = record::request_line(call, Known::Service(service));
        action
            .also
            .iter_mut()
            .for_each(|also| also.request_line.clone_from(&line));
        action.request_line = line;
        Ok(action)
    }
}

/// What a statement changes that a tool which nobody listed takes, by what it says. A statement that only reads says nothing of
/// the tool, and one that cannot be read nothing at all.
///
/// SECURITY: a rule that lets unlisted tools go does not let a deletion go with them (test
/// `a_statement_of_a_tool_that_nobody_listed_is_judged_too`).
fn changes(mut sql: Action) -> Option<Action> {
    let told = sql.access != Access::Read && sql.fields.contains_key("sql_verb");
    sql.unmapped = true;
    told.then_some(sql)
}

fn strictest_first(mut actions: Vec<Action>) -> Option<Action> {
    actions.sort_by_key(|action| std::cmp::Reverse(action.access));
    together(actions)
}
