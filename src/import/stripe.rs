//! Stripe's operations from the sources of its Python package: a tree of services, of which each method makes one request.
//!
//! The names are those of the package (`customers.payment_methods.list`), as Stripe's documentation and other packages have them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::evidence::{self, Known};
use super::meaning::{self, Named};
use super::{Draft, ImportError, LeftOut, Operation, Origin, files, template};

/// Where the tree begins, and what its names begin with.
const ROOTS: [(&str, &str); 2] = [("_v1_services", ""), ("_v2_services", "v2.")];
/// Services within services.
const MAX_DEPTH: usize = 8;
/// Services of all.
const MAX_SERVICES: usize = 2_000;
const METHODS: [&str; 5] = ["delete", "get", "patch", "post", "put"];
/// The address of all but a few.
const API: &str = "api";

/// Reads the package in `directory` (`stripe/` of the wheel), and what was left out of it.
///
/// # Errors
/// What cannot be read, or is not as the package has it: then nothing is made.
pub fn read(directory: &Path) -> Result<(Draft, LeftOut), ImportError> {
    let mut tree = Tree {
        directory,
        services: 0,
        draft: Draft {
            name: "stripe".to_owned(),
            provider: "stripe".to_owned(),
            title: "Stripe".to_owned(),
            hosts: BTreeSet::from(["api.stripe.com".to_owned()]),
            content: BTreeMap::from([
                ("application/json".to_owned(), "json"),
                ("application/x-www-form-urlencoded".to_owned(), "form"),
            ]),
            secret: BTreeSet::from(["cookie".to_owned()]),
            ..Draft::default()
        },
        left_out: LeftOut::new(),
    };
    let version = tree.source(&["_version"])?;
    tree.draft.origin = Origin {
        by: "stripe",
        source: "stripe".to_owned(),
        version: behind(&version, "VERSION = ").ok_or_else(|| tree.unlike("_version", "`VERSION`"))?,
    };
    for (module, prefix) in ROOTS {
        let text = tree.source(&[module])?;
        tree.below(&text, prefix, 0)?;
    }
    match tree.draft.operations.is_empty() {
        true => Err(tree.unlike("_v1_services", "services that make requests")),
        false => Ok((tree.draft, tree.left_out)),
    }
}

struct Tree<'a> {
    directory: &'a Path,
    services: usize,
    draft: Draft,
    left_out: LeftOut,
}

impl Tree<'_> {
    /// The text of a module: `["v2", "_core_service"]`. Its parts are words, so that it lies in the package.
    fn source(&self, module: &[&str]) -> Result<String, ImportError> {
        let name = format!("{}.py", module.join("/"));
        let bytes = files::bytes(&name, &self.directory.join(&name))?;
        String::from_utf8(bytes).map_err(|error| ImportError::Unreadable {
            file: name,
            what: error.to_string(),
        })
    }

    fn unlike(&self, module: &str, expected: &'static str) -> ImportError {
        ImportError::Unexpected {
            file: self.directory.join(format!("{module}.py")).display().to_string(),
            expected,
            found: "none".to_owned(),
        }
    }

    /// The services that a module says stand below it.
    fn below(&mut self, text: &str, prefix: &str, depth: usize) -> Result<(), ImportError> {
        let table = text.split_once("_subservices = {").map_or("", |(_, rest)| rest);
        let table: Vec<&str> = strings(table.split('}').next().unwrap_or_default()).collect();
        for entry in table.chunks(3) {
            let [name, module, class] = entry else { continue };
            self.services += 1;
            if self.services > MAX_SERVICES || depth > MAX_DEPTH {
                return Err(ImportError::TooMany {
                    file: self.directory.display().to_string(),
                    limit: MAX_SERVICES,
                    what: "services",
                });
            }
            let module: Vec<&str> = module.split('.').skip(1).collect();
            // SECURITY: an empty part would begin the path at the root (test `a_module_lies_in_the_package`).
            if !is_name(name) || !module.iter().all(|part| is_name(part)) {
                continue;
            }
            let text = self.source(&module)?;
            let prefix = format!("{prefix}{name}.");
            self.methods(class_of(&text, class), &prefix);
            self.below(&text, &prefix, depth + 1)?;
        }
        Ok(())
    }

    fn methods(&mut self, class: &str, prefix: &str) {
        // What stands before the first one is no method.
        for method in class.split("\n    def ").skip(1) {
            let name = method.split('(').next().unwrap_or_default();
            // The same call once more, in another way.
            let body = method.split("\n    async def ").next().unwrap_or_default();
            if is_name(name) && !name.starts_with('_') {
                self.method(&format!("{prefix}{name}"), name, body);
            }
        }
    }

    fn method(&mut self, name: &str, own: &str, body: &str) {
        let request = body.split_once("self._request").map_or("", |(_, request)| request);
        let mut told = strings(request);
        let (Some(method), Some(path)) = (told.next(), told.next()) else {
            return;
        };
        if !METHODS.contains(&method) || !path.starts_with('/') {
            return;
        }
        let method = method.to_ascii_uppercase();
        let address = behind(request, "base_address=").unwrap_or_else(|| API.to_owned());
        let template = match template::read(path, false) {
            Ok((template, _)) if address == API => template,
            Ok(_) => {
                let why = format!("it is called at another address of Stripe's ({address})");
                return drop(self.left_out.insert(name.to_owned(), why));
            }
            Err(why) => return drop(self.left_out.insert(name.to_owned(), why)),
        };
        let judged = evidence::judge(&Known {
            method: Some(&method),
            name: own,
            path,
            ..Known::default()
        });
        let operation = Operation {
            calls: BTreeSet::from([format!("{method} {template}")]),
            judged,
            action: meaning::action(&Named {
                access: judged.access,
                name,
                path,
                method: Some(&method),
            }),
            more: Vec::new(),
        };
        self.draft.add(name.to_owned(), operation);
    }
}

/// A class's text.
fn class_of<'a>(text: &'a str, class: &str) -> &'a str {
    let Some(start) = text.find(&format!("\nclass {class}(")) else {
        return "";
    };
    let rest = text.get(start + 1..).unwrap_or_default();
    rest.get(..rest.find("\nclass ").unwrap_or(rest.len())).unwrap_or(rest)
}

/// The string behind some words.
fn behind(text: &str, words: &str) -> Option<String> {
    let (_, rest) = text.split_once(words)?;
    strings(rest)
        .next()
        .map(str::to_owned)
        .filter(|_| rest.starts_with('"'))
}

/// The strings of a text; none of them has quotes in it.
fn strings(text: &str) -> impl Iterator<Item = &str> {
    text.split('"').skip(1).step_by(2)
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests;
