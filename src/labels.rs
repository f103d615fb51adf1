//! Labels of targets, by `policies/targets.yaml`: environment, sensitivity, owner, tags; and the organisation's own domains.
//! Stage, floor 2.
//!
//! The file is a list of entries, each with conditions that must all fit (`match`) and with labels (`label`). For each label
//! the first entry that fits and gives it counts, so that there is no doubt which; one that an earlier entry leaves nothing
//! to is refused when the file is read.
//!
//! **Doubt.** Whether an entry fits cannot always be told: the call does not say what it acts on, or says it in other letters
//! or as an ARN. Then the target may be any of several, and has the labels of all: the strictest sensitivity, each of the
//! owners, tags both with and without those in doubt. Rules are asked about each ([`Labels::possible`]), and the strictest
//! decision counts, so that no way of leaving out or spelling an id loosens one.

mod domains;
mod file;
mod glob;
mod load;
mod spelling;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

pub use self::domains::Domains;

use self::glob::Glob;
use self::spelling::{Fit, IdPattern, Spelt};
use crate::model::labels::{Label, Place, Sensitivity};
use crate::model::{Action, Labels};

/// Name of the file among the policies.
pub const FILE: &str = "targets.yaml";
/// The provider of hosts without a mapping.
const UNKNOWN_PROVIDER: &str = "unknown";
/// The target of a call that no mapping names.
const HOST: &str = "host";
/// The environment that nobody named, and the one it counts as.
const UNKNOWN: &str = "unknown";
const PRODUCTION: &str = "production";

/// Kinds of targets by provider, as mappings name them.
pub type Kinds = BTreeMap<Arc<str>, BTreeSet<Arc<str>>>;

/// What a target is told by.
#[derive(Clone, Copy, Debug)]
pub struct Sought<'a> {
    pub provider: &'a str,
    pub kind: &'a str,
    pub id: Option<&'a str>,
    /// Of the call; `None` where nobody knows any more.
    pub host: Option<&'a str>,
    /// As the mapping says.
    pub environment: &'a str,
}

/// The file, ready to be asked.
#[derive(Debug, Default)]
pub struct Labelling {
    file: String,
    entries: Vec<Entry>,
    domains: Domains,
    /// Some entry gives an owner or tags.
    rich: bool,
}

/// One entry.
#[derive(Debug)]
struct Entry {
    provider: Option<Arc<str>>,
    kind: Option<Arc<str>>,
    id: Option<IdPattern>,
    host: Option<Glob>,
    environment: Option<Arc<str>>,
    gives: Given,
}

/// Labels, each with its place.
#[derive(Debug, Default)]
struct Given {
    environment: Option<(Arc<str>, Place)>,
    sensitivity: Option<(Sensitivity, Place)>,
    owner: Option<(Arc<str>, Place)>,
    tags: Option<(Vec<Arc<str>>, Place)>,
}

/// What one label may be, the first that fits first.
struct Candidates<'a, T> {
    all: Vec<&'a (T, Place)>,
    /// The last of them fits for sure: it is none but these.
    closed: bool,
}

impl Labelling {
    /// The organisation's own domains.
    pub fn domains(&self) -> &Domains {
        &self.domains
    }

    /// Whether some target is labelled so.
    pub fn gives_environment(&self, name: &str) -> bool {
        let mut given = self.entries.iter().filter_map(|entry| entry.gives.environment.as_ref());
        given.any(|(given, _)| **given == *name)
    }

    /// `policies/targets.yaml:12:5`
    pub fn shown(&self, place: Place) -> String {
        format!("{}:{}:{}", self.file, place.line, place.column)
    }

    /// The labels of what an action is about, at that host; of all it means besides, too.
    #[must_use]
    pub fn label(&self, mut action: Action, host: &str) -> Action {
        action.labels = self.of(Sought {
            provider: &action.provider,
            kind: &action.target.kind,
            id: action.target.id.as_deref(),
            host: Some(host),
            environment: &action.environment,
        });
        let also = std::mem::take(&mut action.also);
        action.also = also.into_iter().map(|meaning| self.label(meaning, host)).collect();
        action
    }

    /// The labels of a target; `None` where nothing says anything of it.
    pub fn of(&self, sought: Sought<'_>) -> Option<Arc<Labels>> {
        if self.entries.is_empty() {
            return None;
        }
        let spelt = sought.id.and_then(Spelt::new);
        let fitting = self
            .entries
            .iter()
            .map(|entry| (entry.fit(sought, spelt.as_ref()), entry));
        let fitting: Vec<(Fit, &Entry)> = fitting.filter(|(fit, _)| *fit > Fit::No).collect();
        let mut labels = Labels::default();
        let environments = candidates(&fitting, |gives| gives.environment.as_ref());
        let sensitivities = candidates(&fitting, |gives| gives.sensitivity.as_ref());
        labels.put_environment(&environments, sought.environment);
        labels.put_sensitivity(&sensitivities);
        if self.rich {
            labels.put_owner(&candidates(&fitting, |gives| gives.owner.as_ref()));
            labels.put_tags(&candidates(&fitting, |gives| gives.tags.as_ref()));
        }
        (!labels.by.is_empty()).then(|| Arc::new(labels))
    }
}

impl Entry {
    fn fit(&self, sought: Sought<'_>, id: Option<&Spelt<'_>>) -> Fit {
        let is = |wanted: &Option<Arc<str>>, found: &str| match wanted {
            Some(wanted) if **wanted != *found => Fit::No,
            Some(_) | None => Fit::Yes,
        };
        if is(&self.provider, sought.provider) == Fit::No {
            return Fit::No;
        }
        let environment = match &self.environment {
            Some(wanted) if **wanted != *sought.environment && sought.environment == UNKNOWN => Fit::Maybe,
            wanted => is(wanted, sought.environment),
        };
        let host = match (&self.host, sought.host) {
            (None, _) => Fit::Yes,
            (Some(_), None) => Fit::Maybe,
            (Some(pattern), Some(host)) if pattern.fits(host) => Fit::Yes,
            (Some(_), Some(host)) if is_address(host) => Fit::Maybe,
            (Some(_), Some(_)) => Fit::No,
        };
        self.thing(sought, id, &is).min(environment).min(host)
    }

    /// Kind and id.
    ///
    /// SECURITY: of a call that no mapping names only the host is known, and it may act on anything of its provider: else a
    /// path that the mapping lacks would lead round a label (test `an_unmapped_call_may_act_on_anything_of_its_provider`).
    fn thing(&self, sought: Sought<'_>, id: Option<&Spelt<'_>>, is: &impl Fn(&Option<Arc<str>>, &str) -> Fit) -> Fit {
        let kind = is(&self.kind, sought.kind);
        let by_id = self.id.as_ref().map_or(Fit::Yes, |pattern| pattern.fit(id));
        let nameless = sought.kind == HOST && sought.id.is_some_and(is_address);
        let told = kind.min(if nameless { by_id.max(Fit::Maybe) } else { by_id });
        let anything = sought.kind == HOST && sought.provider != UNKNOWN_PROVIDER;
        match anything && self.kind.as_deref() != Some(HOST) {
            true => told.max(Fit::Maybe),
            false => told,
        }
    }

    /// Fits whatever the other fits.
    fn covers(&self, other: &Entry) -> bool {
        fn within<T>(mine: &Option<T>, theirs: &Option<T>, covers: impl Fn(&T, &T) -> bool) -> bool {
            match (mine, theirs) {
                (None, _) => true,
                (Some(mine), Some(theirs)) => covers(mine, theirs),
                (Some(_), None) => false,
            }
        }
        let same = |one: &Arc<str>, other: &Arc<str>| one == other;
        within(&self.provider, &other.provider, same)
            && within(&self.kind, &other.kind, same)
            && within(&self.environment, &other.environment, same)
            && within(&self.host, &other.host, Glob::covers)
            && (self.id.as_ref().is_some_and(IdPattern::is_any) || within(&self.id, &other.id, IdPattern::covers))
    }
}

/// SECURITY: a host may be called by its address instead of its name, which tells nobody what it is (test
/// `a_host_that_is_called_by_its_address_may_be_any`).
fn is_address(host: &str) -> bool {
    host.parse::<SocketAddr>().is_ok() || host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok()
}

/// What a label may be, by the entries that fit or may fit.
fn candidates<'a, T>(
    fitting: &[(Fit, &'a Entry)],
    of: impl Fn(&'a Given) -> Option<&'a (T, Place)>,
) -> Candidates<'a, T> {
    let mut all = Vec::new();
    for (fit, entry) in fitting {
        let Some(given) = of(&entry.gives) else { continue };
        all.push(given);
        if *fit == Fit::Yes {
            return Candidates { all, closed: true };
        }
    }
    Candidates { all, closed: false }
}

impl Labels {
    fn say(&mut self, label: Label, place: Place, doubtful: bool) {
        self.by.push((label, place));
        self.doubtful |= doubtful;
    }

    /// One of several environments is production if any is, for that is what an unknown one counts as.
    fn put_environment(&mut self, found: &Candidates<'_, Arc<str>>, mapped: &str) {
        let Some((first, place)) = found.all.first() else {
            return;
        };
        let open = (!found.closed).then_some(mapped);
        let mut all = found.all.iter().map(|(name, _)| &**name).chain(open);
        let alike = all.clone().all(|name| *name == **first);
        self.environment = Some(match (alike, all.any(|name| name == PRODUCTION)) {
            (true, _) => first.clone(),
            (false, true) => PRODUCTION.into(),
            (false, false) => UNKNOWN.into(),
        });
        self.say(Label::Environment, *place, !alike);
    }

    fn put_sensitivity(&mut self, found: &Candidates<'_, Sensitivity>) {
        let rank = |sensitivity: Sensitivity| Sensitivity::ALL.iter().position(|known| *known == sensitivity);
        // Of equals the first.
        let Some((_, place)) = found.all.iter().rev().max_by_key(|(sensitivity, _)| rank(*sensitivity)) else {
            return;
        };
        let open = (!found.closed).then_some(Sensitivity::Unknown);
        let all = found.all.iter().map(|(sensitivity, _)| *sensitivity).chain(open);
        self.sensitivity = all.clone().reduce(Sensitivity::or).unwrap_or_default();
        self.say(Label::Sensitivity, *place, all.collect::<Vec<_>>().len() > 1);
    }

    fn put_owner(&mut self, found: &Candidates<'_, Arc<str>>) {
        let Some((_, place)) = found.all.first() else { return };
        let nobody = (!found.closed).then_some(None);
        let owners = found.all.iter().map(|(owner, _)| Some(owner.clone()));
        let owners: BTreeSet<Option<Arc<str>>> = owners.chain(nobody).collect();
        self.owners = owners.into_iter().collect();
        self.say(Label::Owner, *place, self.owners.len() > 1);
    }

    fn put_tags(&mut self, found: &Candidates<'_, Vec<Arc<str>>>) {
        let Some((_, place)) = found.all.first() else { return };
        let all: BTreeSet<&Arc<str>> = found.all.iter().flat_map(|(tags, _)| tags).collect();
        let in_each = |tag: &&&Arc<str>| found.closed && found.all.iter().all(|(tags, _)| tags.contains(tag));
        let certain: Vec<Arc<str>> = all.iter().filter(in_each).map(|tag| (*tag).clone()).collect();
        self.tags = all.into_iter().cloned().collect();
        self.certain_tags = (certain.len() < self.tags.len()).then_some(certain);
        self.say(Label::Tags, *place, self.certain_tags.is_some());
    }
}
