//! CSV and CEF as their readers take them apart.

use std::collections::BTreeMap;

/// As RFC 4180 has it, by a reader that knows nothing else.
pub(super) fn csv_rows(text: &str) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    for line in text.split_terminator("\r\n") {
        let (mut cells, mut rest) = (Vec::new(), line);
        loop {
            let (cell, after) = match rest.strip_prefix('"') {
                None => rest.split_at(rest.find(',').unwrap_or(rest.len())),
                Some(quoted) => {
                    let mut end = 0;
                    loop {
                        end += quoted[end..].find('"').expect("a quote that ends");
                        match quoted[end + 1..].starts_with('"') {
                            true => end += 2,
                            false => break,
                        }
                    }
                    (&quoted[..end], &quoted[end + 1..])
                }
            };
            cells.push(cell.replace("\"\"", "\""));
            match after.strip_prefix(',') {
                Some(more) => rest = more,
                None => {
                    assert_eq!(after, "", "behind a cell: {line}");
                    break;
                }
            }
        }
        rows.push(cells);
    }
    rows
}

/// The header's fields, and the extension's pairs.
pub(super) fn cef_read(line: &str) -> (Vec<String>, BTreeMap<String, String>) {
    let (mut fields, mut field, mut characters) = (Vec::new(), String::new(), line.chars());
    while fields.len() < 7 {
        match characters.next().expect("seven fields") {
            '\\' => field.extend(characters.next()),
            '|' => fields.push(std::mem::take(&mut field)),
            plain => field.push(plain),
        }
    }
    let (mut pairs, mut text) = (BTreeMap::new(), String::new());
    let mut name: Option<String> = None;
    let mut put = |name: Option<String>, value: &str| {
        if let Some(name) = name {
            assert_eq!(pairs.insert(name.clone(), value.to_owned()), None, "{name} twice");
        }
    };
    while let Some(character) = characters.next() {
        match character {
            '\\' => match characters.next().unwrap() {
                'n' => text.push('\n'),
                'r' => text.push('\r'),
                escaped => text.push(escaped),
            },
            '=' => {
                let (value, key) = text.rsplit_once(' ').unwrap_or(("", &text));
                put(name.take(), value);
                name = Some(key.to_owned());
                text = String::new();
            }
            plain => text.push(plain),
        }
    }
    put(name, &text);
    (fields, pairs)
}
