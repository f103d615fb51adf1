//! Floor 0. What the product speaks of, as plain data: no sockets, no database, no runtime.

pub mod action;
pub mod approval;
pub mod call;
pub mod change;
pub mod diagnostic;
pub mod entry;
pub mod host;
pub mod ids;
pub mod inert;
pub mod money;
pub mod number;
pub mod reason;
pub mod retargeting;
pub mod risk;
pub mod secret;
pub mod situation;
pub mod time;
pub mod vocabulary;

pub use action::{Access, Action, Answer, ErrorShape, Missing, Target, Value, Why};
pub use approval::{Evidence, HoldRule, State, Vote};
pub use call::{Authority, Body, Call, Caller, Coded, Facts, Host, Identity, Origin, Scheme, is_grpc};
pub use change::Change;
pub use diagnostic::{Diagnostic, Source};
pub use entry::Entry;
pub use ids::{ApprovalId, CallId};
pub use inert::inert;
pub use reason::{Outcome, Reason, Refusal};
pub use risk::Risk;
pub use secret::Secret;
pub use situation::Situation;
pub use time::Timestamp;
pub use vocabulary::Vocabulary;
