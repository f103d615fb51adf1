//! Whether the agent can go round us: said at start, and recorded.

/// Who keeps the agent from going round this proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Enforcement {
    /// Nobody that we know of.
    Advisory,
    /// `exec` started this sidecar, and confines the one command it was started for; with these means.
    Exec(String),
}

impl Enforcement {
    /// As the entry `boot` has it.
    pub(super) fn recorded(&self) -> String {
        match self {
            Self::Advisory => "advisory".to_owned(),
            Self::Exec(means) => format!("enforced (exec): {means}"),
        }
    }

    /// As a person reads it.
    pub(super) fn told(&self) -> String {
        match self {
            Self::Advisory => {
                "advisory: an agent under the same user can go round this proxy and read these files (`runplane exec` \
                 confines it)"
                    .to_owned()
            }
            Self::Exec(_) => self.recorded(),
        }
    }
}
