//! JSON (RFC 8259), read in exactly one way or not at all.
//!
//! Own code, because a general reader keeps the last of two equal keys, and because with numbers kept as text
//! `serde_json` reads `{"$serde_json::private::Number": "5"}` as the number 5.

use serde_json::{Map, Number, Value};

/// How deep arrays and objects may be nested.
const MAX_DEPTH: usize = 64;
/// How many values, members' names included, a document may hold: a mail to 50,000 named recipients has 250,000. At worst
/// (`{"a":0}` over and over) they take about 55 MB while a call is mapped.
// SECURITY: the 8 MiB that a body may have on the wire could hold four million tiny values, of hundreds of megabytes.
// Test: `eight_mebibytes_of_tiny_values_are_refused_before_they_are_all_read`.
const MAX_NODES: usize = 300_000;

/// Why content is not one JSON document that everybody reads alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Error {
    #[error("it is not UTF-8")]
    Encoding,
    #[error("it starts with a byte order mark")]
    ByteOrderMark,
    #[error("it is not JSON at byte {0}")]
    Syntax(usize),
    #[error("it names a member twice")]
    DuplicateKey,
    #[error("it is nested deeper than 64 levels")]
    TooDeep,
    #[error("it holds more than 300,000 values")]
    TooMany,
    #[error("something follows the document")]
    Trailing,
}

/// Reads one document. Number tokens are kept as they were written.
///
/// SECURITY: two equal keys (also when one is escaped), trailing documents, byte order marks and other encodings than
/// UTF-8 are read differently by different servers (tests `what_two_servers_may_read_differently_is_refused`).
pub(super) fn parse(bytes: &[u8]) -> Result<Value, Error> {
    if bytes.starts_with(b"\xef\xbb\xbf") {
        return Err(Error::ByteOrderMark);
    }
    let text = std::str::from_utf8(bytes).map_err(|_| Error::Encoding)?;
    let mut reader = Reader { text, at: 0, nodes: 0 };
    let value = reader.value(0)?;
    reader.space();
    match reader.peek() {
        None => Ok(value),
        Some(_) => Err(Error::Trailing),
    }
}

/// How many bytes there are until one that a string does not hold as it is.
fn plain(bytes: &[u8]) -> usize {
    const AT_ONCE: usize = 16;
    let ends = |byte: &u8| (*byte == b'"') | (*byte == b'\\') | (*byte < 0x20);
    // Without a way out in between, so that all of them are compared at once.
    let chunks = bytes.chunks_exact(AT_ONCE);
    let whole = chunks.take_while(|chunk| !chunk.iter().fold(false, |found, byte| found | ends(byte)));
    let start = whole.count() * AT_ONCE;
    let rest = bytes.get(start..).unwrap_or_default();
    start + rest.iter().position(ends).unwrap_or(rest.len())
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    nodes: usize,
}

impl<'a> Reader<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn wrong<T>(&self) -> Result<T, Error> {
        Err(Error::Syntax(self.at))
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, byte: u8) -> Result<(), Error> {
        if self.eat(byte) { Ok(()) } else { self.wrong() }
    }

    fn word(&mut self, word: &str, value: Value) -> Result<Value, Error> {
        match self.text.get(self.at..).is_some_and(|rest| rest.starts_with(word)) {
            true => {
                self.at += word.len();
                Ok(value)
            }
            false => self.wrong(),
        }
    }

    fn count(&mut self) -> Result<(), Error> {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            Err(Error::TooMany)
        } else {
            Ok(())
        }
    }

    fn value(&mut self, depth: usize) -> Result<Value, Error> {
        self.count()?;
        self.space();
        match self.peek() {
            Some(b'{') => self.object(depth + 1),
            Some(b'[') => self.array(depth + 1),
            Some(b'"') => Ok(Value::String(self.string()?)),
            Some(b't') => self.word("true", Value::Bool(true)),
            Some(b'f') => self.word("false", Value::Bool(false)),
            Some(b'n') => self.word("null", Value::Null),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => self.wrong(),
        }
    }

    fn object(&mut self, depth: usize) -> Result<Value, Error> {
        if depth > MAX_DEPTH {
            return Err(Error::TooDeep);
        }
        self.expect(b'{')?;
        let mut members = Map::new();
        self.space();
        if self.eat(b'}') {
            return Ok(Value::Object(members));
        }
        loop {
            self.space();
            self.count()?;
            let name = self.string()?;
            self.space();
            self.expect(b':')?;
            let value = self.value(depth)?;
            if members.insert(name, value).is_some() {
                return Err(Error::DuplicateKey);
            }
            self.space();
            if self.eat(b'}') {
                return Ok(Value::Object(members));
            }
            self.expect(b',')?;
        }
    }

    fn array(&mut self, depth: usize) -> Result<Value, Error> {
        if depth > MAX_DEPTH {
            return Err(Error::TooDeep);
        }
        self.expect(b'[')?;
        let mut items = Vec::new();
        self.space();
        if self.eat(b']') {
            return Ok(Value::Array(items));
        }
        loop {
            items.push(self.value(depth)?);
            self.space();
            if self.eat(b']') {
                return Ok(Value::Array(items));
            }
            self.expect(b',')?;
        }
    }

    fn number(&mut self) -> Result<Value, Error> {
        let start = self.at;
        self.eat(b'-');
        if !self.eat(b'0') {
            self.digits()?;
        }
        if self.eat(b'.') {
            self.digits()?;
        }
        if self.eat(b'e') || self.eat(b'E') {
            let _ = self.eat(b'+') || self.eat(b'-');
            self.digits()?;
        }
        let token = self.text.get(start..self.at).unwrap_or_default();
        // Not parsed again: what stands here is a number by the grammar above, and must stay as it was written.
        Ok(Value::Number(Number::from_string_unchecked(token.to_owned())))
    }

    fn digits(&mut self) -> Result<(), Error> {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        if self.at == start { self.wrong() } else { Ok(()) }
    }

    fn string(&mut self) -> Result<String, Error> {
        self.expect(b'"')?;
        let mut out = String::new();
        loop {
            let start = self.at;
            self.at += plain(self.text.as_bytes().get(start..).unwrap_or_default());
            out.push_str(self.text.get(start..self.at).unwrap_or_default());
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(out);
                }
                Some(b'\\') => {
                    self.at += 1;
                    out.push(self.escape()?);
                }
                _ => return self.wrong(),
            }
        }
    }

    fn escape(&mut self) -> Result<char, Error> {
        let Some(byte) = self.peek() else {
            return self.wrong();
        };
        self.at += 1;
        Ok(match byte {
            b'"' | b'\\' | b'/' => char::from(byte),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return self.unicode(),
            _ => return self.wrong(),
        })
    }

    /// After `\u`: a code point, or the first half of a surrogate pair whose second half must follow.
    fn unicode(&mut self) -> Result<char, Error> {
        let first = self.hex4()?;
        let code = match first {
            0xD800..=0xDBFF => {
                self.expect(b'\\')?;
                self.expect(b'u')?;
                match self.hex4()? {
                    second @ 0xDC00..=0xDFFF => 0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00),
                    _ => return self.wrong(),
                }
            }
            _ => first,
        };
        char::from_u32(code).map_or_else(|| self.wrong(), Ok)
    }

    fn hex4(&mut self) -> Result<u32, Error> {
        let digits = self.text.as_bytes().get(self.at..self.at + 4).unwrap_or_default();
        let value = digits.iter().try_fold(0u32, |sum, byte| {
            char::from(*byte).to_digit(16).map(|digit| sum * 16 + digit)
        });
        match value {
            Some(value) if digits.len() == 4 => {
                self.at += 4;
                Ok(value)
            }
            _ => self.wrong(),
        }
    }
}

#[cfg(test)]
mod tests;
