//! A request as a curl command: `-X POST https://api.stripe.com/v1/refunds -d charge=ch_1`.

use clap::Parser;

use crate::cli::explain::request;
use crate::proxy::described::Described;

#[derive(Debug, Parser)]
#[command(no_binary_name = true, disable_help_flag = true)]
struct Typed {
    url: String,
    #[command(flatten)]
    request: request::Args,
}

/// Reads a command, with or without `curl` before it.
///
/// # Errors
/// What cannot be understood of it, in a sentence.
pub(in crate::cli) fn describe(command: &str) -> Result<Described, String> {
    let mut words = words(command)?;
    if words.first().is_some_and(|first| first == "curl") {
        words.remove(0);
    }
    let typed = Typed::try_parse_from(words).map_err(|error| first_line(&error.to_string()))?;
    // What is tested stands in the test: else it would pass or fail by where it is run.
    if typed.request.reads_a_file() {
        return Err("expected the content itself, not `@FILE`".to_owned());
    }
    typed.request.describe(&typed.url).map_err(|error| format!("{error:#}"))
}

fn first_line(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    line.strip_prefix("error: ").unwrap_or(line).to_owned()
}

/// Words as a shell parts them: blanks, either kind of quotes, and `\` before a character.
fn words(text: &str) -> Result<Vec<String>, String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match (quote, character) {
            (Some(open), _) if character == open => quote = None,
            (None | Some('"'), '\\') => match characters.next() {
                // As a shell has it, a line may go on behind it.
                Some('\n') | None => {}
                Some(next) => word.get_or_insert_default().push(next),
            },
            (Some(_), _) => word.get_or_insert_default().push(character),
            (None, '"' | '\'') => {
                quote = Some(character);
                word.get_or_insert_default();
            }
            (None, _) if character.is_whitespace() => words.extend(word.take()),
            (None, _) => word.get_or_insert_default().push(character),
        }
    }
    match quote {
        Some(quote) => Err(format!("a {quote} is not closed")),
        None => {
            words.extend(word);
            Ok(words)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_parted_as_a_shell_does() {
        let parted = words("curl -H 'A: b c' \\\n  -d \"x=\\\"1\\\"\" '' a'b'c").unwrap();
        assert_eq!(parted, ["curl", "-H", "A: b c", "-d", "x=\"1\"", "", "abc"]);
        assert!(words("-d 'open").is_err());
    }

    #[test]
    fn a_command_is_read_with_and_without_its_first_word() {
        for command in ["curl https://a.example/ -d a=1", "https://a.example/ --data a=1"] {
            let described = describe(command).unwrap();
            assert_eq!(
                (described.method.as_str(), described.url.as_str()),
                ("POST", "https://a.example/")
            );
        }
    }

    #[test]
    fn a_command_that_reads_files_or_is_none_is_refused() {
        for wrong in [
            "https://a.example/ -d @/etc/passwd",
            "https://a.example/ --json @-",
            "https://a.example/ --no-such-option",
            "",
        ] {
            assert!(describe(wrong).is_err(), "{wrong}");
        }
    }
}
