mod consent;
mod guard;
mod stated;
mod whole;

pub(crate) use stated::vocabulary;
