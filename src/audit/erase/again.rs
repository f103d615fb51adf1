//! What was erased before: after a crash, or where the disk failed, it may still be in memory, and traces of it in the file.

use std::collections::BTreeSet;

use super::{EraseError, each, members};
use crate::model::change::ApprovalRow;
use crate::model::entry::Kind;
use crate::model::grant::Grant;
use crate::model::{ApprovalId, GrantId};
use crate::store::Reader;

/// All rows that entries say to be without values, as they are on disk.
#[derive(Debug, Default)]
pub struct Again {
    pub approvals: Vec<ApprovalRow>,
    pub grants: Vec<Grant>,
}

impl Again {
    /// `None`: nothing was ever erased.
    pub(super) fn read(reader: &Reader) -> Result<Option<Self>, EraseError> {
        let (mut is_any, mut approvals, mut grants) =
            (false, BTreeSet::<ApprovalId>::new(), BTreeSet::<GrantId>::new());
        each(reader, &[Kind::Erased.as_str()], |entry| {
            is_any = true;
            let members = members(&entry);
            approvals.extend(members.approval);
            grants.extend(members.grant);
        })?;
        if !is_any {
            return Ok(None);
        }
        let mut again = Self::default();
        for id in approvals {
            again.approvals.extend(reader.approval(&id)?);
        }
        let rows = reader.all_grants()?.into_iter().map(|row| row.grant);
        again.grants.extend(rows.filter(|grant| grants.contains(&grant.id)));
        Ok(Some(again))
    }
}
