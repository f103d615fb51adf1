//! The terminal that this process belongs to, whatever its standard input is.

use std::fs;

/// Our controlling terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Terminal {
    /// Whether its Ctrl-C comes to us, and to the command beside us.
    pub(super) foreground: bool,
}

/// `None`: there is none.
pub(super) fn ours() -> Option<Terminal> {
    // Without /proc nothing is confined either.
    terminal(&fs::read_to_string("/proc/self/stat").unwrap_or_default())
}

/// Of `/proc/self/stat` (proc_pid_stat(5)).
fn terminal(stat: &str) -> Option<Terminal> {
    // The name in parentheses may hold anything.
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_ascii_whitespace().skip(2);
    let (group, _session) = (fields.next()?, fields.next()?);
    let (terminal, foreground) = (fields.next()?, fields.next()?);
    (terminal != "0").then_some(Terminal {
        foreground: foreground == group,
    })
}

/// Whether the command can type into it, which the shell takes for its user's typing once the command ends (TIOCSTI).
pub(super) fn takes_typing() -> bool {
    let setting = fs::read_to_string("/proc/sys/dev/tty/legacy_tiocsti").ok();
    may_type(ours(), setting.as_deref())
}

/// Older kernels have no such setting, and allow it.
fn may_type(terminal: Option<Terminal>, setting: Option<&str>) -> bool {
    terminal.is_some() && setting.map(str::trim) != Some("0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_is_told_from_none_and_its_foreground_from_the_background() {
        let of = |fields: &str| terminal(&format!("7 (a) 0 0 b) S 1 {fields} 4194304 0 0"));
        assert_eq!(of("70 60 0 -1"), None);
        assert_eq!(of("70 60 34816 70"), Some(Terminal { foreground: true }));
        assert_eq!(of("70 60 34816 60"), Some(Terminal { foreground: false }));
    }

    #[test]
    fn a_terminal_takes_typing_unless_the_system_forbids_it() {
        let terminal = Some(Terminal { foreground: false });
        assert!(!may_type(terminal, Some("0\n")));
        assert!(may_type(terminal, Some("1\n")));
        assert!(may_type(terminal, None));
        assert!(!may_type(None, Some("1\n")));
    }
}
