//! One part: its head and its content.

use super::{Error, MAX_HEAD, Part, find};

/// The fields of a head that are read.
#[derive(Default)]
struct Head<'a> {
    disposition: Option<&'a str>,
    media_type: Option<&'a str>,
    encoding: Option<&'a str>,
    length: Option<&'a str>,
}

pub(super) fn read(part: &[u8]) -> Result<Part<'_>, Error> {
    let end = find(part, b"\r\n\r\n")
        .filter(|end| *end <= MAX_HEAD)
        .ok_or(Error::Head)?;
    let (head, content) = part.split_at(end);
    let content = content.get(4..).unwrap_or_default();
    let head = fields(std::str::from_utf8(head).map_err(|_| Error::Head)?)?;
    let (name, filename) = disposition(head.disposition.ok_or(Error::Disposition)?)?;
    // SECURITY: what a decoder of base64 or quoted-printable would find, few servers find (test
    // `a_part_that_may_be_read_otherwise_is_refused`).
    let as_it_is = |encoding: &str| {
        ["binary", "8bit", "7bit"]
            .iter()
            .any(|known| encoding.eq_ignore_ascii_case(known))
    };
    if head.encoding.is_some_and(|encoding| !as_it_is(encoding)) {
        return Err(Error::Encoded);
    }
    if head.length.is_some_and(|length| length != content.len().to_string()) {
        return Err(Error::Field);
    }
    if let Some(media_type) = head.media_type {
        check_type(media_type)?;
    }
    // RFC 7578, 4.6: it would change how the others are read.
    if name == "_charset_" {
        return Err(Error::Type);
    }
    Ok(Part {
        name,
        filename,
        media_type: head.media_type,
        content,
    })
}

fn fields(text: &str) -> Result<Head<'_>, Error> {
    let mut head = Head::default();
    for line in text.split("\r\n") {
        // A line that begins with a space goes on with the one before: for some.
        let (name, value) = line.split_once(':').ok_or(Error::Head)?;
        let token = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        if name.is_empty() || !name.bytes().all(token) || line.chars().any(|character| character.is_control()) {
            return Err(Error::Head);
        }
        let slot = match name.to_ascii_lowercase().as_str() {
            "content-disposition" => &mut head.disposition,
            "content-type" => &mut head.media_type,
            "content-transfer-encoding" => &mut head.encoding,
            "content-length" => &mut head.length,
            _ => return Err(Error::Field),
        };
        if slot.replace(value.trim_matches(' ')).is_some() {
            return Err(Error::Field);
        }
    }
    Ok(head)
}

/// Name and file name. SECURITY: `filename*` and `name*` are another name for some, `\"` ends the name for some, `%22`
/// is a quotation mark for some (test `a_name_that_may_be_read_otherwise_is_refused`).
fn disposition(text: &str) -> Result<(&str, Option<&str>), Error> {
    let (kind, mut rest) = text.split_once(';').ok_or(Error::Disposition)?;
    if !kind.trim().eq_ignore_ascii_case("form-data") {
        return Err(Error::Disposition);
    }
    let (mut name, mut filename) = (None, None);
    loop {
        let (parameter, after) = rest.split_once('=').ok_or(Error::Disposition)?;
        let (value, after) = quoted(after).ok_or(Error::Disposition)?;
        let slot = match parameter.trim().to_ascii_lowercase().as_str() {
            "name" => &mut name,
            "filename" => &mut filename,
            _ => return Err(Error::Disposition),
        };
        if value.is_empty() || slot.replace(value).is_some() {
            return Err(Error::Disposition);
        }
        match after.trim_start().strip_prefix(';') {
            Some(more) => rest = more,
            None if after.trim().is_empty() => break,
            None => return Err(Error::Disposition),
        }
    }
    let name = name
        .filter(|name: &&str| !name.contains('%'))
        .ok_or(Error::Disposition)?;
    Ok((name, filename))
}

/// A quoted text without escapes, and what follows it.
fn quoted(text: &str) -> Option<(&str, &str)> {
    let (value, after) = text.strip_prefix('"')?.split_once('"')?;
    (!value.contains('\\')).then_some((value, after))
}

/// A parameter's value, quoted or a token, and what follows it.
pub(super) fn value(text: &str) -> Option<(&str, &str)> {
    if text.starts_with('"') {
        return quoted(text);
    }
    let (value, after) = text.split_at(text.find([';', ' ', '\t']).unwrap_or(text.len()));
    (!value.is_empty() && !value.contains('"')).then_some((value, after))
}

fn check_type(text: &str) -> Result<(), Error> {
    let mut parameters = text.split(';');
    let media_type = parameters.next().unwrap_or_default().trim().to_ascii_lowercase();
    if media_type.starts_with("multipart/") || media_type.starts_with("message/") {
        return Err(Error::Nested);
    }
    let named = media_type
        .split_once('/')
        .is_some_and(|(kind, of)| !kind.is_empty() && !of.is_empty());
    let utf8 = |parameter: &str| match parameter.split_once('=') {
        Some((name, value)) if name.trim().eq_ignore_ascii_case("charset") => {
            let value = value.trim().trim_matches('"');
            value.eq_ignore_ascii_case("utf-8") || value.eq_ignore_ascii_case("us-ascii")
        }
        Some(_) => true,
        None => false,
    };
    match named && parameters.all(utf8) {
        true => Ok(()),
        false => Err(Error::Type),
    }
}
