//! Coded content that says something to a server that does not undo its coding.
//!
//! SECURITY: not every server undoes a request's coding, and what is judged is what it says without it. A gzip header may
//! hold `&amount=99999&` as a file name, a stored block holds its text as it is, and so does most of a small zstd frame:
//! who reads a form leniently finds parameters there (tests in `mapping/tests/codings.rs`).

use super::multipart;

/// Coded content as a lenient server would read it: percent-decoded, without upper case.
pub(super) struct Uncoded(Vec<u8>);

/// What may follow a parameter's name.
const AFTER_A_NAME: [u8; 3] = *b"=[.";
/// Bytes that are looked at for all names together: 8 names in 8 MiB, or 1,000 in 64 KiB.
const MAX_LOOKED_AT: usize = 64 << 20;

impl Uncoded {
    pub(super) fn new(wire: &[u8]) -> Self {
        let mut text = super::strangers::bytes(wire);
        text.make_ascii_lowercase();
        Self(text)
    }

    /// Whether a parameter of one of these names may be found in it. So many names in so much that it would take long are
    /// taken for found (test `r_looking_for_names_takes_no_time`).
    pub(super) fn names_one_of<'n>(&self, mut names: impl Iterator<Item = &'n str>) -> bool {
        let mut left = MAX_LOOKED_AT;
        // A long name takes longer to find that it is not there.
        let cost = |name: &str| self.0.len().saturating_mul(1 + name.len() / 32);
        names.any(|name| match left.checked_sub(cost(name)) {
            Some(rest) => {
                left = rest;
                self.names(name)
            }
            None => true,
        })
    }

    fn names(&self, name: &str) -> bool {
        let name = name.to_ascii_lowercase();
        let mut from = 0;
        while let Some(at) = multipart::find(self.0.get(from..).unwrap_or_default(), name.as_bytes()) {
            let (start, end) = (from + at, from + at + name.len());
            let ends = self.0.get(end).is_some_and(|byte| AFTER_A_NAME.contains(byte));
            // Two letters stand anywhere by chance.
            if ends && (name.len() > 2 || self.begins_at(start)) {
                return true;
            }
            from = start + 1;
        }
        false
    }

    /// Whether any parameter may be found in it.
    pub(super) fn names_any(&self) -> bool {
        let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-.[]".contains(byte);
        let mut start = 0;
        for (at, byte) in self.0.iter().enumerate() {
            let length = at - start;
            // A few letters stand anywhere by chance.
            if *byte == b'=' && (length > 3 || (length > 1 && self.begins_at(start))) {
                return true;
            }
            if !plain(byte) {
                start = at + 1;
            }
        }
        false
    }

    fn begins_at(&self, at: usize) -> bool {
        match at.checked_sub(1).and_then(|before| self.0.get(before)) {
            None => true,
            Some(before) => b"&; ".contains(before),
        }
    }
}

/// Whether all of it is text, which any server may read.
pub(super) fn is_text(wire: &[u8]) -> bool {
    std::str::from_utf8(wire).is_ok()
}

/// Whether the boundary stands in it: what comes before the first is often passed over.
pub(super) fn has_boundary(wire: &[u8], boundary: &str) -> bool {
    multipart::find(wire, format!("--{boundary}").as_bytes()).is_some()
}
