//! How things look outside. This crate is used alone: by the server to write and by the client to
//! read, so it knows neither axum nor the store.
//!
//! - [`Success`], [`Paged`], [`Failure`] and [`ErrorCode`]: the envelopes (API reference, "Conventions");
//! - request and response bodies of the Task API, one module a resource;
//! - bodies of the management API, in `settings`, `audit` and `usage`;
//! - [`StreamEvent`], [`Frame`] and [`Projector`]: the event stream (API reference, "The event stream").
//!
//! To add an event: a variant in [`StreamEvent`], its place in [`Projector`], a row in the table of
//! the API reference.

mod artifact;
mod audit;
mod envelope;
mod error_code;
mod event;
mod frame;
mod message;
mod people;
mod projector;
mod settings;
mod task;
mod token;
mod usage;

pub use artifact::{ArtifactResponse, ArtifactsResponse, FileBytes};
pub use audit::{AuditActor, AuditEntryResponse, AuditFacts};
pub use envelope::{Empty, Failure, FailureBody, Paged, Pagination, Success};
pub use error_code::ErrorCode;
pub use event::{StatusName, StreamEvent, TASK_CANCELLED};
pub use frame::{Envelope, Frame, HEARTBEAT};
pub use message::{AttachedFileResponse, HistoryResponse, MessageResponse, Role, messages_of};
pub use people::{
    AcceptInviteRequest, AuthConfigResponse, BegunTotpResponse, ConfirmTotpRequest,
    ConsoleSessionResponse, EnteredResponse, ForgotPasswordRequest, InviteRequest, InviteResponse,
    LoginMfaRequest, LoginRequest, MadeInviteResponse, MemberResponse, MfaRequiredResponse,
    OidcProviderResponse, OrganizationRequest, OrganizationResponse, OwnOrganizationResponse,
    PasswordRequest, RecoveryCodesResponse, ResetPasswordRequest, SetupRequest, SignUpRequest,
    SignedInResponse, SwitchOrganizationRequest, TotpResponse, UpdateMeRequest,
    UpdateMemberRequest, UserResponse,
};
pub use projector::{Projector, Step};
pub use settings::{
    ApiKeyResponse, ApiKeyUsageResponse, CallerResponse, CreateApiKeyRequest,
    CreatedApiKeyResponse, CreatedWidgetAppResponse, EndUserRequest, ProjectRequest,
    ProjectResponse, RateLimitResponse, RevocationResponse, RotateRequest, RotatedApiKeyResponse,
    RotatedSecretResponse, UpdateApiKeyRequest, WidgetAppRequest, WidgetAppResponse,
    WidgetSessionResponse,
};
pub use task::{
    ApproveRequest, ApproveResponse, CancelResponse, CreateTaskForm, CreateTaskRequest,
    CreateTaskResponse, FollowUpForm, FollowUpRequest, FollowUpResponse, OutputResponse,
    PendingApprovalResponse, TaskListItem, TaskResponse, ThoughtResponse, ToolCallResponse,
    call_status,
};
pub use token::{Token, TokenRequest, TokenResponse};
pub use usage::{ModelPrice, Prices, UsageLimits, UsageNumbers, UsageResponse, UsageRowResponse};
