//! Call → Action, by mapping files. Stage, floor 2.
//!
//! `route` looks at the head of a call and says whether its content is needed; `resolve` makes the action. What a
//! mapping does not name is a change; what can be read in two ways is refused; a field that cannot be read is missing,
//! never zero.
//!
//! A file (`file`) is compiled (`compile`) into a `service` with its `dispatch`; a call's parts are decoded (`content`,
//! `json`, `form`, `multipart`, `xml`) into a `document`, from which `field`s are read and the `summary` is written.

use std::sync::Arc;

use crate::io::yaml;
use crate::model::{Action, Authority, Call, Diagnostic, ErrorShape, Identity, Refusal, Scheme, Source, Vocabulary};

mod answer;
mod aws;
mod compile;
mod content;
mod contents;
mod dispatch;
mod document;
mod field;
mod file;
mod form;
mod guard;
mod hosts;
mod identity;
mod inert;
mod json;
mod multipart;
mod outline;
mod path;
mod record;
mod resolve;
mod service;
mod spelling;
mod strangers;
mod summary;
mod uncoded;
pub mod vocabulary;
mod xml;

pub use answer::{Reading, read_answer, wants_content};
pub use contents::Meant;

use dispatch::{Dispatch, NameSource};
use hosts::{Found, Hosts};
use service::{Operation, Service};

/// The provider of hosts without a mapping.
const UNKNOWN: &str = "unknown";

/// The mapping files in force. Immutable: a changed file makes a new value.
pub struct Mappings {
    vocabulary: Arc<Vocabulary>,
    services: Vec<Service>,
    hosts: Hosts,
    digest: Arc<str>,
    account_currency: Option<Box<str>>,
    built_ins: resolve::BuiltIns,
}

/// What the head of a call tells: which provider's rules apply and whether the content is needed.
pub struct Route<'a> {
    place: Place<'a>,
    needs_body: bool,
}

enum Place<'a> {
    /// No mapping is for this host.
    Unknown,
    Known {
        service: &'a Service,
        captures: Vec<(Arc<str>, String)>,
        rule: Rule<'a>,
    },
}

enum Rule<'a> {
    /// The mapping names no such operation.
    None,
    /// The port is not the mapping's: nothing it says counts.
    OtherPort,
    /// By method and path.
    Path(&'a Operation, Vec<String>),
    /// By the name in a header field or in the path.
    Name(&'a Operation, String),
    /// By the name in query or content, which are to be read.
    Parameter(&'a dispatch::Names),
}

impl Route<'_> {
    /// Whether `resolve` needs the content captured.
    pub fn needs_body(&self) -> bool {
        self.needs_body
    }
}

impl Mappings {
    /// Reads the vocabulary (`actions.yaml`) alone.
    ///
    /// # Errors
    /// All mistakes of it, each with its place.
    pub fn read_vocabulary(source: &Source) -> Result<Arc<Vocabulary>, Vec<Diagnostic>> {
        vocabulary::load(source).map(Arc::new)
    }

    /// Reads the vocabulary and the provider files.
    ///
    /// # Errors
    /// All mistakes of all files at once, each with its place. Of a file that is no YAML of the right shape only the
    /// first is known.
    pub fn load(vocabulary: &Source, files: &[Source]) -> Result<Mappings, Vec<Diagnostic>> {
        let digest = Self::digest_of(vocabulary, files);
        let words = Self::read_vocabulary(vocabulary)?;
        let built_ins =
            resolve::BuiltIns::new(&words).map_err(|message| vec![Diagnostic::of_file(&vocabulary.file, message)])?;
        let vocabulary = words;
        let mut problems = Vec::new();
        let (mut services, mut hosts) = (Vec::new(), Hosts::default());
        let mut names: Vec<&str> = Vec::new();
        for source in files {
            let file: file::File = match yaml::load(source) {
                Ok(file) => file,
                Err(diagnostic) => {
                    problems.push(*diagnostic);
                    continue;
                }
            };
            match compile::compile(source, &vocabulary, &file) {
                Err(found) => problems.extend(found),
                Ok(compile::Compiled {
                    service,
                    hosts: patterns,
                }) => {
                    for (at, pattern) in patterns {
                        if let Err(other) = hosts.insert(pattern, services.len()) {
                            let other = names.get(other).copied().unwrap_or(&source.file);
                            let message = format!(
                                "`{}`: {other} is for the same hosts; change one of them, or give this file that name to replace it",
                                at.value
                            );
                            problems.push(at.diagnostic(source, message));
                        }
                    }
                    names.push(&source.file);
                    services.push(service);
                }
            }
        }
        match problems.is_empty() {
            false => Err(problems),
            true => Ok(Mappings {
                vocabulary,
                services,
                hosts,
                digest,
                account_currency: None,
                built_ins,
            }),
        }
    }

    /// Says which currency amounts without one are in, for summaries only.
    #[must_use]
    pub fn with_account_currency(mut self, currency: Option<&str>) -> Mappings {
        self.account_currency = currency.map(Box::from);
        self
    }

    pub fn vocabulary(&self) -> &Arc<Vocabulary> {
        &self.vocabulary
    }

    /// SHA-256 (hex) over vocabulary and files in order of their names.
    pub fn digest(&self) -> &Arc<str> {
        &self.digest
    }

    /// What `digest` of these files would be.
    pub fn digest_of(vocabulary: &Source, files: &[Source]) -> Arc<str> {
        Source::digest(std::iter::once(vocabulary).chain(files))
    }

    /// By the head only.
    ///
    /// # Errors
    /// `malformed` for what another server could read as another call, on hosts with a mapping.
    pub fn route(&self, call: &Call) -> Result<Route<'_>, Refusal> {
        let Some((service, found)) = self.service(call) else {
            return Ok(Route {
                place: Place::Unknown,
                needs_body: false,
            });
        };
        let path = service.path(call, &found);
        guard::check(call, service, &path)?;
        if let Some(signer) = &service.aws {
            aws::check(call, signer, found.capture("region"))?;
        }
        let rule = match found.port {
            true => rule(call, service, &path)?,
            false => Rule::OtherPort,
        };
        let needed = match &rule {
            // Where people are asked it is read all the same, and then resolved again.
            Rule::None | Rule::OtherPort => false,
            Rule::Path(operation, _) | Rule::Name(operation, _) => operation.needs_body,
            Rule::Parameter(_) => true,
        };
        if needed && call.is_grpc() {
            return Err(content::unread_messages());
        }
        Ok(Route {
            needs_body: needed && !content::is_empty(&call.body),
            place: Place::Known {
                service,
                captures: found.captures,
                rule,
            },
        })
    }

    /// The action of a call whose content was captured if `route.needs_body()`.
    ///
    /// # Errors
    /// `not_inspectable` for content that is needed and of a type or coding that the mapping does not read;
    /// `malformed` for content or query that is not of its type, or that names a parameter twice.
    pub fn resolve(&self, call: &Call, route: Route<'_>) -> Result<Action, Refusal> {
        let mut action = match route.place {
            Place::Unknown => self.unknown(call),
            Place::Known {
                service,
                captures,
                rule,
            } => self.known(call, service, &captures, rule)?,
        };
        if call.is_grpc() {
            action.answer = self.built_ins.grpc.clone();
        }
        Ok(action)
    }

    /// The action of bytes after CONNECT that are no TLS: `call.method` is CONNECT.
    pub fn tunnel(&self, call: &Call) -> Action {
        self.connection(call, &self.built_ins.open_tunnel)
    }

    /// The action of a call that asks to change the connection to another protocol (Upgrade). A handshake is a request too:
    /// it also means what that would.
    ///
    /// # Errors
    /// As [`Mappings::route`] and [`Mappings::resolve`], of a handshake.
    // SECURITY: a server that knows of no WebSocket there passes the Upgrade over and does what the request says. Test:
    // `a_handshake_is_judged_by_what_it_asks_as_a_request_too`.
    pub fn stream(&self, call: &Call) -> Result<Action, Refusal> {
        let mut action = self.connection(call, &self.built_ins.open_stream);
        if call.opens_stream() {
            let request = self.resolve(call, self.route(call)?)?;
            action.summary = format!("{} ({})", action.summary, action.request_line);
            if !self.is_plain_read(&request) {
                action.also.push(request);
            }
        }
        Ok(action)
    }

    /// The shape of refusals of a call that is not understood yet, or never will be.
    pub fn error_shape(&self, authority: &Authority, scheme: Scheme, path: &str) -> ErrorShape {
        let service = self
            .hosts
            .find(authority, scheme)
            .and_then(|found| self.services.get(found.service));
        service
            .and_then(|service| service.answer_at(path))
            .map_or(ErrorShape::Problem, |answer| answer.error)
    }

    /// What makes this call the same call when it is made again. The content must have been captured.
    ///
    /// # Errors
    /// `not_inspectable` if it was not; `malformed` for an AWS signature that cannot be read.
    pub fn identify(&self, call: &Call, action: &Action) -> Result<Identity, Refusal> {
        match self.service(call) {
            // A host that nobody knows may store parts as they come.
            None => {
                let decoder = content::usual(call).filter(|decoder| *decoder != file::Decoder::Multipart);
                identity::identify(call, action, None, decoder)
            }
            Some((service, found)) => {
                // Of what no rule names nobody knows how the provider reads it; but a form's boundary is another one each time.
                let known = |decoder: &file::Decoder| !action.unmapped || is_form(call, *decoder);
                let decoder = decoder(call, service, &found).filter(known);
                identity::identify(call, action, Some(service), decoder)
            }
        }
    }

    fn service(&self, call: &Call) -> Option<(&Service, Found)> {
        let found = self.hosts.find(&call.authority, call.scheme)?;
        Some((self.services.get(found.service)?, found))
    }
}

/// What a mapping reads a call's content by; `None` if it does not look at it, or not at content of that type.
fn decoder(call: &Call, service: &Service, found: &Found) -> Option<file::Decoder> {
    // What cannot be routed does not come here.
    let rule = match found.port {
        true => rule(call, service, &service.path(call, found)).ok()?,
        false => Rule::OtherPort,
    };
    match rule {
        Rule::OtherPort => None,
        // What nobody reads may be anything; but the boundary of what the provider takes apart is another one each time.
        Rule::Path(operation, _) | Rule::Name(operation, _) if operation.content_ignored => {
            let decoder = content::of_media_type(call, service).ok();
            let parted = |decoder| decoder == file::Decoder::Multipart && operation.takes_apart(call);
            decoder.filter(|decoder| is_form(call, *decoder) || parted(*decoder))
        }
        Rule::Path(operation, _) | Rule::Name(operation, _) => {
            operation.decoder.or_else(|| content::of_media_type(call, service).ok())
        }
        Rule::None | Rule::Parameter(_) => content::of_media_type(call, service).ok(),
    }
}

/// Whether it is a form in parts, which a provider that takes any reads.
///
/// SECURITY: who stores parts as they come stores their boundary, so that an approval would be spent on other bytes (tests
/// `an_object_made_of_parts_is_another_one_under_another_boundary`, `a_stranger_may_store_parts_as_they_come`).
fn is_form(call: &Call, decoder: file::Decoder) -> bool {
    decoder == file::Decoder::Multipart && content::usual(call) == Some(file::Decoder::Multipart)
}

/// Which rule of a mapping a call's head leads to. `path`: as the templates have it.
fn rule<'a>(call: &Call, service: &'a Service, path: &str) -> Result<Rule<'a>, Refusal> {
    // SECURITY: the same path with JSON in it may be another call to a gateway that takes both, and its content would go
    // unread (test `what_is_not_grpc_is_no_operation_of_grpc`).
    if service.grpc && !call.is_grpc() {
        return Ok(Rule::None);
    }
    match &service.dispatch {
        Dispatch::Path(routes) => {
            let method = match call.method == http::Method::HEAD && service.safe_methods {
                true => &http::Method::GET,
                false => &call.method,
            };
            let fit = routes.find(method, path, call)?;
            Ok(fit.map_or(Rule::None, |fit| Rule::Path(fit.operation, fit.parameters)))
        }
        Dispatch::Name(names) => match &names.source {
            source @ NameSource::Path(_) => {
                let found = source
                    .in_path(&call.path)
                    .and_then(|name| Some((names.find(name)?, name)));
                Ok(found.map_or(Rule::None, |(operation, name)| Rule::Name(operation, name.to_owned())))
            }
            NameSource::Parameter(_) | NameSource::Header { .. } if call.path != "/" => Ok(Rule::None),
            NameSource::Parameter(_) => Ok(Rule::Parameter(names)),
            NameSource::Header { .. } => {
                let name = names.source.in_header(call)?;
                let found = name.and_then(|name| Some((names.find(name)?, name)));
                Ok(found.map_or(Rule::None, |(operation, name)| Rule::Name(operation, name.to_owned())))
            }
        },
    }
}

#[cfg(test)]
mod tests;
