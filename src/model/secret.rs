//! Values that must not be shown, and where randomness comes from.

use std::cell::RefCell;
use std::fmt;

use zeroize::Zeroize;

/// A value that neither `Debug` nor a log line shows, wiped when dropped.
#[derive(Clone)]
pub struct Secret<T: Zeroize>(T);

impl<T: Zeroize> Secret<T> {
    pub fn new(value: T) -> Self {
        Self(value)
    }

    /// The value itself. Each use is a place to look when a secret has leaked.
    pub fn expose(&self) -> &T {
        &self.0
    }
}

impl<T: Zeroize> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl<T: Zeroize> Drop for Secret<T> {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// Bytes asked of the system at a time: enough for the ids and salts of ten calls.
const DRAWN: usize = 1024;

/// Random bytes of the system that were not given out yet. What was given out is wiped here.
struct Pool {
    bytes: [u8; DRAWN],
    left: usize,
}

thread_local! {
    static POOL: RefCell<Pool> = const { RefCell::new(Pool { bytes: [0; DRAWN], left: 0 }) };
}

/// Bytes from the operating system's generator. They are drawn ahead, for a call needs them six times; each byte is given
/// out once.
///
/// # Panics
/// If the system has no randomness: every key and salt would be guessable, so nothing may go on.
pub fn random_bytes<const N: usize>() -> [u8; N] {
    let mut given = [0u8; N];
    POOL.with_borrow_mut(|pool| {
        for byte in &mut given {
            *byte = pool.next();
        }
    });
    given
}

impl Pool {
    #[expect(clippy::expect_used, reason = "without randomness no key, salt or id is safe: stop")]
    fn next(&mut self) -> u8 {
        if self.left == 0 {
            getrandom::fill(&mut self.bytes).expect("the operating system gives random bytes");
            self.left = DRAWN;
        }
        self.left -= 1;
        self.bytes
            .get_mut(self.left)
            .map(std::mem::take)
            .expect("within the pool")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_bytes_are_given_out_twice() {
        let threads: Vec<_> = (0..4)
            .map(|_| std::thread::spawn(|| (0..2000).map(|_| random_bytes::<16>()).collect::<Vec<_>>()))
            .collect();
        let all: Vec<_> = threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len());
        assert!(all.iter().all(|bytes| bytes.iter().any(|byte| *byte != 0)));
    }
}
