//! Whom `run` and `tasks` call, and as whom.

use std::io::ErrorKind;
use std::path::Path;

use client::{ApiKey, Client, ClientConfig};

use crate::args::{Common, ServerArguments};
use crate::failure::Failure;

/// The command line's own key, in the data directory.
pub(super) const KEY_FILE: &str = "cli.key";
/// Where the server that runs on the data directory listens.
pub(super) const URL_FILE: &str = "cli.url";

/// A client for the server that is meant.
///
/// # Errors
/// When no key is known, or the local key would leave this machine.
pub(super) fn client(common: &Common, server: &ServerArguments) -> Result<Client, Failure> {
    let sources = common.sources(Vec::new());
    let settings = sources.load()?.settings;
    let given = server
        .base_url
        .clone()
        .or_else(|| sources.variable("SIGMIC_BASE_URL").map(str::to_owned));
    let own_key = sources.variable("SIGMIC_API_KEY");
    let key = match own_key {
        Some(key) => key.to_owned(),
        None => read(&settings.data_dir.join(KEY_FILE))?.ok_or_else(|| {
            Failure::Usage(format!(
                "there is no key in {}: start the server (`sigmic serve`), or set SIGMIC_API_KEY",
                settings.data_dir.join(KEY_FILE).display()
            ))
        })?,
    };
    let url = match given {
        Some(url) => url,
        None => match read(&settings.data_dir.join(URL_FILE))? {
            Some(url) => url,
            None => local_url(settings.listen),
        },
    };
    let client = Client::new(&ClientConfig::new(url, ApiKey::new(key)))
        .map_err(|error| Failure::Usage(error.to_string()))?;
    if own_key.is_none() && !client.is_loopback() {
        return Err(Failure::Usage(
            "the key in the data directory is not sent to another machine: set SIGMIC_API_KEY"
                .to_owned(),
        ));
    }
    Ok(client)
}

/// The URL under which this machine reaches a server that listens there.
pub(super) fn local_url(listen: std::net::SocketAddr) -> String {
    let mut address = listen;
    if address.ip().is_unspecified() {
        address.set_ip(match address {
            std::net::SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
            std::net::SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
        });
    }
    format!("http://{address}")
}

/// The trimmed text of a file; `None` if there is no file.
pub(super) fn read(path: &Path) -> Result<Option<String>, Failure> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text.trim().to_owned())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(anyhow::Error::new(error)
            .context(format!("read {}", path.display()))
            .into()),
    }
}

/// Turns what a call failed with into how the command ends.
pub(super) fn failed(error: client::Error) -> Failure {
    let hint = match &error {
        client::Error::Transport { .. } => " (is the server running?)",
        client::Error::Api { .. }
        | client::Error::Protocol(_)
        | client::Error::File { .. }
        | client::Error::Invalid(_)
        | client::Error::Setup(_)
        | client::Error::StreamEnds { .. } => "",
    };
    let request = match &error {
        client::Error::Api {
            request_id: Some(id),
            status: 500..,
            ..
        } => format!(" (request {id})"),
        client::Error::Api { .. }
        | client::Error::Transport { .. }
        | client::Error::Protocol(_)
        | client::Error::File { .. }
        | client::Error::Invalid(_)
        | client::Error::Setup(_)
        | client::Error::StreamEnds { .. } => String::new(),
    };
    let text = crate::failure::chain(&error);
    Failure::Failed(anyhow::anyhow!("{text}{hint}{request}"))
}

/// Waits for an answer on the small runtime.
pub(super) fn block_on<T>(
    call: impl Future<Output = Result<T, client::Error>>,
) -> Result<T, Failure> {
    let runtime = super::runtime::small()?;
    runtime.block_on(call).map_err(failed)
}
