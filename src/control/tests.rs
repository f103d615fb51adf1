mod clocks;
mod consent;
mod escalated;
mod guard;
mod leaving;
mod page;
mod pause;
mod people;
mod stated;
mod veto;
pub(crate) mod whole;

pub(crate) use stated::vocabulary;
