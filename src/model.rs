//! Floor 0. What the product speaks of, as plain data: no sockets, no database, no runtime.

pub mod accounts;
pub mod action;
pub mod alike;
pub mod approval;
pub mod budget;
pub mod call;
pub mod change;
pub mod diagnostic;
pub mod entry;
pub mod erasure;
pub mod grant;
pub mod host;
pub mod ids;
pub mod inert;
pub mod labels;
pub mod merkle;
pub mod money;
pub mod month;
pub mod note;
pub mod number;
pub mod observed;
pub mod outbox;
pub mod pause;
pub mod reason;
pub mod recorded;
pub mod retargeting;
pub mod risk;
pub mod secret;
pub mod situation;
pub mod spelling;
pub mod tie;
pub mod time;
pub mod vocabulary;

pub use action::{Access, Action, Answer, ErrorShape, GUARD, Missing, Target, Value, Why};
pub use approval::{Evidence, HoldRule, State, Vote};
pub use budget::{Reservation, Spending, Spent};
pub use call::{
    Authority, Body, Call, Caller, Coded, Facts, FieldSource, Host, Identity, Origin, Saying, Scheme, is_grpc,
};
pub use change::Change;
pub use diagnostic::{Diagnostic, Source};
pub use entry::Entry;
pub use ids::{ApprovalId, CallId, GrantId};
pub use inert::inert;
pub use labels::{Labels, Sensitivity};
pub use reason::{Outcome, Reason, Refusal};
pub use risk::Risk;
pub use secret::Secret;
pub use situation::Situation;
pub use tie::Tie;
pub use time::Timestamp;
pub use vocabulary::Vocabulary;
