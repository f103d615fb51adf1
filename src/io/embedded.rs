//! Files that ship inside the binary.

use include_dir::{Dir, include_dir};

pub static MAPPINGS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/mappings");
pub static POLICIES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/policies");

/// The text of a shipped mapping: `generated/stripe.yaml`.
pub fn mapping(name: &str) -> Option<&'static str> {
    MAPPINGS.get_file(name)?.contents_utf8()
}
