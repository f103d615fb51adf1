//! Exact bytes to a sidecar's proxy, in clear or inside CONNECT and TLS.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConnection, StreamOwned};

use super::tls::{self, Hello};
use super::{HttpAnswer, PATIENCE, Sidecar, read_answer};

/// A connection to write bytes to and read answers from.
pub struct Wire(Stream);

enum Stream {
    Clear(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Wire {
    /// To the proxy's port, in clear.
    pub fn to(sidecar: &Sidecar) -> Self {
        Self::at(sidecar.proxy_port())
    }

    /// To a port of the loopback, in clear.
    pub fn at(port: u16) -> Self {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        Self(Stream::Clear(stream))
    }

    /// Sends bytes. A peer that has closed already is no failure of the sender's: the answer tells.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        let _ = self.try_send(bytes.as_ref());
        self
    }

    pub fn try_send(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.0 {
            Stream::Clear(stream) => stream.write_all(bytes),
            Stream::Tls(stream) => stream.write_all(bytes).and_then(|()| stream.flush()),
        }
    }

    /// The next answer; `None` if the connection was closed instead.
    pub fn answer(&mut self) -> Option<HttpAnswer> {
        read_answer(self, false).unwrap_or_else(|error| panic!("no answer: {error}"))
    }

    pub fn answer_to_head(&mut self) -> Option<HttpAnswer> {
        read_answer(self, true).unwrap_or_else(|error| panic!("no answer: {error}"))
    }

    /// Sends a request and reads its answer.
    ///
    /// # Panics
    /// If the connection is closed instead.
    #[track_caller]
    pub fn ask(&mut self, request: impl AsRef<[u8]>) -> HttpAnswer {
        self.send(request);
        self.answer().expect("an answer, not a closed connection")
    }

    /// Whether nothing more comes.
    pub fn is_closed(&mut self) -> bool {
        let mut byte = [0];
        match self.read(&mut byte) {
            Ok(read) => read == 0,
            Err(error) => !matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut),
        }
    }

    /// From now on neither reads nor writes wait longer.
    pub fn patience(&mut self, patience: Duration) {
        let stream = self.tcp();
        stream.set_read_timeout(Some(patience)).unwrap();
        stream.set_write_timeout(Some(patience)).unwrap();
    }

    /// The protocol that ALPN agreed on.
    pub fn alpn(&self) -> Option<Vec<u8>> {
        match &self.0 {
            Stream::Clear(_) => None,
            Stream::Tls(stream) => stream.conn.alpn_protocol().map(<[u8]>::to_vec),
        }
    }

    /// The certificates that the sidecar showed, DER, leaf first.
    pub fn certificates(&self) -> Vec<Vec<u8>> {
        match &self.0 {
            Stream::Clear(_) => Vec::new(),
            Stream::Tls(stream) => stream
                .conn
                .peer_certificates()
                .unwrap_or_default()
                .iter()
                .map(|der| der.to_vec())
                .collect(),
        }
    }

    fn tcp(&mut self) -> &mut TcpStream {
        match &mut self.0 {
            Stream::Clear(stream) => stream,
            Stream::Tls(stream) => &mut stream.sock,
        }
    }

    /// TLS on top of what is a tunnel by now.
    fn secure(self, sidecar: &Sidecar, name: ServerName<'static>, hello: &Hello) -> io::Result<Self> {
        let Stream::Clear(mut tcp) = self.0 else {
            panic!("TLS in TLS")
        };
        let config = tls::client_config(&sidecar.ca_pem(), hello);
        let mut connection = ClientConnection::new(config, name).map_err(io::Error::other)?;
        while connection.is_handshaking() {
            connection.complete_io(&mut tcp)?;
        }
        Ok(Self(Stream::Tls(Box::new(StreamOwned::new(connection, tcp)))))
    }
}

impl Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.0 {
            Stream::Clear(stream) => stream.read(buffer),
            Stream::Tls(stream) => stream.read(buffer),
        }
    }
}

/// A tunnel to be: what CONNECT names, and what TLS inside says.
pub struct Tunnel {
    authority: String,
    head: String,
    name: String,
    hello: Hello,
}

impl Tunnel {
    /// `authority` is `host:port`, also in the Host field; the same host is the server name.
    pub fn to(authority: &str) -> Self {
        let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
        Self {
            authority: authority.to_owned(),
            head: String::new(),
            name: host.trim_matches(['[', ']']).trim_end_matches('.').to_owned(),
            hello: Hello::default(),
        }
    }

    /// Another server name than CONNECT's.
    pub fn sni(mut self, name: &str) -> Self {
        self.name = name.to_owned();
        self.hello.any_certificate = true;
        self
    }

    pub fn without_sni(mut self) -> Self {
        self.hello.without_sni = true;
        self
    }

    pub fn with_ech(mut self) -> Self {
        self.hello.ech = true;
        self
    }

    pub fn alpn(mut self, protocols: &[&str]) -> Self {
        self.hello.alpn = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
        self
    }

    /// A further field of the CONNECT request, `Name: value`.
    pub fn field(mut self, line: &str) -> Self {
        self.head.push_str(line);
        self.head.push_str("\r\n");
        self
    }

    /// Sends CONNECT and gives the answer, with the connection.
    pub fn connect(&self, sidecar: &Sidecar) -> (Wire, Option<HttpAnswer>) {
        let mut wire = Wire::to(sidecar);
        wire.send(format!(
            "CONNECT {0} HTTP/1.1\r\nHost: {0}\r\n{1}\r\n",
            self.authority, self.head
        ));
        let Stream::Clear(stream) = &mut wire.0 else {
            panic!("in clear so far")
        };
        // A 200 to CONNECT has no content whatever its fields say; a refusal has.
        let mut head = [0; 12];
        let peeked = peek(stream, &mut head);
        let tunnel = peeked && &head[9..12] == b"200";
        let answer = read_answer(&mut wire, tunnel).unwrap_or_else(|error| panic!("no answer to CONNECT: {error}"));
        (wire, answer)
    }

    /// The tunnel with TLS in it, or why there is none.
    pub fn try_open(&self, sidecar: &Sidecar) -> io::Result<Wire> {
        let (wire, answer) = self.connect(sidecar);
        match answer {
            Some(answer) if answer.status == 200 => {
                let name = ServerName::try_from(self.name.clone()).map_err(io::Error::other)?;
                wire.secure(sidecar, name, &self.hello)
            }
            refused => Err(io::Error::other(format!("CONNECT was answered {refused:?}"))),
        }
    }

    /// # Panics
    /// If it cannot be opened.
    #[track_caller]
    pub fn open(&self, sidecar: &Sidecar) -> Wire {
        self.try_open(sidecar)
            .unwrap_or_else(|error| panic!("no tunnel to {}: {error}", self.authority))
    }
}

/// Waits for the first bytes without taking them.
fn peek(stream: &TcpStream, head: &mut [u8; 12]) -> bool {
    loop {
        match stream.peek(head) {
            Ok(12) => return true,
            Ok(0) | Err(_) => return false,
            Ok(_) => std::thread::sleep(Duration::from_millis(5)),
        }
    }
}
