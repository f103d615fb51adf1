//! Long work beside the calls: on threads of its own, and behind them where there are fewer cores than threads that want one.

use std::io;
use std::thread;

use tokio::sync::oneshot;

/// Nice enough that a call gets the core at once, and not so nice that work never ends beside calls without end: a tenth of
/// a core that both want (`sched(7)`).
#[cfg(target_os = "linux")]
const NICENESS: i32 = 10;

/// Starts it on a thread of this name; what it gives is dropped there.
///
/// # Errors
/// If there can be no more threads.
pub fn start(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let behind = move || {
        step_back();
        work();
    };
    thread::Builder::new().name(name.to_owned()).spawn(behind).map(drop)
}

/// Does it on a thread of this name, and gives what comes of it.
///
/// # Errors
/// If there can be no more threads, or the work panicked.
pub async fn run<T: Send + 'static>(name: &str, work: impl FnOnce() -> T + Send + 'static) -> io::Result<T> {
    let (done, told) = oneshot::channel();
    // Whoever asked may have gone: then it was for nothing.
    start(name, move || drop(done.send(work())))?;
    told.await.map_err(|_| io::Error::other("its thread died"))
}

/// Linux counts niceness by thread, and lets anybody be nicer.
fn step_back() {
    #[cfg(target_os = "linux")]
    if rustix::process::getpriority_process(None).is_ok_and(|niceness| niceness < NICENESS)
        && let Err(error) = rustix::process::setpriority_process(None, NICENESS)
    {
        tracing::debug!(%error, "work in the background has the priority of calls");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn work_in_the_background_steps_back_and_no_other_thread_does() {
        let own = || rustix::process::getpriority_process(None).unwrap();
        let before = own();
        let there = run("nice", own).await.unwrap();
        assert_eq!((there, own()), (before.max(NICENESS), before));
    }

    #[tokio::test]
    async fn work_that_panics_is_an_error() {
        let died = run("dies", || panic!("as it should")).await;
        assert_eq!(
            died.map_err(|error| error.to_string()),
            Err::<(), _>("its thread died".to_owned())
        );
    }
}
