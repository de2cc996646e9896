//! Who changes something, as the audit log names them.

use std::net::IpAddr;

use crate::{ApiKeyId, UserId};

/// Who changes something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Actor {
    /// The server by itself.
    Server,
    /// Whoever may run commands on the server's machine.
    Operator,
    /// A program with an API key.
    ApiKey {
        /// The key.
        id: ApiKeyId,
        /// The name of the user who owns it.
        username: String,
    },
    /// A person who has signed in, or signs in just now.
    User {
        /// Who.
        id: UserId,
        /// What they sign in with.
        email: String,
    },
}

/// Who changes something, and from where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Who.
    pub actor: Actor,
    /// The address that the request came from; `None`: from the machine itself.
    pub ip: Option<IpAddr>,
}

impl Caller {
    /// The server by itself.
    pub const SERVER: Self = Self {
        actor: Actor::Server,
        ip: None,
    };

    /// Whoever may run commands on the server's machine.
    pub const OPERATOR: Self = Self {
        actor: Actor::Operator,
        ip: None,
    };
}
