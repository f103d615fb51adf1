//! XML 1.0, read in exactly one way or not at all.
//!
//! The document that fields are read from: the root is an object with one member. An element that holds elements or
//! attributes is an object, whose members are the lists of the elements of each name, in order, also where there is one
//! only, so that one path finds one and many: `$.Delete.Object[*].Key[*]`. An element that holds neither is its text,
//! as it stands. An attribute is the member `@name`, the text beside attributes `#text`. Between elements there is
//! nothing but white space. Namespaces are left out, which is why the whole document must be in one, and prefixes,
//! comments, CDATA, processing instructions and DTDs (so any entity but the five) are refused.

use roxmltree::{Node, ParsingOptions};
use serde_json::{Map, Value};

/// How deep elements may be nested.
const MAX_DEPTH: usize = 64;
/// How many elements, attributes and texts a document may hold.
const MAX_NODES: usize = 100_000;
/// How many attributes an element may have.
const MAX_ATTRIBUTES: usize = 64;

/// Why content is not one XML document that everybody reads alike. Tells no value: it may be secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Error {
    #[error("it is not UTF-8, or says that it is not")]
    Encoding,
    #[error("it starts with a byte order mark")]
    ByteOrderMark,
    #[error("it is not well-formed XML")]
    Syntax,
    #[error("it holds a comment, CDATA, a processing instruction or a DTD")]
    Markup,
    #[error("it has names with prefixes, or is in more than one namespace")]
    Namespaces,
    #[error("it has text beside elements")]
    Mixed,
    #[error("it is nested deeper than 64 levels")]
    TooDeep,
    #[error("it holds more than 100,000 values, or an element has more than 64 attributes")]
    TooMany,
}

/// Reads one document.
///
/// SECURITY: comments and CDATA split a text for some readers only, a DTD defines what text is, prefixes name one
/// element in many ways, and readers that drop namespaces merge what others keep apart (test
/// `what_two_servers_may_read_differently_is_refused`).
pub(super) fn parse(bytes: &[u8]) -> Result<Value, Error> {
    if bytes.starts_with(b"\xef\xbb\xbf") {
        return Err(Error::ByteOrderMark);
    }
    let text = std::str::from_utf8(bytes).map_err(|_| Error::Encoding)?;
    let text = without_declaration(text)?;
    check_tags(text)?;
    let options = ParsingOptions {
        allow_dtd: false,
        nodes_limit: u32::try_from(MAX_NODES).unwrap_or(u32::MAX),
        ..ParsingOptions::default()
    };
    let document = roxmltree::Document::parse_with_options(text, options).map_err(|error| {
        let too_many = matches!(error, roxmltree::Error::NodesLimitReached);
        if too_many { Error::TooMany } else { Error::Syntax }
    })?;
    let root = document.root_element();
    let namespace = root.tag_name().namespace();
    let mut nodes = 0;
    let value = element(root, namespace, &mut nodes)?;
    Ok(Value::Object(Map::from_iter([(
        root.tag_name().name().to_owned(),
        value,
    )])))
}

/// What follows `<?xml version="1.0" encoding="UTF-8" standalone="yes"?>`, each part of which may be left out.
fn without_declaration(text: &str) -> Result<&str, Error> {
    let Some(rest) = text.strip_prefix("<?xml") else {
        return Ok(text);
    };
    let (declaration, rest) = rest.split_once("?>").ok_or(Error::Syntax)?;
    let mut known = ["version", "encoding", "standalone"].into_iter();
    for part in declaration.split_ascii_whitespace() {
        let (name, value) = part.split_once('=').ok_or(Error::Syntax)?;
        let quoted = |quote| value.strip_prefix(quote)?.strip_suffix(quote);
        let value = quoted('"').or_else(|| quoted('\'')).ok_or(Error::Syntax)?;
        // In this order, each once.
        match known.find(|known| *known == name) {
            Some("version") if value == "1.0" => {}
            Some("encoding") if value.eq_ignore_ascii_case("utf-8") => {}
            Some("encoding") => return Err(Error::Encoding),
            Some("standalone") if value == "yes" || value == "no" => {}
            Some(_) | None => return Err(Error::Syntax),
        }
    }
    Ok(rest)
}

/// Refuses by its tags what would be read in two ways, or cost too much to be read.
///
/// SECURITY: attributes are compared with each other, and namespaces handed down, when a document is parsed: without
/// these bounds a few mebibytes keep a processor busy for hours (test `what_would_cost_too_much_is_refused`).
fn check_tags(text: &str) -> Result<(), Error> {
    let mut depth = 0usize;
    let mut rest = text;
    while let Some((_, tag)) = rest.split_once('<') {
        match tag.as_bytes().first() {
            Some(b'!' | b'?') => return Err(Error::Markup),
            Some(b'/') => depth = depth.saturating_sub(1),
            _ => depth += 1,
        }
        if depth > MAX_DEPTH {
            return Err(Error::TooDeep);
        }
        let (mut quote, mut attributes) = (None, 0);
        let end = tag.bytes().position(|byte| {
            match (quote, byte) {
                (Some(open), _) if open == byte => quote = None,
                (Some(_), _) => {}
                (None, b'"' | b'\'') => quote = Some(byte),
                (None, b'=') => attributes += 1,
                (None, b':') => attributes = usize::MAX,
                (None, _) => return byte == b'>',
            }
            attributes > MAX_ATTRIBUTES
        });
        match end {
            None => return Err(Error::Syntax),
            Some(_) if attributes == usize::MAX => return Err(Error::Namespaces),
            Some(_) if attributes > MAX_ATTRIBUTES => return Err(Error::TooMany),
            Some(end) => {
                let (head, after) = tag.split_at_checked(end).ok_or(Error::Syntax)?;
                depth = depth.saturating_sub(usize::from(head.ends_with('/') && !head.starts_with('/')));
                rest = after;
            }
        }
    }
    Ok(())
}

/// `nodes`: how many values there are so far. `check_tags` bounds the depth.
fn element(node: Node<'_, '_>, namespace: Option<&str>, nodes: &mut usize) -> Result<Value, Error> {
    *nodes += 1 + node.attributes().len();
    if *nodes > MAX_NODES {
        return Err(Error::TooMany);
    }
    if node.tag_name().namespace() != namespace {
        return Err(Error::Namespaces);
    }
    let mut members = Map::new();
    for attribute in node.attributes() {
        members.insert(format!("@{}", attribute.name()), attribute.value().into());
    }
    let mut content = String::new();
    let mut has_elements = false;
    for child in node.children() {
        if !child.is_element() {
            content.push_str(child.text().unwrap_or_default());
            continue;
        }
        has_elements = true;
        let value = element(child, namespace, nodes)?;
        let list = members.entry(child.tag_name().name());
        if let Value::Array(list) = list.or_insert_with(|| Value::Array(Vec::new())) {
            list.push(value);
        }
    }
    let blank = content.chars().all(|character| character.is_ascii_whitespace());
    match (has_elements, members.is_empty()) {
        (true, _) if !blank => Err(Error::Mixed),
        (true, _) => Ok(Value::Object(members)),
        (false, true) => Ok(Value::String(content)),
        (false, false) => {
            members.insert("#text".to_owned(), content.into());
            Ok(Value::Object(members))
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn read(text: &str) -> Result<Value, Error> {
        parse(text.as_bytes())
    }

    #[test]
    fn one_element_and_many_are_read_by_one_path() {
        let one = r#"<?xml version="1.0" encoding="UTF-8"?>
            <Delete xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Object><Key>a</Key></Object></Delete>"#;
        assert_eq!(read(one).unwrap(), json!({"Delete": {"Object": [{"Key": ["a"]}]}}));
        let many = "<Delete>\n <Object><Key>a &amp; &#x62; </Key></Object>\n <Quiet/><Object><Key/></Object></Delete>";
        assert_eq!(
            read(many).unwrap(),
            json!({"Delete": {"Object": [{"Key": ["a & b "]}, {"Key": [""]}], "Quiet": [""]}})
        );
        let attributes = r#"<A b="1" c='&lt;x>'>t<!---->"#.replace("<!---->", "</A>");
        assert_eq!(
            read(&attributes).unwrap(),
            json!({"A": {"@b": "1", "@c": "<x>", "#text": "t"}})
        );
    }

    #[test]
    fn what_two_servers_may_read_differently_is_refused() {
        for (text, error) in [
            ("\u{feff}<a/>", Error::ByteOrderMark),
            (r#"<?xml version="1.0" encoding="UTF-16"?><a/>"#, Error::Encoding),
            (r#"<?xml version="1.1"?><a/>"#, Error::Syntax),
            (r#"<?xml encoding="UTF-8" version="1.0"?><a/>"#, Error::Syntax),
            (
                r#"<?xml version="1.0" encoding="UTF-8" encoding="UTF-8"?><a/>"#,
                Error::Syntax,
            ),
            ("<a><!-- x --></a>", Error::Markup),
            ("<a>x<![CDATA[y]]></a>", Error::Markup),
            ("<a><?x y?></a>", Error::Markup),
            (" <?xml version=\"1.0\"?><a/>", Error::Markup),
            (r#"<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>"#, Error::Markup),
            ("<a>&x;</a>", Error::Syntax),
            ("<a>&#0;</a>", Error::Syntax),
            ("<a>x<b/></a>", Error::Mixed),
            ("<x:a xmlns:x=\"y\"/>", Error::Namespaces),
            ("<a xmlns:x=\"y\" x:b=\"1\"/>", Error::Namespaces),
            ("<a xmlns=\"x\"><b xmlns=\"y\"/></a>", Error::Namespaces),
            ("<a xmlns=\"x\"><b xmlns=\"\"/></a>", Error::Namespaces),
            ("<a xml:space=\"preserve\"/>", Error::Namespaces),
            ("<a b=\"1\" b=\"2\"/>", Error::Syntax),
            ("<a b=1/>", Error::Syntax),
            ("<a></b>", Error::Syntax),
            ("<a>", Error::Syntax),
            ("<a", Error::Syntax),
            ("<a/><a/>", Error::Syntax),
            ("<a/>x", Error::Syntax),
            ("x<a/>", Error::Syntax),
            ("", Error::Syntax),
            ("{}", Error::Syntax),
        ] {
            assert_eq!(read(text), Err(error), "{text}");
        }
        assert_eq!(parse(b"<a>\xff</a>"), Err(Error::Encoding));
    }

    #[test]
    fn what_would_cost_too_much_is_refused() {
        let nested = |depth: usize| format!("{}{}", "<a>".repeat(depth), "</a>".repeat(depth));
        assert!(read(&nested(64)).is_ok());
        assert_eq!(read(&nested(65)), Err(Error::TooDeep));
        assert_eq!(read(&nested(500_000)), Err(Error::TooDeep));
        assert!(read(&format!("<a>{}</a>", "<b/>".repeat(90_000))).is_ok());
        assert_eq!(read(&format!("<a>{}</a>", "<b/>".repeat(100_000))), Err(Error::TooMany));
        let attributes: String = (0..500_000).map(|at| format!(" a{at}=\">\"")).collect();
        assert_eq!(read(&format!("<a{attributes}/>")), Err(Error::TooMany));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(&bytes);
        }

        #[test]
        fn any_markup_is_read_or_refused(text in r#"(<|</|/>|>|a|b|=|"|'|:|!|\?|&|;|#|x| |-|\[|\]){0,60}"#) {
            let _ = read(&text);
        }

        #[test]
        fn a_text_is_read_as_it_was_meant(text in r#"[a-z<>&"' \t\u{e9}\u{1f600}]{0,40}"#) {
            let escaped = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
            let document = format!("<a>{escaped}</a>");
            prop_assert_eq!(read(&document).unwrap(), json!({ "a": text }));
        }
    }
}
