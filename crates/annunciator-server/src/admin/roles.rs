//! What who manages users can ask about roles: list, make or change, delete.
//!
//! Knows nothing of: HTTP; what a right allows (see `api::rights`).
//! Failure: nobody gives a role rights that they do not have, nor changes one that has more.

use std::collections::HashMap;

use annunciator_api_types::{FieldError, RightView, Role, RoleInput, RoleList, RoleView};
use annunciator_core::{is_dots, is_hidden};
use annunciator_store::{NewAudit, ROLES_MAX, RoleDeletion, RoleRecord};
use serde_json::{Value, json};

use super::{AdminError, users};
use crate::identity::Identity;
use crate::intake::json::unknown_name;
use crate::roles::{Right, Rights};
use crate::session_book::alive;
use crate::shared::Shared;

/// Longest name of a role. Unit: characters.
const NAME_CHARS_MAX: usize = 64;

/// All roles, the built-in ones first, and all rights.
///
/// # Errors
/// What the store answers.
pub async fn list(shared: &Shared) -> Result<RoleList, AdminError> {
    let mut users: HashMap<String, u64> = HashMap::new();
    for (user, _) in shared.store.users(alive(shared.clock.now())).await? {
        *users.entry(user.role).or_default() += 1;
    }
    let view = |name: &str, rights: Rights, built_in: bool| RoleView {
        built_in,
        rights: rights.to_words(),
        users: users.get(name).copied().unwrap_or_default(),
        tokens: u64::try_from(shared.tokens.count_of_role(name)).unwrap_or(u64::MAX),
        name: name.to_owned(),
    };
    let built_in = Role::ALL.map(|role| view(role.as_str(), crate::roles::built_in(role), true));
    let own = shared.roles.list();
    let own = own.iter().map(|(name, rights)| view(name, *rights, false));
    let right = |right: &Right| RightView {
        name: right.as_str().to_owned(),
        words: right.words().to_owned(),
    };
    Ok(RoleList {
        roles: built_in.into_iter().chain(own).collect(),
        rights: Right::ALL.iter().map(right).collect(),
    })
}

/// Makes a role, or gives it other rights; at once for everybody who has it.
///
/// # Errors
/// A built-in name; words that are no rights; a right without the one it needs; rights beyond one's own; too many roles.
pub async fn put(
    shared: &Shared,
    name: &str,
    input: &RoleInput,
    caller: &Identity,
) -> Result<RoleView, AdminError> {
    let rights = read(name, input)?;
    let _steady = shared.roles.steady().await;
    let before = shared.roles.find(name);
    if before.is_some() {
        users::check_reach(shared, caller, name)?;
    }
    if !rights.are_within(shared.roles.rights_of(&caller.role)) {
        let words = "You cannot give rights that your own role does not have.";
        return Err(AdminError::Forbidden(words.to_owned()));
    }
    let before = before.map(Rights::to_words);
    let detail = json!({ "before": before, "after": rights.to_words() });
    let audit = note(shared, "role.save", name, &detail, caller);
    let record = RoleRecord { name: name.to_owned(), rights: rights.to_words() };
    if !shared.store.put_role(record, audit).await? {
        let words = format!("There are {ROLES_MAX} roles: delete some first.");
        return Err(AdminError::Conflict(words));
    }
    shared.roles.replace(name, Some(rights));
    let role = list(shared).await?.roles.into_iter().find(|role| role.name == name);
    role.ok_or_else(not_found)
}

fn read(name: &str, input: &RoleInput) -> Result<Rights, AdminError> {
    let mut errors = Vec::new();
    if Role::named(name).is_some() {
        let words = format!("The role {name} is built in and stays as it is.");
        return Err(AdminError::Conflict(words));
    }
    let is_name = (1..=NAME_CHARS_MAX).contains(&name.chars().count())
        && name.trim() == name
        && name.chars().all(|c| c.is_alphanumeric() && !is_hidden(c) || " .-_@".contains(c))
        && !is_dots(name);
    if !is_name {
        let detail = format!(
            "must be 1 to {NAME_CHARS_MAX} letters, digits, blanks, `.`, `-`, `_`, `@`, not `.` or \
             `..`"
        );
        errors.push(FieldError::new("/name", "format", detail));
    }
    let known: Vec<&str> = Right::ALL.iter().map(|right| right.as_str()).collect();
    let mut rights = Vec::new();
    for (at, word) in input.rights.iter().enumerate().take(1_000) {
        match Right::named(word) {
            Some(right) => rights.push((at, right)),
            None => {
                let detail = unknown_name(word, &known);
                errors.push(FieldError::new(format!("/rights/{at}"), "one_of", detail));
            }
        }
    }
    let set = Rights::of(rights.iter().map(|(_, right)| *right));
    for (at, right) in rights {
        if let Some(needed) = right.needs().filter(|needed| !set.have(*needed)) {
            let (this, needed) = (right.as_str(), needed.as_str());
            let detail = format!("is of use only with {needed}: give the role {needed} too");
            let pointer = format!("/rights/{at}");
            errors.push(FieldError::new(pointer, "needs_right", format!("{this} {detail}")));
        }
    }
    if errors.is_empty() { Ok(set) } else { Err(AdminError::Invalid(errors)) }
}

/// Deletes a role that nobody has.
///
/// # Errors
/// A built-in one; none of that name; one in use.
pub async fn delete(shared: &Shared, name: &str, caller: &Identity) -> Result<(), AdminError> {
    if Role::named(name).is_some() {
        let words = format!("The role {name} is built in and stays.");
        return Err(AdminError::Conflict(words));
    }
    let _steady = shared.roles.steady().await;
    let before = shared.roles.find(name).ok_or_else(not_found)?;
    users::check_reach(shared, caller, name)?;
    let detail = json!({ "rights": before.to_words() });
    let audit = note(shared, "role.delete", name, &detail, caller);
    match shared.store.delete_role(name, audit).await? {
        RoleDeletion::Done => {
            shared.roles.replace(name, None);
            Ok(())
        }
        RoleDeletion::NotFound => Err(not_found()),
        RoleDeletion::InUse { users, tokens } => Err(AdminError::Conflict(format!(
            "The role {name} is in use by users ({users}) and tokens ({tokens}): give them another \
             one first."
        ))),
    }
}

fn not_found() -> AdminError {
    AdminError::NotFound("There is no role of this name.".to_owned())
}

fn note(shared: &Shared, action: &str, name: &str, detail: &Value, caller: &Identity) -> NewAudit {
    NewAudit {
        at: shared.clock.now(),
        author: caller.name.clone(),
        action: action.to_owned(),
        target: name.to_owned(),
        detail: detail.to_string(),
    }
}
