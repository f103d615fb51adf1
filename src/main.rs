//! The `runplane` command. See the library's documentation for the map of the house.

use std::io::Write;
use std::process::ExitCode;

/// A call is some hundred small allocations; this one makes them at about half the price of the system's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match runplane::cli::main() {
        Ok(code) => code,
        Err(error) => {
            // Nothing is left to do if standard error is gone too.
            let _ = writeln!(std::io::stderr(), "error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
