//! What the operator says of a target, by `policies/targets.yaml`.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// How bad it is if what a target holds gets out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sensitivity {
    Public,
    /// Nobody said.
    #[default]
    Unknown,
    Internal,
    Confidential,
    Restricted,
}

impl Sensitivity {
    pub const ALL: [Sensitivity; 5] = [
        Sensitivity::Public,
        Sensitivity::Unknown,
        Sensitivity::Internal,
        Sensitivity::Confidential,
        Sensitivity::Restricted,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Sensitivity::Public => "public",
            Sensitivity::Unknown => "unknown",
            Sensitivity::Internal => "internal",
            Sensitivity::Confidential => "confidential",
            Sensitivity::Restricted => "restricted",
        }
    }

    /// Of a target that is either, nobody knows which: the least that is as sensitive as both. What nobody labelled is more
    /// than public and cannot be compared with internal, so that what is either is confidential.
    #[must_use]
    pub fn or(self, other: Sensitivity) -> Sensitivity {
        use Sensitivity::{Confidential, Internal, Public, Restricted, Unknown};
        match (self, other) {
            (Restricted, _) | (_, Restricted) => Restricted,
            (Confidential, _) | (_, Confidential) | (Unknown, Internal) | (Internal, Unknown) => Confidential,
            (Unknown, Unknown | Public) | (Public, Unknown) => Unknown,
            (Internal, Internal | Public) | (Public, Internal) => Internal,
            (Public, Public) => Public,
        }
    }
}

/// Labels of one target. Where it cannot be told which target a call acts on, they are those of all it may be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Labels {
    /// In place of what the mapping says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<Arc<str>>,
    pub sensitivity: Sensitivity,
    /// Who may own it, `None` for nobody. Empty: nobody said.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub owners: Vec<Option<Arc<str>>>,
    /// All it may have.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<Arc<str>>,
    /// Those it has for sure, where that is not all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certain_tags: Option<Vec<Arc<str>>>,
    /// Where the file says so.
    pub by: Vec<(Label, Place)>,
    /// They are those of more than one target it may be.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub doubtful: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Label {
    Environment,
    Sensitivity,
    Owner,
    Tags,
}

impl Label {
    pub fn as_str(self) -> &'static str {
        match self {
            Label::Environment => "environment",
            Label::Sensitivity => "sensitivity",
            Label::Owner => "owner",
            Label::Tags => "tags",
        }
    }
}

/// Line and column (1-based) in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Place {
    pub line: usize,
    pub column: usize,
}

/// One labelling that a target may have: what rules see of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Possible<'a> {
    pub sensitivity: Sensitivity,
    pub owner: Option<&'a Arc<str>>,
    pub tags: &'a [Arc<str>],
}

impl Labels {
    /// Every labelling that it may have: one, where it is told which target it is.
    pub fn possible(labels: Option<&Labels>) -> impl Iterator<Item = Possible<'_>> {
        const NOBODY: &[Option<Arc<str>>] = &[None];
        let sensitivity = labels.map_or_else(Sensitivity::default, |labels| labels.sensitivity);
        let owners = labels.map_or(NOBODY, |labels| &labels.owners);
        let owners = if owners.is_empty() { NOBODY } else { owners };
        let all = labels.map_or(&[][..], |labels| &labels.tags);
        let certain = labels.and_then(|labels| labels.certain_tags.as_deref());
        owners.iter().flat_map(move |owner| {
            std::iter::once(all).chain(certain).map(move |tags| Possible {
                sensitivity,
                owner: owner.as_ref(),
                tags,
            })
        })
    }

    /// Each label in words, with its place.
    pub fn told(&self) -> impl Iterator<Item = (Label, String, Place)> {
        self.by
            .iter()
            .map(|(label, place)| (*label, self.value(*label), *place))
    }

    fn value(&self, label: Label) -> String {
        match label {
            Label::Environment => self.environment.as_deref().unwrap_or_default().to_owned(),
            Label::Sensitivity => self.sensitivity.as_str().to_owned(),
            Label::Owner => self.owner(),
            Label::Tags => self.tags.join(", "),
        }
    }

    /// Whoever may own it; empty for nobody.
    pub fn owner(&self) -> String {
        let owners: Vec<&str> = self.owners.iter().flatten().map(|owner| &**owner).collect();
        owners.join(" or ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_either_is_as_sensitive_as_both() {
        for one in Sensitivity::ALL {
            assert_eq!(one.or(one), one);
            for other in Sensitivity::ALL {
                let either = one.or(other);
                assert_eq!(either, other.or(one));
                assert_eq!((either.or(one), either.or(other)), (either, either));
                for third in Sensitivity::ALL {
                    assert_eq!(one.or(other).or(third), one.or(other.or(third)));
                }
            }
        }
        assert_eq!(
            Sensitivity::Unknown.or(Sensitivity::Internal),
            Sensitivity::Confidential
        );
        assert_eq!(Sensitivity::Unknown.or(Sensitivity::Public), Sensitivity::Unknown);
    }

    #[test]
    fn what_has_no_labels_is_one_thing_of_unknown_sensitivity() {
        let none: Vec<_> = Labels::possible(None).collect();
        let unsaid = Labels::default();
        assert_eq!(none, Labels::possible(Some(&unsaid)).collect::<Vec<_>>());
        assert_eq!(
            (none.len(), none[0].sensitivity, none[0].owner),
            (1, Sensitivity::Unknown, None)
        );
    }
}
