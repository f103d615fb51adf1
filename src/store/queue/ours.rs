//! Approvals as this process put them to the disk, also where nobody knows whether they reached it.

use std::collections::{HashSet, VecDeque};
use std::sync::{Mutex, PoisonError};

use sha2::{Digest, Sha256};

use crate::model::Change;
use crate::model::change::ApprovalRow;

/// What is older than so many changes is not known any more, as if it were not ours.
const AT_MOST: usize = 16 * 1024;

type Sum = [u8; 32];

#[derive(Debug, Default)]
pub(in crate::store) struct Ours(Mutex<Sums>);

#[derive(Debug, Default)]
struct Sums {
    all: HashSet<Sum>,
    /// Oldest first.
    order: VecDeque<Sum>,
}

impl Ours {
    pub(super) fn put(&self, changes: &[Change]) {
        let rows = changes.iter().filter_map(|change| {
            if let Change::ApprovalHeld(row) | Change::ApprovalMoved(row) | Change::ApprovalErased(row) = change {
                return sum(row);
            }
            None
        });
        for sum in rows {
            let mut sums = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if sums.all.insert(sum) {
                sums.order.push_back(sum);
            }
            if sums.order.len() > AT_MOST
                && let Some(oldest) = sums.order.pop_front()
            {
                sums.all.remove(&oldest);
            }
        }
    }

    pub(in crate::store) fn has(&self, row: &ApprovalRow) -> bool {
        let sums = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sum(row).is_some_and(|sum| sums.all.contains(&sum))
    }
}

/// A row that cannot be written is nobody's.
fn sum(row: &ApprovalRow) -> Option<Sum> {
    let bytes = serde_json::to_vec(row).ok()?;
    Some(Sha256::digest(bytes).into())
}
