//! What of a call a field looks at.

use super::{Reading, Rule, Type};
use crate::mapping::document::Path;

impl Rule {
    /// Everything that is looked at.
    pub(in crate::mapping) fn paths(&self) -> Vec<&Path> {
        let mut paths = Vec::new();
        self.push_paths(&mut paths);
        paths
    }

    /// Adds everything that is looked at.
    pub(in crate::mapping) fn push_paths<'a>(&'a self, paths: &mut Vec<&'a Path>) {
        match self {
            Rule::Read(reading) => paths.extend(reading.paths()),
            Rule::Constant(_, require) => paths.extend(require),
            Rule::Empty(path, ..) => paths.push(path),
            Rule::NotTold => {}
            Rule::Unless(more, rule) | Rule::Most(more, rule) => {
                rule.push_paths(paths);
                paths.extend(more);
            }
            Rule::Lacking(path, _, rule) | Rule::Or(path, rule) => {
                rule.push_paths(paths);
                paths.push(path);
            }
            Rule::Only(any, rule) => {
                paths.extend(any.iter().flatten().map(|is| &is.at));
                rule.push_paths(paths);
            }
        }
    }
}

impl Reading {
    /// Everything that is looked at.
    pub(in crate::mapping) fn paths(&self) -> impl Iterator<Item = &Path> {
        let currency = match self.kind() {
            Some(Type::Money(path)) => Some(path),
            _ => None,
        };
        self.from.iter().chain(&self.require).chain(currency)
    }
}
