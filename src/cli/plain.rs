//! One request of HTTP/1.1 on a connection of its own, and the answer: all that is needed where no client of ours fits.

use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::Uri;
use percent_encoding::percent_decode_str;
use rustls::{ClientConfig, ClientConnection, StreamOwned};
use rustls_pki_types::ServerName;

/// Bytes of an answer that are read.
const LONGEST: u64 = 64 << 10;

/// A proxy as variables name one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ProxyUrl {
    /// It speaks TLS.
    pub(super) secure: bool,
    pub(super) host: String,
    pub(super) port: u16,
    /// `name:key`, as it stands there. Secret.
    credentials: Option<String>,
}

/// What was answered.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    head: String,
    pub(super) content: String,
}

impl Answer {
    pub(super) fn field(&self, name: &str) -> Option<&str> {
        let mut fields = self.head.lines().filter_map(|line| line.split_once(": "));
        fields
            .find(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }
}

impl ProxyUrl {
    /// # Errors
    /// If it is none. The text does not hold the URL, which may hold a key.
    pub(super) fn parse(text: &str) -> anyhow::Result<ProxyUrl> {
        let text = match text.contains("://") {
            true => text.to_owned(),
            // Clients take that too.
            false => format!("http://{text}"),
        };
        let uri: Uri = text.parse().map_err(|_| anyhow::anyhow!("it is no URL"))?;
        let secure = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            _ => bail!("it is neither http:// nor https://"),
        };
        let authority = uri.authority().context("it names no host")?;
        let credentials = authority.as_str().rsplit_once('@').map(|(who, _)| who.to_owned());
        let host = authority.host().trim_matches(['[', ']']).to_owned();
        Ok(ProxyUrl {
            secure,
            host,
            port: authority.port_u16().unwrap_or(if secure { 443 } else { 80 }),
            credentials,
        })
    }

    /// Without the key.
    pub(super) fn shown(&self) -> String {
        let scheme = if self.secure { "https" } else { "http" };
        match self.host.contains(':') {
            true => format!("{scheme}://[{}]:{}", self.host, self.port),
            false => format!("{scheme}://{}:{}", self.host, self.port),
        }
    }

    /// Sends a request through it to a URL in clear. `tls` knows its certificate, where it speaks TLS.
    ///
    /// # Errors
    /// If it does not answer within about that time.
    pub(super) fn ask(
        &self,
        method: &str,
        url: &Uri,
        tls: Option<ClientConfig>,
        within: Duration,
    ) -> anyhow::Result<Answer> {
        let host = url.authority().context("the URL names no host")?;
        let credentials = self.credentials.as_ref().map(|who| {
            let who = percent_decode_str(who).collect::<Vec<u8>>();
            format!("Proxy-Authorization: Basic {}\r\n", BASE64_STANDARD.encode(who))
        });
        let request = format!(
            "{method} {url} HTTP/1.1\r\nHost: {host}\r\n{}Content-Length: 0\r\nConnection: close\r\n\r\n",
            credentials.unwrap_or_default()
        );
        exchange(&self.host, self.port, tls, &request, within)
    }
}

/// GET of a path of the server there.
///
/// # Errors
/// If it does not answer within about that time.
pub(super) fn get(
    host: &str,
    port: u16,
    tls: Option<ClientConfig>,
    path: &str,
    within: Duration,
) -> anyhow::Result<Answer> {
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    exchange(host, port, tls, &request, within)
}

fn exchange(
    host: &str,
    port: u16,
    tls: Option<ClientConfig>,
    request: &str,
    within: Duration,
) -> anyhow::Result<Answer> {
    let mut addresses = (host, port).to_socket_addrs().context("it has no address")?;
    let address = addresses.next().context("it has no address")?;
    let mut stream = TcpStream::connect_timeout(&address, within)?;
    stream.set_read_timeout(Some(within))?;
    stream.set_write_timeout(Some(within))?;
    match tls {
        None => converse(&mut stream, request, within),
        Some(tls) => {
            let name = ServerName::from(address.ip());
            let connection = ClientConnection::new(Arc::new(tls), name)?;
            converse(&mut StreamOwned::new(connection, stream), request, within)
        }
    }
}

fn converse(stream: &mut (impl Read + Write), request: &str, within: Duration) -> anyhow::Result<Answer> {
    let until = Instant::now() + within;
    stream.write_all(request.as_bytes())?;
    let (mut answer, mut some) = (Vec::new(), [0; 4096]);
    let mut stream = stream.take(LONGEST);
    // A read ends in time; who answers byte by byte must, too.
    loop {
        match stream.read(&mut some)? {
            0 => break,
            length => answer.extend(some.iter().take(length)),
        }
        if Instant::now() > until {
            bail!("the answer did not end in time");
        }
    }
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let (head, content) = answer
        .split_once("\r\n\r\n")
        .context("what came is no answer of HTTP")?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    Ok(Answer {
        status: status.context("what came is no answer of HTTP")?,
        head: head.to_owned(),
        content: content.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_read_as_clients_read_it_and_its_key_is_not_shown() {
        let read = |text: &str| ProxyUrl::parse(text).map(|url| url.shown());
        assert_eq!(read("http://bot:rp_x@127.0.0.1:8080").unwrap(), "http://127.0.0.1:8080");
        assert_eq!(read("127.0.0.1:8080").unwrap(), "http://127.0.0.1:8080");
        assert_eq!(read("https://proxy.corp/").unwrap(), "https://proxy.corp:443");
        assert_eq!(read("http://[::1]:8080").unwrap(), "http://[::1]:8080");
        for wrong in ["", "socks5://127.0.0.1:1080", "http://", "http://rp_secret@:80@/"] {
            let error = read(wrong).unwrap_err().to_string();
            assert!(!error.contains("rp_secret"), "{error}");
        }
    }
}
