//! Operations that calls name.

use std::collections::HashMap;

use http::HeaderName;

use crate::mapping::document::Sought;
use crate::mapping::service::Operation;
use crate::model::{Call, Reason, Refusal};

/// Operations by a name in a parameter, a header field or the path.
pub(in crate::mapping) struct Names {
    pub source: NameSource,
    /// Where the name is looked for, if in a parameter.
    pub sought: Sought,
    pub exact: HashMap<Box<str>, Operation>,
    /// Beginnings, longest first.
    pub prefixes: Vec<(Box<str>, Operation)>,
    /// Names are told with the version that the call says, too.
    pub versioned: bool,
}

pub(in crate::mapping) enum NameSource {
    Parameter(Box<str>),
    Header {
        name: HeaderName,
        prefix: Box<str>,
    },
    /// What follows this beginning of the path.
    Path(Box<str>),
}

/// Letters and digits that a name may have.
const MAX_NAME: usize = 128;

impl Names {
    /// What an operation of that name is found by.
    pub(in crate::mapping) fn key(&self, version: Option<&str>, name: &str) -> String {
        match self.versioned {
            true => format!("{}/{name}", version.unwrap_or_default()),
            false => name.to_owned(),
        }
    }

    /// The operation of that name; a rule in bulk only for what can be a name.
    pub(in crate::mapping) fn find(&self, name: &str) -> Option<&Operation> {
        if let Some(operation) = self.exact.get(name) {
            return Some(operation);
        }
        match name.len() <= MAX_NAME && name.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            true => self
                .prefixes
                .iter()
                .find(|(prefix, _)| name.starts_with(&**prefix))
                .map(|(_, operation)| operation),
            false => None,
        }
    }
}

impl NameSource {
    /// The name in a path, if that is where it is.
    pub(in crate::mapping) fn in_path<'a>(&self, path: &'a str) -> Option<&'a str> {
        match self {
            NameSource::Path(prefix) => path.strip_prefix(&**prefix),
            NameSource::Parameter(_) | NameSource::Header { .. } => None,
        }
    }

    /// The name in the header field, if that is where it is. A field that is there twice is refused.
    pub(in crate::mapping) fn in_header<'a>(&self, call: &'a Call) -> Result<Option<&'a str>, Refusal> {
        match self {
            NameSource::Parameter(_) | NameSource::Path(_) => Ok(None),
            NameSource::Header { name, prefix } => {
                let mut values = call.headers.get_all(name).iter();
                match (values.next(), values.next()) {
                    (None, _) => Ok(None),
                    (Some(value), None) => Ok(value.to_str().ok().and_then(|value| value.strip_prefix(&**prefix))),
                    // SECURITY: servers take the first or the last (test `r_two_targets_are_refused`).
                    (Some(_), Some(_)) => Err(Refusal::new(
                        Reason::Malformed,
                        format!("the header field {name} is there twice"),
                    )),
                }
            }
        }
    }
}
