//! Bodies of signing in and of people's own profile.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Signs in with a password.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LoginRequest {
    /// The address, in any case.
    pub email: String,
    /// The password.
    pub password: String,
}

/// Makes an account: a person, and an organization of theirs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SignUpRequest {
    /// What they will sign in with.
    pub email: String,
    /// The password they choose.
    pub password: String,
    /// What they are called.
    pub name: String,
    /// What their organization is called; absent: as they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organization_name: Option<String>,
}

/// A person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UserResponse {
    /// Their id.
    pub id: String,
    /// What they sign in with, in lower case.
    pub email: String,
    /// What they are called.
    pub name: String,
    /// When they were made.
    pub created_at: String,
}

/// An organization that the caller belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OwnOrganizationResponse {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What the caller is there: `owner`, `admin`, `member` or `viewer`.
    pub role: String,
    /// The projects that the caller may see; `null`: all of them.
    pub project_ids: Option<Vec<String>>,
}

/// Who has signed in, and for which organization the sign-in speaks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SignedInResponse {
    /// Who.
    pub user: UserResponse,
    /// The organization that the sign-in speaks for; `null`: the person belongs to none.
    pub organization_id: Option<String>,
    /// Where the person belongs, the first first.
    pub organizations: Vec<OwnOrganizationResponse>,
}

/// Changes the caller's own profile. What is absent stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UpdateMeRequest {
    /// What they are called: 1 to 100 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// A new password. Ends the caller's other sign-ins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
    /// The present password; required beside a new one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current_password: Option<String>,
}

/// A sign-in of the caller.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConsoleSessionResponse {
    /// Its id, which is not the cookie.
    pub id: String,
    /// Whether it is the one that asks.
    pub current: bool,
    /// When they signed in.
    pub created_at: String,
    /// When it was last used, to about a minute.
    pub last_seen_at: String,
    /// From when on it does not work, however much it is used.
    pub expires_at: String,
    /// From where it was last used.
    pub ip: Option<String>,
    /// What the browser calls itself.
    pub agent: Option<String>,
}

/// Uses a link that lets its holder choose a password.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SetupRequest {
    /// What stands behind `#token=` in the link.
    pub token: String,
    /// The new password.
    pub password: String,
    /// What the person is called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// Lets the sign-in speak for another organization.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SwitchOrganizationRequest {
    /// The organization, one of the caller's.
    pub organization_id: String,
}

/// An organization, as its members see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OrganizationResponse {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What the caller is there.
    pub role: String,
}

/// Makes or renames an organization.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OrganizationRequest {
    /// Its name: 1 to 100 characters.
    pub name: String,
}

/// A member of an organization.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MemberResponse {
    /// Who.
    pub user_id: String,
    /// What they sign in with.
    pub email: String,
    /// What they are called.
    pub name: String,
    /// `owner`, `admin`, `member` or `viewer`.
    pub role: String,
    /// The projects that they may see; `null`: all of them.
    pub project_ids: Option<Vec<String>>,
    /// When they joined.
    pub joined_at: String,
}

/// Changes a member. What is absent stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UpdateMemberRequest {
    /// `owner`, `admin`, `member` or `viewer`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// The projects that they may see; `null`: all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project_ids: Option<Vec<String>>,
}

/// Invites somebody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct InviteRequest {
    /// Their address.
    pub email: String,
    /// `owner`, `admin`, `member` or `viewer`.
    pub role: String,
    /// The projects that a member or viewer may see; `null`: all of them; default none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project_ids: Option<Vec<String>>,
}

/// An invitation, without its link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct InviteResponse {
    /// Its id.
    pub id: String,
    /// Whom.
    pub email: String,
    /// As what.
    pub role: String,
    /// The projects that they will see; `null`: all of them.
    pub project_ids: Option<Vec<String>>,
    /// Who invites.
    pub invited_by: String,
    /// When its link was made.
    pub created_at: String,
    /// From when on its link does not work.
    pub expires_at: String,
}

/// An invitation that was made: the only answer that holds its link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MadeInviteResponse {
    /// Its record.
    #[serde(flatten)]
    pub invite: InviteResponse,
    /// The link to be sent to them. Works once, for seven days.
    pub link: String,
}

/// Accepts an invitation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AcceptInviteRequest {
    /// What stands behind `#token=` in the link.
    pub token: String,
    /// The password of whoever signs in with the address already, else the one they choose.
    pub password: String,
    /// What they are called; required for somebody new.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// What signing in offers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AuthConfigResponse {
    /// Whether people may make accounts without an invitation.
    pub signup_open: bool,
    /// Other sign-in services.
    pub oidc: Vec<OidcProviderResponse>,
    /// `operator`: the operator hands out links; `mail`: the server sends them.
    pub password_reset: String,
}

/// A sign-in service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OidcProviderResponse {
    /// Its name in paths.
    pub id: String,
    /// Its name for people.
    pub name: String,
}

/// Asks for a new password.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ForgotPasswordRequest {
    /// What the person signs in with.
    pub email: String,
}

/// Uses a link that lets its holder choose a password, without signing in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResetPasswordRequest {
    /// What stands behind `#token=` in the link.
    pub token: String,
    /// The new password.
    pub password: String,
}

/// What signing in answers where a second factor is asked for; no cookie is set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MfaRequiredResponse {
    /// True.
    pub mfa_required: bool,
    /// What goes with the code, for five minutes.
    pub mfa_token: String,
}

/// What signing in answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum EnteredResponse {
    /// Who has signed in; the cookie is set.
    SignedIn(SignedInResponse),
    /// A code is asked for.
    MfaRequired(MfaRequiredResponse),
}

/// Gives the code that a sign-in lacks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LoginMfaRequest {
    /// The token that the sign-in answered.
    pub mfa_token: String,
    /// A code of the device, or a recovery code.
    pub code: String,
}

/// How the caller's second factor stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TotpResponse {
    /// Whether it is asked for.
    pub enabled: bool,
    /// Recovery codes that were not used.
    pub recovery_codes_left: i64,
}

/// A second factor that is to be confirmed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct BegunTotpResponse {
    /// For an authenticator app: holds the secret.
    pub otpauth_url: String,
}

/// Confirms a second factor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConfirmTotpRequest {
    /// A code of the device.
    pub code: String,
}

/// Does what needs the caller's password.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PasswordRequest {
    /// The present one.
    pub password: String,
}

/// Recovery codes, shown this once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RecoveryCodesResponse {
    /// Each works once in the place of a code of the device.
    pub recovery_codes: Vec<String>,
}
