//! What a sign-in service says of itself, and the forms of its answers.

use std::time::{Duration, UNIX_EPOCH};

use model::Timestamp;
use openidconnect::core::{
    CoreAuthDisplay, CoreAuthPrompt, CoreClaimName, CoreClaimType, CoreClientAuthMethod,
    CoreErrorResponseType, CoreGenderClaim, CoreGrantType, CoreJsonWebKey,
    CoreJweContentEncryptionAlgorithm, CoreJweKeyManagementAlgorithm, CoreJwsSigningAlgorithm,
    CoreResponseMode, CoreResponseType, CoreRevocableToken, CoreRevocationErrorResponse,
    CoreSubjectIdentifierType, CoreTokenIntrospectionResponse, CoreTokenType,
};
use openidconnect::{
    AdditionalClaims, AdditionalProviderMetadata, AuthType, Client, ClientId, ClientSecret,
    EmptyExtraTokenFields, EndpointMaybeSet, EndpointNotSet, EndpointSet, IdTokenClaims,
    IdTokenFields, IdTokenVerifier, ProviderMetadata, StandardErrorResponse, StandardTokenResponse,
};
use serde::{Deserialize, Serialize};

use super::OidcConfig;

/// Groups of a person that are looked at.
const MAX_GROUPS: usize = 1_000;

/// Whether the service names itself in its answers (RFC 9207): then one that does not is none of
/// its.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct NamesItself {
    #[serde(default)]
    authorization_response_iss_parameter_supported: Option<bool>,
}

impl AdditionalProviderMetadata for NamesItself {}

/// The claims beyond the standard ones. Not every service writes groups as a list.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Groups {
    #[serde(default)]
    groups: serde_json::Value,
}

impl AdditionalClaims for Groups {}

impl Groups {
    /// The names of the groups.
    pub(super) fn names(&self) -> Vec<String> {
        let listed = self.groups.as_array().into_iter().flatten();
        let names = listed.filter_map(|name| name.as_str().map(str::to_owned));
        names.take(MAX_GROUPS).collect()
    }
}

/// What a service says of itself, with its keys.
pub(super) type Document = ProviderMetadata<
    NamesItself,
    CoreAuthDisplay,
    CoreClientAuthMethod,
    CoreClaimName,
    CoreClaimType,
    CoreGrantType,
    CoreJweContentEncryptionAlgorithm,
    CoreJweKeyManagementAlgorithm,
    CoreJsonWebKey,
    CoreResponseMode,
    CoreResponseType,
    CoreSubjectIdentifierType,
>;

/// What an ID token says.
pub(super) type Claims = IdTokenClaims<Groups, CoreGenderClaim>;

type Fields = IdTokenFields<
    Groups,
    EmptyExtraTokenFields,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJwsSigningAlgorithm,
>;

/// What a code is exchanged for.
pub(super) type Tokens = StandardTokenResponse<Fields, CoreTokenType>;

type Caller = Client<
    Groups,
    CoreAuthDisplay,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJsonWebKey,
    CoreAuthPrompt,
    StandardErrorResponse<CoreErrorResponseType>,
    Tokens,
    CoreTokenIntrospectionResponse,
    CoreRevocableToken,
    CoreRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

/// Whether the service says that it always names itself in its answers.
pub(super) fn names_itself(document: &Document) -> bool {
    let said = document.additional_metadata();
    said.authorization_response_iss_parameter_supported == Some(true)
}

/// This server as the service knows it.
pub(super) fn caller(config: &OidcConfig, document: &Document) -> Caller {
    let secret = config.client_secret.expose_secret().to_owned();
    let methods = document.token_endpoint_auth_methods_supported();
    let basic = methods.is_none_or(|methods| {
        methods.contains(&CoreClientAuthMethod::ClientSecretBasic) || methods.is_empty()
    });
    Caller::from_provider_metadata(
        document.clone(),
        ClientId::new(config.client_id.clone()),
        Some(ClientSecret::new(secret)),
    )
    .set_auth_type(match basic {
        true => AuthType::BasicAuth,
        false => AuthType::RequestBody,
    })
}

/// How ID tokens are checked: signed with one of the service's public keys, for this server alone,
/// by this issuer, and not expired.
pub(super) fn verifier(
    config: &OidcConfig,
    document: &Document,
    now: Timestamp,
) -> IdTokenVerifier<'static, CoreJsonWebKey> {
    let millis = u64::try_from(now.as_millis()).unwrap_or_default();
    let now = UNIX_EPOCH + Duration::from_millis(millis);
    IdTokenVerifier::new_public_client(
        ClientId::new(config.client_id.clone()),
        document.issuer().clone(),
        document.jwks().clone(),
    )
    // Never a shared secret as a key, nor none.
    .set_allowed_algs([
        CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
        CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha384,
        CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha512,
        CoreJwsSigningAlgorithm::RsaSsaPssSha256,
        CoreJwsSigningAlgorithm::RsaSsaPssSha384,
        CoreJwsSigningAlgorithm::RsaSsaPssSha512,
        CoreJwsSigningAlgorithm::EcdsaP256Sha256,
        CoreJwsSigningAlgorithm::EcdsaP384Sha384,
        CoreJwsSigningAlgorithm::EdDsa,
    ])
    .set_time_fn(move || now.into())
}
