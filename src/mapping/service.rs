//! A mapping file, ready to use: everything parsed, every name known to be right.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use http::HeaderName;

use super::dispatch::Dispatch;
use super::document::Path;
use super::field::{Reading, Rule};
use super::file::Decoder;
use super::summary::Template;
use crate::model::{Access, Answer};

/// One mapping file.
pub(super) struct Service {
    pub provider: Arc<str>,
    pub title: Box<str>,
    pub dispatch: Dispatch,
    pub safe_methods: bool,
    pub name_prefix: Box<str>,
    /// Media type → how it is read.
    pub content: Vec<(Box<str>, Decoder)>,
    pub environment: Option<Reading>,
    pub answer: Arc<Answer>,
    pub significant: Vec<HeaderName>,
    pub secret: Vec<HeaderName>,
    pub volatile: HashSet<Box<str>>,
    pub idempotency: Option<IdempotencyKey>,
    pub aws: Option<Signer>,
    /// Currency → decimal places of amounts, where they are not those of ISO 4217.
    pub currency_places: BTreeMap<Box<str>, u32>,
    pub refuse_headers: Vec<HeaderName>,
    pub refuse_query: Vec<Box<str>>,
    /// Query parameters whose values may stand in the record.
    pub show: HashSet<Box<str>>,
}

pub(super) enum IdempotencyKey {
    Header(HeaderName),
    Parameter(Box<str>),
}

/// What signatures must be for.
pub(super) struct Signer {
    pub service: Box<str>,
    /// Where the host names no region.
    pub region: Box<str>,
}

/// One operation, or many by how their names begin.
pub(super) struct Operation {
    /// The provider's own word; of a rule in bulk only how it begins.
    pub name: Arc<str>,
    pub meaning: Meaning,
    /// What the content may make of it.
    pub when: Vec<(Path, Meaning)>,
    pub fields: Vec<(Arc<str>, Rule)>,
    pub target_kind: Arc<str>,
    pub target_id: Option<Path>,
    /// The template's parameters.
    pub parameters: Vec<Arc<str>>,
    /// Which segments of the path may stand in the record.
    pub shown_segments: Vec<bool>,
    /// Query parameters that fields, target and predicates may read.
    pub reads_query: Vec<Box<str>>,
    pub needs_body: bool,
    pub answer: Arc<Answer>,
}

/// What an operation does, in canonical words.
pub(super) struct Meaning {
    pub action: Arc<str>,
    pub access: Access,
    /// Fields of the vocabulary that the call must tell; those the gate computes are left to it.
    pub required: Vec<Arc<str>>,
    /// All fields of the vocabulary that this action has.
    pub allowed: HashSet<Arc<str>>,
    pub summary: Template,
}

impl Operation {
    /// What a call means of which the predicates in `applies` hold: the strictest; of equals the one named first, but
    /// any before the operation's own.
    pub(super) fn meaning(&self, applies: impl Fn(&Path) -> bool) -> &Meaning {
        let mut strictest = None::<&Meaning>;
        for (any, meaning) in &self.when {
            if strictest.is_none_or(|strictest| meaning.access > strictest.access) && applies(any) {
                strictest = Some(meaning);
            }
        }
        strictest.unwrap_or(&self.meaning)
    }
}
