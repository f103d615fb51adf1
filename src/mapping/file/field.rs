//! How a value is read, as people write it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::io::yaml::Located;
use crate::mapping::field::Filters;

/// Where a value comes from: exactly one of `from`, `value`, `empty` and `not_told`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::mapping) struct Field {
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
    /// JSONPath of an object: true if it is not there or has no members but those named in `besides`, else false.
    #[serde(default)]
    pub empty: Option<Located<String>>,
    /// Members that `empty` passes over.
    #[serde(default)]
    pub besides: Vec<String>,
    /// The object's members are conditions, `postgrest` or `mongodb`: false only where one says which values a column may
    /// have, and nothing is told of others.
    #[serde(default)]
    pub filters: Option<Filters>,
    /// A required field that no call of this operation tells.
    #[serde(default)]
    pub not_told: bool,
    /// `one` (default), `first`, `count`, `sum`, `max`, `sum_product`, `sum_each`, `list` (default for lists), `distinct`, `names`,
    /// `parents`, `len`, `split`, `domain`, `host`, `mail_recipients`, `mail_domains`
    #[serde(default)]
    pub reduce: Option<Reduce>,
    /// The two members that `sum_product` multiplies; those of which `sum_each` takes the most; an item that is a number counts as that.
    #[serde(default)]
    pub of: Vec<Located<String>>,
    /// `domain`, `host`: of the items that `[*]` finds only these must each tell it, others may: `{ at: $.type, is: mcp }`. Without it
    /// each must, or the field cannot be read; of what is counted, summed up or the most always.
    #[serde(default)]
    pub each: Option<Is>,
    /// What `split` splits at.
    #[serde(default)]
    pub separator: Option<String>,
    /// JSONPath that must find something, else a count is missing rather than 0, and a `value` is not told.
    #[serde(default)]
    pub require: Option<Located<String>>,
    /// JSONPaths: where one finds anything, the field is not told.
    #[serde(default)]
    pub unless: Vec<Located<String>>,
    /// Of a size: JSONPaths of the least there is to be. 0 is the provider's default, as if it were not there; where no more is
    /// told than the least, the size cannot be read.
    #[serde(default)]
    pub least: Vec<Located<String>>,
    /// JSONPath: where it finds `true`, the field is true, whatever the rest says.
    #[serde(default)]
    pub or: Option<Located<String>>,
    /// The field cannot be read where what the JSONPath finds has this text in it: `{ text: "(", at: $.query.select }`
    #[serde(default)]
    pub lacks: Option<Lacks>,
    /// The field can be read only where all of one of these is so: `[[{ at: $.query.uploadType, is: media }]]`
    #[serde(default)]
    pub only: Vec<Vec<Is>>,
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

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::mapping) struct Lacks {
    pub text: String,
    pub at: Located<String>,
}

/// The JSONPath finds this one text; in `only` there may be parameters behind it (`; …`).
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::mapping) struct Is {
    pub at: Located<String>,
    pub is: String,
}

#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(untagged)]
pub(in crate::mapping) enum Literal {
    Bool(bool),
    Int(i64),
    Text(String),
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(in crate::mapping) enum Reduce {
    One,
    First,
    Count,
    Sum,
    Max,
    SumProduct,
    /// The sum of what each item says of itself in one of `of`, and 1 of what says nothing.
    SumEach,
    List,
    Distinct,
    /// Names of the members of the object: `{"orders": […]}` → `orders`.
    Names,
    /// What each of the paths stands in: `documents/orders/o-1` → `orders`.
    Parents,
    Len,
    Split,
    Domain,
    /// Hosts of addresses, in lower case: `https://mcp.example.com/sse` → `mcp.example.com`, `a@example.com` → `example.com`. What
    /// is only a name stays that name.
    Host,
    /// How many get the mail in base64 at `from`; where `also` finds addresses it goes to those, and not to whom its head names.
    MailRecipients,
    /// The domains of the same.
    MailDomains,
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(in crate::mapping) enum Kind {
    Int,
    Decimal,
    Money,
    String,
    Bool,
    Enum,
    PrefixMap,
    Currency,
}
