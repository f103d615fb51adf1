mod consent;
mod guard;
mod people;
mod stated;
mod veto;
mod whole;

pub(crate) use stated::vocabulary;
