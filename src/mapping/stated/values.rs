//! The values of a statement, typed by the vocabulary.

use super::*;

/// What is of the vocabulary.
pub(super) struct Read {
    pub fields: BTreeMap<Arc<str>, Value>,
    /// Required, and not said.
    pub missing: Vec<Missing>,
}

const WHOLE: &str = "a whole number from 0 to 1e15, as 5, not \"5\", 5.0 or 5e0";
const DECIMAL: &str = "an amount in whole units of the currency, as 12000 or 12.50, not below 0 and with no more places than the currency has";
const CODE: &str = "an ISO 4217 code, as usd";
const SAID: &str = "a text of 1 to 4096 bytes without hidden characters";
const YES_OR_NO: &str = "true or false";
const TEXTS: &str = "an array of at most 1000 texts";

impl Mappings {
    /// Takes out of the context what the vocabulary says of the action. A member that is null is not said.
    ///
    /// SECURITY: derived fields are the gate's to work out: one that is said stays with what only people see (test
    /// `what_the_gate_works_out_is_not_taken_from_the_agent`).
    pub(super) fn values(
        &self,
        definition: &ActionDefinition,
        context: &mut Map<String, Json>,
    ) -> Result<Read, Misstated> {
        let mut read = Read {
            fields: BTreeMap::new(),
            missing: Vec::new(),
        };
        let required = definition.required.iter().map(|field| (field, true));
        let optional = definition.optional.iter().map(|field| (field, false));
        let account = self.account_stated(context);
        let mut all = definition.required.iter().chain(&definition.optional);
        let named = all.find(|field| &***field == CURRENCY);
        let currency = match named {
            Some(_) => currency(context)?,
            None => None,
        };
        let meant = currency
            .as_deref()
            .or(account.currency(self.account_currency.as_deref()));
        for (field, required) in required.chain(optional) {
            let Some(defined) = self.vocabulary.fields.get(field) else {
                continue;
            };
            let value = match &**field {
                _ if defined.derived_from.is_some() => continue,
                TOOL => continue,
                CURRENCY => Ok(currency.clone().map(Value::Text)),
                AMOUNT => amount(meant, context)?,
                name => take(context, name)
                    .map(|value| typed(name, defined.kind, &value))
                    .transpose()
                    .map(Ok)?,
            };
            match value {
                Ok(Some(value)) => drop(read.fields.insert(field.clone(), self.kept(field, value))),
                Ok(None) if !required => {}
                Ok(None) => read.missing.push(Missing {
                    field: field.clone(),
                    why: Why::Absent,
                }),
                Err(why) => read.missing.push(Missing {
                    field: field.clone(),
                    why,
                }),
            }
        }
        if let Some(name) = named {
            account.put(None, name, &mut read.fields, &mut read.missing);
        }
        Ok(read)
    }
}

/// In minor units. Without a currency nobody can tell how many those are.
fn amount(currency: Option<&str>, context: &mut Map<String, Json>) -> Result<Result<Option<Value>, Why>, Misstated> {
    let (major, minor) = (take(context, AMOUNT), take(context, AMOUNT_MINOR));
    let wrong = |name: &str, expected| Misstated::Wrong(name.to_owned(), expected);
    Ok(match (major, minor) {
        (None, None) => Ok(None),
        (Some(_), Some(_)) => return Err(Misstated::TwoAmounts),
        (None, Some(minor)) => Ok(Some(typed(AMOUNT_MINOR, FieldType::Int, &minor)?)),
        (Some(major), None) => {
            let places = currency.and_then(money::exponent);
            // Whatever the currency, it is to be a number.
            let amount = |places| field::decimal(Node::Json(&major), places);
            match places {
                Some(places) => Ok(Some(Value::Int(amount(places).map_err(|_| wrong(AMOUNT, DECIMAL))?))),
                None => amount(MOST_PLACES)
                    .map(|_| Err(Why::Unreadable))
                    .map_err(|_| wrong(AMOUNT, DECIMAL))?,
            }
        }
    })
}

/// Decimal places that any currency has, and then some.
const MOST_PLACES: u32 = 4;

/// In lower case.
fn currency(context: &mut Map<String, Json>) -> Result<Option<String>, Misstated> {
    match take(context, CURRENCY) {
        None => Ok(None),
        Some(Json::String(code)) if money::exponent(&code).is_some() => Ok(Some(code.to_ascii_lowercase())),
        Some(_) => Err(Misstated::Wrong(CURRENCY.to_owned(), CODE)),
    }
}

fn take(context: &mut Map<String, Json>, name: &str) -> Option<Json> {
    context.remove(name).filter(|value| !value.is_null())
}

/// As mappings spell it, and rules expect it.
fn spelt(name: &str, text: String) -> String {
    match name {
        "recipient_domains" | "sql_tables" | "tool_servers" => text.to_lowercase(),
        "sql_verb" => text.to_uppercase(),
        _ => text,
    }
}

fn typed(name: &str, kind: FieldType, value: &Json) -> Result<Value, Misstated> {
    let wrong = |expected| Misstated::Wrong(name.to_owned(), expected);
    match (kind, value) {
        (FieldType::Int, Json::Number(number)) => {
            let whole = field::whole(number.as_str()).map_err(|_| wrong(WHOLE))?;
            Ok(Value::Int(whole))
        }
        (FieldType::Bool, Json::Bool(value)) => Ok(Value::Bool(*value)),
        (FieldType::String, Json::String(text)) if is_plain(text, field::MAX_TEXT) => {
            Ok(Value::Text(spelt(name, text.clone())))
        }
        (FieldType::Strings, Json::Array(items)) if items.len() <= field::MAX_ITEMS => {
            let texts = items.iter().map(|item| {
                let text = item.as_str().filter(|text| is_plain(text, field::MAX_TEXT));
                text.map(|text| spelt(name, text.to_owned()))
                    .ok_or_else(|| wrong(TEXTS))
            });
            let mut texts = texts.collect::<Result<Vec<String>, _>>()?;
            texts.sort();
            texts.dedup();
            Ok(Value::List(texts))
        }
        (FieldType::Int, _) => Err(wrong(WHOLE)),
        (FieldType::Bool, _) => Err(wrong(YES_OR_NO)),
        (FieldType::String, _) => Err(wrong(SAID)),
        (FieldType::Strings, _) => Err(wrong(TEXTS)),
    }
}
