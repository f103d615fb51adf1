//! What may stand where a pattern has a region of AWS.

use super::{AWS, Label, Pattern};

impl Pattern {
    /// Whether what would be the region in these labels may be one.
    ///
    /// SECURITY: `ours.s3.s3.amazonaws.com` is the bucket `ours.s3`, and not `ours` in a region `s3` (test
    /// `a_first_label_that_may_be_several_is_all_in_front`).
    pub(super) fn takes_region(&self, labels: &[&str]) -> bool {
        let any_aws = matches!(self.labels.last(), Some(Label::Text(last)) if **last == *AWS);
        let odd = |(label, found): (&Label, &&str)| {
            matches!(label, Label::Capture(name) if **name == *"region") && is_word(found)
        };
        !any_aws || !self.labels.iter().zip(labels).any(odd)
    }
}

/// Whether it is a word of S3's own hosts, which is no region: `s3`, `s3-accelerate`, `dualstack`.
fn is_word(label: &str) -> bool {
    label.starts_with("s3") || label == "dualstack"
}
