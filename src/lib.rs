//! Runplane: the checkpoint between an AI agent and the world.
//!
//! It stands beside the agent as a forward proxy that ends TLS, recognises each outbound API call as a canonical
//! action, and lets nothing leave before a deterministic decision is on disk.
//!
//! # The life of a call
//! ```text
//! agent ──CONNECT / absolute-form / reverse──▶ proxy
//!   parse     connection + request → Call        proxy/parse     who asks, what, of whom; every authority must agree
//!   map       Call → Action                      mapping         provider, operation, canonical action, fields, target
//!   gate      Action → Decision                  gate, risk, policy  Allow(Permit) | Block | RequireApproval(Hold)
//!   record    ONE durable commit                 audit, store    Recorded<Permit>, or nothing leaves
//!   hold      wait for people, then gate AGAIN   approval        with their consent as evidence, and record again
//!   send      takes Recorded<Permit>             upstream        the one line that reaches the network, DNS included
//!   close     outcome in the trail               proxy/follow    when the answer ends; on drop: abandoned
//! ```
//! `proxy/handle.rs` is that path in code, `proxy/judge.rs` its first three steps. Mapping and gate work with one snapshot of
//! the rules (`gate::Rules`), which `app/reload` replaces whole when files change.
//!
//! # Floors
//! A module uses only modules of floors below it; `tests/it/architecture.rs` holds that by reading the sources. A stage
//! never uses another stage, but for `policy`'s decision and its proofs.
//!
//! # Glossary
//! - **downstream** is the agent's side, **upstream** the provider's; **authority** is host and port (RFC 9110, 4.3).
//! - A **call** is one request as sent; an **action** is what it means; a **decision** is `ALLOW`, `BLOCK` or
//!   `REQUIRE_APPROVAL`; an **outcome** is how a decided call ended.
//! - **Labels** are what the operator says of a **target**, the thing that a call acts on.
//! - A **permit** proves that policy allows exactly one call; **recorded** proves that this is on disk.
//! - A **hold** is a rule that wants people asked; an **approval** is one request for their consent, a **vote** one
//!   person's consent, and the **grant** what an approval is worth until it is consumed, once.
//! - A **fingerprint** tells that a call is the same call made again.
//! - A **pause** stops an agent's calls before anything else is asked; an **observed** call is sent whatever is decided; a rule
//!   **on trial** is asked and only recorded.
//! - The **trail** is the append-only record; an **entry** is one event in it, which holds commitments, never values.

// 0: model. Pure data.
pub mod model;
// 1: files, counts and the database.
pub mod io;
pub mod metrics;
pub mod store;
// 2: stages, one noun and one verb each.
pub mod agent;
pub mod approval;
pub mod audit;
pub mod authority;
pub mod budget;
pub mod labels;
pub mod mapping;
pub mod policy;
pub mod risk;
pub mod upstream;
// 3: the gate, used by every door.
pub mod gate;
// Beside it: telling people.
pub mod notify;
// 4: doors.
pub mod control;
pub mod proxy;
// Beside them: checkpoints to other places.
pub mod publish;
// 5 to 7: configuration, importers of API descriptions, assembly, commands; `fakes` play the providers for `demo` and the tests.
pub mod app;
pub mod cli;
pub mod config;
pub mod fakes;
pub mod import;
