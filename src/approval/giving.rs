//! Grants on their way to the disk for the first time.

use super::Approvals;
use crate::model::grant::{Grant, GrantRow};

/// Grants that people give at this moment. Dropped, they are not known here, whatever is on disk.
///
/// SECURITY: a step of the wall clock is told behind the ends of what was given before it: these are waited for, and end at once.
/// Test: `a_grant_that_was_on_its_way_as_the_clock_was_set_back_counts_for_nothing`.
#[must_use]
pub struct Giving {
    approvals: Approvals,
    grants: Vec<Grant>,
}

impl Approvals {
    /// To be called before the grants are sent to the disk.
    pub fn giving(&self, grants: Vec<Grant>) -> Giving {
        self.grants().begin(&grants);
        Giving {
            approvals: self.clone(),
            grants,
        }
    }
}

impl Giving {
    pub fn grants(&self) -> &[Grant] {
        &self.grants
    }

    /// They are on disk.
    pub fn given(mut self) {
        for grant in std::mem::take(&mut self.grants) {
            self.approvals.put_grant(GrantRow {
                grant,
                used: 0,
                ended: None,
            });
        }
    }
}

impl Drop for Giving {
    fn drop(&mut self) {
        self.approvals.grants().not_given(&self.grants);
    }
}
