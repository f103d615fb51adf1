//! What a start takes up.

use super::{OpenCall, ReadError, Store};
use crate::model::change::{AgentRow, HabitsRow, PersonRow};
use crate::model::grant::GrantRow;
use crate::model::pause::Pause;

impl Store {
    /// All agents of the registry, by name.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn agents(&self) -> Result<Vec<AgentRow>, ReadError> {
        self.reader()?.agents()
    }

    /// All people of the registry, by name.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn people(&self) -> Result<Vec<PersonRow>, ReadError> {
        self.reader()?.people()
    }

    /// Who is paused.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn pauses(&self) -> Result<Vec<Pause>, ReadError> {
        self.reader()?.pauses()
    }

    /// What is usual of agents and actions, as it was written last.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn habits(&self) -> Result<Vec<HabitsRow>, ReadError> {
        self.reader()?.habits()
    }

    /// At start: grants that have no end yet and are not used up; oldest first.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn grants(&self) -> Result<Vec<GrantRow>, ReadError> {
        self.reader()?.grants()
    }

    /// At start: calls without an outcome, oldest first.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn open_calls(&self) -> Result<Vec<OpenCall>, ReadError> {
        self.reader()?.open_calls()
    }
}
