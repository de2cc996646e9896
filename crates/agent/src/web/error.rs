//! Why something of the web could not be had.

use sandbox::EgressError;

/// See the module. `Display` is told to the model.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WebError {
    /// Not an address that is fetched.
    #[error("it is not a usable URL: {0}")]
    BadUrl(&'static str),
    /// The task may not connect to anything.
    #[error("this task has no network (`none`), so nothing is fetched from the web")]
    NoNetwork,
    /// The task may connect to other hosts only.
    #[error("{0}: the host is not on the list of hosts that this task may reach")]
    NotListed(String),
    /// Refused, not resolved or not reached.
    #[error(transparent)]
    Egress(#[from] EgressError),
    /// There are no certificates to check others with.
    #[error("this server cannot check TLS certificates")]
    NoTls(#[source] rustls::Error),
    /// The encrypted connection failed.
    #[error("the TLS connection failed: {0}")]
    Tls(#[source] std::io::Error),
    /// Not HTTP, or cut off.
    #[error("the answer could not be read: {0}")]
    Http(#[source] hyper::Error),
    /// It took too long.
    #[error("there was no whole answer within {0} s")]
    TimedOut(u64),
    /// It led on and on.
    #[error("it redirects more than {0} times")]
    Redirects(usize),
    /// It led somewhere where it may not.
    #[error("it redirects to {to}, which is not followed: {reason}")]
    BadRedirect {
        /// Where, at most 200 characters.
        to: String,
        /// Why not.
        reason: String,
    },
    /// An answer that is no success.
    #[error("the server answered {0}")]
    Status(hyper::StatusCode),
    /// Nothing that can be read.
    #[error("it is {0}, not a text")]
    NotText(String),
    /// Compressed by a method that is not known.
    #[error("it is encoded as {0}, which cannot be read")]
    Encoding(String),
}
