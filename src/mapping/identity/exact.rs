//! Pairs, exactly.

use crate::mapping::form;

/// One pair of a query or form, read so that nothing in which readers differ is lost.
pub(super) struct Exact {
    pub name: Vec<u8>,
    /// None where there is no `=`.
    pub value: Option<Vec<u8>>,
}

impl Exact {
    /// The pairs in the order sent; `None` where `;` or an odd escape lets readers differ in what the pairs are.
    ///
    /// SECURITY: what was approved must not run as something else. `a=b;c=d` is one pair or two, `+` a space or a plus,
    /// `a` the same as `a=` or not (tests `another_reading_is_another_call`, `what_any_reader_tells_apart_is_not_shared`).
    pub(super) fn read(text: &str) -> Option<Vec<Self>> {
        if text.contains(';') || form::pairs(text).is_err() {
            return None;
        }
        let pairs = text.split('&').filter(|pair| !pair.is_empty());
        let pairs = pairs.map(|pair| match pair.split_once('=') {
            Some((name, value)) => Self {
                name: exact(name),
                value: Some(exact(value)),
            },
            None => Self {
                name: exact(pair),
                value: None,
            },
        });
        Some(pairs.collect())
    }
}

/// Without its escapes; a `+` that was sent as it stands becomes a byte that no text holds, and stays apart from `%20`
/// and `%2B`.
///
/// SECURITY: it takes no more memory than the text: 40 bytes for each `+` made a gigabyte of one form (tests
/// `eight_mebibytes_of_plus_signs_take_no_more_than_their_length`, `a_form_of_plus_signs_is_held_in_little_memory`).
pub(in crate::mapping) fn exact(text: &str) -> Vec<u8> {
    const PLUS: u8 = 0xFF;
    let mut out = Vec::with_capacity(text.len());
    for (at, part) in text.split('+').enumerate() {
        if at > 0 {
            out.push(PLUS);
        }
        out.extend_from_slice(form::decode(part, false).unwrap_or_default().as_bytes());
    }
    out
}

/// A query as far as it could be understood.
pub(super) enum Query<'a> {
    Absent,
    Pairs(Vec<Exact>),
    Odd(&'a str),
}

impl<'a> Query<'a> {
    pub(super) fn read(query: Option<&'a str>) -> Self {
        match query.map(|query| (query, Exact::read(query))) {
            None => Query::Absent,
            Some((_, Some(pairs))) => Query::Pairs(pairs),
            Some((query, None)) => Query::Odd(query),
        }
    }
}
