//! Identifiers, one type each. On the wire and in the database an id is its bare text; `Debug`
//! prefixes it with its kind, so that a log line cannot confuse two of them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{Random, Timestamp};

/// A text that is not an id of the wanted kind.
#[derive(Debug, thiserror::Error)]
#[error("not a valid {kind} id")]
pub struct IdError {
    kind: &'static str,
}

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident, $kind:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(uuid::Uuid);

        impl $name {
            /// A fresh random (version 4) id.
            pub fn generate(random: &dyn Random) -> Self {
                let mut bytes = [0_u8; 16];
                random.fill(&mut bytes);
                Self(uuid::Builder::from_random_bytes(bytes).into_uuid())
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            /// Accepts the hyphenated lower-case form only: one id has one spelling.
            fn from_str(text: &str) -> Result<Self, IdError> {
                let error = IdError { kind: $kind };
                let id = uuid::Uuid::try_parse(text).map_err(|_| IdError { kind: $kind })?;
                let mut buffer = uuid::Uuid::encode_buffer();
                if &*id.hyphenated().encode_lower(&mut buffer) == text { Ok(Self(id)) } else { Err(error) }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($kind, "_{}"), self.0.hyphenated())
            }
        }
    };
}

uuid_id!(
    /// An organization: owns projects, is charged for usage.
    OrganizationId, "organization"
);
uuid_id!(
    /// A project: an isolated configuration environment inside an organization.
    ProjectId, "project"
);
uuid_id!(
    /// An API key's record (never the key itself).
    ApiKeyId, "key"
);
uuid_id!(
    /// A task: one conversation between a caller and the agent.
    TaskId, "task"
);
uuid_id!(
    /// An agent session: what lives in memory between the runs of a task.
    SessionId, "session"
);
uuid_id!(
    /// A server process that runs tasks.
    WorkerId, "worker"
);
uuid_id!(
    /// A widget app's record (not the public `appId`).
    WidgetAppId, "widget_app"
);
uuid_id!(
    /// An end user of a widget app, as this server names it: never the customer's own name of them.
    EndUserId, "end_user"
);
uuid_id!(
    /// One exchange of app credentials for a token: what the token's `sid` names.
    WidgetSessionId, "widget_session"
);

uuid_id!(
    /// A person who can sign in.
    UserId, "user"
);
uuid_id!(
    /// A sign-in of a person: what a console cookie stands for (never the cookie itself).
    ConsoleSessionId, "console_session"
);
uuid_id!(
    /// An invitation into an organization.
    InviteId, "invite"
);

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Takes the text as it is.
            pub fn new(text: impl Into<String>) -> Self {
                Self(text.into())
            }

            /// The text of the id.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text_id!(
    /// A tool call, unique within its task: the provider's id where that is unique.
    CallId
);
text_id!(
    /// A conversation: `<epoch milliseconds>-<9 base-36 characters>`.
    ConversationId
);
text_id!(
    /// A saved message of a task's history.
    MessageId
);

impl ConversationId {
    /// A fresh id for a conversation that begins at `now`.
    pub fn generate(now: Timestamp, random: &dyn Random) -> Self {
        Self(format!("{}-{}", now.as_millis(), base36(random, 9)))
    }
}

impl MessageId {
    /// A fresh id.
    pub fn generate(random: &dyn Random) -> Self {
        Self(format!("msg_{}", base36(random, 20)))
    }

    /// The id of the assistant message that a run saves: fixed by its user message, so that
    /// history and stream agree on it without storing it.
    pub fn of_answer(user_message: &Self) -> Self {
        Self(format!("{}_answer", user_message.0))
    }
}

impl CallId {
    /// A fresh id for a call whose provider gave none, or one that was already used:
    /// `<tool>-<epoch ms>-<random hex>`.
    pub fn generate(tool: &str, now: Timestamp, random: &dyn Random) -> Self {
        let mut bytes = [0_u8; 6];
        random.fill(&mut bytes);
        let hex: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
        Self(format!("{tool}-{}-{hex}", now.as_millis()))
    }
}

fn base36(random: &dyn Random, length: usize) -> String {
    const ALPHABET: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
    let mut out = String::with_capacity(length);
    while out.len() < length {
        // Many at a time: each filling is a call of the kernel.
        let mut bytes = [0_u8; 32];
        random.fill(&mut bytes);
        // 252 is the largest multiple of 36 in a byte: no bias.
        let unbiased = bytes.into_iter().filter(|byte| *byte < 252);
        let chars = unbiased.map(|byte| char::from(ALPHABET[usize::from(byte % 36)]));
        out.extend(chars.take(length - out.len()));
    }
    out
}

/// The public name of a widget app: `app_` and 24 base-36 characters. Not a secret.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AppId(String);

impl AppId {
    const PREFIX: &'static str = "app_";
    const CHARS: usize = 24;

    /// A fresh one.
    pub fn generate(random: &dyn Random) -> Self {
        Self(format!("{}{}", Self::PREFIX, base36(random, Self::CHARS)))
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for AppId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let rest = text.strip_prefix(Self::PREFIX).unwrap_or_default();
        let base36 = |byte: u8| byte.is_ascii_digit() || byte.is_ascii_lowercase();
        if rest.len() == Self::CHARS && rest.bytes().all(base36) {
            Ok(Self(text.to_owned()))
        } else {
            Err(IdError { kind: "app" })
        }
    }
}

impl fmt::Display for AppId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for AppId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The number of a journal row within its task, from 1, strictly rising.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seq(pub i64);

impl Seq {
    /// The next row's number.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The number of a run within its task, from 1: the first message's run is 1, the first
/// follow-up's is 2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunNumber(pub i64);

impl RunNumber {
    /// The run of a task's first message.
    pub const FIRST: Self = Self(1);

    /// The run of the next follow-up.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::OsRandom;

    #[test]
    fn an_id_has_one_spelling() {
        let id = TaskId::generate(&OsRandom);
        assert_eq!(id.to_string().parse::<TaskId>().unwrap(), id);
        assert!(id.to_string().to_uppercase().parse::<TaskId>().is_err());
        assert!(format!("{{{id}}}").parse::<TaskId>().is_err());
        assert!("not-a-uuid".parse::<TaskId>().is_err());
        assert_eq!(format!("{id:?}"), format!("task_{id}"));
    }

    #[test]
    fn an_app_id_has_its_form() {
        let id = AppId::generate(&OsRandom);
        assert_eq!(id.as_str().len(), 28);
        assert_eq!(id.as_str().parse::<AppId>().unwrap(), id);
        for wrong in [
            "",
            "app_",
            "app_A23456789012345678901234",
            &id.as_str()[..27],
        ] {
            assert!(wrong.parse::<AppId>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_conversation_id_tells_when_it_began() {
        let id = ConversationId::generate(Timestamp::from_millis(1_772_600_767_089), &OsRandom);
        let (millis, rest) = id.as_str().split_once('-').unwrap();
        assert_eq!(millis, "1772600767089");
        assert_eq!(rest.len(), 9);
        assert!(
            rest.bytes()
                .all(|b| b.is_ascii_digit() || b.is_ascii_lowercase())
        );
    }
}
