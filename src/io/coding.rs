//! Content codings (RFC 9110, 8.4) undone, to see what is in them: within limits, and in exactly one way or not at all.
//! What was coded is never changed.

use bytes::Bytes;
use http::HeaderMap;
use http::header::CONTENT_ENCODING;

use crate::model::{Body, Coded, Reason, Refusal};

mod stream;

use stream::Stream;

/// Decoded bytes that no ratio forbids: a small content may repeat itself as often as it likes.
const RATIO_FREE: usize = 256 << 10;
/// What is decoded at a time, and the first memory that is taken.
const STEP: usize = 32 << 10;

/// How content may have been coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    Gzip,
    /// RFC 7932, windows up to 16 MiB.
    Brotli,
    /// RFC 8878, windows up to 8 MiB (RFC 9659).
    Zstandard,
    /// The zlib form (RFC 1950). Some clients send bare deflate under the same name; some servers read both.
    Deflate,
}

/// Bounds of what one content may come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Decoded bytes.
    pub decoded: usize,
    /// Decoded bytes for each byte on the wire, once there are more than 256 KiB of them.
    pub ratio: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            decoded: 32 << 20,
            ratio: 100,
        }
    }
}

/// Why coded content cannot be looked into.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodingError {
    #[error(
        "the content's coding (Content-Encoding) is none of gzip, br, zstd and deflate: send it in one of these, or uncoded"
    )]
    Unknown,
    #[error("the content is coded more than once (Content-Encoding): code it once, or send it uncoded")]
    Several,
    #[error("the content is not what its coding (Content-Encoding) says, or is cut off")]
    Broken,
    #[error("something follows the coded content: send one stream (one gzip member, one zstd frame) and nothing else")]
    Trailing,
    #[error("the decoded content is larger than {0} bytes, the most that is read to be judged")]
    TooLarge(usize),
    #[error("the decoded content is more than {0} times as large as it is on the wire")]
    Ratio(usize),
    #[error("the contents of all calls that are being judged fill the memory set aside for them")]
    NoMemory,
}

impl From<CodingError> for Refusal {
    fn from(error: CodingError) -> Self {
        let reason = match error {
            CodingError::TooLarge(_) | CodingError::Ratio(_) => Reason::TooLarge,
            CodingError::NoMemory => Reason::Overloaded,
            CodingError::Unknown | CodingError::Several | CodingError::Broken | CodingError::Trailing => {
                Reason::NotInspectable
            }
        };
        Refusal::new(reason, error.to_string())
    }
}

impl Coding {
    /// The coding that a head names; `None` where the content stands as it is (`identity` is none).
    ///
    /// SECURITY: of two codings, a list or a field that is there twice, one server undoes another one than the next (test
    /// `one_known_coding_once_or_none`).
    ///
    /// # Errors
    /// More than one coding, and one that is not read here.
    pub fn of(headers: &HeaderMap) -> Result<Option<Coding>, CodingError> {
        let mut values = headers.get_all(CONTENT_ENCODING).iter();
        let Some(value) = values.next() else {
            return Ok(None);
        };
        let name = value.as_bytes().trim_ascii();
        if values.next().is_some() || name.contains(&b',') {
            return Err(CodingError::Several);
        }
        let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
        match () {
            () if is("identity") => Ok(None),
            () if is("gzip") => Ok(Some(Coding::Gzip)),
            () if is("br") => Ok(Some(Coding::Brotli)),
            () if is("zstd") => Ok(Some(Coding::Zstandard)),
            () if is("deflate") => Ok(Some(Coding::Deflate)),
            () => Err(CodingError::Unknown),
        }
    }

    /// What the wire's bytes say. `reserve` is asked before memory is taken, in bytes.
    ///
    /// SECURITY: it stops at the first byte beyond a limit, whatever the stream would come to (tests
    /// `a_bomb_is_cut_off_at_its_limit`, `memory_is_asked_for_before_it_is_taken`); what follows the stream, a second
    /// gzip member and a missing end are read by some and not by others (`a_stream_is_whole_and_alone`).
    ///
    /// # Errors
    /// Content beyond a limit, and content that is not exactly one whole stream of its coding.
    pub fn decode(
        self,
        wire: &[u8],
        limits: &Limits,
        mut reserve: impl FnMut(usize) -> bool,
    ) -> Result<Vec<u8>, CodingError> {
        let length = self.measure(wire, limits)?;
        if !reserve(length) {
            return Err(CodingError::NoMemory);
        }
        let mut stream = Stream::new(self, wire)?;
        let mut out = vec![0; length];
        let mut room = out.as_mut_slice();
        while !room.is_empty() {
            match stream.read(room)? {
                0 => return Err(CodingError::Broken),
                read => room = room.get_mut(read..).unwrap_or_default(),
            }
        }
        Ok(out)
    }

    /// How long the content is, in bytes. Undone once for that, into a room of one step: memory that grows with the content
    /// would be taken twice over, and by a bomb up to its limit.
    fn measure(self, wire: &[u8], limits: &Limits) -> Result<usize, CodingError> {
        let by_ratio = wire.len().saturating_mul(limits.ratio).max(RATIO_FREE);
        let most = limits.decoded.min(by_ratio);
        let mut stream = Stream::new(self, wire)?;
        let (mut room, mut length) = (vec![0; STEP], 0);
        loop {
            match stream.read(&mut room)? {
                0 => break,
                read => length += read,
            }
            if length > most {
                return Err(match most == limits.decoded {
                    true => CodingError::TooLarge(most),
                    false => CodingError::Ratio(limits.ratio),
                });
            }
        }
        match stream.rest() {
            0 => Ok(length),
            _ => Err(CodingError::Trailing),
        }
    }
}

/// Content as it came, with what it says where it is coded. `reserve` as for [`Coding::decode`].
pub fn open(headers: &HeaderMap, wire: Bytes, limits: &Limits, reserve: impl FnMut(usize) -> bool) -> Body {
    let decoded = match Coding::of(headers) {
        Ok(None) => return Body::Captured(wire),
        Ok(Some(coding)) => coding.decode(&wire, limits, reserve),
        Err(error) => Err(error),
    };
    Body::Coded(Coded {
        decoded: decoded.map(Bytes::from).map_err(Refusal::from),
        wire,
    })
}

#[cfg(test)]
pub(crate) mod tests;
