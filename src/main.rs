//! The `runplane` command. See the library's documentation for the map of the house.

use std::io::Write;
use std::process::ExitCode;

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
