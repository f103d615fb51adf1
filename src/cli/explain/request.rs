//! A request as one types it after `curl`.

use std::io::Read;

use anyhow::Context;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::proxy::described::Described;

const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";

#[derive(Debug, Default, clap::Args)]
#[group(skip)]
pub(in crate::cli) struct Args {
    /// Method [default: POST with data, else GET]
    #[arg(short = 'X', long = "request", value_name = "METHOD")]
    method: Option<String>,
    /// Header field; may be repeated
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE")]
    headers: Vec<String>,
    /// Content, `@FILE` for a file's without its line ends; several are joined with `&`
    #[arg(short, long, visible_alias = "data-ascii", value_name = "DATA")]
    data: Vec<String>,
    /// Content as it stands, `@` too
    #[arg(long, value_name = "DATA")]
    data_raw: Vec<String>,
    /// Content, `@FILE` for a file's bytes
    #[arg(long, value_name = "DATA")]
    data_binary: Vec<String>,
    /// Content of one form field, `NAME=VALUE`, escaped here
    #[arg(long, value_name = "NAME=VALUE")]
    data_urlencode: Vec<String>,
    /// Content of type application/json, `@FILE` for a file's
    #[arg(long, value_name = "JSON")]
    json: Vec<String>,
    /// Put the data into the URL's query
    #[arg(short = 'G', long)]
    get: bool,
    /// Ask for the head only
    #[arg(short = 'I', long)]
    head: bool,
    /// Name and password
    #[arg(short, long, value_name = "NAME:PASSWORD")]
    user: Option<String>,
    /// User-Agent: tells how long the client would be held
    #[arg(short = 'A', long, value_name = "TEXT")]
    user_agent: Option<String>,
    /// What curl would do with the answer: passed over, so that a curl command can be pasted
    #[arg(short = 's', long = "silent", hide = true)]
    silent: bool,
    #[arg(short = 'S', long = "show-error", hide = true)]
    show_error: bool,
    #[arg(short = 'i', long = "include", hide = true)]
    include: bool,
    #[arg(short = 'v', long = "verbose", hide = true)]
    verbose: bool,
    #[arg(short = 'f', long = "fail", hide = true)]
    fail: bool,
    #[arg(short = 'L', long = "location", hide = true)]
    location: bool,
}

impl Args {
    /// Whether content is to come out of a file, or of standard input.
    pub(in crate::cli) fn reads_a_file(&self) -> bool {
        let mut given = self.data.iter().chain(&self.data_binary).chain(&self.json);
        given.any(|data| data.starts_with('@'))
    }

    pub(in crate::cli) fn describe(&self, url: &str) -> anyhow::Result<Described> {
        let (content, media_type) = self.content()?;
        let mut url = url.split('#').next().unwrap_or(url).to_owned();
        let mut sent = content;
        if self.get
            && let Some(query) = sent.take()
        {
            let query = String::from_utf8(query).context("a query is text")?;
            url = format!("{url}{}{query}", if url.contains('?') { '&' } else { '?' });
        }
        let method = match (&self.method, self.head, sent.is_some()) {
            (Some(method), ..) => method,
            (None, true, _) => "HEAD",
            (None, false, true) => "POST",
            (None, false, false) => "GET",
        };
        Ok(Described {
            method: method.to_owned(),
            url,
            headers: self.headers(sent.is_some().then_some(media_type))?,
            content: sent.map(Into::into),
            at: None,
        })
    }

    /// All data together, and its type if no header says another.
    fn content(&self) -> anyhow::Result<(Option<Vec<u8>>, &'static str)> {
        let mut parts = Vec::new();
        for data in &self.data {
            let mut bytes = given(data)?;
            if data.starts_with('@') {
                bytes.retain(|byte| !matches!(byte, b'\r' | b'\n' | 0));
            }
            parts.push(bytes);
        }
        parts.extend(self.data_raw.iter().map(|data| data.clone().into_bytes()));
        for data in &self.data_binary {
            parts.push(given(data)?);
        }
        for data in &self.data_urlencode {
            let escaped = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
            parts.push(match data.split_once('=') {
                Some(("", value)) => escaped(value).into_bytes(),
                Some((name, value)) => format!("{name}={}", escaped(value)).into_bytes(),
                None => escaped(data).into_bytes(),
            });
        }
        if !self.json.is_empty() {
            let json = self
                .json
                .iter()
                .map(|data| given(data))
                .collect::<Result<Vec<_>, _>>()?;
            parts.push(json.concat());
        }
        let media_type = if self.json.is_empty() { FORM } else { JSON };
        Ok(((!parts.is_empty()).then(|| parts.join(&b'&')), media_type))
    }

    fn headers(&self, media_type: Option<&str>) -> anyhow::Result<Vec<(String, String)>> {
        let mut headers = Vec::new();
        let mut named = Vec::new();
        for header in &self.headers {
            let (name, value) = header
                .split_once(':')
                .or_else(|| Some((header.strip_suffix(';')?, ";")))
                .with_context(|| format!("expected a header as `Name: value`, found `{header}`"))?;
            named.push(name.trim().to_ascii_lowercase());
            match value.trim() {
                // As curl has it: a name alone takes the header away, `Name;` sends it empty.
                "" => {}
                ";" if !header.contains(':') => headers.push((name.trim().to_owned(), String::new())),
                value => headers.push((name.trim().to_owned(), value.to_owned())),
            }
        }
        let mut unless_named = |name: &str, value: String| {
            if !named.iter().any(|known| known == name) {
                headers.push((name.to_owned(), value));
            }
        };
        if let Some(media_type) = media_type {
            unless_named("content-type", media_type.to_owned());
        }
        if let Some(user) = &self.user {
            unless_named("authorization", format!("Basic {}", STANDARD.encode(user)));
        }
        if let Some(user_agent) = &self.user_agent {
            unless_named("user-agent", user_agent.clone());
        }
        Ok(headers)
    }
}

/// Data as given, or of the file that it names (`@-`: standard input).
fn given(data: &str) -> anyhow::Result<Vec<u8>> {
    match data.strip_prefix('@') {
        None => Ok(data.as_bytes().to_vec()),
        Some("-") => {
            let mut bytes = Vec::new();
            std::io::stdin()
                .read_to_end(&mut bytes)
                .context("cannot read standard input")?;
            Ok(bytes)
        }
        Some(file) => std::fs::read(file).with_context(|| format!("cannot read {file}")),
    }
}
