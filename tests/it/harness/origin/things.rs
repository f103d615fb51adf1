//! An origin whose path says what it answers: `/bytes/N`, `/chunked/N`, `/echo`, `/status/N`, `/to?where`, `/marked`.

use std::sync::LazyLock;

use bytes::Bytes;

use super::{Reply, Seen};

/// Bytes that no compression, text mode or guess of a charset leaves as they are.
pub fn noise(length: usize) -> Bytes {
    static NOISE: LazyLock<Bytes> = LazyLock::new(|| {
        let mut state: u64 = 0x9e37_79b9_7f4a_7c15;
        let step = move |_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()
        };
        (0..(20 << 20) / 8).flat_map(step).collect()
    });
    NOISE.slice(..length)
}

pub async fn answer(seen: Seen) -> Reply {
    let (path, query) = seen.target.split_once('?').unwrap_or((&seen.target, ""));
    let mut words = path.trim_start_matches('/').split('/');
    let word = words.next().unwrap_or_default().to_owned();
    let number = words
        .next()
        .and_then(|number| number.parse::<usize>().ok())
        .unwrap_or_default();
    match word.as_str() {
        "bytes" => Reply::new(200)
            .header("content-type", "application/octet-stream")
            .bytes(noise(number)),
        "chunked" => {
            let all = noise(number);
            let pieces = (0..number)
                .step_by(64 << 10)
                .map(|start| all.slice(start..number.min(start + (64 << 10))));
            pieces.fold(Reply::new(200).header("transfer-encoding", "chunked"), Reply::bytes)
        }
        "echo" => Reply::new(200)
            .header("content-type", "application/octet-stream")
            .bytes(seen.body),
        "status" => Reply::new(number as u16)
            .header("content-type", "text/plain")
            .bytes(format!("status {number}\n")),
        "to" => Reply::new(302)
            .header("location", query.to_owned())
            .bytes("elsewhere\n"),
        "marked" => Reply::new(200)
            .header("set-cookie", "a=1; Path=/")
            .header("x-twice", "one")
            .header("set-cookie", "b=2")
            .header("x-twice", "two")
            .header("etag", "\"W/odd , value\"")
            .header("runplane-decision", "ALLOW")
            .header("runplane-approval-id", "apr_forged")
            .header("connection", "x-between-us")
            .header("x-between-us", "hop")
            .bytes("marked\n"),
        _ => Reply::new(200).header("content-type", "text/plain").bytes("hello\n"),
    }
}
