//! A permit is not copied, before or after it is on disk.

use runplane::policy::Permit;
use runplane::store::Recorded;

fn copied(permit: &Permit) -> Permit {
    permit.clone()
}

fn copied_on_disk(permit: &Recorded<Permit>) -> Recorded<Permit> {
    permit.clone()
}

fn main() {}
