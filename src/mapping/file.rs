//! A provider's mapping file as people write it. `compile` makes it ready to use.
//!
//! Every type refuses keys that it does not know.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::io::yaml::Located;
use crate::model::{Access, Answer};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    /// Name in records and policies: `stripe`. Several files may share it.
    pub provider: Located<String>,
    /// Name for people: `Stripe`.
    pub title: String,
    /// `api.stripe.com`, `ec2.{region}.amazonaws.com` (a capture is one label), `…:8443` where it is not the scheme's
    /// default port.
    pub hosts: Vec<Located<String>>,
    /// How an operation is told.
    pub dispatch: Located<Dispatch>,
    /// GET and HEAD without content only read, also where no operation is named; HEAD is as its GET.
    #[serde(default)]
    pub safe_methods: bool,
    /// Operations are called by gRPC, and by nothing else: `call: POST /package.Service/Method`. Their content is not read.
    #[serde(default)]
    pub grpc: bool,
    /// Query parameters tell operations apart: one that is listed neither here nor with an operation makes a call another
    /// one than that (dispatch by path only).
    #[serde(default)]
    pub query: Option<Located<ClosedQuery>>,
    /// A host that captures this has it in the place of the path's first segment: `bucket`.
    #[serde(default)]
    pub first_segment: Option<Located<String>>,
    /// Where no operation is named, that holds only for paths that begin so: `/v3/`
    #[serde(default)]
    pub safe_below: Option<Located<String>>,
    /// Endings of paths by which clients choose the answer's format, and nothing else: `.json` (dispatch by path only).
    #[serde(default)]
    pub formats: Vec<Located<String>>,
    /// Path parameters that are any text: in them `%2F` and other escapes stand for characters and part nothing.
    #[serde(default)]
    pub escaped: Vec<Located<String>>,
    /// Goes before the keys of `operations` and `prefixes`: `ec2.`
    #[serde(default)]
    pub name_prefix: String,
    /// How content is read, by its media type.
    #[serde(default)]
    pub content: BTreeMap<String, Decoder>,
    /// Live or test.
    #[serde(default)]
    pub environment: Option<Located<Field>>,
    /// How the provider answers, unless an operation says otherwise.
    #[serde(default)]
    pub answer: Answer,
    /// Header fields that the provider acts on: another value is another call.
    #[serde(default)]
    pub significant: Vec<Located<String>>,
    /// Every header field counts as such, but for those that differ each time the same call is made.
    #[serde(default)]
    pub every_header: bool,
    /// Header fields that say who calls, besides Authorization: part of the credential, never kept.
    #[serde(default)]
    pub secret: Vec<Located<String>>,
    /// Query parameters that differ each time the same call is made: signatures and the like.
    #[serde(default)]
    pub volatile: Vec<String>,
    /// The same of content that is read: top-level members, pairs of a form, parts.
    #[serde(default)]
    pub volatile_content: Vec<String>,
    /// Where the provider's idempotency key is.
    #[serde(default)]
    pub idempotency: Option<Located<Idempotency>>,
    /// Calls are signed by AWS Signature Version 4, for this service.
    #[serde(default)]
    pub aws: Option<Aws>,
    /// Decimal places of amounts in currencies where the provider differs from ISO 4217.
    #[serde(default)]
    pub currency_places: BTreeMap<String, u32>,
    /// What would let a call be read in two ways: a call that has it is refused.
    #[serde(default)]
    pub refuse: Refuse,
    /// Query parameters whose values may stand in the record, besides those that fields read.
    #[serde(default)]
    pub show: Vec<String>,
    /// Path parameters whose values may not.
    #[serde(default)]
    pub hide: Vec<String>,
    /// `;` in a form's value is text: the provider parts pairs at `&` only.
    #[serde(default)]
    pub semicolons_in_values: bool,
    /// Parameters of a form that may be there several times: each is a list, also where it is there once.
    #[serde(default)]
    pub repeated: Vec<String>,
    /// Parameters by which an answer is made to hold secrets.
    #[serde(default)]
    pub reveals: Option<Reveals>,
    #[serde(default)]
    pub operations: BTreeMap<String, Located<Operation>>,
    /// Operations in bulk, by how their names begin (dispatch by parameter or header only). The longest counts, after `operations`.
    #[serde(default)]
    pub prefixes: BTreeMap<String, Located<Operation>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Dispatch {
    /// By method and path template; each operation has `call`.
    Path,
    /// By a parameter in query or form: `{ parameter: Action }`. The path must be `/`.
    Parameter(String),
    /// By a header field's value after a prefix. The path must be `/`.
    Header { name: String, prefix: String },
    /// By the path after its beginning, whatever the method: `{ after: /api/ }`
    After(String),
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(super) enum Decoder {
    Json,
    /// `a[b][0]`
    Form,
    /// `Filter.1.Value.2`
    AwsQuery,
    /// `multipart/form-data`: a field is text, a file `{filename, content_type, size, sha256}`. The parts of
    /// `multipart/related` have no names: no field reads them, but a call is known again by them (`in_parts`).
    Multipart,
    Xml,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Idempotency {
    Header(String),
    Parameter(String),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Aws {
    pub service: String,
    /// For hosts that name no region; unless it is said, those take any.
    #[serde(default)]
    pub region: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ClosedQuery {
    /// What any call may have, whatever it does: signatures and the like.
    pub may: Vec<String>,
    /// Where clients say the operation's name too: it must be the operation's.
    #[serde(default)]
    pub says_operation: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Refuse {
    #[serde(default)]
    pub headers: Vec<Located<String>>,
    #[serde(default)]
    pub query: Vec<String>,
}

/// `expand[]=card.number`: a read that asks so is `read_secret`, whatever it reads.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Reveals {
    pub parameter: String,
    /// Names between dots in its value.
    pub words: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Operation {
    /// `POST /v1/refunds`, `GET /v1/refunds/{refund}`: dispatch by path only. `{key+}` at the end takes the rest of the
    /// path, which is opaque: in it `//`, dot segments and escapes are what they are. `{path*}` at the end takes one
    /// segment or more of a path that is plain throughout.
    #[serde(default)]
    pub call: Option<String>,
    /// What it must have besides: the more there is of it, the sooner it counts. In files with `query` only.
    #[serde(default)]
    pub with: With,
    /// Query parameters that it may have. In files with `query` only.
    #[serde(default)]
    pub may: Vec<String>,
    pub action: Located<String>,
    /// The action's own unless it is said. It reads if and only if the action does.
    #[serde(default)]
    pub access: Option<Access>,
    pub target: Target,
    #[serde(default)]
    pub fields: BTreeMap<String, Located<Field>>,
    /// What the content makes of the call. The strictest that applies counts; none may be milder than the operation, but of
    /// what is done to another target.
    #[serde(default)]
    pub when: Vec<Located<When>>,
    /// The action's own unless it is said.
    #[serde(default)]
    pub summary: Option<String>,
    /// How the content is read, whatever its media type: the provider does not look at it.
    #[serde(default)]
    pub content: Option<Decoder>,
    /// The content need not be read although something changes.
    #[serde(default)]
    pub content_ignored: bool,
    /// The provider takes that content apart where it is `multipart/related` and the query has these, each once: its boundary
    /// may be another one each time. `{ uploadType: multipart }`
    #[serde(default)]
    pub in_parts: BTreeMap<String, String>,
    #[serde(default)]
    pub answer: Option<Answer>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct With {
    #[serde(default)]
    pub query: Vec<String>,
    #[serde(default)]
    pub headers: Vec<Located<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Target {
    pub kind: String,
    /// JSONPath of what holds it: the id is told as `holder/id`.
    #[serde(default)]
    pub within: Option<Located<String>>,
    /// JSONPath; an id is told if there is exactly one.
    #[serde(default)]
    pub id: Option<Located<String>>,
    /// An ending that the id may have or not, in upper or lower case: it is told without it. `.git`
    #[serde(default)]
    pub without: Option<String>,
    /// The id is written as the path of a URL: it is told without the slash before it, the version after it and its
    /// escapes. `/bucket/a%20key?versionId=1`
    #[serde(default)]
    pub url_path: bool,
    /// The id may be written as an ARN, of something of one of these types, each of which is of that kind: it is told by the
    /// name at its end, and again by the whole ARN. `{ snapshot: db_snapshot }` of
    /// `arn:aws:rds:eu-west-1:123456789012:snapshot:name`
    #[serde(default)]
    pub arn: BTreeMap<String, String>,
    /// The provider takes upper and lower case for the same: the id is told in lower case.
    #[serde(default)]
    pub any_case: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct When {
    /// JSONPath: applies if it finds anything.
    pub any: Located<String>,
    /// Applies only if it finds one of these, in upper or lower case.
    #[serde(default)]
    pub values: Vec<String>,
    /// Does not apply if it finds nothing but these, in upper or lower case.
    #[serde(default)]
    pub except: Vec<String>,
    /// Applies if it finds nothing, rather than anything.
    #[serde(default)]
    pub absent: bool,
    pub action: Located<String>,
    #[serde(default)]
    pub access: Option<Access>,
    /// The call does this besides, to something else than the operation's target: what is copied is read. Each id that is
    /// found is a meaning of its own, and none has the operation's fields.
    #[serde(default)]
    pub target: Option<Target>,
    #[serde(default)]
    pub summary: Option<String>,
}

/// Where a value comes from: exactly one of `from`, `value` and `not_told`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Field {
    /// JSONPath over `{method, host, path, query, headers, body, params}`; `params` are the members of query and body
    /// together. For the environment `$.credential` too.
    #[serde(default)]
    pub from: Option<Located<String>>,
    /// More places where the same is told: what they find counts as if `from` had found it.
    #[serde(default)]
    pub also: Vec<Located<String>>,
    /// Always this.
    #[serde(default)]
    pub value: Option<Literal>,
    /// A required field that no call of this operation tells.
    #[serde(default)]
    pub not_told: bool,
    /// `one` (default), `first`, `count`, `sum`, `max`, `sum_product`, `list` (default for lists), `distinct`, `len`,
    /// `split`, `domain`
    #[serde(default)]
    pub reduce: Option<Reduce>,
    /// The two members that `sum_product` multiplies.
    #[serde(default)]
    pub of: Vec<Located<String>>,
    /// What `split` splits at.
    #[serde(default)]
    pub separator: Option<String>,
    /// JSONPath that must find something, else a count is missing rather than 0, and a `value` is not told.
    #[serde(default)]
    pub require: Option<Located<String>>,
    /// JSONPaths: where one finds anything, the field is not told.
    #[serde(default)]
    pub unless: Vec<Located<String>>,
    /// `int decimal money string bool enum prefix_map currency`; by the field's type unless it is said.
    #[serde(default, rename = "as")]
    pub kind: Option<Kind>,
    /// Decimal places of `decimal`.
    #[serde(default)]
    pub places: Option<u32>,
    /// JSONPath of the currency of `money`.
    #[serde(default)]
    pub currency: Option<Located<String>>,
    /// What an `enum` may be; of a field that is true or false, what makes it true.
    #[serde(default)]
    pub values: Vec<String>,
    /// `prefix_map`: beginning → value; the longest counts.
    #[serde(default)]
    pub prefixes: BTreeMap<String, String>,
    /// `prefix_map`: the value where no beginning fits or nothing is there.
    #[serde(default)]
    pub otherwise: Option<String>,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(untagged)]
pub(super) enum Literal {
    Bool(bool),
    Int(i64),
    Text(String),
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(super) enum Reduce {
    One,
    First,
    Count,
    Sum,
    Max,
    SumProduct,
    List,
    Distinct,
    Len,
    Split,
    Domain,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    Int,
    Decimal,
    Money,
    String,
    Bool,
    Enum,
    PrefixMap,
    Currency,
}
