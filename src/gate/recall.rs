//! What a call leaves out that its target was made with.

use std::fmt::Write as _;
use std::sync::Arc;

use super::made::Fields;
use super::{Gate, Rules};
use crate::model::{Access, Action, Call, Tie, Timestamp, Value, inert, money};

const AMOUNT: &str = "amount";
const CURRENCY: &str = "currency";

impl Rules {
    /// The action with what is remembered of its target, if the call tells none of that and its mapping says so. Rules see it
    /// as any other field; nothing is sent of the call if it does not hold any more by then.
    #[must_use]
    pub fn with_recalled(&self, call: &Call, mut action: Action, at: Timestamp) -> Action {
        if let Some((fields, version)) = self.remembered(call, &action, at) {
            action.summary.push_str(&told(&fields));
            let names = fields.iter().map(|(name, _)| name.clone()).collect();
            action
                .missing
                .retain(|missing| fields.iter().all(|(name, _)| *name != missing.field));
            action.fields.extend(fields);
            action.tie = Tie::Recalled { fields: names, version };
        }
        action
    }

    fn remembered(&self, call: &Call, action: &Action, at: Timestamp) -> Option<(Fields, u64)> {
        let recall = action.answer.recall.as_ref()?;
        let asks = action.tie == Tie::Asks && action.also.is_empty();
        if !asks || action.access == Access::Read || action.unmapped {
            return None;
        }
        let definition = self.vocabulary().actions.get(&action.name)?;
        let is_kind = |kind: &str| match recall.kinds.is_empty() {
            true => *action.target.kind == *kind,
            false => recall.kinds.iter().any(|name| name == kind),
        };
        let id = action.target.id.as_deref()?;
        let holder = self.mappings.holder(call)?;
        let (known, version) = self.memory.made.recall(&action.provider, &holder, id, is_kind, at)?;
        let wanted = recall.fields.iter().map(|name| {
            let field = known.iter().find(|(field, _)| **field == **name)?;
            let allowed = definition.required.contains(&field.0) || definition.optional.contains(&field.0);
            allowed.then(|| field.clone())
        });
        Some((wanted.collect::<Option<_>>()?, version))
    }
}

impl Gate {
    /// Whether what was recalled for an action is still as it was.
    pub fn still_holds(&self, action: &Action, at: Timestamp) -> bool {
        let Tie::Recalled { version, .. } = &action.tie else {
            return true;
        };
        let id = action.target.id.as_deref().unwrap_or_default();
        self.memory.made.holds(&action.provider, id, *version, at)
    }
}

/// People who are asked are told what is not the call's own: ` (400.00 EUR, as it was made here)`.
fn told(fields: &[(Arc<str>, Value)]) -> String {
    let value = |wanted: &str| {
        fields
            .iter()
            .find(|(name, _)| **name == *wanted)
            .map(|(_, value)| value)
    };
    let mut out = " (".to_owned();
    let money = match (value(AMOUNT), value(CURRENCY)) {
        (Some(Value::Int(amount)), Some(Value::Text(currency))) => Some(money::show(*amount, currency)),
        _ => None,
    };
    let is_money = |name: &str| money.is_some() && (name == AMOUNT || name == CURRENCY);
    if let Some(money) = &money {
        out.push_str(money);
        out.push_str(", ");
    }
    for (name, value) in fields.iter().filter(|(name, _)| !is_money(name)) {
        // A String takes everything.
        let _ = write!(out, "{name} {}, ", inert(&value.to_string()));
    }
    out.push_str("as it was made here)");
    out
}
