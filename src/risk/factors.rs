//! What was found of a call → how much of a factor that is, in basis points. The tables of docs/risk.md.

use super::number::{basis_points, float, ln, millionths_of_ln};
use crate::model::Access;
use crate::model::risk::{BASELINE_FROM, Basis, WHOLE};
use crate::model::vocabulary::{ActionClass, Reversible};

/// The smallest standard deviation that counts, in millionths: who always does the same is not alarmed by a little more.
pub(super) const LEAST_SD: i64 = 250_000;
/// Environments that are not the real thing. Every other one counts as if it were, `unknown` first of all.
const NOT_PRODUCTION: [&str; 8] = [
    "demo",
    "dev",
    "development",
    "local",
    "sandbox",
    "staging",
    "test",
    "testing",
];
const PRODUCTION: i64 = 9_000;

/// How much of its factor there is.
pub(super) fn x(basis: &Basis) -> i64 {
    match basis {
        Basis::Action { access, class } => of_class(*class).max(of_access(*access)),
        Basis::Reversibility { reversible } => match reversible {
            Reversible::Yes => 0,
            Reversible::Partly => 5_000,
            Reversible::No => WHOLE,
        },
        Basis::Sensitivity { environment, label } => {
            let of_environment = match NOT_PRODUCTION.contains(&&**environment) {
                true => 0,
                false => PRODUCTION,
            };
            of_label(label.as_deref()).max(of_environment)
        }
        Basis::Scale { hi, lo, value, .. } => value.map_or(WHOLE, |value| scale(value, *lo, *hi)),
        Basis::Size { mean, n, sd, value, .. } => match *n >= BASELINE_FROM {
            true => size(*value, *mean, *sd),
            false => 0,
        },
        Basis::Rate { calls, mean, n } => match *n >= BASELINE_FROM {
            true => rate(*calls, *mean),
            false => 0,
        },
        Basis::Novelty { n, n1, .. } => novelty(*n, *n1),
        Basis::Flag(_) => WHOLE,
    }
}

fn of_class(class: ActionClass) -> i64 {
    match class {
        ActionClass::Read => 500,
        ActionClass::Export => 2_000,
        ActionClass::Create => 3_000,
        ActionClass::Update => 4_000,
        ActionClass::Delete => 7_500,
        ActionClass::Money | ActionClass::Permission | ActionClass::Credential | ActionClass::Code => 8_500,
        ActionClass::Unknown => 6_000,
    }
}

/// A call may do more than its action does as a rule.
fn of_access(access: Access) -> i64 {
    match access {
        Access::Read | Access::Write => 0,
        Access::Delete => of_class(ActionClass::Delete),
        Access::Admin => of_class(ActionClass::Permission),
    }
}

/// What nobody labelled is taken for internal; a word that nobody knows, for the worst.
fn of_label(label: Option<&str>) -> i64 {
    match label {
        Some("public") => 0,
        None | Some("internal") => 2_000,
        Some("confidential") => 5_000,
        Some(_) => 9_000,
    }
}

/// ln(v/lo) / ln(hi/lo).
fn scale(value: i64, lo: i64, hi: i64) -> i64 {
    let (value, lo, hi) = (float(value.saturating_abs()), float(lo), float(hi));
    match value <= lo {
        true => 0,
        false if value >= hi => WHOLE,
        false => basis_points(ln(value / lo) / ln(hi / lo)),
    }
}

/// (z - 2) / 4.
fn size(value: i64, mean: i64, sd: i64) -> i64 {
    let above = millionths_of_ln(value.saturating_abs()).saturating_sub(mean);
    let z = float(above) / float(sd.max(LEAST_SD));
    basis_points((z - 2.0) / 4.0)
}

/// -log10 P(so many or more) / 6, by Poisson.
///
/// The tail is summed as a geometric series, which is never less than the sum: no call is told to be rarer than it is, and what
/// is about as often as usual is not told to be rare at all.
fn rate(calls: i64, mean: i64) -> i64 {
    let (k, lambda) = (float(calls), float(mean.max(1)) / 1e3);
    if k <= lambda {
        return 0;
    }
    let point = lambda - k * ln(lambda) + ln_factorial(k);
    let tail = point + ln(1.0 - lambda / (k + 1.0));
    basis_points(tail / (6.0 * std::f64::consts::LN_10))
}

/// ln k! by Stirling's series, for k from 1 on; to a thousandth at 1, and better beyond.
fn ln_factorial(k: f64) -> f64 {
    let half_ln_of_two_pi = 0.918_938_533_204_672_8;
    (k + 0.5) * ln(k) - k + half_ln_of_two_pi + 1.0 / (12.0 * k) - 1.0 / (360.0 * k * k * k)
}

/// 1 - n1/n (Good and Turing): how sure it is that something new was not to be expected.
fn novelty(n: i64, n1: i64) -> i64 {
    match n > 0 {
        true => WHOLE - WHOLE.saturating_mul(n1.clamp(0, n)) / n,
        false => 0,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn scale_is_the_place_between_low_and_high() {
        let at = |value| scale(value, 10, 10_000);
        assert_eq!(
            [0, 1, 10, 20, 500, 2_000, 10_000, i64::MAX].map(at),
            [0, 0, 0, 1_003, 5_663, 7_670, 10_000, 10_000]
        );
        assert_eq!(at(-500), at(500));
    }

    #[test]
    fn size_counts_from_two_deviations_on() {
        let mean = 3_000_000;
        let at = |value| size(value, mean, 500_000);
        // ln(1 + v): 3.00, 3.99, 4.62, 5.02, 6.91
        assert_eq!([19, 53, 100, 150, 1_000].map(at), [0, 0, 3_076, 5_086, 10_000]);
        // Who never varies is held to a deviation of a quarter.
        assert_eq!(size(60, mean, 0), size(60, mean, LEAST_SD));
    }

    #[test]
    fn what_is_as_often_as_usual_is_not_rare() {
        assert_eq!(
            [(0, 1_000), (1, 1_000), (5, 5_000), (100, 100_000)].map(|(k, mean)| rate(k, mean)),
            [0; 4]
        );
        // P(X >= 5 | 1) = 0.00366: 2.44 of 6.
        assert_eq!(rate(5, 1_000), 4_057);
        // P(X >= 10 | 1) = 1.1e-7.
        assert_eq!(rate(10, 1_000), 10_000);
        assert_eq!(rate(1_000_000, 1), 10_000);
    }

    #[test]
    fn novelty_weighs_more_the_more_is_known() {
        assert_eq!(
            [(0, 0), (1, 1), (10, 5), (100, 10), (1_000, 0)].map(|(n, n1)| novelty(n, n1)),
            [0, 0, 5_000, 9_000, 10_000]
        );
    }

    #[test]
    fn what_nobody_knows_is_taken_for_the_worst() {
        let sensitivity = |environment: &str, label: Option<&str>| {
            x(&Basis::Sensitivity {
                environment: environment.into(),
                label: label.map(Into::into),
            })
        };
        assert_eq!(sensitivity("unknown", None), 9_000);
        assert_eq!(sensitivity("europe", Some("public")), 9_000);
        assert_eq!(sensitivity("test", Some("top-secret")), 9_000);
        assert_eq!(sensitivity("test", None), 2_000);
        assert_eq!(sensitivity("test", Some("public")), 0);
    }

    proptest! {
        #[test]
        fn more_is_never_less(
            lo in 1..1_000_i64, span in 1..1_000_000_i64, value in 0..1_000_000_000_000_i64, more in 0..1_000_000_i64,
            mean in 1..40_000_000_i64, sd in 0..5_000_000_i64, calls in 1..5_000_i64
        ) {
            prop_assert!(scale(value, lo, lo + span) <= scale(value + more, lo, lo + span));
            prop_assert!(size(value, mean, sd) <= size(value + more, mean, sd));
            prop_assert!(rate(calls, mean) <= rate(calls + 1, mean));
        }
    }
}
