//! What is remembered of what calls make, and which calls recall it: what of that cannot be meant.

use http::HeaderName;

use super::Compiler;
use crate::io::yaml::Located;
use crate::mapping::spelling;
use crate::model::Answer;
use crate::model::vocabulary::FieldType;

const AMOUNT: &str = "amount";
const CURRENCY: &str = "currency";

impl Compiler<'_> {
    pub(super) fn ties<T>(&mut self, at: &Located<T>, answer: &Answer) {
        if let Some(replayed) = &answer.replayed
            && HeaderName::try_from(&replayed.header).is_err()
        {
            self.wrong(
                at,
                format!("`replayed`: `{}` is no header field's name", replayed.header),
            );
        }
        if let Some(remember) = &answer.remember {
            if answer.result_id.is_none() {
                self.wrong(
                    at,
                    "`remember` wants `result_id`: by what id is it to be remembered? Add `result_id: $.id`",
                );
            }
            // SECURITY: an answer that is given again is of another day, and what it names may have become another thing since
            // (test `an_answer_that_is_repeated_teaches_nothing`).
            if answer.replayed.is_none() {
                self.wrong(
                    at,
                    "`remember` wants `replayed`: how does the provider mark an answer that it repeats? Add \
                     `replayed: { header: idempotent-replayed, value: \"true\" }`; where it marks none, nothing can be remembered",
                );
            }
            self.tied_fields(at, "remember", &remember.fields);
        }
        if let Some(recall) = &answer.recall {
            if answer.remember.is_some() {
                self.wrong(
                    at,
                    "expected `remember` or `recall`, found both: what a call leaves out it cannot tell",
                );
            }
            self.tied_fields(at, "recall", &recall.fields);
        }
    }

    fn tied_fields<T>(&mut self, at: &Located<T>, key: &str, names: &[String]) {
        if names.is_empty() {
            self.wrong(at, format!("`{key}` names no fields"));
        }
        for name in names {
            let wrong = match self.vocabulary.fields.get(name.as_str()) {
                None => {
                    let hint = spelling::hint(name, self.vocabulary.fields.keys().map(AsRef::as_ref));
                    format!("`{key}`: unknown field `{name}`{hint}")
                }
                Some(field) if field.derived_from.is_some() => {
                    format!("`{key}`: `{name}` follows from another field: name that")
                }
                Some(field) if matches!(field.kind, FieldType::Strings) => {
                    format!("`{key}`: `{name}` is a list, and only single values are remembered")
                }
                Some(_) => continue,
            };
            self.wrong(at, wrong);
        }
        let names_one = |name: &str| names.iter().any(|named| named == name);
        if names_one(AMOUNT) && !names_one(CURRENCY) {
            self.wrong(
                at,
                format!("`{key}`: an `amount` is nothing without its `currency`: name both"),
            );
        }
    }
}
