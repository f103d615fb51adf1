//! A connection of which also somebody who neither reads nor writes it can tell whether the other end is there.

use std::future::pending;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

#[derive(Debug)]
pub struct Socket {
    read: OwnedReadHalf,
    /// Shared only with who waits for the other end to leave.
    write: Arc<OwnedWriteHalf>,
}

impl From<TcpStream> for Socket {
    fn from(stream: TcpStream) -> Self {
        let (read, write) = stream.into_split();
        Self {
            read,
            write: Arc::new(write),
        }
    }
}

impl Socket {
    /// # Errors
    /// The system's.
    pub async fn peek(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        self.read.peek(bytes).await
    }

    pub fn presence(&self) -> Presence {
        Presence(Arc::downgrade(&self.write))
    }
}

/// Whether the other end of a connection is there. Keeps nothing open but while somebody waits. One that is nobody's never ends.
#[derive(Clone, Debug, Default)]
pub struct Presence(Weak<OwnedWriteHalf>);

impl Presence {
    /// Ends once the other end has closed, also where bytes that it sent before are not read yet, as long as they fit into what the
    /// system keeps: the end comes behind them. Elsewhere than on Linux never.
    pub async fn ends(&self) {
        #[cfg(target_os = "linux")]
        if let Some(socket) = self.0.upgrade()
            // Out-of-band bytes are not asked for, so of this interest there is only the end.
            && let Ok(ready) = socket.ready(tokio::io::Interest::PRIORITY).await
            && ready.is_read_closed()
        {
            return;
        }
        #[cfg(not(target_os = "linux"))]
        let _ = &self.0; // Nothing there to ask.
        pending().await
    }
}

impl AsyncRead for Socket {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().read).poll_read(context, buffer)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let stream: &TcpStream = (*self.write).as_ref();
        written(stream, context, || stream.try_write(bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let stream: &TcpStream = (*self.write).as_ref();
        written(stream, context, || stream.try_write_vectored(slices))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        let stream: &TcpStream = (*self.write).as_ref();
        Poll::Ready(match rustix::net::shutdown(stream, rustix::net::Shutdown::Write) {
            // The other end was faster: there is nothing left to shut.
            Ok(()) | Err(rustix::io::Errno::NOTCONN) => Ok(()),
            Err(error) => Err(error.into()),
        })
    }
}

/// Once there is room for it.
fn written(
    stream: &TcpStream,
    context: &mut Context<'_>,
    write: impl Fn() -> io::Result<usize>,
) -> Poll<io::Result<usize>> {
    loop {
        ready!(stream.poll_write_ready(context))?;
        match write() {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            written => return Poll::Ready(written),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpSocket};
    use tokio::time::timeout;

    use super::*;

    async fn pair() -> (TcpStream, Socket) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpSocket::new_v4().unwrap();
        let client = client.connect(listener.local_addr().unwrap()).await.unwrap();
        (client, listener.accept().await.unwrap().0.into())
    }

    #[cfg(target_os = "linux")]
    async fn is_there(presence: &Presence) -> bool {
        timeout(Duration::from_millis(200), presence.ends()).await.is_err()
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn an_end_that_closed_is_gone_though_not_all_of_it_was_read() {
        for unread in [&b""[..], b"\r\n"] {
            let (mut client, mut socket) = pair().await;
            let presence = socket.presence();
            client.write_all(b"GET / HTTP/1.1").await.unwrap();
            client.write_all(unread).await.unwrap();
            assert!(is_there(&presence).await);
            let mut head = [0; 14];
            socket.read_exact(&mut head).await.unwrap();
            assert!(is_there(&presence).await, "who reads has no part in it");
            drop(client);
            timeout(Duration::from_secs(20), presence.ends()).await.unwrap();
            timeout(Duration::from_secs(20), presence.ends()).await.unwrap();
        }
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn bytes_out_of_band_are_no_end() {
        let (client, socket) = pair().await;
        rustix::net::send(&client, b"!", rustix::net::SendFlags::OOB).unwrap();
        assert!(is_there(&socket.presence()).await);
        assert!(is_there(&Presence::default()).await);
    }

    /// More than fits on the way, in pieces and at once.
    #[tokio::test]
    async fn what_is_written_comes_in_order_however_slowly_it_is_read() {
        let (mut client, mut socket) = pair().await;
        let sent: Vec<u8> = (0..9_000_000_u32).map(|at| (at % 251) as u8).collect();
        let (first, rest) = sent.split_at(4_000_000);
        let writing = async {
            socket.write_all(first).await.unwrap();
            let mut slices = [io::IoSlice::new(&rest[..7]), io::IoSlice::new(&rest[7..])];
            let mut slices = &mut slices[..];
            while !slices.is_empty() {
                let written = socket.write_vectored(slices).await.unwrap();
                io::IoSlice::advance_slices(&mut slices, written);
            }
            socket.shutdown().await.unwrap();
        };
        let reading = async {
            let mut found = Vec::new();
            client.read_to_end(&mut found).await.unwrap();
            found
        };
        let ((), found) = tokio::join!(writing, reading);
        assert!(found == sent);
        client.write_all(b"still").await.unwrap();
        drop(client);
        let mut heard = String::new();
        socket.read_to_string(&mut heard).await.unwrap();
        assert_eq!(heard, "still", "what was shut is our own half");
    }
}
