//! People at the console: the cookie that their browser holds, and which requests with it are
//! their own doing.

use auth::{
    AuthError, Credential, Device, Entry, NewSignIn, Origin, PlainToken, RequestOrigin, Secret,
};
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, header};
use axum::response::{IntoResponse, Response};
use model::{ConsolePrincipal, ConsoleSessionId, Principal};
use wire::{ErrorCode, MfaRequiredResponse, RevocationResponse};

use crate::api_error::{ApiError, success};
use crate::body::Fields;
use crate::extract::{Peer, authenticated, values};
use crate::manage::path_of;
use crate::shown::signed_in_response;
use crate::state::AppState;

/// Seconds that a browser keeps the cookie: as long as the sign-in may live.
const MAX_AGE: u32 = 14 * 24 * 60 * 60;
/// What the cookie of a sign-in is for.
const SESSION: &str = "session";

/// How the cookie is called and kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SessionCookie {
    /// Over TLS only, bound to this very host.
    Secure,
    /// For a server that is reached without TLS on the machine itself.
    Loopback,
}

impl SessionCookie {
    /// The cookie of a server whose own pages are there.
    pub(crate) fn of(own_origins: &[Origin]) -> Self {
        let loopback = own_origins.iter().all(Origin::is_plain_loopback);
        if loopback && !own_origins.is_empty() {
            Self::Loopback
        } else {
            Self::Secure
        }
    }

    /// How the cookie for something is called.
    fn name(self, what: &str) -> String {
        match self {
            Self::Secure => format!("__Host-sigmic_{what}"),
            Self::Loopback => format!("sigmic_{what}"),
        }
    }

    /// What the cookie of a request stands for. One that is there twice stands for nothing:
    /// another page of the same site may have planted one of them.
    pub(crate) fn read(self, headers: &HeaderMap) -> Result<Option<Credential>, AuthError> {
        match self.value(headers, SESSION) {
            [None, _] => Ok(None),
            [Some(value), None] => match PlainToken::parse(value) {
                Some(token) => Ok(Some(Credential::Session(token))),
                None => Err(AuthError::Required),
            },
            [Some(_), Some(_)] => Err(AuthError::Required),
        }
    }

    /// The first two values of the cookie for something.
    pub(crate) fn value<'a>(self, headers: &'a HeaderMap, what: &str) -> [Option<&'a str>; 2] {
        let wanted = self.name(what);
        let lines = headers.get_all(header::COOKIE).iter();
        let texts = lines.filter_map(|line| line.to_str().ok());
        let mut found = texts
            .flat_map(|line| line.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .filter(|(name, _)| *name == wanted)
            .map(|(_, value)| value);
        [found.next(), found.next()]
    }

    /// Gives a browser the cookie.
    pub(crate) fn set(self, token: &PlainToken) -> [(header::HeaderName, HeaderValue); 2] {
        self.header(token.expose_token(), MAX_AGE)
    }

    /// Takes it away.
    pub(crate) fn clear(self) -> [(header::HeaderName, HeaderValue); 2] {
        self.header("", 0)
    }

    fn header(self, value: &str, max_age: u32) -> [(header::HeaderName, HeaderValue); 2] {
        [
            (header::SET_COOKIE, self.line(SESSION, value, max_age)),
            (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        ]
    }

    /// The header that gives a browser the cookie for something, for `max_age` seconds.
    pub(crate) fn line(self, what: &str, value: &str, max_age: u32) -> HeaderValue {
        let name = self.name(what);
        let secure = match self {
            Self::Secure => "; Secure",
            Self::Loopback => "",
        };
        let text =
            format!("{name}={value}; Path=/; Max-Age={max_age}; HttpOnly; SameSite=Lax{secure}");
        let mut cookie = HeaderValue::try_from(text).expect("a token is plain ASCII");
        cookie.set_sensitive(true);
        cookie
    }
}

/// Whether a request with a cookie may do something: a page of another site can make a browser
/// send the cookie, but not say that the request comes from here.
pub(crate) fn is_own_doing(method: &Method, headers: &HeaderMap, own: &[Origin]) -> bool {
    let safe = [Method::GET, Method::HEAD, Method::OPTIONS].contains(method);
    safe || comes_from_here(headers, own)
}

/// Whether the browser says that a page of this server sent the request.
pub(crate) fn comes_from_here(headers: &HeaderMap, own: &[Origin]) -> bool {
    let mut sites = headers.get_all("sec-fetch-site").iter();
    let same_origin =
        matches!((sites.next(), sites.next()), (Some(site), None) if site == "same-origin");
    same_origin || comes_from(headers, own) == Some(true)
}

/// Whether a request comes from a page of this server; `None`: from no page at all.
fn comes_from(headers: &HeaderMap, own: &[Origin]) -> Option<bool> {
    match RequestOrigin::read(&values(headers, header::ORIGIN.as_str())) {
        RequestOrigin::Absent => None,
        RequestOrigin::Page(page) => Some(own.contains(&page)),
        RequestOrigin::Null | RequestOrigin::Malformed => Some(false),
    }
}

/// Proof that no page of another site signs somebody in: a request that says where it comes from
/// comes from here. Programs say nothing.
#[derive(Debug, Clone)]
pub(crate) struct FromHere(pub(crate) Device);

impl FromRequestParts<AppState> for FromHere {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        let own = &state.config.own_origins;
        let foreign = parts
            .headers
            .get_all("sec-fetch-site")
            .iter()
            .any(|site| site != "same-origin" && site != "none");
        match comes_from(&parts.headers, own) {
            Some(true) => Ok(Self(device(parts))),
            None if !foreign => Ok(Self(device(parts))),
            Some(false) | None => Err(ErrorCode::Forbidden.into()),
        }
    }
}

/// From where a request comes, as far as it says.
fn device(parts: &Parts) -> Device {
    let agent = parts.headers.get(header::USER_AGENT);
    Device {
        peer: parts.extensions.get::<Peer>().map(|peer| peer.0),
        agent: agent
            .and_then(|agent| agent.to_str().ok())
            .map(str::to_owned),
    }
}

/// A person who has signed in, whatever they are where.
#[derive(Debug, Clone)]
pub(crate) struct SignedIn(pub(crate) ConsolePrincipal);

impl FromRequestParts<AppState> for SignedIn {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        match authenticated(parts, state).await? {
            Principal::Console(person) => Ok(Self(person)),
            Principal::ApiKey(_) | Principal::EndUser(_) => Err(ErrorCode::Forbidden.into()),
        }
    }
}

/// From where a signed-in person asks.
#[derive(Debug, Clone)]
pub(crate) struct Browser(pub(crate) Device);

impl FromRequestParts<AppState> for Browser {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &AppState) -> Result<Self, ApiError> {
        Ok(Self(device(parts)))
    }
}

/// The sign-in of the path.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ConsoleSessionPath(pub(crate) ConsoleSessionId);

impl FromRequestParts<AppState> for ConsoleSessionPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        let id: String = path_of(parts, state).await?;
        let id = id.parse().ok();
        id.map(Self).ok_or_else(|| ApiError::not_found("Session"))
    }
}

/// What cutting people off answers. What they began at the console belongs to its project and is
/// nobody's in particular: it goes on and is not counted.
pub(crate) fn people_receipt(
    state: &AppState,
    sessions: usize,
    streams: usize,
) -> RevocationResponse {
    RevocationResponse {
        revoked_at: state.clock.now().to_string(),
        keys: 0,
        sessions,
        streams,
        running_tasks: 0,
    }
}

/// Bytes of a body at most, where anybody may send one.
pub(crate) const MAX_BODY_BYTES: usize = 16 * 1024;

/// The secret text of a field; absent, it is empty: what fits nothing.
pub(crate) fn secret(fields: &Fields, name: &str) -> Result<Secret, ApiError> {
    Ok(Secret::new(fields.text(name)?.unwrap_or_default()))
}

/// Gives the browser its cookie and says who has signed in.
pub(crate) fn signed_in(state: &AppState, made: &NewSignIn) -> Response {
    let body = signed_in_response(&made.user, made.organization_id, &made.organizations);
    (state.cookie.set(&made.token), success(body)).into_response()
}

/// The same for who may have to give a code first: they get no cookie yet.
pub(crate) fn entered(state: &AppState, entry: &Entry) -> Response {
    match entry {
        Entry::Whole(made) => signed_in(state, made),
        Entry::Half(token) => {
            let body = MfaRequiredResponse {
                mfa_required: true,
                mfa_token: token.expose_token().to_owned(),
            };
            let private = [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
            (private, success(body)).into_response()
        }
    }
}

impl From<auth::SignInError> for ApiError {
    fn from(error: auth::SignInError) -> Self {
        match error {
            auth::SignInError::InvalidCredentials => {
                Self::new(ErrorCode::InvalidCredentials, capitalized(&error))
            }
            auth::SignInError::Weak(weak) => Self::invalid(format!("`password`: {weak}")),
            auth::SignInError::Name(name) => Self::invalid(format!("`name`: {name}")),
            auth::SignInError::NotFound(what) => Self::not_found(what),
            auth::SignInError::Protected | auth::SignInError::HasSecondFactor => {
                Self::new(ErrorCode::Conflict, capitalized(&error))
            }
            auth::SignInError::NobodyHere => Self::new(ErrorCode::Forbidden, capitalized(&error)),
            auth::SignInError::Sealed
            | auth::SignInError::Hash(_)
            | auth::SignInError::Store(_) => Self::internal("sign in", &error),
        }
    }
}

fn capitalized(error: &auth::SignInError) -> String {
    let text = error.to_string();
    let mut chars = text.chars();
    let first = chars.next().map(|first| first.to_uppercase().to_string());
    first.unwrap_or_default() + chars.as_str()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, HeaderValue::from_str(value).unwrap());
        }
        headers
    }

    fn read(cookie: SessionCookie, lines: &[&str]) -> Result<Option<Credential>, AuthError> {
        let pairs: Vec<_> = lines.iter().map(|line| ("cookie", *line)).collect();
        cookie.read(&headers(&pairs))
    }

    #[test]
    fn a_cookie_is_read_by_its_name_and_once() {
        let token = "A".repeat(43);
        let plain = format!("sigmic_session={token}");
        let host = format!("__Host-sigmic_session={token}");
        let both = format!("a=b; {plain};c");
        for line in [&plain, &both] {
            assert!(matches!(
                read(SessionCookie::Loopback, &[line]),
                Ok(Some(_))
            ));
            assert!(matches!(read(SessionCookie::Secure, &[line]), Ok(None)));
        }
        assert!(matches!(read(SessionCookie::Secure, &[&host]), Ok(Some(_))));
        assert!(matches!(read(SessionCookie::Loopback, &[&host]), Ok(None)));
        for lines in [
            &[&*plain, &*plain][..],
            &[&format!("{plain}; {plain}")],
            &["sigmic_session="],
            &["sigmic_session=short"],
            &[&format!("sigmic_session=\"{token}\"")],
        ] {
            let refused = read(SessionCookie::Loopback, lines);
            assert!(matches!(refused, Err(AuthError::Required)), "{lines:?}");
        }
        let upper = plain.to_uppercase();
        for line in ["", ";", "sigmic_session", &upper] {
            assert!(
                matches!(read(SessionCookie::Loopback, &[line]), Ok(None)),
                "{line}"
            );
        }
    }

    proptest! {
        /// Whatever the lines, a cookie is read that stands in one of them, whole and once.
        #[test]
        fn any_cookies_are_read_or_refused(
            lines in proptest::collection::vec(
                proptest::collection::vec(
                    prop_oneof![
                        Just("sigmic_session=".to_owned()),
                        Just("__Host-sigmic_session=".to_owned()),
                        Just("; ".to_owned()),
                        Just("A".repeat(43)),
                        "[ -~]{0,6}",
                        "\\PC{0,3}",
                    ],
                    0..6,
                ),
                0..3,
            ),
        ) {
            let lines: Vec<String> = lines.into_iter().map(|pieces| pieces.concat()).collect();
            let mut map = HeaderMap::new();
            for line in &lines {
                let value = HeaderValue::from_bytes(line.as_bytes());
                map.append(header::COOKIE, value.unwrap());
            }
            let all = lines.join(";");
            for cookie in [SessionCookie::Loopback, SessionCookie::Secure] {
                if let Ok(Some(credential)) = cookie.read(&map) {
                    let Credential::Session(token) = credential else {
                        panic!("a cookie is no {credential:?}")
                    };
                    let pair = format!("{}={}", cookie.name(SESSION), token.expose_token());
                    let pairs = all.split(';').filter(|text| text.trim() == pair);
                    prop_assert!(pairs.count() > 0, "{}", all);
                }
            }
        }
    }

    #[test]
    fn only_a_server_on_this_machine_goes_without_tls() {
        let of = |texts: &[&str]| {
            let origins: Vec<Origin> = texts.iter().map(|text| text.parse().unwrap()).collect();
            SessionCookie::of(&origins)
        };
        assert_eq!(
            of(&["http://127.0.0.1:8080", "http://localhost:8080"]),
            SessionCookie::Loopback
        );
        assert_eq!(of(&["http://[::1]:8080"]), SessionCookie::Loopback);
        for secure in [
            "https://a.example",
            "http://a.example",
            "http://10.0.0.1",
            "https://localhost",
        ] {
            assert_eq!(of(&[secure]), SessionCookie::Secure, "{secure}");
        }
        assert_eq!(of(&[]), SessionCookie::Secure);
    }

    #[test]
    fn a_request_that_changes_something_says_that_it_comes_from_here() {
        let own: Vec<Origin> = vec!["http://127.0.0.1:8080".parse().unwrap()];
        let asked =
            |pairs: &[(&'static str, &str)]| is_own_doing(&Method::POST, &headers(pairs), &own);
        assert!(asked(&[("sec-fetch-site", "same-origin")]));
        assert!(asked(&[("origin", "http://127.0.0.1:8080")]));
        for pairs in [
            &[][..],
            &[("sec-fetch-site", "same-site")],
            &[("sec-fetch-site", "cross-site")],
            &[("sec-fetch-site", "none")],
            &[
                ("sec-fetch-site", "same-origin"),
                ("sec-fetch-site", "same-origin"),
            ],
            &[("origin", "http://127.0.0.1:8081")],
            &[("origin", "https://127.0.0.1:8080")],
            &[("origin", "null")],
            &[("origin", "http://127.0.0.1:8080.evil.example")],
            &[
                ("origin", "http://127.0.0.1:8080"),
                ("origin", "http://127.0.0.1:8080"),
            ],
            &[("referer", "http://127.0.0.1:8080/")],
        ] {
            assert!(!asked(pairs), "{pairs:?}");
            assert!(
                is_own_doing(&Method::GET, &headers(pairs), &own),
                "{pairs:?}"
            );
        }
    }
}
