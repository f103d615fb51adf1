//! Only the store says that something is on disk.

use runplane::policy::Permit;
use runplane::store::Recorded;

fn forge(permit: Permit) -> Recorded<Permit> {
    Recorded(permit)
}

fn main() {}
