//! Whole numbers as people read them.

/// `50,000` for 50000: in groups of three digits from five digits on, so that a large number is seen to be one.
pub fn grouped(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut shown = if number < 0 { "-".to_owned() } else { String::new() };
    for (at, digit) in digits.chars().enumerate() {
        if digits.len() > 4 && at > 0 && (digits.len() - at).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::grouped;

    #[test]
    fn large_numbers_are_grouped() {
        let shown = [0, 999, 1_000, -9_999, 50_000, 1_234_567, -100_000].map(grouped);
        assert_eq!(shown, ["0", "999", "1000", "-9999", "50,000", "1,234,567", "-100,000"]);
        assert_eq!(grouped(i64::MIN), "-9,223,372,036,854,775,808");
    }
}
