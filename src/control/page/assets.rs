//! Style and scripts, inside of this binary. htmx 2.0.11 is `dist/htmx.min.js` of the npm package `htmx.org`, unchanged, with its licence
//! beside it.

use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};

const ASSETS: [(&str, &str, &str); 4] = [
    ("page.css", "text/css; charset=utf-8", include_str!("assets/page.css")),
    (
        "page.js",
        "text/javascript; charset=utf-8",
        include_str!("assets/page.js"),
    ),
    ("icon.svg", "image/svg+xml", include_str!("assets/icon.svg")),
    (
        "htmx-2.0.11.min.js",
        "text/javascript; charset=utf-8",
        include_str!("assets/htmx-2.0.11.min.js"),
    ),
];

pub(super) async fn get(Path(name): Path<String>) -> Response {
    match ASSETS.iter().find(|(asset, ..)| *asset == name) {
        Some((_, kind, text)) => ([(header::CONTENT_TYPE, *kind)], *text).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}
