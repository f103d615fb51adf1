//! Arithmetic whose results are the same on every machine: whole numbers, and of floating point only what IEEE 754 rounds
//! exactly (`+ - * /`). The logarithm is therefore our own; the one of the system differs in its last digit.

use std::f64::consts::{LN_2, SQRT_2};

/// 1/21, 1/19 … 1.
const SERIES: [f64; 11] = [
    1.0 / 21.0,
    1.0 / 19.0,
    1.0 / 17.0,
    1.0 / 15.0,
    1.0 / 13.0,
    1.0 / 11.0,
    1.0 / 9.0,
    1.0 / 7.0,
    1.0 / 5.0,
    1.0 / 3.0,
    1.0,
];

/// Natural logarithm, to about 1e-16. `value` must be positive and normal, as all that is asked here is; else 0.
pub(super) fn ln(value: f64) -> f64 {
    if !(value.is_normal() && value > 0.0) {
        return 0.0;
    }
    // value = mantissa · 2^exponent, the mantissa within [√½, √2).
    let bits = value.to_bits();
    let mut exponent = i64::try_from(bits >> 52).unwrap_or(0) - 1023;
    let mut mantissa = f64::from_bits((bits & ((1 << 52) - 1)) | (1023 << 52));
    if mantissa >= SQRT_2 {
        mantissa /= 2.0;
        exponent += 1;
    }
    // ln m = 2·artanh((m - 1) / (m + 1)), by its series: s is at most 0.172, so that ten terms are enough.
    let s = (mantissa - 1.0) / (mantissa + 1.0);
    let square = s * s;
    let sum = SERIES.iter().fold(0.0, |sum, term| sum * square + term);
    2.0 * s * sum + float(exponent) * LN_2
}

/// ln(1 + value), in millionths. A value below 0 counts as 0.
pub(super) fn millionths_of_ln(value: i64) -> i64 {
    rounded(ln(1.0 + float(value.max(0))) * 1e6)
}

/// A share of the whole in basis points; what is below 0 or beyond the whole is that.
pub(super) fn basis_points(share: f64) -> i64 {
    rounded(share.clamp(0.0, 1.0) * float(crate::model::risk::WHOLE))
}

/// Whole numbers here stay below 2^53, where no conversion loses anything.
pub(super) fn float(number: i64) -> f64 {
    number as f64
}

/// To the nearest, halves away from 0.
pub(super) fn rounded(number: f64) -> i64 {
    number.round() as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_logarithm_is_that_of_the_system_but_for_its_last_digit() {
        let mut value = 1e-9;
        while value < 1e16 {
            let (ours, theirs) = (ln(value), f64::ln(value));
            assert!(
                (ours - theirs).abs() <= 4e-16 * theirs.abs().max(1.0),
                "{value}: {ours} {theirs}"
            );
            value *= 1.01;
        }
        assert_eq!(ln(1.0), 0.0);
        assert_eq!(
            (ln(0.0), ln(-1.0), ln(f64::NAN), ln(f64::INFINITY)),
            (0.0, 0.0, 0.0, 0.0)
        );
    }

    /// To the bit: what another machine gives must be this.
    #[test]
    fn the_logarithm_is_the_same_everywhere() {
        let bits = [2.0, 10.0, 48_000.0, 1e15, 0.575].map(|value| ln(value).to_bits());
        assert_eq!(
            bits,
            [
                4_604_418_534_313_441_775,
                4_612_367_379_483_415_829,
                4_622_257_630_996_082_349,
                4_630_057_717_950_185_412,
                13_826_531_707_505_014_901
            ]
        );
    }

    #[test]
    fn a_logarithm_in_millionths_is_a_whole_number() {
        assert_eq!(millionths_of_ln(0), 0);
        assert_eq!(millionths_of_ln(-5), 0);
        assert_eq!(millionths_of_ln(1), 693_147);
        assert_eq!(millionths_of_ln(1_000_000_000_000_000), 34_538_776);
    }
}
