//! Names that an operation looks for, and what some server may take for one of them.

use serde_json::Value;

use super::{Path, Selector};

/// Where in query and content an operation looks, each place once.
#[derive(Default)]
pub(in crate::mapping) struct Sought {
    query: Part,
    body: Part,
}

#[derive(Default)]
struct Part {
    selectors: Box<[Selector]>,
    /// The names that these begin with; `None` where one is of other letters than ASCII.
    first: Option<Box<[Box<str>]>>,
}

impl Sought {
    pub(in crate::mapping) fn new(paths: &[&Path]) -> Self {
        let in_query = paths.iter().filter_map(|path| match path {
            Path::Query(selector) | Path::Params(selector) => Some(selector),
            Path::Method | Path::Host(_) | Path::Parameter(_) | Path::Header(_) | Path::Body(_) | Path::Credential => {
                None
            }
        });
        let in_body = paths.iter().filter_map(|path| match path {
            Path::Body(selector) | Path::Params(selector) => Some(selector),
            Path::Method | Path::Host(_) | Path::Parameter(_) | Path::Header(_) | Path::Query(_) | Path::Credential => {
                None
            }
        });
        Self {
            query: Part::new(in_query),
            body: Part::new(in_body),
        }
    }

    /// Whether a name in query or content is one of these but for upper and lower case.
    pub(in crate::mapping) fn is_misspelt_in(&self, query: Option<&Value>, body: Option<&Value>) -> bool {
        query.is_some_and(|query| self.query.is_misspelt_in(query))
            || body.is_some_and(|body| self.body.is_misspelt_in(body))
    }

    /// Members at the top of the content at which it looks.
    pub(in crate::mapping) fn body_names(&self) -> impl Iterator<Item = &str> {
        let names = self.body.selectors.iter().flat_map(Selector::first_names);
        names.map(AsRef::as_ref)
    }
}

impl Part {
    fn new<'a>(all: impl Iterator<Item = &'a Selector>) -> Self {
        let (mut selectors, mut first): (Vec<Selector>, Vec<Box<str>>) = (Vec::new(), Vec::new());
        for selector in all {
            if !selectors.contains(selector) {
                selectors.push(selector.clone());
            }
            for name in selector.first_names() {
                if !first.contains(name) {
                    first.push(name.clone());
                }
            }
        }
        Self {
            selectors: selectors.into(),
            first: first.iter().all(|name| name.is_ascii()).then(|| first.into()),
        }
    }

    fn is_misspelt_in(&self, value: &Value) -> bool {
        // As nearly every call is: then only what stands below is compared path by path.
        let right = match (value, &self.first) {
            (Value::Object(members), Some(first)) => members.keys().all(|name| is_apart(name, first)),
            _ => false,
        };
        let mut left = self
            .selectors
            .iter()
            .filter(|selector| !right || selector.steps.len() > 1);
        left.any(|selector| selector.is_misspelt_in(value))
    }
}

/// Whether nobody would take a name for one of these that it is not.
fn is_apart(name: &str, first: &[Box<str>]) -> bool {
    let apart = |known: &str| known.len() != name.len() || known == name || !known.eq_ignore_ascii_case(name);
    name.is_ascii() && first.iter().all(|known| apart(known))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    proptest! {
        #[test]
        fn what_is_misspelt_is_found_as_each_path_finds_it(
            paths in prop::collection::vec(
                "\\$\\.body(\\['(a|A|b|k|\u{212a})'(,'(a|A|B|s)')?\\]|\\[\\*\\]|\\[0\\]){0,2}",
                0..4,
            ),
            names in prop::collection::vec("a|A|b|B|k|K|\u{212a}|s|\u{17f}", 0..3),
            below in prop::collection::vec("a|A|b|K|\u{212a}|S", 0..3),
            listed in any::<bool>(),
        ) {
            let paths: Vec<Path> = paths.iter().map(|path| Path::parse(path).unwrap()).collect();
            let below: Value = below.into_iter().map(|name| (name, json!("1"))).collect::<serde_json::Map<_, _>>().into();
            let members: serde_json::Map<_, _> = names.into_iter().map(|name| (name, below.clone())).collect();
            let document = if listed { json!([members]) } else { json!(members) };
            let finds = |path: &Path| matches!(path, Path::Body(selector) if selector.is_misspelt_in(&document));
            let each = paths.iter().any(finds);
            let sought = Sought::new(&paths.iter().collect::<Vec<_>>());
            prop_assert_eq!(sought.is_misspelt_in(None, Some(&document)), each, "{:?} {}", paths, document);
        }
    }
}
