//! What moves money between accounts is large by its nature.

use super::*;

#[test]
fn a_stated_transfer_of_12000_in_production_is_medium() {
    let cents = 1_200_000;
    let mut stated = action(
        "transfer_funds",
        "production",
        &[("amount", cents), ("amount_base", cents)],
    );
    let sent = risk(&stated, None);
    assert_eq!(
        (sent.score, Band::of(sent.score)),
        (65, Band::High),
        "a provider's cannot be undone"
    );
    stated.provider = GUARD.into();
    let stated = risk(&stated, None);
    assert_eq!((stated.score, Band::of(stated.score)), (59, Band::Medium));
    assert_eq!(points(&stated), [("action", 37), ("sensitivity", 21), ("scale", 1)]);
    let mut delete = action("delete_record", "production", &[]);
    let sent = risk(&delete, None);
    delete.provider = GUARD.into();
    assert_eq!(risk(&delete, None).score, sent.score);
}

#[test]
fn who_says_what_is_much_says_it_of_transfers_too() {
    let strict = Scales {
        amount_base: Scale { lo: 100, hi: 100_000 },
        ..Scales::default()
    };
    let settings = Settings::new(Weights::default(), strict, BTreeMap::new(), None);
    let cents = 1_200_000;
    let transfer = action(
        "transfer_funds",
        "production",
        &[("amount", cents), ("amount_base", cents)],
    );
    let scale = |settings: &Settings| {
        let risk = assessed(settings, &transfer, None, &Habits::default());
        let factors = risk.factors.iter();
        factors
            .filter(|factor| factor.basis.name() == "scale")
            .map(|factor| factor.x)
            .sum::<i64>()
    };
    assert_eq!(scale(&settings), WHOLE);
    assert!(scale(&Settings::default()) < WHOLE / 10);
}
