//! Where everything of a YAML text stands.

use std::ops::Range;

use serde_saphyr::granit_parser::{Event, Parser};

use crate::model::diagnostic::Lines;

/// A scalar, mapping or sequence.
pub(super) struct Node {
    pub(super) range: Range<usize>,
    /// The mapping or sequence that it is in.
    pub(super) parent: Option<usize>,
    pub(super) form: Form,
    /// Of a value: its key.
    key: Option<usize>,
    is_key: bool,
    /// In `{}` or `[]`.
    pub(super) is_flow: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Scalar,
    Mapping,
    Sequence,
}

/// `None`: it begins no node.
fn form(event: &Event<'_>) -> Option<Form> {
    let forms = [
        (matches!(event, Event::Scalar(..) | Event::Alias(..)), Form::Scalar),
        (matches!(event, Event::MappingStart(..)), Form::Mapping),
        (matches!(event, Event::SequenceStart(..)), Form::Sequence),
    ];
    forms.into_iter().find_map(|(is, form)| is.then_some(form))
}

pub(super) struct Outline {
    nodes: Vec<Node>,
}

impl Outline {
    /// `None` where it is no YAML.
    pub(super) fn of(text: &str) -> Option<Outline> {
        let mut outline = Outline { nodes: Vec::new() };
        let mut open: Vec<usize> = Vec::new();
        // Of each open mapping: the key whose value comes next.
        let mut keys: Vec<Option<usize>> = Vec::new();
        for event in Parser::new_from_str(text) {
            let (event, span) = event.ok()?; // told by the reader itself
            let range = span.byte_range()?;
            if matches!(event, Event::MappingEnd | Event::SequenceEnd) {
                keys.pop();
                outline.close(open.pop()?, range, text);
                continue;
            }
            let Some(form) = form(&event) else { continue };
            let parent = open.last().copied();
            let in_mapping = parent.is_some_and(|parent| outline.is(parent, Form::Mapping));
            let key = keys.last_mut().filter(|_| in_mapping).and_then(Option::take);
            let at = outline.nodes.len();
            if in_mapping && key.is_none() {
                *keys.last_mut()? = Some(at);
            }
            outline.nodes.push(Node {
                is_flow: form != Form::Scalar && text.get(range.start..)?.starts_with(['{', '[']),
                is_key: in_mapping && key.is_none(),
                range,
                parent,
                form,
                key,
            });
            if form == Form::Scalar {
                outline.widen(at);
            } else {
                open.push(at);
                keys.push(None);
            }
        }
        Some(outline)
    }

    /// A block ends where the last of it does.
    fn close(&mut self, at: usize, end: Range<usize>, text: &str) {
        let bracket = text.get(end.clone()).is_some_and(|text| text.starts_with(['}', ']']));
        if let Some(node) = self.nodes.get_mut(at).filter(|_| bracket) {
            node.range.end = node.range.end.max(end.end);
        }
        self.widen(at);
    }

    fn widen(&mut self, at: usize) {
        let Some((end, parent)) = self.nodes.get(at).map(|node| (node.range.end, node.parent)) else {
            return;
        };
        if let Some(parent) = parent.and_then(|parent| self.nodes.get_mut(parent)) {
            parent.range.end = parent.range.end.max(end);
        }
    }

    fn is(&self, at: usize, form: Form) -> bool {
        self.nodes.get(at).is_some_and(|node| node.form == form)
    }

    pub(super) fn node(&self, at: usize) -> Option<&Node> {
        self.nodes.get(at)
    }

    /// The scalar that begins there.
    pub(super) fn scalar(&self, offset: usize) -> Option<usize> {
        let begins = |node: &Node| node.form == Form::Scalar && node.range.start == offset;
        self.nodes.iter().position(begins)
    }

    /// The innermost mapping around there.
    pub(super) fn mapping(&self, offset: usize) -> Option<usize> {
        let around = |node: &Node| node.form == Form::Mapping && node.range.contains(&offset);
        self.nodes.iter().rposition(around)
    }

    /// The key, with its value, or the item of a sequence that the offset is in: innermost.
    pub(super) fn entry(&self, offset: usize) -> Option<usize> {
        let begins = self.nodes.iter().position(|node| node.range.start == offset);
        let inside = || self.nodes.iter().rposition(|node| node.range.contains(&offset));
        begins.or_else(inside)
    }

    pub(super) fn keys(&self, mapping: usize) -> impl Iterator<Item = &Node> {
        let is_key = move |node: &&Node| node.is_key && node.parent == Some(mapping);
        self.nodes.iter().filter(is_key)
    }

    /// Whether nothing else is in the mapping or sequence that the entry is in.
    pub(super) fn is_alone(&self, entry: usize) -> bool {
        let of = self.node(entry).and_then(|node| node.parent);
        let siblings = self.nodes.iter().filter(|node| node.parent == of && node.key.is_none());
        siblings.count() <= 1
    }

    /// All that an entry takes of the text: from its key or dash on, with the comma after it.
    pub(super) fn extent(&self, entry: usize, text: &str) -> Option<Range<usize>> {
        let node = self.node(entry)?;
        let (mut start, mut end) = (node.range.start, node.range.end);
        let parent = node.parent.and_then(|parent| self.node(parent))?;
        if parent.form == Form::Mapping {
            let (key, value) = match node.key {
                Some(key) => (self.node(key)?, node),
                None => (node, self.nodes.iter().find(|value| value.key == Some(entry))?),
            };
            let colon = text.get(key.range.end..)?.find(':')? + key.range.end + 1;
            (start, end) = (key.range.start, value.range.end.max(colon));
        } else if !parent.is_flow {
            start = text.get(..start)?.rfind('-')?;
            end = end.max(start + 1);
        }
        if parent.is_flow {
            let after = text.get(end..)?;
            let next = after.trim_start();
            if next.starts_with(',') {
                end += after.len() - next.len() + 1;
            }
        }
        Some(start..end)
    }

    /// Which entry it is, whatever is cut out of its siblings or written otherwise in them: lines and keys from the outside
    /// in.
    pub(super) fn path(&self, node: usize, text: &str) -> Vec<String> {
        let (lines, mut path) = (Lines::of(text), Vec::new());
        let mut next = Some(node);
        while let Some(node) = next.and_then(|at| self.node(at)) {
            let named = node.key.and_then(|key| self.node(key)).unwrap_or(node);
            let name = match named.form {
                Form::Scalar if node.key.is_some() || node.is_key => text.get(named.range.clone()).unwrap_or_default(),
                Form::Scalar | Form::Mapping | Form::Sequence => "-",
            };
            let (line, _) = lines.position(named.range.start);
            path.push(format!("{line} {name}"));
            next = node.parent;
        }
        // The document itself begins where its first entry does.
        path.pop();
        path.reverse();
        path
    }
}
