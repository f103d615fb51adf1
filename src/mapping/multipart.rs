//! `multipart/form-data` (RFC 7578, RFC 2046), read in exactly one way or not at all.

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

mod part;
#[cfg(test)]
mod tests;

/// How many parts there may be.
const MAX_PARTS: usize = 1_000;
/// Bytes that a part's head may have.
const MAX_HEAD: usize = 8 * 1024;

/// Why parts cannot be read in exactly one way. Tells no value: it may be secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Error {
    #[error("its Content-Type must be `multipart/form-data` with one `boundary` of at most 70 plain characters")]
    Boundary,
    #[error("something stands before the first boundary")]
    Preamble,
    #[error("something stands after the last boundary")]
    Epilogue,
    #[error(
        "the boundary stands where it parts nothing: lines end with CRLF, and nothing follows a boundary on its line"
    )]
    Stray,
    #[error("the last boundary is missing")]
    Unfinished,
    #[error("there are more than 1,000 parts")]
    TooMany,
    #[error("a part's head is not made of plain header lines that end with CRLF, or is longer than 8 KiB")]
    Head,
    #[error(
        "a part has a header field twice, or one that is none of Content-Disposition, Content-Type, Content-Transfer-Encoding and Content-Length"
    )]
    Field,
    #[error(
        "a part's Content-Disposition must be `form-data` with one quoted `name` and at most one quoted `filename`, without escapes"
    )]
    Disposition,
    #[error("a part is encoded (Content-Transfer-Encoding): send it as it is")]
    Encoded,
    #[error("a part is itself made of parts")]
    Nested,
    #[error("a part's type cannot be read, or is in another charset than UTF-8")]
    Type,
    #[error("a part without a file name is no UTF-8 text")]
    Text,
}

/// One part.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Part<'a> {
    pub name: &'a str,
    pub filename: Option<&'a str>,
    pub media_type: Option<&'a str>,
    pub content: &'a [u8],
}

impl Part<'_> {
    /// SHA-256 of the content, in hex.
    pub(super) fn digest(&self) -> String {
        hex::encode(Sha256::digest(self.content))
    }

    /// A text is itself; of a file there is what tells it from another.
    pub(super) fn value(&self) -> Result<Value, Error> {
        match self.filename {
            Some(filename) => Ok(json!({
                "filename": filename,
                "content_type": self.media_type,
                "size": self.content.len(),
                "sha256": self.digest(),
            })),
            None => {
                let text = std::str::from_utf8(self.content).map_err(|_| Error::Text)?;
                Ok(Value::String(text.to_owned()))
            }
        }
    }
}

/// The boundary that a Content-Type names.
///
/// SECURITY: of two boundaries one reader takes the first and another the last, and finds other parts; and so it is where
/// readers differ in what ends one. PHP cuts `a,b` at the comma, Ruby's Rack does so in quotation marks too, and takes
/// `aboundary=b` for `b` (tests `one_plain_boundary`, `a_boundary_that_some_would_cut_is_refused`).
pub(super) fn boundary(content_type: &str) -> Result<&str, Error> {
    let boundary = named_boundary(content_type, "multipart/form-data")?;
    match boundary.contains('=') {
        true => Err(Error::Boundary),
        false => Ok(boundary),
    }
}

/// The same of `multipart/related` (RFC 2387), where Python's libraries write `=` in quotation marks.
pub(super) fn related_boundary(content_type: &str) -> Result<&str, Error> {
    let boundary = named_boundary(content_type, "multipart/related")?;
    match boundary.contains('=') && !content_type.contains(&format!("\"{boundary}\"")) {
        true => Err(Error::Boundary),
        false => Ok(boundary),
    }
}

fn named_boundary<'a>(content_type: &'a str, expected: &str) -> Result<&'a str, Error> {
    let (media_type, mut rest) = content_type.split_once(';').ok_or(Error::Boundary)?;
    if !media_type.trim().eq_ignore_ascii_case(expected) {
        return Err(Error::Boundary);
    }
    let (mut boundary, mut charset) = (None, false);
    loop {
        let (name, after) = rest.split_once('=').ok_or(Error::Boundary)?;
        let (value, after) = part::value(after).ok_or(Error::Boundary)?;
        match name.trim_start() {
            name if name.eq_ignore_ascii_case("boundary") && boundary.is_none() => boundary = Some(value),
            name if name.eq_ignore_ascii_case("charset") && !charset && value.eq_ignore_ascii_case("utf-8") => {
                charset = true;
            }
            _ => return Err(Error::Boundary),
        }
        match after.strip_prefix(';') {
            Some(more) => rest = more,
            None if after.is_empty() => break,
            None => return Err(Error::Boundary),
        }
    }
    // Of what RFC 2046 allows, what nobody takes for anything but a letter, quoted or not: all that clients write.
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.'+=".contains(&byte);
    let boundary = boundary.ok_or(Error::Boundary)?;
    match (1..=70).contains(&boundary.len()) && boundary.bytes().all(plain) {
        true => Ok(boundary),
        false => Err(Error::Boundary),
    }
}

/// The parts in the order sent.
pub(super) fn parse<'a>(content: &'a [u8], boundary: &str) -> Result<Vec<Part<'a>>, Error> {
    split(content, boundary)?.into_iter().map(part::read).collect()
}

/// The parts, each with its head, as they stand between the boundaries.
///
/// SECURITY: wherever the boundary stands it must part, with CRLF before and after it: readers differ in whether a bare
/// line feed, spaces or a longer line make a boundary, and in what a preamble is (test
/// `what_two_servers_may_part_differently_is_refused`).
pub(super) fn split<'a>(content: &'a [u8], boundary: &str) -> Result<Vec<&'a [u8]>, Error> {
    split_at(content, boundary, "\r\n")
}

/// The same of content whose lines may end otherwise, all alike.
pub(super) fn split_at<'a>(content: &'a [u8], boundary: &str, newline: &str) -> Result<Vec<&'a [u8]>, Error> {
    let newline = newline.as_bytes();
    let dashed = format!("--{boundary}");
    let mut rest = match find(content, dashed.as_bytes()) {
        Some(0) => content.get(dashed.len()..).unwrap_or_default(),
        Some(_) => return Err(Error::Preamble),
        None => return Err(Error::Unfinished),
    };
    let mut parts = Vec::new();
    loop {
        if let Some(after) = rest.strip_prefix(b"--") {
            return match (after, parts.is_empty()) {
                (after, false) if after.is_empty() || after == newline => Ok(parts),
                (_, true) => Err(Error::Unfinished),
                (_, false) => Err(Error::Epilogue),
            };
        }
        let part = rest.strip_prefix(newline).ok_or(Error::Stray)?;
        let end = find(part, dashed.as_bytes()).ok_or(Error::Unfinished)?;
        let (before, after) = part.split_at(end);
        let part = before.strip_suffix(newline).ok_or(Error::Stray)?;
        if parts.len() == MAX_PARTS {
            return Err(Error::TooMany);
        }
        parts.push(part);
        rest = after.get(dashed.len()..).unwrap_or_default();
    }
}

pub(super) fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    let first = *wanted.first()?;
    let mut from = 0;
    loop {
        let rest = text.get(from..)?;
        let at = from + rest.iter().position(|byte| *byte == first)?;
        if text.get(at..)?.starts_with(wanted) {
            return Some(at);
        }
        from = at + 1;
    }
}
