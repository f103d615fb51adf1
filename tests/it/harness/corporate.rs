//! A corporate proxy: takes CONNECT and absolute-form, and leads everything to one origin.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::certificates::server_config;
use super::{Origin, runtime};

/// Closed when dropped.
pub struct Corporate {
    address: SocketAddr,
    heads: Arc<Mutex<Vec<String>>>,
    task: tokio::task::JoinHandle<()>,
}

/// What it says to a request's head.
#[derive(Clone)]
enum Manner {
    /// Leads on to this address.
    Leads(SocketAddr),
    /// Answers so, and closes.
    Says(String),
    Silent,
}

impl Corporate {
    /// Leads whatever is asked for to `origin`.
    pub fn before(origin: &Origin) -> Self {
        Self::start(Manner::Leads(origin.address()), false)
    }

    /// The same, where it is spoken to by TLS.
    pub fn by_tls_before(origin: &Origin) -> Self {
        Self::start(Manner::Leads(origin.address()), true)
    }

    /// Answers each request with exactly this.
    pub fn that_says(answer: &str) -> Self {
        Self::start(Manner::Says(answer.to_owned()), false)
    }

    /// Takes connections, reads, and says nothing.
    pub fn that_is_silent() -> Self {
        Self::start(Manner::Silent, false)
    }

    fn start(manner: Manner, tls: bool) -> Self {
        let listener = runtime().block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))).unwrap();
        let address = listener.local_addr().unwrap();
        let heads = Arc::new(Mutex::default());
        let tls = tls.then(|| TlsAcceptor::from(server_config(None, &["http/1.1"])));
        let task = runtime().spawn(accept(listener, manner, tls, heads.clone()));
        Self { address, heads, task }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The heads of all requests, as they came.
    pub fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }
}

impl Drop for Corporate {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, manner: Manner, tls: Option<TlsAcceptor>, heads: Arc<Mutex<Vec<String>>>) {
    while let Ok((stream, _)) = listener.accept().await {
        let (manner, tls, heads) = (manner.clone(), tls.clone(), heads.clone());
        tokio::spawn(async move {
            match tls {
                None => serve(stream, manner, &heads).await,
                Some(tls) => {
                    if let Ok(stream) = tls.accept(stream).await {
                        serve(stream, manner, &heads).await;
                    }
                }
            }
        });
    }
}

async fn serve(mut client: impl AsyncRead + AsyncWrite + Unpin, manner: Manner, heads: &Mutex<Vec<String>>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match client.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    heads.lock().unwrap().push(String::from_utf8_lossy(&head).into_owned());
    // What fails here is the other side's affair: the test looks at what came of it.
    match manner {
        Manner::Says(answer) => {
            let _ = client.write_all(answer.as_bytes()).await;
            let _ = client.shutdown().await;
            let _ = client.read_u8().await;
        }
        Manner::Silent => std::future::pending().await,
        Manner::Leads(address) => {
            let mut origin = TcpStream::connect(address).await.unwrap();
            match head.starts_with(b"CONNECT ") {
                true => client
                    .write_all(b"HTTP/1.1 200 Connection established\r\nVia: corp\r\n\r\n")
                    .await
                    .unwrap(),
                false => origin.write_all(&head).await.unwrap(),
            }
            let _ = copy_bidirectional(&mut client, &mut origin).await;
        }
    }
}
