use std::io::Write as _;

use http::HeaderValue;
use proptest::prelude::*;

use super::*;
use crate::io::fuzz::{Outcome, Target};

const ALL: [Coding; 4] = [Coding::Gzip, Coding::Brotli, Coding::Zstandard, Coding::Deflate];

pub(crate) fn name(coding: Coding) -> &'static str {
    match coding {
        Coding::Gzip => "gzip",
        Coding::Brotli => "br",
        Coding::Zstandard => "zstd",
        Coding::Deflate => "deflate",
    }
}

/// `plain` as a client would code it.
pub(crate) fn encode(coding: Coding, plain: &[u8]) -> Vec<u8> {
    let level = flate2::Compression::default();
    match coding {
        Coding::Gzip => {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), level);
            encoder.write_all(plain).unwrap();
            encoder.finish().unwrap()
        }
        Coding::Deflate => {
            let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), level);
            encoder.write_all(plain).unwrap();
            encoder.finish().unwrap()
        }
        Coding::Brotli => {
            let mut out = Vec::new();
            let mut encoder = brotli::CompressorWriter::new(&mut out, 4096, 5, 22);
            encoder.write_all(plain).unwrap();
            drop(encoder);
            out
        }
        Coding::Zstandard => zstd::stream::encode_all(plain, 3).unwrap(),
    }
}

/// As another sending of the same content: other bytes, the same meaning.
pub(crate) fn gzip_at(mtime: u32, plain: &[u8]) -> Vec<u8> {
    let builder = flate2::GzBuilder::new().mtime(mtime);
    let mut encoder = builder.write(Vec::new(), flate2::Compression::best());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

fn decode(coding: Coding, wire: &[u8]) -> Result<Vec<u8>, CodingError> {
    coding.decode(wire, &Limits::default(), |_| true)
}

#[test]
fn one_known_coding_once_or_none() {
    let of = |values: &[&'static str]| {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(CONTENT_ENCODING, HeaderValue::from_static(value));
        }
        Coding::of(&headers)
    };
    for coding in ALL {
        assert_eq!(of(&[name(coding)]), Ok(Some(coding)));
    }
    assert_eq!(of(&["GZip"]), Ok(Some(Coding::Gzip)));
    assert_eq!(of(&[]), Ok(None));
    assert_eq!(of(&["identity"]), Ok(None));
    for several in [
        &["gzip, gzip"][..],
        &["gzip", "br"],
        &["gzip", "gzip"],
        &["identity", "gzip"],
        &["identity,gzip"],
        &["gzip,"],
    ] {
        assert_eq!(of(several), Err(CodingError::Several), "{several:?}");
    }
    for unknown in [
        "",
        "x-gzip",
        "compress",
        "lzma",
        "gzip;q=1",
        "aws-chunked",
        "dcb",
        "gzip br",
    ] {
        assert_eq!(of(&[unknown]), Err(CodingError::Unknown), "{unknown}");
    }
}

#[test]
fn a_stream_is_whole_and_alone() {
    let plain = b"{\"amount\": 90000, \"charge\": \"ch_1\"}".repeat(20);
    for coding in ALL {
        let wire = encode(coding, &plain);
        assert_eq!(decode(coding, &wire).as_deref(), Ok(&*plain), "{coding:?}");
        for end in 0..wire.len() {
            assert!(decode(coding, &wire[..end]).is_err(), "{coding:?} cut off at {end}");
        }
        for rest in [&b"\0"[..], b"x", &wire] {
            let more = [&wire, rest].concat();
            assert_eq!(decode(coding, &more), Err(CodingError::Trailing), "{coding:?}");
        }
        for other in ALL.into_iter().filter(|other| *other != coding) {
            assert!(decode(other, &wire).is_err(), "{coding:?} taken for {other:?}");
        }
        assert_eq!(
            decode(coding, &encode(coding, b"")).as_deref(),
            Ok(&b""[..]),
            "{coding:?}"
        );
    }
}

#[test]
fn a_checksum_that_does_not_fit_is_refused() {
    let mut gzip = encode(Coding::Gzip, b"amount=1");
    let mut zlib = encode(Coding::Deflate, b"amount=1");
    for wire in [&mut gzip, &mut zlib] {
        let at = wire.len() - 1;
        wire[at] ^= 1;
    }
    assert_eq!(decode(Coding::Gzip, &gzip), Err(CodingError::Broken));
    assert_eq!(decode(Coding::Deflate, &zlib), Err(CodingError::Broken));
    let mut encoder = zstd::stream::Encoder::new(Vec::new(), 3).unwrap();
    encoder.include_checksum(true).unwrap();
    encoder.write_all(b"amount=1").unwrap();
    let mut wire = encoder.finish().unwrap();
    assert!(decode(Coding::Zstandard, &wire).is_ok());
    let at = wire.len() - 1;
    wire[at] ^= 1;
    assert_eq!(decode(Coding::Zstandard, &wire), Err(CodingError::Broken));
}

#[test]
fn deflate_is_its_zlib_form_only() {
    let mut bare = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
    bare.write_all(b"amount=1").unwrap();
    assert_eq!(
        decode(Coding::Deflate, &bare.finish().unwrap()),
        Err(CodingError::Broken)
    );
}

#[test]
fn what_is_no_plain_frame_of_its_coding_is_refused() {
    let frame = encode(Coding::Zstandard, b"amount=1");
    let skippable = [&[0x50, 0x2A, 0x4D, 0x18, 4, 0, 0, 0, 1, 2, 3, 4], &*frame].concat();
    assert_eq!(decode(Coding::Zstandard, &skippable), Err(CodingError::Broken));
    assert_eq!(decode(Coding::Zstandard, &skippable[..12]), Err(CodingError::Broken));
    let mut reserved = encode(Coding::Gzip, b"amount=1");
    reserved[3] |= 0x80;
    assert_eq!(decode(Coding::Gzip, &reserved), Err(CodingError::Broken));
    let mut wide = Vec::new();
    let mut encoder = zstd::stream::Encoder::new(&mut wide, 1).unwrap();
    encoder.window_log(27).unwrap();
    encoder.write_all(&vec![7; 9 << 20]).unwrap();
    encoder.finish().unwrap();
    assert_eq!(
        decode(Coding::Zstandard, &wide),
        Err(CodingError::Broken),
        "a window of 128 MiB"
    );
}

#[test]
fn a_bomb_is_cut_off_at_its_limit() {
    let limits = Limits {
        decoded: 4 << 20,
        ratio: 100,
    };
    let mut zeros = vec![0; 16 << 20];
    for coding in ALL {
        let wire = encode(coding, &zeros);
        let mut taken = 0;
        let refused = coding.decode(&wire, &limits, |bytes| {
            taken += bytes;
            true
        });
        assert!(
            matches!(refused, Err(CodingError::Ratio(100) | CodingError::TooLarge(_))),
            "{coding:?}: {refused:?}"
        );
        assert!(taken <= limits.decoded + 1, "{coding:?} took {taken}");
    }
    // Nothing that repeats itself: the limit is the size alone.
    zeros.truncate(5 << 20);
    let mut state = 1u64;
    for byte in &mut zeros {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        *byte = u8::try_from(state >> 56).unwrap();
    }
    for coding in ALL {
        let wire = encode(coding, &zeros);
        let refused = coding.decode(&wire, &limits, |_| true);
        assert_eq!(refused, Err(CodingError::TooLarge(limits.decoded)), "{coding:?}");
        let whole = encode(coding, &zeros[..limits.decoded]);
        assert_eq!(
            coding.decode(&whole, &limits, |_| true).map(|plain| plain.len()),
            Ok(limits.decoded)
        );
    }
}

#[test]
fn what_is_small_may_repeat_itself() {
    let plain = vec![b' '; 200 << 10];
    for coding in ALL {
        let wire = encode(coding, &plain);
        assert!(wire.len() * 100 < plain.len(), "{coding:?}");
        assert_eq!(decode(coding, &wire).as_deref(), Ok(&*plain), "{coding:?}");
    }
}

#[test]
fn memory_is_asked_for_before_it_is_taken() {
    let wire = encode(Coding::Gzip, &vec![0; 200 << 10]);
    let mut left = 100 << 10;
    let refused = Coding::Gzip.decode(&wire, &Limits::default(), |bytes| {
        let fits = bytes <= left;
        left -= bytes.min(left);
        fits
    });
    assert_eq!(refused, Err(CodingError::NoMemory));
    assert_eq!(Refusal::from(CodingError::NoMemory).reason, Reason::Overloaded);
}

proptest! {
    #[test]
    fn what_was_coded_is_decoded(plain in prop::collection::vec(any::<u8>(), 0..2000)) {
        for coding in ALL {
            prop_assert_eq!(decode(coding, &encode(coding, &plain)), Ok(plain.clone()));
        }
    }

    #[test]
    fn any_bytes_are_decoded_or_refused(wire in prop::collection::vec(any::<u8>(), 0..200), at in any::<prop::sample::Index>(), byte: u8) {
        for coding in ALL {
            let _ = decode(coding, &wire);
            let mut bent = encode(coding, &wire);
            let at = at.index(bent.len());
            bent[at] = byte;
            let _ = decode(coding, &bent);
        }
    }
}

/// The first byte says which coding it is.
#[test]
fn no_stream_goes_beyond_its_limits_or_is_read_cut() {
    let check = |input: &[u8]| {
        let Some((first, wire)) = input.split_first() else {
            return Outcome::error("nothing");
        };
        let coding = ALL[usize::from(*first) % ALL.len()];
        let limits = Limits {
            decoded: 512 * 1024,
            ratio: 20,
        };
        let mut asked = 0;
        let read = coding.decode(wire, &limits, |bytes| {
            asked += bytes;
            true
        });
        assert_eq!(coding.decode(wire, &limits, |_| true), read);
        match &read {
            Ok(plain) => {
                assert!(plain.len() <= limits.decoded && plain.len() == asked, "{asked}");
                assert!(coding.decode(wire, &limits, |_| false) == Err(CodingError::NoMemory) || plain.is_empty());
                let longer = coding.decode(&[wire, &[0]].concat(), &limits, |_| true);
                assert!(longer.is_err(), "{coding:?} with a byte behind it");
                let cut = wire.get(..wire.len().saturating_sub(1)).unwrap_or_default();
                assert!(
                    coding.decode(cut, &limits, |_| true).is_err(),
                    "{coding:?} without its last byte"
                );
                Outcome::accepted(format!(
                    "{coding:?} {}",
                    plain.len().checked_ilog2().unwrap_or_default()
                ))
            }
            Err(error) => Outcome::error(format!("{coding:?} {error:?}")),
        }
    };
    let words = &[
        "\u{1f}",
        "\u{8}",
        "(",
        "x",
        "\u{0}\u{0}\u{0}\u{0}",
        "\u{3}\u{0}",
        "\u{6}",
        ";",
    ];
    let target = Target {
        name: "codings",
        words,
        longest: 16_384,
        check,
    };
    target.fuzz();
}
