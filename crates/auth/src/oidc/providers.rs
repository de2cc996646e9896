//! The services at work: where a browser is sent, and what comes back with it.

use std::sync::Arc;

use model::{Clock, Email, Random, Role, Timestamp};
use openidconnect::core::CoreAuthenticationFlow;
use openidconnect::{
    AuthorizationCode, ClaimsVerificationError, CsrfToken, IssuerUrl, Nonce, PkceCodeChallenge,
    PkceCodeVerifier, RedirectUrl, RequestTokenError, Scope, SignatureVerificationError,
    TokenResponse as _,
};
use tokio::sync::Mutex;

use super::document::{Claims, Document, Tokens, caller, names_itself, verifier};
use super::fetch::Fetcher;
use super::{OidcConfig, OidcConfigError, OidcFlow};

/// Milliseconds that a service's document and keys are taken as they were.
const FRESH_MS: i64 = 10 * 60 * 1_000;
/// Milliseconds that a service which did not answer is left alone, so that nobody can make this
/// server wait for it again and again.
const LEFT_ALONE_MS: i64 = 5_000;

/// Why nobody is signed in by a service.
#[derive(Debug, thiserror::Error)]
pub enum OidcError {
    /// There is no such service.
    #[error("there is no such sign-in service")]
    NotFound,
    /// The service does not answer, or not as one.
    #[error("the sign-in service does not answer")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The service did answer a moment ago that it does not.
    #[error("the sign-in service did not answer a moment ago")]
    LeftAlone,
    /// What came back does not fit what was begun, or proves nothing: says what.
    #[error("the sign-in does not hold: {0}")]
    Refused(&'static str),
    /// The service does not vouch for the address.
    #[error("the sign-in service has not verified the e-mail address")]
    Unverified,
    /// Nobody with an address of this host may sign in.
    #[error("e-mail addresses of this host may not sign in")]
    Domain,
}

/// What a browser brings back from a service.
#[derive(Debug, Clone, Copy, Default)]
pub struct OidcAnswer<'a> {
    /// What the person's tokens are had for.
    pub code: Option<&'a str>,
    /// What was sent along.
    pub state: Option<&'a str>,
    /// Who answers.
    pub issuer: Option<&'a str>,
}

/// A person as a service vouches for them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vouched {
    /// The service.
    pub issuer: String,
    /// Who they are there.
    pub subject: String,
    /// Their address, which the service has verified.
    pub email: Email,
    /// What they are called there.
    pub name: Option<String>,
    /// What somebody new with these groups becomes, if anything.
    pub role: Option<Role>,
}

#[derive(Debug)]
struct Provider {
    config: OidcConfig,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
enum Known {
    #[default]
    Nothing,
    Document(Arc<Document>, Timestamp),
    Silent(Timestamp),
}

/// See the module. Cheap to clone.
#[derive(Debug, Clone)]
pub struct OidcProviders {
    providers: Arc<[Provider]>,
    http: Fetcher,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
}

impl OidcProviders {
    /// These services; none of them is asked before somebody signs in.
    ///
    /// # Errors
    /// [`OidcConfigError`] when one of them cannot be one.
    ///
    /// # Panics
    /// When the machine's certificates cannot be read at all.
    pub fn new(
        configs: Vec<OidcConfig>,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Result<Self, OidcConfigError> {
        for (place, config) in configs.iter().enumerate() {
            config.check()?;
            if configs[..place].iter().any(|other| other.id == config.id) {
                return Err(OidcConfigError::Twice(config.id.clone()));
            }
        }
        let provider = |config| Provider {
            config,
            known: Mutex::default(),
        };
        Ok(Self {
            providers: configs.into_iter().map(provider).collect(),
            http: Fetcher::new().expect("the options of the client are constant"),
            clock,
            random,
        })
    }

    /// Id and name of each.
    pub fn list(&self) -> impl Iterator<Item = (&str, &str)> {
        let configs = self.providers.iter().map(|provider| &provider.config);
        configs.map(|config| (config.id.as_str(), config.name.as_str()))
    }

    fn find(&self, id: &str) -> Result<&Provider, OidcError> {
        let mut providers = self.providers.iter();
        let found = providers.find(|provider| provider.config.id == id);
        found.ok_or(OidcError::NotFound)
    }

    /// Begins a sign-in that comes back to `back`: where to send the browser, and what it has to
    /// keep.
    ///
    /// # Errors
    /// [`OidcError::NotFound`], [`OidcError::Unavailable`], [`OidcError::LeftAlone`].
    pub async fn begin(&self, id: &str, back: &str) -> Result<(String, OidcFlow), OidcError> {
        let provider = self.find(id)?;
        let document = self.document(provider).await?;
        let flow = OidcFlow::begin(&*self.random, self.clock.now());
        let pkce = PkceCodeVerifier::new(flow.verifier(id));
        let (state, nonce) = (flow.state(id), flow.nonce(id));
        let (url, _, _) = caller(&provider.config, &document)
            .set_redirect_uri(redirect(back)?)
            .authorize_url(
                CoreAuthenticationFlow::AuthorizationCode,
                || CsrfToken::new(state),
                || Nonce::new(nonce),
            )
            .add_scope(Scope::new("email".to_owned()))
            .add_scope(Scope::new("profile".to_owned()))
            .set_pkce_challenge(PkceCodeChallenge::from_code_verifier_sha256(&pkce))
            .url();
        Ok((url.into(), flow))
    }

    /// Ends it: who that is, as the service vouches for it.
    ///
    /// # Errors
    /// See [`OidcError`].
    pub async fn finish(
        &self,
        id: &str,
        back: &str,
        flow: Option<OidcFlow>,
        answer: OidcAnswer<'_>,
    ) -> Result<Vouched, OidcError> {
        let provider = self.find(id)?;
        let flow = flow.ok_or(OidcError::Refused("no sign-in has begun in this browser"))?;
        if !answer.state.is_some_and(|state| flow.is_state(id, state)) {
            return Err(OidcError::Refused("the state is another"));
        }
        let document = self.document(provider).await?;
        match answer.issuer {
            Some(issuer) if issuer != provider.config.issuer => {
                return Err(OidcError::Refused("another issuer answers"));
            }
            None if names_itself(&document) => {
                return Err(OidcError::Refused("the issuer does not name itself"));
            }
            Some(_) | None => {}
        }
        let code = answer
            .code
            .ok_or(OidcError::Refused("the service gives no code"))?;
        let tokens = self.redeem(provider, &document, (code, &flow, back));
        let tokens = tokens.await?;
        let claims = self.claims(provider, &document, &tokens, &flow).await?;
        vouched(&provider.config, &claims)
    }

    async fn redeem(
        &self,
        provider: &Provider,
        document: &Document,
        (code, flow, back): (&str, &OidcFlow, &str),
    ) -> Result<Tokens, OidcError> {
        let verifier = PkceCodeVerifier::new(flow.verifier(&provider.config.id));
        let caller = caller(&provider.config, document);
        let asked = caller
            .exchange_code(AuthorizationCode::new(code.to_owned()))
            .map_err(unavailable)?
            .set_redirect_uri(std::borrow::Cow::Owned(redirect(back)?))
            .set_pkce_verifier(verifier)
            .request_async(&self.http)
            .await;
        asked.map_err(|error| match error {
            RequestTokenError::ServerResponse(_) => {
                OidcError::Refused("the service does not take the code")
            }
            // Not the whole error: it holds the answer, and with it tokens.
            RequestTokenError::Parse(why, _) => unavailable(why),
            RequestTokenError::Request(why) => unavailable(why),
            RequestTokenError::Other(why) => OidcError::Unavailable(why.into()),
        })
    }

    /// What the ID token says. A key that is not known yet is asked for, once.
    async fn claims(
        &self,
        provider: &Provider,
        document: &Document,
        tokens: &Tokens,
        flow: &OidcFlow,
    ) -> Result<Claims, OidcError> {
        let token = tokens
            .id_token()
            .ok_or(OidcError::Refused("the service gives no ID token"))?;
        let now = self.clock.now();
        let nonce = Nonce::new(flow.nonce(&provider.config.id));
        let checked = token.claims(&verifier(&provider.config, document, now), &nonce);
        let checked = match checked {
            Err(ClaimsVerificationError::SignatureVerification(
                SignatureVerificationError::NoMatchingKey,
            )) => {
                let fresh = self
                    .ask(provider, &mut *provider.known.lock().await)
                    .await?;
                token
                    .claims(&verifier(&provider.config, &fresh, now), &nonce)
                    .cloned()
            }
            checked => checked.cloned(),
        };
        checked.map_err(|error| {
            tracing::info!(
                error = &error as &dyn std::error::Error,
                "an ID token is refused"
            );
            OidcError::Refused("the ID token does not hold")
        })
    }

    /// What a service says of itself. Those who want it at the same time wait for one answer.
    async fn document(&self, provider: &Provider) -> Result<Arc<Document>, OidcError> {
        let mut known = provider.known.lock().await;
        let now = self.clock.now();
        let within = |since: Timestamp, millis| (0..millis).contains(&now.millis_since(since));
        match &*known {
            Known::Document(document, since) if within(*since, FRESH_MS) => {
                return Ok(Arc::clone(document));
            }
            Known::Silent(since) if within(*since, LEFT_ALONE_MS) => {
                return Err(OidcError::LeftAlone);
            }
            Known::Nothing | Known::Document(..) | Known::Silent(_) => {}
        }
        self.ask(provider, &mut known).await
    }

    async fn ask(
        &self,
        provider: &Provider,
        known: &mut Known,
    ) -> Result<Arc<Document>, OidcError> {
        let issuer = IssuerUrl::new(provider.config.issuer.clone()).map_err(unavailable)?;
        let now = self.clock.now();
        // It refuses a document of another issuer.
        match Document::discover_async(issuer, &self.http).await {
            Ok(document) => {
                let document = Arc::new(document);
                *known = Known::Document(Arc::clone(&document), now);
                Ok(document)
            }
            Err(error) => {
                *known = Known::Silent(now);
                Err(unavailable(error))
            }
        }
    }
}

fn unavailable(error: impl std::error::Error + Send + Sync + 'static) -> OidcError {
    OidcError::Unavailable(Box::new(error))
}

fn redirect(back: &str) -> Result<RedirectUrl, OidcError> {
    RedirectUrl::new(back.to_owned()).map_err(unavailable)
}

/// What is made of the claims here.
fn vouched(config: &OidcConfig, claims: &Claims) -> Result<Vouched, OidcError> {
    let email = claims.email().ok_or(OidcError::Unverified)?;
    if claims.email_verified() != Some(true) {
        return Err(OidcError::Unverified);
    }
    let email = Email::parse(email).map_err(|_| OidcError::Unverified)?;
    if !config.allows(&email) {
        return Err(OidcError::Domain);
    }
    let name = claims.name().and_then(|names| names.get(None));
    Ok(Vouched {
        issuer: config.issuer.clone(),
        subject: claims.subject().to_string(),
        email,
        name: name.map(|name| name.to_string()),
        role: config.role_of(&claims.additional_claims().names()),
    })
}
