//! What the registry refuses.

/// Why the registry was not changed, or not made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RegistryError {
    #[error("`{0}` is no name: expected 1 to 63 of a-z 0-9 . _ - that begin with a letter or digit")]
    Name(String),
    #[error("`{0}` is kept for the agent that serves while none is registered: choose another name")]
    Reserved(String),
    #[error("`{0}` is already registered")]
    Taken(String),
    #[error("`{0}` is declared in runplane.yaml: change it there")]
    Declared(String),
    #[error("nobody is registered as `{0}`")]
    Unknown(String),
    #[error("`{0}` is disabled")]
    Disabled(String),
    #[error("the owner `{0}` is no person that is registered and not disabled: add them first")]
    OwnerUnknown(String),
    #[error("`{0}` would leave nobody who is in the group `owner`: add another such person first")]
    LastOwner(String),
    #[error("`{0}` is declared twice")]
    Twice(String),
    #[error("key_sha256 of `{0}` is not 64 hexadecimal digits: give the SHA-256 of the key")]
    Hash(String),
    #[error("`{0}` and `{1}` have the same key: each needs one of its own, and an agent's key must decide nothing")]
    SameKey(String, String),
}
