//! Floor 1: files of the home, keys, connections and TLS of our own ports, request bodies in memory and without their
//! codings, work in the background, memory, and the end of work.

pub mod background;
pub mod body;
pub mod coding;
pub mod drain;
pub mod embedded;
#[cfg(test)]
pub(crate) mod fuzz;
pub mod keys;
pub mod memory;
pub mod pkcs12;
pub mod proof;
pub mod replace;
pub mod socket;
pub mod stream;
pub mod tls;
pub mod watch;
pub mod yaml;
