//! What wires clients that no variable reaches: one file for Node, one for Python.

use std::path::{Path, PathBuf};

use crate::app::public;

const NODE: &str = include_str!("preload/node/preload.cjs");
const PYTHON: &str = include_str!("preload/python/sitecustomize.py");

/// Where they are.
pub(super) struct Preloads {
    /// For `--require`.
    pub(super) node: PathBuf,
    /// For `PYTHONPATH`.
    pub(super) python: PathBuf,
}

/// Writes them into the directory that the command may read.
///
/// # Errors
/// If they cannot be written.
pub(super) fn write(directory: &Path) -> anyhow::Result<Preloads> {
    let (node, python) = (directory.join("node/preload.cjs"), directory.join("python"));
    public::write(&node, NODE.as_bytes())?;
    public::write(&python.join("sitecustomize.py"), PYTHON.as_bytes())?;
    Ok(Preloads { node, python })
}
