//! What the gate adds to an action: values that people stated, the account's currency, amounts in it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Rules;
use crate::labels::Domains;
use crate::model::accounts::Told;
use crate::model::money::{self, Rates};
use crate::model::vocabulary::ActionDefinition;
use crate::model::{Action, Missing, Value, Why};

const AMOUNT: &str = "amount";
const AMOUNT_BASE: &str = "amount_base";
const CURRENCY: &str = "currency";
const COST: &str = "estimated_monthly_cost";
const RECIPIENTS: &str = "recipient_count";
const RECIPIENT_DOMAINS: &str = "recipient_domains";
const EXTERNAL: &str = "external_recipient_count";

/// The action with `stated` values in the place of missing ones, and with all that follows from its fields. A stated value
/// of a field that is not missing is ignored: what the call states stands. Completing twice changes nothing.
pub(super) fn complete(mut action: Action, stated: &BTreeMap<Arc<str>, Value>, rules: &Rules) -> Action {
    let also = std::mem::take(&mut action.also);
    let mut action = one(action, stated, rules);
    action.also = also
        .into_iter()
        .map(|meaning| complete(meaning, stated, rules))
        .collect();
    action
}

/// The same of one meaning.
fn one(mut action: Action, stated: &BTreeMap<Arc<str>, Value>, rules: &Rules) -> Action {
    let vocabulary = rules.vocabulary();
    let Some(definition) = vocabulary.actions.get(&action.name) else {
        return action;
    };
    let stated = stated.iter().filter(|(field, _)| action.is_missing(field));
    let stated: BTreeMap<Arc<str>, Value> = stated.map(|(field, value)| (field.clone(), value.clone())).collect();
    action.missing.retain(|missing| !stated.contains_key(&missing.field));
    action.fields.extend(stated.clone());
    settle_amount(&mut action, &stated, rules);
    fill_currency(&mut action, definition, rules);
    need(&mut action, rules);
    need_currency(&mut action, definition, rules);
    for field in definition.required.iter().chain(&definition.optional) {
        let source = vocabulary
            .fields
            .get(field)
            .and_then(|field| field.derived_from.as_ref());
        let required = definition.required.contains(field);
        let stated = stated.get(field).cloned();
        if &**field == EXTERNAL {
            let domains = rules.labels.domains();
            let computed = external(&action, domains).map(Value::Int);
            let wanted = required || domains.is_configured() || rules.budgets.needs(&action, field);
            settle(&mut action, field, wanted, computed.or(stated));
        } else if let Some(source) = source {
            let wanted = match &**field {
                // Only who asks for it needs it.
                COST => rules.asks_for(&action, field),
                _ => required || action.is_missing(field) || lacks_or_has(&action, source),
            };
            derive(&mut action, field, wanted, stated, rules);
        }
    }
    action
}

/// An amount stays as the provider counts it until its currency is known: once people say that, it is in minor units.
///
/// SECURITY: else a hundredth of an amount in ariary would count (test `an_amount_is_settled_once_people_say_its_currency`).
fn settle_amount(action: &mut Action, stated: &BTreeMap<Arc<str>, Value>, rules: &Rules) {
    let theirs = !stated.contains_key(AMOUNT);
    let (Some(Value::Text(currency)), Some(amount)) = (stated.get(CURRENCY), action.int(AMOUNT).filter(|_| theirs))
    else {
        return;
    };
    match rules.mappings.settled(&action.provider, currency, amount) {
        Some(settled) => drop(action.fields.insert(AMOUNT.into(), Value::Int(settled))),
        None => {
            action.fields.remove(AMOUNT);
            action.missing.push(Missing {
                field: AMOUNT.into(),
                why: Why::Unreadable,
            });
        }
    }
}

fn currency_of(definition: &ActionDefinition) -> Option<&Arc<str>> {
    let mut fields = definition.required.iter().chain(&definition.optional);
    fields.find(|field| &***field == CURRENCY)
}

fn has_or_lacks_amount(action: &Action) -> bool {
    action.fields.contains_key(AMOUNT) || action.is_missing(AMOUNT)
}

/// Calls that name no currency are in the account's (a Stripe refund is in its charge's). One that is there but cannot be
/// read is no such call. Whose key it was is not known here: the mapping has filled in what follows from that, and says
/// nothing of a currency that it could not tell where it saw no amount.
fn fill_currency(action: &mut Action, definition: &ActionDefinition, rules: &Rules) {
    let accounts = &rules.config.accounts;
    let told_apart = accounts.are_told_of(&action.provider) && !has_or_lacks_amount(action);
    let Some(currency) = currency_of(definition).filter(|_| !told_apart) else {
        return;
    };
    let usual = rules.config.rates.account.as_deref();
    let account = accounts.by_default(&action.provider);
    account.put(usual, currency, &mut action.fields, &mut action.missing);
}

/// Whoever is asked for an amount that only a budget or a rule needs is asked for its currency too, where the mapping did not
/// tell it.
///
/// SECURITY: another account's amount would count in the currency of the provider's keys (test
/// `an_amount_that_only_a_budget_needs_is_in_no_currency_that_nobody_said`).
fn need_currency(action: &mut Action, definition: &ActionDefinition, rules: &Rules) {
    let told_apart = rules.config.accounts.are_told_of(&action.provider) && has_or_lacks_amount(action);
    if let Some(currency) = currency_of(definition).filter(|_| told_apart && !action.is_missing(CURRENCY)) {
        Told::Unknown.put(None, currency, &mut action.fields, &mut action.missing);
    }
}

/// Works out `field` from `source`. Where that fails, the field is missing, unless there was nothing to work with and
/// nobody needs it.
///
/// SECURITY: a derived field is ours to set: one that came along with the call is dropped, or an amount could be given
/// another worth. Test: an_amount_base_that_came_with_the_call_is_dropped.
fn derive(action: &mut Action, field: &Arc<str>, wanted: bool, stated: Option<Value>, rules: &Rules) {
    let computed = match &**field {
        AMOUNT_BASE => amount_base(action, &rules.config.rates),
        COST => rules.prices.monthly(action, &rules.config.rates),
        // How to work out others is not known, so they are missing.
        _ => None,
    };
    let value = computed.map(Value::Int).or(stated);
    if let (COST, Some(Value::Int(cost))) = (&**field, &value) {
        tell_cost(action, *cost, &rules.config.rates);
    }
    settle(action, field, wanted, value);
}

/// Puts a field of ours in the place of whatever came along.
fn settle(action: &mut Action, field: &Arc<str>, wanted: bool, value: Option<Value>) {
    action.fields.remove(field);
    action.missing.retain(|missing| missing.field != *field);
    match value {
        Some(value) => drop(action.fields.insert(field.clone(), value)),
        None if wanted => action.missing.push(Missing {
            field: field.clone(),
            why: Why::Derived,
        }),
        None => {}
    }
}

/// Whether there is something to work with, or should be.
fn lacks_or_has(action: &Action, source: &str) -> bool {
    action.is_missing(source) || action.fields.contains_key(source)
}

/// What a budget sums must be told, or its total is not known.
///
/// SECURITY: a call that leaves it out would count as nothing. Test: `a_call_that_leaves_out_what_a_budget_sums_is_held`.
fn need(action: &mut Action, rules: &Rules) {
    // Outsiders may be stated as they are, whoever the recipients be.
    let needed = rules.budgets.needed(action).filter(|field| &***field != EXTERNAL);
    let needed: Vec<Arc<str>> = needed.cloned().collect();
    for field in needed {
        let defined = rules.vocabulary().fields.get(&field);
        let source = defined.and_then(|field| field.derived_from.clone());
        // A derived field that cannot be worked out is found missing when it is derived; only its source can be stated.
        let told = source.unwrap_or(field);
        if !action.fields.contains_key(&told) && !action.is_missing(&told) {
            action.missing.push(Missing {
                field: told,
                why: Why::Absent,
            });
        }
    }
}

/// People who are asked are told what it costs.
fn tell_cost(action: &mut Action, cost: i64, rates: &Rates) {
    let Some(currency) = &rates.account else { return };
    let told = format!(" (about {} a month)", money::show(cost, currency));
    if !action.summary.contains(&told) {
        action.summary.push_str(&told);
    }
}

fn amount_base(action: &Action, rates: &Rates) -> Option<i64> {
    rates.base(action.int(AMOUNT)?, action.text(CURRENCY)?)
}

/// Recipients outside the organisation, at most: all but one for each domain of its own. `None` where nobody can tell.
///
/// SECURITY: recipients that could not be read may be anybody's, so that people are asked, never "none is outside" (tests
/// `recipients_that_cannot_be_told_may_be_anybodys`, `a_count_of_outsiders_that_came_with_the_call_is_dropped`).
fn external(action: &Action, domains: &Domains) -> Option<i64> {
    let Some(Value::List(found)) = action.fields.get(RECIPIENT_DOMAINS) else {
        return None;
    };
    let count = action.int(RECIPIENTS)?;
    // Somebody gets it, somewhere.
    let nowhere = found.is_empty() && count != 0;
    if nowhere || !domains.is_configured() {
        return None;
    }
    let ours = found.iter().filter(|domain| domains.is_ours(domain)).count();
    let theirs = i64::try_from(found.len() - ours).ok()?;
    match theirs {
        0 => Some(0),
        _ => Some((count - i64::try_from(ours).ok()?).max(theirs)),
    }
}
