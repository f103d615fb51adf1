//! Services that share hosts become one mapping file: what a host is asked for must be told there.

use std::collections::{BTreeMap, BTreeSet};

use super::access::{Judgement, Reference};
use super::hosts::{self, Hosts};
use super::model::{Operation, Service};
use super::tokens::{self, Tokens};

/// The services of one mapping file.
pub(super) struct Group<'a> {
    /// The first one's name.
    pub name: &'a str,
    pub members: Vec<Member<'a>>,
    pub hosts: BTreeSet<String>,
}

/// One service, with all that is known of it.
pub(super) struct Member<'a> {
    pub service: &'a Service,
    pub hosts: Hosts,
    pub tokens: Tokens,
    /// How its operations are named in a call, besides those that have a path of their own.
    pub ways: Ways,
    pub operations: BTreeMap<&'a str, Judged<'a>>,
}

pub(super) struct Judged<'a> {
    pub operation: &'a Operation,
    pub judgement: Judgement,
}

#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Ways {
    /// By `Action` and this `Version`.
    pub query: Option<String>,
    /// By `X-Amz-Target`, after this and a dot.
    pub target: Option<String>,
    /// By `/service/THIS/operation/`.
    pub cbor: Option<String>,
    /// By method and path.
    pub rest: bool,
}

impl Ways {
    /// Every protocol that a model declares.
    pub(super) fn of(service: &Service) -> Self {
        let metadata = &service.model.metadata;
        let speaks = |names: &[&str]| {
            let known = metadata.protocols.iter().chain([&metadata.protocol]);
            known.into_iter().any(|known| names.contains(&known.as_str()))
        };
        let named = |spoken: bool| metadata.target_prefix.clone().filter(|_| spoken);
        let query = speaks(&["query", "ec2"]) || metadata.aws_query_compatible.is_some();
        Self {
            query: query.then(|| metadata.api_version.clone()),
            target: named(speaks(&["json"])),
            cbor: named(speaks(&["smithy-rpc-v2-cbor"])),
            rest: speaks(&["rest-json", "rest-xml"]),
        }
    }

    /// How a call may say that it is this operation: two operations that share one cannot be told apart.
    fn keys(&self, name: &str, operation: &Operation) -> Vec<String> {
        let query = self.query.iter().map(|version| format!("query {version} {name}"));
        let target = self.target.iter().map(|prefix| format!("target {prefix} {name}"));
        let cbor = self.cbor.iter().map(|service| format!("cbor {service} {name}"));
        let rest = self.rest.then(|| {
            let (path, query) = call(operation);
            let shape: Vec<_> = path
                .split('/')
                .map(|segment| match (segment.starts_with('{'), segment.ends_with("+}")) {
                    (true, true) => "{+}",
                    (true, false) => "{}",
                    (false, _) => segment,
                })
                .collect();
            format!("rest {} {} {query:?}", operation.http.method, shape.join("/"))
        });
        query.chain(target).chain(cbor).chain(rest).collect()
    }
}

/// A call's path, without the slash at its end, and the query that tells it.
pub(super) fn call(operation: &Operation) -> (&str, Option<&str>) {
    let uri = &operation.http.request_uri;
    let (path, query) = match uri.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (uri.as_str(), None),
    };
    match path.trim_end_matches('/') {
        "" => ("/", query),
        path => (path, query),
    }
}

/// All services in groups, by the names of the groups.
pub(super) fn groups<'a>(services: &'a [Service], reference: &'a Reference) -> Vec<Group<'a>> {
    let mut groups: Vec<Group<'a>> = Vec::new();
    for service in services {
        let member = member(service, reference);
        let shapes: BTreeSet<String> = member.hosts.patterns.iter().map(|host| shape(host)).collect();
        let mut group = Group {
            name: &service.name,
            hosts: member.hosts.patterns.clone(),
            members: vec![member],
        };
        let meets = |other: &Group<'_>| other.hosts.iter().any(|host| shapes.contains(&shape(host)));
        let (meeting, apart): (Vec<_>, Vec<_>) = groups.into_iter().partition(meets);
        groups = apart;
        for other in meeting {
            group.hosts.extend(other.hosts);
            group.members.extend(other.members);
        }
        groups.push(group);
    }
    for group in &mut groups {
        // The one that the hosts are called by goes first.
        group.members.sort_by_key(|member| {
            let service = member.service;
            (
                service.name != service.model.metadata.endpoint_prefix,
                service.name.as_str(),
            )
        });
        group.name = group
            .members
            .first()
            .map_or(group.name, |member| member.service.name.as_str());
        settle(&mut group.members);
        let mut known = BTreeSet::new();
        group.hosts.retain(|host| known.insert(shape(host)));
    }
    groups.sort_by_key(|group| group.name);
    groups
}

fn member<'a>(service: &'a Service, reference: &'a Reference) -> Member<'a> {
    let prefixes = reference.prefixes(service);
    let operations = service.model.operations.iter().map(|(name, operation)| {
        let judgement = reference.judge(&prefixes, &service.model, name);
        (name.as_str(), Judged { operation, judgement })
    });
    Member {
        service,
        hosts: hosts::hosts(service),
        tokens: tokens::tokens(&service.model),
        ways: Ways::of(service),
        operations: operations.collect(),
    }
}

/// Of operations that no call tells apart the first is kept, and the stricter meaning.
///
/// SECURITY: a change that has a read's path would pass for that read (test
/// `of_operations_that_cannot_be_told_apart_the_stricter_counts`).
fn settle(members: &mut [Member<'_>]) {
    let mut taken: BTreeMap<String, (usize, &str)> = BTreeMap::new();
    for at in 0..members.len() {
        let (before, rest) = members.split_at_mut(at);
        let Some(member) = rest.first_mut() else { continue };
        let names: Vec<&str> = member.operations.keys().copied().collect();
        for name in names {
            let Some(judged) = member.operations.get(name) else {
                continue;
            };
            let keys = member.ways.keys(name, judged.operation);
            let other = keys.iter().find_map(|key| taken.get(key)).copied();
            let Some((owner, known)) = other else {
                taken.extend(keys.into_iter().map(|key| (key, (at, name))));
                continue;
            };
            let Some(dropped) = member.operations.remove(name) else {
                continue;
            };
            let kept = match owner == at {
                true => member.operations.get_mut(known),
                false => before.get_mut(owner).and_then(|other| other.operations.get_mut(known)),
            };
            if let Some(kept) = kept.filter(|kept| dropped.judgement.judged.access > kept.judgement.judged.access) {
                kept.judgement = dropped.judgement;
            }
        }
    }
}

/// A host pattern without its captures' names.
fn shape(host: &str) -> String {
    let labels = host.split('.').map(|label| match label.split_once('{') {
        Some((_, "aws}")) | None => label.to_owned(),
        Some((start, _)) => format!("{start}{{}}"),
    });
    labels.collect::<Vec<_>>().join(".")
}
