//! What is remembered of what calls make, and what a call has to do with that.

use std::sync::Arc;

use http::HeaderMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What holds for what a call makes, by the id that it gets, until another call names that id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Remember {
    /// The kind of what is made, as the targets of other calls have it: `charge`.
    pub kind: String,
    /// Fields of this call that hold for it: `[amount, currency]`.
    pub fields: Vec<String>,
    /// Members of the call, at the top of query or content, with which what is made may become more by itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unless: Vec<String>,
}

/// What a call leaves out, and is as its target was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Recall {
    /// Fields that, where the call tells none of them, are those of its target: such a call does not change them.
    pub fields: Vec<String>,
    /// Which kinds of things the target may be; without it, the kind that `target` says.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kinds: Vec<String>,
    /// Members, at the top of query or content, that may stand beside what the mapping reads: they make no other amount of it. A call
    /// with any other recalls nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub beside: Vec<String>,
}

/// How the provider marks an answer that it gave before and repeats: nothing was made by this call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Replayed {
    /// Field of the answer's head.
    pub header: String,
    /// What it says then; what says anything else but `false` is marked, too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}

impl Replayed {
    /// Whether an answer with this head is marked.
    pub fn marks(&self, head: &HeaderMap) -> bool {
        let mut said = head.get_all(self.header.as_str()).iter();
        said.any(|said| match (&self.value, said.to_str()) {
            // In doubt it is.
            (Some(value), Ok(said)) => {
                said.trim().eq_ignore_ascii_case(value) || !said.trim().eq_ignore_ascii_case("false")
            }
            (None, _) | (_, Err(_)) => true,
        })
    }
}

/// What one call has to do with what is remembered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tie {
    #[default]
    None,
    /// It tells itself all that its mapping remembers of what it makes.
    Tells,
    /// It tells nothing of what its mapping recalls of its target.
    Asks,
    /// These fields are not the call's own, but as its target was made.
    Recalled {
        fields: Vec<Arc<str>>,
        /// Of what is remembered, as long as nothing changes it; 0 is none.
        #[serde(skip)]
        version: u64,
    },
}

impl Tie {
    /// Fields that were recalled.
    pub fn recalled(&self) -> &[Arc<str>] {
        match self {
            Tie::Recalled { fields, .. } => fields,
            Tie::None | Tie::Tells | Tie::Asks => &[],
        }
    }

    /// Whether it says nothing that outlives the call.
    pub(super) fn is_passing(&self) -> bool {
        self.recalled().is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_replayed_where_its_head_says_so_or_may() {
        let mark = |value: Option<&str>| Replayed {
            header: "idempotent-replayed".to_owned(),
            value: value.map(str::to_owned),
        };
        let head = |values: &[&[u8]]| {
            let mut head = HeaderMap::new();
            for value in values {
                head.append("idempotent-replayed", http::HeaderValue::from_bytes(value).unwrap());
            }
            head
        };
        for (value, said, expected) in [
            (Some("true"), &[][..], false),
            (Some("true"), &[&b"true"[..]][..], true),
            (Some("true"), &[&b" True "[..]][..], true),
            (Some("true"), &[&b"false"[..]][..], false),
            (Some("true"), &[&b"true, true"[..]][..], true),
            (Some("true"), &[&b"1"[..]][..], true),
            (Some("true"), &[&b"false"[..], &b"true"[..]][..], true),
            (Some("true"), &[&b"tr\xfce"[..]][..], true),
            (None, &[][..], false),
            (None, &[&b"false"[..]][..], true),
        ] {
            assert_eq!(mark(value).marks(&head(said)), expected, "{value:?} {said:?}");
        }
    }

    #[test]
    fn what_is_recalled_is_kept_by_name_alone() {
        let recalled = Tie::Recalled {
            fields: vec!["amount".into()],
            version: 7,
        };
        let kept = serde_json::to_string(&recalled).unwrap();
        assert_eq!(kept, r#"{"recalled":{"fields":["amount"]}}"#);
        let read: Tie = serde_json::from_str(&kept).unwrap();
        assert_eq!(read.recalled(), recalled.recalled());
        assert_ne!(read, recalled, "no version of an earlier run counts");
        assert!(Tie::Asks.is_passing() && !recalled.is_passing());
    }
}
