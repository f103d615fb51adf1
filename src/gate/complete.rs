//! What the gate adds to an action: values that people stated, the account's currency, amounts in it.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::model::money::Rates;
use crate::model::vocabulary::ActionDefinition;
use crate::model::{Action, Missing, Value, Vocabulary, Why};

const AMOUNT: &str = "amount";
const AMOUNT_BASE: &str = "amount_base";
const CURRENCY: &str = "currency";

/// The action with `stated` values in the place of missing ones, and with all that follows from its fields. A stated value
/// of a field that is not missing is ignored: what the call states stands. Completing twice changes nothing.
pub(super) fn complete(
    mut action: Action,
    stated: &BTreeMap<Arc<str>, Value>,
    vocabulary: &Vocabulary,
    rates: &Rates,
) -> Action {
    let also = std::mem::take(&mut action.also);
    let mut action = one(action, stated, vocabulary, rates);
    action.also = also
        .into_iter()
        .map(|meaning| complete(meaning, stated, vocabulary, rates))
        .collect();
    action
}

/// The same of one meaning.
fn one(mut action: Action, stated: &BTreeMap<Arc<str>, Value>, vocabulary: &Vocabulary, rates: &Rates) -> Action {
    let Some(definition) = vocabulary.actions.get(&action.name) else {
        return action;
    };
    let stated = stated.iter().filter(|(field, _)| action.is_missing(field));
    let stated: BTreeMap<Arc<str>, Value> = stated.map(|(field, value)| (field.clone(), value.clone())).collect();
    action.missing.retain(|missing| !stated.contains_key(&missing.field));
    action.fields.extend(stated.clone());
    fill_currency(&mut action, definition, rates);
    for field in definition.required.iter().chain(&definition.optional) {
        let source = vocabulary
            .fields
            .get(field)
            .and_then(|field| field.derived_from.as_ref());
        if let Some(source) = source {
            let required = definition.required.contains(field);
            derive(&mut action, field, source, required, stated.get(field), rates);
        }
    }
    action
}

/// Calls that name no currency are in the account's (a Stripe refund is in its charge's). One that is there but cannot be
/// read is no such call.
fn fill_currency(action: &mut Action, definition: &ActionDefinition, rates: &Rates) {
    let mut fields = definition.required.iter().chain(&definition.optional);
    let Some(currency) = fields.find(|field| &***field == CURRENCY) else {
        return;
    };
    let absent = |missing: &Missing| missing.field == *currency && missing.why == Why::Absent;
    let may_default = !action.is_missing(CURRENCY) || action.missing.iter().any(absent);
    if let (Some(account), true, false) = (&rates.account, may_default, action.fields.contains_key(currency)) {
        action.missing.retain(|missing| missing.field != *currency);
        action.fields.insert(currency.clone(), Value::Text(account.to_string()));
    }
}

/// Works out `field` from `source`. Where that fails, the field is missing, unless there was nothing to work with and
/// nobody needs it.
///
/// SECURITY: a derived field is ours to set: one that came along with the call is dropped, or an amount could be given
/// another worth. Test: an_amount_base_that_came_with_the_call_is_dropped.
fn derive(action: &mut Action, field: &Arc<str>, source: &str, required: bool, stated: Option<&Value>, rates: &Rates) {
    let wanted =
        required || action.is_missing(field) || action.is_missing(source) || action.fields.contains_key(source);
    action.fields.remove(field);
    action.missing.retain(|missing| missing.field != *field);
    let computed = match &**field {
        AMOUNT_BASE => amount_base(action, rates).map(Value::Int),
        // How to work out others is not known, so they are missing.
        _ => None,
    };
    match computed.or_else(|| stated.cloned()) {
        Some(value) => drop(action.fields.insert(field.clone(), value)),
        None if wanted => action.missing.push(Missing {
            field: field.clone(),
            why: Why::Derived,
        }),
        None => {}
    }
}

fn amount_base(action: &Action, rates: &Rates) -> Option<i64> {
    rates.base(action.int(AMOUNT)?, action.text(CURRENCY)?)
}
