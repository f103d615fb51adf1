//! Calls that are alike: of the same agent, with the same action, provider and target. People see them on one card, with what differs
//! and what was answered before; each is still decided for itself.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::approval::HoldRule;
use super::change::ApprovalRow;
use super::risk::Band;
use super::{Action, ApprovalId, Outcome, State, Timestamp, Value, money};

/// How long an answer is told to whoever is asked of a call like it.
pub const TOLD_FOR: Duration = Duration::from_secs(24 * 60 * 60);
/// The difference that is a request's address.
pub const REQUEST: &str = "request";
/// Calls of one card that are shown beside each other; the others are counted.
pub const MOST_OF_A_CARD: usize = 10;
/// Characters of a value that differs; the whole of it is shown with its call.
const LONGEST_VALUE: usize = 1_000;
/// Two values that begin alike for longer than this are shown from just before they part.
const MOST_ALIKE: usize = 100;
const BEFORE_THEY_PART: usize = 40;
/// What was not weighed may be anything.
const UNWEIGHED: i64 = 100;

/// What calls have in common that are alike. Where the target is not named, its kind stands for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Kin<'a> {
    pub agent: &'a str,
    pub action: &'a str,
    pub provider: &'a str,
    pub target_kind: &'a str,
    pub target_id: Option<&'a str>,
}

impl<'a> From<&'a ApprovalRow> for Kin<'a> {
    fn from(row: &'a ApprovalRow) -> Self {
        Self {
            agent: &row.facts.agent,
            action: &row.action.name,
            provider: &row.action.provider,
            target_kind: &row.action.target.kind,
            target_id: row.action.target.id.as_deref(),
        }
    }
}

/// Puts what is alike on one card, in the order given; each is on exactly one. The cards stand in the order of their first.
pub fn cards<T>(calls: Vec<T>, row: impl Fn(&T) -> &ApprovalRow) -> Vec<Vec<T>> {
    let mut places: HashMap<Kin<'_>, usize> = HashMap::new();
    let of: Vec<usize> = calls
        .iter()
        .map(|call| {
            let next = places.len();
            *places.entry(Kin::from(row(call))).or_insert(next)
        })
        .collect();
    let mut cards: Vec<Vec<T>> = std::iter::repeat_with(Vec::new).take(places.len()).collect();
    for (call, place) in calls.into_iter().zip(of) {
        if let Some(card) = cards.get_mut(place) {
            card.push(call);
        }
    }
    cards
}

/// The order on a card, made of what stays as it is: first what whoever looks may decide, then by risk; the oldest of equals comes first.
pub fn order(row: &ApprovalRow, theirs: bool) -> (bool, Reverse<i64>) {
    (!theirs, Reverse(row.action.score().unwrap_or(UNWEIGHED)))
}

/// Which calls of a card are shown, by the rules that ask and the score of each: the first `most`, and whatever asks another rule, or is of a higher
/// band of risk, than those shown before it.
///
/// SECURITY: ten harmless calls would hide a dangerous one behind a number. Tests: `what_is_riskier_or_asks_another_rule_is_never_folded`,
/// `ten_harmless_calls_hide_no_dangerous_one`.
pub fn shown<'a>(card: impl IntoIterator<Item = (Vec<&'a str>, Option<i64>)>, most: usize) -> Vec<bool> {
    let (mut asked, mut highest) = (BTreeSet::new(), None);
    let is_shown = |(at, (rules, score)): (usize, (Vec<&'a str>, Option<i64>))| {
        let band = Some(Band::of(score.unwrap_or(UNWEIGHED)));
        let shown = at < most || band > highest || rules.iter().any(|rule| !asked.contains(rule));
        if shown {
            asked.extend(rules);
            highest = highest.max(band);
        }
        shown
    };
    card.into_iter().enumerate().map(is_shown).collect()
}

/// Whether more is at stake by `here` than by `first`: it is of a higher band of risk, or asks another rule, or more people.
pub fn asks_more(first: &ApprovalRow, here: &ApprovalRow) -> bool {
    let band = |row: &ApprovalRow| Band::of(row.action.score().unwrap_or(UNWEIGHED));
    let is_asked = |rule: &HoldRule| {
        let mut known = first.rules.iter();
        known.any(|known| known.id == rule.id && known.quorum >= rule.quorum)
    };
    band(here) > band(first) || !here.rules.iter().all(is_asked)
}

/// Something that two calls say otherwise. `None`: not said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    pub what: Arc<str>,
    pub first: Option<Value>,
    pub here: Option<Value>,
}

/// A call beside the first one of its card.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Beside {
    pub first: ApprovalId,
    /// The first is 1.
    pub place: usize,
    /// How many are on the card.
    pub of: usize,
    /// Not to be told from the first by anything that makes a call: it is made twice.
    pub equal: bool,
    /// Empty where only what nobody reads differs: content, or headers.
    pub differs: Vec<Difference>,
}

impl Beside {
    /// `None` where a call is alone.
    pub fn new(first: &ApprovalRow, here: &ApprovalRow, place: usize, of: usize) -> Option<Self> {
        (of > 1).then(|| Self {
            first: first.id.clone(),
            place,
            of,
            equal: first.fingerprint == here.fingerprint,
            differs: differences(&first.action, &here.action),
        })
    }

    /// `2nd of 5 similar`
    pub fn rank(&self) -> String {
        format!("{} of {} similar", ordinal(self.place), self.of)
    }

    /// Names of what differs from the first, in a few words.
    pub fn in_short(&self) -> String {
        let names: Vec<&str> = self.differs.iter().map(|difference| &*difference.what).collect();
        match (self.place, self.equal, names.is_empty()) {
            (1, ..) => "the first of them".to_owned(),
            (_, true, _) => "the same call, made again".to_owned(),
            (_, false, true) => "differs in its content or headers only, of which rules read nothing".to_owned(),
            (_, false, false) => format!("differs in: {}", names.join(", ")),
        }
    }
}

/// `1st`, `2nd`, `11th`
pub fn ordinal(place: usize) -> String {
    let ending = match (place % 10, place % 100) {
        (1, 1) | (1, 21..) => "st",
        (2, 2) | (2, 22..) => "nd",
        (3, 3) | (3, 23..) => "rd",
        _ => "th",
    };
    format!("{place}{ending}")
}

/// What a call says otherwise than the first: fields as rules read them, then the rest of what people are shown.
fn differences(first: &Action, here: &Action) -> Vec<Difference> {
    let mut fields: BTreeMap<&Arc<str>, (Option<&Value>, Option<&Value>)> = BTreeMap::new();
    for (name, value) in &first.fields {
        fields.entry(name).or_default().0 = Some(value);
    }
    for (name, value) in &here.fields {
        fields.entry(name).or_default().1 = Some(value);
    }
    let fields = fields.into_iter().map(|(name, (first, here))| Difference {
        what: name.clone(),
        first: first.cloned(),
        here: here.cloned(),
    });
    let text = |what: &str, first: &str, here: &str| {
        let value = |text: &str| Some(Value::Text(text.to_owned())).filter(|_| !text.is_empty());
        Difference {
            what: what.into(),
            first: value(first),
            here: value(here),
        }
    };
    let rest = [
        text("environment", first.environment(), here.environment()),
        text("operation", &first.operation, &here.operation),
        text("also", &besides(first), &besides(here)),
        text(REQUEST, &first.request_line, &here.request_line),
    ];
    fields
        .chain(rest)
        .filter(|difference| difference.first != difference.here)
        .map(Difference::cut)
        .collect()
}

/// What else a call does, with all it says of it.
fn besides(action: &Action) -> String {
    let each = action.also.iter().map(|also| {
        let id = also.target.id.as_deref().unwrap_or("(not named)");
        let fields = also.fields.iter().map(|(name, value)| format!(" {name}={value}"));
        format!("{} {} {id}{}", also.name, also.target.kind, fields.collect::<String>())
    });
    each.collect::<Vec<_>>().join("; ")
}

impl Difference {
    /// Long values as much of them as people compare, with the first character that is another: what looks equal is not told apart.
    fn cut(self) -> Self {
        let text = |value: &Option<Value>| match value {
            Some(value @ (Value::Text(_) | Value::List(_))) => Some(value.to_string()),
            Some(Value::Bool(_) | Value::Int(_)) | None => None,
        };
        let (first, here) = (text(&self.first), text(&self.here));
        let alike = first.iter().flat_map(|text| text.chars());
        let alike = alike.zip(here.iter().flat_map(|text| text.chars()));
        let alike = alike.take_while(|(first, here)| first == here).count();
        let is_long = |text: &Option<String>| text.as_ref().is_some_and(|text| text.chars().count() > LONGEST_VALUE);
        if alike <= MOST_ALIKE && !is_long(&first) && !is_long(&here) {
            return self;
        }
        let from = match alike > MOST_ALIKE {
            true => alike.saturating_sub(BEFORE_THEY_PART),
            false => 0,
        };
        let side = |text: Option<String>, whole| text.map(|text| Value::Text(part(&text, from))).or(whole);
        Self {
            what: self.what,
            first: side(first, self.first),
            here: side(here, self.here),
        }
    }

    /// A side of it as people read it; the text may be the agent's. `currency`: of the call that says it.
    pub fn told(&self, value: Option<&Value>, currency: Option<&str>) -> String {
        match (value, currency) {
            (None, _) => "(not said)".to_owned(),
            (Some(Value::Int(amount)), Some(currency)) if &*self.what == "amount" => money::show(*amount, currency),
            (Some(value), _) => value.to_string(),
        }
    }
}

fn part(text: &str, from: usize) -> String {
    let mut rest = text.chars().skip(from);
    let begins = if from > 0 { "…" } else { "" };
    let part: String = rest.by_ref().take(LONGEST_VALUE).collect();
    let ends = if rest.next().is_some() { "…" } else { "" };
    format!("{begins}{part}{ends}")
}

/// An answer of people to a call, as it lies on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered {
    pub approval: ApprovalId,
    pub fingerprint: Vec<u8>,
    pub denied: bool,
    /// When it was denied, or let through.
    pub time: Timestamp,
    /// Who said no, or everybody who said yes.
    pub people: Vec<Arc<str>>,
    /// Why not.
    pub reason: Option<String>,
    pub outcome: Option<Outcome>,
}

/// What was answered lately of a call that is equal to one that waits, or like it. The last time, where there were more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Past {
    pub approval: ApprovalId,
    /// Exactly this call; else one like it.
    pub equal: bool,
    /// `denied`, or `consumed` for what was let through.
    pub state: State,
    pub outcome: Option<Outcome>,
    pub time: Timestamp,
    pub people: Vec<Arc<str>>,
    pub reason: Option<String>,
    /// How often, this time included.
    pub times: usize,
}

impl Past {
    /// Of what was answered, the last first, what is told to whoever is asked of `row`: equal before like, no before yes.
    pub fn of(row: &ApprovalRow, answered: &[Answered]) -> Vec<Past> {
        // What was not sent after all happened to nobody.
        let counts = |answer: &&Answered| answer.approval != row.id && answer.outcome != Some(Outcome::NotSent);
        let mut told: BTreeMap<(bool, bool), Past> = BTreeMap::new();
        for answer in answered.iter().filter(counts) {
            let equal = answer.fingerprint == row.fingerprint;
            let last = told.entry((!equal, !answer.denied)).or_insert_with(|| Past {
                approval: answer.approval.clone(),
                equal,
                state: if answer.denied { State::Denied } else { State::Consumed },
                outcome: answer.outcome,
                time: answer.time,
                people: answer.people.clone(),
                reason: answer.reason.clone(),
                times: 0,
            });
            last.times += 1;
        }
        told.into_values().collect()
    }

    /// `an equal call was executed 3 h ago (approved by ann)`; people's words are in it.
    pub fn in_words(&self, now: Timestamp) -> String {
        let which = if self.equal { "an equal call" } else { "a similar call" };
        let (ago, people) = (ago(now.since(self.time)), self.people.join(", "));
        let more = match self.times {
            0 | 1 => String::new(),
            times => format!("; {times} such answers in all"),
        };
        if self.state == State::Denied {
            let reason = self.reason.as_ref().map(|reason| format!(": {reason}"));
            return format!(
                "{which} was denied {ago} by {people}{more}{}",
                reason.unwrap_or_default()
            );
        }
        let went = match self.outcome {
            Some(Outcome::Success) => "was executed",
            Some(Outcome::Failure) => "was let through and refused by the provider",
            Some(Outcome::Error | Outcome::Unknown | Outcome::NotSent | Outcome::Abandoned) | None => {
                "was let through, and how it ended is not known,"
            }
        };
        format!("{which} {went} {ago} (approved by {people}){more}")
    }
}

/// `just now`, `10 min ago`, `3 h ago`
fn ago(span: Duration) -> String {
    let minutes = span.as_secs() / 60;
    match (minutes / 60, minutes) {
        (0, 0) => "just now".to_owned(),
        (0, minutes) => format!("{minutes} min ago"),
        (hours, _) => format!("{hours} h ago"),
    }
}

#[cfg(test)]
mod tests;
