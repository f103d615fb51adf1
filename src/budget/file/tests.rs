use super::*;

#[test]
fn windows_are_from_a_second_to_thirty_days() {
    let seconds = |text: &str| span(text).map(|span| span.as_secs());
    assert_eq!(
        ["1s", "1h30m", "30d"].map(seconds),
        [Some(1), Some(5_400), Some(2_592_000)]
    );
    for wrong in [
        "",
        "0s",
        "10",
        "1.5h",
        "31d",
        "30d1s",
        "1w",
        "-1s",
        "h",
        "99999999999999999999d",
    ] {
        assert_eq!(span(wrong), None, "{wrong}");
    }
}
