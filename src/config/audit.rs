//! `audit:` of `runplane.yaml`.

use std::path::PathBuf;

use serde::Deserialize;

use super::home::Home;

/// How the trail is sealed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Audit {
    /// The file that takes each checkpoint.
    pub publish: Option<PathBuf>,
    /// Go on with a trail that is older than the checkpoint in that file, or than the one that was signed last.
    pub accept_rollback: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Section {
    publish: Publish,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Publish {
    file: Option<PathBuf>,
}

impl Section {
    /// A relative path is one in the home.
    pub(super) fn read(self, home: &Home, accept_rollback: bool) -> Audit {
        Audit {
            publish: self.publish.file.map(|file| home.path().join(file)),
            accept_rollback,
        }
    }
}
