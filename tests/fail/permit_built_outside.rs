//! Only the policy engine makes a Permit.

use runplane::model::{Action, Call, Spending};
use runplane::policy::{Basis, Permit};

fn forge(call: Call, action: Action) -> Permit {
    Permit {
        call,
        action,
        rules: Vec::new(),
        approval: None,
        spending: Spending::default(),
        basis: Basis::Rules,
        trial: None,
    }
}

fn main() {}
