//! Answers as pages.

use askama::Template;
use axum::extract::Request;
use axum::response::{Html, IntoResponse, Response};
use http::{Method, StatusCode};

use super::door::{Carried, with_headers};
use super::{Page, form};
use crate::agent::Person;
use crate::control::problem::{Problem, Told};

/// What stands around every page.
pub(super) struct Frame {
    pub(super) title: String,
    /// Who is signed in.
    pub(super) person: Option<String>,
    /// The token of its forms.
    pub(super) form: String,
    /// It is told what changes.
    pub(super) live: bool,
}

impl Frame {
    pub(super) fn new(page: &Page, person: &Person, carried: &Carried, title: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            person: Some(person.name.to_string()),
            form: token(page, carried.cookie.as_deref()),
            live: false,
        }
    }

    fn bare(title: &str) -> Self {
        Self {
            title: title.to_owned(),
            person: None,
            form: String::new(),
            live: false,
        }
    }

    pub(super) fn outside(page: &Page, cookie: &str, title: &str) -> Self {
        Self {
            form: token(page, Some(cookie)),
            ..Self::bare(title)
        }
    }
}

fn token(page: &Page, cookie: Option<&str>) -> String {
    cookie
        .map(|cookie| page.sessions.form_token(cookie))
        .unwrap_or_default()
}

/// A page that says one thing.
#[derive(Template)]
#[template(path = "message.html", config = "src/control/page/askama.toml")]
struct Message<'a> {
    frame: Frame,
    text: &'a str,
}

/// A page that is gone on from at once. See [`landing`].
#[derive(Template)]
#[template(path = "landing.html", config = "src/control/page/askama.toml")]
struct Landing<'a> {
    frame: Frame,
    path: &'a str,
    at_once: bool,
}

pub(super) fn rendered(status: StatusCode, template: &impl Template) -> Response {
    match template.render() {
        Ok(text) => (status, Html(text)).into_response(),
        Err(error) => {
            tracing::error!(%error, "a page could not be written");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// That it cannot be done, and what to do.
pub(super) fn wrong(status: StatusCode, text: &str) -> Response {
    let frame = Frame::bare(status.canonical_reason().unwrap_or("Error"));
    told(rendered(status, &Message { frame, text }), text)
}

/// The same to somebody who is signed in.
pub(super) fn wrong_for(frame: Frame, problem: &Problem) -> Response {
    let text = &problem.detail;
    told(rendered(problem.status, &Message { frame, text }), text)
}

/// For the record of what a person tried.
pub(super) fn told(mut response: Response, text: &str) -> Response {
    response.extensions_mut().insert(Told(text.to_owned()));
    response
}

/// A link from another site (a mail in a browser) brings no cookie, which goes to pages of ours only: the person goes on from here. It
/// is the same for everybody, reads nothing, and changes nothing. `None` where nobody is let in from elsewhere.
///
/// SECURITY: another site learns nothing by sending people here, and cannot have a frame of it. Test:
/// `a_link_from_another_site_leads_to_a_page_without_anything_of_ours`.
pub(in crate::control) fn landing(request: &Request) -> Option<Response> {
    let path = request.uri().path();
    let is_page = path == "/"
        || ["/approvals/", "/decisions/", "/sign-in/"]
            .iter()
            .any(|start| path.starts_with(start));
    if request.method() != Method::GET || !is_page || !form::is_local(path) {
        return None;
    }
    let landing = Landing {
        frame: Frame::bare("Runplane"),
        path,
        // Were it taken for a visit from elsewhere once more, the person goes on by hand.
        at_once: request.uri().query() != Some("go"),
    };
    Some(with_headers(rendered(StatusCode::OK, &landing)))
}
