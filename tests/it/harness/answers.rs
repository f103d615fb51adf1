//! HTTP/1.1 answers read off a blocking stream, without a client library in between.

use std::io::{self, Read};

/// One answer as it came.
#[derive(Clone, Debug)]
pub struct HttpAnswer {
    pub status: u16,
    /// In the order and spelling they came.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// Whether the content ended as its framing said, not by a break.
    pub complete: bool,
}

impl HttpAnswer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("not JSON ({error}): {self:?}"))
    }
}

/// Reads one answer; `head` where it answers a HEAD request. `None` if the stream ended before a status line did.
pub fn read_answer(stream: &mut impl Read, head: bool) -> io::Result<Option<HttpAnswer>> {
    loop {
        let Some(mut answer) = read_head(stream)? else {
            return Ok(None);
        };
        if (100..200).contains(&answer.status) && answer.status != 101 {
            continue;
        }
        if head || matches!(answer.status, 101 | 204 | 304) {
            return Ok(Some(answer));
        }
        read_body(stream, &mut answer);
        return Ok(Some(answer));
    }
}

fn read_head(stream: &mut impl Read) -> io::Result<Option<HttpAnswer>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        match stream.read(&mut byte) {
            Ok(0) => return Ok(None),
            Ok(_) => head.push(byte[0]),
            // A TLS peer that closed without saying goodbye, or reset: closed all the same.
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe
                ) =>
            {
                return Ok(None);
            }
            Err(error) => return Err(error),
        }
        if head.len() > 1 << 20 {
            return Err(io::Error::other("a head of more than 1 MiB"));
        }
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let mut lines = head.trim_end().split("\r\n");
    let status = lines
        .next()
        .and_then(|line| line.split(' ').nth(1))
        .and_then(|code| code.parse().ok());
    let status = status.ok_or_else(|| io::Error::other(format!("no status in {head:?}")))?;
    let headers = lines.filter_map(|line| line.split_once(':'));
    let headers = headers
        .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
        .collect();
    Ok(Some(HttpAnswer {
        status,
        headers,
        body: Vec::new(),
        complete: true,
    }))
}

fn read_body(stream: &mut impl Read, answer: &mut HttpAnswer) {
    if answer
        .header("transfer-encoding")
        .is_some_and(|coding| coding.eq_ignore_ascii_case("chunked"))
    {
        answer.complete = read_chunks(stream, &mut answer.body).is_some();
    } else if let Some(length) = answer
        .header("content-length")
        .and_then(|length| length.parse::<u64>().ok())
    {
        let _ = stream.take(length).read_to_end(&mut answer.body);
        answer.complete = answer.body.len() as u64 == length;
    } else {
        let _ = stream.read_to_end(&mut answer.body);
    }
}

/// `None` where the last chunk never came.
fn read_chunks(stream: &mut impl Read, body: &mut Vec<u8>) -> Option<()> {
    loop {
        let line = read_line(stream)?;
        let size = usize::from_str_radix(line.split(';').next()?.trim(), 16).ok()?;
        let before = body.len();
        let _ = stream.take(size as u64).read_to_end(body);
        if body.len() - before < size {
            return None;
        }
        if size == 0 {
            while !read_line(stream)?.is_empty() {}
            return Some(());
        }
        read_line(stream)?;
    }
}

fn read_line(stream: &mut impl Read) -> Option<String> {
    let mut line = Vec::new();
    while !line.ends_with(b"\r\n") {
        let mut byte = [0];
        match stream.read(&mut byte) {
            Ok(1) => line.push(byte[0]),
            _ => return None,
        }
    }
    line.truncate(line.len() - 2);
    String::from_utf8(line).ok()
}
