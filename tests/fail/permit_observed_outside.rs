//! Nobody but the policy engine says that a call is only observed.

use runplane::model::{Action, Call};
use runplane::policy::{Permit, Verdict};

fn forge(call: Call, action: Action, stopped: Verdict) -> Permit {
    Permit::observed(call, action, stopped, None)
}

fn main() {}
