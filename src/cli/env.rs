//! `runplane env`: what an agent's environment must say, for shells and containers.

use std::io::Write;
use std::process::ExitCode;

use anyhow::{Context, bail};

use super::agent_option::{self, AgentOption};
use crate::app::public;
use crate::app::wiring::{SOMEBODY, Wiring};
use crate::authority::{self, Certificate};
use crate::config::Config;
use crate::config::home::Home;
use crate::model::Secret;

/// Print the variables that wire an agent to the sidecar of this home.
///
/// As in `eval "$(runplane env)"`. What they do not reach is in docs/exec.md; `runplane exec` does more.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// For whom to write
    #[arg(long, value_enum, default_value_t = Shell::Sh)]
    shell: Shell,
    #[command(flatten)]
    agent: AgentOption,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Shell {
    /// sh, bash, zsh
    Sh,
    Fish,
    Powershell,
    /// A file for `docker run --env-file`
    Docker,
    /// Items of a container's `env`
    Kubernetes,
}

pub(super) fn run(home: Home, args: &Args) -> anyhow::Result<ExitCode> {
    let config = match Config::load(home) {
        Ok(config) => config,
        Err(wrong) => return super::check::print(&wrong),
    };
    if config.proxy.address.port() == 0 {
        bail!(
            "`proxy.listen` of {} names no port: give it one",
            config.home.config_file().display()
        );
    }
    let wiring = Wiring {
        proxy: config.proxy.address,
        secure: config.proxy.tls.is_some(),
        credentials: credentials(&config, &args.agent)?,
        public: publish(&config.home)?,
    };
    let mut out = std::io::stdout().lock();
    for (name, value) in wiring.variables() {
        writeln!(out, "{}", args.shell.line(name, &value)?)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The agent's; `NAME:KEY` to be filled in, where one is asked for and none is given.
fn credentials(config: &Config, agent: &AgentOption) -> anyhow::Result<Option<Secret<String>>> {
    let registry = agent_option::registry(config)?;
    if agent.is_given() || registry.authenticate(None).is_ok() {
        return Ok(agent.caller(&registry)?.1);
    }
    Ok(Some(Secret::new(SOMEBODY.to_owned())))
}

/// Writes what agents read of the home, and gives the directory.
///
/// # Errors
/// If there is no CA yet, or the files cannot be written.
pub(super) fn publish(home: &Home) -> anyhow::Result<std::path::PathBuf> {
    let directory = home.public();
    public::write_trust(&directory, &authorities(home)?)?;
    Ok(directory)
}

/// The CA, and the one that follows it.
pub(super) fn authorities(home: &Home) -> anyhow::Result<Vec<Certificate>> {
    authority::trusted(&home.certs())
        .context("there is no CA, which is made at the first start (`runplane run` or `runplane exec`)")
}

impl Shell {
    /// The line that sets one variable.
    fn line(self, name: &str, value: &str) -> anyhow::Result<String> {
        if value.contains(['\n', '\r', '\0']) {
            bail!("{name} would have to hold a line break, because a path does: move the home");
        }
        Ok(match self {
            Self::Sh => format!("export {name}='{}'", value.replace('\'', r"'\''")),
            Self::Fish => format!("set -gx {name} '{}'", value.replace('\\', r"\\").replace('\'', r"\'")),
            Self::Powershell => {
                // Typographic quotes end it too.
                let quote = |found: char| "'\u{2018}\u{2019}\u{201a}\u{201b}".contains(found);
                let quoted = value
                    .chars()
                    .flat_map(|c| std::iter::repeat_n(c, 1 + usize::from(quote(c))));
                format!("$env:{name} = '{}'", quoted.collect::<String>())
            }
            // Taken as it stands, quotes and all.
            Self::Docker => format!("{name}={value}"),
            // A JSON string is a YAML string; `$(NAME)` would be replaced, and `$$` is a dollar.
            Self::Kubernetes => format!(
                "- name: {name}\n  value: {}",
                serde_json::Value::from(value.replace('$', "$$"))
            ),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AWKWARD: &str = r#"it's $HOME "x" \n `id`"#;

    #[test]
    fn a_shell_reads_back_what_was_meant() {
        let line = Shell::Sh.line("X", AWKWARD).unwrap();
        let script = format!("{line}\nprintf %s \"$X\"");
        let output = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();
        assert_eq!(String::from_utf8(output.stdout).unwrap(), AWKWARD);
    }

    #[test]
    fn each_form_quotes_in_its_own_way() {
        let line = |shell: Shell| shell.line("X", r"a'b\c").unwrap();
        assert_eq!(line(Shell::Sh), r"export X='a'\''b\c'");
        assert_eq!(line(Shell::Fish), r"set -gx X 'a\'b\\c'");
        assert_eq!(line(Shell::Powershell), r"$env:X = 'a''b\c'");
        assert_eq!(line(Shell::Docker), r"X=a'b\c");
        assert_eq!(line(Shell::Kubernetes), "- name: X\n  value: \"a'b\\\\c\"");
    }

    #[test]
    fn typographic_quotes_and_variables_of_a_path_stay_in_it() {
        let line = |shell: Shell| shell.line("X", "a\u{2019};b$(HOME)$$c").unwrap();
        assert_eq!(line(Shell::Powershell), "$env:X = 'a\u{2019}\u{2019};b$(HOME)$$c'");
        assert_eq!(
            line(Shell::Kubernetes),
            "- name: X\n  value: \"a\u{2019};b$$(HOME)$$$$c\""
        );
    }

    #[test]
    fn a_line_break_is_refused_and_not_smuggled_into_a_file_of_lines() {
        for shell in [Shell::Sh, Shell::Docker, Shell::Kubernetes] {
            assert!(shell.line("X", "a\nLD_PRELOAD=/evil").is_err());
        }
    }
}
