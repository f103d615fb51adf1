//! The organisation's own mail domains.

use std::collections::BTreeSet;

use crate::io::yaml::Located;
use crate::model::{Diagnostic, Source};

/// Domains that are the organisation's own, in lower case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Domains {
    whole: BTreeSet<String>,
    /// `.example.com`: all below it, not itself.
    below: BTreeSet<String>,
}

impl Domains {
    /// Whether any was named: else nobody can tell who is outside.
    pub fn is_configured(&self) -> bool {
        !(self.whole.is_empty() && self.below.is_empty())
    }

    /// SECURITY: `example.com.evil.test` and `notexample.com` are other people's, and so is `sub.example.com` unless the file
    /// says otherwise: anybody may have been given it (test `a_domain_is_ours_if_it_is_named_and_only_then`).
    pub fn is_ours(&self, domain: &str) -> bool {
        let under = |suffix: &String| domain.strip_suffix(&**suffix).is_some_and(|name| !name.is_empty());
        self.whole.contains(domain) || self.below.iter().any(under)
    }

    /// Reads the list; what is wrong goes to `wrong`.
    pub(super) fn read(names: &[Located<String>], source: &Source, wrong: &mut Vec<Diagnostic>) -> Domains {
        let mut domains = Domains::default();
        for name in names {
            let (set, domain) = match name.value.strip_prefix("*.") {
                Some(parent) => (&mut domains.below, format!(".{parent}")),
                None => (&mut domains.whole, name.value.clone()),
            };
            if let Some(problem) = problem(domain.trim_start_matches('.'), &name.value) {
                wrong.push(name.diagnostic(source, problem));
            } else if !set.insert(domain) {
                wrong.push(name.diagnostic(source, format!("`{}` is named twice", name.value)));
            }
        }
        domains
    }
}

fn problem(domain: &str, written: &str) -> Option<String> {
    let label = |label: &str| {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        !label.is_empty() && label.len() < 64 && label.bytes().all(plain) && !label.starts_with('-')
    };
    if domain.split('.').all(label) && domain.contains('.') && domain.len() < 254 {
        return None;
    }
    let meant = domain.trim_start_matches('@').trim_matches('.').to_ascii_lowercase();
    let meant = meant.rsplit_once('@').map_or(&*meant, |(_, domain)| domain);
    let fits = meant != domain && meant.contains('.') && meant.split('.').all(label);
    let hint = match fits {
        true => format!(" (did you mean `{meant}`?)"),
        false => String::new(),
    };
    Some(format!(
        "`{written}` is no domain: expected one such as `example.com`, or `*.example.com` for all below it, in lower case and \
         as DNS has it (`xn--…`){hint}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(names: &[&str]) -> Result<Domains, Vec<String>> {
        let source = Source {
            file: "targets.yaml".to_owned(),
            text: String::new(),
        };
        let names: Vec<_> = names
            .iter()
            .map(|name| Located {
                value: (*name).to_owned(),
                line: 1,
                column: 1,
            })
            .collect();
        let mut wrong = Vec::new();
        let domains = Domains::read(&names, &source, &mut wrong);
        match wrong.is_empty() {
            true => Ok(domains),
            false => Err(wrong.into_iter().map(|wrong| wrong.message).collect()),
        }
    }

    #[test]
    fn a_domain_is_ours_if_it_is_named_and_only_then() {
        let domains = read(&["example.com", "*.example.org"]).unwrap();
        for ours in ["example.com", "a.example.org", "a.b.example.org"] {
            assert!(domains.is_ours(ours), "{ours}");
        }
        for theirs in [
            "",
            "com",
            "a.example.com",
            "notexample.com",
            "example.com.evil.test",
            "example.com.",
            "example.org",
            ".example.org",
            "notexample.org",
            "example.org.evil.test",
            "exаmple.com",
        ] {
            assert!(!domains.is_ours(theirs), "{theirs}");
        }
        assert!(domains.is_configured() && !read(&[]).unwrap().is_configured());
    }

    #[test]
    fn what_is_no_domain_is_refused_with_what_was_meant() {
        for (wrong, meant) in [
            ("Example.com", "did you mean `example.com`?"),
            ("@example.com", "did you mean `example.com`?"),
            ("bob@example.com", "did you mean `example.com`?"),
            ("example.com.", "did you mean `example.com`?"),
            ("com", "expected one such as"),
            ("*.com", "expected one such as"),
            ("*", "expected one such as"),
            ("a*.example.com", "expected one such as"),
            ("exämple.com", "xn--"),
            ("", "expected one such as"),
        ] {
            let messages = read(&["fine.test", wrong]).unwrap_err();
            assert!(
                messages.len() == 1 && messages[0].contains(meant),
                "{wrong}: {messages:?}"
            );
        }
        assert_eq!(read(&["a.test", "a.test"]).unwrap_err(), ["`a.test` is named twice"]);
    }
}
