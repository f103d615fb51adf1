//! One coded stream, read piece by piece.

use std::io::Read as _;

use brotli_decompressor::{BrotliDecompressStream, BrotliResult, BrotliState, StandardAlloc};
use flate2::bufread::GzDecoder;
use flate2::{Decompress, FlushDecompress, Status};

use super::{Coding, CodingError};

/// The largest window of a zstd frame, as a power of two: 8 MiB, the most that senders may use (RFC 9659).
const ZSTD_WINDOW: u32 = 23;
/// How a zstd frame begins. A skippable frame, which begins otherwise, is nothing to one reader and an error to another.
const ZSTD_MAGIC: [u8; 4] = [0x28, 0xB5, 0x2F, 0xFD];

type Brotli = BrotliState<StandardAlloc, StandardAlloc, StandardAlloc>;

/// A stream that is being undone. It ends once: what follows is its `rest`.
pub(super) enum Stream<'a> {
    Gzip(Box<GzDecoder<&'a [u8]>>),
    Zlib(Box<Bare<'a, Decompress>>),
    Brotli(Box<Bare<'a, Brotli>>),
    Zstandard(Box<zstd::stream::read::Decoder<'static, &'a [u8]>>),
}

/// A decoder that is handed the wire.
pub(super) struct Bare<'a, D> {
    decoder: D,
    wire: &'a [u8],
    ended: bool,
}

impl<'a, D> Bare<'a, D> {
    fn new(decoder: D, wire: &'a [u8]) -> Box<Self> {
        Box::new(Self {
            decoder,
            wire,
            ended: false,
        })
    }

    fn take(&mut self, taken: usize) -> Result<(), CodingError> {
        self.wire = self.wire.get(taken..).ok_or(CodingError::Broken)?;
        Ok(())
    }
}

impl<'a> Stream<'a> {
    pub(super) fn new(coding: Coding, wire: &'a [u8]) -> Result<Self, CodingError> {
        Ok(match coding {
            Coding::Gzip => Stream::Gzip(Box::new(GzDecoder::new(wire))),
            Coding::Deflate => Stream::Zlib(Bare::new(Decompress::new(true), wire)),
            Coding::Brotli => {
                let (bytes, words, codes) = <(StandardAlloc, StandardAlloc, StandardAlloc)>::default();
                // Strict: windows beyond 16 MiB are no `br`, and would be memory for nothing.
                Stream::Brotli(Bare::new(BrotliState::new_strict(bytes, words, codes), wire))
            }
            Coding::Zstandard => {
                if !wire.starts_with(&ZSTD_MAGIC) {
                    return Err(CodingError::Broken);
                }
                let decoder = zstd::stream::read::Decoder::with_buffer(wire);
                let mut decoder = decoder.map_err(|_| CodingError::NoMemory)?.single_frame();
                decoder.window_log_max(ZSTD_WINDOW).map_err(|_| CodingError::Broken)?;
                Stream::Zstandard(Box::new(decoder))
            }
        })
    }

    /// The next bytes into `room`, which is not empty. 0: the stream has ended, whole.
    pub(super) fn read(&mut self, room: &mut [u8]) -> Result<usize, CodingError> {
        match self {
            Stream::Gzip(decoder) => decoder.read(room).map_err(|_| CodingError::Broken),
            Stream::Zstandard(decoder) => decoder.read(room).map_err(|_| CodingError::Broken),
            Stream::Zlib(zlib) => zlib.read(room),
            Stream::Brotli(brotli) => brotli.read(room),
        }
    }

    /// Bytes of the wire beyond the stream's end.
    pub(super) fn rest(&self) -> usize {
        match self {
            Stream::Gzip(decoder) => decoder.get_ref().len(),
            Stream::Zstandard(decoder) => decoder.get_ref().len(),
            Stream::Zlib(zlib) => zlib.wire.len(),
            Stream::Brotli(brotli) => brotli.wire.len(),
        }
    }
}

impl Bare<'_, Decompress> {
    fn read(&mut self, room: &mut [u8]) -> Result<usize, CodingError> {
        if self.ended {
            return Ok(0);
        }
        let before = (self.decoder.total_in(), self.decoder.total_out());
        let status = self.decoder.decompress(self.wire, room, FlushDecompress::None);
        let moved = |now: u64, before: u64| usize::try_from(now - before).map_err(|_| CodingError::Broken);
        self.take(moved(self.decoder.total_in(), before.0)?)?;
        let made = moved(self.decoder.total_out(), before.1)?;
        match status.map_err(|_| CodingError::Broken)? {
            Status::StreamEnd => self.ended = true,
            // All of the wire was there, and nothing more comes of it: the end is missing.
            Status::Ok | Status::BufError if made == 0 => return Err(CodingError::Broken),
            Status::Ok | Status::BufError => {}
        }
        Ok(made)
    }
}

impl Bare<'_, Brotli> {
    fn read(&mut self, room: &mut [u8]) -> Result<usize, CodingError> {
        if self.ended {
            return Ok(0);
        }
        let (mut left, mut taken) = (self.wire.len(), 0);
        let (mut free, mut made, mut total) = (room.len(), 0, 0);
        let result = BrotliDecompressStream(
            &mut left,
            &mut taken,
            self.wire,
            &mut free,
            &mut made,
            room,
            &mut total,
            &mut self.decoder,
        );
        self.take(taken)?;
        match result {
            BrotliResult::ResultSuccess => self.ended = true,
            BrotliResult::NeedsMoreOutput if made > 0 => {}
            // All of the wire was there.
            BrotliResult::NeedsMoreOutput | BrotliResult::NeedsMoreInput | BrotliResult::ResultFailure => {
                return Err(CodingError::Broken);
            }
        }
        Ok(made)
    }
}
