//! HTTP/2 frame by frame: what no client library would send.

use std::collections::BTreeMap;
use std::io::{self, Read};

use super::{Sidecar, Tunnel, Wire};

pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
pub const DATA: u8 = 0;
pub const HEADERS: u8 = 1;
pub const PRIORITY: u8 = 2;
pub const RST_STREAM: u8 = 3;
pub const SETTINGS: u8 = 4;
pub const PUSH_PROMISE: u8 = 5;
pub const PING: u8 = 6;
pub const GOAWAY: u8 = 7;
pub const WINDOW_UPDATE: u8 = 8;
pub const CONTINUATION: u8 = 9;
pub const END_STREAM: u8 = 1;
pub const END_HEADERS: u8 = 4;
pub const PADDED: u8 = 8;
pub const WITH_PRIORITY: u8 = 32;
pub const ACK: u8 = 1;

/// What came, as far as tests look at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// The head of an answer: stream, status, and whether it is the end.
    Head(u32, u16, bool),
    /// Stream, content, and whether it is the end.
    Data(u32, Vec<u8>, bool),
    /// Stream and error code.
    Reset(u32, u32),
    /// Error code.
    GoAway(u32),
    /// The connection was closed.
    Closed,
}

/// A client that sends exactly these frames, in CONNECT and TLS.
pub struct Http2(Wire);

impl Http2 {
    /// The connection with preface and settings exchanged, to a host's port 443.
    #[track_caller]
    pub fn to(sidecar: &Sidecar, host: &str) -> Self {
        let mut client = Self::silent(sidecar, host);
        client.0.send(PREFACE);
        // SETTINGS_HEADER_TABLE_SIZE is 0: every head says all of itself.
        client.frame(SETTINGS, 0, 0, &[0, 1, 0, 0, 0, 0]);
        // As much as any test is answered with.
        client.frame(WINDOW_UPDATE, 0, 0, &(16u32 << 20).to_be_bytes());
        client
    }

    /// Before the preface.
    #[track_caller]
    pub fn silent(sidecar: &Sidecar, host: &str) -> Self {
        let wire = Tunnel::to(&format!("{host}:443")).alpn(&["h2"]).open(sidecar);
        assert_eq!(wire.alpn().as_deref(), Some(&b"h2"[..]));
        Self(wire)
    }

    pub fn frame(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) -> &mut Self {
        self.0.send(frame(kind, flags, stream, payload));
        self
    }

    /// A request's head; names as they are, pseudo-headers too.
    pub fn head(&mut self, stream: u32, fields: &[(&str, &str)], ends: bool) -> &mut Self {
        let flags = END_HEADERS | if ends { END_STREAM } else { 0 };
        self.frame(HEADERS, flags, stream, &block(fields))
    }

    /// A head that goes on in CONTINUATION.
    pub fn head_to_be_continued(&mut self, stream: u32, fields: &[(&str, &str)]) -> &mut Self {
        self.frame(HEADERS, END_STREAM, stream, &block(fields))
    }

    pub fn continuation(&mut self, stream: u32, fields: &[(&str, &str)]) -> &mut Self {
        self.frame(CONTINUATION, 0, stream, &block(fields))
    }

    pub fn data(&mut self, stream: u32, content: &[u8], ends: bool) -> &mut Self {
        self.frame(DATA, if ends { END_STREAM } else { 0 }, stream, content)
    }

    /// CANCEL
    pub fn reset(&mut self, stream: u32) -> &mut Self {
        self.frame(RST_STREAM, 0, stream, &8u32.to_be_bytes())
    }

    /// The next frame; `None` if the connection was closed.
    ///
    /// # Panics
    /// If nothing comes.
    #[track_caller]
    fn raw(&mut self) -> Option<Raw> {
        match read(&mut self.0) {
            Ok(frame) => Some(frame),
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                panic!("neither a frame nor the end: {error}")
            }
            Err(_) => None,
        }
    }

    /// The next frame that tells something; settings and pings are answered.
    pub fn read(&mut self) -> Frame {
        loop {
            let Some((kind, flags, stream, payload)) = self.raw() else {
                return Frame::Closed;
            };
            let ends = flags & END_STREAM != 0;
            let code = |at: usize| u32::from_be_bytes(payload[at..at + 4].try_into().unwrap());
            match kind {
                SETTINGS | PING if flags & ACK == 0 => {
                    let echo = if kind == PING { payload } else { Vec::new() };
                    self.frame(kind, ACK, 0, &echo);
                }
                HEADERS => return Frame::Head(stream, status(&payload), ends),
                DATA => return Frame::Data(stream, payload, ends),
                RST_STREAM => return Frame::Reset(stream, code(0)),
                GOAWAY => return Frame::GoAway(code(4)),
                _ => {}
            }
        }
    }

    /// A request with content, whole.
    pub fn post(&mut self, stream: u32, fields: &[(&str, &str)], content: &str) -> &mut Self {
        self.head(stream, fields, false).data(stream, content.as_bytes(), true)
    }

    /// Statuses and contents of streams until each of so many has ended.
    pub fn answers(&mut self, count: usize) -> BTreeMap<u32, (u16, String)> {
        let (mut answers, mut ended) = (BTreeMap::<u32, (u16, String)>::new(), 0);
        while ended < count {
            let (stream, ends) = match self.read() {
                Frame::Head(stream, status, ends) => {
                    answers.entry(stream).or_default().0 = status;
                    (stream, ends)
                }
                Frame::Data(stream, content, ends) => {
                    let text = String::from_utf8_lossy(&content).into_owned();
                    answers.entry(stream).or_default().1.push_str(&text);
                    (stream, ends)
                }
                other @ (Frame::Reset(..) | Frame::GoAway(_) | Frame::Closed) => panic!("{other:?} after {answers:?}"),
            };
            assert!(stream % 2 == 1);
            ended += usize::from(ends);
        }
        answers
    }

    /// The status that a stream was answered with; `None` where it was reset, or its connection ended.
    pub fn answer(&mut self, stream: u32) -> Option<u16> {
        loop {
            match self.read() {
                Frame::Head(of, status, _) if of == stream => return Some(status),
                Frame::Reset(of, _) if of == stream => return None,
                Frame::GoAway(code) if code != 0 => return None,
                Frame::Closed => return None,
                Frame::Head(..) | Frame::Data(..) | Frame::Reset(..) | Frame::GoAway(_) => {}
            }
        }
    }

    /// The code that the connection is ended with, whatever else comes before; `None` if it is closed without one.
    pub fn ended_with(&mut self) -> Option<u32> {
        loop {
            match self.read() {
                Frame::GoAway(code) if code != 0 => return Some(code),
                Frame::Closed => return None,
                Frame::Head(..) | Frame::Data(..) | Frame::Reset(..) | Frame::GoAway(_) => {}
            }
        }
    }

    /// The code that a stream is reset with, or the connection ended, whatever else comes before; `None` if the connection
    /// is closed without one.
    pub fn reset_of(&mut self, stream: u32) -> Option<u32> {
        loop {
            match self.read() {
                Frame::Reset(of, code) if of == stream => return Some(code),
                Frame::GoAway(code) => return Some(code),
                Frame::Closed => return None,
                Frame::Head(..) | Frame::Data(..) | Frame::Reset(..) => {}
            }
        }
    }

    /// Whether the connection answers a ping, whatever else comes before.
    pub fn is_alive(&mut self) -> bool {
        let token = b"anybody?";
        self.frame(PING, 0, 0, token);
        loop {
            match self.raw() {
                Some((PING, flags, _, payload)) if flags & ACK != 0 && payload == token => return true,
                Some((GOAWAY, ..)) | None => return false,
                Some(_) => {}
            }
        }
    }

    pub fn wire(&mut self) -> &mut Wire {
        &mut self.0
    }
}

/// A frame, whole.
pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut frame = u32::try_from(payload.len()).unwrap().to_be_bytes()[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// Fields as literals that no table keeps (RFC 7541, 6.2.2), without Huffman coding.
pub fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    let text = |block: &mut Vec<u8>, text: &str| {
        let mut length = text.len();
        if length < 127 {
            block.push(length as u8);
        } else {
            block.push(127);
            length -= 127;
            while length >= 128 {
                block.push((length % 128) as u8 | 128);
                length /= 128;
            }
            block.push(length as u8);
        }
        block.extend(text.as_bytes());
    };
    for (name, value) in fields {
        block.push(0);
        text(&mut block, name);
        text(&mut block, value);
    }
    block
}

/// The status at the beginning of an answer's head: an index of the static table, or a literal with index 8.
fn status(block: &[u8]) -> u16 {
    match block {
        // The size of the table, as it was wished.
        [0x20, rest @ ..] => status(rest),
        [index @ 0x88..=0x8e, ..] => [200, 204, 206, 304, 400, 404, 500][usize::from(index - 0x88)],
        [0x08 | 0x18 | 0x48, length, digits @ ..] if length & 0x80 == 0 => {
            let text = std::str::from_utf8(&digits[..usize::from(*length)]).unwrap();
            text.parse().unwrap()
        }
        // Digits under Huffman's code (RFC 7541, B): 0 to 2 have five bits, the others six.
        [0x08 | 0x18 | 0x48, _, digits @ ..] => {
            let (mut bits, mut status) = (u32::from_be_bytes([digits[0], digits[1], digits[2], 0]), 0);
            for _ in 0..3 {
                let (digit, length) = match bits >> 27 {
                    five @ 0..=2 => (five, 5),
                    _ => ((bits >> 26) - 0b011_001 + 3, 6),
                };
                status = status * 10 + digit as u16;
                bits <<= length;
            }
            status
        }
        _ => panic!("no status: {block:x?}"),
    }
}

/// Kind, flags, stream and payload.
pub type Raw = (u8, u8, u32, Vec<u8>);

/// The next frame.
pub fn read(stream: &mut impl Read) -> io::Result<Raw> {
    let mut head = [0; 9];
    stream.read_exact(&mut head)?;
    let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
    let mut payload = vec![0; length as usize];
    stream.read_exact(&mut payload)?;
    let stream = u32::from_be_bytes(head[5..9].try_into().unwrap());
    Ok((head[3], head[4], stream, payload))
}
