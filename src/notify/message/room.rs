//! What is left of a message that is longer than its receivers take.

use super::Message;

/// Bytes of all of it: webhooks carry less than 20 KB, with what stands around it.
const ROOM: usize = 19_000;

/// Leaves out one thing, if there is one.
type Step = fn(&mut Message) -> bool;

/// What is left out where there is no room, first what is missed least. Who asks for what, by which rules and how to decide stay.
const STEPS: [Step; 11] = [
    Message::drop_earliest,
    Message::drop_alike,
    |message| message.also.pop().is_some(),
    Message::drop_field,
    |message| message.votes.iter_mut().any(|vote| vote.reason.take().is_some()),
    |message| message.rules.iter_mut().rev().any(|rule| rule.reason.take().is_some()),
    |message| message.roles.pop().is_some(),
    |message| message.missing.pop().is_some(),
    |message| message.stated.pop_last().is_some(),
    |message| message.votes.len() > 1 && message.votes.pop().is_some(),
    |message| message.rules.len() > 1 && message.rules.pop().is_some(),
];

impl Message {
    /// SECURITY: an agent whose words make a message longer than its receiver takes would have people not asked (test
    /// `a_message_has_room_for_people_whatever_an_agent_writes`).
    pub(super) fn fitted(mut self) -> Self {
        for step in STEPS {
            while self.length() > ROOM {
                let fields = self.fields_left_out;
                if !step(&mut self) {
                    break;
                }
                self.left_out += usize::from(fields == self.fields_left_out);
            }
        }
        self
    }

    fn length(&self) -> usize {
        serde_json::to_vec(self).map_or(usize::MAX, |json| json.len())
    }

    fn drop_earliest(&mut self) -> bool {
        let any = !self.before.is_empty();
        self.before.drain(..usize::from(any));
        any
    }

    fn drop_field(&mut self) -> bool {
        let longest = self.fields.iter().max_by_key(|(_, value)| value.to_string().len());
        let Some(name) = longest.map(|(name, _)| name.clone()) else {
            return false;
        };
        self.fields_left_out += 1;
        self.fields.remove(&name).is_some()
    }
}
