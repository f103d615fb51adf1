//! Work that nobody waits for: on threads of its own, and behind the calls where there are fewer cores than threads that want one.

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

/// The same, for who waits for what it gives.
///
/// # Errors
/// If there can be no more threads, or the work ended in a panic.
pub async fn done<T: Send + 'static>(name: &str, work: impl FnOnce() -> T + Send + 'static) -> io::Result<T> {
    let (tell, told) = oneshot::channel();
    let tells = move || {
        // Whoever dropped the future does not want to know.
        let _unheard = tell.send(work());
    };
    start(name, tells)?;
    told.await
        .map_err(|_| io::Error::other(format!("the thread `{name}` ended in a panic")))
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

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn work_in_the_background_steps_back_and_no_other_thread_does() {
        let own = || rustix::process::getpriority_process(None).unwrap();
        let (before, (tell, told)) = (own(), channel());
        start("nice", move || tell.send(own()).unwrap()).unwrap();
        assert_eq!((told.recv().unwrap(), own()), (before.max(NICENESS), before));
    }

    #[tokio::test]
    async fn what_is_waited_for_is_done_behind_the_calls_and_a_panic_is_told() {
        let own = || rustix::process::getpriority_process(None).unwrap();
        let before = own();
        assert_eq!(done("nice", own).await.unwrap(), before.max(NICENESS));
        let error = done("ends", || panic!("as a mistake in our code would"))
            .await
            .unwrap_err();
        assert!(error.to_string().contains("`ends`"), "{error}");
    }
}
