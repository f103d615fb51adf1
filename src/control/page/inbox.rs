//! What waits for people. Those that this person may decide come first; of each, the oldest. What is new is only announced: a row
//! stays where it is until its reader asks for more.

use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;

use super::answer::{Frame, rendered};
use super::door::Carried;
use super::words::{Text, span};
use super::{Page, Shared};
use crate::agent::Person;
use crate::approval::Standing;
use crate::model::risk::Band;
use crate::model::{State as Stands, Timestamp};

/// Most rows of a list.
const MOST: usize = 200;
/// Of what was decided in the last minutes.
const LATELY: usize = 20;

#[derive(Template)]
#[template(path = "inbox.html", config = "src/control/page/askama.toml")]
struct Inbox {
    frame: Frame,
    yours: Vec<Row>,
    others: Vec<Row>,
    /// That wait and are not listed.
    more: usize,
    lately: Vec<Row>,
}

struct Row {
    id: String,
    short: String,
    revision: u32,
    state: &'static str,
    summary: Text,
    agent: Text,
    environment: Text,
    risk: Option<(i64, &'static str)>,
    rules: String,
    asks: String,
    missing: bool,
    waits: bool,
    left: String,
    expires: String,
    seconds: u64,
}

pub(super) async fn show(
    State(page): State<Shared>,
    Extension(person): Extension<Person>,
    Extension(carried): Extension<Carried>,
) -> Response {
    rendered(StatusCode::OK, &Inbox::new(&page, &person, &carried))
}

impl Inbox {
    fn new(page: &Page, person: &Person, carried: &Carried) -> Self {
        let all = page.parts.approvals.list(None);
        let (pending, settled): (Vec<&Standing>, Vec<&Standing>) =
            all.iter().partition(|standing| standing.state == Stands::Pending);
        let waiting = pending.len();
        let is_theirs = |standing: &&Standing| standing.row.rules.iter().any(|rule| person.may_speak_for(rule));
        let (yours, others): (Vec<&Standing>, Vec<&Standing>) = pending.into_iter().partition(is_theirs);
        let rows = |standings: &[&Standing], most: usize| -> Vec<Row> {
            standings.iter().take(most).map(|standing| Row::new(standing)).collect()
        };
        let yours = rows(&yours, MOST);
        let others = rows(&others, MOST - yours.len());
        let lately: Vec<&Standing> = settled.into_iter().rev().collect();
        let mut frame = Frame::new(page, person, carried, format!("Inbox ({waiting})"));
        frame.live = true;
        Self {
            frame,
            more: waiting - yours.len() - others.len(),
            yours,
            others,
            lately: rows(&lately, LATELY),
        }
    }
}

impl Row {
    fn new(standing: &Standing) -> Self {
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
        }
    }
}
