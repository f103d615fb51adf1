//! Origins that sources come from: repositories behind git's own server, and an index of packages.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use futures_util::future::BoxFuture;
use tempfile::TempDir;

use super::{Handler, Origin, Reply, Seen};
use crate::harness::python;

/// A bare repository with one commit. What is pushed is gone again at once, so that it can be pushed again.
const REPOSITORIES: &str = r#"
git init -q -b main seed
git -C seed commit -q --allow-empty -m first
for name in app locked; do
    git clone -q --bare seed acme/$name.git
    git -C acme/$name.git config http.receivepack true
    printf '#!/bin/sh\nread old new ref\ngit update-ref -d "$ref"\n' > acme/$name.git/hooks/post-receive
    chmod +x acme/$name.git/hooks/post-receive
done
"#;

/// A wheel without any code.
const WHEEL: &str = r#"
import sys, zipfile
name = sys.argv[1]
with zipfile.ZipFile(f"{name}-1.0-py3-none-any.whl", "w") as wheel:
    about = f"{name}-1.0.dist-info"
    wheel.writestr(f"{about}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    wheel.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
    wheel.writestr(f"{about}/RECORD", "")
"#;

/// A command that knows no configuration of this machine's.
fn alone(program: impl AsRef<std::ffi::OsStr>, directory: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(directory).env_clear().stdin(Stdio::null());
    command
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", directory);
    for who in ["AUTHOR", "COMMITTER"] {
        command.env(format!("GIT_{who}_NAME"), "Somebody");
        command.env(format!("GIT_{who}_EMAIL"), "somebody@example.com");
    }
    command
}

fn done(mut command: Command) -> Output {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    output
}

impl Origin {
    /// `acme/app.git` and `acme/locked.git`, which anybody may push to.
    pub fn git() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut make = alone("sh", directory.path());
        make.args(["-e", "-c", REPOSITORIES]);
        done(make);
        Self::of_files(directory, |directory, seen| by_cgi(directory, &seen))
    }

    /// An index with the packages of these names, whose files are on a host of each package's own: `NAME.example`.
    pub fn packages(names: &[&str]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        for name in names {
            let mut make = alone(python(), directory.path());
            make.args(["-c", WHEEL, name]);
            done(make);
        }
        Self::of_files(directory, |directory, seen| {
            let (_, last) = seen.path().trim_end_matches('/').rsplit_once('/').unwrap();
            match std::fs::read(directory.join(last)) {
                Ok(wheel) => Reply::new(200).header("content-type", "application/octet-stream").bytes(wheel),
                Err(_) => Reply::new(200).header("content-type", "text/html").bytes(format!(
                    "<a href=\"https://{last}.example/files/{last}-1.0-py3-none-any.whl\">{last}-1.0-py3-none-any.whl</a>"
                )),
            }
        })
    }

    fn of_files(directory: TempDir, answer: impl Fn(&Path, Seen) -> Reply + Send + Sync + 'static) -> Self {
        let (directory, answer) = (Arc::new(directory), Arc::new(answer));
        let handler: Handler = Arc::new(move |seen| -> BoxFuture<'static, Reply> {
            let (directory, answer) = (directory.clone(), answer.clone());
            Box::pin(async move {
                let answered = tokio::task::spawn_blocking(move || answer(directory.path(), seen));
                answered.await.unwrap()
            })
        });
        Self::start(true, None, handler)
    }
}

/// What `git http-backend` answers, by RFC 3875.
fn by_cgi(directory: &Path, seen: &Seen) -> Reply {
    let mut backend = alone("git", directory);
    backend
        .arg("http-backend")
        .env("GIT_PROJECT_ROOT", directory)
        .env("GIT_HTTP_EXPORT_ALL", "1");
    let query = seen.target.split_once('?').map_or("", |(_, query)| query);
    backend
        .env("PATH_INFO", seen.path())
        .env("QUERY_STRING", query)
        .env("REQUEST_METHOD", &seen.method);
    backend.env("CONTENT_LENGTH", seen.body.len().to_string());
    let told = [
        ("content-type", "CONTENT_TYPE"),
        ("content-encoding", "HTTP_CONTENT_ENCODING"),
        ("git-protocol", "GIT_PROTOCOL"),
    ];
    for (header, variable) in told {
        backend.env(variable, seen.header(header).unwrap_or_default());
    }
    let mut child = backend.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(&seen.body).unwrap();
    let output = child.wait_with_output().unwrap().stdout;
    let head = output
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .expect("an answer by CGI");
    let fields = String::from_utf8(output[..head].to_vec()).unwrap();
    let fields = fields.lines().filter_map(|line| line.split_once(": "));
    let reply = fields.fold(Reply::new(200), |reply, (name, value)| match name {
        "Status" => Reply::new(value[..3].parse().unwrap()),
        _ => reply.header(&name.to_lowercase(), value),
    });
    reply.bytes(output[head + 4..].to_vec())
}
