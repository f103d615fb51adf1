//! The real binary, over TLS, between real clients and recording origins. One binary, modules by behaviour; what stands
//! where is in `tests/README.md`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr,
    unreachable_pub,
    reason = "tests may panic and print: that is how they fail; a test binary has no outside"
)]

mod accounts;
mod approvals;
mod architecture;
mod audit;
mod authority;
mod budgets;
mod bypass;
mod clients;
mod codings;
mod coming;
mod config;
mod conformance;
mod connect;
mod copies;
mod corporate;
mod demo;
mod deploy;
mod destinations;
mod doctor;
mod drain;
mod events;
mod exec;
mod explain;
mod forward;
mod grants;
mod grpc;
mod guard;
mod harness;
mod hold;
mod hostile;
mod http1;
mod http2;
mod internal;
mod kill;
mod labels;
mod large;
mod mapping;
mod metrics;
mod mistakes;
mod notify;
mod observe;
mod page;
mod pause;
mod people;
mod policies;
mod recalled;
mod reject;
mod reload;
mod replay;
mod restart;
mod reverse;
mod risk;
mod secured;
mod shapes;
mod shipped;
mod slack;
mod stated;
mod streams;
mod tls;
mod told;
mod trail;
mod upstream;
