//! Results as JUnit XML, as continuous integration reads them.

use std::fmt::Write;

use super::run::Ran;
use crate::model::inert;

/// One suite per file, in the order of the files.
pub(super) fn report(ran: &[Ran<'_>]) -> String {
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n");
    for suite in ran.chunk_by(|one, other| one.case.file == other.case.file) {
        let file = suite.first().map_or("", |one| &one.case.file);
        let failed = suite.iter().filter(|one| !one.passed()).count();
        // Here and below: writing into a String cannot fail.
        let _ = writeln!(
            out,
            "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{failed}\">",
            text(file),
            suite.len()
        );
        for one in suite {
            let (name, line, took) = (text(&one.case.name), one.case.line, one.took.as_secs_f64());
            let _ = write!(
                out,
                "    <testcase classname=\"{0}\" name=\"{name}\" file=\"{0}\" line=\"{line}\" time=\"{took:.6}\"",
                text(file)
            );
            let _ = match one.passed() {
                true => writeln!(out, "/>"),
                false => writeln!(
                    out,
                    ">\n      <failure message=\"{}\"/>\n    </testcase>",
                    text(&one.otherwise.join("; "))
                ),
            };
        }
        out.push_str("  </testsuite>\n");
    }
    out + "</testsuites>\n"
}

/// Text as XML has it in an attribute; what XML cannot hold is told by its code point.
fn text(raw: &str) -> String {
    let escaped = raw
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;");
    inert(&escaped).into_owned()
}
