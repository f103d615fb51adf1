//! `policies/budgets.yaml` as people type it, and what is wrong in it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;

use super::{Budget, Known, Limit, Measure, Per, conditions};
use crate::io::yaml::{self, Located};
use crate::model::approval::{DEFAULT_APPROVERS, OWNERS};
use crate::model::diagnostic::meant;
use crate::model::vocabulary::{ActionDefinition, FieldType};
use crate::model::{Diagnostic, Source, Vocabulary};

/// Fields that are money in the account's currency.
const MONEY: [&str; 2] = ["amount_base", "estimated_monthly_cost"];
/// Longest window.
const LONGEST: Duration = Duration::from_secs(30 * 24 * 3600);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    budgets: BTreeMap<Arc<str>, Located<Typed>>,
}

/// One budget as typed.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Typed {
    #[serde(default)]
    description: Option<String>,
    window: Located<String>,
    /// The field that is summed; without it, calls are counted.
    #[serde(default)]
    sum: Option<Located<Arc<str>>>,
    #[serde(default)]
    actions: Vec<Located<Arc<str>>>,
    #[serde(default)]
    groups: Vec<Located<Arc<str>>>,
    per: Located<Per>,
    #[serde(default)]
    when: conditions::Typed,
    #[serde(default)]
    limit: Option<Located<i64>>,
    #[serde(default)]
    over: Option<Located<Answer>>,
    #[serde(default)]
    approvers: Vec<Located<Arc<str>>>,
}

/// What happens over the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
enum Answer {
    #[serde(rename = "BLOCK")]
    Block,
    #[serde(rename = "REQUIRE_APPROVAL")]
    RequireApproval,
}

/// A budget read, and the actions that it covers.
pub(super) struct Read {
    pub(super) budget: Budget,
    pub(super) actions: Vec<Arc<str>>,
}

/// Reads the files; a name stands in one of them only.
pub(super) fn read_all(
    sources: &[Source],
    vocabulary: &Vocabulary,
    known: Known<'_>,
) -> Result<Vec<Read>, Vec<Diagnostic>> {
    let (mut all, mut wrong) = (Vec::new(), Vec::new());
    let mut first: HashMap<Arc<str>, &str> = HashMap::new();
    for source in sources {
        match read(source, vocabulary, known, &mut first) {
            Ok(read) => all.extend(read),
            Err(found) => wrong.extend(found),
        }
    }
    if wrong.is_empty() { Ok(all) } else { Err(wrong) }
}

pub(super) fn misshapen(sources: &[Source]) -> Vec<Diagnostic> {
    let wrong = sources.iter().filter_map(|source| yaml::load::<File>(source).err());
    wrong.flatten().collect()
}

fn read<'a>(
    source: &'a Source,
    vocabulary: &Vocabulary,
    known: Known<'_>,
    first: &mut HashMap<Arc<str>, &'a str>,
) -> Result<Vec<Read>, Vec<Diagnostic>> {
    yaml::load_with(source, |file| check(source, &file, vocabulary, known, first))
}

fn check<'a>(
    source: &'a Source,
    file: &File,
    vocabulary: &Vocabulary,
    known: Known<'_>,
    first: &mut HashMap<Arc<str>, &'a str>,
) -> Result<Vec<Read>, Vec<Diagnostic>> {
    let mut reader = Reader {
        source,
        vocabulary,
        known,
        wrong: Vec::new(),
    };
    for (name, typed) in &file.budgets {
        if let Some(other) = first.insert(name.clone(), &source.file) {
            reader.find(
                typed,
                format!("a budget `{name}` stands in {other} already: choose another name"),
            );
        }
    }
    let read: Vec<Option<Read>> = file
        .budgets
        .iter()
        .map(|(name, typed)| reader.budget(name, typed))
        .collect();
    match reader.wrong.is_empty() {
        true => Ok(read.into_iter().flatten().collect()),
        false => Err(reader.wrong),
    }
}

struct Reader<'a> {
    source: &'a Source,
    vocabulary: &'a Vocabulary,
    known: Known<'a>,
    wrong: Vec<Diagnostic>,
}

impl Reader<'_> {
    fn budget(&mut self, name: &Arc<str>, located: &Located<Typed>) -> Option<Read> {
        let before = self.wrong.len();
        let typed = &located.value;
        if !is_name(name) {
            self.find(
                located,
                format!("`{name}` is no name: expected at most 64 lower-case letters, digits and `_`, a letter first"),
            );
        }
        let window = span(&typed.window.value);
        if window.is_none() {
            let found = &typed.window.value;
            self.find(
                &typed.window,
                format!("expected a window from 1s to 30d with its units, as 30s, 1h, 1d or 1h30m, found `{found}`"),
            );
        }
        let measure = self.measure(typed);
        let actions = self.actions(name, located);
        let limit = self.limit(typed);
        let providers = self.known.providers;
        let strange = providers.and_then(|known| typed.when.strange(self.source, known));
        self.wrong.extend(strange);
        (self.wrong.len() == before).then_some(())?;
        let length = i64::try_from(window?.as_millis()).ok()?;
        let identity = identity(name, length, typed, &actions);
        let limit = limit.map(|(at_most, approvers)| Limit::new(&identity, at_most, approvers));
        let what = match &measure {
            Measure::Calls => "calls".to_owned(),
            Measure::Sum { field, .. } => format!("sum of {field}"),
        };
        let told = format!(
            "With this call: {what} per {} in {}",
            typed.per.value.as_str(),
            typed.window.value
        );
        let budget = Budget {
            name: name.clone(),
            description: match &typed.description {
                Some(description) => format!("{description}. {told}").into(),
                None => told.into(),
            },
            window: typed.window.value.as_str().into(),
            length,
            measure,
            per: typed.per.value,
            groups: self.groups_of(typed, &actions),
            conditions: typed.when.conditions(),
            doubt: typed.when.doubt(self.source),
            limit,
            place: self.place(located),
            slot: identity,
        };
        Some(Read { budget, actions })
    }

    fn place(&self, located: &Located<Typed>) -> String {
        let (line, column) = match &located.value.limit {
            Some(limit) => (limit.line, limit.column),
            None => (located.line, located.column),
        };
        format!("{}:{line}:{column}", self.source.file)
    }

    fn measure(&mut self, typed: &Typed) -> Measure {
        let Some(sum) = &typed.sum else {
            return Measure::Calls;
        };
        match self.vocabulary.fields.get(&sum.value) {
            Some(field) if field.kind == FieldType::Int => {}
            Some(_) => self.find(
                sum,
                format!("`{}` is no number: only an int field can be summed", sum.value),
            ),
            None => {
                let hint = hint(&sum.value, self.vocabulary.fields.keys());
                self.find(sum, format!("unknown field `{}`{hint}", sum.value));
            }
        }
        Measure::Sum {
            field: sum.value.clone(),
            money: MONEY.contains(&&*sum.value),
        }
    }

    /// The actions that it counts: those named, and those of the groups that have what it sums.
    fn actions(&mut self, name: &str, located: &Located<Typed>) -> Vec<Arc<str>> {
        let (typed, vocabulary) = (&located.value, self.vocabulary);
        let sums = |definition: &ActionDefinition| match &typed.sum {
            Some(sum) => definition.required.contains(&sum.value) || definition.optional.contains(&sum.value),
            None => true,
        };
        // An unknown field is told once.
        let sum_is_known = typed
            .sum
            .as_ref()
            .is_none_or(|sum| vocabulary.fields.contains_key(&sum.value));
        let mut found = BTreeSet::new();
        for action in &typed.actions {
            match vocabulary.actions.get(&action.value) {
                None => {
                    let hint = hint(&action.value, vocabulary.actions.keys());
                    self.find(action, format!("unknown action `{}`{hint}", action.value));
                }
                Some(definition) if sum_is_known && !sums(definition) => {
                    let field = typed.sum.as_ref().map_or("", |sum| &*sum.value);
                    self.find(action, format!("`{}` has no field `{field}` to sum", action.value));
                }
                Some(_) => drop(found.insert(action.value.clone())),
            }
        }
        let known = |group: &str| vocabulary.groups.contains_key(group);
        for group in typed.groups.iter().filter(|group| !known(&group.value)) {
            let hint = hint(&group.value, vocabulary.groups.keys());
            self.find(group, format!("unknown group `{}`{hint}", group.value));
        }
        let every = typed.actions.is_empty() && typed.groups.is_empty();
        for (action, definition) in &vocabulary.actions {
            let mut parents = definition.parents();
            let member = every || parents.any(|parent| typed.groups.iter().any(|group| *group.value == *parent));
            if member && sums(definition) {
                found.insert(action.clone());
            }
        }
        if found.is_empty()
            && sum_is_known
            && typed.actions.is_empty()
            && typed.groups.iter().all(|group| known(&group.value))
        {
            self.find(located, format!("`{name}`: no action of these groups has what it sums"));
        }
        found.into_iter().collect()
    }

    /// The groups that each action is counted in, where groups are counted apart; an action of none of them by itself.
    fn groups_of(&self, typed: &Typed, actions: &[Arc<str>]) -> HashMap<Arc<str>, Vec<Arc<str>>> {
        if typed.per.value != Per::Group {
            return HashMap::new();
        }
        let named = |group: &str| typed.groups.is_empty() || typed.groups.iter().any(|one| *one.value == *group);
        let of = |action: &Arc<str>| {
            let parents = self.vocabulary.actions.get(action).into_iter();
            let parents = parents.flat_map(ActionDefinition::parents).filter(|group| named(group));
            let mut groups: Vec<Arc<str>> = parents.map(Arc::from).collect();
            if groups.is_empty() {
                groups.push(action.clone());
            }
            (action.clone(), groups)
        };
        actions.iter().map(of).collect()
    }

    /// How much at most, and who is asked over it.
    fn limit(&mut self, typed: &Typed) -> Option<(i64, Option<Vec<Arc<str>>>)> {
        let Some(limit) = &typed.limit else {
            if let Some(over) = &typed.over {
                self.find(over, "`over` says what happens over a `limit`, and there is none");
            }
            return None;
        };
        if limit.value < 0 {
            self.find(
                limit,
                "expected a limit of 0 or more (money in minor units: 50000 is $500.00)",
            );
        }
        let asks = typed
            .over
            .as_ref()
            .is_some_and(|over| over.value == Answer::RequireApproval);
        for approver in &typed.approvers {
            if !asks {
                self.find(approver, "`approvers` are asked only with `over: REQUIRE_APPROVAL`");
            }
            let group = &approver.value;
            let is_known = |groups: &BTreeSet<String>| groups.contains(&**group);
            let built_in = [DEFAULT_APPROVERS, OWNERS].contains(&&**group);
            if !built_in && self.known.groups.is_some_and(|groups| !is_known(groups)) {
                self.find(
                    approver,
                    format!("nobody is in the group `{group}`: `runplane people add NAME --group {group}`"),
                );
            }
        }
        let mut approvers: Vec<Arc<str>> = typed.approvers.iter().map(|group| group.value.clone()).collect();
        if approvers.is_empty() {
            approvers.push(DEFAULT_APPROVERS.into());
        }
        Some((limit.value, asks.then_some(approvers)))
    }

    fn find<T>(&mut self, at: &Located<T>, message: impl Into<String>) {
        self.wrong.push(at.diagnostic(self.source, message));
    }
}

/// What a budget counts: whatever else is changed (its limit, its words) leaves its totals as they are.
fn identity(name: &str, length: i64, typed: &Typed, actions: &[Arc<str>]) -> Arc<str> {
    let sum = typed.sum.as_ref().map(|sum| &sum.value);
    let groups: Vec<&Arc<str>> = typed.groups.iter().map(|group| &group.value).collect();
    format!(
        "{name} {length} {sum:?} {} {groups:?} {actions:?} {:?}",
        typed.per.value.as_str(),
        typed.when.conditions()
    )
    .into()
}

fn hint<'a>(wrong: &str, known: impl Iterator<Item = &'a Arc<str>>) -> String {
    meant(wrong, known.map(AsRef::as_ref))
        .map(|name| format!(" (did you mean `{name}`?)"))
        .unwrap_or_default()
}

fn is_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    name.starts_with(|first: char| first.is_ascii_lowercase()) && name.len() <= 64 && name.bytes().all(plain)
}

/// `1d12h` and the like, in days of 24 hours.
fn span(text: &str) -> Option<Duration> {
    let (mut seconds, mut digits) = (0u64, String::new());
    for character in text.chars() {
        if character.is_ascii_digit() {
            digits.push(character);
            continue;
        }
        let unit = match character {
            's' => 1,
            'm' => 60,
            'h' => 3_600,
            'd' => 86_400,
            _ => return None,
        };
        let number: u64 = std::mem::take(&mut digits).parse().ok()?;
        seconds = seconds.checked_add(number.checked_mul(unit)?)?;
    }
    let span = Duration::from_secs(seconds);
    (digits.is_empty() && seconds > 0 && span <= LONGEST).then_some(span)
}

#[cfg(test)]
mod tests;
