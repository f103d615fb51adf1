//! `/api/v1/grants`: what people consent to beforehand.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use axum::{Extension, Json};
use http::StatusCode;
use serde::Deserialize;

use super::approvals::{asking, reason_of};
use super::problem::Problem;
use super::registry::is_owner;
use super::view::{self, Items};
use super::{Parts, stated};
use crate::agent::Person;
use crate::approval::NoGrant;
use crate::audit;
use crate::gate::Rules;
use crate::model::diagnostic::meant;
use crate::model::grant::{Bounds, Grant, GrantEnd, GrantRow, LONGEST, MOST_USES, Most, Scope};
use crate::model::vocabulary::FieldType;
use crate::model::{GrantId, Timestamp, Value, Vote, money};
use crate::store::{CommitError, to_its_end};

/// Characters of a target's id.
const LONGEST_TARGET: usize = 500;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct New {
    pub(super) agent: String,
    pub(super) action: String,
    /// Of targets.
    pub(super) kind: String,
    #[serde(default)]
    pub(super) target: Option<String>,
    #[serde(default)]
    pub(super) environment: Option<String>,
    /// The most that fields may say: `20000usd`, `10`.
    #[serde(default)]
    pub(super) max: BTreeMap<String, String>,
    pub(super) seconds: u64,
    pub(super) uses: u32,
    pub(super) reason: String,
}

pub(super) async fn list(State(parts): State<Arc<Parts>>) -> Json<Items<view::Grant>> {
    let items = parts.approvals.list_grants();
    Json(Items {
        items: items.iter().map(view::Grant::from).collect(),
    })
}

pub(super) async fn give(
    State(parts): State<Arc<Parts>>,
    Extension(person): Extension<Person>,
    new: Result<Json<New>, JsonRejection>,
) -> Result<Json<view::Grant>, Problem> {
    let Json(new) = new?;
    let grant = new.grant(&parts, &person)?;
    let giving = parts.approvals.giving(vec![Grant::clone(&grant)]);
    let changes = audit::given(&grant);
    to_its_end(async move {
        let written = parts.store.write(changes).await;
        written.inspect_err(|error| parts.store.later(audit::never_given(giving.grants(), error)))?;
        giving.given();
        Ok::<(), Problem>(())
    })
    .await?;
    let row = GrantRow {
        grant: *grant,
        used: 0,
        ended: None,
    };
    Ok(Json(view::Grant::new(&row, true)))
}

impl New {
    /// SECURITY: whoever could not approve such calls one by one cannot do so beforehand. The word counts for the rules that
    /// stand now, in the text that they have now. Test: `who_could_not_approve_grants_nothing`.
    fn grant(&self, parts: &Parts, person: &Person) -> Result<Box<Grant>, Problem> {
        let reason = reason_of(&self.reason)?;
        let caller = asking(parts, person, &self.agent, &[])?;
        let rules = parts.gate.rules();
        let bounds = self.bounds(&rules)?;
        if !(1..=MOST_USES).contains(&self.uses) {
            return Err(Problem::unprocessable(format!(
                "expected 1 to {MOST_USES} uses, found {}",
                self.uses
            )));
        }
        let life = Duration::from_secs(self.seconds);
        if life.is_zero() || life > LONGEST {
            return Err(Problem::unprocessable("expected a time of 1 s to 24 h, as 30m"));
        }
        let holds: Vec<_> = rules.policies().holds(&bounds.action).collect();
        let mine: Vec<_> = holds.iter().filter(|rule| person.may_speak_for(rule)).collect();
        if mine.is_empty() {
            return Err(match holds.is_empty() {
                true => Problem::unprocessable(format!(
                    "no rule asks people about `{}`: there is nothing to consent to",
                    bounds.action
                )),
                false => Problem::forbidden(format!(
                    "`{}` could not approve such a call: rules about `{}` ask {}",
                    person.name,
                    bounds.action,
                    holds
                        .iter()
                        .map(|rule| format!("{} ({})", rule.asks(), rule.id))
                        .collect::<Vec<_>>()
                        .join(", ")
                )),
            });
        }
        let now = Timestamp::now();
        Ok(Box::new(Grant {
            id: GrantId::random(),
            agent: caller.agent,
            scope: Scope::Within(bounds),
            vote: Vote {
                person: person.name.clone(),
                time: now,
                proof: person.proof.as_str().into(),
                reason: Some(reason),
                rules: mine.iter().map(|rule| (rule.id.clone(), rule.digest.clone())).collect(),
            },
            uses: self.uses,
            created: now,
            expires: now.plus(life),
        }))
    }

    fn bounds(&self, rules: &Rules) -> Result<Bounds, Problem> {
        let vocabulary = rules.vocabulary();
        let Some((action, definition)) = vocabulary.actions.get_key_value(self.action.as_str()) else {
            let known = vocabulary.actions.keys().map(|name| &**name);
            return Err(unknown("action", &self.action, meant(&self.action, known)));
        };
        let kinds = rules.mappings().kinds();
        let mut known = kinds.values().flatten();
        if !known.any(|kind| **kind == *self.kind) {
            let known = kinds.values().flatten().map(|kind| &**kind);
            return Err(unknown("kind of target", &self.kind, meant(&self.kind, known)));
        }
        let fits = |text: &String| (1..=LONGEST_TARGET).contains(&text.chars().count());
        if !self.target.iter().chain(&self.environment).all(fits) {
            return Err(Problem::unprocessable(
                "expected 1 to 500 characters of target and of environment",
            ));
        }
        let has = |field: &str| {
            definition
                .required
                .iter()
                .chain(&definition.optional)
                .any(|name| &**name == field)
        };
        if has("amount") && !self.max.contains_key("amount") {
            return Err(Problem::unprocessable(format!(
                "`{action}` moves money: say how much one call may, as --max amount=20000usd (minor units)"
            )));
        }
        let mut most = BTreeMap::new();
        for (name, text) in &self.max {
            let field = vocabulary.fields.get_key_value(name.as_str());
            let Some((field, defined)) = field.filter(|(name, _)| has(name)) else {
                return Err(Problem::unprocessable(format!("`{action}` has no field `{name}`")));
            };
            if defined.kind != FieldType::Int || defined.derived_from.is_some() {
                return Err(Problem::unprocessable(format!(
                    "`{name}`: only a number that calls say themselves has a most"
                )));
            }
            most.insert(
                field.clone(),
                read_most(name, text, has("currency") && name == "amount")?,
            );
        }
        Ok(Bounds {
            action: action.clone(),
            kind: self.kind.as_str().into(),
            target: self.target.clone(),
            environment: self.environment.as_deref().map(Arc::from),
            most,
        })
    }
}

fn unknown(what: &str, found: &str, meant: Option<&str>) -> Problem {
    let hint = meant
        .map(|meant| format!("; did you mean `{meant}`?"))
        .unwrap_or_default();
    Problem::unprocessable(format!("there is no {what} `{found}`{hint}"))
}

/// `20000usd` of an amount, `10` of anything else.
fn read_most(name: &str, text: &str, is_money: bool) -> Result<Most, Problem> {
    let end = text
        .find(|character: char| !character.is_ascii_digit())
        .unwrap_or(text.len());
    let (digits, currency) = text.split_at(end);
    let currency = currency.to_ascii_lowercase();
    if is_money != money::exponent(&currency).is_some() || (!is_money && !currency.is_empty()) {
        let expected = match is_money {
            true => "minor units with their currency, as 20000usd for $200.00",
            false => "a whole number",
        };
        return Err(Problem::unprocessable(format!(
            "`{name}`: expected {expected}, found `{text}`"
        )));
    }
    match stated::parse(name, FieldType::Int, digits)? {
        Value::Int(value) => Ok(Most {
            value,
            currency: is_money.then(|| currency.into()),
        }),
        Value::Bool(_) | Value::Text(_) | Value::List(_) => Err(Problem::unprocessable("expected a number")),
    }
}

pub(super) async fn revoke(
    State(parts): State<Arc<Parts>>,
    Extension(person): Extension<Person>,
    Path(name): Path<String>,
) -> Result<Json<view::Grant>, Problem> {
    let end = GrantEnd {
        time: Timestamp::now(),
        by: Some(person.name.clone()),
    };
    to_its_end(async move {
        let grant = parts
            .approvals
            .take_back(&name, Some(&person.name), |grant| may_revoke(&parts, &person, grant))?;
        match parts.store.write(audit::grant_ended(&grant, &end)).await {
            Ok(()) => parts.approvals.grant_ended(&grant.id, end),
            Err(error) => {
                // It stays over: what a person took back is not used again, whatever the disk says.
                parts.approvals.grant_not_ended(&grant.id);
                return Err(match error {
                    CommitError::Lost => Problem::conflict(format!("{} was used up meanwhile", grant.id.short())),
                    CommitError::Unavailable(_) | CommitError::Overloaded => error.into(),
                });
            }
        }
        let list = parts.approvals.list_grants();
        let given = list.iter().find(|given| given.row.grant.id == grant.id);
        given
            .map(|given| Json(view::Grant::from(given)))
            .ok_or_else(|| NoGrant::Over(grant.id).into())
    })
    .await
}

/// Its giver, whoever could have given it, and the agent's own person: nothing goes through by that.
fn may_revoke(parts: &Parts, person: &Person, grant: &Grant) -> Result<(), Problem> {
    let rules = parts.gate.rules();
    let counts = |id: &Arc<str>| grant.vote.rules.iter().any(|(rule, _)| rule == id);
    let mut holds = rules
        .policies()
        .holds(grant.scope.action())
        .filter(|rule| counts(&rule.id));
    let owner = parts.registry.named(&grant.agent).and_then(|caller| caller.owner);
    let may = grant.vote.person == person.name
        || is_owner(person)
        || owner.as_ref() == Some(&person.name)
        || holds.any(|rule| person.may_speak_for(rule));
    match may {
        true => Ok(()),
        false => Err(Problem::forbidden(format!(
            "`{}` may not revoke what `{}` granted to `{}`",
            person.name, grant.vote.person, grant.agent
        ))),
    }
}

impl From<NoGrant> for Problem {
    fn from(error: NoGrant) -> Self {
        let status = match error {
            NoGrant::Unknown(_) => StatusCode::NOT_FOUND,
            NoGrant::TooShort(_) => StatusCode::UNPROCESSABLE_ENTITY,
            NoGrant::Ambiguous { .. } | NoGrant::Over(_) => StatusCode::CONFLICT,
        };
        Self::new(status, error.to_string())
    }
}
