//! A sidecar's home, before it starts: `runplane.yaml`, policies, mappings, roots.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Output;

use tempfile::TempDir;

use super::{Origin, Sidecar, certificates, key, ports, sha256, sidecar};

/// A home directory. Removed when dropped.
pub struct Home(TempDir);

impl Home {
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn join(&self, path: impl AsRef<Path>) -> PathBuf {
        self.0.path().join(path)
    }

    /// Writes a file, with the directories it lies in.
    pub fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        // `runplane.yaml` may hold hashes of keys.
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
    }
}

/// What a sidecar is to be told, in the order a test says it.
pub struct Configuration {
    pub home: Home,
    work: TempDir,
    pub proxy_port: u16,
    pub control_port: u16,
    resolve: Vec<(String, String)>,
    destinations: Vec<String>,
    agents: Vec<String>,
    people: Vec<String>,
    fixed_agent: Option<String>,
    hold: String,
    approvals: Vec<String>,
    sections: Vec<String>,
    /// Further keys of `proxy:` and of `control:`.
    proxy_keys: String,
    control_keys: String,
    /// Variables that the sidecar is started with.
    pub environment: Vec<(String, String)>,
}

impl Configuration {
    pub(super) fn new() -> Self {
        let home = Home(directory(&std::env::temp_dir()));
        home.write("certs/upstream/test.pem", certificates::trusted_pem());
        Self {
            home,
            work: directory(&std::env::temp_dir()),
            proxy_port: ports::free(),
            control_port: ports::free(),
            resolve: Vec::new(),
            destinations: Vec::new(),
            agents: Vec::new(),
            people: Vec::new(),
            fixed_agent: Some("{ name: support-bot, roles: [support] }".to_owned()),
            hold: "30s".to_owned(),
            approvals: Vec::new(),
            sections: Vec::new(),
            proxy_keys: String::new(),
            control_keys: String::new(),
            environment: Vec::new(),
        }
    }

    /// Home and working directory beside the build instead of among temporary files: the way to a home is closed to agents.
    pub fn in_target(mut self) -> Self {
        let target = Path::new(env!("CARGO_TARGET_TMPDIR"));
        self.home = Home(directory(target));
        self.home.write("certs/upstream/test.pem", certificates::trusted_pem());
        self.work = directory(target);
        self
    }

    /// Where an agent works.
    pub fn work(&self) -> &Path {
        self.work.path()
    }

    /// The name (`host` or `host:port`) is dialled at this origin, which may be dialled.
    pub fn resolve(self, name: &str, origin: &Origin) -> Self {
        let address = origin.address().to_string();
        self.resolve_to(name, &address).destination(&address)
    }

    /// The name is dialled there; whether that may be dialled is another matter.
    pub fn resolve_to(mut self, name: &str, address: &str) -> Self {
        self.resolve.push((name.to_owned(), address.to_owned()));
        self
    }

    pub fn destination(mut self, destination: &str) -> Self {
        self.destinations.push(destination.to_owned());
        self
    }

    /// How long every client's connection is held.
    pub fn hold(mut self, span: &str) -> Self {
        self.hold = span.to_owned();
        self
    }

    /// A further key of `approvals:`, as `pending: 2s`.
    pub fn approvals(mut self, line: &str) -> Self {
        self.approvals.push(line.to_owned());
        self
    }

    /// A policy file of the house's own, beside the shipped ones.
    pub fn policy(self, cedar: &str) -> Self {
        self.home.write("policies/house.cedar", cedar);
        self
    }

    /// This file in place of the shipped rules.
    pub fn only_policy(self, cedar: &str) -> Self {
        self.home.write("policies/baseline.cedar", cedar);
        self
    }

    /// An agent whose key is `key(name)`. Then no agent is fixed.
    pub fn agent(mut self, name: &str, role: &str) -> Self {
        self.fixed_agent = None;
        let hash = sha256(key(name));
        self.agents.push(format!(
            "{{ name: {name}, roles: [{role}], owner: owner, key_sha256: {hash} }}"
        ));
        self
    }

    /// Nobody is named: the agent is `default` while none is registered.
    pub fn without_fixed_agent(mut self) -> Self {
        self.fixed_agent = None;
        self
    }

    /// A person whose key is `key(name)`.
    pub fn person(mut self, name: &str, groups: &str) -> Self {
        let hash = sha256(key(name));
        self.people
            .push(format!("{{ name: {name}, groups: [{groups}], key_sha256: {hash} }}"));
        self
    }

    /// A further section of `runplane.yaml`, as it stands.
    pub fn section(mut self, yaml: &str) -> Self {
        self.sections.push(yaml.to_owned());
        self
    }

    /// Writes `runplane.yaml`.
    pub fn write(&self) {
        self.home.write("runplane.yaml", self.yaml());
    }

    /// A further key of `proxy:`.
    pub fn proxy(mut self, key: &str) -> Self {
        self.proxy_keys = format!(", {key}");
        self
    }

    /// A further key of `control:`.
    pub fn control(mut self, key: &str) -> Self {
        self.control_keys = format!(", {key}");
        self
    }

    /// Whether control is spoken to by TLS.
    pub fn is_control_secure(&self) -> bool {
        self.control_keys.contains("tls:")
    }

    /// A variable of the sidecar's environment.
    pub fn environment(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Writes `runplane.yaml` and starts.
    pub fn start(self) -> Sidecar {
        self.write();
        Sidecar::start(self)
    }

    /// Starts with this `runplane.yaml`, whatever was configured.
    pub fn start_as(self, yaml: &str) -> Sidecar {
        self.home.write("runplane.yaml", yaml);
        Sidecar::start(self)
    }

    /// Writes `runplane.yaml`, tries to start, and gives what was said when it refused.
    ///
    /// # Panics
    /// If it starts.
    pub fn refuses(&self) -> Output {
        self.write();
        self.refuses_as_is()
    }

    /// The same with whatever `runplane.yaml` is in the home.
    pub fn refuses_as_is(&self) -> Output {
        sidecar::refuses(self.home.path())
    }

    fn yaml(&self) -> String {
        let mut yaml = String::new();
        let port = |port: u16, keys: &str| format!("{{ listen: \"127.0.0.1:{port}\"{keys} }}");
        writeln!(yaml, "proxy: {}", port(self.proxy_port, &self.proxy_keys)).unwrap();
        writeln!(yaml, "control: {}", port(self.control_port, &self.control_keys)).unwrap();
        if let Some(agent) = &self.fixed_agent {
            writeln!(yaml, "agent: {agent}").unwrap();
        }
        list(&mut yaml, "agents", &self.agents);
        list(&mut yaml, "people", &self.people);
        if !self.resolve.is_empty() {
            yaml.push_str("resolve:\n");
            for (name, address) in &self.resolve {
                writeln!(yaml, "  \"{name}\": \"{address}\"").unwrap();
            }
        }
        let destinations: Vec<_> = self
            .destinations
            .iter()
            .map(|destination| format!("\"{destination}\""))
            .collect();
        list(&mut yaml, "destinations", &destinations);
        yaml.push_str("approvals:\n");
        for line in &self.approvals {
            writeln!(yaml, "  {line}").unwrap();
        }
        yaml.push_str("  hold: { ");
        let clients = [
            "default",
            "curl",
            "requests",
            "stripe",
            "boto3",
            "httpx",
            "slack",
            "sendgrid",
            "twilio",
            "pygithub",
            "openai",
            "anthropic",
            "google",
            "aiohttp",
            "undici",
            "octokit",
            "axios",
            "pip",
            "websockets",
            "git",
            "go",
            "java",
        ];
        yaml.push_str(&clients.map(|client| format!("{client}: {}", self.hold)).join(", "));
        yaml.push_str(" }\n");
        for section in &self.sections {
            writeln!(yaml, "{section}").unwrap();
        }
        yaml
    }
}

fn directory(parent: &Path) -> TempDir {
    tempfile::Builder::new()
        .prefix("runplane-it-")
        .tempdir_in(parent)
        .unwrap()
}

fn list(yaml: &mut String, name: &str, items: &[String]) {
    if !items.is_empty() {
        writeln!(yaml, "{name}:").unwrap();
        for item in items {
            writeln!(yaml, "  - {item}").unwrap();
        }
    }
}
