//! Path templates of descriptions → templates of mappings.

/// Characters of an operation's name.
const MAX_NAME: usize = 200;

/// A template as mappings have it, with the ending by which the answer's format is chosen, if `formats` and it has one.
///
/// # Errors
/// Why no path can be told by it.
pub(super) fn read(path: &str, formats: bool) -> Result<(String, Option<String>), String> {
    if path.contains(['?', '#']) {
        return Err("it is told apart by its query, which is another operation's too".to_owned());
    }
    let (path, format) = match path.strip_suffix(".json").filter(|_| formats) {
        Some(bare) => (bare, Some(".json".to_owned())),
        None => (path, None),
    };
    let mut names: Vec<String> = Vec::new();
    let mut segments = Vec::new();
    for segment in path.split('/').skip(1) {
        let (Some(open), Some(close)) = (segment.find('{'), segment.rfind('}')) else {
            segments.push(segment.to_owned());
            continue;
        };
        let (before, rest) = segment.split_at(open);
        let (name, after) = rest.split_at(close.checked_sub(open).ok_or("its braces are not in pairs")?);
        // Several in one segment are one to whoever only needs to know where they end.
        let name: String = name
            .trim_start_matches(['{', '+'])
            .chars()
            .map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '_' })
            .collect();
        let mut name = name.trim_matches('_').to_owned();
        while names.contains(&name) || name.is_empty() {
            name.push_str("_2");
        }
        names.push(name.clone());
        segments.push(format!("{before}{{{name}}}{}", after.trim_start_matches('}')));
    }
    Ok((format!("/{}", segments.join("/")), format))
}

/// Whether a provider's word can stand for an operation in records and rules.
pub(super) fn is_name(name: &str) -> bool {
    !name.is_empty() && name.len() <= MAX_NAME && name.bytes().all(|byte| byte.is_ascii_graphic())
}

/// `http-intake.logs.example.com` → `http-intake`
pub(super) fn slug(host: Option<&String>) -> String {
    let first = host
        .map_or("other", String::as_str)
        .split('.')
        .next()
        .unwrap_or("other");
    first.trim_matches(['{', '}']).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_is_one_parameter_a_segment() {
        for (path, expected) in [
            ("/v1/items/{item-id}", "/v1/items/{item_id}"),
            (
                "/repos/{owner}/compare/{base}...{head}",
                "/repos/{owner}/compare/{base_____head}",
            ),
            ("/v1/{+name}:cancel", "/v1/{name}:cancel"),
            ("/a/{x}/b/{x}", "/a/{x}/b/{x_2}"),
            ("/", "/"),
        ] {
            assert_eq!(read(path, false).unwrap().0, expected, "{path}");
        }
        assert_eq!(
            read("/Accounts/{Sid}.json", true).unwrap(),
            ("/Accounts/{Sid}".to_owned(), Some(".json".to_owned()))
        );
        assert!(read("/responses?beta=true", false).is_err());
        assert!(read("/a/}x{", false).is_err());
    }
}
