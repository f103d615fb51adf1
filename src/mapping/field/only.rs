//! Fields that are told only by calls of a certain form, or only where a text is not there.

use serde_json::Value as Json;

use crate::mapping::document::{Document, Node, Path};

/// What must be found at a path: this text, but for the parameters behind it (`; charset=utf-8`).
#[derive(Clone, Debug)]
pub(in crate::mapping) struct Is {
    pub at: Path,
    pub text: Box<str>,
}

impl Is {
    pub(super) fn holds(&self, document: &Document<'_>) -> bool {
        let found = match self.at.select(document).as_slice() {
            [Node::Text(found)] => *found,
            [Node::Json(Json::String(found))] => found.as_str(),
            _ => return false,
        };
        let found = found.split_once(';').map_or(found, |(found, _)| found.trim_end());
        found == &*self.text
    }
}

/// Whether nothing that is found there has that text in it.
pub(super) fn lacks(path: &Path, text: &str, document: &Document<'_>) -> bool {
    path.select(document).iter().all(|node| match node {
        Node::Text(found) => !found.contains(text),
        Node::Json(Json::String(found)) => !found.contains(text),
        Node::Json(_) | Node::Opaque => false,
    })
}
