//! Which rule a call's head leads to.

use std::sync::Arc;

use super::dispatch::{Dispatch, NameSource};
use super::hosts::Found;
use super::service::{Operation, Reader, Service, Worst};
use super::{Led, Mappings, Rule, aws, content, file, guard};
use crate::model::{Access, Action, Call, Refusal};

impl Mappings {
    /// By what people wrote first; where that names no operation, by what was generated for the host.
    ///
    /// # Errors
    /// As [`Mappings::route`]; `not_inspectable` where what was generated cannot be used.
    pub(super) fn lead(&self, call: &Call) -> Result<Option<Led<'_>>, Refusal> {
        let theirs = || self.generated.find(&call.authority, call.scheme);
        let Some((number, service, found)) = self.written(call) else {
            let Some((found, shelf)) = theirs() else {
                return Ok(None);
            };
            let service = shelf.service(&self.vocabulary, &self.services, None)?;
            let rule = led(call, service, &found)?;
            check_unnamed(call, service, &found, &rule)?;
            return Ok(Some(Led {
                service,
                found,
                rule,
                beyond: None,
            }));
        };
        let rule = led(call, service, &found)?;
        if let Rule::Path(operation, _) = &rule
            && let Some(led) = self.described(call, number, &found, operation)?
        {
            return Ok(Some(led));
        }
        let open = match &rule {
            Rule::None | Rule::Parameter(_) => true,
            // The names are in its documents.
            Rule::Path(operation, _) => matches!(operation.reader, Some(Reader::Graphql)),
            Rule::Name(..) | Rule::OtherPort => false,
        };
        let below = if open { theirs() } else { None };
        let Some((mut below, shelf)) = below.filter(|(below, _)| below.port) else {
            check_unnamed(call, service, &found, &rule)?;
            return Ok(Some(Led {
                service,
                found,
                rule,
                beyond: None,
            }));
        };
        let merged = shelf.service(&self.vocabulary, &self.services, Some(number))?;
        let beyond = Some(merged);
        if matches!(rule, Rule::None) {
            below.captures.extend(found.captures.iter().cloned());
            let theirs = led(call, merged, &below)?;
            let written = match &theirs {
                Rule::Path(operation, _) | Rule::Name(operation, _) => merged.is_written(operation),
                Rule::None | Rule::OtherPort | Rule::Parameter(_) => false,
            };
            if !written && !matches!(theirs, Rule::None) {
                return Ok(Some(Led {
                    service: merged,
                    found: below,
                    rule: theirs,
                    beyond: None,
                }));
            }
        }
        check_unnamed(call, service, &found, &rule)?;
        Ok(Some(Led {
            service,
            found,
            rule,
            beyond,
        }))
    }

    /// What was generated of a call, where its template has a word in which the written one has a parameter
    /// (`/issues/comments` and `/issues/{issue}`), or is of HEAD and the written one of GET.
    ///
    /// SECURITY: only what does no less: a wide template that people wrote to hold or to block goes on doing so (test
    /// `a_word_of_a_description_goes_before_a_written_parameter`).
    fn described(
        &self,
        call: &Call,
        number: usize,
        found: &Found,
        written: &Operation,
    ) -> Result<Option<Led<'_>>, Refusal> {
        let by_get = call.method == http::Method::HEAD && !written.shape.of_head;
        if written.reader.is_some() || (written.parameters.is_empty() && !by_get) {
            return Ok(None);
        }
        let theirs = self.generated.find(&call.authority, call.scheme);
        let Some((mut below, shelf)) = theirs.filter(|(below, _)| below.port) else {
            return Ok(None);
        };
        // What people wrote goes on where what was generated cannot be used.
        let Ok(merged) = shelf.service(&self.vocabulary, &self.services, Some(number)) else {
            return Ok(None);
        };
        let path = merged.path(call, &below);
        if !merged.dispatch.may_go_before(&call.method, &path, written.shape) {
            return Ok(None);
        }
        below.captures.extend(found.captures.iter().cloned());
        let rule = led(call, merged, &below)?;
        let is_theirs = match &rule {
            Rule::Path(operation, _) => {
                operation.shape.goes_before(written.shape)
                    && !Worst::of(written).is_more_than(operation)
                    && !merged.is_written(operation)
            }
            Rule::None | Rule::OtherPort | Rule::Name(..) | Rule::Parameter(_) => false,
        };
        Ok(is_theirs.then_some(Led {
            service: merged,
            found: below,
            rule,
            beyond: None,
        }))
    }
}

impl Led<'_> {
    /// What host and path say by name.
    pub(super) fn captured(&self) -> Vec<(Arc<str>, String)> {
        let mut captured = self.found.captures.clone();
        if let Rule::Path(operation, values) = &self.rule {
            captured.extend(operation.parameters.iter().cloned().zip(values.iter().cloned()));
        }
        captured
    }

    /// What says where the fields of an action are read from, if that is one operation that is read member by member.
    pub(super) fn operation(&self, action: &Action) -> Option<&Operation> {
        let operation = match &self.rule {
            Rule::Path(operation, _) | Rule::Name(operation, _) => Some(*operation),
            Rule::Parameter(_) => {
                let services = [Some(self.service), self.beyond].into_iter().flatten();
                let mut all = services.flat_map(|service| service.dispatch.operations());
                let named = all.find(|(operation, _)| *operation.name == *action.operation);
                named.map(|(operation, _)| operation)
            }
            Rule::None | Rule::OtherPort => None,
        };
        operation.filter(|operation| operation.reader.is_none() && !action.unmapped && action.also.is_empty())
    }
}

/// Checks a call by its head, and finds the rule of a service.
fn led<'a>(call: &Call, service: &'a Service, found: &Found) -> Result<Rule<'a>, Refusal> {
    let path = service.path(call, found);
    guard::check(call, service, &path)?;
    if let Some(signer) = &service.aws {
        aws::check(call, signer, found.capture("region"))?;
    }
    match found.port {
        true => rule(call, service, &path),
        false => Ok(Rule::OtherPort),
    }
}

/// SECURITY: in a path that nobody names an escaped separator may be one to the provider (test
/// `an_escaped_separator_elsewhere_is_refused`).
fn check_unnamed(call: &Call, service: &Service, found: &Found, rule: &Rule<'_>) -> Result<(), Refusal> {
    match rule {
        Rule::None => service.dispatch.check_unnamed(&service.path(call, found)),
        Rule::Path(..) | Rule::Name(..) | Rule::Parameter(_) | Rule::OtherPort => Ok(()),
    }
}

/// What a mapping reads a call's content by; `None` if it does not look at it, or not at content of that type.
pub(super) fn decoder(call: &Call, led: &Led<'_>) -> Option<file::Decoder> {
    let service = led.service;
    match &led.rule {
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
pub(super) fn is_form(call: &Call, decoder: file::Decoder) -> bool {
    decoder == file::Decoder::Multipart && content::usual(call) == Some(file::Decoder::Multipart)
}

/// Which rule of a mapping a call's head leads to. `path`: as the templates have it.
pub(super) fn rule<'a>(call: &Call, service: &'a Service, path: &str) -> Result<Rule<'a>, Refusal> {
    // SECURITY: the same path with JSON in it may be another call to a gateway that takes both, and its content would go
    // unread (test `what_is_not_grpc_is_no_operation_of_grpc`).
    if service.grpc && !call.is_grpc() {
        return Ok(Rule::None);
    }
    match &*service.dispatch {
        Dispatch::Path(routes) => {
            let mut fit = routes.find(&call.method, path, call)?;
            // The same without the content (RFC 9110, 9.3.2), where all that is written says so or where that only reads.
            if fit.is_none() && call.method == http::Method::HEAD && !routes.is_closed() {
                fit = routes.find(&http::Method::GET, path, call)?.filter(|fit| {
                    service.safe_methods || service.generated || fit.operation.meaning.access == Access::Read
                });
            }
            Ok(fit.map_or(Rule::None, |fit| Rule::Path(fit.operation, fit.parameters)))
        }
        Dispatch::Aws(apis) => apis.rule(call),
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
