//! `/socket`: a WebSocket as far as its handshake, which gives every byte back.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{Response, request};
use http_body_util::{BodyExt, Empty};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use sha1::{Digest, Sha1};
use tokio::io::AsyncWriteExt;

use super::reply::Content;

pub fn open(head: &mut request::Parts, open: Arc<AtomicUsize>) -> Response<Content> {
    let key = head.headers["sec-websocket-key"].to_str().unwrap();
    let accept = Sha1::digest(format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11"));
    let upgrade = head.extensions.remove::<OnUpgrade>().unwrap();
    tokio::spawn(async move {
        let Ok(upgraded) = upgrade.await else { return };
        open.fetch_add(1, Ordering::SeqCst);
        let (mut read, mut write) = tokio::io::split(TokioIo::new(upgraded));
        // A peer that breaks off is what some tests want.
        let _ = tokio::io::copy(&mut read, &mut write).await;
        let _ = write.shutdown().await;
        open.fetch_sub(1, Ordering::SeqCst);
    });
    Response::builder()
        .status(101)
        .header("connection", "Upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-accept", STANDARD.encode(accept))
        .body(Empty::new().map_err(|never| match never {}).boxed_unsync())
        .unwrap()
}
