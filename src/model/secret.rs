//! Values that must not be shown, and where randomness comes from.

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

/// Bytes from the operating system's generator.
///
/// # Panics
/// If the system has no randomness: every key and salt would be guessable, so nothing may go on.
#[expect(clippy::expect_used, reason = "without randomness no key, salt or id is safe: stop")]
pub fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0u8; N];
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    bytes
}
