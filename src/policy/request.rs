//! Facts and action → what Cedar is asked.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::str::FromStr;
use std::sync::Arc;

use cedar_policy::{
    Context, Entities, Entity, EntityId, EntityTypeName, EntityUid, Request, RestrictedExpression, Schema,
};

use super::answers::Answers;
use super::evaluate::Findings;
use super::fit::Misfit;
use super::index::Index;
use super::kinds;
use super::mentions::Mentions;
use super::schema;
use super::scope::Member;
use crate::model::labels::Possible;
use crate::model::time::LocalTime;
use crate::model::vocabulary::ActionDefinition;
use crate::model::{Access, Action, Facts, Sensitivity, Situation, Value};

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
    /// Their rules without conditions that are satisfied.
    satisfied: BTreeSet<Arc<str>>,
    /// What their rules read of the context.
    pub(super) mentions: Mentions,
    /// What they said before.
    pub(super) answers: Answers,
    /// Shards with conditions, each with what it said where another reads what hardly repeats.
    pub(super) by_shard: Vec<(usize, Answers)>,
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    agent: Arc<str>,
    roles: Arc<[Arc<str>]>,
    action: Arc<str>,
    access: Access,
    provider: Arc<str>,
    environment: Arc<str>,
    sensitivity: Sensitivity,
    owner: Option<Arc<str>>,
    tags: Box<[Arc<str>]>,
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

    /// Entities and shards for this caller, action and target, labelled so.
    pub(super) fn prepare(
        &self,
        facts: &Facts,
        action: &Action,
        labels: Possible<'_>,
        definition: &ActionDefinition,
        index: &Index,
    ) -> Result<Arc<Prepared>, Misfit> {
        let key = Key {
            agent: facts.agent.clone(),
            roles: facts.roles.clone(),
            action: action.name.clone(),
            access: access(action, definition),
            provider: action.provider.clone(),
            environment: action.environment().clone(),
            sensitivity: labels.sensitivity,
            owner: labels.owner.cloned(),
            tags: labels.tags.into(),
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
        let principal = Member {
            uid: uid(&types.agent, &key.agent),
            parents: key.roles.iter().map(|role| uid(&types.role, role)).collect(),
        };
        let action = Member {
            uid: uid(&types.action, &key.action),
            parents: groups(definition, key.access)
                .map(|group| uid(&types.action, group))
                .collect(),
        };
        let resource = Member {
            uid: uid(&types.target, "target"),
            parents: vec![
                uid(&types.provider, &key.provider),
                uid(&types.environment, &key.environment),
            ],
        };
        let text = |value: &str| RestrictedExpression::new_string(value.to_owned());
        let mut attributes = HashMap::from([
            ("provider".to_owned(), text(&key.provider)),
            ("kind".to_owned(), text(&key.kind)),
            ("environment".to_owned(), text(&key.environment)),
            ("sensitivity".to_owned(), text(key.sensitivity.as_str())),
            (
                "tags".to_owned(),
                RestrictedExpression::new_set(key.tags.iter().map(|tag| text(tag))),
            ),
        ]);
        attributes.extend(key.owner.as_deref().map(|owner| ("owner".to_owned(), text(owner))));
        attributes.extend(key.id.as_deref().map(|id| ("id".to_owned(), text(id))));
        let parents = |member: &Member| -> HashSet<EntityUid> { member.parents.iter().cloned().collect() };
        let entities = Entities::from_entities(
            [
                Entity::new_no_attrs(principal.uid.clone(), parents(&principal)),
                Entity::new_no_attrs(action.uid.clone(), parents(&action)),
                Entity::new(resource.uid.clone(), attributes, parents(&resource)).ok()?,
            ],
            None,
        );
        let shards = index.shards(&action, &principal);
        Some(Prepared {
            entities: entities.ok()?,
            mentions: index.mentions(&shards),
            answers: Answers::default(),
            by_shard: index.conditional(&shards).map(|at| (at, Answers::default())).collect(),
            satisfied: index.satisfied(&shards, &principal, &action, &resource),
            principal: principal.uid,
            action: action.uid,
            resource: resource.uid,
            shards,
        })
    }
}

impl Prepared {
    /// What is so whatever the context says.
    pub(super) fn certain(&self) -> Findings {
        Findings {
            satisfied: self.satisfied.clone(),
            ..Findings::default()
        }
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
    definition: &'a ActionDefinition,
    situation: &'a Situation,
) -> impl Iterator<Item = (&'a str, Attribute<'a>)> {
    let common = [
        ("host", Attribute::Text(&facts.host)),
        ("operation", Attribute::Text(&action.operation)),
        ("access", Attribute::Text(access(action, definition).as_str())),
        ("method", Attribute::Text(&facts.method)),
        ("unmapped", Attribute::Bool(action.unmapped)),
        ("inspected", Attribute::Bool(action.inspected)),
        (schema::RECORD_KINDS, Attribute::Kinds(action)),
        ("time", Attribute::Time(&situation.time)),
        ("risk", Attribute::Int(situation.risk)),
    ];
    let fields = action.fields.iter();
    let covered = (!definition.budgets.is_empty()).then_some((
        "budgets",
        Attribute::Budgets {
            names: &definition.budgets,
            totals: &situation.budgets,
        },
    ));
    common
        .into_iter()
        .chain(covered)
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
    /// What its records are called, worked out where a rule asks.
    Kinds(&'a Action),
    Time(&'a LocalTime),
    /// What budgets of the action come to.
    Budgets {
        names: &'a BTreeMap<Arc<str>, Arc<str>>,
        totals: &'a BTreeMap<Arc<str>, i64>,
    },
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
            Attribute::Kinds(action) => {
                RestrictedExpression::new_set(kinds::of(action).into_iter().map(RestrictedExpression::new_string))
            }
            Attribute::Budgets { names, totals } => {
                let known = names.keys().filter_map(|name| totals.get_key_value(name));
                let members = known.map(|(name, total)| (name.to_string(), RestrictedExpression::new_long(*total)));
                RestrictedExpression::new_record(members).ok()?
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
