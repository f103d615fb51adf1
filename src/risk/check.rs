//! A stored risk worked out again, by what is stored with it.

use super::{factors, score};
use crate::model::risk::{Risk, WHOLE};

/// Why a stored score is not what comes of what it was worked out from.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Disagreement {
    #[error("the factor {name} is stored as {stored} basis points, and {found} come of what it was worked out from")]
    Factor {
        name: &'static str,
        stored: i64,
        found: i64,
    },
    #[error("the weight of {name} is stored as {stored} basis points, which no weight is")]
    Weight { name: &'static str, stored: i64 },
    #[error("the score is stored as {stored}, and {found} comes of its factors")]
    Score { stored: i64, found: i64 },
    #[error("the points of {name} are stored as {stored}, and {found} come of the factors")]
    Points {
        name: &'static str,
        stored: i64,
        found: i64,
    },
}

/// Works a stored risk out again, by what is stored with it.
///
/// # Errors
/// The first thing that does not come out as it is stored.
pub fn check(risk: &Risk) -> Result<(), Disagreement> {
    for factor in &risk.factors {
        let (name, found) = (factor.basis.name(), factors::x(&factor.basis));
        if found != factor.x {
            let stored = factor.x;
            return Err(Disagreement::Factor { name, stored, found });
        }
        if !(0..WHOLE).contains(&factor.w) {
            let stored = factor.w;
            return Err(Disagreement::Weight { name, stored });
        }
    }
    let found = score::score(&risk.factors);
    if found != risk.score {
        let stored = risk.score;
        return Err(Disagreement::Score { stored, found });
    }
    let mut again = risk.factors.clone();
    score::share_out(found, &mut again);
    match risk.factors.iter().zip(&again).find(|(stored, found)| stored != found) {
        Some((stored, found)) => Err(Disagreement::Points {
            name: stored.basis.name(),
            stored: stored.points,
            found: found.points,
        }),
        None => Ok(()),
    }
}
