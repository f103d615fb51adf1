//! Operations by the protocols of AWS: a parameter `Action`, the header field `X-Amz-Target`, CBOR's paths, or method and
//! path. One host may take several of them, for one service or for some.

use std::collections::HashMap;
use std::sync::Arc;

use http::header::CONTENT_TYPE;
use http::{HeaderName, Method};

use super::{Names, Routes, without_end};
use crate::mapping::service::Operation;
use crate::mapping::{Rule, content};
use crate::model::{Call, Reason, Refusal};

const TARGET: HeaderName = HeaderName::from_static("x-amz-target");
const PROTOCOL: HeaderName = HeaderName::from_static("smithy-protocol");
/// What `smithy-protocol` says of CBOR.
const CBOR: &str = "rpc-v2-cbor";
/// The parameter that names an operation.
pub(in crate::mapping) const ACTION: &str = "Action";
/// The parameter that says of which version of a service an operation is.
pub(in crate::mapping) const VERSION: &str = "Version";

/// The operations of the services of one file.
pub(in crate::mapping) struct Apis {
    /// By `Action`, after the version and a slash where there are several versions.
    pub query: Option<Names>,
    /// By `Prefix.Operation`.
    pub targets: HashMap<Box<str>, Arc<Operation>>,
    /// By `/service/Service/operation/Operation`.
    pub cbor: HashMap<Box<str>, Arc<Operation>>,
    pub routes: Routes,
    /// Some operation has a path of its own.
    pub has_routes: bool,
}

impl Apis {
    pub(super) fn operations(&self) -> impl Iterator<Item = &Operation> {
        let named = self.query.iter().flat_map(|names| names.exact.values());
        let others = self.targets.values().chain(self.cbor.values());
        // One that is told by both stands in both.
        let mut seen = std::collections::HashSet::new();
        let others = others.map(AsRef::as_ref);
        let routed = self.routes.shapes.iter().flatten().map(|(_, operation)| &**operation);
        named
            .chain(others)
            .chain(routed)
            .filter(move |operation| seen.insert(operation.name.clone()))
    }

    /// Which operation the head of a call leads to.
    ///
    /// SECURITY: of what a call says in two ways a service takes one, and nobody knows which (test
    /// `aws_a_call_that_names_its_operation_in_two_ways_is_refused`).
    pub(in crate::mapping) fn rule(&self, call: &Call) -> Result<Rule<'_>, Refusal> {
        let target = content::once(&call.headers, &TARGET)?;
        let protocol = content::once(&call.headers, &PROTOCOL)?;
        let in_query = self.query.is_some() && names_action(call);
        if [target.is_some(), protocol.is_some(), in_query]
            .into_iter()
            .filter(|named| *named)
            .count()
            > 1
        {
            return Err(refusal(
                "the call names its operation in two ways: by a header field and by another, or by its query",
            ));
        }
        let posted = call.method == Method::POST;
        if let Some(target) = target {
            typed(call, |media| {
                media == "application/json" || media.starts_with("application/x-amz-json-1.")
            })?;
            let found = self.targets.get(target).filter(|_| posted && call.path == "/");
            return Ok(found.map_or(Rule::None, |operation| Rule::Path(operation, Vec::new())));
        }
        if let Some(protocol) = protocol {
            typed(call, |media| media == "application/cbor")?;
            let found = self.cbor.get(call.path.as_str()).filter(|_| posted && protocol == CBOR);
            return Ok(found.map_or(Rule::None, |operation| Rule::Path(operation, Vec::new())));
        }
        match &self.query {
            // SECURITY: what a service does with `Action` at another path nobody says, and a written file that knows `/` only
            // would be passed by (test `aws_a_query_beside_the_root_is_no_operation`).
            Some(names) if call.path == "/" => {
                typed(call, |media| media == "application/x-www-form-urlencoded")?;
                Ok(Rule::Parameter(names))
            }
            Some(_) if in_query && self.has_routes => Err(refusal("the query names an operation beside the path's")),
            Some(_) | None => {
                let fit = self.routes.find(&call.method, without_end(&call.path), call)?;
                Ok(fit.map_or(Rule::None, |fit| Rule::Path(fit.operation, fit.parameters)))
            }
        }
    }
}

/// Refuses content of another type than the protocol's.
///
/// SECURITY: a form beside `X-Amz-Target` may name another operation, for a service that takes both (test
/// `aws_a_call_that_names_its_operation_in_two_ways_is_refused`).
fn typed(call: &Call, is_right: impl Fn(&str) -> bool) -> Result<(), Refusal> {
    if content::is_empty(&call.body) {
        return Ok(());
    }
    let text = content::once(&call.headers, &CONTENT_TYPE)?.unwrap_or_default();
    let media = text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match is_right(&media) {
        true => Ok(()),
        false => Err(refusal(
            "the content is of another type than the protocol's by which the call names its operation",
        )),
    }
}

fn names_action(call: &Call) -> bool {
    let query = call.query.as_deref().unwrap_or_default();
    let name = |pair: &str| pair.split('=').next().unwrap_or_default().to_owned();
    let is_action =
        |name: &str| crate::mapping::form::decode(name, true).map_or(true, |name| name.eq_ignore_ascii_case(ACTION));
    query.split(['&', ';']).any(|pair| is_action(&name(pair)))
}

fn refusal(detail: &str) -> Refusal {
    Refusal::new(Reason::Malformed, detail)
}
