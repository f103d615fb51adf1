//! What may stand where a pattern has a region of AWS.

use super::{AWS, Label, Pattern};

/// Words of S3's own hosts, which are no regions.
const WORDS: [&str; 2] = ["s3", "dualstack"];

impl Pattern {
    /// Whether what would be the region in these labels may be one.
    ///
    /// SECURITY: `ours.s3.s3.amazonaws.com` is the bucket `ours.s3`, and not `ours` in a region `s3` (test
    /// `a_first_label_that_may_be_several_is_all_in_front`).
    pub(super) fn takes_region(&self, labels: &[&str]) -> bool {
        let any_aws = matches!(self.labels.last(), Some(Label::Text(last)) if **last == *AWS);
        let odd = |(label, found): (&Label, &&str)| {
            matches!(label, Label::Capture(name) if **name == *"region") && WORDS.contains(found)
        };
        !any_aws || !self.labels.iter().zip(labels).any(odd)
    }
}
