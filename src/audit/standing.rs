//! What the record says of a call: what was decided, what came of it, and the money in it.

use std::sync::Arc;

use serde::Deserialize;

use crate::model::{Outcome, Value};
use crate::store::{Found, Written};

/// What was decided of a call. Each call has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// By rules alone.
    Allowed,
    /// People were asked, and consented.
    Approved,
    /// People were asked; this call did not leave.
    Held,
    Blocked,
    /// It was only observed: sent, though it would have been blocked or held.
    Observed,
}

/// What came of a call. Each call has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Standing {
    /// The provider carried it out.
    Done,
    /// It was let go, and whether the provider carried it out is not known (yet).
    Doubtful,
    /// It was let go, and the provider refused it or was not reached: nothing was done.
    Failed,
    /// It was blocked, or people did not consent: nothing was done.
    Stopped,
    /// People can still consent.
    Waiting,
    /// It was refused while people were asked; the same call came again after they consented, and is counted as another.
    Again,
}

impl Verdict {
    pub const ALL: [Verdict; 5] = [
        Verdict::Allowed,
        Verdict::Approved,
        Verdict::Held,
        Verdict::Blocked,
        Verdict::Observed,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Verdict::Allowed => "allowed",
            Verdict::Approved => "approved",
            Verdict::Held => "held",
            Verdict::Blocked => "blocked",
            Verdict::Observed => "observed",
        }
    }
}

impl Standing {
    pub const ALL: [Standing; 6] = [
        Standing::Done,
        Standing::Doubtful,
        Standing::Failed,
        Standing::Stopped,
        Standing::Waiting,
        Standing::Again,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Standing::Done => "done",
            Standing::Doubtful => "doubtful",
            Standing::Failed => "failed",
            Standing::Stopped => "stopped",
            Standing::Waiting => "waiting",
            Standing::Again => "again",
        }
    }
}

/// Money in one meaning of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Money {
    /// In minor units of `currency`.
    pub amount: Option<i64>,
    /// Lower case; empty where the call names none.
    pub currency: Arc<str>,
    /// In minor units of the account's currency, by the rates of then.
    pub base: Option<i64>,
}

/// What the record says of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stood {
    pub verdict: Verdict,
    pub standing: Standing,
    /// Of each meaning that has any.
    pub money: Vec<Money>,
    /// Its values were erased, or cannot be read: whether there is money in it is not known.
    pub unread: bool,
}

impl Stood {
    pub fn of(found: &Found) -> Self {
        let money = found.decided.as_ref().and_then(money);
        Self {
            verdict: verdict(found),
            standing: standing(found),
            unread: money.is_none(),
            money: money.unwrap_or_default(),
        }
    }
}

fn verdict(found: &Found) -> Verdict {
    let row = &found.call.row;
    match row.decision {
        "ALLOW" if row.would.is_some() => Verdict::Observed,
        "ALLOW" if row.approval.is_some() => Verdict::Approved,
        "ALLOW" => Verdict::Allowed,
        "BLOCK" => Verdict::Blocked,
        _ => Verdict::Held,
    }
}

fn standing(found: &Found) -> Standing {
    let row = &found.call.row;
    if row.decision == "BLOCK" {
        return Standing::Stopped;
    }
    if row.decision == "ALLOW" {
        return match row.outcome {
            Some(Outcome::Success) => Standing::Done,
            Some(Outcome::Failure | Outcome::NotSent) => Standing::Failed,
            Some(Outcome::Error | Outcome::Unknown | Outcome::Abandoned) | None => Standing::Doubtful,
        };
    }
    match &found.consent {
        Some(consent) if consent.consumed_by.is_some() => Standing::Again,
        Some(consent) if matches!(&*consent.state, "pending" | "approved" | "returned") => Standing::Waiting,
        // Held, and not ended: its approval is not on record yet.
        None if row.outcome.is_none() => Standing::Waiting,
        Some(_) | None => Standing::Stopped,
    }
}

/// What is kept beside a `decided`, as far as money is in it.
#[derive(Deserialize)]
struct Values {
    fields: Option<Kept<Fields>>,
    also: Option<Kept<Vec<Also>>>,
}

#[derive(Deserialize)]
struct Kept<T> {
    value: Option<T>,
}

#[derive(Deserialize)]
struct Also {
    fields: Fields,
}

#[derive(Deserialize)]
struct Fields {
    amount: Option<Value>,
    amount_base: Option<Value>,
    currency: Option<Value>,
}

/// `None`: it is not on record, or not as we write it.
fn money(decided: &Written) -> Option<Vec<Money>> {
    let values: Values = serde_json::from_str(decided.committed.as_deref()?).ok()?;
    let also = match values.also {
        Some(also) => also.value?,
        None => Vec::new(),
    };
    let meanings = std::iter::once(values.fields?.value?).chain(also.into_iter().map(|also| also.fields));
    Some(meanings.filter_map(Fields::money).collect())
}

impl Fields {
    fn money(self) -> Option<Money> {
        let whole = |value: Option<Value>| match value {
            Some(Value::Int(amount)) => Some(amount),
            Some(Value::Bool(_) | Value::Text(_) | Value::List(_)) | None => None,
        };
        let (amount, base) = (whole(self.amount), whole(self.amount_base));
        let currency = match self.currency {
            Some(Value::Text(currency)) => currency.to_ascii_lowercase(),
            Some(Value::Bool(_) | Value::Int(_) | Value::List(_)) | None => String::new(),
        };
        (amount.is_some() || base.is_some()).then(|| Money {
            amount,
            currency: currency.into(),
            base,
        })
    }
}
