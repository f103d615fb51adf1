mod consent;
mod guard;
mod people;
mod stated;
mod whole;

pub(crate) use stated::vocabulary;
