//! Providers that no server library is: they say exactly what a test wants.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use rustls::{ServerConnection, StreamOwned};

use super::certificates::server_config;
use super::frames::{ACK, HEADERS, PING, PREFACE, SETTINGS, frame, read};
use super::{Configuration, PATIENCE, Sidecar};

/// What is said, and whether the connection is closed after it.
pub type Says = (Vec<u8>, bool);
/// What a request is answered with: how many came before it, and its stream (of HTTP/2).
type Answer = dyn Fn(usize, u32) -> Says + Send + Sync;

/// A listening provider that counts the heads of requests it saw.
pub struct Broken {
    address: SocketAddr,
    state: Arc<State>,
}

struct State {
    answer: Box<Answer>,
    heads: AtomicUsize,
    ends: AtomicBool,
}

impl Broken {
    /// By HTTP/2: sends these frames at once, beside its settings, and answers each head.
    pub fn http2(greeting: impl Into<Vec<u8>>, answer: impl Fn(usize, u32) -> Says + Send + Sync + 'static) -> Self {
        let greeting = greeting.into();
        Self::start("h2", answer, move |stream, state| by_http2(stream, &greeting, state))
    }

    /// By HTTP/1.1: answers each head.
    pub fn http1(answer: impl Fn(usize) -> Says + Send + Sync + 'static) -> Self {
        Self::start("http/1.1", move |count, _| answer(count), by_http1)
    }

    fn start(
        alpn: &'static str,
        answer: impl Fn(usize, u32) -> Says + Send + Sync + 'static,
        serve: impl Fn(Stream, &State) -> io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State {
            answer: Box::new(answer),
            heads: AtomicUsize::new(0),
            ends: AtomicBool::new(false),
        });
        let (shared, serve) = (state.clone(), Arc::new(serve));
        std::thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                if shared.ends.load(Ordering::SeqCst) {
                    return;
                }
                let (shared, serve) = (shared.clone(), serve.clone());
                std::thread::spawn(move || {
                    // What is never read or never answered does not keep a thread for ever.
                    stream.set_read_timeout(Some(PATIENCE)).unwrap();
                    stream.set_write_timeout(Some(PATIENCE)).unwrap();
                    let tls = ServerConnection::new(server_config(None, &[alpn])).unwrap();
                    // A connection that breaks is the other side's affair.
                    let _ = serve(StreamOwned::new(tls, stream), &shared);
                });
            }
        });
        Self { address, state }
    }

    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// A sidecar's home in which this is `things.example`.
    pub fn known(&self) -> Configuration {
        Sidecar::new()
            .resolve_to("things.example", &self.address())
            .destination(&self.address())
    }

    /// Heads of requests so far.
    pub fn heads(&self) -> usize {
        self.state.heads.load(Ordering::SeqCst)
    }
}

impl Drop for Broken {
    fn drop(&mut self) {
        self.state.ends.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
    }
}

type Stream = StreamOwned<ServerConnection, TcpStream>;

impl State {
    /// True: nothing more is to be said.
    fn say(&self, stream: &mut Stream, id: u32) -> io::Result<bool> {
        let (bytes, closes) = (self.answer)(self.heads.fetch_add(1, Ordering::SeqCst), id);
        stream.write_all(&bytes)?;
        stream.flush()?;
        if closes {
            stream.conn.send_close_notify();
            stream.flush()?;
        }
        Ok(closes)
    }
}

fn by_http2(mut stream: Stream, greeting: &[u8], state: &State) -> io::Result<()> {
    stream.read_exact(&mut [0; PREFACE.len()])?;
    stream.write_all(&[&frame(SETTINGS, 0, 0, &[]), greeting].concat())?;
    stream.flush()?;
    loop {
        let (kind, flags, id, payload) = read(&mut stream)?;
        match kind {
            SETTINGS | PING if flags & ACK == 0 => {
                let echo = if kind == PING { payload } else { Vec::new() };
                stream.write_all(&frame(kind, ACK, 0, &echo))?;
                stream.flush()?;
            }
            HEADERS if state.say(&mut stream, id)? => return Ok(()),
            _ => {}
        }
    }
}

fn by_http1(mut stream: Stream, state: &State) -> io::Result<()> {
    loop {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte)?;
            head.push(byte[0]);
        }
        if state.say(&mut stream, 0)? {
            return Ok(());
        }
    }
}
