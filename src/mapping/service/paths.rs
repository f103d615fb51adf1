//! What of a call an operation looks at.

use std::sync::Arc;

use super::{Meaning, Reader, TargetRule, Trigger};
use crate::mapping::document::Path;
use crate::mapping::field::Rule;

/// Everything of a call that these look at.
pub(in crate::mapping) fn paths<'a>(
    fields: &'a [(Arc<str>, Rule)],
    when: &'a [(Trigger, Meaning)],
    target: &'a TargetRule,
    reader: Option<&'a Reader>,
) -> Vec<&'a Path> {
    let mut paths = Vec::with_capacity(2 * fields.len() + 2);
    fields.iter().for_each(|(_, rule)| rule.push_paths(&mut paths));
    for (trigger, meaning) in when {
        paths.push(&trigger.any);
        paths.extend(meaning.target.iter().flat_map(|target| &target.id));
    }
    paths.extend(target.id.iter().chain(&target.also));
    paths.extend(target.wrapped.iter().map(|wrapped| &wrapped.id));
    paths.extend(reader.into_iter().flat_map(Reader::paths));
    paths
}
