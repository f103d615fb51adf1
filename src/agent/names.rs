//! Names of agents, people, roles and groups.

use std::sync::Arc;

use super::RegistryError;

/// Longest name, role or group.
const MAX_NAME: usize = 63;

/// `[a-z0-9][a-z0-9._-]{0,62}`: safe in a URL, a policy, a column and a terminal, and no two look alike.
pub(super) fn check_name(name: &str) -> Result<Arc<str>, RegistryError> {
    let of_alphabet = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let well_formed = name.len() <= MAX_NAME
        && name.bytes().next().is_some_and(of_alphabet)
        && name.bytes().all(|byte| of_alphabet(byte) || b"._-".contains(&byte));
    match well_formed {
        true => Ok(name.into()),
        false => Err(RegistryError::Name(name.to_owned())),
    }
}

/// Names without repetition, in the order of the alphabet.
pub(super) fn check_names(names: &[String]) -> Result<Vec<Arc<str>>, RegistryError> {
    let mut names: Vec<Arc<str>> = names.iter().map(|name| check_name(name)).collect::<Result<_, _>>()?;
    names.sort_unstable();
    names.dedup();
    Ok(names)
}
