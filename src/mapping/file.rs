//! A provider's mapping file as people write it. `compile` makes it ready to use.
//!
//! Every type refuses keys that it does not know.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::io::yaml::Located;
use crate::model::{Access, Answer};

mod field;
mod readers;

pub(super) use field::{Field, Kind, Literal, Reduce};
pub(super) use readers::{Graphql, Reader, Sql};

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    /// The file was made from the provider's description: what operations do may follow from their method, and a file
    /// that people wrote for the same hosts goes before it.
    #[serde(default)]
    pub generated: Option<Located<Origin>>,
    /// Name in records and policies: `stripe`. Several files may share it.
    pub provider: Located<String>,
    /// Name for people: `Stripe`; the provider's own unless it is said.
    #[serde(default)]
    pub title: Option<String>,
    /// `api.stripe.com`, `ec2.{region}.amazonaws.com` (a capture is one label; `{bucket+}` in front is one or more), `…:8443` where it is not the scheme's
    /// default port, `…:443|9243` where there are several.
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
    /// Header fields that name whose account it is, where that is not the key's own.
    #[serde(default)]
    pub account: Vec<Located<String>>,
    /// Query parameters that differ each time the same call is made: signatures and the like.
    #[serde(default)]
    pub volatile: Vec<String>,
    /// The same of content that is read: top-level members, pairs of a form, parts.
    #[serde(default)]
    pub volatile_content: Vec<String>,
    /// The same of header fields.
    #[serde(default)]
    pub volatile_headers: Vec<Located<String>>,
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
    /// The provider never takes query and content for one another: both may name the same.
    #[serde(default)]
    pub query_apart: bool,
    /// `;` in a form's value is text: the provider parts pairs at `&` only.
    #[serde(default)]
    pub semicolons_in_values: bool,
    /// Parameters of a form that may be there several times: each is a list, also where it is there once.
    #[serde(default)]
    pub repeated: Vec<String>,
    /// Parameters by which an answer is made to hold secrets.
    #[serde(default)]
    pub reveals: Option<Reveals>,
    /// Fields of the root of documents that an operation's `reader: graphql` reads.
    #[serde(default)]
    pub graphql: Graphql,
    /// Tools of the server whose messages `dispatch: mcp` or an operation's `reader: mcp` reads: `send_email`. What is not
    /// here is `call_tool`. Fields are told from the message: `$.body.params.arguments.to`
    #[serde(default)]
    pub tools: BTreeMap<String, Located<Operation>>,
    /// By the provider's own words for them.
    #[serde(default)]
    pub operations: BTreeMap<String, Located<Operation>>,
    /// Operations in bulk, by how their names begin (dispatch by parameter or header only). The longest counts, after `operations`.
    #[serde(default)]
    pub prefixes: BTreeMap<String, Located<Operation>>,
}

/// What a generated file was made of.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Origin {
    /// The importer: `openapi`.
    pub by: String,
    pub source: String,
    pub version: String,
}

/// How the access of a generated operation is known, where it is not by the method alone.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(super) enum Evidence {
    /// The provider's reference of what each operation needs.
    Authorization,
    /// The schema says it: a query, a mutation, a subscription.
    Kind,
    /// OAuth scopes or permissions that only read.
    Scopes,
    Name,
}

#[derive(Debug, Deserialize, JsonSchema)]
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
    /// By what messages of the Model Context Protocol say, sent by POST to any path.
    Mcp,
    /// By the protocols of AWS, of one service or of several on the same hosts: operations are keyed `ec2.RunInstances`, and
    /// those with a `call` are told by that, which may end in `?operation=create`.
    Aws(Vec<Api>),
}

/// How the operations of a service of AWS are named in calls.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Api {
    /// `ec2`
    pub name: String,
    /// By the parameter `Action`, with this `Version`.
    #[serde(default)]
    pub version: Option<String>,
    /// By the header field `X-Amz-Target`, after this and a dot.
    #[serde(default)]
    pub target: Option<String>,
    /// By the path `/service/THIS/operation/`, in CBOR.
    #[serde(default)]
    pub cbor: Option<String>,
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Eq)]
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
    Cbor,
    /// A mail (`message/rfc822`, or the second part of `multipart/related` behind a part of JSON), as the same API takes it in
    /// JSON: an object whose `raw` is the mail in base64.
    Mail,
    /// Elasticsearch's `_bulk`, a line for each action and one for its document: a list of `{"delete": {…}}`, `{"index": {…}}` and
    /// `{"update": {…}, "document": {…}}`, the latter with the names at its top. Empty where it cannot be read.
    Bulk,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Idempotency {
    Header(String),
    Parameter(String),
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Aws {
    #[serde(default)]
    pub service: Option<String>,
    /// In the place of `service`, where there are several.
    #[serde(default)]
    pub services: Vec<String>,
    /// For hosts that name no region; unless it is said, those take any.
    #[serde(default)]
    pub region: Option<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ClosedQuery {
    /// What any call may have, whatever it does: signatures and the like.
    pub may: Vec<String>,
    /// Where clients say the operation's name too: it must be the operation's.
    #[serde(default)]
    pub says_operation: Option<String>,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Refuse {
    #[serde(default)]
    pub headers: Vec<Located<String>>,
    #[serde(default)]
    pub query: Vec<String>,
}

/// `expand[]=card.number`: a read that asks so is `read_secret`, whatever it reads.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Reveals {
    pub parameter: String,
    /// Names between dots in its value.
    pub words: Vec<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Operation {
    /// `POST /v1/refunds`, `GET /v1/refunds/{refund}`: dispatch by path only. `{key+}` at the end takes the rest of the
    /// path, which is opaque: in it `//`, dot segments and escapes are what they are. `{path*}` at the end takes one
    /// segment or more of a path that is plain throughout.
    /// `{item}:undelete` is a segment that ends so. `/v1|v2/items` is both.
    #[serde(default)]
    pub call: Option<String>,
    /// The same operation by several calls, in the place of `call`.
    #[serde(default)]
    pub calls: Vec<String>,
    /// What it must have besides: the more there is of it, the sooner it counts. In files with `query` only.
    #[serde(default)]
    pub with: With,
    /// Query parameters that it may have. In files with `query` only.
    #[serde(default)]
    pub may: Vec<String>,
    /// In generated files what follows from the access, unless it is said: `read_record`, `call_api`, `delete_record`,
    /// `modify_security`.
    #[serde(default)]
    pub action: Option<Located<String>>,
    /// The action's own unless it is said; in generated files the method's. It reads if and only if the action does.
    #[serde(default)]
    pub access: Option<Access>,
    /// How a generated operation's access is known; its method alone, unless it is said.
    #[serde(default)]
    pub by: Option<Evidence>,
    /// In generated files the last parameter of the path, unless it is said.
    #[serde(default)]
    pub target: Option<Target>,
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
    /// As the file's `volatile_content`, of this operation only. In files with dispatch by `aws` only.
    #[serde(default)]
    pub volatile: Vec<String>,
    /// `{ sql: { from: $.body.statement, engines: [snowflake] } }`, `graphql`, `mcp`
    #[serde(default)]
    pub reader: Option<Located<Reader>>,
    /// The content need not be read although something changes.
    #[serde(default)]
    pub content_ignored: bool,
    /// By GET it has content too, which says what is read.
    #[serde(default)]
    pub content_by_get: bool,
    /// The provider takes that content apart where it is `multipart/related` and the query has these, each once: its boundary
    /// may be another one each time. `{ uploadType: multipart }`
    #[serde(default)]
    pub in_parts: BTreeMap<String, String>,
    /// The file's own unless it is said.
    #[serde(default)]
    pub answer: Option<Answer>,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct With {
    #[serde(default)]
    pub query: Vec<String>,
    #[serde(default)]
    pub headers: Vec<Located<String>>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Target {
    pub kind: String,
    /// JSONPath of what holds it: the id is told as `holder/id`.
    #[serde(default)]
    pub within: Option<Located<String>>,
    /// JSONPath; an id is told if there is exactly one.
    #[serde(default)]
    pub id: Option<Located<String>>,
    /// More places of the same id: it is told if all that is found is the same.
    #[serde(default)]
    pub also: Vec<Located<String>>,
    /// What has the id may stand in a member of this name, alone: `params`, of `{ "params": { "id": … } }`. Beside anything else no id is told.
    #[serde(default)]
    pub wrapped: Option<String>,
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

#[derive(Debug, Deserialize, JsonSchema)]
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
    /// Applies only if what it finds has members besides these.
    #[serde(default)]
    pub beyond: Vec<String>,
    /// Of what `beyond` counts: members that may stand there too, as numbers of JSON or null.
    #[serde(default)]
    pub numbers: Vec<String>,
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
