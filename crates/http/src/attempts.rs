//! Guesses at passwords and one-time links: limited per source address before anybody finds out
//! whether they are right, which is slow.

use auth::Device;
use wire::ErrorCode;

use crate::api_error::ApiError;
use crate::state::AppState;

/// Looks at a password or link that is given from there, if it may be. What is refused for
/// another reason than that it is the wrong one was no guess.
pub(crate) async fn attempt<T, E>(
    state: &AppState,
    device: &Device,
    look: impl Future<Output = Result<T, E>> + Send,
) -> Result<T, ApiError>
where
    ApiError: From<E>,
{
    let counted = state.limits.attempt(device.peer);
    let counted = counted.map_err(ApiError::limited)?;
    let looked = look.await.map_err(ApiError::from);
    let wrong = looked.as_ref().is_err_and(is_wrong_guess);
    if !wrong {
        counted.give_back();
    }
    looked
}

fn is_wrong_guess(error: &ApiError) -> bool {
    [ErrorCode::InvalidCredentials, ErrorCode::NotFound].contains(&error.code())
}
