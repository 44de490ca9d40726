//! What a user can ask about saved views of lists: list, save, delete.
//!
//! Knows nothing of: HTTP, what a query says.

use annunciator_api_types::{FieldError, SavedViewInput, SavedViewList, SavedViewView};
use annunciator_core::{is_dots, is_hidden};
use annunciator_store::{NewAudit, SavedView, VIEWS_PER_USER_MAX};
use serde_json::{Value, json};

use super::AdminError;
use crate::identity::author_of;
use crate::roles::{Right, Rights};
use crate::shared::Shared;

/// Longest name of a page, and of a view. Unit: characters.
const NAME_CHARS_MAX: usize = 100;
/// Longest query. Unit: characters.
const QUERY_CHARS_MAX: usize = 2_000;

/// One's own views and those that others share.
///
/// # Errors
/// What the store answers.
pub async fn list(
    shared: &Shared,
    user: &str,
    page: Option<&str>,
) -> Result<SavedViewList, AdminError> {
    let views = shared.store.saved_views(user, page).await?;
    Ok(SavedViewList { views: views.into_iter().map(view).collect() })
}

fn view(view: SavedView) -> SavedViewView {
    let SavedView { owner, page, name, query, is_shared } = view;
    SavedViewView { page, name, query, shared: is_shared, owner }
}

/// Saves a view over the one of the same page and name.
///
/// # Errors
/// A name or query that is not taken; too many; sharing without the right to manage silences,
/// which is what tells those who operate from those who look on.
pub async fn put(
    shared: &Shared,
    user: &str,
    rights: Rights,
    place: (&str, &str),
    input: SavedViewInput,
) -> Result<SavedViewView, AdminError> {
    let (page, name) = place;
    let mut errors = Vec::new();
    for (pointer, text) in [("/page", page), ("/name", name)] {
        let chars = text.chars().count();
        if !(1..=NAME_CHARS_MAX).contains(&chars) || text.chars().any(is_hidden) || is_dots(text) {
            let detail = format!(
                "must be 1 to {NAME_CHARS_MAX} characters on one line, none of them invisible, \
                 not `.` or `..`"
            );
            errors.push(FieldError::new(pointer, "format", detail));
        }
    }
    if input.query.chars().count() > QUERY_CHARS_MAX || input.query.chars().any(char::is_control) {
        let detail = format!("must be at most {QUERY_CHARS_MAX} characters on one line");
        errors.push(FieldError::new("/query", "too_long", detail));
    }
    if !errors.is_empty() {
        return Err(AdminError::Invalid(errors));
    }
    if input.shared && !rights.have(Right::ManageSilences) {
        let words = "Sharing a view takes the right to manage silences; save it for yourself.";
        return Err(AdminError::Forbidden(words.to_owned()));
    }
    let saved = SavedView {
        owner: user.to_owned(),
        page: page.to_owned(),
        name: name.to_owned(),
        query: input.query,
        is_shared: input.shared,
    };
    let detail = json!({ "query": saved.query, "shared": saved.is_shared });
    let audit = note(shared, "view.save", user, place, &detail);
    if !shared.store.put_view(saved.clone(), audit).await? {
        let words = format!("You have {VIEWS_PER_USER_MAX} views: delete some first.");
        return Err(AdminError::Conflict(words));
    }
    Ok(view(saved))
}

/// Deletes one of one's own views.
///
/// # Errors
/// None of that name on that page.
pub async fn delete(shared: &Shared, user: &str, page: &str, name: &str) -> Result<(), AdminError> {
    let audit = note(shared, "view.delete", user, (page, name), &json!({}));
    if shared.store.delete_view(user, page, name, audit).await? {
        return Ok(());
    }
    Err(AdminError::NotFound("You have no view of this name on this page.".to_owned()))
}

fn note(
    shared: &Shared,
    action: &str,
    user: &str,
    (page, name): (&str, &str),
    detail: &Value,
) -> NewAudit {
    NewAudit {
        at: shared.clock.now(),
        author: author_of(user),
        action: action.to_owned(),
        target: format!("{page}/{name}"),
        detail: detail.to_string(),
    }
}
