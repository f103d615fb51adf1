//! Mapping files made ready to use, with every mistake told at once.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use http::HeaderName;

use super::document::Selector;
use super::file::{self, File};
use super::form::Semicolons;
use super::hosts::Pattern;
use super::service::{IdempotencyKey, Meaning, Reveals, Service, Signer};
use crate::io::yaml::Located;
use crate::model::{Access, Answer, Diagnostic, ErrorShape, Source, Vocabulary, money};

mod apis;
mod derived;
mod fields;
mod meanings;
mod operations;
mod readers;
mod ties;

/// One file being made ready.
pub(super) struct Compiler<'a> {
    source: &'a Source,
    vocabulary: &'a Vocabulary,
    problems: Vec<Diagnostic>,
    /// What generated operations mean, by the canonical action and the access: most of a file mean the same few.
    derived: HashMap<(Arc<str>, Access), Arc<Meaning>>,
    /// Words that many operations have: kinds of targets, parameters.
    words: HashSet<Arc<str>>,
}

/// What of a file its operations need to know.
struct Context<'a> {
    captures: &'a [String],
    /// Parameters that may not stand in the record.
    hide: &'a [String],
    /// The path's parameters, in order.
    parameters: Vec<Arc<str>>,
    template: Option<&'a str>,
    /// Which segments of the path may stand in the record.
    shown_segments: Vec<bool>,
}

/// A file that is ready, and where it stands which hosts it is for.
pub(super) struct Compiled {
    pub service: Service,
    pub hosts: Vec<(Located<String>, Pattern)>,
}

/// Makes one file ready, with the hosts that it is for.
pub(super) fn compile(source: &Source, vocabulary: &Vocabulary, file: &File) -> Result<Compiled, Vec<Diagnostic>> {
    let mut compiler = Compiler {
        source,
        vocabulary,
        problems: Vec::new(),
        derived: HashMap::new(),
        words: HashSet::new(),
    };
    let hosts = compiler.hosts(file);
    let service = compiler.service(file, &hosts);
    match compiler.problems.is_empty() {
        true => Ok(Compiled { service, hosts }),
        false => Err(compiler.problems),
    }
}

impl Compiler<'_> {
    fn wrong<T>(&mut self, at: &Located<T>, message: impl Into<String>) {
        self.problems.push(at.diagnostic(self.source, message));
    }

    /// The one copy of a word.
    fn word(&mut self, word: &str) -> Arc<str> {
        if let Some(known) = self.words.get(word) {
            return known.clone();
        }
        let word: Arc<str> = word.into();
        self.words.insert(word.clone());
        word
    }

    /// The value, or its mistake on the list.
    fn keep<T, U>(&mut self, at: &Located<U>, result: Result<T, String>) -> Option<T> {
        result.map_err(|message| self.wrong(at, message)).ok()
    }

    fn hosts(&mut self, file: &File) -> Vec<(Located<String>, Pattern)> {
        if file.hosts.is_empty() {
            self.wrong(&file.provider, "expected at least one host");
        }
        let patterns = file
            .hosts
            .iter()
            .filter_map(|host| Some((host.clone(), self.keep(host, Pattern::parse(&host.value))?)));
        patterns.collect()
    }

    fn service(&mut self, file: &File, hosts: &[(Located<String>, Pattern)]) -> Service {
        if let Some(origin) = &file.generated
            && [&origin.value.by, &origin.value.source, &origin.value.version]
                .iter()
                .any(|part| part.is_empty())
        {
            self.wrong(origin, "expected what the file was made of: `{ by, source, version }`");
        }
        let name = &file.provider.value;
        if name == super::UNKNOWN
            || name.is_empty()
            || !name
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        {
            self.wrong(&file.provider, format!("`{name}` cannot be a provider's name: expected lower-case letters, digits and `-`, but not `unknown`"));
        }
        let captures: Vec<String> = hosts
            .iter()
            .flat_map(|(_, pattern)| pattern.captures())
            .map(str::to_owned)
            .collect();
        let answer = self.answer(&file.provider, &file.answer);
        let context = Context {
            captures: &captures,
            hide: &file.hide,
            parameters: Vec::new(),
            template: None,
            shown_segments: Vec::new(),
        };
        let environment = file
            .environment
            .as_ref()
            .and_then(|rule| self.environment(rule, &context));
        let dispatch = self.dispatch(file, &context);
        let mut show: HashSet<Box<str>> = file.show.iter().map(|name| name.as_str().into()).collect();
        if let file::Dispatch::Parameter(name) = &file.dispatch.value {
            show.insert(name.as_str().into());
        }
        Service {
            file: self.source.file.as_str().into(),
            provider: name.as_str().into(),
            title: file.title.as_ref().unwrap_or(name).as_str().into(),
            dispatch: Arc::new(dispatch),
            generated: file.generated.is_some(),
            safe_methods: file.safe_methods || matches!(file.dispatch.value, file::Dispatch::Mcp),
            grpc: file.grpc,
            first_segment: file
                .first_segment
                .as_ref()
                .map(|name| self.first_segment(name, &captures)),
            safe_below: self.safe_below(file),
            name_prefix: file.name_prefix.as_str().into(),
            content: self.content(file),
            environment,
            significant: self.headers(&file.significant),
            // SECURITY: of generated operations nobody said which header fields the provider acts on (test
            // `a_generated_operation_is_another_one_with_another_header_field`).
            every_header: file.every_header || file.generated.is_some(),
            secret: self.headers(&file.secret),
            account: self.headers(&file.account),
            volatile: file.volatile.iter().map(|name| name.as_str().into()).collect(),
            volatile_content: file.volatile_content.iter().map(|name| name.as_str().into()).collect(),
            volatile_headers: self.headers(&file.volatile_headers),
            idempotency: file.idempotency.as_ref().and_then(|key| self.idempotency(key)),
            aws: file.aws.as_ref().map(|aws| self.signer(file, aws)),
            currency_places: self.currency_places(file),
            refuse_headers: self.headers(&file.refuse.headers),
            refuse_query: file.refuse.query.iter().map(|name| name.as_str().into()).collect(),
            show,
            query_apart: file.query_apart,
            semicolons: match file.semicolons_in_values {
                true => Semicolons::InValues,
                false => Semicolons::Refused,
            },
            repeated: file.repeated.iter().map(|name| name.as_str().into()).collect(),
            reveals: file.reveals.as_ref().map(|reveals| Reveals {
                parameter: reveals.parameter.as_str().into(),
                words: reveals.words.iter().map(|word| word.as_str().into()).collect(),
            }),
            graphql: self.graphql(file, &context).map(Arc::new),
            mcp: self.mcp(file, &context),
            written: HashMap::new(),
            answer: answer.clone(),
        }
    }

    fn signer(&mut self, file: &File, aws: &file::Aws) -> Signer {
        if aws.service.is_some() != aws.services.is_empty() {
            self.wrong(
                &file.provider,
                "`aws`: expected exactly one of `service` and `services`",
            );
        }
        let services = aws.service.iter().chain(&aws.services);
        Signer {
            services: services.map(|service| service.as_str().into()).collect(),
            region: aws.region.as_deref().map(Box::from),
        }
    }

    fn first_segment(&mut self, name: &Located<String>, captures: &[String]) -> Box<str> {
        if !captures.contains(&name.value) {
            self.wrong(name, format!("no host pattern captures `{}`", name.value));
        }
        name.value.as_str().into()
    }

    fn safe_below(&mut self, file: &File) -> Box<str> {
        match &file.safe_below {
            None => "/".into(),
            Some(prefix) => {
                if !file.safe_methods {
                    self.wrong(
                        prefix,
                        "`safe_below` says where `safe_methods: true` holds, which is not said",
                    );
                }
                let read = operations::path_prefix(&prefix.value);
                self.keep(prefix, read).unwrap_or_else(|| "/".into())
            }
        }
    }

    fn content(&mut self, file: &File) -> Vec<(Box<str>, file::Decoder)> {
        for name in file
            .content
            .keys()
            .filter(|name| !name.contains('/') || name.contains([';', ' ']) || name.to_ascii_lowercase() != **name)
        {
            self.wrong(
                &file.provider,
                format!("`{name}` is no media type in lower case without parameters"),
            );
        }
        let of_parts = |name: &str| matches!(name, "multipart/form-data" | "multipart/related");
        for (name, _) in file
            .content
            .iter()
            .filter(|(_, decoder)| **decoder != file::Decoder::Mail)
            .filter(|(name, decoder)| of_parts(name) != (**decoder == file::Decoder::Multipart))
        {
            self.wrong(
                &file.provider,
                format!("`content`: `{name}`: `multipart` is for `multipart/form-data` and `multipart/related`, and only those"),
            );
        }
        let of_mail = |name: &str| matches!(name, "message/rfc822" | "multipart/related");
        let mails = file
            .content
            .iter()
            .filter(|(_, decoder)| **decoder == file::Decoder::Mail);
        for (name, _) in mails.filter(|(name, _)| !of_mail(name)) {
            self.wrong(
                &file.provider,
                format!("`content`: `{name}`: `mail` is for `message/rfc822` and `multipart/related`"),
            );
        }
        let said = file
            .content
            .iter()
            .map(|(name, decoder)| (name.as_str().into(), *decoder));
        match (&file.dispatch.value, file.content.is_empty()) {
            (file::Dispatch::Mcp, true) => vec![("application/json".into(), file::Decoder::Json)],
            _ => said.collect(),
        }
    }

    fn currency_places(&mut self, file: &File) -> BTreeMap<Box<str>, u32> {
        for (code, _) in file.currency_places.iter().filter(|(code, places)| {
            money::exponent(code).is_none() || code.to_ascii_lowercase() != **code || **places > 4
        }) {
            self.wrong(
                &file.provider,
                format!("`currency_places`: `{code}` is no currency in lower case, or has more than 4 places"),
            );
        }
        let places = file.currency_places.iter();
        places.map(|(code, places)| (code.as_str().into(), *places)).collect()
    }

    fn headers(&mut self, names: &[Located<String>]) -> Vec<HeaderName> {
        let read = |name: &Located<String>| {
            HeaderName::try_from(&name.value).map_err(|_| format!("`{}` is no header field's name", name.value))
        };
        names.iter().filter_map(|name| self.keep(name, read(name))).collect()
    }

    fn idempotency(&mut self, key: &Located<file::Idempotency>) -> Option<IdempotencyKey> {
        match &key.value {
            file::Idempotency::Parameter(name) => Some(IdempotencyKey::Parameter(name.as_str().into())),
            file::Idempotency::Header(name) => {
                let name = HeaderName::try_from(name).map_err(|_| format!("`{name}` is no header field's name"));
                self.keep(key, name).map(IdempotencyKey::Header)
            }
        }
    }

    fn answer<T>(&mut self, at: &Located<T>, answer: &Answer) -> Arc<Answer> {
        if answer.error == ErrorShape::Grpc {
            self.wrong(
                at,
                "`error: grpc` is not said: calls by gRPC are answered so of themselves",
            );
        }
        for path in answer.success.iter().chain(&answer.result_id) {
            let read = Selector::parse(path);
            self.keep(at, read);
        }
        self.ties(at, answer);
        Arc::new(answer.clone())
    }
}
