//! CBOR (RFC 8949) that can be read in exactly one way, as the RPC protocols of AWS use it.

use ciborium_ll::{Decoder, Header};
use serde_json::{Map, Number, Value};

/// Arrays and maps inside one another.
const MAX_DEPTH: usize = 64;
/// Values of one document.
const MAX_NODES: usize = 100_000;

/// Why content is not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Error {
    #[error("it is no CBOR, or ends too soon")]
    Syntax,
    #[error("something follows the document")]
    Trailing,
    #[error("a map has a key that is no text")]
    Key,
    #[error("a map has a key twice")]
    Duplicate,
    #[error("it is nested deeper than {MAX_DEPTH} levels, or holds more than {MAX_NODES} values")]
    TooLarge,
}

/// Reads one document: byte strings as base64, moments as what they are counted in.
///
/// # Errors
/// Whatever readers could differ in.
// SECURITY: parsers differ in which of two equal keys counts, and in what they make of what follows (tests
// `what_can_be_read_in_two_ways_is_refused`, `nothing_unparsable_is_read`).
pub(super) fn parse(bytes: &[u8]) -> Result<Value, Error> {
    let mut reader = Reader::new(bytes);
    let value = reader.value(0)?;
    match reader.offset() == bytes.len() {
        true => Ok(value),
        false => Err(Error::Trailing),
    }
}

/// The members of a document that is one map, each with the bytes of its value.
///
/// # Errors
/// As [`parse`]; and what is no map is [`Error::Syntax`].
pub(super) fn members(bytes: &[u8]) -> Result<Vec<(String, &[u8])>, Error> {
    parse(bytes)?;
    let mut reader = Reader::new(bytes);
    let mut header = reader.pull()?;
    // As `parse` does, which has seen that they end.
    while let Header::Tag(_) = header {
        header = reader.pull()?;
    }
    let Header::Map(length) = header else {
        return Err(Error::Syntax);
    };
    let mut members = Vec::new();
    while let Some(header) = reader.next(length, members.len())? {
        let Header::Text(text) = header else {
            return Err(Error::Key);
        };
        let key = reader.text(text)?;
        let start = reader.offset();
        reader.value(1)?;
        members.push((key, bytes.get(start..reader.offset()).unwrap_or_default()));
    }
    Ok(members)
}

struct Reader<'a> {
    decoder: Decoder<&'a [u8]>,
    nodes: usize,
}

impl<'a> Reader<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self {
            decoder: Decoder::from(bytes),
            nodes: 0,
        }
    }

    fn offset(&mut self) -> usize {
        self.decoder.offset()
    }

    fn pull(&mut self) -> Result<Header, Error> {
        self.decoder.pull().map_err(|_| Error::Syntax)
    }

    /// The header of the next item of so many, or of those up to the break; `None` at their end.
    fn next(&mut self, length: Option<usize>, done: usize) -> Result<Option<Header>, Error> {
        if length == Some(done) {
            return Ok(None);
        }
        match (self.pull()?, length) {
            (Header::Break, None) => Ok(None),
            (Header::Break, Some(_)) => Err(Error::Syntax),
            (header, _) => Ok(Some(header)),
        }
    }

    fn value(&mut self, depth: usize) -> Result<Value, Error> {
        let header = self.pull()?;
        self.of(header, depth)
    }

    fn of(&mut self, header: Header, depth: usize) -> Result<Value, Error> {
        self.nodes += 1;
        if depth > MAX_DEPTH || self.nodes > MAX_NODES {
            return Err(Error::TooLarge);
        }
        match header {
            Header::Positive(number) => Ok(number.into()),
            Header::Negative(number) => Ok(Value::from(-1 - i128::from(number))),
            Header::Float(number) => {
                // What JSON has no number for is told as text.
                let text = || Value::String(number.to_string());
                Ok(Number::from_f64(number).map_or_else(text, Value::Number))
            }
            Header::Simple(ciborium_ll::simple::FALSE) => Ok(Value::Bool(false)),
            Header::Simple(ciborium_ll::simple::TRUE) => Ok(Value::Bool(true)),
            Header::Simple(ciborium_ll::simple::NULL | ciborium_ll::simple::UNDEFINED) => Ok(Value::Null),
            Header::Simple(_) | Header::Break => Err(Error::Syntax),
            Header::Tag(_) => self.value(depth + 1),
            Header::Bytes(length) => self.bytes(length).map(Value::String),
            Header::Text(length) => self.text(length).map(Value::String),
            Header::Array(length) => {
                let mut items = Vec::new();
                while let Some(header) = self.next(length, items.len())? {
                    items.push(self.of(header, depth + 1)?);
                }
                Ok(Value::Array(items))
            }
            Header::Map(length) => self.map(length, depth).map(Value::Object),
        }
    }

    fn map(&mut self, length: Option<usize>, depth: usize) -> Result<Map<String, Value>, Error> {
        let mut members = Map::new();
        while let Some(header) = self.next(length, members.len())? {
            let Header::Text(text) = header else {
                return Err(Error::Key);
            };
            let key = self.text(text)?;
            let value = self.value(depth + 1)?;
            if members.insert(key, value).is_some() {
                return Err(Error::Duplicate);
            }
        }
        Ok(members)
    }

    fn text(&mut self, length: Option<usize>) -> Result<String, Error> {
        let mut out = String::new();
        let mut segments = self.decoder.text(length);
        let mut buffer = [0; 4096];
        while let Some(mut segment) = segments.pull().map_err(|_| Error::Syntax)? {
            while let Some(chunk) = segment.pull(&mut buffer).map_err(|_| Error::Syntax)? {
                out.push_str(chunk);
            }
        }
        Ok(out)
    }

    fn bytes(&mut self, length: Option<usize>) -> Result<String, Error> {
        use base64::Engine as _;

        let mut out = Vec::new();
        let mut segments = self.decoder.bytes(length);
        let mut buffer = [0; 4096];
        while let Some(mut segment) = segments.pull().map_err(|_| Error::Syntax)? {
            while let Some(chunk) = segment.pull(&mut buffer).map_err(|_| Error::Syntax)? {
                out.extend_from_slice(chunk);
            }
        }
        Ok(base64::engine::general_purpose::STANDARD.encode(out))
    }
}

#[cfg(test)]
mod tests;
