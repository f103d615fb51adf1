//! Operations of mapping files made ready.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use http::{HeaderName, Method};

use super::{Compiler, Context};
use crate::io::yaml::Located;
use crate::mapping::dispatch::{self, Closed, Conditions, Dispatch, NameSource, Names, Routes};
use crate::mapping::document::Path;
use crate::mapping::file::{self, File};
use crate::mapping::service::Operation;
use crate::model::Access;

impl Compiler<'_> {
    pub(super) fn dispatch(&mut self, file: &File, context: &Context<'_>) -> Dispatch {
        if !matches!(file.dispatch.value, file::Dispatch::Path) {
            for name in file.formats.iter().chain(&file.escaped) {
                self.wrong(name, "`formats` and `escaped` are for dispatch by path");
            }
        }
        let source = match &file.dispatch.value {
            file::Dispatch::Path => return self.routes(file, context),
            file::Dispatch::Parameter(name) => NameSource::Parameter(name.as_str().into()),
            file::Dispatch::After(prefix) => match self.keep(&file.dispatch, path_prefix(prefix)) {
                Some(prefix) => NameSource::Path(prefix),
                None => return Dispatch::Path(Box::default()),
            },
            file::Dispatch::Header { name, prefix } => {
                let name = HeaderName::try_from(name).map_err(|_| format!("`{name}` is no header field's name"));
                match self.keep(&file.dispatch, name) {
                    Some(name) => NameSource::Header {
                        name,
                        prefix: prefix.as_str().into(),
                    },
                    None => return Dispatch::Path(Box::default()),
                }
            }
        };
        let path = match &source {
            NameSource::Parameter(name) => Path::parse(&format!("$.params['{name}']")).map(Some),
            NameSource::Header { name, .. } => Ok(Some(Path::Header(name.clone()))),
            NameSource::Path(_) => Ok(None),
        };
        let Some(path) = self.keep(&file.dispatch, path) else {
            return Dispatch::Path(Box::default());
        };
        let mut names = Names {
            source,
            path,
            exact: HashMap::new(),
            prefixes: Vec::new(),
        };
        if matches!(names.source, NameSource::Path(_)) {
            for operation in file.prefixes.values() {
                self.wrong(operation, "`prefixes` are for dispatch by parameter or header");
            }
        }
        for (name, operation) in &file.operations {
            if let Some(compiled) = self.operation(file, name, operation, context) {
                names.exact.insert(name.as_str().into(), compiled);
            }
        }
        for (name, operation) in &file.prefixes {
            if let Some(compiled) = self.operation(file, name, operation, context) {
                names.prefixes.push((name.as_str().into(), compiled));
            }
        }
        for operation in file
            .operations
            .values()
            .chain(file.prefixes.values())
            .filter(|operation| operation.value.call.is_some())
        {
            self.wrong(
                operation,
                "`call` is for dispatch by path: here the key is the operation's name",
            );
        }
        names
            .prefixes
            .sort_by_key(|(prefix, _)| std::cmp::Reverse(prefix.len()));
        Dispatch::Name(names)
    }

    fn routes(&mut self, file: &File, context: &Context<'_>) -> Dispatch {
        let mut routes = Routes::new(self.closed(file), self.formats(file), self.escaped(file));
        for operation in file.prefixes.values() {
            self.wrong(operation, "`prefixes` are for dispatch by name");
        }
        for (name, operation) in &file.operations {
            let Some((method, template)) = self.call(operation) else {
                continue;
            };
            let Some(parameters) = self.keep(operation, dispatch::parameters(template)) else {
                continue;
            };
            let is = |segment: &str, end: &str| file.hide.iter().any(|name| *segment == format!("{{{name}{end}"));
            // Of a path whose end is hidden nobody can tell where that begins.
            let shown = !template
                .rsplit('/')
                .next()
                .is_some_and(|last| is(last, "+}") || is(last, "*}"));
            let segments = template.split('/').skip(1);
            let context = Context {
                shown_segments: segments.map(|segment| shown && !is(segment, "}")).collect(),
                parameters: parameters.into_iter().map(Arc::from).collect(),
                ..*context
            };
            if let Some(compiled) = self.operation(file, name, operation, &context) {
                let inserted = routes.insert(method, template, compiled);
                self.keep(operation, inserted);
            }
        }
        Dispatch::Path(Box::new(routes))
    }

    fn formats(&mut self, file: &File) -> Vec<Box<str>> {
        let plain = |ending: &str| {
            let letters = ending.strip_prefix('.').unwrap_or_default();
            !letters.is_empty() && letters.bytes().all(|byte| byte.is_ascii_lowercase())
        };
        for ending in file.formats.iter().filter(|ending| !plain(&ending.value)) {
            self.wrong(ending, "expected the ending of paths, as `.json`");
        }
        file.formats.iter().map(|ending| ending.value.as_str().into()).collect()
    }

    fn escaped(&mut self, file: &File) -> HashSet<Box<str>> {
        let named = |name: &str| {
            let ends = ["}", "*}"].map(|end| format!("{{{name}{end}"));
            let calls = file
                .operations
                .values()
                .filter_map(|operation| operation.value.call.as_deref());
            calls
                .flat_map(|call| call.split('/'))
                .any(|segment| ends.iter().any(|end| *end == *segment))
        };
        for name in file.escaped.iter().filter(|name| !named(&name.value)) {
            self.wrong(
                name,
                format!("no operation's `call` has a parameter `{{{}}}`", name.value),
            );
        }
        file.escaped.iter().map(|name| name.value.as_str().into()).collect()
    }

    fn closed(&mut self, file: &File) -> Option<Closed> {
        let query = file.query.as_ref()?;
        let may = &query.value.may;
        let named = file
            .operations
            .values()
            .flat_map(|operation| &operation.value.with.query);
        for name in named.filter(|name| may.contains(name)) {
            self.wrong(
                query,
                format!("`{name}` tells operations apart, so not every call may have it"),
            );
        }
        Some(Closed {
            may: may.iter().map(|name| name.as_str().into()).collect(),
            says_operation: query.value.says_operation.as_deref().map(Box::from),
            name_prefix: file.name_prefix.as_str().into(),
        })
    }

    fn conditions(&mut self, file: &File, at: &Located<file::Operation>) -> Conditions {
        let file::Operation { with, may, .. } = &at.value;
        if file.query.is_none() && !(with.query.is_empty() && with.headers.is_empty() && may.is_empty()) {
            self.wrong(
                at,
                "`with` and `may` are for files that say by `query` what any call may have",
            );
        }
        let names = |names: &[String]| names.iter().map(|name| name.as_str().into()).collect();
        Conditions {
            with: names(&with.query),
            may: names(may),
            headers: self.headers(&with.headers),
        }
    }

    fn call<'o>(&mut self, operation: &'o Located<file::Operation>) -> Option<(Method, &'o str)> {
        let split = operation.value.call.as_deref().and_then(|call| call.split_once(' '));
        let read = split.and_then(|(method, template)| {
            let known = [
                Method::GET,
                Method::HEAD,
                Method::POST,
                Method::PUT,
                Method::PATCH,
                Method::DELETE,
            ];
            Some((known.into_iter().find(|known| known.as_str() == method)?, template))
        });
        self.keep(
            operation,
            read.ok_or_else(|| "expected `call: METHOD /template`, as `POST /v1/refunds`".to_owned()),
        )
    }

    fn operation(
        &mut self,
        file: &File,
        name: &str,
        at: &Located<file::Operation>,
        context: &Context<'_>,
    ) -> Option<Operation> {
        let operation = &at.value;
        let meaning = self.meaning(at, &operation.action, operation.access, operation.summary.as_deref());
        let when: Vec<_> = operation
            .when
            .iter()
            .filter_map(|when| self.when(when, meaning.as_ref(), context))
            .collect();
        let meaning = meaning?;
        let fields = self.fields(at, &meaning, &when, context);
        let target = self.target(at, &operation.target, context);
        let paths = || {
            fields
                .iter()
                .flat_map(|(_, rule)| rule.paths())
                .chain(when.iter().map(|(trigger, _)| &trigger.any))
                .chain(
                    when.iter()
                        .flat_map(|(_, meaning)| meaning.target.iter().flat_map(|target| &target.id)),
                )
                .chain(&target.id)
        };
        let reads_body = paths().any(Path::reads_body);
        let content_ignored = operation.content_ignored || file.grpc;
        let reads_query = paths().flat_map(Path::query_names).collect();
        if content_ignored && reads_body {
            self.wrong(
                at,
                "the content is not read (`content_ignored`, `grpc`), but a field, the target or a predicate reads it: what no \
                 other part of the call tells is `not_told: true`",
            );
        }
        if operation.content.is_some() && operation.content_ignored {
            self.wrong(
                at,
                "`content` says how the content is read, `content_ignored` that it is not",
            );
        }
        if !operation.in_parts.is_empty() && !operation.content_ignored {
            self.wrong(at, "`in_parts` is about content that is not read (`content_ignored`)");
        }
        let in_parts = operation.in_parts.iter();
        let in_parts = in_parts.map(|(name, value)| (name.as_str().into(), value.as_str().into()));
        Some(Operation {
            name: format!("{}{name}", file.name_prefix).into(),
            line: at.line,
            conditions: self.conditions(file, at),
            content_ignored,
            in_parts: in_parts.collect(),
            decoder: operation.content,
            needs_body: reads_body || (meaning.access != Access::Read && !content_ignored),
            answer: operation
                .answer
                .as_ref()
                .map_or_else(|| context.answer.clone(), |answer| self.answer(at, answer)),
            parameters: context.parameters.clone(),
            shown_segments: context.shown_segments.clone(),
            reads_query,
            meaning,
            when,
            fields,
            target,
        })
    }
}

/// `/api/`: the beginning of paths.
pub(super) fn path_prefix(text: &str) -> Result<Box<str>, String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'_' | b'-' | b'.');
    match text.starts_with('/') && text.ends_with('/') && text.len() > 1 && text.bytes().all(plain) {
        true => Ok(text.into()),
        false => Err(format!("expected the beginning of a path, as `/api/`, found `{text}`")),
    }
}
