//! The certificates of our own ports, read again while they serve: a new pair is shown from then on, a broken one never.

use std::sync::Arc;

use crate::config::Config;
use crate::io::tls::Server;

/// One for each port that speaks TLS, with what was wrong when it was read last.
pub(super) struct Certificates(Vec<(Arc<Server>, Option<String>)>);

impl Certificates {
    pub(super) fn of(config: &Config) -> Self {
        let reverse = config.reverse.iter().map(|listener| &listener.port);
        let ports = [&config.proxy, &config.control].into_iter().chain(reverse);
        Self(ports.filter_map(|port| Some((port.tls.clone()?, None))).collect())
    }

    /// Gives what there is to say: each mistake once, as long as it is the same.
    pub(super) fn reload(&mut self) -> Vec<String> {
        let mut said = Vec::new();
        for (server, wrong) in &mut self.0 {
            let certificate = server.files().certificate.display().to_string();
            match server.reload() {
                Ok(changed) => {
                    *wrong = None;
                    if changed {
                        tracing::info!(certificate, "another certificate is shown from now on");
                        said.push(format!("RELOADED: the certificate {certificate}"));
                    }
                }
                Err(error) => {
                    let error = error.to_string();
                    if wrong.as_ref() != Some(&error) {
                        tracing::error!(certificate, error, "the certificate that was shown stays");
                        said.push(format!("RELOAD REFUSED: {error}; the certificate that was shown stays"));
                        *wrong = Some(error);
                    }
                }
            }
        }
        said
    }
}
