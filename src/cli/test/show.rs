//! Results for people.

use std::io::{self, Write};

use super::run::Ran;
use crate::cli::explain::show::shown_place;
use crate::gate::Rules;
use crate::model::inert;

pub(super) fn results(ran: &[Ran<'_>], rules: &Rules, verbose: bool, out: &mut dyn Write) -> io::Result<()> {
    for one in ran {
        let (case, passed) = (one.case, one.passed());
        if passed && verbose {
            writeln!(out, "ok         {}", inert(&case.name))?;
        }
        if passed {
            continue;
        }
        let place = shown_place(&format!("{}:{}:{}", case.file, case.line, case.column));
        writeln!(out, "OTHERWISE  {}: {}", inert(&place), inert(&case.name))?;
        for line in &one.otherwise {
            writeln!(out, "             {}", inert(line))?;
        }
        writeln!(out, "           found {}", inert(&found(one, rules)))?;
    }
    let failed = ran.iter().filter(|one| !one.passed()).count();
    writeln!(
        out,
        "{} tests: {} as expected, {failed} otherwise",
        ran.len(),
        ran.len() - failed
    )
}

/// `REQUIRE_APPROVAL by refund-over-500 (policies/baseline.cedar:52:1)`
pub(super) fn found(ran: &Ran<'_>, rules: &Rules) -> String {
    match &ran.found {
        Err(refusal) => format!("a refusal before any decision, {}: {}", refusal.reason, refusal.detail),
        Ok(verdict) => {
            let by = verdict.rules().into_iter().map(|id| match rules.policies().place(id) {
                Some(place) => format!("{id} ({})", shown_place(place)),
                None => id.to_owned(),
            });
            let by: Vec<String> = by.collect();
            format!("{} by {}", verdict.as_str(), by.join(", "))
        }
    }
}
