//! Whom the commands that go over the API call, and as whom.

use std::io::ErrorKind;
use std::path::Path;

use client::{ApiKey, Client, ClientConfig, Management};

use crate::args::{Common, ServerArguments};
use crate::failure::Failure;
use crate::settings::Settings;

/// The command line's own key for tasks, in the data directory.
pub(super) const KEY_FILE: &str = "cli.key";
/// Its own key for settings.
pub(super) const MANAGEMENT_KEY_FILE: &str = "cli-management.key";
/// Where the server that runs on the data directory listens.
pub(super) const URL_FILE: &str = "cli.url";

/// A client for the server that is meant.
///
/// # Errors
/// When no key is known, or the local key would leave this machine.
pub(super) fn client(common: &Common, server: &ServerArguments) -> Result<Client, Failure> {
    let called = Called::find(common, server.base_url.as_ref(), &RUN_TASKS)?;
    let client = Client::new(&called.config).map_err(invalid)?;
    called.check(|| client.is_loopback())?;
    Ok(client)
}

/// The same for the settings of an organization.
///
/// # Errors
/// As [`client()`].
pub(super) fn management(common: &Common, server: &ServerArguments) -> Result<Management, Failure> {
    management_at(common, server.base_url.as_ref()).map(|(management, _)| management)
}

/// The same, and the server's URL.
///
/// # Errors
/// As [`client()`].
pub(super) fn management_at(
    common: &Common,
    base_url: Option<&String>,
) -> Result<(Management, String), Failure> {
    let called = Called::find(common, base_url, &CHANGE_SETTINGS)?;
    let management = Management::new(&called.config).map_err(invalid)?;
    called.check(|| management.is_loopback())?;
    Ok((management, called.config.base_url))
}

/// Where a key comes from.
struct KeySource {
    variable: &'static str,
    file: &'static str,
}

const RUN_TASKS: KeySource = KeySource {
    variable: "SIGMIC_API_KEY",
    file: KEY_FILE,
};
const CHANGE_SETTINGS: KeySource = KeySource {
    variable: "SIGMIC_MANAGEMENT_KEY",
    file: MANAGEMENT_KEY_FILE,
};

/// A server and the key that it is called with.
struct Called {
    config: ClientConfig,
    /// The variable that names another key, if the one of the data directory is meant.
    local: Option<&'static str>,
}

impl Called {
    fn find(
        common: &Common,
        base_url: Option<&String>,
        source: &KeySource,
    ) -> Result<Self, Failure> {
        let sources = common.sources(Vec::new());
        let settings = sources.load()?.settings;
        let given = base_url
            .cloned()
            .or_else(|| sources.variable("SIGMIC_BASE_URL").map(str::to_owned));
        let own_key = sources.variable(source.variable);
        let file = settings.data_dir.join(source.file);
        let key = match own_key {
            Some(key) => key.to_owned(),
            None => read(&file)?.ok_or_else(|| {
                Failure::Usage(format!(
                    "there is no key in {}: start the server (`sigmic serve`), or set {}",
                    file.display(),
                    source.variable
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
        Ok(Self {
            config: ClientConfig::new(url, ApiKey::new(key)),
            local: own_key.is_none().then_some(source.variable),
        })
    }

    /// The key of the data directory stays on this machine.
    fn check(&self, is_loopback: impl Fn() -> bool) -> Result<(), Failure> {
        match self.local {
            Some(variable) if !is_loopback() => Err(Failure::Usage(format!(
                "the key in the data directory is not sent to another machine: set {variable}"
            ))),
            Some(_) | None => Ok(()),
        }
    }
}

fn invalid(error: client::Error) -> Failure {
    Failure::Usage(error.to_string())
}

/// Where browsers reach the server: what links begin with.
pub(super) fn public_base(settings: &Settings) -> Result<String, Failure> {
    if let Some(origin) = &settings.public_url {
        return Ok(origin.to_string());
    }
    let running = read(&settings.data_dir.join(URL_FILE))?;
    Ok(running.unwrap_or_else(|| local_url(settings.listen)))
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
