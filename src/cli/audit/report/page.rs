//! The page, from its head to its foot.

use super::counted::Counted;
use super::html::Html;
use super::{people, rows, sections, sidecar, style};
use crate::audit::{Report, Review};
use crate::model::Timestamp;
use crate::store::{ReadError, Reader};

/// What is on a page.
pub(super) struct Page<'a> {
    pub(super) from: Timestamp,
    /// Not any more.
    pub(super) to: Timestamp,
    pub(super) written: Timestamp,
    pub(super) agent: Option<&'a str>,
    /// For commands: ` --home DIR`, or nothing.
    pub(super) home: String,
    /// As it is configured now.
    pub(super) account: Option<String>,
    pub(super) proof: Proof,
    pub(super) review: &'a Review,
    /// What of the period was pruned.
    pub(super) gone: Option<String>,
}

/// Whether the record is as it was signed.
pub(super) enum Proof {
    /// There is no key to verify it by.
    NoKey,
    Verified {
        report: Box<Report>,
        /// What `audit verify` says.
        words: String,
        /// The key was found in this home, not given.
        of_home: bool,
    },
}

impl Page<'_> {
    /// # Errors
    /// If the entries that it leads to cannot be read.
    pub(super) fn html(&self, reader: &Reader) -> Result<String, ReadError> {
        let (mut page, mut counted) = (Html::default(), Counted::default());
        page.raw(style::HEAD);
        self.title(&mut page);
        page.raw("</title>\n</head>\n<body>\n<h1>");
        self.title(&mut page);
        page.raw("</h1>\n<p class=\"quiet\">Written ")
            .text(&self.written.to_string());
        page.raw(" by runplane ").text(env!("CARGO_PKG_VERSION"));
        page.raw(". Times are UTC. Calls belong to the period in which they came in, events to that in which they were recorded.");
        page.raw(" Each figure leads to the entries of the trail that it is counted from.</p>\n");
        if let Some(gone) = &self.gone {
            page.raw("<p class=\"bad\">Not all of the period is there: ")
                .text(gone)
                .raw(".</p>\n");
        }
        sections::proof(self, &mut page);
        sections::calls(self, &mut page, &mut counted);
        sections::money(self, &mut page, &mut counted);
        sections::by_name(self, &mut page, &mut counted);
        people::write(self, &mut page, &mut counted);
        sidecar::versions(self, &mut page, &mut counted);
        sidecar::happened(self, &mut page, &mut counted);
        page.raw("<h2>Counted from</h2>\n");
        counted.write(&mut page);
        page.raw("<h2>Entries</h2>\n");
        rows::entries(reader, &counted.entries(), &mut page)?;
        page.raw("</body>\n</html>\n");
        Ok(page.whole())
    }

    fn title(&self, page: &mut Html) {
        page.text("What agents did, ").text(&self.from.to_string());
        page.raw(" to ").text(&self.to.to_string());
        if let Some(agent) = self.agent {
            page.raw(": ").text(agent);
        }
    }

    /// A command about this period: `runplane audit COMMAND --since … --until …` and `more`.
    pub(super) fn command(&self, command: &str, more: &str) -> String {
        let agent = self.agent.map(|agent| format!(" --agent {}", shell(agent)));
        format!(
            "runplane audit {command}{} --since {} --until {}{}{more}",
            self.home,
            self.from,
            self.to,
            agent.unwrap_or_default()
        )
    }

    /// The command that lists calls with `"NAME":"VALUE"` in their JSON.
    pub(super) fn calls_with(&self, name: &str, value: &str) -> String {
        let lists = self.command("show --json --limit 4294967295", "");
        format!("{lists} | grep '\"{name}\":\"{value}\"'")
    }

    /// The command that lists entries of a kind.
    pub(super) fn entries_of(&self, kind: &str) -> String {
        format!("{} | grep '\"kind\":\"{kind}\"'", self.command("export", ""))
    }
}

/// As one word of a shell.
pub(super) fn shell(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:/@".contains(&byte);
    match !text.is_empty() && text.bytes().all(plain) {
        true => text.to_owned(),
        false => format!("'{}'", text.replace('\'', "'\\''")),
    }
}
