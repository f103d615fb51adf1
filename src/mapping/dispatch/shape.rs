//! Which of two templates says more of a path.

use http::Method;

use super::{Dispatch, Routes, slot};

/// What is plain text in a template, a bit for each segment; those beyond the 64th count as parameters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::mapping) struct Shape {
    /// Segments that are words.
    words: u64,
    /// Segments in which something is: `{item}:undelete`
    texts: u64,
    /// It ends with a word.
    pub ends_in_word: bool,
    /// The call's method is HEAD, said so.
    pub of_head: bool,
    /// It takes the rest of the path, whatever that is.
    pub takes_rest: bool,
}

impl Shape {
    pub(in crate::mapping) fn of(method: Option<&Method>, template: Option<&str>) -> Self {
        let mut shape = Self {
            of_head: method.is_some_and(|method| method == Method::HEAD),
            ..Self::default()
        };
        for (at, segment) in template.unwrap_or_default().split('/').skip(1).enumerate() {
            let bit = u32::try_from(at).ok().and_then(|at| 1_u64.checked_shl(at)).unwrap_or(0);
            let parameter = slot(segment);
            shape.ends_in_word = parameter.is_none();
            match parameter {
                None => {
                    shape.words |= bit;
                    shape.texts |= bit;
                }
                Some(("", name, "")) => shape.takes_rest |= name.ends_with(['+', '*']),
                Some(_) => shape.texts |= bit,
            }
        }
        shape
    }

    /// Wherever the other has text it has text too, and somewhere more. Both are of one path.
    fn says_more(self, other: Self) -> bool {
        let covers = |own: u64, other: u64| own & other == other;
        let same = self.words == other.words && self.texts == other.texts;
        covers(self.words, other.words) && covers(self.texts, other.texts) && !same
    }

    /// Whether a call of this template goes before one of the other, which fits the same call: a word before a parameter, and
    /// what is said of HEAD before what is said of GET.
    pub(in crate::mapping) fn goes_before(self, other: Self) -> bool {
        !other.takes_rest && (self.says_more(other) || (self.of_head && !other.of_head && !other.says_more(self)))
    }
}

impl Dispatch {
    /// Whether an operation of a path may go before one that fits the same call: a short look, for it is taken at most calls.
    pub(in crate::mapping) fn may_go_before(&self, method: &Method, path: &str, other: Shape) -> bool {
        match self {
            Dispatch::Path(routes) => routes.may_go_before(method, path, other),
            Dispatch::Name(_) | Dispatch::Aws(_) => false,
        }
    }
}

impl Routes {
    fn may_go_before(&self, method: &Method, path: &str, other: Shape) -> bool {
        let found = self.templates.at(self.without_format(path)).ok();
        let operations = found.and_then(|found| self.shapes.get(*found.value));
        let mut operations = operations.into_iter().flatten();
        operations.any(|(listed, operation)| {
            (listed == method || *method == Method::HEAD) && operation.shape.goes_before(other)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_goes_before_a_parameter_and_head_before_get() {
        let get = |template| Shape::of(Some(&Method::GET), Some(template));
        for (more, less) in [
            ("/repos/{o}/issues/comments", "/repos/{o}/issues/{issue}"),
            ("/v1/{account}:sign", "/v1/{account}"),
            ("/v1/search", "/{version}/{word}"),
        ] {
            assert!(get(more).goes_before(get(less)), "{more}");
            assert!(!get(less).goes_before(get(more)), "{less}");
        }
        // Neither says more, or they say the same.
        for (one, other) in [("/a/{b}", "/{a}/b"), ("/a/{x}", "/a/{y}")] {
            assert!(!get(one).goes_before(get(other)) && !get(other).goes_before(get(one)));
        }
        // What takes the rest of a path takes it as it is.
        assert!(!get("/a/b").goes_before(get("/a/{rest+}")));
        let head = |template| Shape::of(Some(&Method::HEAD), Some(template));
        assert!(head("/a/{x}").goes_before(get("/a/{x}")));
        assert!(!head("/a/{x}").goes_before(head("/a/{x}")) && !head("/{a}/{x}").goes_before(get("/a/{x}")));
    }
}
