//! Amounts are whole minor units of an ISO 4217 currency.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::action::MAX_INT;

/// Rates are kept as whole parts of this.
const RATE_ONE: i128 = 1_000_000_000;

/// How many decimal places a currency's minor unit has (ISO 4217): 0, 2 or 3; `None` for what is no currency code, and for
/// codes without such a unit: four places (units of account that nobody pays in), metals, baskets and test codes.
///
/// Source: ISO 4217 list one. Providers that differ for single currencies say so in their mapping.
pub fn exponent(currency: &str) -> Option<u32> {
    let code = currency.as_bytes();
    if code.len() != 3 || !code.iter().all(u8::is_ascii_alphabetic) {
        return None;
    }
    Some(match currency.to_ascii_lowercase().as_str() {
        "bif" | "clp" | "djf" | "gnf" | "isk" | "jpy" | "kmf" | "krw" | "pyg" | "rwf" | "ugx" | "uyi" | "vnd"
        | "vuv" | "xaf" | "xof" | "xpf" => 0,
        "clf" | "uyw" | "xag" | "xau" | "xba" | "xbb" | "xbc" | "xbd" | "xdr" | "xpd" | "xpt" | "xsu" | "xts"
        | "xua" | "xxx" => return None,
        "bhd" | "iqd" | "jod" | "kwd" | "lyd" | "omr" | "tnd" => 3,
        _ => 2,
    })
}

/// Codes that people pay in: list one of ISO 4217 without what has no such unit, then codes that were withdrawn lately and that
/// providers still name.
const CODES: &str = "\
    aed afn all amd aoa ars aud awg azn bam bbd bdt bhd bif bmd bnd bob bov brl bsd btn bwp byn bzd cad cdf che chf \
    chw clp cny cop cou crc cup cve czk djf dkk dop dzd egp ern etb eur fjd fkp gbp gel ghs gip gmd gnf gtq gyd hkd \
    hnl htg huf idr ils inr iqd irr isk jmd jod jpy kes kgs khr kmf kpw krw kwd kyd kzt lak lbp lkr lrd lsl lyd mad \
    mdl mga mkd mmk mnt mop mru mur mvr mwk mxn mxv myr mzn nad ngn nio nok npr nzd omr pab pen pgk php pkr pln pyg \
    qar ron rsd rub rwf sar sbd scr sdg sek sgd shp sle sos srd ssp stn svc syp szl thb tjs tmt tnd top try ttd twd \
    tzs uah ugx usd usn uyi uyu uzs ved ves vnd vuv wst xad xaf xcd xcg xof xpf yer zar zmw zwg \
    ang bgn cuc hrk mro sll std vef zwl";

/// A currency as a person wrote it, in lower case. Of calls nobody knows what codes a provider has; a file that names none of the
/// list would make amounts unknown for ever.
///
/// # Errors
/// What is to be said of anything else.
pub fn named(text: &str) -> Result<String, String> {
    let code = text.to_ascii_lowercase();
    if CODES.split(' ').any(|known| known == code) {
        return Ok(code);
    }
    let hint = meant(&code).map(|meant| format!(" (did you mean `{meant}`?)"));
    let hint = hint.unwrap_or_default();
    Err(format!(
        "expected a currency of three letters (ISO 4217), as usd, found `{text}`{hint}"
    ))
}

/// The code that is one slip away; of several the one of the same letters, then the one that is used most.
fn meant(wrong: &str) -> Option<&'static str> {
    const MOST_USED: [&str; 8] = ["usd", "eur", "gbp", "jpy", "cny", "chf", "cad", "aud"];
    let letters = |text: &str| {
        let mut letters: Vec<char> = text.chars().collect();
        letters.sort_unstable();
        letters
    };
    // What is longer is not compared letter by letter: it may be a megabyte.
    let near = |code: &&str| wrong.len() <= 4 && strsim::osa_distance(wrong, code) <= 1;
    let order = |code: &&str| {
        let rank = MOST_USED.iter().position(|used| used == code);
        (letters(code) != letters(wrong), rank.unwrap_or(MOST_USED.len()))
    };
    CODES.split(' ').filter(near).min_by_key(order)
}

/// An amount with `theirs` decimal places in minor units with `iso` ones, never less than it is. `None`: too much.
pub fn in_places(amount: i64, theirs: u32, iso: u32) -> Option<i64> {
    let power = 10i64.checked_pow(theirs.abs_diff(iso))?;
    match theirs > iso {
        true => Some(amount.div_euclid(power) + i64::from(amount.rem_euclid(power) > 0)),
        false => amount.checked_mul(power).filter(|settled| *settled <= MAX_INT),
    }
}

/// `90000`, `usd` as people write it: `$900.00`; other currencies as `900.00 EUR`.
pub fn show(amount: i64, currency: &str) -> String {
    let places = exponent(currency).unwrap_or(0);
    let unit = 10u64.pow(places);
    let sign = if amount < 0 { "-" } else { "" };
    let whole = amount.unsigned_abs() / unit;
    let number = match places {
        0 => whole.to_string(),
        _ => format!(
            "{whole}.{:0width$}",
            amount.unsigned_abs() % unit,
            width = places as usize
        ),
    };
    match currency.eq_ignore_ascii_case("usd") {
        true => format!("{sign}${number}"),
        false => format!("{sign}{number} {}", currency.to_ascii_uppercase()),
    }
}

/// The account's own currency and what others are worth in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Rates {
    /// Lower case; what a call that names no currency is in, and the unit of `amount_base`.
    pub account: Option<Arc<str>>,
    /// Worth of one unit (not minor unit) of a currency in the account's, in billionths.
    billionths: BTreeMap<Arc<str>, i128>,
}

/// A rate that is not a positive decimal number.
#[derive(Debug, thiserror::Error)]
#[error("expected a positive decimal number with at most 9 places, as 1.0834, found `{0}`")]
pub struct ParseRateError(String);

impl Rates {
    pub fn new(account: Option<&str>) -> Self {
        Self {
            account: account.map(|code| code.to_ascii_lowercase().into()),
            billionths: BTreeMap::new(),
        }
    }

    /// Says that one unit of `currency` is worth `rate` units of the account's currency.
    ///
    /// # Errors
    /// If `rate` is not a positive decimal number.
    pub fn insert(&mut self, currency: &str, rate: &str) -> Result<(), ParseRateError> {
        let wrong = || ParseRateError(rate.to_owned());
        let (whole, places) = rate.split_once('.').unwrap_or((rate, ""));
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || whole.len() > 12 || places.len() > 9 || !digits(whole) || !digits(places) {
            return Err(wrong());
        }
        let value: i128 = format!("{whole}{places:0<9}").parse().map_err(|_| wrong())?;
        if value == 0 {
            return Err(wrong());
        }
        self.billionths.insert(currency.to_ascii_lowercase().into(), value);
        Ok(())
    }

    /// `amount` minor units of `currency` in minor units of the account's currency, rounded away from zero so that
    /// no conversion makes a sum look smaller; `None` without a rate or beyond ±1e15.
    pub fn base(&self, amount: i64, currency: &str) -> Option<i64> {
        let account = self.account.as_deref()?;
        let currency = currency.to_ascii_lowercase();
        if currency == account {
            return bounded(amount.into());
        }
        let rate = *self.billionths.get(currency.as_str())?;
        // A rate may be as large as 1e21 here, and a call may say any amount: what does not fit is not known.
        let scaled = i128::from(amount)
            .checked_mul(rate)?
            .checked_mul(10i128.pow(exponent(account)?))?;
        let divisor = RATE_ONE * 10i128.pow(exponent(&currency)?);
        let (quotient, rest) = (scaled / divisor, scaled % divisor);
        bounded(quotient + rest.signum())
    }
}

fn bounded(amount: i128) -> Option<i64> {
    let within = amount.unsigned_abs() <= u128::from(MAX_INT.unsigned_abs());
    i64::try_from(amount).ok().filter(|_| within)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponents_are_0_2_and_3() {
        assert_eq!(exponent("jpy"), Some(0));
        assert_eq!(exponent("USD"), Some(2));
        assert_eq!(exponent("kwd"), Some(3));
        assert_eq!(exponent("us"), None);
        assert_eq!(show(90_000, "usd"), "$900.00");
        assert_eq!(show(-5, "eur"), "-0.05 EUR");
        assert_eq!(show(500, "jpy"), "500 JPY");
        assert_eq!(show(1_005, "kwd"), "1.005 KWD");
    }

    #[test]
    fn a_file_names_a_currency_of_the_list() {
        assert_eq!(named("EUR").as_deref(), Ok("eur"));
        let all: Vec<&str> = CODES.split(' ').collect();
        assert!(
            all.len() > 160 && all.iter().all(|code| exponent(code).is_some()),
            "{all:?}"
        );
        for (wrong, meant) in [
            ("uds", "usd"),
            ("uer", "eur"),
            ("euro", "eur"),
            ("jpn", "jpy"),
            ("us$", "usd"),
            ("GPB", "gbp"),
        ] {
            let told = named(wrong).unwrap_err();
            assert!(
                told.ends_with(&format!("found `{wrong}` (did you mean `{meant}`?)")),
                "{told}"
            );
        }
        for strange in ["", "xau", "qqq", "dollars", "us"] {
            assert!(named(strange).is_err(), "{strange}");
        }
        assert!(named("qqq").unwrap_err().ends_with("found `qqq`"));
    }

    #[test]
    fn an_amount_is_converted_between_exponents_and_never_rounded_down() {
        let mut rates = Rates::new(Some("USD"));
        rates.insert("JPY", "0.0067").unwrap();
        rates.insert("kwd", "3.25").unwrap();
        assert_eq!(rates.base(100_000, "jpy"), Some(67_000)); // ¥100,000 = $670.00
        assert_eq!(rates.base(1, "jpy"), Some(1)); // 0.67 cents
        assert_eq!(rates.base(1_000, "kwd"), Some(325)); // 1.000 KWD = $3.25
        assert_eq!(rates.base(51_200, "usd"), Some(51_200));
        assert_eq!(rates.base(1, "eur"), None);
        assert_eq!(Rates::new(None).base(1, "usd"), None);
    }

    #[test]
    fn codes_without_a_unit_of_0_2_or_3_places_are_no_currency() {
        for code in ["clf", "UYW", "xau", "xts", "xxx"] {
            assert_eq!(exponent(code), None, "{code}");
            let mut rates = Rates::new(Some("usd"));
            rates.insert(code, "40").unwrap();
            assert_eq!(rates.base(1_000, code), None, "{code}");
            assert_eq!(Rates::new(Some(code)).base(1_000, "usd"), None, "{code}");
        }
        for (code, places) in [("clp", 0), ("isk", 0), ("mga", 2), ("mru", 2), ("tnd", 3), ("omr", 3)] {
            assert_eq!(exponent(code), Some(places), "{code}");
        }
    }

    #[test]
    fn an_amount_that_does_not_fit_is_not_known_and_never_wraps() {
        let mut rates = Rates::new(Some("kwd"));
        rates.insert("jpy", "999999999999.999999999").unwrap();
        rates.insert("usd", "0.000000001").unwrap();
        for amount in [i64::MIN, -MAX_INT, MAX_INT, i64::MAX] {
            assert_eq!(rates.base(amount, "jpy"), None, "{amount}");
        }
        assert_eq!(rates.base(i64::MIN, "kwd"), None);
        assert_eq!(rates.base(MAX_INT, "kwd"), Some(MAX_INT));
        assert_eq!(rates.base(MAX_INT + 1, "kwd"), None);
        assert_eq!(rates.base(MAX_INT, "usd"), Some(10_000_000));
        assert_eq!(rates.base(-1, "usd"), Some(-1), "away from zero");
    }

    #[test]
    fn a_rate_must_be_a_positive_decimal() {
        for wrong in ["", "0", "-1", "1e3", "1,5", ".5", "1.0000000001"] {
            assert!(Rates::new(Some("usd")).insert("eur", wrong).is_err(), "{wrong}");
        }
    }
}
