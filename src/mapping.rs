//! Call → Action, by mapping files. Stage, floor 2.
//!
//! `route` looks at the head of a call and says whether its content is needed; `resolve` makes the action. What a
//! mapping does not name is a change; what can be read in two ways is refused; a field that cannot be read is missing,
//! never zero.
//!
//! A file (`file`) is compiled (`compile`) into a `service` with its `dispatch`; a call's parts are decoded (`content`,
//! `json`, `form`, `multipart`, `xml`) into a `document`, from which `field`s are read and the `summary` is written.
//! What an agent states to the Guard API is no call to a provider: `stated`, with the `tools` table for names.

use std::collections::HashSet;
use std::sync::Arc;

use crate::io::yaml;
use crate::model::accounts::Accounts;
use crate::model::{
    Action, Authority, Call, Diagnostic, ErrorShape, Identity, Origin, Refusal, Scheme, Source, Vocabulary,
};

mod account;
mod answer;
mod aws;
mod bulk;
mod cbor;
mod compile;
mod content;
mod contents;
mod dispatch;
mod document;
mod field;
mod file;
mod form;
pub mod generated;
mod graphql;
mod guard;
mod hosts;
mod identity;
mod inert;
mod json;
pub mod kept;
mod lead;
mod mail;
mod mcp;
mod multipart;
mod outline;
mod path;
mod record;
mod resolve;
pub mod schema;
mod service;
mod shadow;
mod spelling;
mod sql;
mod stated;
mod strangers;
mod summary;
mod ties;
mod tools;
mod uncoded;
pub mod vocabulary;
mod warm;
mod xml;

pub use answer::{Reading, read_answer, wants_content};
pub use aws::ENDINGS as AWS_ENDINGS;
pub use contents::{Meant, Said};
pub use shadow::{Shadow, shadows};
pub use stated::{Misstated, Statement};

use generated::Generated;
use hosts::{Found, Hosts};
use lead::{decoder, is_form};
use service::{Operation, Service};

/// The provider of hosts without a mapping.
const UNKNOWN: &str = "unknown";

/// The mapping files in force. Immutable: a changed file makes a new value.
pub struct Mappings {
    vocabulary: Arc<Vocabulary>,
    services: Vec<Service>,
    hosts: Hosts,
    /// What people did not write; below what they did.
    generated: Generated,
    digest: Arc<str>,
    /// Providers of whose things something is remembered.
    remembering: HashSet<Arc<str>>,
    account_currency: Option<Box<str>>,
    accounts: Accounts,
    built_ins: resolve::BuiltIns,
    /// What names of tools mean that agents state.
    tools: tools::Tools,
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
        beyond: Option<&'a Service>,
    },
}

/// Where the head of a call leads.
struct Led<'a> {
    service: &'a Service,
    found: Found,
    rule: Rule<'a>,
    /// Where operations are generated of which those that people wrote do not know; for names that are yet to be read.
    beyond: Option<&'a Service>,
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

    /// What is wrong with the form of provider files: all that can be told of them without a vocabulary.
    pub fn misshapen(files: &[Source]) -> Vec<Diagnostic> {
        let mappings = files.iter().filter(|file| !generated::is_index(file));
        let wrong = mappings.filter_map(|source| match tools::is_table(source) {
            true => tools::Tools::misshapen(source),
            false => yaml::load::<file::File>(source).err(),
        });
        wrong.flatten().collect()
    }

    /// Reads the vocabulary and the provider files.
    ///
    /// # Errors
    /// All mistakes of all files at once, each with its place.
    pub fn load(vocabulary: &Source, files: &[Source]) -> Result<Mappings, Vec<Diagnostic>> {
        let digest = Self::digest_of(vocabulary, files);
        let words = Self::read_vocabulary(vocabulary)?;
        let built_ins =
            resolve::BuiltIns::new(&words).map_err(|message| vec![Diagnostic::of_file(&vocabulary.file, message)])?;
        let vocabulary = words;
        let mut problems = Vec::new();
        let (mut services, mut hosts, mut generated) = (Vec::new(), Hosts::default(), Generated::default());
        let mut names: Vec<&str> = Vec::new();
        let (tables, files): (Vec<&Source>, Vec<&Source>) = files.iter().partition(|file| tools::is_table(file));
        let (indexes, files): (Vec<&Source>, Vec<&Source>) =
            files.into_iter().partition(|file| generated::is_index(file));
        let mut tools = tools::Tools::default();
        for table in tables {
            match tools::Tools::load(table, &vocabulary) {
                Ok(read) => tools = read,
                Err(found) => problems.extend(found),
            }
        }
        let written = files.len();
        for source in files {
            let compiled = match generated::read(source, &vocabulary) {
                Ok(compiled) => compiled,
                Err(found) => {
                    problems.extend(found);
                    continue;
                }
            };
            let below = compiled.service.generated;
            for (place, pattern) in compiled.hosts {
                let (hosts, number) = match below {
                    true => generated.next(),
                    false => (&mut hosts, services.len()),
                };
                if let Err(other) = hosts.insert(pattern, number) {
                    let other = match below {
                        true => generated.file(other),
                        false => names.get(other).copied(),
                    };
                    let message = format!(
                        "`{}`: {} is for the same hosts; change one of them, or give this file that name to replace it",
                        place.value,
                        other.unwrap_or(&source.file)
                    );
                    problems.push(place.diagnostic(source, message));
                    break;
                }
            }
            match below {
                true => generated.put(source, compiled.service, written),
                false => {
                    names.push(&source.file);
                    services.push(compiled.service);
                }
            }
        }
        for index in indexes {
            problems.extend(generated.read_index(index));
        }
        let remembering = ties::remembering(&services);
        match problems.is_empty() {
            false => Err(problems),
            true => Ok(Mappings {
                vocabulary,
                services,
                hosts,
                generated,
                digest,
                remembering,
                account_currency: None,
                accounts: Accounts::default(),
                built_ins,
                tools,
            }),
        }
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
        let Some(led) = self.lead(call)? else {
            return Ok(Route {
                place: Place::Unknown,
                needs_body: false,
            });
        };
        let needed = match &led.rule {
            // Where people are asked it is read all the same, and then resolved again.
            Rule::None | Rule::OtherPort => false,
            Rule::Path(operation, _) | Rule::Name(operation, _) => {
                operation.needs_body || resolve::is_read_in_cbor(call, led.service, operation)
            }
            Rule::Parameter(_) => true,
        };
        if needed && call.is_grpc() {
            return Err(content::unread_messages());
        }
        Ok(Route {
            needs_body: needed && !content::is_empty(&call.body),
            place: Place::Known {
                service: led.service,
                captures: led.found.captures,
                rule: led.rule,
                beyond: led.beyond,
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
                beyond,
            } => self.known(call, service, &captures, rule, beyond)?,
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
        if call.origin == Origin::Guard {
            return identity::identify(call, action, None, Some(file::Decoder::Json), None, &[]);
        }
        match self.lead(call) {
            // A host that nobody knows may store parts as they come.
            Ok(None) => {
                let decoder = content::usual(call).filter(|decoder| *decoder != file::Decoder::Multipart);
                identity::identify(call, action, None, decoder, None, &[])
            }
            Ok(Some(led)) => {
                // Of what no rule names nobody knows how the provider reads it; but a form's boundary is another one each time.
                let rest = action.operation.strip_prefix(call.method.as_str());
                let described = led.service.generated && !rest.is_some_and(|rest| rest.starts_with(' '));
                let described = described || mcp::names_a_tool(action);
                let known = |decoder: &file::Decoder| !action.unmapped || described || is_form(call, *decoder);
                let decoder = decoder(call, &led).filter(known);
                let operation = led.operation(action);
                identity::identify(call, action, Some(led.service), decoder, operation, &led.captured())
            }
            // What is refused does not come here, but for what is no request: a tunnel.
            Err(_) => identity::identify(call, action, self.service(call), None, None, &[]),
        }
    }

    /// What people wrote for the call's host, with its number.
    fn written(&self, call: &Call) -> Option<(usize, &Service, Found)> {
        let found = self.hosts.find(&call.authority, call.scheme)?;
        Some((found.service, self.services.get(found.service)?, found))
    }

    /// Whose host the call's is: what people wrote for it, else what was generated.
    fn service(&self, call: &Call) -> Option<&Service> {
        match self.written(call) {
            Some((_, service, _)) => Some(service),
            None => {
                let (_, shelf) = self.generated.find(&call.authority, call.scheme)?;
                // What cannot be used is refused where it is asked what the call means.
                shelf.service(&self.vocabulary, &self.services, None).ok()
            }
        }
    }
}

#[cfg(test)]
mod tests;
