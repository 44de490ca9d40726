//! What an administrator can ask about API tokens: list, make, delete.
//!
//! Knows nothing of: HTTP; how tokens are kept (see `crate::tokens`).

use annunciator_api_types::{FieldError, NewToken, NewTokenRequest, TokenView};

use super::{AdminError, users};
use crate::identity::Identity;
use crate::shared::Shared;
use crate::tokens::TokenError;

/// All tokens, oldest first.
#[must_use]
pub fn list(shared: &Shared) -> Vec<TokenView> {
    shared.tokens.list()
}

/// Makes a token.
///
/// # Errors
/// A bad name, no such role or one that may do more than the caller's, an end that has passed, too
/// many tokens.
pub async fn create(
    shared: &Shared,
    request: &NewTokenRequest,
    caller: &Identity,
) -> Result<NewToken, AdminError> {
    let now = shared.clock.now();
    // A role that is being deleted must not be given away meanwhile.
    let _steady = shared.roles.steady().await;
    if shared.roles.find(&request.role).is_none() {
        let detail = "is no role: see the list of roles, or make it first";
        return Err(AdminError::Invalid(vec![FieldError::new("/role", "unknown", detail)]));
    }
    users::check_reach(shared, caller, &request.role)?;
    let made = shared.tokens.create(shared.store.as_ref(), request, &caller.name, now).await;
    made.map_err(|error| match error {
        TokenError::Invalid(errors) => AdminError::Invalid(errors),
        TokenError::Conflict(detail) => AdminError::Conflict(detail),
        TokenError::Store(error) => AdminError::Store(error),
        TokenError::NoRandomness(reason) => AdminError::Unavailable(reason),
    })
}

/// Deletes a token; it is of no use from then on.
///
/// # Errors
/// None of that id; one whose role may do more than the caller's.
pub async fn delete(shared: &Shared, id: &str, caller: &Identity) -> Result<(), AdminError> {
    let now = shared.clock.now();
    let _steady = shared.roles.steady().await;
    if let Some(role) = shared.tokens.role_of(id) {
        users::check_reach(shared, caller, &role)?;
    }
    let deleted = shared.tokens.delete(shared.store.as_ref(), id, &caller.name, now).await;
    if deleted.map_err(AdminError::Store)? {
        Ok(())
    } else {
        Err(AdminError::NotFound("There is no token of this id.".to_owned()))
    }
}
