//! How systems are told of the CA: commands for people to read, and to run if they want that.

use std::io::{self, Write};
use std::path::Path;

use crate::authority::Certificate;
use crate::config::home::{Home, quoted};

/// `{file}` is the certificate, `{name}` a name for it that no other has.
const SYSTEMS: [(&str, &[&str]); 8] = [
    (
        "Debian, Ubuntu",
        &[
            "sudo cp {file} /usr/local/share/ca-certificates/{name}.crt",
            "sudo update-ca-certificates",
        ],
    ),
    (
        "RHEL, Fedora, Amazon Linux",
        &[
            "sudo cp {file} /etc/pki/ca-trust/source/anchors/{name}.pem",
            "sudo update-ca-trust",
        ],
    ),
    (
        "Alpine (package ca-certificates)",
        &[
            "cp {file} /usr/local/share/ca-certificates/{name}.crt",
            "update-ca-certificates",
        ],
    ),
    ("Arch", &["sudo trust anchor --store {file}"]),
    (
        "macOS",
        &["sudo security add-trusted-cert -d -r trustRoot -k /Library/Keychains/System.keychain {file}"],
    ),
    ("Windows, as administrator", &["certutil -addstore -f ROOT {file}"]),
    (
        "Chromium and Firefox on Linux (NSS; package libnss3-tools; for Firefox -d sql: and the profile's directory)",
        &["certutil -d sql:$HOME/.pki/nssdb -A -t C,, -n {name} -i {file}"],
    ),
    (
        "Java, for one installation (JAVA_TOOL_OPTIONS of `runplane env` needs none of it)",
        &["sudo keytool -importcert -noprompt -cacerts -storepass changeit -alias {name} -file {file}"],
    ),
];

/// Writes them for each CA that is to be trusted.
///
/// # Errors
/// If that cannot be written.
pub(super) fn write(home: &Home, trusted: &[Certificate], out: &mut impl Write) -> io::Result<()> {
    writeln!(
        out,
        "# Agents that `runplane exec` or `runplane env` wires need none of this. A system that trusts this CA trusts whoever has\n\
         # its key {}. Nothing is run here.",
        home.certs().join("ca.key").display()
    )?;
    for (place, certificate) in trusted.iter().enumerate() {
        let directory = match place {
            0 => home.certs(),
            _ => home.certs().join("next"),
        };
        if place > 0 {
            writeln!(out, "\n# The CA that follows, too:")?;
        }
        write_one(certificate, &directory.join("ca.pem"), out)?;
    }
    Ok(())
}

fn write_one(certificate: &Certificate, file: &Path, out: &mut impl Write) -> io::Result<()> {
    let fingerprint = certificate.fingerprint();
    let name = format!("runplane-{}", fingerprint.get(..8).unwrap_or_default());
    for (system, commands) in SYSTEMS {
        writeln!(out, "\n# {system}")?;
        for command in commands {
            let command = command.replace("{file}", &quoted(file)).replace("{name}", &name);
            writeln!(out, "{command}")?;
        }
    }
    Ok(())
}
