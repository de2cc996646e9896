//! What one entry of the audit log says, and the line that it is kept as.

use model::{Actor, Caller, OrganizationId, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Who makes a change, from where, and when. Every command that changes settings takes one and
/// keeps an entry in its own transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangedBy {
    /// Who, and from where.
    pub caller: Caller,
    /// When.
    pub at: Timestamp,
}

macro_rules! audit_actions {
    ($($(#[$doc:meta])* $name:ident => $text:literal),* $(,)?) => {
        /// What was done.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum AuditAction {
            $($(#[$doc])* $name,)*
        }

        impl AuditAction {
            /// Every action.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The name in an entry.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }
        }
    };
}

audit_actions!(
    /// An organization was made.
    OrganizationCreate => "organization.create",
    /// An organization was renamed.
    OrganizationUpdate => "organization.update",
    /// Somebody was invited.
    InviteCreate => "invite.create",
    /// An invitation was taken back.
    InviteDelete => "invite.delete",
    /// Somebody joined.
    MemberJoin => "member.join",
    /// A member's role or projects were changed.
    MemberUpdate => "member.update",
    /// A member was removed.
    MemberRemove => "member.remove",
    /// Somebody signed in, or their sign-in speaks for another organization.
    SessionCreate => "session.create",
    /// Somebody signed out.
    SessionSignOut => "session.signOut",
    /// Somebody ended a sign-in of theirs from elsewhere.
    SessionEnd => "session.end",
    /// Somebody changed their password, or set one by a link.
    PasswordUpdate => "password.update",
    /// A link was made by which somebody chooses a password.
    PasswordLinkCreate => "passwordLink.create",
    /// Somebody set a second factor up.
    SecondFactorCreate => "secondFactor.create",
    /// A second factor was taken away.
    SecondFactorRemove => "secondFactor.remove",
    /// Somebody had other recovery codes made.
    RecoveryCodesUpdate => "recoveryCodes.update",
    /// A project was made.
    ProjectCreate => "project.create",
    /// A project was changed.
    ProjectUpdate => "project.update",
    /// A project was closed for ever, and its records deleted.
    ProjectDelete => "project.delete",
    /// A key was made.
    ApiKeyCreate => "apiKey.create",
    /// A key was changed.
    ApiKeyUpdate => "apiKey.update",
    /// A key got a successor.
    ApiKeyRotate => "apiKey.rotate",
    /// A key was revoked.
    ApiKeyRevoke => "apiKey.revoke",
    /// An app was made.
    WidgetAppCreate => "widgetApp.create",
    /// An app was changed.
    WidgetAppUpdate => "widgetApp.update",
    /// An app got another secret.
    WidgetAppRotateSecret => "widgetApp.rotateSecret",
    /// An app was deleted.
    WidgetAppDelete => "widgetApp.delete",
    /// A token was cut off.
    WidgetSessionRevoke => "widgetSession.revoke",
    /// Every token of an end user was cut off.
    EndUserRevoke => "endUser.revoke",
    /// An end user gets no more tokens.
    EndUserBlock => "endUser.block",
    /// An end user gets tokens again.
    EndUserUnblock => "endUser.unblock",
    /// Monthly caps were changed.
    UsageLimitsUpdate => "usageLimits.update",
    /// Prices were changed.
    PricesUpdate => "prices.update",
    /// A key that tokens are signed with was made.
    SigningKeyCreate => "signingKey.create",
    /// A key that tokens are signed with came into another state.
    SigningKeyUpdate => "signingKey.update",
);

/// What was done to what. Facts are objects without secrets.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Done {
    action: AuditAction,
    target: String,
    before: Option<Value>,
    after: Option<Value>,
}

impl Done {
    /// Something was made, or done without changing a record.
    pub(crate) fn made(action: AuditAction, target: impl ToString, after: Value) -> Self {
        Self {
            action,
            target: target.to_string(),
            before: None,
            after: Some(after),
        }
    }

    /// Something was changed: what is the same before and after is left out.
    pub(crate) fn changed(
        action: AuditAction,
        target: impl ToString,
        before: Value,
        after: Value,
    ) -> Self {
        let (before, after) = differing(before, after);
        Self {
            action,
            target: target.to_string(),
            before: Some(before),
            after: Some(after),
        }
    }

    /// Something is gone.
    pub(crate) fn removed(action: AuditAction, target: impl ToString, before: Value) -> Self {
        Self {
            action,
            target: target.to_string(),
            before: Some(before),
            after: None,
        }
    }
}

/// The members of two objects that are not the same in both.
fn differing(mut before: Value, mut after: Value) -> (Value, Value) {
    if let (Some(old), Some(new)) = (before.as_object_mut(), after.as_object_mut()) {
        let same = |map: &Map<String, Value>, name: &String, value: &Value| {
            map.get(name).is_some_and(|other| other == value)
        };
        let kept = old.clone();
        old.retain(|name, value| !same(new, name, value));
        new.retain(|name, value| !same(&kept, name, value));
    }
    (before, after)
}

/// An entry as a line of JSON, in this order of its members.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Line<'a> {
    seq: i64,
    at: String,
    organization_id: Option<String>,
    actor: ActorLine<'a>,
    ip: Option<String>,
    action: &'static str,
    target: &'a str,
    before: Option<&'a Value>,
    after: Option<&'a Value>,
    previous: &'a str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ActorLine<'a> {
    kind: &'static str,
    id: Option<String>,
    name: Option<&'a str>,
}

impl<'a> From<&'a Actor> for ActorLine<'a> {
    fn from(actor: &'a Actor) -> Self {
        let (kind, id, name) = match actor {
            Actor::Server => ("server", None, None),
            Actor::Operator => ("operator", None, None),
            Actor::ApiKey { id, username } => {
                ("apiKey", Some(id.to_string()), Some(username.as_str()))
            }
            Actor::User { id, email } => ("user", Some(id.to_string()), Some(email.as_str())),
        };
        Self { kind, id, name }
    }
}

/// What ties an entry to its place.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Place {
    pub(super) seq: i64,
    pub(super) organization_id: Option<String>,
    pub(super) previous: String,
}

/// The line that is kept.
pub(super) fn line(
    organization_id: Option<OrganizationId>,
    seq: i64,
    previous: &str,
    by: &ChangedBy,
    done: &Done,
) -> String {
    let line = Line {
        seq,
        at: by.at.to_string(),
        organization_id: organization_id.map(|id| id.to_string()),
        actor: ActorLine::from(&by.caller.actor),
        ip: by.caller.ip.map(|ip| ip.to_string()),
        action: done.action.as_str(),
        target: &done.target,
        before: done.before.as_ref(),
        after: done.after.as_ref(),
        previous,
    };
    serde_json::to_string(&line).expect("an entry holds strings, numbers and JSON values only")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_change_says_what_differs() {
        let (before, after) = (json!({"a": 1, "b": 2}), json!({"a": 1, "b": 3, "c": null}));
        let (before, after) = differing(before, after);
        assert_eq!(before, json!({"b": 2}));
        assert_eq!(after, json!({"b": 3, "c": null}));
    }
}
