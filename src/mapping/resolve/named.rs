//! Calls that a rule of a mapping names: all they mean.

use std::collections::BTreeMap;
use std::sync::Arc;

use http::HeaderName;

use super::{Decoded, Matched};
use crate::mapping::document::{Document, Path};
use crate::mapping::file::Decoder;
use crate::mapping::record::{self, Known};
use crate::mapping::service::{Meaning, Operation, Service, TargetRule, UNTOLD};
use crate::mapping::{Mappings, content, inert, kept, outline};
use crate::model::tie::Recall;
use crate::model::{Access, Action, Call, Missing, Target, Tie, Value, Why, money};

const AMOUNT: &str = "amount";
const CURRENCY: &str = "currency";

pub(super) type Fields = BTreeMap<Arc<str>, Value>;

impl Matched<'_> {
    pub(super) fn document<'d>(&'d self, call: &'d Call, decoded: &'d Decoded) -> Document<'d> {
        Document {
            method: call.method.as_str(),
            host: self.captures,
            parameters: &self.parameters,
            headers: &call.headers,
            query: decoded.query.as_ref(),
            body: decoded.body.as_ref().map(|body| &body.value),
            json: decoded.body.as_ref().is_some_and(|body| body.decoder == Decoder::Json),
        }
    }
}

impl Mappings {
    /// A call that a rule names, with everything it does.
    pub(super) fn named(&self, call: &Call, matched: &Matched<'_>, decoded: &Decoded) -> Action {
        let Matched { service, operation, .. } = matched;
        let document = matched.document(call, decoded);
        let (meaning, others) = operation.meanings(|trigger| trigger.applies(&document));
        let (fields, missing) = self.read(matched, meaning, &document);
        let (own, whole) = operation.target.own(&document);
        let mut action = Action {
            provider: service.provider.clone(),
            operation: matched.name.clone(),
            name: meaning.action.clone(),
            access: meaning.access,
            fields,
            missing,
            target: own,
            environment: self.environment(call, service, &document),
            labels: None,
            // SECURITY: a description tells the name of a change and not what it does, so people are asked as they are of one
            // without a name (test `what_people_wrote_goes_before_what_was_generated`).
            unmapped: service.generated && meaning.access != Access::Read,
            inspected: decoded.body.is_some() || content::is_empty(&call.body),
            summary: String::new(),
            request_line: record::request_line(call, Known::Operation(service, operation)),
            answer: operation.answer.as_ref().unwrap_or(&service.answer).clone(),
            also: Vec::new(),
            tie: Tie::default(),
            risk: None,
        };
        action.tie = tie(call, operation, &action, &document);
        let others = others.into_iter().flat_map(|other| {
            let (fields, missing, targets) = match &other.target {
                None => {
                    let (fields, missing) = self.read(matched, other, &document);
                    (fields, missing, vec![action.target.clone()])
                }
                Some(target) => {
                    let (mut fields, mut missing, targets) = elsewhere(other, target, &document);
                    if let Some(name) = other.allows(CURRENCY) {
                        self.account(service, document.headers)
                            .put(None, name, &mut fields, &mut missing);
                    }
                    (fields, missing, targets)
                }
            };
            targets
                .into_iter()
                .map(move |target| (other, target, fields.clone(), missing.clone()))
        });
        // What is named by its whole ARN is judged by that, too.
        let whole = whole.map(|target| (meaning, target, action.fields.clone(), action.missing.clone()));
        let others = whole.into_iter().chain(others).map(|(other, target, fields, missing)| {
            let mut also = Action {
                name: other.action.clone(),
                access: other.access,
                fields,
                missing,
                target,
                ..action.clone()
            };
            also.summary = other.summary.render(&also, self.wording(&service.title));
            also
        });
        let also: Vec<Action> = others.collect();
        action.summary = meaning.summary.render(&action, self.wording(&service.title));
        push_headers(&mut action.summary, call, operation, &document);
        for other in &also {
            action.summary.push_str("; also: ");
            action.summary.push_str(&other.summary);
        }
        action.also = also;
        // Content that no field tells of is read only where people are asked: they see that another is another one.
        if !operation.needs_body && call.body.captured().is_some_and(|content| !content.is_empty()) {
            let decoder = match operation.content_ignored {
                true => None,
                false => operation.decoder.or_else(|| content::of_media_type(call, service).ok()),
            };
            action.summary.push_str(&outline::outline(call, None, decoder));
        }
        action
    }

    /// Fields of one meaning, and what is missing of them.
    pub(super) fn read(
        &self,
        matched: &Matched<'_>,
        meaning: &Meaning,
        document: &Document<'_>,
    ) -> (Fields, Vec<Missing>) {
        let Matched { service, operation, .. } = matched;
        let mut fields = BTreeMap::new();
        let mut missing = Vec::new();
        for (name, rule) in operation
            .fields
            .iter()
            .filter(|(name, _)| meaning.allows(name).is_some())
        {
            match rule.value(document) {
                Ok(value) => drop(fields.insert(name.clone(), self.kept(name, value))),
                // What is there but cannot be read may not look as if it were not there, required or not.
                Err(why) if why == Why::Unreadable || meaning.required.contains(name) => missing.push(Missing {
                    field: name.clone(),
                    why,
                }),
                Err(_) => {}
            }
        }
        let told = |field: &Arc<str>| operation.fields.iter().any(|(name, _)| name == field);
        let untold = meaning.required.iter().filter(|field| !told(field));
        missing.extend(untold.map(|field| Missing {
            field: field.clone(),
            why: Why::Absent,
        }));
        let account = self.account(service, document.headers);
        if let Some(name) = meaning.allows(CURRENCY) {
            account.put(None, name, &mut fields, &mut missing);
        }
        let usual = account.currency(self.account_currency.as_deref());
        let amount = operation.fields.iter().find(|(name, _)| **name == *AMOUNT);
        let decimals = amount.and_then(|(_, rule)| rule.decimals());
        settle_places(service, decimals, usual, &mut fields, &mut missing);
        (fields, missing)
    }

    /// What of a value rules, people and the record are given.
    pub(in crate::mapping) fn kept(&self, field: &str, value: Value) -> Value {
        let class = || self.vocabulary.fields.get(field).map(|defined| defined.class);
        match value {
            Value::Bool(_) | Value::Int(_) => value,
            Value::Text(_) | Value::List(_) => kept::value(class().unwrap_or_default(), value),
        }
    }

    /// An amount as the provider counts it in that currency, in minor units of ISO 4217; `None`: too much.
    pub fn settled(&self, provider: &str, currency: &str, amount: i64) -> Option<i64> {
        let code = currency.to_ascii_lowercase();
        let mut services = self.services.iter().filter(|service| *service.provider == *provider);
        let theirs = services.find_map(|service| service.currency_places.get(&*code).copied());
        match (theirs, money::exponent(&code)) {
            (Some(theirs), Some(iso)) => money::in_places(amount, theirs, iso),
            (None, _) | (_, None) => Some(amount),
        }
    }
}

/// What a call says itself of what is remembered or recalled: what follows from its account, or is said by people, is not its
/// own.
fn tie(call: &Call, operation: &Operation, action: &Action, document: &Document<'_>) -> Tie {
    let rule = |name: &String| operation.fields.iter().find(|(field, _)| **field == **name);
    let read = |name: &String| rule(name).map(|(_, rule)| rule.value(document));
    let told = |name: &String| matches!(read(name), Some(Ok(_))) && action.fields.contains_key(name.as_str());
    let unsaid = |name: &String| matches!(read(name), None | Some(Err(Why::Absent)));
    match (&action.answer.remember, &action.answer.recall) {
        _ if action.access == Access::Read || action.unmapped => Tie::None,
        (Some(remember), _) if action.missing.is_empty() && remember.fields.iter().all(told) => {
            let more =
                members(document).any(|name| name.is_none_or(|name| remember.unless.iter().any(|one| one == name)));
            if more { Tie::None } else { Tie::Tells }
        }
        (_, Some(recall)) if recall.fields.iter().all(unsaid) && says_no_more(call, operation, recall, document) => {
            Tie::Asks
        }
        _ => Tie::None,
    }
}

/// Whether all that a call says is what its mapping reads, or may stand beside it.
///
/// SECURITY: a provider may take an amount by a name that its mapping does not know yet (Stripe's `amount_to_confirm`), and
/// the call would be judged by a smaller one (test `who_says_what_nobody_reads_recalls_nothing`).
fn says_no_more(call: &Call, operation: &Operation, recall: &Recall, document: &Document<'_>) -> bool {
    let is_read = document.body.is_some() || content::is_empty(&call.body);
    let known = |name: &str| {
        recall.beside.iter().any(|beside| beside == name) || operation.sought.body_names().any(|read| read == name)
    };
    is_read && members(document).all(|name| name.is_some_and(known))
}

/// Names at the top of query and content; `None` for what has none.
fn members<'d>(document: &Document<'d>) -> impl Iterator<Item = Option<&'d str>> {
    let parts = [document.query, document.body].into_iter().flatten();
    parts.flat_map(|part| match part.as_object() {
        Some(members) => members.keys().map(|name| Some(name.as_str())).collect(),
        None => vec![None],
    })
}

/// The targets of what is done besides, one for each meaning. None of the operation's fields is about them.
///
/// SECURITY: a rule about a target that cannot be told could not be asked, so that it is missing (test
/// `a_source_that_cannot_be_told_is_missing`).
fn elsewhere(meaning: &Meaning, rule: &TargetRule, document: &Document<'_>) -> (Fields, Vec<Missing>, Vec<Target>) {
    let missing = |field: &Arc<str>, why| Missing {
        field: field.clone(),
        why,
    };
    let required = meaning.required.iter().filter(|field| ***field != *UNTOLD);
    let mut untold: Vec<_> = required.map(|field| missing(field, Why::Absent)).collect();
    let targets = rule.others(document).unwrap_or_else(|| {
        untold.push(missing(&UNTOLD.into(), Why::Unreadable));
        vec![rule.target(None)]
    });
    (BTreeMap::new(), untold, targets)
}

/// Turns an amount with the provider's decimal places, or its rule's, into minor units of ISO 4217, rounded up. Where nobody
/// can tell its currency yet, the gate does it once people say that.
///
/// SECURITY: Stripe counts whole ariary where ISO 4217 has two places, and a rule that reads two places makes a tenth of an
/// amount in dinars, so that it would look smaller than it is (tests `amounts_are_in_iso_minor_units`,
/// `decimal_amounts_have_the_places_of_their_currency`).
fn settle_places(
    service: &Service,
    decimals: Option<u32>,
    account_currency: Option<&str>,
    fields: &mut Fields,
    missing: &mut Vec<Missing>,
) {
    let Some(&Value::Int(amount)) = fields.get(AMOUNT) else {
        return;
    };
    let unread = |missing: &Missing| *missing.field == *CURRENCY && missing.why != Why::Absent;
    let currency = match fields.get(CURRENCY) {
        Some(Value::Text(code)) => Some(code.as_str()),
        _ if missing.iter().any(unread) => None,
        _ => account_currency,
    };
    let settled = match (currency, decimals) {
        (Some(code), _) => match service.currency_places.get(code).copied().or(decimals) {
            Some(theirs) => money::exponent(code).and_then(|iso| money::in_places(amount, theirs, iso)),
            None => return,
        },
        (None, Some(_)) => None,
        (None, None) => return,
    };
    match settled {
        Some(settled) => fields
            .get_mut(AMOUNT)
            .into_iter()
            .for_each(|amount| *amount = Value::Int(settled)),
        None => {
            fields.remove(AMOUNT);
            missing.push(Missing {
                field: AMOUNT.into(),
                why: Why::Unreadable,
            });
        }
    }
}

/// ` (x-amz-acl: public-read)`: the header fields that make the call mean more than its operation does.
fn push_headers(out: &mut String, call: &Call, operation: &Operation, document: &Document<'_>) {
    let names = operation.when.iter().filter_map(|(trigger, _)| {
        let Path::Header(name) = &trigger.any else {
            return None;
        };
        (!trigger.absent && trigger.applies(document)).then_some(name)
    });
    let mut told: Vec<&HeaderName> = Vec::new();
    for name in names {
        if told.contains(&name) {
            continue;
        }
        out.push_str(if told.is_empty() { " (" } else { ", " });
        told.push(name);
        out.push_str(name.as_str());
        for value in call.headers.get_all(name) {
            out.push_str(": ");
            inert::push(out, &String::from_utf8_lossy(value.as_bytes()));
        }
    }
    if !told.is_empty() {
        out.push(')');
    }
}
