//! Calls that no rule of a mapping names, and connections that are not calls.

use std::collections::BTreeMap;
use std::sync::Arc;

use http::Method;

use crate::mapping::document::Document;
use crate::mapping::record::{self, Known};
use crate::mapping::service::Service;
use crate::mapping::summary::Template;
use crate::mapping::{Mappings, UNKNOWN, content, guard, outline};
use crate::model::{Access, Action, Answer, Call, ErrorShape, Missing, Target, Tie, Vocabulary, Why};

/// The actions that the engine itself names, and words that stand in many.
pub(in crate::mapping) struct BuiltIns {
    pub unknown: Arc<str>,
    host: Arc<str>,
    answer: Arc<Answer>,
    /// Of every call by gRPC, whatever its mapping says.
    pub grpc: Arc<Answer>,
    call_api: BuiltIn,
    read_record: BuiltIn,
    read_secret: BuiltIn,
    pub open_tunnel: BuiltIn,
    pub open_stream: BuiltIn,
}

/// One of them, as the vocabulary defines it.
pub(in crate::mapping) struct BuiltIn {
    name: Arc<str>,
    access: Access,
    /// Fields that the vocabulary requires of it: no call tells them here.
    missing: Vec<Missing>,
    summary: Template,
}

impl BuiltIns {
    /// `Err` names what the vocabulary does not define.
    pub(in crate::mapping) fn new(vocabulary: &Vocabulary) -> Result<Self, String> {
        let built_in = |name: &str| {
            let (name, definition) = vocabulary
                .actions
                .get_key_value(name)
                .ok_or_else(|| format!("expected the action `{name}`"))?;
            let missing = definition.required.iter().map(|field| Missing {
                field: field.clone(),
                why: Why::Absent,
            });
            Ok::<_, String>(BuiltIn {
                name: name.clone(),
                access: definition.access,
                missing: missing.collect(),
                summary: Template::parse(&definition.summary, |_| true)?,
            })
        };
        Ok(Self {
            unknown: UNKNOWN.into(),
            host: "host".into(),
            answer: Arc::default(),
            grpc: Arc::new(Answer {
                error: ErrorShape::Grpc,
                ..Answer::default()
            }),
            call_api: built_in("call_api")?,
            read_record: built_in("read_record")?,
            read_secret: built_in("read_secret")?,
            open_tunnel: built_in("open_tunnel")?,
            open_stream: built_in("open_stream")?,
        })
    }
}

/// GET or HEAD without content.
pub(super) fn is_safe(call: &Call) -> bool {
    matches!(call.method, Method::GET | Method::HEAD) && content::is_empty(&call.body)
}

impl Mappings {
    /// A call to a host without a mapping.
    pub(in crate::mapping) fn unknown(&self, call: &Call) -> Action {
        // SECURITY: a GET that asks for another method or names an operation is no read (tests
        // `r_method_override_is_refused`, `r_an_operation_in_the_query_of_a_stranger_is_no_read`).
        let reads = is_safe(call) && !guard::retargets(call);
        self.unnamed(call, None, reads)
    }

    /// A call that no rule names.
    pub(super) fn unnamed(&self, call: &Call, service: Option<&Service>, reads: bool) -> Action {
        let built_in = if reads {
            &self.built_ins.read_record
        } else {
            &self.built_ins.call_api
        };
        let mut action = self.bare(call, service, built_in);
        action.summary = match reads {
            true => action.request_line.replacen(call.method.as_str(), "Read", 1),
            false => {
                // Content of no known media type is shown by its digest; what it is was decided above.
                let decoder = match service {
                    Some(service) => content::of_media_type(call, service).ok(),
                    None => content::usual(call),
                };
                let summary = self.summary(built_in, &action, service);
                summary + &outline::outline(call, service, decoder) + &outline::header_fields(call, service)
            }
        };
        action
    }

    /// A call that asks for secrets to be in its answer. A change that does is one that nobody knows.
    pub(super) fn revealing(&self, call: &Call, service: &Service) -> Action {
        if !is_safe(call) {
            return self.unnamed(call, Some(service), false);
        }
        let mut action = self.bare(call, Some(service), &self.built_ins.read_secret);
        action.summary = action.request_line.replacen(call.method.as_str(), "Read secrets by", 1);
        action
    }

    /// `open_tunnel` and `open_stream`: what a connection is opened for is known, what goes through it is not.
    pub(in crate::mapping) fn connection(&self, call: &Call, built_in: &BuiltIn) -> Action {
        let service = self.service(call);
        let mut action = self.bare(call, service, built_in);
        action.unmapped = false;
        action.inspected = false;
        // Whoever opens a connection reads no provider's errors, least of all one in a 200.
        action.answer = self.built_ins.answer.clone();
        action.target.id = Some(call.authority.to_string());
        if call.method == Method::CONNECT {
            action.operation = Method::CONNECT.as_str().into();
            action.request_line = format!("CONNECT {}", call.authority);
        }
        action.summary = self.summary(built_in, &action, service);
        action
    }

    /// Whether nothing is known of it but that it reads.
    pub(in crate::mapping) fn is_plain_read(&self, action: &Action) -> bool {
        action.unmapped && action.name == self.built_ins.read_record.name
    }

    /// All but the summary.
    fn bare(&self, call: &Call, service: Option<&Service>, built_in: &BuiltIn) -> Action {
        let known = service.map_or(Known::Nothing, Known::Service);
        let words = &self.built_ins;
        let environment = |service| {
            let document = Document {
                method: call.method.as_str(),
                host: &[],
                parameters: &[],
                headers: &call.headers,
                query: None,
                body: None,
                json: false,
            };
            self.environment(call, service, &document)
        };
        Action {
            provider: service.map_or_else(|| words.unknown.clone(), |service| service.provider.clone()),
            operation: record::operation(call, known).into(),
            name: built_in.name.clone(),
            access: built_in.access,
            fields: BTreeMap::new(),
            missing: built_in.missing.clone(),
            target: Target {
                kind: words.host.clone(),
                id: Some(call.authority.host.to_string()),
            },
            environment: service.map_or_else(|| words.unknown.clone(), environment),
            labels: None,
            unmapped: true,
            inspected: content::is_empty(&call.body),
            summary: String::new(),
            request_line: record::request_line(call, known),
            answer: service
                .and_then(|service| service.answer_at(&call.path))
                .unwrap_or(&words.answer)
                .clone(),
            also: Vec::new(),
            tie: Tie::default(),
            risk: None,
        }
    }

    fn summary(&self, built_in: &BuiltIn, action: &Action, service: Option<&Service>) -> String {
        let title = service.map_or(UNKNOWN, |service| &service.title);
        built_in.summary.render(action, self.wording(title))
    }
}
