//! Where things stand in a policy file. Cedar's own errors bring their place along; our lints find theirs here.
//!
//! Only diagnostics rest on this: what a policy means is Cedar's parser's to say.

/// One token of a statement, with its byte offset in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token<'a> {
    pub(super) offset: usize,
    pub(super) text: &'a str,
}

/// The tokens of one statement, without its `;`.
#[derive(Clone, Debug, Default)]
pub(super) struct Statement<'a>(Vec<Token<'a>>);

impl Statement<'_> {
    /// Where the statement begins.
    pub(super) fn start(&self) -> usize {
        self.0.first().map_or(0, |token| token.offset)
    }

    /// Where `@key` stands; else where the statement begins.
    pub(super) fn annotation(&self, key: &str) -> usize {
        self.pair("@", key).unwrap_or_else(|| self.start())
    }

    /// Where `has field` stands; else where the statement begins.
    pub(super) fn has(&self, field: &str) -> usize {
        self.pair("has", field)
            .or_else(|| self.pair("has", &format!("\"{field}\"")))
            .unwrap_or_else(|| self.start())
    }

    /// Where a word stands; else where the statement begins.
    pub(super) fn word(&self, word: &str) -> usize {
        let found = self.0.iter().find(|token| token.text == word);
        found.map_or_else(|| self.start(), |token| token.offset)
    }

    fn pair(&self, first: &str, second: &str) -> Option<usize> {
        let mut pairs = self.0.iter().zip(self.0.iter().skip(1));
        pairs
            .find(|(one, two)| one.text == first && two.text == second)
            .map(|(one, _)| one.offset)
    }
}

/// The statements of a file in their order, as Cedar numbers its policies.
pub(super) fn statements(source: &str) -> Vec<Statement<'_>> {
    let mut statements = Vec::new();
    let mut statement = Statement::default();
    for token in tokens(source) {
        if token.text == ";" {
            statements.push(std::mem::take(&mut statement));
        } else {
            statement.0.push(token);
        }
    }
    if !statement.0.is_empty() {
        statements.push(statement);
    }
    statements
}

fn tokens(source: &str) -> impl Iterator<Item = Token<'_>> {
    let mut offset = 0;
    std::iter::from_fn(move || {
        loop {
            let rest = source.get(offset..)?;
            let first = rest.chars().next()?;
            if first.is_whitespace() {
                offset += first.len_utf8();
            } else if rest.starts_with("//") {
                offset += rest.find(['\n', '\r']).unwrap_or(rest.len());
            } else {
                let text = rest.get(..length(rest, first))?;
                let token = Token { offset, text };
                offset += text.len();
                return Some(token);
            }
        }
    })
}

/// Bytes of the token that `rest` begins with.
fn length(rest: &str, first: char) -> usize {
    let is_word = |character: char| character.is_ascii_alphanumeric() || character == '_';
    if first == '"' {
        let mut escaped = false;
        let end = rest.char_indices().skip(1).find(|(_, character)| {
            let closes = *character == '"' && !escaped;
            escaped = *character == '\\' && !escaped;
            closes
        });
        end.map_or(rest.len(), |(at, _)| at + 1)
    } else if is_word(first) {
        rest.find(|character| !is_word(character)).unwrap_or(rest.len())
    } else {
        first.len_utf8()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn comments_and_strings_hide_what_they_hold() {
        let source = "// @id(\"a\"); permit\n@id(\"b;\\\"\") forbid(x) when { context has \"n\" };\npermit(y);";
        let statements = statements(source);
        assert_eq!(statements.len(), 2);
        assert_eq!(statements[0].start(), source.find("@id(\"b").unwrap());
        assert_eq!(statements[0].annotation("id"), source.find("@id(\"b").unwrap());
        assert_eq!(statements[0].has("n"), source.find("has").unwrap());
        assert_eq!(statements[1].start(), source.find("permit(y)").unwrap());
    }

    proptest! {
        #[test]
        fn any_text_is_cut_into_tokens_at_their_offsets(source in "[ -~\\n\"\\\\é]{0,60}") {
            let mut end = 0;
            for token in tokens(&source) {
                prop_assert!(token.offset >= end && !token.text.is_empty());
                prop_assert_eq!(source.get(token.offset..token.offset + token.text.len()), Some(token.text));
                end = token.offset + token.text.len();
            }
        }
    }
}
