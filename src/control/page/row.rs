//! A call that waits, as a row; and the rows of calls that are alike, as one card.

use super::words::Text;
use crate::approval::Standing;
use crate::control::alike::Cards;
use crate::model::Timestamp;
use crate::model::alike::{Beside, Past, shown};
use crate::model::risk::Band;
use crate::model::time::span;

/// Ids of calls that a card only counts.
const MOST_HIDDEN: usize = 200;

pub(super) struct Card {
    pub(super) first: String,
    pub(super) rows: Vec<Row>,
    /// That are only counted, and their ids: they are nothing new.
    pub(super) more: usize,
    pub(super) hidden: String,
}

pub(super) struct Row {
    pub(super) id: String,
    pub(super) short: String,
    pub(super) revision: u32,
    pub(super) state: &'static str,
    pub(super) summary: Text,
    pub(super) agent: Text,
    pub(super) environment: Text,
    pub(super) risk: Option<(i64, &'static str)>,
    pub(super) rules: String,
    pub(super) asks: String,
    pub(super) missing: bool,
    pub(super) waits: bool,
    pub(super) left: String,
    pub(super) expires: String,
    pub(super) seconds: u64,
    pub(super) beside: Option<Aside>,
    pub(super) lately: Vec<Text>,
}

/// A call beside the first like it.
pub(super) struct Aside {
    pub(super) words: String,
    pub(super) differs: Vec<Differs>,
}

pub(super) struct Differs {
    pub(super) what: String,
    pub(super) here: Text,
    pub(super) first: Text,
}

impl Card {
    /// Of calls that are alike, the first `most` and what is not to be folded behind them.
    pub(super) fn new(card: &[Standing], most: usize, cards: &Cards) -> Self {
        let asked = card.iter().map(|it| {
            let rules: Vec<&str> = it.row.rules.iter().map(|rule| &*rule.id).collect();
            (rules, it.row.action.score())
        });
        let shown = shown(asked, most);
        let (seen, hidden): (Vec<_>, Vec<_>) = card.iter().zip(shown).partition(|(_, shown)| *shown);
        let hidden: Vec<&str> = hidden.iter().map(|(it, _)| it.row.id.as_str()).collect();
        let mut rows: Vec<Row> = seen.iter().map(|(it, _)| Row::new(it, cards)).collect();
        // What is told of the first is told of all; another's own past is its own.
        for (row, (it, _)) in rows.iter_mut().zip(seen).skip(1) {
            let own = cards
                .lately(&it.row.id)
                .unwrap_or_default()
                .iter()
                .filter(|past| past.equal);
            row.lately = lately(own);
        }
        Self {
            first: card.first().map(|first| first.row.id.to_string()).unwrap_or_default(),
            rows,
            more: hidden.len(),
            hidden: hidden.into_iter().take(MOST_HIDDEN).collect::<Vec<_>>().join(" "),
        }
    }
}

impl Row {
    pub(super) fn new(standing: &Standing, cards: &Cards) -> Self {
        let (row, action) = (&standing.row, &standing.row.action);
        let rules: Vec<&str> = row.rules.iter().map(|rule| &*rule.id).collect();
        let asks: Vec<String> = row.rules.iter().map(|rule| rule.asks()).collect();
        let left = row.expires.since(Timestamp::now());
        Self {
            id: row.id.to_string(),
            short: row.id.short().to_owned(),
            revision: row.revision,
            state: standing.state.as_str(),
            summary: Text::new(&action.summary),
            agent: Text::new(&row.facts.agent),
            environment: Text::new(action.environment()),
            risk: action
                .risk
                .as_ref()
                .map(|risk| (risk.score, Band::of(risk.score).as_str())),
            rules: rules.join(", "),
            asks: asks.join(", "),
            missing: !action.all_missing().is_empty(),
            waits: standing.clients > 0,
            left: span(left),
            expires: row.expires.to_string(),
            seconds: left.as_secs(),
            beside: cards.beside(&row.id).map(|beside| Aside::new(beside, standing)),
            lately: lately(cards.lately(&row.id).unwrap_or_default()),
        }
    }
}

pub(super) fn lately<'a>(past: impl IntoIterator<Item = &'a Past>) -> Vec<Text> {
    let now = Timestamp::now();
    past.into_iter().map(|past| Text::new(&past.in_words(now))).collect()
}

impl Aside {
    pub(super) fn new(beside: &Beside, standing: &Standing) -> Self {
        let known = super::approval::currency_of(&standing.row.action.fields, &standing.row.stated);
        // Money in two currencies is not shown by one of them.
        let currency = known.filter(|_| beside.differs.iter().all(|it| &*it.what != "currency"));
        let differs = beside.differs.iter().map(|it| Differs {
            what: it.what.to_string(),
            here: Text::new(&it.told(it.here.as_ref(), currency.as_deref())),
            first: Text::new(&it.told(it.first.as_ref(), currency.as_deref())),
        });
        let words = match beside.differs.is_empty() || beside.place == 1 {
            true => format!("{}: {}", beside.rank(), beside.in_short()),
            false => format!("{}, which differs from the first:", beside.rank()),
        };
        Self {
            words,
            differs: differs.collect(),
        }
    }
}
