//! HAR 1.2 as it is recorded: the requests, within bounds.

use std::fmt;

use serde::de::{self, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::import::ImportError;

/// The most requests of one recording.
const MAX_ENTRIES: usize = 50_000;
/// Header fields that say how a request lay on its connection: it is told here, and not sent.
const OF_THE_CONNECTION: [&str; 6] = [
    "connection",
    "content-length",
    "keep-alive",
    "proxy-authorization",
    "te",
    "transfer-encoding",
];

/// One recorded request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    pub method: String,
    pub url: String,
    /// Without those of the connection.
    pub headers: Vec<(String, String)>,
    pub content: Option<Content>,
}

/// What it said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    pub media_type: String,
    pub text: String,
}

#[derive(Deserialize)]
struct Har {
    log: Log,
}

#[derive(Deserialize)]
struct Log {
    #[serde(deserialize_with = "entries")]
    entries: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    request: Recorded,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Recorded {
    method: String,
    url: String,
    #[serde(default)]
    headers: Vec<Pair>,
    #[serde(default)]
    post_data: Option<PostData>,
}

#[derive(Deserialize)]
struct Pair {
    name: String,
    #[serde(default)]
    value: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PostData {
    #[serde(default)]
    mime_type: String,
    #[serde(default)]
    text: String,
    #[serde(default)]
    params: Vec<Pair>,
}

/// No more than any recording has: what is not read takes no room.
fn entries<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Entry>, D::Error> {
    struct Entries;
    impl<'de> Visitor<'de> for Entries {
        type Value = Vec<Entry>;

        fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str("a list of recorded requests")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<Entry>, A::Error> {
            let mut entries = Vec::new();
            while let Some(entry) = list.next_element()? {
                if entries.len() == MAX_ENTRIES {
                    return Err(de::Error::custom(format!(
                        "more than {MAX_ENTRIES} requests: record less at once"
                    )));
                }
                entries.push(entry);
            }
            Ok(entries)
        }
    }
    deserializer.deserialize_seq(Entries)
}

/// # Errors
/// What is no HAR, with its line and column; nothing of what it holds.
pub(super) fn read(name: &str, bytes: &[u8]) -> Result<Vec<Request>, ImportError> {
    // Some programs write a mark of order before it.
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let har: Har = serde_json::from_slice(bytes).map_err(|error| {
        // SECURITY: what the parser found may be a secret. Test: `an_error_shows_nothing_of_the_recording`.
        let (line, column) = (error.line(), error.column());
        let what = match error.classify() {
            serde_json::error::Category::Data => {
                format!("this is no HAR, by line {line}, column {column}: expected `log.entries`, at most {MAX_ENTRIES}, each with a `request` that has `method` and `url`")
            }
            serde_json::error::Category::Eof => format!("the recording ends before its JSON does, in line {line}"),
            serde_json::error::Category::Io | serde_json::error::Category::Syntax => {
                format!("this is no JSON, by line {line}, column {column}: expected a HAR file")
            }
        };
        ImportError::Unreadable {
            file: name.to_owned(),
            what,
        }
    })?;
    Ok(har
        .log
        .entries
        .into_iter()
        .map(|entry| request(entry.request))
        .collect())
}

fn request(recorded: Recorded) -> Request {
    let headers = recorded.headers.into_iter().map(|pair| (pair.name, pair.value));
    let told = |(name, _): &(String, String)| {
        // `:authority` and the like are the request's head in HTTP/2.
        !name.starts_with(':') && !OF_THE_CONNECTION.iter().any(|known| name.eq_ignore_ascii_case(known))
    };
    let content = recorded.post_data.map(|data| Content {
        text: match data.text.is_empty() {
            true => {
                let pairs = data.params.iter().map(|pair| (&pair.name, &pair.value));
                form_urlencoded::Serializer::new(String::new())
                    .extend_pairs(pairs)
                    .finish()
            }
            false => data.text,
        },
        media_type: data.mime_type,
    });
    let content = content.filter(|content| !content.text.is_empty());
    let mut headers: Vec<(String, String)> = headers.filter(told).collect();
    // Some programs say the content's type beside it only.
    let of_type = |(name, _): &(String, String)| name.eq_ignore_ascii_case(http::header::CONTENT_TYPE.as_str());
    if let Some(content) = &content
        && !content.media_type.is_empty()
        && !headers.iter().any(of_type)
    {
        headers.push(("content-type".to_owned(), content.media_type.clone()));
    }
    Request {
        method: recorded.method,
        url: recorded.url,
        headers,
        content,
    }
}
