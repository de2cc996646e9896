//! What the handlers share.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use auth::{Authenticator, OidcProviders, Origin, RateLimits, SignIns, SigningKeys, TokenExchange};
use ipnet::IpNet;
use model::{Clock, Random, SettingPermit};
use tasks::Tasks;
use tenancy::{AuditLog, KeyAdmin, People, UsageAdmin, Widgets};

use crate::console::SessionCookie;
use crate::metrics::HttpMetrics;
use crate::middleware::RequestIds;
use crate::open_streams::OpenStreams;

/// Who may make an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignUp {
    /// Whoever was invited.
    Closed,
    /// Everybody.
    Open,
}

/// Settings of the HTTP side.
#[derive(Debug, Clone)]
pub struct HttpConfig {
    /// How often an open stream gets a heartbeat.
    pub heartbeat: Duration,
    /// Bytes of a body at most, files apart.
    pub max_body_bytes: usize,
    /// Where the server's own pages are: they may always use a token.
    pub own_origins: Vec<Origin>,
    /// Who may make an account.
    pub sign_up: SignUp,
    /// The proxies whose word counts about who is behind them.
    pub trusted_proxies: Vec<IpNet>,
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            heartbeat: Duration::from_secs(15),
            max_body_bytes: 10 * 1024 * 1024,
            own_origins: Vec::new(),
            sign_up: SignUp::Closed,
            trusted_proxies: Vec::new(),
        }
    }
}

/// Whether the server can do its work. Shared with whoever starts and stops it.
#[derive(Debug, Clone, Default)]
pub struct Readiness(Arc<AtomicBool>);

impl Readiness {
    /// Says that database, migrations and sandbox self-test are done.
    pub fn begin(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Says that the server stops.
    pub fn end(&self) {
        self.0.store(false, Ordering::Release);
    }

    /// Whether it was said.
    pub fn get(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// What the routes are made of.
pub struct HttpParts {
    /// What callers ask for.
    pub tasks: Tasks,
    /// Who is asking.
    pub authenticator: Authenticator,
    /// How often they may.
    pub limits: Arc<RateLimits>,
    /// Exchanges app credentials for tokens.
    pub exchange: TokenExchange,
    /// Signs people in.
    pub sign_ins: SignIns,
    /// The sign-in services of others.
    pub oidc: OidcProviders,
    /// Organizations and their members.
    pub people: People,
    /// The keys that sign tokens; absent: none are signed.
    pub signing: Option<Arc<SigningKeys>>,
    /// Projects and keys.
    pub keys: KeyAdmin,
    /// Widget apps.
    pub widgets: Widgets,
    /// Who changed what.
    pub audit: AuditLog,
    /// What is used, what it costs, how much may be used.
    pub usage: UsageAdmin,
    /// Whether the server can do its work.
    pub readiness: Readiness,
    /// Settings.
    pub config: HttpConfig,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub random: Arc<dyn Random>,
    /// What is counted.
    pub metrics: HttpMetrics,
}

impl fmt::Debug for HttpParts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpParts").finish_non_exhaustive()
    }
}

/// What every handler gets. Cheap to clone.
#[derive(Clone)]
pub(crate) struct AppState {
    parts: Arc<HttpParts>,
    /// What a browser holds of a signed-in person.
    pub(crate) cookie: SessionCookie,
    /// The streams that are open.
    pub(crate) streams: OpenStreams,
    /// The ids of the next requests.
    pub(crate) request_ids: Arc<RequestIds>,
}

impl AppState {
    pub(crate) fn new(parts: HttpParts) -> Self {
        Self {
            cookie: SessionCookie::of(&parts.config.own_origins),
            parts: Arc::new(parts),
            streams: OpenStreams::default(),
            request_ids: Arc::default(),
        }
    }

    /// Changes projects and keys in the caller's name.
    pub(crate) fn keys_by(&self, permit: &SettingPermit) -> KeyAdmin {
        self.keys.by(permit.caller())
    }

    /// Changes caps and prices in the caller's name.
    pub(crate) fn usage_by(&self, permit: &SettingPermit) -> UsageAdmin {
        self.usage.by(permit.caller())
    }

    /// Changes widget apps in the caller's name.
    pub(crate) fn widgets_by(&self, permit: &SettingPermit) -> Widgets {
        self.widgets.by(permit.caller())
    }
}

impl std::ops::Deref for AppState {
    type Target = HttpParts;

    fn deref(&self) -> &HttpParts {
        &self.parts
    }
}
