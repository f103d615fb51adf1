//! An entry of the audit trail in its final byte form (RFC 8785), with salted commitments in place of values.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use hmac::{Hmac, KeyInit, Mac};
use serde::Serialize;
use sha2::Sha256;

use super::{CallId, Timestamp};

/// Version of the byte form below.
const VERSION: i64 = 1;

/// One event of the trail, before it has its place and time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub kind: Kind,
    pub call: Option<CallId>,
    pub agent: Option<Arc<str>>,
    /// Further members, by name. Only what may be kept for ever: codes, names, digests, counts.
    pub members: BTreeMap<&'static str, Member>,
    /// What the entry commits to without holding it, by name.
    pub values: BTreeMap<&'static str, Committed>,
}

/// A member of an entry: integers and strings only, so that its canonical form has no doubt in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Member {
    Int(i64),
    Text(String),
}

impl From<i64> for Member {
    fn from(value: i64) -> Self {
        Member::Int(value)
    }
}

impl From<&str> for Member {
    fn from(value: &str) -> Self {
        Member::Text(value.to_owned())
    }
}

impl From<String> for Member {
    fn from(value: String) -> Self {
        Member::Text(value)
    }
}

/// A value and the salt of its commitment. The value can be erased later; the entry stays as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    pub salt: [u8; 16],
    /// RFC 8785 JSON; `None` where it is committed to but not kept (it may be secret).
    pub kept: Option<String>,
    commitment: [u8; 32],
}

impl Committed {
    /// Commits to a value and keeps it beside the trail.
    pub fn keep(value: &impl Serialize) -> Self {
        Self::new(super::secret::random_bytes(), value, true)
    }

    /// Commits to a value without keeping it.
    pub fn hide(value: &impl Serialize) -> Self {
        Self::new(super::secret::random_bytes(), value, false)
    }

    /// HMAC-SHA256(salt, RFC 8785 of the value). The caller gives maps in sorted order, integers, strings and
    /// booleans only: then `serde_json`'s compact form is the canonical one.
    pub fn new(salt: [u8; 16], value: &impl Serialize, keep: bool) -> Self {
        let text = serde_json::to_string(value).unwrap_or_default();
        let commitment = hmac_sha256(&salt, text.as_bytes());
        Self {
            salt,
            kept: keep.then_some(text),
            commitment,
        }
    }
}

/// Names of values that are never kept: of all others, one that is not there was taken away.
pub const HIDDEN: [&str; 2] = ["request", "row"];

/// HMAC-SHA256 (RFC 2104).
pub fn hmac_sha256(key: &[u8], message: &[u8]) -> [u8; 32] {
    #[expect(clippy::expect_used, reason = "HMAC takes keys of every length")]
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of every length");
    mac.update(message);
    mac.finalize().into_bytes().into()
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The gate decided a call.
    Decided,
    /// A request for consent was made.
    Held,
    /// A person consented, wholly or for some of the rules.
    Approved,
    Denied,
    Expired,
    /// A question to people was withdrawn.
    Cancelled,
    /// Nobody answered for so long that further people are asked.
    Escalated,
    /// A person consented to calls that are still to come, or that came to its end.
    Grant,
    /// An approval was spent on a call.
    Consumed,
    /// What was spent on a call that was not sent counts on.
    Returned,
    /// How a call ended.
    Outcome,
    /// A connection or request was refused before there was anything to decide.
    Refused,
    /// An agent or person was added or disabled.
    Registry,
    Boot,
    /// Other mappings or policies came into force, or were refused.
    Reload,
    /// Agents are to trust another authority besides, or another one signs.
    Authority,
    Shutdown,
    /// The wall clock jumped: times before and after cannot be compared.
    Gap,
    /// An agent was paused or resumed, or every agent was.
    Pause,
    /// Another key signs checkpoints.
    Key,
    /// Checkpoints could not be published any more, or can again.
    Anchor,
    /// Somebody was not told of an approval, or is told no more, or again.
    Notification,
    /// Values beside other entries were taken away, with their salts.
    Erased,
    /// The first entries are to go, or went.
    Pruned,
}

impl Kind {
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Decided => "decided",
            Kind::Held => "held",
            Kind::Approved => "approved",
            Kind::Denied => "denied",
            Kind::Expired => "expired",
            Kind::Cancelled => "cancelled",
            Kind::Escalated => "escalated",
            Kind::Grant => "grant",
            Kind::Consumed => "consumed",
            Kind::Returned => "returned",
            Kind::Outcome => "outcome",
            Kind::Refused => "refused",
            Kind::Registry => "registry",
            Kind::Boot => "boot",
            Kind::Reload => "reload",
            Kind::Authority => "authority",
            Kind::Shutdown => "shutdown",
            Kind::Gap => "gap",
            Kind::Pause => "pause",
            Kind::Key => "key",
            Kind::Anchor => "anchor",
            Kind::Notification => "notification",
            Kind::Erased => "erased",
            Kind::Pruned => "pruned",
        }
    }
}

impl Entry {
    pub fn new(kind: Kind) -> Self {
        Self {
            kind,
            call: None,
            agent: None,
            members: BTreeMap::new(),
            values: BTreeMap::new(),
        }
    }

    pub fn call(mut self, call: &CallId) -> Self {
        self.call = Some(call.clone());
        self
    }

    pub fn agent(mut self, agent: &Arc<str>) -> Self {
        self.agent = Some(agent.clone());
        self
    }

    pub fn with(mut self, name: &'static str, value: impl Into<Member>) -> Self {
        self.members.insert(name, value.into());
        self
    }

    pub fn with_some(self, name: &'static str, value: Option<impl Into<Member>>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    pub fn commit(mut self, name: &'static str, value: Committed) -> Self {
        self.values.insert(name, value);
        self
    }

    /// What is kept beside the entry, as RFC 8785 JSON: `{name: {"salt": hex, "value": any}}`, without `value` where only
    /// the commitment is kept. `None` for an entry that commits to nothing.
    pub fn committed(&self) -> Option<String> {
        let mut text = String::with_capacity(512);
        for (name, committed) in &self.values {
            text.push_str(if text.is_empty() { "{\"" } else { ",\"" });
            text.push_str(name);
            text.push_str("\":{\"salt\":\"");
            let mut digits = [0; 32];
            // They fit, and are ASCII.
            let fits = hex::encode_to_slice(committed.salt, &mut digits).is_ok();
            text.push_str(std::str::from_utf8(&digits).ok().filter(|_| fits).unwrap_or_default());
            text.push('"');
            if let Some(value) = &committed.kept {
                text.push_str(",\"value\":");
                text.push_str(value);
            }
            text.push('}');
        }
        (!text.is_empty()).then(|| text + "}")
    }

    /// The entry as it is kept for ever: RFC 8785, so members in order of their (ASCII) names, no white space.
    /// `commitments` come as members named `commit_NAME`.
    pub fn bytes(&self, seq: i64, time: Timestamp) -> Vec<u8> {
        let own = [
            (Name("", "kind"), Told::Text(self.kind.as_str())),
            (Name("", "seq"), Told::Int(seq)),
            (Name("", "time"), Told::Int(time.0)),
            (Name("", "v"), Told::Int(VERSION)),
        ];
        let call = self
            .call
            .as_ref()
            .map(|call| (Name("", "call"), Told::Text(call.as_str())));
        let agent = self.agent.as_ref().map(|agent| (Name("", "agent"), Told::Text(agent)));
        let members = self
            .members
            .iter()
            .map(|(name, member)| (Name("", name), member.told()));
        let commitments = self.values.iter();
        let commitments = commitments.map(|(name, value)| (Name("commit_", name), Told::Digest(&value.commitment)));
        // Nearly in order already: members, commitments, and what every entry has.
        let mut all: Vec<(Name<'_>, Told<'_>)> =
            members.chain(commitments).chain(agent).chain(call).chain(own).collect();
        all.sort_by(|(one, _), (other, _)| one.order(other));
        // Of two of one name the later counts.
        all.dedup_by(|later, kept| {
            let same = later.0.order(&kept.0).is_eq();
            if same {
                std::mem::swap(later, kept);
            }
            same
        });
        let mut bytes = Vec::with_capacity(1024);
        for (at, (Name(prefix, name), told)) in all.iter().enumerate() {
            bytes.extend_from_slice(if at == 0 { b"{\"" } else { b",\"" });
            bytes.extend_from_slice(prefix.as_bytes());
            bytes.extend_from_slice(name.as_bytes());
            bytes.extend_from_slice(b"\":");
            told.write(&mut bytes);
        }
        bytes.push(b'}');
        bytes
    }
}

/// A member's name in two parts. Names are ours and plain: nothing in them is escaped.
struct Name<'a>(&'static str, &'a str);

impl Name<'_> {
    fn order(&self, other: &Self) -> Ordering {
        // Where one has a prefix and the other has not, the whole of the other is held to the prefix first.
        let mixed = |prefix: &str, rest: &str, whole: &str| match whole.strip_prefix(prefix) {
            Some(whole) => rest.cmp(whole),
            None => prefix.cmp(whole),
        };
        match (self.0, other.0) {
            ("", prefix) if !prefix.is_empty() => mixed(prefix, other.1, self.1).reverse(),
            (prefix, "") if !prefix.is_empty() => mixed(prefix, self.1, other.1),
            (_, _) => self.1.cmp(other.1),
        }
    }
}

/// A member on its way into the bytes.
enum Told<'a> {
    Int(i64),
    Text(&'a str),
    /// In hex.
    Digest(&'a [u8; 32]),
}

impl Told<'_> {
    fn write(&self, bytes: &mut Vec<u8>) {
        // Writing to memory does not fail.
        let _written = match self {
            Told::Int(number) => serde_json::to_writer(bytes, number).is_ok(),
            Told::Text(text) => serde_json::to_writer(bytes, text).is_ok(),
            Told::Digest(digest) => {
                let mut digits = [0; 64];
                let fits = hex::encode_to_slice(digest, &mut digits).is_ok();
                bytes.push(b'"');
                bytes.extend_from_slice(&digits);
                bytes.push(b'"');
                fits
            }
        };
    }
}

impl Member {
    fn told(&self) -> Told<'_> {
        match self {
            Member::Int(number) => Told::Int(*number),
            Member::Text(text) => Told::Text(text),
        }
    }
}
