//! What an agent is told of the proxy it calls through, in Markdown for a model.

use std::fmt::Write;
use std::sync::Arc;

use http::StatusCode;

use super::{NAME, Page};
use crate::model::Reason;
use crate::model::inert::inert;
use crate::proxy::{Parts, respond};

pub(super) fn page(parts: &Parts, agent: &Arc<str>) -> Page {
    let rules = parts.gate.rules();
    let mut titles: Vec<&str> = rules.mappings().titles().collect();
    titles.sort_unstable();
    titles.dedup();
    let paused = match parts.gate.paused().check(agent) {
        Ok(()) => String::new(),
        Err(paused) => format!(
            "**You are paused**: {}. Until then every call is refused as `paused`, so make none, and tell the person you work \
             for.\n\n",
            paused.detail
        ),
    };
    let mut text = format!(
        "# Runplane\n\n{paused}\
         Every call that you (agent `{agent}`) make over the network passes this proxy. It reads what a call would do, and \
         lets it through, blocks it, or asks people first. It cannot be asked to decide otherwise, and another way to the \
         same end is refused like the first.\n\n\
         ## What is governed\n\n\
         All calls. These providers are understood by what a call means: {}. Of any other host, reading is let through and \
         what may change something is not.\n\n\
         ## What a refusal means\n\n\
         A refused call was NOT executed unless the refusal says otherwise. Its code stands in the error that your library \
         raises, and the header fields `Runplane-Decision`, `Runplane-Request-Id` and `Runplane-Approval-Id` say the rest.\n\n\
         | code | meaning | what to do |\n|---|---|---|\n",
        titles.join(", ")
    );
    for reason in Reason::ALL {
        let (meaning, next) = respond::meaning(reason);
        // Writing into a String cannot fail.
        let _ = writeln!(text, "| `{reason}` | {meaning} | {next} |");
    }
    let _ = write!(
        text,
        "\n## `approval_pending`\n\n\
         People are being asked, and your call waits on disk. Keep its approval id (`apr_…`), tell the person you work for, \
         and go on with other work. Then repeat exactly the same call: once approved it is executed, once.\n\n\
         - `GET http://{NAME}/approvals/apr_…` tells how it stands: pending, approved, denied, expired or consumed.\n\
         - `GET http://{NAME}/approvals/apr_…/wait?timeout=60` answers as soon as it is decided, at most after 60 seconds.\n\n\
         Nothing here decides, and you are told of your own calls only.\n\n\
         ## Your calls that wait\n\n"
    );
    let own = parts.approvals.waiting_of(agent);
    if own.is_empty() {
        text.push_str("None.\n");
    }
    for standing in &own {
        let row = &standing.row;
        let _ = writeln!(
            text,
            "- `{}` until {}: {}",
            row.id,
            row.expires,
            inert(&row.action.summary)
        );
    }
    Page {
        status: StatusCode::OK,
        kind: "text/markdown; charset=utf-8",
        content: text,
    }
}
