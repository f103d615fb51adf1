//! What people consented to beforehand, as it is shown.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::approval::Given;
use crate::model::grant::{GrantRow, Scope};
use crate::model::{ApprovalId, GrantId};

/// Times are RFC 3339, UTC.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    pub id: GrantId,
    /// `open`, `used`, `revoked` or `expired`.
    pub state: String,
    pub agent: Arc<str>,
    pub action: Arc<str>,
    pub kind: Arc<str>,
    pub target: Option<String>,
    pub environment: Option<Arc<str>>,
    /// The most that fields may say: `$200.00`.
    pub max: BTreeMap<Arc<str>, String>,
    /// The approval that was denied, of a correction: then the call must be that one, with its values corrected.
    pub corrects: Option<ApprovalId>,
    pub uses: u32,
    pub used: u32,
    pub person: Arc<str>,
    pub reason: Option<String>,
    /// The rules that it counts for.
    pub rules: Vec<Arc<str>>,
    pub created: String,
    pub expires: String,
    pub revoked_by: Option<Arc<str>>,
}

impl From<&Given> for Grant {
    fn from(given: &Given) -> Self {
        Self::new(&given.row, given.stands)
    }
}

impl Grant {
    pub(in crate::control) fn new(row: &GrantRow, stands: bool) -> Self {
        let grant = &row.grant;
        let revoked_by = row.ended.as_ref().and_then(|end| end.by.clone());
        let state = match stands {
            true => "open",
            false if revoked_by.is_some() => "revoked",
            false if row.used >= grant.uses => "used",
            false => "expired",
        };
        let any_kind: Arc<str> = "any".into();
        let (kind, target, environment, corrects) = match &grant.scope {
            Scope::Within(bounds) => (&bounds.kind, &bounds.target, bounds.environment.clone(), None),
            Scope::Exactly(call) => (
                &call.target.kind,
                &call.target.id,
                Some(call.environment.clone()),
                Some(call.approval.clone()),
            ),
            Scope::Stated(approved) => (
                &any_kind,
                &Some(approved.stated.target.clone()),
                approved.stated.environment.clone(),
                None,
            ),
        };
        let max = match &grant.scope {
            Scope::Within(bounds) => bounds
                .most
                .iter()
                .map(|(name, most)| (name.clone(), most.told()))
                .collect(),
            Scope::Exactly(_) | Scope::Stated(_) => BTreeMap::new(),
        };
        Self {
            id: grant.id.clone(),
            state: state.to_owned(),
            agent: grant.agent.clone(),
            action: grant.scope.action().clone(),
            kind: kind.clone(),
            target: target.clone(),
            environment,
            max,
            corrects,
            uses: grant.uses,
            used: row.used,
            person: grant.vote.person.clone(),
            reason: grant.vote.reason.clone(),
            rules: grant.vote.rules.iter().map(|(id, _)| id.clone()).collect(),
            created: grant.created.to_string(),
            expires: grant.expires.to_string(),
            revoked_by,
        }
    }
}
