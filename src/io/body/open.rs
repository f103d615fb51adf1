//! Captured content without its coding.

use std::sync::Arc;

use bytes::Bytes;
use http::HeaderMap;

use super::super::coding::{self, Coding, CodingError};
use super::memory::Reserved;
use super::{Capture, Held};
use crate::model::{Body, Coded};

/// Coded content up to this many bytes is decoded where it is needed: it comes to 400 KiB, or a millisecond or two.
pub(super) const DECODED_AT_ONCE: usize = 4 << 10;

impl Capture {
    /// Large content is decoded beside the threads that serve connections.
    pub(super) async fn open(&self, agent: &Arc<str>, headers: &HeaderMap, wire: Bytes) -> Body {
        let coded = matches!(Coding::of(headers), Ok(Some(_)));
        if !coded || wire.len() <= DECODED_AT_ONCE {
            return self.opened(agent, headers, wire);
        }
        // SECURITY: the permit goes with the work, which goes on when the agent leaves: else who comes and goes has any
        // number of contents decoded at a time. It is never closed.
        let permit = self.decoding.clone().acquire_owned().await;
        let (capture, agent, head, content) = (self.clone(), agent.clone(), headers.clone(), wire.clone());
        let opened = tokio::task::spawn_blocking(move || {
            let opened = capture.opened(&agent, &head, content);
            drop(permit);
            opened
        });
        let opened = opened.await;
        opened.unwrap_or_else(|_| {
            Body::Coded(Coded {
                wire,
                decoded: Err(CodingError::Broken.into()),
            })
        })
    }

    fn opened(&self, agent: &Arc<str>, headers: &HeaderMap, wire: Bytes) -> Body {
        let mut memory: Option<Reserved> = None;
        let reserve = |bytes| match (self.memory.reserve(agent, bytes), &mut memory) {
            (Ok(more), Some(memory)) => {
                memory.add(more);
                true
            }
            (Ok(first), None) => {
                memory = Some(first);
                true
            }
            (Err(_), _) => false,
        };
        match (coding::open(headers, wire, &self.codings, reserve), memory) {
            (Body::Coded(coded), Some(memory)) => Body::Coded(Coded {
                decoded: coded
                    .decoded
                    .map(|bytes| Bytes::from_owner(Held { bytes, _memory: memory })),
                ..coded
            }),
            (content, _) => content,
        }
    }
}
