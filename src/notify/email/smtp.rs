//! SMTP up to where lettre takes over: it is given a connection that is secure already, whose certificate was judged as every
//! other one is.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use lettre::transport::smtp::client::AsyncTokioStream;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};

use crate::upstream::{ErrandError, Line};

/// Longest line of a server's answer (RFC 5321, 4.5.3.1.5, and then some), and most of them.
const LONGEST_LINE: usize = 2_000;
const MOST_LINES: usize = 100;
/// Bytes of all answers to one mail: many times what any server has to say.
const MOST_READ: usize = 256 * 1024;

/// Why a mail server could not be spoken to.
#[derive(Debug, thiserror::Error)]
pub(super) enum SmtpError {
    #[error(transparent)]
    Errand(#[from] ErrandError),
    #[error("the mail server broke off: {0}")]
    Broken(#[from] io::Error),
    #[error("the mail server does not speak SMTP")]
    NotSmtp,
    #[error("the mail server said {0} to {1}")]
    Refused(String, &'static str),
    #[error("the mail server offers no STARTTLS, and mail is not sent in clear; does it want `tls: implicit`?")]
    NoStartTls,
}

/// Up to the moment when TLS begins.
// SECURITY: whoever sits in between could put answers behind the server's last one in clear, to be taken for answers under
// TLS, or hide that the server offers TLS. Each byte is read by itself, so that whatever comes behind goes to the handshake
// and breaks it, and without the offer nothing is sent. Tests: `what_comes_behind_the_last_answer_in_clear_is_not_read`,
// `without_the_offer_of_tls_nothing_is_sent`.
pub(super) async fn start_tls<S: AsyncRead + AsyncWrite + Unpin>(line: &mut S, domain: &str) -> Result<(), SmtpError> {
    answer(line, "the connection", "220").await?;
    line.write_all(format!("EHLO {domain}\r\n").as_bytes()).await?;
    let offers = answer(line, "EHLO", "250").await?;
    let offered = |line: &String| line.eq_ignore_ascii_case("STARTTLS");
    if !offers.iter().any(offered) {
        return Err(SmtpError::NoStartTls);
    }
    line.write_all(b"STARTTLS\r\n").await?;
    answer(line, "STARTTLS", "220").await.map(drop)
}

/// The lines of an answer, without their codes, which have to be `wanted`.
async fn answer<S: AsyncRead + Unpin>(line: &mut S, to: &'static str, wanted: &str) -> Result<Vec<String>, SmtpError> {
    let mut lines = Vec::new();
    while lines.len() < MOST_LINES {
        let text = one_line(line).await?;
        let (code, rest) = text.split_at_checked(3).ok_or(SmtpError::NotSmtp)?;
        if code != wanted {
            return Err(SmtpError::Refused(text, to));
        }
        match rest.chars().next() {
            Some('-') => lines.push(rest.get(1..).unwrap_or_default().trim().to_owned()),
            Some(' ') | None => {
                lines.push(rest.trim().to_owned());
                return Ok(lines);
            }
            Some(_) => return Err(SmtpError::NotSmtp),
        }
    }
    Err(SmtpError::NotSmtp)
}

async fn one_line<S: AsyncRead + Unpin>(line: &mut S) -> Result<String, SmtpError> {
    let mut text = Vec::new();
    while text.len() < LONGEST_LINE {
        match line.read_u8().await? {
            b'\n' => return String::from_utf8(text).map_err(|_| SmtpError::NotSmtp),
            b'\r' => {}
            byte => text.push(byte),
        }
    }
    Err(SmtpError::NotSmtp)
}

/// A connection with a greeting before what the server says, which is bounded.
// SECURITY: lettre reads a line to its end, however long: a server without one would fill the memory. Test:
// `a_server_that_does_not_stop_is_cut_off`.
#[derive(Debug)]
pub(super) struct Greeted<S = Line> {
    greeting: Bytes,
    left: usize,
    line: S,
}

impl<S> Greeted<S> {
    pub(super) fn new(greeting: &'static [u8], line: S) -> Self {
        Self {
            greeting: Bytes::from_static(greeting),
            left: MOST_READ,
            line,
        }
    }
}

impl AsyncTokioStream for Greeted {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Greeted<S> {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.greeting.has_remaining() {
            let part = this.greeting.split_to(this.greeting.len().min(buffer.remaining()));
            buffer.put_slice(&part);
            return Poll::Ready(Ok(()));
        }
        if this.left == 0 {
            let why = io::Error::new(io::ErrorKind::InvalidData, "its answers do not end");
            return Poll::Ready(Err(why));
        }
        let before = buffer.filled().len();
        let read = Pin::new(&mut this.line).poll_read(context, buffer);
        this.left = this.left.saturating_sub(buffer.filled().len() - before);
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Greeted<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().line).poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().line).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().line).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::duplex;

    use super::*;

    /// What a server says in one piece, and what we said to it, until `start_tls` was done with it.
    async fn against(server: &str) -> (Result<(), SmtpError>, String, String) {
        let (mut ours, mut theirs) = duplex(4096);
        theirs.write_all(server.as_bytes()).await.unwrap();
        theirs.shutdown().await.unwrap();
        let done = start_tls(&mut ours, "example.com").await;
        let mut left = String::new();
        ours.read_to_string(&mut left).await.unwrap();
        drop(ours);
        let mut said = String::new();
        theirs.read_to_string(&mut said).await.unwrap();
        (done, said, left)
    }

    #[tokio::test]
    async fn what_comes_behind_the_last_answer_in_clear_is_not_read() {
        let server = "220-mail\r\n220 ready\r\n250-mail\r\n250-starttls\r\n250 SIZE 1\r\n220 go\r\n250 AUTH PLAIN\r\n";
        let (done, said, left) = against(server).await;
        done.unwrap();
        assert_eq!(said, "EHLO example.com\r\nSTARTTLS\r\n");
        assert_eq!(
            left, "250 AUTH PLAIN\r\n",
            "it is left to the handshake, which it breaks"
        );
    }

    #[tokio::test]
    async fn without_the_offer_of_tls_nothing_is_sent() {
        let (done, said, _) = against("220 ready\r\n250-mail\r\n250 AUTH PLAIN\r\n").await;
        assert!(matches!(done, Err(SmtpError::NoStartTls)));
        assert_eq!(said, "EHLO example.com\r\n");
    }

    #[tokio::test]
    async fn what_is_no_answer_ends_it_within_bounds() {
        for server in [
            String::new(),
            "HTTP/1.1 400 Bad Request\r\n\r\n".to_owned(),
            "220?\r\n".to_owned(),
            "22\r\n".to_owned(),
            "421 too many\r\n".to_owned(),
            "2".repeat(LONGEST_LINE + 1),
            "220-more\r\n".repeat(MOST_LINES + 1),
            "220 \u{e4}\r\n554 no\r\n".to_owned(),
        ] {
            let (done, said, _) = against(&server).await;
            assert!(done.is_err() && !said.contains("STARTTLS"), "{server}");
        }
    }

    #[tokio::test]
    async fn a_server_that_does_not_stop_is_cut_off() {
        let mut endless = Greeted::new(b"220 under TLS\r\n", tokio::io::repeat(b'2'));
        let mut read = Vec::new();
        let error = endless.read_to_end(&mut read).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        assert!(
            read.starts_with(b"220 under TLS\r\n2") && read.len() <= 2 * MOST_READ,
            "{}",
            read.len()
        );
    }
}
