//! What was generated for hosts that people wrote a mapping for, too.

use http::HeaderName;

use super::{Operation, Service};

impl Service {
    /// This generated service as a part of one that people wrote for the same hosts: its operations, and what that says of
    /// everything else; of refusals, secrets and what is significant, what either says.
    pub(in crate::mapping) fn below(&self, written: &Service) -> Service {
        let both = |ours: &[HeaderName], theirs: &[HeaderName]| ours.iter().chain(theirs).cloned().collect();
        let known = |name: &str| written.content.iter().any(|(other, _)| **other == *name);
        let added = self.content.iter().filter(|(name, _)| !known(name));
        let names = written.dispatch.operations().filter(|(_, bulk)| !bulk);
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
            written: names.map(|(operation, _)| operation.name.clone()).collect(),
        }
    }

    /// Whether people wrote down what an operation of this generated service means.
    pub(in crate::mapping) fn is_written(&self, operation: &Operation) -> bool {
        self.written.contains(&operation.name)
    }
}
