//! Signing in, by a person's key or by a link that was made with it, and out.

use std::net::SocketAddr;
use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::rejection::QueryRejection;
use axum::extract::{ConnectInfo, Path, Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use http::{HeaderValue, StatusCode, header};
use serde::Deserialize;

use super::answer::{self, Frame, rendered};
use super::door::Carried;
use super::form::{Form, is_local};
use super::{Page, Shared, cookie, session};
use crate::agent::Proof;
use crate::control::guard;

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Then {
    /// Where to go then.
    to: String,
}

type Asked = Result<Query<Then>, QueryRejection>;

fn then(asked: Asked) -> String {
    let to = asked.map(|Query(then)| then.to).unwrap_or_default();
    if is_local(&to) { to } else { "/".to_owned() }
}

#[derive(Template)]
#[template(path = "sign_in.html", config = "src/control/page/askama.toml")]
struct ByKey<'a> {
    frame: Frame,
    to: &'a str,
    wrong: &'a str,
    home: &'a str,
}

#[derive(Template)]
#[template(path = "sign_in_link.html", config = "src/control/page/askama.toml")]
struct ByLink<'a> {
    frame: Frame,
    to: &'a str,
    person: Option<Arc<str>>,
    home: &'a str,
}

pub(super) async fn ask(State(page): State<Shared>, Extension(carried): Extension<Carried>, asked: Asked) -> Response {
    form_by_key(&page, &carried, &then(asked), "", StatusCode::OK)
}

fn form_by_key(page: &Page, carried: &Carried, to: &str, wrong: &str, status: StatusCode) -> Response {
    let cookie = carried.cookie.clone().unwrap_or_else(session::value);
    let form = ByKey {
        frame: Frame::outside(page, &cookie, "Sign in"),
        to,
        wrong,
        home: &page.parts.home_option,
    };
    keeping(rendered(status, &form), &cookie, carried)
}

/// The cookie that the form was shown to.
fn keeping(response: Response, cookie: &str, carried: &Carried) -> Response {
    with_cookie(response, cookie::set(cookie, carried.secure))
}

fn with_cookie(mut response: Response, cookie: Option<HeaderValue>) -> Response {
    if let Some(cookie) = cookie {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
}

/// SECURITY: an agent's key opens nothing here, and trying it is on record. Test: `nothing_is_reached_with_an_agents_key`.
pub(super) async fn by_key(
    State(page): State<Shared>,
    Extension(carried): Extension<Carried>,
    peer: Option<Extension<ConnectInfo<SocketAddr>>>,
    form: Form,
) -> Response {
    let to = then(Ok(Query(Then {
        to: form.text("to").to_owned(),
    })));
    let key = form.text("key");
    if let Some(person) = page.parts.registry.person(key) {
        return signed_in(&page, &carried, &person.name, Proof::Key, &to);
    }
    let peer = peer.map_or(SocketAddr::from(([0, 0, 0, 0], 0)), |Extension(ConnectInfo(peer))| peer);
    let problem = guard::refuse(&page.parts, Some(key), peer).await;
    form_by_key(&page, &carried, &to, &problem.detail, problem.status)
}

pub(super) async fn ask_by_link(
    State(page): State<Shared>,
    Extension(carried): Extension<Carried>,
    Path(link): Path<String>,
    asked: Asked,
) -> Response {
    let cookie = carried.cookie.clone().unwrap_or_else(session::value);
    let person = page.sessions.linked(&link);
    let status = if person.is_some() {
        StatusCode::OK
    } else {
        StatusCode::NOT_FOUND
    };
    let form = ByLink {
        frame: Frame::outside(&page, &cookie, "Sign in"),
        to: &then(asked),
        person,
        home: &page.parts.home_option,
    };
    keeping(rendered(status, &form), &cookie, &carried)
}

pub(super) async fn by_link(
    State(page): State<Shared>,
    Extension(carried): Extension<Carried>,
    Path(link): Path<String>,
    form: Form,
) -> Response {
    let to = then(Ok(Query(Then {
        to: form.text("to").to_owned(),
    })));
    let person = page.sessions.redeem(&link);
    match person.filter(|person| page.parts.registry.active(person, Proof::Link).is_some()) {
        Some(person) => signed_in(&page, &carried, &person, Proof::Link, &to),
        None => answer::wrong(
            StatusCode::NOT_FOUND,
            "This link was used already, or is too old. Make another one with `runplane page`.",
        ),
    }
}

/// SECURITY: the cookie is new: one that somebody else put there before would be theirs to use. Test:
/// `who_signs_in_gets_another_cookie_than_the_one_that_was_there`.
fn signed_in(page: &Page, carried: &Carried, person: &Arc<str>, proof: Proof, to: &str) -> Response {
    if let Some(before) = &carried.cookie {
        page.sessions.close(before);
    }
    let value = page.sessions.open(person, proof);
    with_cookie(Redirect::to(to).into_response(), cookie::set(&value, carried.secure))
}

pub(super) async fn leave(State(page): State<Shared>, Extension(carried): Extension<Carried>, _form: Form) -> Response {
    if let Some(cookie) = &carried.cookie {
        page.sessions.close(cookie);
    }
    with_cookie(Redirect::to("/sign-in").into_response(), cookie::clear(carried.secure))
}
