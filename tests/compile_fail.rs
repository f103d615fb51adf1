//! What must not compile: see `tests/fail/`, one file per way round the gate.

#[test]
fn nothing_reaches_the_network_without_a_recorded_permit() {
    trybuild::TestCases::new().compile_fail("tests/fail/*.rs");
}
