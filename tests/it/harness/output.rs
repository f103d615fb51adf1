//! What a process prints, line by line, while it runs.

use std::io::{BufRead, BufReader, Read};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

/// Lines of standard output and standard error together, in the order they came.
#[derive(Clone, Default)]
pub struct Output(Arc<(Mutex<Vec<String>>, Condvar)>);

impl Output {
    /// Reads a stream to its end on a thread of its own.
    pub fn follow(&self, stream: impl Read + Send + 'static) {
        let output = self.clone();
        std::thread::spawn(move || {
            let mut reader = BufReader::new(stream);
            let mut line = Vec::new();
            while reader.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
                output.push(String::from_utf8_lossy(&line).trim_end().to_owned());
                line.clear();
            }
        });
    }

    fn push(&self, line: String) {
        let (lines, arrived) = &*self.0;
        lines.lock().unwrap().push(line);
        arrived.notify_all();
    }

    /// The first line from `start` on that `wanted` takes, and the index after it.
    pub fn wait(&self, start: usize, patience: Duration, wanted: impl Fn(&str) -> bool) -> Option<(String, usize)> {
        let (lines, arrived) = &*self.0;
        let deadline = Instant::now() + patience;
        let mut guard = lines.lock().unwrap();
        let mut index = start;
        loop {
            while index < guard.len() {
                index += 1;
                if wanted(&guard[index - 1]) {
                    return Some((guard[index - 1].clone(), index));
                }
            }
            let left = deadline.checked_duration_since(Instant::now())?;
            guard = arrived.wait_timeout(guard, left).unwrap().0;
        }
    }

    pub fn text(&self) -> String {
        self.0.0.lock().unwrap().join("\n")
    }
}
