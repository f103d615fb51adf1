//! A no that says what would have been right, and the grant that waits for it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::problem::Problem;
use super::{Parts, consent, stated};
use crate::agent::Person;
use crate::gate::Rules;
use crate::model::change::{ApprovalRow, Correction};
use crate::model::grant::{Corrected, Grant, Scope};
use crate::model::vocabulary::FieldType;
use crate::model::{Action, Facts, GrantId, HoldRule, Timestamp, Value, Vocabulary, Vote};
use crate::policy::Verdict;

/// The grant of `person` for the call of `row` with other values, and what the agent is told of it.
///
/// SECURITY: it is consent to a call that is not made yet, so whoever may not consent may not correct; it counts for the rules
/// of this person's groups only, and for a call that is this one but for the corrected values. Tests:
/// `who_may_not_approve_may_not_correct_and_a_correction_names_no_other_target`,
/// `a_correction_tells_the_agent_and_waits_for_one_call_with_exactly_that`,
/// `a_corrected_call_is_the_denied_one_but_for_what_was_corrected`.
pub(super) fn grant(
    parts: &Parts,
    person: &Person,
    row: &ApprovalRow,
    correct: &BTreeMap<String, String>,
    reason: &str,
) -> Result<(Grant, Correction), Problem> {
    let caller = super::approvals::asking(parts, person, &row.facts.agent, &row.facts.roles)?;
    let facts = Facts {
        roles: caller.roles,
        ..row.facts.clone()
    };
    let rules = parts.gate.rules();
    let fields = read(&row.action, correct, rules.vocabulary())?;
    let now = Timestamp::now();
    let action = corrected(&rules, &facts, &row.action, &fields, now)?;
    let wanted = match rules.review(&facts, &action, None, now) {
        Verdict::Block { reason, rules } => return Err(consent::blocked(reason, &rules)),
        Verdict::Allow { .. } => Vec::new(),
        Verdict::RequireApproval { rules } => seen(&facts, row, &parts.gate.rules(), now, rules),
    };
    let mut mine: Vec<_> = Vec::new();
    for rule in wanted
        .into_iter()
        .map(|rule| row.as_asked(rule))
        .chain(row.rules.iter().cloned())
        .filter(|rule| person.may_speak_for(rule))
    {
        let rule = (rule.id, rule.digest);
        if !mine.contains(&rule) {
            mine.push(rule);
        }
    }
    if mine.is_empty() {
        return Err(consent::not_theirs(person, &row.rules));
    }
    let life = parts.approvals.grant_life();
    let names = fields.keys().cloned().collect();
    let corrected = Corrected::new(row, &facts, &action, names).map_err(|field| inseparable(&field))?;
    let grant = Grant {
        id: GrantId::random(),
        agent: facts.agent.clone(),
        scope: Scope::Exactly(Box::new(corrected)),
        vote: Vote {
            person: person.name.clone(),
            time: now,
            proof: person.proof.as_str().into(),
            reason: Some(reason.to_owned()),
            rules: mine,
        },
        uses: 1,
        created: now,
        expires: now.plus(life),
    };
    let correction = Correction {
        fields,
        grant: grant.id.clone(),
        until: grant.expires,
    };
    Ok((grant, correction))
}

fn inseparable(field: &str) -> Problem {
    Problem::unprocessable(format!(
        "`{field}` of this call cannot be corrected: it is not read from one value that can be told from the rest of the call, and \
         all but what is corrected has to stay as it is; deny it without `--correct` and say in the reason what would be right"
    ))
}

/// The rules that want consent to the corrected call, without those that are in force only since the person looked.
fn seen(facts: &Facts, row: &ApprovalRow, rules: &Rules, now: Timestamp, wanted: Vec<HoldRule>) -> Vec<HoldRule> {
    let known = |rule: &HoldRule| {
        let voted = row.votes.iter().flat_map(|vote| &vote.rules);
        row.rules
            .iter()
            .any(|other| (&other.id, &other.digest) == (&rule.id, &rule.digest))
            || voted
                .into_iter()
                .any(|(id, digest)| (id, digest) == (&rule.id, &rule.digest))
    };
    let as_called = match rules.review(facts, &row.action, None, now) {
        Verdict::RequireApproval { rules } => rules,
        Verdict::Allow { .. } | Verdict::Block { .. } => Vec::new(),
    };
    let unseen = |rule: &HoldRule| {
        let asks = as_called
            .iter()
            .any(|other| (&other.id, &other.digest) == (&rule.id, &rule.digest));
        asks && !known(rule)
    };
    wanted.into_iter().filter(|rule| !unseen(rule)).collect()
}

/// The values, typed. Numbers and yes or no only: a text names what is acted on.
fn read(
    action: &Action,
    correct: &BTreeMap<String, String>,
    vocabulary: &Vocabulary,
) -> Result<BTreeMap<Arc<str>, Value>, Problem> {
    if !action.also.is_empty() || action.unmapped || !action.inspected {
        return Err(Problem::unprocessable(
            "this call is not read as one known action, so it cannot be corrected: deny it without `--correct`",
        ));
    }
    let definition = vocabulary.actions.get(&action.name);
    let has = |name: &str| {
        let mut fields = definition
            .into_iter()
            .flat_map(|it| it.required.iter().chain(&it.optional));
        fields.any(|field| &**field == name)
    };
    let mut fields = BTreeMap::new();
    for (name, text) in correct {
        let Some((field, defined)) = vocabulary.fields.get_key_value(name.as_str()).filter(|_| has(name)) else {
            return Err(Problem::unprocessable(format!(
                "`{}` has no field `{name}`: a correction says other values of what the call says, never another target",
                action.name
            )));
        };
        if let Some(source) = &defined.derived_from {
            return Err(Problem::unprocessable(format!(
                "`{name}` follows from `{source}`: correct that"
            )));
        }
        match defined.kind {
            FieldType::Int | FieldType::Bool => {}
            FieldType::String | FieldType::Strings => {
                return Err(Problem::unprocessable(format!(
                    "`{name}` is text, which names what is acted on: only numbers and yes or no can be corrected"
                )));
            }
        }
        fields.insert(field.clone(), stated::parse(name, defined.kind, text)?);
    }
    match fields
        .iter()
        .all(|(name, value)| action.fields.get(name) == Some(value))
    {
        true => Err(Problem::unprocessable(
            "that is what the call says already: approve it, or say another value",
        )),
        false => Ok(fields),
    }
}

/// The action as it would be.
fn corrected(
    rules: &Rules,
    facts: &Facts,
    action: &Action,
    fields: &BTreeMap<Arc<str>, Value>,
    now: Timestamp,
) -> Result<Action, Problem> {
    let mut corrected = action.clone();
    corrected.missing.retain(|missing| !fields.contains_key(&missing.field));
    corrected.fields.extend(fields.clone());
    let corrected = rules.weigh(facts, corrected, now);
    let lacking: Vec<&str> = corrected.missing.iter().map(|missing| &*missing.field).collect();
    match lacking.is_empty() {
        true => Ok(corrected),
        false => Err(Problem::unprocessable(format!(
            "the call does not say everything that the rules need, so a correction has to: {}",
            lacking.join(", ")
        ))),
    }
}
