//! What operations of mapping files mean, and to what, made ready.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{Compiler, Context};
use crate::io::yaml::Located;
use crate::mapping::file;
use crate::mapping::service::{Meaning, TargetRule, Trigger, UNTOLD, Wrapped};
use crate::mapping::spelling;
use crate::mapping::summary::Template;
use crate::model::Access;
use crate::model::vocabulary::ActionDefinition;

impl Compiler<'_> {
    pub(super) fn when(
        &mut self,
        when: &Located<file::When>,
        base: Option<&Meaning>,
        context: &Context<'_>,
    ) -> Option<(Trigger, Meaning)> {
        let any = self.path(&when.value.any, context);
        let texts = |texts: &[String]| -> Vec<Box<str>> { texts.iter().map(|text| text.as_str().into()).collect() };
        let (values, except) = (texts(&when.value.values), texts(&when.value.except));
        let meaning = self.meaning(
            when,
            &when.value.action,
            when.value.access,
            when.value.summary.as_deref(),
        )?;
        let target = when
            .value
            .target
            .as_ref()
            .map(|target| self.target(when, target, context));
        if when.value.target.as_ref().is_some_and(|target| target.id.is_none()) {
            self.wrong(when, "a target besides the operation's own needs its `id`");
        }
        let places = |target: &file::Target| !target.also.is_empty() || target.wrapped.is_some();
        if when.value.target.as_ref().is_some_and(places) {
            self.wrong(when, "`also` and `wrapped` are for the operation's own target");
        }
        if target.is_some() && meaning.allows(UNTOLD).is_none() {
            let message = format!(
                "`{}` has no field `{UNTOLD}`, which is missing where a target of its own cannot be told",
                meaning.action
            );
            self.wrong(when, message);
        }
        if target.is_none() && base.is_some_and(|base| meaning.access < base.access) {
            self.wrong(
                when,
                "what the content makes of a call may not be milder than the operation: turn the two round",
            );
        }
        let absent = when.value.absent;
        let beyond = texts(&when.value.beyond);
        let listed = !(values.is_empty() && except.is_empty());
        if absent && (listed || !beyond.is_empty()) {
            self.wrong(
                when,
                "where nothing is found (`absent`) there are no `values`, nothing to `except` and nothing `beyond`",
            );
        }
        if listed && !beyond.is_empty() {
            self.wrong(
                when,
                "what has members (`beyond`) is none of `values`, and nothing to `except`",
            );
        }
        let numbers = texts(&when.value.numbers);
        if beyond.is_empty() && !numbers.is_empty() {
            self.wrong(
                when,
                "`numbers` may stand beside what `beyond` names, which is not said",
            );
        }
        let trigger = Trigger {
            any: any?,
            values,
            except,
            absent,
            beyond,
            numbers,
        };
        Some((trigger, Meaning { target, ..meaning }))
    }

    pub(super) fn target<T>(&mut self, at: &Located<T>, target: &file::Target, context: &Context<'_>) -> TargetRule {
        let paths = target.within.iter().chain(&target.id);
        let id: Vec<_> = paths.filter_map(|path| self.path(path, context)).collect();
        let also = target.also.iter().filter_map(|path| self.path(path, context)).collect();
        let wrapped = target.wrapped.as_ref().and_then(|name| {
            let found = id.last().and_then(|id| id.wrapped(name));
            let found = found.ok_or_else(|| "`wrapped` is about an `id` that is a member".to_owned());
            let (id, around) = self.keep(at, found)?;
            Some(Wrapped {
                name: name.as_str().into(),
                around,
                id,
            })
        });
        for (said, what) in [
            (
                target.within.is_some(),
                "`within` says what holds the target of that `id`",
            ),
            (!target.also.is_empty(), "`also` is where else the target's `id` stands"),
            (target.without.is_some(), "`without` is about the target's `id`"),
            (target.url_path, "`url_path` is about the target's `id`"),
            (!target.arn.is_empty(), "`arn` is about the target's `id`"),
            (target.any_case, "`any_case` is about the target's `id`"),
        ] {
            if said && target.id.is_none() {
                self.wrong(at, format!("{what}, which is not said"));
            }
        }
        if target.without.as_ref().is_some_and(String::is_empty) {
            self.wrong(
                at,
                "expected the ending that the target's id is told without, as `.git`",
            );
        }
        if target.url_path && !target.arn.is_empty() {
            self.wrong(
                at,
                "the target's `id` is a path (`url_path`) or an ARN (`arn`), not both",
            );
        }
        TargetRule {
            kind: target.kind.as_str().into(),
            id,
            also,
            wrapped,
            without: target.without.as_deref().map(Box::from),
            url_path: target.url_path,
            arn: target
                .arn
                .iter()
                .map(|(name, kind)| (name.as_str().into(), kind.as_str().into()))
                .collect(),
            any_case: target.any_case,
        }
    }

    /// Stands for one that is wrong, in a file that never comes into force.
    pub(super) fn any_meaning(&self) -> Option<Meaning> {
        let (name, definition) = self.vocabulary.actions.first_key_value()?;
        Some(Meaning {
            action: name.clone(),
            access: definition.access,
            required: Vec::new(),
            allowed: self.vocabulary.fields.keys().cloned().collect(),
            target: None,
            summary: Template::parse("", |_| true).ok()?,
        })
    }

    pub(super) fn meaning<T>(
        &mut self,
        at: &Located<T>,
        action: &Located<String>,
        access: Option<Access>,
        summary: Option<&str>,
    ) -> Option<Meaning> {
        let vocabulary = self.vocabulary;
        let Some((name, definition)) = vocabulary.actions.get_key_value(action.value.as_str()) else {
            let hint = spelling::hint(&action.value, vocabulary.actions.keys().map(AsRef::as_ref));
            self.wrong(action, format!("unknown action `{}`{hint}", action.value));
            return None;
        };
        let access = access.unwrap_or(definition.access);
        if (access == Access::Read) != (definition.access == Access::Read) {
            self.wrong(
                at,
                format!(
                    "`{name}` is {}, so the operation cannot be {}",
                    definition.access.as_str(),
                    access.as_str()
                ),
            );
        }
        let known = |slot: &str| fields_of(definition).any(|field| **field == *slot);
        let summary = self.keep(at, Template::parse(summary.unwrap_or(&definition.summary), known))?;
        let computed = |field: &Arc<str>| {
            vocabulary
                .fields
                .get(field)
                .is_some_and(|field| field.derived_from.is_some())
        };
        let allowed: BTreeSet<Arc<str>> = fields_of(definition).cloned().collect();
        Some(Meaning {
            action: name.clone(),
            access,
            required: definition
                .required
                .iter()
                .filter(|field| !computed(field))
                .cloned()
                .collect(),
            allowed: allowed.into_iter().collect(),
            target: None,
            summary,
        })
    }
}

fn fields_of(definition: &ActionDefinition) -> impl Iterator<Item = &Arc<str>> {
    definition.required.iter().chain(&definition.optional)
}
