//! Who comes in: a browser with a cookie, and the person whose it is.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};

use super::{Page, Shared, answer, cookie, form};
use crate::control::guard::Listener;

/// What every answer says. Pages hold no style and no script of their own, and nobody shows them in a frame.
///
/// `same-origin` and not `no-referrer`: with that, browsers say of our own forms that they come from nowhere (`Origin: null`).
const HEADERS: [(HeaderName, &str); 5] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; \
         base-uri 'none'; frame-ancestors 'none'",
    ),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "same-origin"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// What a browser brought.
#[derive(Clone)]
pub(super) struct Carried {
    pub(super) cookie: Option<String>,
    /// It came by TLS.
    pub(super) secure: bool,
}

/// Reads the cookie, and says how pages are to be treated.
pub(super) async fn carried(State(page): State<Shared>, mut request: Request, next: Next) -> Response {
    let secure = page.is_secure(&request);
    let cookie = cookie::read(request.headers(), secure);
    request.extensions_mut().insert(Carried { cookie, secure });
    with_headers(next.run(request).await)
}

pub(super) fn with_headers(mut response: Response) -> Response {
    let headers: &mut HeaderMap = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

impl Page {
    fn is_secure(&self, request: &Request) -> bool {
        let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
        let listener = request.extensions().get::<Listener>();
        let is_public = || matches!((host, listener), (Some(host), Some(listener)) if listener.is_public(host));
        let public_by_tls = self
            .parts
            .public_url
            .as_ref()
            .is_some_and(|url| url.starts_with("https://"));
        self.parts.secure || (public_by_tls && is_public())
    }
}

/// Lets who is signed in through, as the [`crate::agent::Person`] they are now; everybody else is asked to sign in.
///
/// SECURITY: a key in the request changes nothing here, a person's or an agent's: only the cookie counts, and that is given to people.
/// Test: `nothing_is_reached_with_an_agents_key`.
pub(super) async fn inside(State(page): State<Shared>, mut request: Request, next: Next) -> Response {
    // A page that is left open asks by itself.
    let acts = request.uri().path() != "/events";
    let carried = request.extensions().get::<Carried>();
    let person = carried
        .and_then(|carried| carried.cookie.as_deref())
        .and_then(|cookie| page.sessions.who(cookie, acts))
        .and_then(|(name, proof)| page.parts.registry.active(&name, proof));
    match person {
        Some(person) => {
            request.extensions_mut().insert(person);
            next.run(request).await
        }
        None if request.method() != Method::GET || !acts => answer::wrong(
            StatusCode::UNAUTHORIZED,
            "You are signed out, and nothing was changed. Sign in, and look again.",
        ),
        None => {
            let to = request.uri().path();
            let path = match form::is_local(to) && to != "/" {
                true => format!("/sign-in?to={to}"),
                false => "/sign-in".to_owned(),
            };
            Redirect::to(&path).into_response()
        }
    }
}
