//! Mail as it is sent by some APIs: a message of RFC 5322, whole or in base64. Its head says who gets it.
//!
//! SECURITY: who reads the head otherwise than the provider counts too few: a head that two readers may read differently is not
//! read at all, and every `@` in it must be one of an address that was counted (test `no_recipient_goes_uncounted`).

use base64::Engine as _;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use mailparse::MailAddr;
use serde_json::{Map, Value};

use super::multipart;
use crate::model::Why;

#[cfg(test)]
mod tests;
mod words;

pub(super) use words::all_are_words;

/// Bytes that a head may have.
const MAX_HEAD: usize = 256 * 1024;
/// Fields that name who gets it.
const RECIPIENTS: [&str; 3] = ["to", "cc", "bcc"];
/// Fields by which some send it to others than those.
const ELSEWHERE: [&str; 4] = ["resent-to", "resent-cc", "resent-bcc", "apparently-to"];
const CONFIG: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);

/// A message: its head field by field, and what stands behind.
pub(super) struct Message<'a> {
    /// As they came: name, and all that stands behind the colon.
    pub fields: Vec<(&'a str, &'a str)>,
    pub content: &'a [u8],
    /// How its lines end.
    pub newline: &'static str,
}

/// The bytes of a text in base64, of either alphabet.
pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
    let alphabet = if text.contains(['-', '_']) { URL_SAFE } else { STANDARD };
    GeneralPurpose::new(&alphabet, CONFIG).decode(text).ok()
}

/// Content that is a mail, as the same API takes it in JSON: `{"raw": …}`, with the members that `multipart/related` has in the
/// part before it.
pub(super) fn content(content: &[u8], content_type: &str) -> Option<Value> {
    let raw = |mail: &[u8]| Value::String(GeneralPurpose::new(&URL_SAFE, CONFIG).encode(mail));
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    if media_type.eq_ignore_ascii_case("message/rfc822") {
        return Some(Value::Object(Map::from_iter([("raw".to_owned(), raw(content))])));
    }
    let boundary = multipart::related_boundary(content_type).ok()?;
    let parts = multipart::split(content, boundary).ok()?;
    let [about, mail] = parts.as_slice() else {
        return None;
    };
    let Value::Object(mut about) = super::json::parse(part(about, "application/json")?).ok()? else {
        return None;
    };
    // SECURITY: of two mails in one call nobody knows which is sent (test `parts_of_an_upload_are_as_they_are_or_none`).
    match about.insert("raw".to_owned(), raw(part(mail, "message/rfc822")?)) {
        None => Some(Value::Object(about)),
        Some(_) => None,
    }
}

/// A part's content, of that type and as it stands there.
pub(super) fn part<'a>(part: &'a [u8], media_type: &str) -> Option<&'a [u8]> {
    let message = Message::read(part).filter(|message| message.newline == "\r\n")?;
    for (name, value) in &message.fields {
        let value = value.trim();
        let expected = match name.to_ascii_lowercase().as_str() {
            "content-type" => value
                .split(';')
                .next()
                .unwrap_or_default()
                .trim()
                .eq_ignore_ascii_case(media_type),
            "content-transfer-encoding" => ["7bit", "8bit", "binary"]
                .iter()
                .any(|known| value.eq_ignore_ascii_case(known)),
            "mime-version" => value == "1.0",
            _ => false,
        };
        if !expected {
            return None;
        }
    }
    let typed = message
        .fields
        .iter()
        .any(|(name, _)| name.eq_ignore_ascii_case("content-type"));
    typed.then_some(message.content)
}

/// The addresses of all who get it, one for each time that one is named.
///
/// # Errors
/// `Absent` where nobody is named, `Unreadable` where it cannot be told who is.
pub(super) fn recipients(mail: &[u8]) -> Result<Vec<String>, Why> {
    let message = Message::read(mail).ok_or(Why::Unreadable)?;
    let mut all = Vec::new();
    for (name, value) in &message.fields {
        let is = |list: &[&str]| list.iter().any(|known| name.eq_ignore_ascii_case(known));
        if is(&ELSEWHERE) {
            return Err(Why::Unreadable);
        }
        if is(&RECIPIENTS) {
            all.extend(addresses(name, value)?);
        }
    }
    match all.is_empty() {
        true => Err(Why::Absent),
        false => Ok(all),
    }
}

/// The addresses of one field.
fn addresses(name: &str, value: &str) -> Result<Vec<String>, Why> {
    if !words::are_plain(name, value) {
        return Err(Why::Unreadable);
    }
    let line = format!("{name}:{value}\r\n");
    let (field, _) = mailparse::parse_header(line.as_bytes()).map_err(|_| Why::Unreadable)?;
    let ats = |text: &str| text.matches('@').count();
    // SECURITY: an encoded word is part of a name; who decodes it first may find an address in it (test
    // `a_head_that_may_be_read_otherwise_is_unreadable`).
    let decoded = field.get_value();
    if ats(&decoded) != ats(value) || decoded.contains("=?") {
        return Err(Why::Unreadable);
    }
    if value.trim().is_empty() {
        return Ok(Vec::new());
    }
    let listed = mailparse::addrparse_header(&field).map_err(|_| Why::Unreadable)?;
    let (mut found, mut accounted) = (Vec::new(), 0);
    let (mut singles, mut groups) = (Vec::new(), 0);
    for address in listed.into_inner() {
        match address {
            MailAddr::Single(single) => singles.push(single),
            MailAddr::Group(group) => {
                groups += 1;
                accounted += ats(&group.group_name);
                if ats(&group.group_name) > 0 {
                    return Err(Why::Unreadable);
                }
                singles.extend(group.addrs);
            }
        }
    }
    for single in singles {
        let shown = single.display_name.unwrap_or_default();
        let same = shown
            .trim()
            .trim_matches(['"', '\''])
            .eq_ignore_ascii_case(&single.addr);
        if ats(&single.addr) != 1 || (ats(&shown) > 0 && !same) || single.addr.contains("=?") {
            return Err(Why::Unreadable);
        }
        accounted += 1 + ats(&shown);
        found.push(single.addr);
    }
    let nobody = found.is_empty() && groups == 0;
    match accounted == ats(value) && !nobody {
        true => Ok(found),
        false => Err(Why::Unreadable),
    }
}

impl<'a> Message<'a> {
    /// Parts head and content; `None` where readers differ in what the lines of the head are.
    pub(super) fn read(mail: &'a [u8]) -> Option<Self> {
        let first = mail.iter().position(|byte| *byte == b'\n').unwrap_or(mail.len());
        let newline = match first.checked_sub(1).and_then(|before| mail.get(before)) {
            Some(b'\r') => "\r\n",
            _ => "\n",
        };
        let blank = newline.repeat(2);
        let (head, content) = match multipart::find(mail, blank.as_bytes()) {
            Some(end) => (mail.get(..end)?, mail.get(end + blank.len()..)?),
            None => (mail, &[][..]),
        };
        if head.len() > MAX_HEAD {
            return None;
        }
        let head = std::str::from_utf8(head).ok()?;
        let head = head.strip_suffix(newline).unwrap_or(head);
        let mut fields: Vec<(&'a str, &'a str)> = Vec::new();
        let mut rest = head;
        while !rest.is_empty() {
            let (field, after) = unfolded(rest, newline);
            rest = after;
            let (name, value) = field.split_once(':')?;
            let token = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
            let breaks = |character: char| {
                (character.is_control() && character != '\t') || matches!(character, '\u{2028}' | '\u{2029}')
            };
            // A line of spaces goes on with the head for some, and ends it for others.
            let mut lines = value.split(newline).enumerate();
            let odd = lines.any(|(at, line)| line.chars().any(breaks) || (at > 0 && line.trim().is_empty()));
            if odd || name.is_empty() || !name.bytes().all(token) {
                return None;
            }
            fields.push((name, value));
        }
        Some(Self {
            fields,
            content,
            newline,
        })
    }

    pub(super) fn field(&self, wanted: &str) -> Option<&'a str> {
        let mut found = self.fields.iter().filter(|(name, _)| name.eq_ignore_ascii_case(wanted));
        let (_, value) = found.next()?;
        found.next().is_none().then_some(*value)
    }
}

/// The first field with the lines that go on with it, and what follows.
fn unfolded<'a>(head: &'a str, newline: &str) -> (&'a str, &'a str) {
    let mut from = 0;
    loop {
        let Some(end) = head.get(from..).and_then(|rest| rest.find(newline)).map(|at| from + at) else {
            return (head, "");
        };
        let after = head.get(end + newline.len()..).unwrap_or_default();
        if !after.starts_with([' ', '\t']) {
            return (head.get(..end).unwrap_or_default(), after);
        }
        from = end + newline.len();
    }
}
