//! Operations of mapping files made ready.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use http::{HeaderName, Method};

use super::{Compiler, Context};
use crate::io::yaml::Located;
use crate::mapping::dispatch::{self, Closed, Conditions, Dispatch, NameSource, Names, Routes, Shape};
use crate::mapping::document::{Path, Sought};
use crate::mapping::file::{self, File};
use crate::mapping::service::{self, Operation};
use crate::model::Access;
use crate::model::vocabulary::FieldClass;

impl Compiler<'_> {
    pub(super) fn dispatch(&mut self, file: &File, context: &Context<'_>) -> Dispatch {
        if !matches!(file.dispatch.value, file::Dispatch::Path) {
            for name in file.formats.iter().chain(&file.escaped) {
                self.wrong(name, "`formats` and `escaped` are for dispatch by path");
            }
        }
        let source = match &file.dispatch.value {
            file::Dispatch::Path => return self.routes(file, context),
            file::Dispatch::Aws(apis) => return self.apis(file, apis, context),
            file::Dispatch::Mcp => return self.messages(file, context),
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
        let sought = match &source {
            NameSource::Parameter(name) => {
                Path::parse(&format!("$.params['{name}']")).map(|path| Sought::new(&[&path]))
            }
            NameSource::Header { .. } | NameSource::Path(_) => Ok(Sought::default()),
        };
        let Some(sought) = self.keep(&file.dispatch, sought) else {
            return Dispatch::Path(Box::default());
        };
        let mut names = Names {
            source,
            sought,
            exact: HashMap::new(),
            prefixes: Vec::new(),
            versioned: false,
        };
        if matches!(names.source, NameSource::Path(_)) {
            for operation in file.prefixes.values() {
                self.wrong(operation, "`prefixes` are for dispatch by parameter or header");
            }
        }
        for (name, operation) in &file.operations {
            if let Some(compiled) = self.operation(file, name, operation, None, context) {
                names.exact.insert(name.as_str().into(), compiled);
            }
        }
        for (name, operation) in &file.prefixes {
            if let Some(compiled) = self.operation(file, name, operation, None, context) {
                names.prefixes.push((name.as_str().into(), compiled));
            }
        }
        for operation in file
            .operations
            .values()
            .chain(file.prefixes.values())
            .filter(|operation| operation.value.call.is_some() || !operation.value.calls.is_empty())
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
            let calls = self.calls(operation);
            // What it means is looked at although nobody can say of which call.
            if calls.is_empty() && file.generated.is_none() {
                drop(self.written(operation));
            }
            for (method, template) in calls {
                self.route(&mut routes, file, (name, operation), &method, template, context);
            }
        }
        routes.settle();
        Dispatch::Path(Box::new(routes))
    }

    /// Adds one of an operation's calls.
    pub(super) fn route(
        &mut self,
        routes: &mut Routes,
        file: &File,
        (name, operation): (&str, &Located<file::Operation>),
        method: &Method,
        template: &str,
        context: &Context<'_>,
    ) {
        let (template, query) = template.split_once('?').unwrap_or((template, ""));
        let mut alternatives = dispatch::alternatives(template);
        let Some(first) = alternatives.first() else { return };
        let Some(parameters) = self.keep(operation, dispatch::parameters(first)) else {
            return;
        };
        let parameters: Vec<Arc<str>> = parameters.into_iter().map(|name| self.word(name)).collect();
        let is_hidden = |segment: &str| {
            dispatch::slot(segment).is_some_and(|(_, name, _)| {
                file.hide
                    .iter()
                    .any(|hidden| name.trim_end_matches(['+', '*']) == hidden)
            })
        };
        let takes_rest = |segment: &str| segment.ends_with("+}") || segment.ends_with("*}");
        // Of a path whose end is hidden nobody can tell where that begins.
        let last = template.rsplit('/').next().unwrap_or_default();
        let shown = !(takes_rest(last) && is_hidden(last));
        let segments = template.split('/').skip(1).filter(|_| file.generated.is_none());
        let context = Context {
            shown_segments: segments.map(|segment| shown && !is_hidden(segment)).collect(),
            parameters,
            template: Some(template),
            ..*context
        };
        if let Some(mut compiled) = self.operation(file, name, operation, Some(method), &context) {
            if !query.is_empty() {
                compiled.conditions.with.extend(query.split('&').map(Box::from));
            }
            let compiled = Arc::new(compiled);
            for template in alternatives.drain(..) {
                let inserted = routes.insert(method, &template, compiled.clone());
                self.keep(operation, inserted);
            }
        }
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
            let operations = file.operations.values().map(|operation| &operation.value);
            let calls = operations.flat_map(|operation| operation.call.iter().chain(&operation.calls));
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
            open: false,
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

    pub(super) fn calls<'o>(&mut self, operation: &'o Located<file::Operation>) -> Vec<(Method, &'o str)> {
        let all = operation.value.call.iter().chain(&operation.value.calls);
        let read = |call: &'o str| {
            let known = [
                Method::GET,
                Method::HEAD,
                Method::POST,
                Method::PUT,
                Method::PATCH,
                Method::DELETE,
            ];
            let (method, template) = call.split_once(' ')?;
            Some((known.into_iter().find(|known| known.as_str() == method)?, template))
        };
        let read: Option<Vec<_>> = all.map(|call| read(call)).collect();
        let one_way = operation.value.call.is_none() || operation.value.calls.is_empty();
        let read = read.filter(|read| !read.is_empty() && one_way);
        let read = read.ok_or_else(|| "expected `call: METHOD /template`, as `POST /v1/refunds`".to_owned());
        self.keep(operation, read).unwrap_or_default()
    }

    pub(super) fn operation(
        &mut self,
        file: &File,
        name: &str,
        at: &Located<file::Operation>,
        method: Option<&Method>,
        context: &Context<'_>,
    ) -> Option<Operation> {
        let operation = &at.value;
        let meaning = match file.generated.is_some() {
            true => self.derived(at, method),
            false => self.written(at).map(Arc::new),
        };
        let when: Vec<_> = operation
            .when
            .iter()
            .filter_map(|when| self.when(when, meaning.as_deref(), context))
            .collect();
        let mut fields = self.fields(at, meaning.as_deref(), &when, file.generated.is_some(), context);
        // What is wrong with its calls is told although nobody knows what it means.
        let meaning = meaning.or_else(|| self.any_meaning().map(Arc::new))?;
        let target = match &operation.target {
            Some(target) => self.target(at, target, context),
            None => self.derived_target(&meaning, &mut fields, context),
        };
        let reader = operation
            .reader
            .as_ref()
            .and_then(|reader| self.reader(reader, context));
        let paths = service::paths(&fields, &when, &target, reader.as_ref());
        let reads_body = paths.iter().any(|path| path.reads_body());
        let content_ignored = operation.content_ignored || file.grpc;
        let sought = Sought::new(&paths);
        let reads_query = paths.into_iter().flat_map(Path::query_names).collect();
        let is_url = |name: &str| {
            let field = self.vocabulary.fields.get(name);
            field.is_some_and(|field| field.class == FieldClass::Url)
        };
        let urls = fields.iter().filter(|(name, _)| is_url(name));
        let hides_query = urls
            .flat_map(|(_, rule)| rule.paths())
            .flat_map(Path::query_names)
            .collect();
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
            content_by_get: operation.content_by_get,
            volatile: operation.volatile.iter().map(|name| name.as_str().into()).collect(),
            in_parts: in_parts.collect(),
            decoder: operation.content,
            // What a generated operation's content means nobody said: there is nothing to read it for.
            needs_body: reads_body
                || reader.is_some()
                || (meaning.access != Access::Read && !content_ignored && file.generated.is_none()),
            answer: operation.answer.as_ref().map(|answer| self.answer(at, answer)),
            parameters: context.parameters.clone(),
            shape: Shape::of(method, context.template),
            shown_segments: context.shown_segments.clone(),
            sought,
            reads_query,
            hides_query,
            reader,
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
