//! Words in the names of operations that tell their canonical action: verbs, and what they are done to (in the singular).

/// What makes something.
pub(super) const CREATING: [&str; 33] = [
    "add",
    "allocate",
    "begin",
    "build",
    "claim",
    "create",
    "define",
    "enqueue",
    "generate",
    "ingest",
    "init",
    "initiate",
    "insert",
    "install",
    "issue",
    "launch",
    "make",
    "new",
    "order",
    "post",
    "provision",
    "purchase",
    "push",
    "put",
    "record",
    "register",
    "request",
    "save",
    "start",
    "store",
    "submit",
    "upload",
    "write",
];

/// What changes something that is there, and does nothing else.
pub(super) const EDITING: [&str; 62] = [
    "acknowledge",
    "activate",
    "append",
    "apply",
    "archive",
    "assign",
    "associate",
    "attach",
    "cancel",
    "change",
    "clone",
    "close",
    "complete",
    "configure",
    "convert",
    "copy",
    "deactivate",
    "detach",
    "disable",
    "disassociate",
    "dismiss",
    "duplicate",
    "edit",
    "enable",
    "follow",
    "link",
    "lock",
    "mark",
    "merge",
    "modify",
    "move",
    "mute",
    "overwrite",
    "patch",
    "pause",
    "pin",
    "put",
    "remove",
    "rename",
    "reopen",
    "reorder",
    "replace",
    "resolve",
    "restore",
    "set",
    "snooze",
    "subscribe",
    "tag",
    "transition",
    "unarchive",
    "unassign",
    "undelete",
    "unfollow",
    "unlink",
    "unlock",
    "unmute",
    "unpin",
    "unsubscribe",
    "untag",
    "update",
    "upsert",
    "void",
];

/// What stops machines or services that can be started again.
pub(super) const STOPPING: [&str; 7] = ["hibernate", "reboot", "reset", "restart", "shutdown", "stop", "suspend"];

/// After these comes what the thing belongs to.
pub(super) const PREPOSITIONS: [&str; 14] = [
    "as", "at", "by", "for", "from", "in", "into", "of", "on", "to", "using", "via", "with", "within",
];

/// Of many at once.
pub(super) const MANY: [&str; 7] = ["batch", "batchdelete", "bulk", "bulkwrite", "many", "mass", "multiple"];

/// What costs money while it runs.
pub(super) const MACHINES: [&str; 9] = [
    "cluster",
    "droplet",
    "fleet",
    "instance",
    "machine",
    "nodegroup",
    "nodepool",
    "server",
    "vm",
];

/// How many or how large.
pub(super) const SIZES: [&str; 6] = [
    "autoscaler",
    "autoscaling",
    "capacity",
    "concurrency",
    "replica",
    "throughput",
];

/// What puts code into service.
pub(super) const DEPLOYED: [&str; 6] = ["build", "deployment", "function", "release", "rollout", "stack"];

/// How records are kept.
pub(super) const TABLES: [&str; 8] = [
    "column", "database", "ddl", "index", "indice", "keyspace", "schema", "table",
];

/// A table of these is no table of records.
pub(super) const NO_TABLE: [&str; 12] = [
    "bookmark", "decision", "hash", "lookup", "mapping", "mount", "price", "pricing", "route", "routing", "rule",
    "time",
];

/// What people read.
pub(super) const MESSAGES: [&str; 4] = ["comment", "message", "note", "reply"];

/// What systems tell one another.
pub(super) const EVENTS: [&str; 3] = ["event", "message", "notification"];

/// What systems tell about themselves.
pub(super) const STREAMED: [&str; 6] = ["log", "metric", "series", "span", "telemetry", "trace"];

/// Documents that are made.
pub(super) const REPORTS: [&str; 6] = ["envelope", "invoice", "pdf", "receipt", "report", "statement"];

/// What joins two systems.
pub(super) const CONNECTING: [&str; 3] = ["connection", "connector", "integration"];

/// Who may come in.
pub(super) const PEOPLE: [&str; 6] = ["collaborator", "invitation", "invite", "membership", "teammate", "user"];

/// What says who may do what.
pub(super) const SECURITY: [&str; 26] = [
    "acl",
    "allowlist",
    "apikey",
    "authentication",
    "authorization",
    "blocklist",
    "collaborator",
    "credential",
    "denylist",
    "entitlement",
    "firewall",
    "iam",
    "impersonation",
    "keypair",
    "mfa",
    "oidc",
    "passkey",
    "password",
    "permission",
    "privilege",
    "role",
    "saml",
    "scim",
    "sso",
    "webauthn",
    "whitelist",
];

/// The same in two words.
pub(super) const SECURITY_PAIRS: [(&str, &str); 54] = [
    ("access", "control"),
    ("access", "entry"),
    ("access", "grant"),
    ("access", "key"),
    ("access", "level"),
    ("access", "list"),
    ("access", "policy"),
    ("access", "rule"),
    ("access", "setting"),
    ("access", "token"),
    ("api", "key"),
    ("auth", "method"),
    ("auth", "provider"),
    ("branch", "protection"),
    ("bucket", "policy"),
    ("client", "certificate"),
    ("crypto", "key"),
    ("deploy", "key"),
    ("encryption", "key"),
    ("group", "policy"),
    ("iam", "policy"),
    ("identity", "provider"),
    ("ip", "access"),
    ("key", "pair"),
    ("key", "policy"),
    ("login", "profile"),
    ("managed", "policy"),
    ("network", "acl"),
    ("network", "policy"),
    ("oauth", "client"),
    ("org", "member"),
    ("org", "secret"),
    ("organization", "member"),
    ("organization", "membership"),
    ("password", "policy"),
    ("private", "key"),
    ("public", "access"),
    ("public", "key"),
    ("repo", "secret"),
    ("resource", "policy"),
    ("role", "policy"),
    ("security", "config"),
    ("security", "group"),
    ("security", "policy"),
    ("security", "rule"),
    ("security", "setting"),
    ("service", "account"),
    ("session", "policy"),
    ("signing", "key"),
    ("ssh", "key"),
    ("trust", "policy"),
    ("trusted", "ip"),
    ("user", "group"),
    ("user", "policy"),
];
