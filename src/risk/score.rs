//! Factors → score and points.

use super::number::{float, ln, rounded};
use crate::model::risk::{Factor, WHOLE};

/// Factors that a risk can have, and some.
const MOST: usize = 16;

/// One, in the fixed point that the product is kept in: times the whole of weight and factor it fits.
const ONE: i64 = 10_000_000_000;

/// Noisy-OR: 100·(1 − Π(1 − w·x)), to the nearest. No factor lowers it, whatever the others are.
pub(super) fn score(factors: &[Factor]) -> i64 {
    let mut none = ONE;
    for factor in factors {
        none = none * (WHOLE * WHOLE - factor.w * factor.x) / (WHOLE * WHOLE);
    }
    (100 * (ONE - none) + ONE / 2) / ONE
}

/// Gives each factor its share of the score, by the logarithm of what it leaves: the largest remainders get what rounding
/// down left over, the earlier factor first where two are alike. The shares are exactly the score.
pub(super) fn share_out(score: i64, factors: &mut [Factor]) {
    let mut shares = [0.0; MOST];
    for (share, factor) in shares.iter_mut().zip(&*factors) {
        *share = -ln(float(WHOLE * WHOLE - factor.w * factor.x) / float(WHOLE * WHOLE));
    }
    let total: f64 = shares.iter().sum();
    let mut left = score;
    for (share, factor) in shares.iter_mut().zip(factors.iter_mut()) {
        if total > 0.0 {
            *share *= float(score) / total;
        }
        factor.points = rounded(share.floor());
        left -= factor.points;
        *share -= float(factor.points);
    }
    for _ in 0..left {
        let mut largest: Option<(&mut f64, &mut Factor)> = None;
        for (remainder, factor) in shares.iter_mut().zip(factors.iter_mut()) {
            if largest.as_ref().is_none_or(|(largest, _)| *remainder > **largest) {
                largest = Some((remainder, factor));
            }
        }
        if let Some((remainder, factor)) = largest {
            factor.points += 1;
            *remainder -= 1.0;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::risk::{Basis, Flag};

    pub(super) fn factor(w: i64, x: i64) -> Factor {
        let basis = Basis::Flag(Flag::Unmapped);
        Factor { basis, points: 0, w, x }
    }

    fn scored(parts: &[(i64, i64)]) -> (i64, Vec<i64>) {
        let mut factors: Vec<Factor> = parts.iter().map(|(w, x)| factor(*w, *x)).collect();
        let score = score(&factors);
        share_out(score, &mut factors);
        (score, factors.iter().map(|factor| factor.points).collect())
    }

    #[test]
    fn nothing_scores_nothing() {
        assert_eq!(scored(&[]), (0, vec![]));
        assert_eq!(scored(&[(5_000, 0)]), (0, vec![0]));
    }

    #[test]
    fn a_half_is_rounded_up() {
        assert_eq!(scored(&[(5_000, 500)]), (3, vec![3]));
        assert_eq!(scored(&[(5_000, 499)]), (2, vec![2]));
    }

    #[test]
    fn of_two_alike_the_first_gets_the_odd_point() {
        assert_eq!(scored(&[(1_500, 10_000), (1_500, 10_000)]), (28, vec![14, 14]));
        assert_eq!(scored(&[(1_600, 10_000), (1_600, 10_000)]), (29, vec![15, 14]));
    }

    fn parts() -> impl Strategy<Value = Vec<(i64, i64)>> {
        proptest::collection::vec((0..WHOLE, 0..=WHOLE), 0..12)
    }

    proptest! {
        #[test]
        fn points_are_the_score(parts in parts()) {
            let (score, points) = scored(&parts);
            prop_assert!((0..=100).contains(&score));
            prop_assert_eq!(points.iter().sum::<i64>(), score);
            prop_assert!(points.iter().all(|points| *points >= 0));
        }

        #[test]
        fn no_factor_lowers_the_score(parts in parts(), w in 0..WHOLE, x in 0..=WHOLE, at in 0..12_usize, more in 0..WHOLE) {
            let before = scored(&parts).0;
            let mut with = parts.clone();
            with.insert(at.min(parts.len()), (w, x));
            prop_assert!(scored(&with).0 >= before);
            let mut higher = parts.clone();
            if let Some((_, x)) = higher.get_mut(at) {
                *x = (*x + more).min(WHOLE);
                prop_assert!(scored(&higher).0 >= before);
            }
        }
    }
}
