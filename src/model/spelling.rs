//! How differently one thing may be spelt: other letters, something around its name, an ARN, a version.

/// Characters behind the last `-` of a secret's ARN, which Secrets Manager chooses.
const CHOSEN: usize = 6;

/// In letters whose case says nothing.
pub fn fold(text: &str) -> String {
    let upper = text.chars().flat_map(char::to_uppercase);
    upper.flat_map(char::to_lowercase).collect()
}

/// Whether it may stand around a name and is not of it.
pub fn is_around(character: char) -> bool {
    character.is_whitespace() || "/:.#@".contains(character)
}

/// What ends as if Secrets Manager had appended to it, without that.
pub fn without_chosen(text: &str) -> Option<&str> {
    let (name, last) = text.rsplit_once('-')?;
    (last.len() == CHOSEN && last.bytes().all(|byte| byte.is_ascii_alphanumeric())).then_some(name)
}

/// One name for all spellings of the id of a target of that kind. Things that are not the same may share it.
pub fn one_name(kind: &str, id: &str) -> String {
    let folded = fold(id);
    let trimmed = folded.trim_matches(is_around);
    let mut name = of_arn(trimmed).unwrap_or(trimmed);
    match kind {
        "function" => name = of_function(name),
        // A name may itself end so, and an ARN may lack what was appended.
        "secret" => {
            while let Some(shorter) = without_chosen(name) {
                name = shorter;
            }
        }
        _ => {}
    }
    name.to_owned()
}

/// What an ARN calls the thing: `name` of `arn:aws:rds:eu-west-1:123456789012:snapshot:name`.
fn of_arn(text: &str) -> Option<&str> {
    let mut parts = text.strip_prefix("arn:")?.splitn(5, ':');
    let service = parts.nth(1)?;
    let resource = parts.nth(2)?;
    let name = match service {
        // Without a kind before it.
        "s3" => resource,
        "secretsmanager" | "rds" | "lambda" => resource.split_once(':').map_or(resource, |(_, name)| name),
        _ => resource.rsplit([':', '/']).next().unwrap_or(resource),
    };
    Some(name)
}

/// Lambda takes `name`, `function:name`, `account:function:name`, each with a version or an alias behind it.
fn of_function(text: &str) -> &str {
    let is_account = |part: &str| part.len() == 12 && part.bytes().all(|byte| byte.is_ascii_digit());
    let mut rest = text;
    while let Some((first, behind)) = rest.split_once(':') {
        let leads = first == "function" || is_account(first) || behind.split(':').any(|part| part == "function");
        if !leads {
            return first;
        }
        rest = behind;
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_spellings_of_an_id_have_one_name() {
        for (kind, name, spellings) in [
            ("repository", "acme/app", &["Acme/App", " acme/app/", "ACME/APP"][..]),
            (
                "db_snapshot",
                "rds:payroll",
                &["RDS:Payroll", "arn:aws:rds:eu-west-1:123456789012:snapshot:rds:payroll"],
            ),
            (
                "table",
                "orders",
                &["orders", "arn:aws:dynamodb:eu-west-1:123456789012:table/orders"],
            ),
            ("bucket", "data/a", &["data/a", "arn:aws:s3:::data/a"]),
            (
                "function",
                "pay",
                &[
                    "pay",
                    "Pay:$LATEST",
                    "function:pay",
                    "123456789012:pay:1",
                    "123456789012:function:pay:live",
                    "eu-west-1:123456789012:function:pay",
                    "arn:aws:lambda:eu-west-1:123456789012:function:pay:7",
                ],
            ),
            (
                "secret",
                "prod/db",
                &[
                    "prod/db",
                    "arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/db-a1B2c3",
                    "arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/db",
                ],
            ),
            (
                "secret",
                "db",
                &[
                    "db-backup",
                    "arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-backup-a1B2c3",
                    "arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-backup",
                ],
            ),
        ] {
            for spelling in spellings {
                assert_eq!(one_name(kind, spelling), name, "{kind} {spelling}");
            }
        }
        assert_ne!(one_name("charge", "ch_1"), one_name("charge", "ch_2"));
    }
}
