//! What waits for people. Cards with what this person may decide come first, the oldest of them at the top. What is new is only announced: a row stays where it is until its reader asks for more.

use askama::Template;
use axum::Extension;
use axum::extract::{Path, State};
use axum::response::Response;
use http::StatusCode;

use super::answer::{self, Frame, rendered};
use super::door::Carried;
use super::row::{Card, Row};
use super::{Page, Shared};
use crate::agent::Person;
use crate::approval::Standing;
use crate::control::alike::{Cards, may_decide};
use crate::control::approvals::gone;
use crate::model::State as Stands;
use crate::model::alike::MOST_OF_A_CARD;

/// Most rows of a list.
const MOST: usize = 200;
/// Of what was decided in the last minutes.
const LATELY: usize = 20;

#[derive(Template)]
#[template(path = "inbox.html", config = "src/control/page/askama.toml")]
struct Inbox {
    frame: Frame,
    yours: Vec<Card>,
    others: Vec<Card>,
    /// Calls that this person may decide, on however many cards; and those on the cards for others.
    for_you: usize,
    for_others: usize,
    /// That wait and are on no card here.
    more: usize,
    lately: Vec<Row>,
}

/// Calls that are alike, all of them.
#[derive(Template)]
#[template(path = "similar.html", config = "src/control/page/askama.toml")]
struct Similar {
    frame: Frame,
    id: String,
    card: Card,
}

pub(super) async fn show(
    State(page): State<Shared>,
    Extension(person): Extension<Person>,
    Extension(carried): Extension<Carried>,
) -> Response {
    let all = page.parts.approvals.list(None);
    let (pending, settled): (Vec<Standing>, Vec<Standing>) =
        all.into_iter().partition(|standing| standing.state == Stands::Pending);
    let cards = Cards::of(&page.parts, &person, pending).await;
    rendered(StatusCode::OK, &Inbox::new(&page, &person, &carried, &cards, &settled))
}

pub(super) async fn similar(
    State(page): State<Shared>,
    Extension(person): Extension<Person>,
    Extension(carried): Extension<Carried>,
    Path(name): Path<String>,
) -> Response {
    let frame = Frame::new(&page, &person, &carried, "Similar calls");
    let approvals = &page.parts.approvals;
    let found = approvals.find(&name).map_err(Into::into);
    let standing = match found.and_then(|id| approvals.get(&id).ok_or_else(gone)) {
        Ok(standing) => standing,
        Err(problem) => return answer::wrong_for(frame, &problem),
    };
    let cards = Cards::around(&page.parts, &person, [&standing]).await;
    let card: &[Standing] = cards.cards.first().map_or(&[], Vec::as_slice);
    let similar = Similar {
        frame,
        id: standing.row.id.to_string(),
        card: Card::new(card, MOST, &cards),
    };
    rendered(StatusCode::OK, &similar)
}

impl Inbox {
    fn new(page: &Page, person: &Person, carried: &Carried, cards: &Cards, settled: &[Standing]) -> Self {
        let is_theirs = |standing: &Standing| may_decide(person, standing);
        let (yours, others): (Vec<&Vec<Standing>>, Vec<&Vec<Standing>>) =
            cards.cards.iter().partition(|card| card.iter().any(is_theirs));
        let waiting: usize = cards.cards.iter().map(Vec::len).sum();
        let for_you = yours
            .iter()
            .flat_map(|card| card.iter())
            .filter(|it| is_theirs(it))
            .count();
        let for_others = others.iter().map(|card| card.len()).sum();
        let mut room = MOST;
        let mut shown = |found: &[&Vec<Standing>]| -> Vec<Card> {
            let mut all = Vec::new();
            for card in found {
                if room == 0 {
                    break;
                }
                let card = Card::new(card, MOST_OF_A_CARD.min(room), cards);
                room = room.saturating_sub(card.rows.len());
                all.push(card);
            }
            all
        };
        let (yours, others) = (shown(&yours), shown(&others));
        let told: usize = yours
            .iter()
            .chain(&others)
            .map(|card| card.rows.len() + card.more)
            .sum();
        let mut frame = Frame::new(page, person, carried, format!("Inbox ({waiting})"));
        frame.live = true;
        Self {
            frame,
            more: waiting.saturating_sub(told),
            yours,
            others,
            for_you,
            for_others,
            lately: settled
                .iter()
                .rev()
                .take(LATELY)
                .map(|it| Row::new(it, cards))
                .collect(),
        }
    }
}
