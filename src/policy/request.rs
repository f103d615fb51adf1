//! Facts and action → what Cedar is asked.

use std::collections::{HashMap, HashSet};
use std::str::FromStr;
use std::sync::Arc;

use cedar_policy::{
    Context, Entities, Entity, EntityId, EntityTypeName, EntityUid, Request, RestrictedExpression, Schema,
};

use super::answers::Answers;
use super::fit::Misfit;
use super::index::Index;
use super::mentions::Mentions;
use crate::model::time::LocalTime;
use crate::model::vocabulary::ActionDefinition;
use crate::model::{Access, Action, Facts, Situation, Value};

/// How many callers and targets are kept ready.
const PREPARED_CAPACITY: u64 = 1_024;

/// Entity types by name.
struct Types {
    agent: EntityTypeName,
    role: EntityTypeName,
    action: EntityTypeName,
    target: EntityTypeName,
    provider: EntityTypeName,
    environment: EntityTypeName,
}

/// Who acts on what: all of a question but its context. The same for many calls.
pub(super) struct Prepared {
    principal: EntityUid,
    action: EntityUid,
    resource: EntityUid,
    pub(super) entities: Entities,
    /// Shards of the index to ask.
    pub(super) shards: Vec<usize>,
    /// What their rules read of the context.
    pub(super) mentions: Mentions,
    /// What they said before.
    pub(super) answers: Answers,
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    agent: Arc<str>,
    roles: Arc<[Arc<str>]>,
    action: Arc<str>,
    access: Access,
    provider: Arc<str>,
    environment: Arc<str>,
    kind: Arc<str>,
    id: Option<String>,
}

/// Makes questions; keeps what they have in common.
pub(super) struct Requests {
    types: Types,
    prepared: moka::sync::Cache<Key, Arc<Prepared>>,
}

impl Requests {
    pub(super) fn new() -> Result<Self, Box<cedar_policy::ParseErrors>> {
        Ok(Self {
            types: Types {
                agent: EntityTypeName::from_str("Agent")?,
                role: EntityTypeName::from_str("Role")?,
                action: EntityTypeName::from_str("Action")?,
                target: EntityTypeName::from_str("Target")?,
                provider: EntityTypeName::from_str("Provider")?,
                environment: EntityTypeName::from_str("Environment")?,
            },
            prepared: moka::sync::Cache::new(PREPARED_CAPACITY),
        })
    }

    /// Entities and shards for this caller, action and target.
    pub(super) fn prepare(
        &self,
        facts: &Facts,
        action: &Action,
        definition: &ActionDefinition,
        index: &Index,
    ) -> Result<Arc<Prepared>, Misfit> {
        let key = Key {
            agent: facts.agent.clone(),
            roles: facts.roles.clone(),
            action: action.name.clone(),
            access: access(action, definition),
            provider: action.provider.clone(),
            environment: action.environment.clone(),
            kind: action.target.kind.clone(),
            id: action.target.id.clone().filter(|_| index.reads_target_id),
        };
        if let Some(prepared) = self.prepared.get(&key) {
            return Ok(prepared);
        }
        let prepared = Arc::new(self.build(&key, definition, index).ok_or(Misfit::Schema)?);
        self.prepared.insert(key, prepared.clone());
        Ok(prepared)
    }

    fn build(&self, key: &Key, definition: &ActionDefinition, index: &Index) -> Option<Prepared> {
        let types = &self.types;
        let principal = uid(&types.agent, &key.agent);
        let roles: Vec<EntityUid> = key.roles.iter().map(|role| uid(&types.role, role)).collect();
        let action = uid(&types.action, &key.action);
        let groups: Vec<EntityUid> = groups(definition, key.access)
            .map(|group| uid(&types.action, group))
            .collect();
        let resource = uid(&types.target, "target");
        let parents = HashSet::from([
            uid(&types.provider, &key.provider),
            uid(&types.environment, &key.environment),
        ]);
        let text = |value: &str| RestrictedExpression::new_string(value.to_owned());
        let mut attributes = HashMap::from([
            ("provider".to_owned(), text(&key.provider)),
            ("kind".to_owned(), text(&key.kind)),
            ("environment".to_owned(), text(&key.environment)),
        ]);
        attributes.extend(key.id.as_deref().map(|id| ("id".to_owned(), text(id))));
        let entities = Entities::from_entities(
            [
                Entity::new_no_attrs(principal.clone(), roles.iter().cloned().collect()),
                Entity::new_no_attrs(action.clone(), groups.iter().cloned().collect()),
                Entity::new(resource.clone(), attributes, parents).ok()?,
            ],
            None,
        );
        let actions: Vec<EntityUid> = std::iter::once(action.clone()).chain(groups).collect();
        let principals: Vec<EntityUid> = std::iter::once(principal.clone()).chain(roles).collect();
        let shards = index.shards(&actions, &principals);
        Some(Prepared {
            principal,
            action,
            resource,
            entities: entities.ok()?,
            mentions: index.mentions(&shards),
            answers: Answers::default(),
            shards,
        })
    }
}

fn uid(kind: &EntityTypeName, id: &str) -> EntityUid {
    EntityUid::from_type_name_and_id(kind.clone(), EntityId::new(id))
}

/// What the call may do: the stricter of what the mapping and the vocabulary say.
///
/// SECURITY: a mapping that calls a change a read must not bring it under a rule for reads.
/// Test: a_change_that_a_mapping_calls_a_read_is_no_read.
fn access(action: &Action, definition: &ActionDefinition) -> Access {
    action.access.max(definition.access)
}

/// All Cedar parents: the action's own groups, and the one that its access gives. What is a deletion by its definition or
/// by its call is one; else what is no read is a write.
fn groups(definition: &ActionDefinition, access: Access) -> impl Iterator<Item = &str> {
    let of_access = match (definition.access, access) {
        (Access::Delete, _) | (_, Access::Delete) => "deletes",
        (_, Access::Write | Access::Admin) => "writes",
        (_, Access::Read) => "reads",
    };
    definition.groups.iter().map(|group| &**group).chain([of_access])
}

/// What rules can see of a call, by name: what every call has, and its fields.
pub(super) fn attributes<'a>(
    facts: &'a Facts,
    action: &'a Action,
    definition: &ActionDefinition,
    situation: &'a Situation,
) -> impl Iterator<Item = (&'a str, Attribute<'a>)> {
    let common = [
        ("host", Attribute::Text(&facts.host)),
        ("operation", Attribute::Text(&action.operation)),
        ("access", Attribute::Text(access(action, definition).as_str())),
        ("method", Attribute::Text(&facts.method)),
        ("unmapped", Attribute::Bool(action.unmapped)),
        ("inspected", Attribute::Bool(action.inspected)),
        ("time", Attribute::Time(&situation.time)),
        ("risk", Attribute::Int(situation.risk)),
    ];
    let fields = action.fields.iter();
    common
        .into_iter()
        .chain(fields.map(|(name, value)| (&**name, value.into())))
}

/// The question itself, of these attributes; checked against a schema if one is given.
pub(super) fn request<'a>(
    prepared: &Prepared,
    attributes: impl Iterator<Item = (&'a str, Attribute<'a>)>,
    schema: Option<&Schema>,
) -> Result<Request, Misfit> {
    let pairs = attributes.map(|(name, value)| Some((name.to_owned(), value.expression()?)));
    let pairs: Vec<_> = pairs.collect::<Option<_>>().ok_or(Misfit::Schema)?;
    let context = Context::from_pairs(pairs).map_err(|_| Misfit::Schema)?;
    Request::new(
        prepared.principal.clone(),
        prepared.action.clone(),
        prepared.resource.clone(),
        context,
        schema,
    )
    .map_err(|_| Misfit::Schema)
}

/// A value of the context.
#[derive(Clone, Copy, Debug)]
pub(super) enum Attribute<'a> {
    Bool(bool),
    Int(i64),
    Text(&'a str),
    List(&'a [String]),
    Time(&'a LocalTime),
}

impl<'a> From<&'a Value> for Attribute<'a> {
    fn from(value: &'a Value) -> Self {
        match value {
            Value::Bool(value) => Attribute::Bool(*value),
            Value::Int(value) => Attribute::Int(*value),
            Value::Text(value) => Attribute::Text(value),
            Value::List(values) => Attribute::List(values),
        }
    }
}

impl Attribute<'_> {
    fn expression(self) -> Option<RestrictedExpression> {
        Some(match self {
            Attribute::Bool(value) => RestrictedExpression::new_bool(value),
            Attribute::Int(value) => RestrictedExpression::new_long(value),
            Attribute::Text(value) => RestrictedExpression::new_string(value.to_owned()),
            Attribute::List(values) => {
                RestrictedExpression::new_set(values.iter().cloned().map(RestrictedExpression::new_string))
            }
            Attribute::Time(time) => {
                let text = |text: &str| RestrictedExpression::new_string(text.to_owned());
                let members = [
                    ("date", text(&time.date)),
                    ("weekday", text(time.weekday)),
                    ("hour", RestrictedExpression::new_long(time.hour)),
                    ("minute", RestrictedExpression::new_long(time.minute)),
                ];
                RestrictedExpression::new_record(members.map(|(name, value)| (name.to_owned(), value))).ok()?
            }
        })
    }
}
