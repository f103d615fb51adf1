//! The canonical action of an operation by its name: verb and thing, in one place for all importers.
//!
//! SECURITY: a name says less than a description, so a change that is named here stays one that nobody knows (`unmapped`): the
//! baseline holds it as it holds one without a name. No name is milder than the access it is given with, and what removes many
//! is told from what removes one (tests `no_name_is_milder_than_its_access`, `a_generated_change_is_held_whatever_its_name`).

use super::secrets::reveals;
use super::things::{
    CONNECTING, CREATING, DEPLOYED, EDITING, EVENTS, MACHINES, MANY, MESSAGES, NO_TABLE, PEOPLE, PREPOSITIONS, REPORTS,
    SECURITY, SECURITY_PAIRS, SIZES, STOPPING, STREAMED, TABLES,
};
use super::words::{REMOVING, changes, words};
use crate::model::Access;

/// An operation as its provider names it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Named<'a> {
    pub(super) access: Access,
    /// `deleteThings`, `projects.instances.reset`; a name that begins with its method says no more than the path does.
    pub(super) name: &'a str,
    /// The path template, or nothing.
    pub(super) path: &'a str,
    pub(super) method: Option<&'a str>,
}

/// Verb and thing of a name.
#[derive(Debug, Default, PartialEq, Eq)]
struct Sense {
    verb: String,
    /// What it is done to, the last word the thing itself: `api key`. Each in the singular.
    thing: Vec<String>,
    /// All words, in the singular.
    all: Vec<String>,
    /// Many at once.
    many: bool,
}

/// What a name is about: `issue_label` of `issueLabelCreate`.
pub(super) fn thing(name: &str) -> Option<String> {
    let thing = Sense::of_name(name).thing.join("_");
    (!thing.is_empty()).then_some(thing)
}

/// The canonical action, where it is not what follows from the access.
pub(super) fn action(named: &Named<'_>) -> Option<&'static str> {
    let sense = Sense::of(named);
    match named.access {
        Access::Read if !named.path.is_empty() && reveals(named.name, named.path) => Some("read_secret"),
        Access::Read => sense.reads_balance().then_some("read_balance"),
        Access::Delete => sense.removal(),
        Access::Write => money_or_mail(named).or_else(|| sense.change()),
        Access::Admin => None,
    }
}

impl Sense {
    fn of(named: &Named<'_>) -> Sense {
        let by_path = !named.path.is_empty() && says_method(named.name);
        match by_path {
            true => Sense::of_path(named),
            false => Sense::of_name(named.name),
        }
    }

    fn of_name(name: &str) -> Sense {
        // `projects.instances.reset`, `repos/create-webhook`: what stands before is a place, and the thing if the rest names none.
        let name = name.rsplit('/').next().unwrap_or(name);
        let (place, own) = name.rsplit_once('.').unwrap_or(("", name));
        let place = singulars(place.rsplit('.').next().unwrap_or(place));
        let own = words(own);
        // A word that may be a thing as well is the verb where it stands first.
        let verb = match own.first().is_some_and(|word| is_verb(word)) {
            true => Some(0),
            false => own
                .iter()
                .position(|word| is_plain_verb(word))
                .or_else(|| own.iter().rposition(|word| is_verb(word))),
        };
        let (before, after) = own.split_at(verb.unwrap_or(0));
        let after = after.get(usize::from(verb.is_some())..).unwrap_or_default();
        let is_many = |word: Option<&String>| word.is_some_and(|word| MANY.contains(&word.as_str()));
        let many = is_many(before.last())
            || is_many(own.last())
            || is_many(after.first().filter(|word| *word != "batch"))
            || own.ends_with(&["by".to_owned(), "query".to_owned()]);
        let end = after
            .iter()
            .position(|word| PREPOSITIONS.contains(&word.as_str()))
            .unwrap_or(after.len());
        let things = |words: &[String]| -> Vec<String> {
            let kept = words
                .iter()
                .filter(|word| word.len() > 1 && !is_many(Some(word)) && !is_filler(word));
            kept.map(|word| singular(word)).collect()
        };
        let after = things(after.get(..end).unwrap_or_default());
        let before = things(before);
        let thing = match (after.is_empty(), before.is_empty()) {
            (false, _) => after,
            (true, false) => before,
            (true, true) => place,
        };
        let all = singulars(name);
        let verb = verb.and_then(|at| own.get(at)).cloned().unwrap_or_default();
        Sense { verb, thing, all, many }
    }

    /// `POST /v1/invoices/{invoice}/pay` pays an invoice; `POST /v1/invoices` makes one, `PATCH /v1/invoices/{invoice}` changes one.
    fn of_path(named: &Named<'_>) -> Sense {
        let segments: Vec<&str> = named.path.split('/').filter(|segment| !segment.is_empty()).collect();
        let ends_with_one = segments.last().is_some_and(|last| last.ends_with('}'));
        let mut plain = segments.iter().rev().filter(|segment| !segment.starts_with('{'));
        let last = plain.next().map(|last| words(last)).unwrap_or_default();
        let before = plain.next().map(|before| words(before)).unwrap_or_default();
        let is_many = |words: &[String]| words.iter().any(|word| MANY.contains(&word.as_str()));
        let many = is_many(&last) || is_many(&before);
        let all = words(named.path).iter().map(|word| singular(word)).collect();
        let (verb, thing) = match last.split_first() {
            Some((verb, rest)) if !ends_with_one && is_verb(verb) => {
                let thing = if rest.is_empty() { before } else { rest.to_vec() };
                (verb.clone(), thing)
            }
            _ => {
                let verb = match named.method {
                    Some("DELETE") => "delete",
                    Some("POST") if !ends_with_one => "create",
                    Some(_) | None => "update",
                };
                (verb.to_owned(), last)
            }
        };
        let thing = thing.iter().filter(|word| !MANY.contains(&word.as_str()));
        let thing = thing.map(|word| singular(word)).collect();
        Sense { verb, thing, all, many }
    }

    fn does(&self, verbs: &[&str]) -> bool {
        verbs.contains(&self.verb.as_str())
    }

    /// Whether the thing is one of these.
    fn is(&self, things: &[&str]) -> bool {
        let load = self.thing.iter().any(|word| word == "load");
        self.thing.last().is_some_and(|last| things.contains(&last.as_str())) && !load
    }

    fn has(&self, word: &str) -> bool {
        self.thing.iter().any(|found| found == word)
    }

    fn is_security(&self) -> bool {
        let pair = |two: &[String]| match two {
            [first, second] => SECURITY_PAIRS.contains(&(first.as_str(), second.as_str())),
            _ => false,
        };
        let first = self.thing.first().is_some_and(|word| SECURITY.contains(&word.as_str()));
        self.is(&SECURITY) || first || self.thing.windows(2).any(pair)
    }

    fn is_webhook(&self) -> bool {
        self.has("webhook") || self.has("hook") || (self.has("event") && self.is(&["destination"]))
    }

    fn is_table(&self) -> bool {
        let before = self.thing.len().checked_sub(2).and_then(|at| self.thing.get(at));
        self.is(&TABLES) && !before.is_some_and(|word| NO_TABLE.contains(&word.as_str()))
    }

    /// `accountsBalanceGet`, but not `getBalanceHistory`, and no load.
    fn reads_balance(&self) -> bool {
        let mut things = self.all.iter().rev().map(String::as_str);
        let last = things.find(|word| !["get", "list", "read", "retrieve", "fetch"].contains(word));
        matches!(last, Some("balance")) && !self.all.iter().any(|word| word == "load")
    }

    fn makes(&self) -> bool {
        self.does(&CREATING)
    }

    fn edits(&self) -> bool {
        self.does(&EDITING)
    }

    fn removal(&self) -> Option<&'static str> {
        let removes = self.does(&REMOVING);
        match () {
            () if self.does(&["purge", "truncate", "clear"]) || (self.many && removes) => Some("delete_records"),
            () if self.does(&["terminate"]) || self.is(&MACHINES) || self.is(&["stack"]) => Some("terminate_instance"),
            () if self.is_webhook() => None,
            () if self.is_security() => Some("modify_security"),
            () if self.is_table() => Some("modify_schema"),
            () => None,
        }
    }

    fn change(&self) -> Option<&'static str> {
        self.of_access()
            .or_else(|| self.of_machines())
            .or_else(|| self.of_messages())
            .or_else(|| self.of_data())
    }

    /// Who may do what, and where events go.
    fn of_access(&self) -> Option<&'static str> {
        let administers =
            self.all.first().is_some_and(|word| word == "admin") || (self.does(&["make"]) && self.is(&["admin"]));
        let closes = self.does(&["close"]) && self.is(&["account"]);
        let admits = self.makes() || self.does(&["invite", "add", "import"]);
        match () {
            // Google sends what changes to the address that is watched from.
            () if self.is_webhook() || self.does(&["watch"]) => Some("modify_webhook"),
            () if self.does(&["approve", "accept"]) => Some("approve_request"),
            () if administers || closes || self.is_security() => Some("modify_security"),
            () if self.is(&PEOPLE) && admits => Some("modify_security"),
            () => None,
        }
    }

    fn of_machines(&self) -> Option<&'static str> {
        let machine = self.is(&MACHINES);
        let starts = self.makes() || self.does(&["run", "resume", "restore"]);
        let puts = self.makes() || self.edits() || self.does(&["run", "rollback", "retry", "rerun", "restart"]);
        let resizes = self.does(&["resize", "scale"]) || self.is(&SIZES);
        match () {
            () if self.does(&["deploy", "redeploy", "rollback", "promote"]) => Some("deploy_service"),
            () if self.does(&STOPPING) && (machine || self.is(&["environment", "node", "service", "workspace"])) => {
                Some("stop_instance")
            }
            () if resizes || (self.does(&["set"]) && self.all.last().is_some_and(|word| word == "size")) => {
                Some("scale_resources")
            }
            () if machine && starts => Some("provision_instance"),
            () if self.is(&DEPLOYED) && puts => Some("deploy_service"),
            () => None,
        }
    }

    fn of_messages(&self) -> Option<&'static str> {
        let sends = self.makes() || self.does(&["broadcast", "notify", "publish", "reply", "send"]);
        match () {
            () if self.does(&["publish"]) && self.is(&["event", "message", "topic"]) => Some("post_message"),
            () if self.is(&MESSAGES) && sends => Some("post_message"),
            () if self.is(&EVENTS) && self.does(&["enqueue", "publish", "put", "send"]) => Some("post_message"),
            () if self.does(&["broadcast", "notify"]) => Some("broadcast_notification"),
            () => None,
        }
    }

    fn of_data(&self) -> Option<&'static str> {
        let changes = self.makes() || self.edits();
        match () {
            () if self.does(&["export"]) || self.has("export") => Some("export_data"),
            () if self.does(&["import", "ingest", "replicate", "sync", "synchronize"]) => Some("sync_data"),
            () if self.is(&["import", "sync"]) => Some("sync_data"),
            () if self.is(&STREAMED) && self.makes() => Some("sync_data"),
            () if self.is_table() && changes => Some("modify_schema"),
            () if self.does(&["reindex"]) || (self.many && (changes || self.verb.is_empty())) => Some("bulk_update"),
            () if self.is(&REPORTS) && (self.makes() || self.does(&["finalize"])) => Some("generate_document"),
            () if self.does(&["generate", "render"]) => Some("generate_document"),
            () if self.is(&CONNECTING) && changes => Some("update_integration"),
            // What is started, sent or handed in does what its content says.
            () if self.does(&[
                "begin", "execute", "initiate", "launch", "request", "send", "start", "submit",
            ]) =>
            {
                None
            }
            () if changes => Some("modify_record"),
            () => None,
        }
    }
}

/// Money and messages: their fields are missing, so that they are held. What is refunded or paid is told by its path, too.
fn money_or_mail(named: &Named<'_>) -> Option<&'static str> {
    let name = words(named.name);
    let path: Vec<String> = named
        .path
        .split('/')
        .filter(|segment| !segment.contains('{'))
        .flat_map(words)
        .collect();
    let says = |word: &str| name.iter().any(|found| found == word);
    let has = |word: &str| says(word) || path.iter().any(|found| found == word);
    let any = |words: &[&str]| words.iter().any(|word| has(word));
    let makes = ["create", "post", "insert", "make", "initiate", "add"]
        .iter()
        .any(|word| says(word));
    let ends = |word: &str| path.last().is_some_and(|last| last == word);
    let sends = says("send") || says("resend");
    // `bankTransferCreate`, but not `createTransferJob`: that moves something else.
    let moves = Sense::of(named).is(&["transfer"]);
    let recurs = any(&["billing", "purchases", "schedules"]) || (ends("subscriptions") && has("customers"));
    match () {
        () if has("refund") || (makes && ends("refunds")) => Some("process_refund"),
        () if any(&["payout", "payouts"]) || (makes && (moves || ends("transfers"))) => Some("transfer_funds"),
        () if makes && (ends("charges") || ends("payments") || has("charge")) => Some("create_charge"),
        () if makes && ends("sessions") && has("checkout") => Some("create_charge"),
        () if ends("pay") || (ends("capture") && any(&["authorizations", "orders", "payments", "charges"])) => {
            Some("create_charge")
        }
        () if any(&["subscription", "subscriptions"]) && recurs => Some("update_subscription"),
        () if sends && any(&["email", "mail", "emails"]) => Some("send_email"),
        () if sends && any(&["sms", "text"]) => Some("send_sms"),
        () => None,
    }
}

/// `POST /v1/invoices`, `post-/v1/invoices`, `PostInvoices`, `POST_invoices`.
fn says_method(name: &str) -> bool {
    let first = words(name).into_iter().next().unwrap_or_default();
    name.starts_with('/') || name.contains("-/") || matches!(first.as_str(), "post" | "put" | "patch")
}

fn is_verb(word: &str) -> bool {
    changes(word)
        || CREATING.contains(&word)
        || EDITING.contains(&word)
        || REMOVING.contains(&word)
        || STOPPING.contains(&word)
        || [
            "broadcast",
            "export",
            "invite",
            "notify",
            "redeploy",
            "reindex",
            "rerun",
            "resize",
            "rollback",
            "scale",
            "synchronize",
            "render",
            "replicate",
            "retry",
        ]
        .contains(&word)
}

/// A verb that is no thing's name.
fn is_plain_verb(word: &str) -> bool {
    is_verb(word)
        && ![
            "build", "claim", "export", "import", "issue", "link", "lock", "open", "order", "record", "release",
            "request", "reset", "run", "scale", "set", "share", "start", "store", "sync", "transfer", "upload",
            "purchase", "clone", "copy", "archive", "tag", "post", "put", "save", "trigger", "stop", "block", "pin",
        ]
        .contains(&word)
}

fn is_filler(word: &str) -> bool {
    let version = word
        .strip_prefix('v')
        .is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit()));
    version
        || matches!(
            word,
            "an" | "the" | "api" | "async" | "existing" | "new" | "single" | "post" | "put" | "patch"
        )
}

fn singulars(text: &str) -> Vec<String> {
    words(text).iter().map(|word| singular(word)).collect()
}

/// `policies` → `policy`, `indexes` → `index`, `tables` → `table`.
fn singular(word: &str) -> String {
    let long = word.len() > 3;
    let hissing = ["sses", "xes", "ches", "shes"].iter().any(|end| word.ends_with(end));
    match (
        word.strip_suffix("ies"),
        word.strip_suffix("es"),
        word.strip_suffix('s'),
    ) {
        (Some(stem), _, _) if stem.len() > 1 => format!("{stem}y"),
        (_, Some(stem), _) if hissing => stem.to_owned(),
        (_, _, Some(stem)) if long && !stem.ends_with(['s', 'u', 'i']) => stem.to_owned(),
        _ => word.to_owned(),
    }
}

#[cfg(test)]
mod tests;
