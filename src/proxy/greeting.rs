//! Clients that begin with TLS where the proxy speaks HTTP in clear: their proxy URL says `https://`.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use super::{Connection, Parts, connect};
use crate::io::drain::stopping;
use crate::io::socket::Socket;
use crate::model::{Reason, Refusal};

/// For the client to say something at all: pools open connections ahead of need.
const WITHIN: Duration = Duration::from_secs(75);
/// What of a hello is taken in before it is answered, in bytes: unread, it would turn the answer into a reset.
const HELLO: usize = 16 << 10;
/// In clear on purpose: clients report it as the `wrong version number` that people look for.
const ANSWER: &str = "HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-type: text/plain\r\n\r\n\
    This proxy speaks HTTP: its URL begins with http://, also for HTTPS_PROXY.\n";

/// Waits for the first byte. True: it is one that HTTP can begin with.
pub(super) async fn is_clear(parts: &Parts, connection: &Connection, stream: &mut Socket) -> bool {
    let mut byte = [0];
    let first = tokio::select! {
        first = timeout(WITHIN, stream.peek(&mut byte)) => first,
        () = stopping(parts.draining.clone()) => return false,
    };
    match (first, byte) {
        (Ok(Ok(1..)), [connect::HANDSHAKE]) => {}
        (Ok(Ok(1..)), _) => return true,
        (Ok(Ok(0) | Err(_)) | Err(_), _) => return false,
    }
    let refusal = Refusal::new(
        Reason::Malformed,
        "the client speaks TLS to the proxy's port, which is for HTTP: its proxy URL must begin with http://, not https:// \
         (HTTPS_PROXY=http://…; what it says to providers is encrypted all the same)",
    );
    parts
        .notices
        .line(format!("REFUSED {}: {}", connection.peer, refusal.detail));
    connect::refused(parts, connection, &refusal).await;
    let mut hello = vec![0; HELLO];
    let answer = async {
        let _taken = stream.read(&mut hello).await?;
        stream.write_all(ANSWER.as_bytes()).await?;
        stream.shutdown().await
    };
    // The client may have gone: there is nobody to tell then.
    timeout(WITHIN, answer)
        .await
        .map_or(Ok(()), |told| told)
        .unwrap_or_default();
    false
}
