//! That something is on disk is not enough: what is sent is what policy allowed.

use runplane::model::Call;
use runplane::store::Recorded;
use runplane::upstream::{Content, Upstream};

async fn unjudged(upstream: &Upstream, call: Recorded<Call>) {
    let _ = upstream.send(call, Content::FromCall, false).await;
}

fn main() {}
