//! Who may come in: one's own account, users, roles, API tokens.
//!
//! In: what the API answers about them. Out: the pages of `/account`, `/users`, `/roles`, `/tokens`.
//! Failure: what is to be shown once stands in the answer to the form that asked for it, and nowhere
//! else.

mod account;
pub(super) mod browsers;
pub(super) mod handout;
mod rights;
mod roles;
mod tokens;
mod user;
mod users;

use std::sync::Arc;

use axum::Router;

use crate::Console;
use crate::page::Page;

pub(super) fn routes() -> Router<Arc<Console>> {
    Router::new()
        .merge(account::routes())
        .merge(users::routes())
        .merge(user::routes())
        .merge(roles::routes())
        .merge(tokens::routes())
}

/// A role that can be given.
struct RoleChoice {
    name: String,
    words: String,
    is_chosen: bool,
}

/// Roles to choose from, in words.
fn role_choices(
    page: &Page,
    names: impl IntoIterator<Item = String>,
    chosen: &str,
) -> Vec<RoleChoice> {
    let choice = |name: String| RoleChoice {
        words: page.word("role", &name),
        is_chosen: name == chosen,
        name,
    };
    names.into_iter().map(choice).collect()
}
