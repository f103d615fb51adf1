//! Words in the names of operations, and what they say.

/// Words of a name in lower case: `users.getIamPolicy`, `get_iam-policy` and `GETIamPolicy` are `get iam policy` at the end.
pub(super) fn words(name: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut word = String::new();
    let mut characters = name.chars().peekable();
    let mut before: Option<char> = None;
    while let Some(character) = characters.next() {
        let next_is_lower = characters.peek().is_some_and(|next| next.is_ascii_lowercase());
        let after_lower = before.is_some_and(|before| before.is_ascii_lowercase() || before.is_ascii_digit());
        let after_upper = before.is_some_and(|before| before.is_ascii_uppercase());
        let begins = character.is_ascii_uppercase() && (after_lower || (after_upper && next_is_lower));
        if (begins || !character.is_ascii_alphanumeric()) && !word.is_empty() {
            found.push(std::mem::take(&mut word));
        }
        if character.is_ascii_alphanumeric() {
            word.push(character.to_ascii_lowercase());
        }
        before = Some(character);
    }
    if !word.is_empty() {
        found.push(word);
    }
    found
}

/// What only reads, as one of the first two words of a name.
pub(super) const READING: [&str; 17] = [
    "count", "describe", "estimate", "exists", "fetch", "find", "get", "has", "list", "lookup", "mget", "preview",
    "query", "read", "render", "retrieve", "search",
];

/// What only reads as the last word of a name or path, and is no thing that could be made.
pub(super) const ENDING: [&str; 7] = ["count", "exists", "preview", "query", "read", "render", "search"];

/// What only reads wherever it stands.
pub(super) const ANYWHERE: [&str; 5] = ["describe", "fetch", "lookup", "preview", "retrieve"];

/// What only reads where the scopes say so, too.
pub(super) const ASKING: [&str; 14] = [
    "aggregate",
    "analyze",
    "annotate",
    "check",
    "download",
    "explain",
    "inspect",
    "report",
    "reports",
    "resolve",
    "tail",
    "test",
    "validate",
    "wait",
];

/// Whether a word says that something is changed: also by undoing (`unsubscribe`) or doing again (`reopen`) what changes it.
///
/// SECURITY: `…/unsubscribe-all/read` is no read (test `a_name_that_changes_is_no_read`).
pub(super) fn changes(word: &str) -> bool {
    let listed = |word: &str| CHANGING.contains(&word) || REMOVING.contains(&word);
    let again = |prefix: &&str| word.strip_prefix(*prefix).is_some_and(listed);
    listed(word) || AGAIN.iter().any(again)
}

/// Undone, or done again.
const AGAIN: [&str; 4] = ["de", "dis", "re", "un"];

/// The word for a change in front of one for reading, where both are written as one: `createquery`, `runsearch`.
///
/// SECURITY: the last word of a path made a read of what its name says it makes (test `a_name_that_changes_is_no_read`).
pub(super) fn begins_with_a_change(word: &str) -> Option<&'static str> {
    let reads = |rest: &str| READING.contains(&rest) || ASKING.contains(&rest);
    let begins = |change: &str| {
        let again = AGAIN.iter().filter_map(|prefix| word.strip_prefix(*prefix));
        again
            .chain([word])
            .any(|word| word.strip_prefix(change).is_some_and(reads))
    };
    REMOVING.iter().chain(&CHANGING).find(|change| begins(change)).copied()
}

/// What changes something, wherever it stands in a name: with one of these nothing reads but GET, and with one in front nothing.
pub(super) const CHANGING: [&str; 120] = [
    "abandon",
    "abort",
    "accept",
    "acknowledge",
    "activate",
    "add",
    "allocate",
    "append",
    "apply",
    "approve",
    "assign",
    "attach",
    "authorize",
    "begin",
    "block",
    "cancel",
    "chat",
    "claim",
    "clone",
    "close",
    "commit",
    "compact",
    "complete",
    "confirm",
    "connect",
    "convert",
    "copy",
    "create",
    "deactivate",
    "decline",
    "decrement",
    "deliver",
    "deny",
    "deploy",
    "detach",
    "disable",
    "disassociate",
    "disconnect",
    "dismiss",
    "edit",
    "enable",
    "enqueue",
    "execute",
    "finalize",
    "flush",
    "forward",
    "generate",
    "grant",
    "import",
    "increment",
    "ingest",
    "init",
    "insert",
    "install",
    "invite",
    "invoke",
    "issue",
    "join",
    "kick",
    "launch",
    "leave",
    "link",
    "lock",
    "make",
    "mark",
    "merge",
    "migrate",
    "modify",
    "move",
    "mute",
    "open",
    "pause",
    "pay",
    "prewarm",
    "promote",
    "propose",
    "provision",
    "publish",
    "reactivate",
    "reboot",
    "refresh",
    "register",
    "reject",
    "release",
    "rename",
    "renew",
    "replace",
    "reply",
    "reset",
    "restart",
    "restore",
    "resume",
    "rollup",
    "rotate",
    "run",
    "save",
    "send",
    "set",
    "share",
    "start",
    "stop",
    "submit",
    "subscribe",
    "suspend",
    "swap",
    "sync",
    "terminate",
    "toggle",
    "touch",
    "transfer",
    "trigger",
    "unassign",
    "undelete",
    "unlock",
    "untrash",
    "update",
    "upload",
    "upsert",
    "watch",
    "write",
];

/// What changes something, in front of the name of what is called by GET: others are groups, too (`ingest-get-pipeline`).
pub(super) const CHANGING_BY_GET: [&str; 26] = [
    "activate",
    "add",
    "approve",
    "cancel",
    "create",
    "deactivate",
    "disable",
    "enable",
    "insert",
    "invite",
    "modify",
    "post",
    "publish",
    "reject",
    "reset",
    "restart",
    "rotate",
    "send",
    "set",
    "start",
    "submit",
    "subscribe",
    "update",
    "upload",
    "upsert",
    "write",
];

/// What removes something.
pub(super) const REMOVING: [&str; 22] = [
    "archive",
    "batchdelete",
    "clear",
    "deauthorize",
    "delete",
    "deregister",
    "destroy",
    "drop",
    "erase",
    "evict",
    "expire",
    "expunge",
    "forget",
    "kill",
    "purge",
    "remove",
    "revoke",
    "terminate",
    "trash",
    "truncate",
    "uninstall",
    "wipe",
];

/// What hands out credentials: asking for it is no plain read.
pub(super) const CREDENTIAL: [&str; 12] = [
    "credential",
    "credentials",
    "kubeconfig",
    "oob",
    "otp",
    "passcode",
    "password",
    "presigned",
    "secret",
    "secrets",
    "token",
    "tokens",
];

/// What a read gives away, as the end of a name or of a path.
pub(super) const SECRET_ENDS: [&str; 19] = [
    "access key",
    "access token",
    "auth key",
    "auth string",
    "connection string",
    "connection uri",
    "connector secret",
    "credentials",
    "download url",
    "embed url",
    "key string",
    "kubeconfig",
    "password",
    "presigned url",
    "private key",
    "secret key",
    "secret value",
    "signed url",
    "upload url",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_words_however_it_is_written() {
        for (name, expected) in [
            ("getIamPolicy", "get iam policy"),
            ("compute.instances.delete", "compute instances delete"),
            ("PostPaymentIntentsIntentVerify", "post payment intents intent verify"),
            ("list_guild-members", "list guild members"),
            ("GetSLOHistory", "get slo history"),
            ("GetV2User", "get v2 user"),
            ("", ""),
        ] {
            assert_eq!(words(name).join(" "), expected, "{name}");
        }
    }

    #[test]
    fn no_word_both_reads_and_changes() {
        for word in READING.iter().chain(&ENDING).chain(&ANYWHERE).chain(&ASKING) {
            assert!(!changes(word), "{word}");
        }
        for list in [
            READING.as_slice(),
            &ENDING,
            &ANYWHERE,
            &CHANGING,
            &ASKING,
            &CHANGING_BY_GET,
            &CREDENTIAL,
            &SECRET_ENDS,
            &REMOVING,
        ] {
            assert!(list.is_sorted(), "{list:?}");
        }
    }
}
