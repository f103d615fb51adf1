//! What telling people needs of the house.

use std::sync::Arc;

use crate::approval::Question;
use crate::config::Config;
use crate::model::change::ApprovalRow;
use crate::notify::slack::Desk;
use crate::upstream::{self, Errands};
use crate::{notify, proxy};

/// The way out for messages: that of calls, but for the places that the configuration names.
pub(super) fn errands(config: &Config, way_out: &upstream::Config) -> Result<Arc<Errands>, upstream::Error> {
    Errands::new(upstream::Config {
        destinations: config.notifications.named(),
        ..way_out.clone()
    })
    .map(Arc::new)
}

/// Where people in Slack are answered, if they are.
pub(super) fn desk(config: &Config, errands: &Arc<Errands>) -> Option<Arc<Desk>> {
    let slack = config.notifications.slack.as_ref()?;
    Desk::of(slack, errands.clone()).map(Arc::new)
}

pub(super) fn parts(config: &Config, parts: &proxy::Parts, errands: Arc<Errands>) -> (notify::Config, notify::Parts) {
    let (gate, home_option) = (parts.gate.clone(), parts.home_option.clone());
    let command = move |row: &ApprovalRow| Question::of(row).command(gate.rules().vocabulary(), &home_option);
    let words = notify::Words {
        command: Box::new(command),
        home_option: parts.home_option.clone(),
        public_url: config.public_url.as_ref().map(ToString::to_string),
        grant: config.approvals.grant,
        reason_from_risk: config.reason_from_risk,
    };
    let notify_parts = notify::Parts {
        store: parts.store.clone(),
        registry: parts.registry.clone(),
        metrics: parts.metrics.clone(),
        errands,
        words,
    };
    (config.notifications.clone(), notify_parts)
}
