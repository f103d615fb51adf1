//! Only the policy engine makes a Permit.

use runplane::model::{Action, Call};
use runplane::policy::{Basis, Permit};

fn forge(call: Call, action: Action) -> Permit {
    Permit {
        call,
        action,
        rules: Vec::new(),
        approval: None,
        basis: Basis::Rules,
        trial: None,
    }
}

fn main() {}
