//! A connection that does not keep its task busy for as long as a provider sends.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Bytes read in one go. The frames in them wait in memory, some twenty times as large, until who asked looks at them.
const BURST: usize = 256 << 10;

/// Lets others run after each burst.
// SECURITY: interim answers of HTTP/2 (1xx) are under no flow control. The h2 library keeps them for the task that waits for
// the answer, which has to get its turn. Test: `hostile::answers::a_provider_that_floods_fills_no_memory`.
pub(super) struct Paced<S> {
    stream: S,
    left: usize,
}

impl<S> Paced<S> {
    pub(super) fn new(stream: S) -> Self {
        Self { stream, left: BURST }
    }

    pub(super) fn get_ref(&self) -> &S {
        &self.stream
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Paced<S> {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.left == 0 {
            this.left = BURST;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let before = buffer.filled().len();
        let polled = Pin::new(&mut this.stream).poll_read(context, buffer);
        this.left = match polled {
            Poll::Ready(_) => this.left.saturating_sub(buffer.filled().len() - before),
            Poll::Pending => BURST,
        };
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Paced<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::*;

    #[tokio::test]
    async fn a_stream_that_never_waits_lets_others_run() {
        let mut stream = Paced::new(tokio::io::repeat(7));
        let reading = async {
            let mut piece = vec![0; 64 << 10];
            for _ in 0..40 {
                stream.read_exact(&mut piece).await.unwrap();
            }
            unreachable!("forty pieces in one go, and nobody else had a turn")
        };
        let other = async {
            tokio::task::yield_now().await;
        };
        tokio::select! {
            biased;
            () = reading => {}
            () = other => {}
        }
    }
}
