//! Only the policy engine makes a Permit.

use runplane::model::{Action, Call};
use runplane::policy::Permit;

fn forge(call: Call, action: Action) -> Permit {
    Permit {
        call,
        action,
        rules: Vec::new(),
        approval: None,
    }
}

fn main() {}
