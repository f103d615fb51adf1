//! Fields, targets and environments of mapping files made ready.

use std::sync::Arc;

use super::{Compiler, Context};
use crate::io::yaml::Located;
use crate::mapping::document::{Path, Selector};
use crate::mapping::field::{Is, Marked, Of, Reading, Reducer, Rule, Told, Type};
use crate::mapping::file::{self, Field, Kind, Literal, Reduce};
use crate::mapping::service::{Meaning, Trigger};
use crate::mapping::spelling;
use crate::model::Value;
use crate::model::action::MAX_INT;
use crate::model::vocabulary::FieldType;

impl Compiler<'_> {
    /// The fields of an operation: each known to one of its actions, each required one with a rule (but of generated ones).
    pub(super) fn fields(
        &mut self,
        at: &Located<file::Operation>,
        meaning: Option<&Meaning>,
        when: &[(Trigger, Meaning)],
        generated: bool,
        context: &Context<'_>,
    ) -> Vec<(Arc<str>, Rule)> {
        let here = when
            .iter()
            .map(|(_, meaning)| meaning)
            .filter(|meaning| meaning.target.is_none());
        let meanings = || meaning.into_iter().chain(here.clone());
        // What no rule of a generated operation tells is missing, which holds the call.
        for meaning in meanings().filter(|_| !generated) {
            for field in meaning
                .required
                .iter()
                .filter(|field| !at.value.fields.contains_key(&***field))
            {
                let action = &meaning.action;
                self.wrong(at, format!("`{action}` requires `{field}`: give it a rule, or `{field}: {{ not_told: true }}` if no call tells it"));
            }
        }
        let mut fields = Vec::new();
        for (name, field) in &at.value.fields {
            let Some((name, _)) = self.vocabulary.fields.get_key_value(name.as_str()) else {
                let hint = spelling::hint(name, self.vocabulary.fields.keys().map(AsRef::as_ref));
                self.wrong(field, format!("unknown field `{name}`{hint}"));
                field.value.from.iter().for_each(|from| drop(self.path(from, context)));
                continue;
            };
            if let Some(meaning) = meaning
                && !meanings().any(|meaning| meaning.allows(name).is_some())
            {
                let known: Vec<&str> = meaning.allowed.iter().map(AsRef::as_ref).collect();
                let hint = spelling::hint(name, known.into_iter());
                self.wrong(field, format!("`{}` has no field `{name}`{hint}", meaning.action));
                continue;
            }
            if let Some(rule) = self.rule(name, field, context) {
                fields.push((name.clone(), rule));
            }
        }
        fields
    }

    fn rule(&mut self, name: &str, at: &Located<Field>, context: &Context<'_>) -> Option<Rule> {
        let definition = self.vocabulary.fields.get(name)?;
        if definition.derived_from.is_some() {
            self.wrong(at, format!("`{name}` is computed from another field: leave it out"));
            return None;
        }
        let (kind, field) = (definition.kind, &at.value);
        let unless: Vec<_> = field
            .unless
            .iter()
            .filter_map(|path| self.path(path, context))
            .collect();
        let rule = match (&field.from, &field.value, &field.empty, field.not_told) {
            (Some(from), None, None, false) => {
                let from = self.path(from, context);
                Some(Rule::Read(self.reading(at, from?, kind, context)?))
            }
            (None, Some(literal), None, false) => {
                let value =
                    constant(literal, kind).ok_or_else(|| format!("`{name}` is of another type than this value"));
                let require = field.require.as_ref().and_then(|path| self.path(path, context));
                self.keep(at, value).map(|value| Rule::Constant(value, require))
            }
            (None, None, Some(object), false) if kind == FieldType::Bool => {
                let besides = field.besides.iter().map(|name| name.as_str().into()).collect();
                self.path(object, context)
                    .map(|path| Rule::Empty(path, besides, field.filters))
            }
            (None, None, None, true) => Some(Rule::NotTold),
            _ => {
                self.wrong(
                    at,
                    "expected exactly one of `from`, `value`, `not_told`, and `empty` for a field that is true or false",
                );
                None
            }
        }?;
        let rule = match unless.is_empty() {
            true => rule,
            false => Rule::Unless(unless, Box::new(rule)),
        };
        let rule = match (field.least.is_empty(), kind) {
            (true, _) => rule,
            (false, FieldType::Int) => {
                let least = field.least.iter().filter_map(|path| self.path(path, context));
                Rule::Most(least.collect(), Box::new(rule))
            }
            (false, FieldType::Bool | FieldType::String | FieldType::Strings) => {
                self.wrong(at, "`least` is for sizes");
                return None;
            }
        };
        let rule = match &field.or {
            None => rule,
            Some(path) if kind == FieldType::Bool => Rule::Or(self.path(path, context)?, Box::new(rule)),
            Some(path) => {
                self.wrong(path, "`or` is for a field that is true or false");
                return None;
            }
        };
        let rule = match field.only.is_empty() {
            true => rule,
            false => Rule::Only(self.forms(field, context), Box::new(rule)),
        };
        match &field.lacks {
            None => Some(rule),
            Some(lacks) => {
                let path = self.path(&lacks.at, context)?;
                Some(Rule::Lacking(path, lacks.text.as_str().into(), Box::new(rule)))
            }
        }
    }

    fn forms(&mut self, field: &Field, context: &Context<'_>) -> Vec<Vec<Is>> {
        let mut any = Vec::new();
        for written in field.only.iter().filter(|written| !written.is_empty()) {
            let mut all = Vec::new();
            for is in written {
                let text = is.is.as_str().into();
                all.extend(self.path(&is.at, context).map(|at| Is { at, text }));
            }
            any.push(all);
        }
        any
    }

    /// Where the environment is told: by prefixes, which may be the credential's.
    pub(super) fn environment(&mut self, at: &Located<Field>, context: &Context<'_>) -> Option<Reading> {
        let Some(from) = &at.value.from else {
            self.wrong(at, "expected `from`");
            return None;
        };
        let path = self.keep(from, Path::parse(&from.value))?;
        if at.value.kind != Some(Kind::PrefixMap) {
            self.wrong(at, "expected `as: prefix_map`, so that a credential is never kept");
            return None;
        }
        if !matches!(path, Path::Credential | Path::Header(_) | Path::Host(_)) {
            self.wrong(from, "expected `$.credential`, a header field or a part of the host");
        }
        self.reading(at, path, FieldType::String, context)
    }

    /// A path of a field, a target or a predicate.
    pub(super) fn path(&mut self, at: &Located<String>, context: &Context<'_>) -> Option<Path> {
        let path = self.keep(at, Path::parse(&at.value))?;
        match &path {
            Path::Parameter(name) if !context.parameters.iter().any(|known| **known == **name) => {
                let hint = spelling::hint(name, context.parameters.iter().map(AsRef::as_ref));
                self.wrong(at, format!("the template has no parameter `{name}`{hint}"));
            }
            Path::Parameter(name) if context.hide.iter().any(|hidden| **hidden == **name) => {
                self.wrong(at, format!("`{name}` is listed under `hide`: no field may keep it"));
            }
            Path::Host(name) if !context.captures.iter().any(|known| **known == **name) => {
                self.wrong(at, format!("no host pattern captures `{name}`"));
            }
            Path::Credential => self.wrong(at, "a credential may tell the environment only"),
            Path::Header(name) if SECRET_HEADERS.contains(&name.as_str()) => {
                self.wrong(at, format!("`{name}` holds a credential: no field may keep it"));
            }
            Path::Header(_)
            | Path::Parameter(_)
            | Path::Host(_)
            | Path::Method
            | Path::Query(_)
            | Path::Body(_)
            | Path::Params(_) => {}
        }
        Some(path)
    }

    fn reading(&mut self, at: &Located<Field>, from: Path, kind: FieldType, context: &Context<'_>) -> Option<Reading> {
        let require = at.value.require.as_ref().and_then(|path| self.path(path, context));
        let reduce = self.reducer(at, kind, context)?;
        let also: Vec<_> = at
            .value
            .also
            .iter()
            .filter_map(|path| self.path(path, context))
            .collect();
        let from = std::iter::once(from).chain(also).collect();
        Some(Reading { from, require, reduce })
    }

    fn reducer(&mut self, at: &Located<Field>, kind: FieldType, context: &Context<'_>) -> Option<Reducer> {
        let field = &at.value;
        let default = if kind == FieldType::Strings {
            Reduce::List
        } else {
            Reduce::One
        };
        let number = kind == FieldType::Int;
        if let Some(each) = &field.each
            && !matches!(field.reduce, Some(Reduce::Domain | Reduce::Host))
        {
            self.wrong(&each.at, "`each` is for `reduce: domain` and `reduce: host`");
        }
        let separator = || {
            field
                .separator
                .as_deref()
                .filter(|text| !text.is_empty())
                .map(Box::from)
        };
        Some(match (field.reduce.unwrap_or(default), kind) {
            (Reduce::One, FieldType::Int | FieldType::String | FieldType::Bool) => {
                Reducer::One(self.kind(at, kind, context)?)
            }
            (Reduce::First, FieldType::Int | FieldType::String | FieldType::Bool) => {
                Reducer::First(self.kind(at, kind, context)?)
            }
            (Reduce::Sum, FieldType::Int) => Reducer::Sum(self.kind(at, kind, context)?),
            (Reduce::Max, FieldType::Int) => Reducer::Max(self.kind(at, kind, context)?),
            (Reduce::Count, FieldType::Int) => Reducer::Count,
            (Reduce::Len, FieldType::Int) => Reducer::Len,
            (Reduce::SumProduct, FieldType::Int) => {
                let [left, right] = field.of.as_slice() else {
                    self.wrong(at, "`sum_product` needs `of: [$.price, $.quantity]`");
                    return None;
                };
                let (left, right) = (
                    self.keep(left, Selector::parse(&left.value)),
                    self.keep(right, Selector::parse(&right.value)),
                );
                Reducer::SumProduct(left?, right?)
            }
            (Reduce::SumEach, FieldType::Int) => {
                let of: Option<Vec<Selector>> = field
                    .of
                    .iter()
                    .map(|of| self.keep(of, Selector::parse(&of.value)))
                    .collect();
                Reducer::SumEach(of?)
            }
            (Reduce::List, FieldType::Strings) => Reducer::List,
            (Reduce::Domain, FieldType::Strings) => Reducer::Domain(Of::Mailboxes, self.marked(at)),
            (Reduce::Host, FieldType::Strings) => Reducer::Domain(Of::Servers, self.marked(at)),
            (Reduce::MailRecipients, FieldType::Int) => Reducer::Mail(Told::Count),
            (Reduce::MailDomains, FieldType::Strings) => Reducer::Mail(Told::Domains),
            (Reduce::Distinct, FieldType::Strings) => Reducer::Distinct,
            (Reduce::Names, FieldType::Strings) => Reducer::Names,
            (Reduce::Parents, FieldType::Strings) => Reducer::Parents,
            (Reduce::Distinct, FieldType::Int) => Reducer::CountDistinct,
            (Reduce::Split, FieldType::Strings | FieldType::Int) => {
                let separator = self.keep(at, separator().ok_or_else(|| "`split` needs a `separator`".to_owned()))?;
                if number {
                    Reducer::CountSplit(separator)
                } else {
                    Reducer::Split(separator)
                }
            }
            (reduce, _) => {
                self.wrong(
                    at,
                    format!("`reduce: {reduce:?}` does not make a field of type {kind:?}").to_lowercase(),
                );
                return None;
            }
        })
    }

    fn marked(&mut self, at: &Located<Field>) -> Option<Marked> {
        let each = at.value.each.as_ref()?;
        let selector = self.keep(&each.at, Selector::parse(&each.at.value))?;
        Some(Marked {
            at: selector,
            text: each.is.as_str().into(),
        })
    }

    fn kind(&mut self, at: &Located<Field>, kind: FieldType, context: &Context<'_>) -> Option<Type> {
        let field = &at.value;
        let default = match kind {
            FieldType::Int => Kind::Int,
            FieldType::Bool => Kind::Bool,
            FieldType::String | FieldType::Strings => Kind::String,
        };
        let wrong = match (field.kind.unwrap_or(default), kind) {
            (Kind::Int, FieldType::Int) => return Some(Type::Int),
            (Kind::Decimal, FieldType::Int) => match field.places {
                Some(places) if places <= 6 => return Some(Type::Decimal(places)),
                _ => "`decimal` needs `places` from 0 to 6".to_owned(),
            },
            (Kind::Money, FieldType::Int) => match &field.currency {
                Some(currency) => return self.path(currency, context).map(Type::Money),
                None => "`money` needs the path of its `currency`".to_owned(),
            },
            (Kind::Bool, FieldType::Bool) => return Some(Type::Bool),
            (Kind::String, FieldType::String) => return Some(Type::Text),
            (Kind::Currency, FieldType::String) => return Some(Type::Currency),
            (Kind::Enum, FieldType::String) if !field.values.is_empty() => {
                return Some(Type::Enum(
                    field.values.iter().map(|value| value.as_str().into()).collect(),
                ));
            }
            (Kind::Enum, FieldType::Bool) if !field.values.is_empty() => {
                return Some(Type::OneOf(
                    field.values.iter().map(|value| value.as_str().into()).collect(),
                ));
            }
            (Kind::PrefixMap, FieldType::String) if !field.prefixes.is_empty() => {
                let mut prefixes: Vec<(Box<str>, Arc<str>)> = field
                    .prefixes
                    .iter()
                    .map(|(prefix, value)| (prefix.as_str().into(), value.as_str().into()))
                    .collect();
                prefixes.sort_by_key(|(prefix, _)| std::cmp::Reverse(prefix.len()));
                return Some(Type::PrefixMap(prefixes, field.otherwise.as_deref().map(Arc::from)));
            }
            (Kind::Enum, FieldType::Bool) | (Kind::Enum | Kind::PrefixMap, FieldType::String) => {
                "expected `values` of the enum, or `prefixes` of the prefix_map".to_owned()
            }
            (other, _) => format!("`as: {other:?}` does not make a field of type {kind:?}").to_lowercase(),
        };
        self.wrong(at, wrong);
        None
    }
}

/// Header fields that no field may keep.
const SECRET_HEADERS: [&str; 4] = ["authorization", "proxy-authorization", "cookie", "x-api-key"];

fn constant(literal: &Literal, kind: FieldType) -> Option<Value> {
    match (literal, kind) {
        (Literal::Bool(value), FieldType::Bool) => Some(Value::Bool(*value)),
        (Literal::Int(value), FieldType::Int) => (0..=MAX_INT).contains(value).then_some(Value::Int(*value)),
        (Literal::Text(text), FieldType::String) => Some(Value::Text(text.clone())),
        (Literal::Text(text), FieldType::Strings) => Some(Value::List(vec![text.clone()])),
        _ => None,
    }
}
