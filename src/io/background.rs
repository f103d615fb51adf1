//! Work that nobody waits for: on threads of its own, and behind the calls where there are fewer cores than threads that want one.

use std::io;
use std::thread;

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
}
