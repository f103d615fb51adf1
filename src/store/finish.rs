//! Work that must not stop in its middle.

use std::future::Future;

use super::CommitError;

/// Runs a commit and what must follow it to the end, even if nobody waits for it any more: what is on disk must be in
/// memory.
///
/// # Errors
/// What `work` says; Unavailable if it died.
pub async fn to_its_end<T: Send + 'static, E: From<CommitError> + Send + 'static>(
    work: impl Future<Output = Result<T, E>> + Send + 'static,
) -> Result<T, E> {
    match tokio::spawn(work).await {
        Ok(done) => done,
        Err(_) => Err(CommitError::Unavailable("the task that recorded it died".to_owned()).into()),
    }
}
