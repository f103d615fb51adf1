//! The page, as a browser without JavaScript uses it.

mod alike;
mod deciding;
mod door;
mod live;
mod shown;

use std::cell::RefCell;

use axum::body::Body;
use http::{HeaderMap, Method, Request};
use http_body_util::BodyExt;
use tower::ServiceExt;

use super::whole::{Sidecar, key_of};

/// A browser with its one cookie.
struct Browser<'a> {
    sidecar: &'a Sidecar,
    host: &'static str,
    cookie: RefCell<Option<String>>,
}

struct Answer {
    status: u16,
    headers: HeaderMap,
    text: String,
}

impl Answer {
    #[track_caller]
    fn has(&self, words: &str) -> &Self {
        assert!(self.text.contains(words), "no `{words}` in {}", self.text);
        self
    }

    #[track_caller]
    fn has_not(&self, words: &str) -> &Self {
        assert!(!self.text.contains(words), "`{words}` in {}", self.text);
        self
    }

    /// The token of its forms.
    fn form(&self) -> String {
        let rest = self.text.split(r#"name="form" value=""#).nth(1).unwrap_or_default();
        rest.split('"').next().unwrap_or_default().to_owned()
    }

    fn leads_to(&self) -> &str {
        self.headers.get("location").map_or("", |to| to.to_str().unwrap())
    }
}

impl<'a> Browser<'a> {
    fn new(sidecar: &'a Sidecar) -> Self {
        Self {
            sidecar,
            host: "127.0.0.1:8081",
            cookie: RefCell::default(),
        }
    }

    /// Of a person who showed their key.
    async fn of(sidecar: &'a Sidecar, name: &str) -> Self {
        let browser = Self::new(sidecar);
        let answer = browser.sign_in(&key_of(name)).await;
        assert_eq!((answer.status, answer.leads_to()), (303, "/"), "{}", answer.text);
        browser
    }

    async fn sign_in(&self, key: &str) -> Answer {
        let form = self.get("/sign-in").await.form();
        self.post("/sign-in", &[("form", &form), ("key", key)]).await
    }

    async fn ask(&self, method: Method, path: &str, headers: &[(&str, &str)], content: String) -> Answer {
        let mut request = Request::builder().method(method).uri(path).header("host", self.host);
        if let Some(cookie) = &*self.cookie.borrow() {
            request = request.header("cookie", cookie);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::from(content)).unwrap();
        let response = self.sidecar.router().oneshot(request).await.unwrap();
        if let Some(cookie) = response.headers().get("set-cookie") {
            let pair = cookie.to_str().unwrap().split(';').next().unwrap();
            *self.cookie.borrow_mut() = (!pair.ends_with('=')).then(|| pair.to_owned());
        }
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let content = response.into_body().collect().await.unwrap().to_bytes();
        Answer {
            status,
            headers,
            text: String::from_utf8(content.to_vec()).unwrap(),
        }
    }

    async fn get(&self, path: &str) -> Answer {
        self.ask(Method::GET, path, &[], String::new()).await
    }

    async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let content = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        let kind = ("content-type", "application/x-www-form-urlencoded");
        self.ask(Method::POST, path, &[kind], content).await
    }

    /// Sends a form of the approval's page, with what that has in it.
    async fn submit(&self, id: &str, step: &str, fields: &[(&str, &str)]) -> Answer {
        let shown = self.get(&format!("/approvals/{id}")).await;
        let revision = shown.text.split(r#"data-revision=""#).nth(1).unwrap_or_default();
        let (form, revision) = (shown.form(), revision.split('"').next().unwrap_or_default());
        let mut all = vec![("form", form.as_str())];
        if ["approve", "grant"].contains(&step) || fields.iter().any(|(name, _)| *name == "corrects") {
            all.push(("revision", revision));
        }
        all.extend_from_slice(fields);
        self.post(&format!("/approvals/{id}/{step}"), &all).await
    }
}
