//! What was generated for hosts that people wrote a mapping for, too.

use std::collections::HashMap;
use std::sync::Arc;

use http::HeaderName;

use super::{Dispatch, Operation, Reader, Service};
use crate::model::Access;

impl Service {
    /// This generated service as a part of one that people wrote for the same hosts: its operations, and what that says of
    /// everything else; of refusals, secrets and what is significant, what either says.
    pub(in crate::mapping) fn below(&self, written: &Service) -> Service {
        let both = |ours: &[HeaderName], theirs: &[HeaderName]| ours.iter().chain(theirs).cloned().collect();
        let known = |name: &str| written.content.iter().any(|(other, _)| **other == *name);
        let added = self.content.iter().filter(|(name, _)| !known(name));
        Service {
            file: self.file.clone(),
            provider: written.provider.clone(),
            title: written.title.clone(),
            dispatch: self.dispatch.clone(),
            generated: true,
            safe_methods: written.safe_methods,
            grpc: self.grpc,
            first_segment: self.first_segment.clone(),
            safe_below: written.safe_below.clone(),
            name_prefix: self.name_prefix.clone(),
            content: written.content.iter().chain(added).cloned().collect(),
            environment: written.environment.clone().or_else(|| self.environment.clone()),
            answer: written.answer.clone(),
            significant: both(&written.significant, &self.significant),
            every_header: true,
            secret: both(&written.secret, &self.secret),
            account: both(&written.account, &self.account),
            // What only one of them calls volatile counts.
            volatile: written.volatile.clone(),
            volatile_content: written.volatile_content.clone(),
            volatile_headers: written.volatile_headers.clone(),
            idempotency: written.idempotency.clone(),
            aws: self.aws.clone().or_else(|| written.aws.clone()),
            currency_places: written.currency_places.clone(),
            refuse_headers: both(&written.refuse_headers, &self.refuse_headers),
            refuse_query: written.refuse_query.iter().chain(&self.refuse_query).cloned().collect(),
            show: written.show.clone(),
            query_apart: written.query_apart && self.query_apart,
            semicolons: written.semicolons,
            repeated: written.repeated.clone(),
            reveals: written.reveals.clone(),
            graphql: self.graphql.clone(),
            // No description is of these.
            mcp: None,
            written: worst(written),
        }
    }

    /// Whether people wrote down what an operation of this generated service means, and this may not stand for it: it would do
    /// less, or it is told by a name, which is one however it is sent. Another call of the same name is told by its own path.
    ///
    /// SECURITY: what people wrote of an operation counts in whatever form a call names it (tests
    /// `a_generated_operation_never_stands_in_for_a_written_one`, `another_call_of_a_written_name_is_no_milder`).
    pub(in crate::mapping) fn is_written(&self, operation: &Operation) -> bool {
        let by_path = matches!(*self.dispatch, Dispatch::Path(_));
        let worst = self.written.get(&operation.name);
        worst.is_some_and(|worst| !by_path || worst.is_more_than(operation))
    }
}

/// What an operation that people wrote does at worst.
#[derive(Clone, Debug)]
pub(in crate::mapping) struct Worst {
    access: Access,
    action: Arc<str>,
}

impl Worst {
    pub(in crate::mapping) fn of(operation: &Operation) -> Self {
        let when = operation.when.iter().map(|(_, meaning)| meaning);
        let read = operation.reader.iter().flat_map(Reader::meanings);
        let worst = when.chain(read).fold(&*operation.meaning, |worst, meaning| {
            match meaning.access > worst.access {
                true => meaning,
                false => worst,
            }
        });
        Self {
            access: worst.access,
            action: worst.action.clone(),
        }
    }

    /// A generated operation does less. One that changes is held, so that of two that do as much either will do; a read of
    /// secrets is more than another.
    pub(in crate::mapping) fn is_more_than(&self, generated: &Operation) -> bool {
        let (access, action) = (generated.meaning.access, &generated.meaning.action);
        access < self.access || (access == Access::Read && self.access == Access::Read && *action != self.action)
    }
}

fn worst(written: &Service) -> HashMap<Arc<str>, Worst> {
    let mut all: HashMap<Arc<str>, Worst> = HashMap::new();
    for (operation, _) in written.dispatch.operations().filter(|(_, bulk)| !bulk) {
        let worst = Worst::of(operation);
        match all.get(&operation.name) {
            Some(known) if known.access >= worst.access => {}
            Some(_) | None => drop(all.insert(operation.name.clone(), worst)),
        }
    }
    all
}
