//! Decimal places of what a rule makes.

use super::{Rule, Type};

impl Rule {
    /// Places that it makes of each number, whatever the currency.
    pub(in crate::mapping) fn decimals(&self) -> Option<u32> {
        match self {
            Rule::Unless(_, rule)
            | Rule::Most(_, rule)
            | Rule::Or(_, rule)
            | Rule::Lacking(_, _, rule)
            | Rule::Only(_, rule) => rule.decimals(),
            Rule::Read(reading) => match reading.kind() {
                Some(Type::Decimal(places)) => Some(*places),
                _ => None,
            },
            Rule::Constant(..) | Rule::NotTold | Rule::Empty(..) => None,
        }
    }
}
