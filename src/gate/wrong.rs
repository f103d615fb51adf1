//! What is told of files where others that they build on are wrong.

use super::Sources;
use super::prices::Prices;
use crate::budget::Budgets;
use crate::labels::Labelling;
use crate::mapping::Mappings;
use crate::model::Diagnostic;
use crate::policy::Policies;

/// Where no vocabulary is known: whether files have their form, and all that is wrong in those that do without one.
pub(super) fn without_vocabulary(sources: &Sources) -> Vec<Diagnostic> {
    let prices = sources
        .prices
        .as_ref()
        .and_then(|prices| Prices::load(prices, None).err());
    let labels = Labelling::load(&sources.targets, None).err();
    let alone = labels.into_iter().chain(prices).flatten();
    Mappings::misshapen(&sources.mappings)
        .into_iter()
        .chain(Policies::misshapen(&sources.policies))
        .chain(Budgets::misshapen(&sources.budgets))
        .chain(alone)
        .collect()
}

/// Where no budget is known, that a rule asks for one is no mistake of its own.
pub(super) fn without_budgets(of_rules: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let asks = |wrong: &Diagnostic| wrong.message.contains("`budgets`");
    of_rules.into_iter().filter(|wrong| !asks(wrong)).collect()
}
