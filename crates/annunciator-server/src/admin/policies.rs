//! Policies and device groups: list, make, change, delete.
//!
//! In: attributes as an administrator gives them. Out: a new configuration, or problems with
//! pointers into the request.
//! Knows nothing of: HTTP, which layer wins.

use annunciator_api_types::{
    DeviceGroupInput, DeviceGroupList, DeviceGroupView, FieldError, OverridesSaved, PolicyInput,
    PolicyList, PolicyView,
};
use annunciator_planner::{GROUP_SEPARATOR, Owner, Policy};
use serde_json::{Map, Value, json};

use super::AdminError;
use super::overrides::{Signature, delete_owner, policy_view, save};
use crate::configuration::Configuration;
use crate::settings_document as document;
use crate::shared::Shared;

/// The policies, in the order of the document.
#[must_use]
pub fn list(shared: &Shared) -> PolicyList {
    let snapshot = shared.settings.current();
    let policies = policies(&snapshot.configuration);
    let policies = policies.map(|(policy, count)| policy_view(policy, count)).collect();
    PolicyList { revision: snapshot.revision, policies }
}

/// One policy.
///
/// # Errors
/// [`AdminError::NotFound`].
pub fn show(shared: &Shared, name: &str) -> Result<(i64, PolicyView), AdminError> {
    let snapshot = shared.settings.current();
    let found = policies(&snapshot.configuration).find(|(policy, _)| policy.name == name);
    let (policy, count) = found.ok_or_else(|| no_policy(name))?;
    Ok((snapshot.revision, policy_view(policy, count)))
}

fn policies(configuration: &Configuration) -> impl Iterator<Item = (&Policy, usize)> {
    configuration.overrides.owned.iter().filter_map(|owned| match &owned.owner {
        Owner::Policy(policy) => Some((policy, owned.entries.len())),
        _ => None,
    })
}

fn no_policy(name: &str) -> AdminError {
    let name = annunciator_core::one_line(name, 100);
    AdminError::NotFound(format!("There is no policy `{name}`."))
}

/// Makes a policy, or gives an existing one these attributes; it keeps its events unless some are
/// given, its secrets too, and may get another name.
///
/// # Errors
/// [`AdminError::NotFound`] when one that is not there is to be renamed; as [`super::settings::change`].
pub async fn put(
    shared: &Shared,
    name: &str,
    input: PolicyInput,
    signature: Signature<'_>,
) -> Result<OverridesSaved, AdminError> {
    let new_name = input.name.clone().unwrap_or_else(|| name.to_owned());
    if new_name != name {
        show(shared, name)?;
    }
    let make = |current: &Configuration| {
        // Under its new name first: secrets stay by name.
        let mut renamed = current.clone();
        for owned in &mut renamed.overrides.owned {
            if let Owner::Policy(policy) = &mut owned.owner
                && policy.name == name
            {
                policy.name.clone_from(&new_name);
            }
        }
        // A name that two would have is found here, before they are taken for one.
        let is_taken = |configuration: &Configuration| {
            policies(configuration).filter(|(policy, _)| policy.name == new_name).count() > 1
        };
        if is_taken(&renamed) {
            let detail = format!("there is a policy `{new_name}` already: choose another name");
            return Err(vec![FieldError::new("/name", "duplicate", detail)]);
        }
        let mut next = document::shown(&renamed);
        put_row(&mut next, &new_name, &input);
        document::replace(&renamed, &next)
    };
    let place = |configuration: &Configuration| {
        policies(configuration).position(|(policy, _)| policy.name == name)
    };
    let current = shared.settings.current();
    let at =
        place(&current.configuration).unwrap_or_else(|| policies(&current.configuration).count());
    let above = format!("/policies/{at}/");
    let translate = |errors: Vec<FieldError>| shorten(errors, &above, "/");
    let saved = save(shared, signature, &make, &translate).await?;
    Ok(OverridesSaved { revision: saved.revision, warnings: translate(saved.warnings) })
}

fn put_row(document: &mut Map<String, Value>, name: &str, input: &PolicyInput) {
    let list = document.entry("policies").or_insert_with(|| json!([]));
    let list = list.as_array_mut().expect("written as a list");
    let at = list.iter().position(|row| row["name"] == name).unwrap_or_else(|| {
        list.push(json!({"name": name}));
        list.len() - 1
    });
    let row = &mut list[at];
    row["application"] = input.application.as_str().into();
    row["group"] = input.group.as_str().into();
    row["enabled"] = input.enabled.unwrap_or(true).into();
    row["inherit"] = input.inherit.unwrap_or(true).into();
    row["force_children"] = input.force_children.unwrap_or(false).into();
    if let Some(events) = &input.events {
        row["events"] = events.clone().into();
    }
}

fn shorten(errors: Vec<FieldError>, above: &str, instead: &str) -> Vec<FieldError> {
    let shorten = |mut error: FieldError| {
        if let Some(rest) = error.pointer.strip_prefix(above) {
            error.pointer = format!("{instead}{rest}");
        }
        error
    };
    errors.into_iter().map(shorten).collect()
}

/// Deletes a policy with its events.
///
/// # Errors
/// [`AdminError::NotFound`]; as [`super::settings::change`].
pub async fn delete(
    shared: &Shared,
    name: &str,
    signature: Signature<'_>,
) -> Result<OverridesSaved, AdminError> {
    let is_meant = |owner: &Owner| matches!(owner, Owner::Policy(policy) if policy.name == name);
    delete_owner(shared, &is_meant, signature).await?.ok_or_else(|| no_policy(name))
}

/// The groups that are known, each before those below it, with the policies of each.
#[must_use]
pub fn list_groups(shared: &Shared) -> DeviceGroupList {
    let snapshot = shared.settings.current();
    let configuration = &snapshot.configuration;
    let mut groups: std::collections::BTreeMap<Vec<&str>, Vec<String>> = [(vec![], vec![])].into();
    for path in &configuration.overrides.groups {
        let names: Vec<&str> = path.split(GROUP_SEPARATOR).collect();
        for length in 1..=names.len() {
            groups.entry(names[..length].to_vec()).or_default();
        }
    }
    for (policy, _) in policies(configuration) {
        let names = policy.group.split(GROUP_SEPARATOR).filter(|name| !name.is_empty());
        groups.entry(names.collect()).or_default().push(policy.name.clone());
    }
    let view = |(names, policies): (Vec<&str>, Vec<String>)| DeviceGroupView {
        path: names.join("/"),
        policies,
    };
    DeviceGroupList { revision: snapshot.revision, groups: groups.into_iter().map(view).collect() }
}

/// Adds a group; one that is known already stays as it is.
///
/// # Errors
/// [`AdminError::Invalid`] for what is no path; as [`super::settings::change`].
pub async fn add_group(
    shared: &Shared,
    input: DeviceGroupInput,
    signature: Signature<'_>,
) -> Result<OverridesSaved, AdminError> {
    let make = |current: &Configuration| {
        let mut next = document::shown(current);
        let list = next.entry("groups").or_insert_with(|| json!([]));
        // In front, where its pointer is known.
        list.as_array_mut().expect("written as a list").insert(0, input.path.as_str().into());
        document::replace(current, &next)
    };
    let translate = |errors: Vec<FieldError>| shorten(errors, "/groups/0", "/path");
    let saved = save(shared, signature, &make, &translate).await?;
    Ok(OverridesSaved { revision: saved.revision, warnings: saved.warnings })
}

/// Deletes a group and those below it; the group above stays known.
///
/// # Errors
/// [`AdminError::NotFound`]; [`AdminError::Invalid`] while a policy is for one of them; as
/// [`super::settings::change`].
pub async fn delete_group(
    shared: &Shared,
    path: &str,
    signature: Signature<'_>,
) -> Result<OverridesSaved, AdminError> {
    let overrides = &shared.settings.current().configuration.overrides;
    if path.is_empty() || !overrides.knows_group(path) {
        let path = annunciator_core::one_line(path, 100);
        return Err(AdminError::NotFound(format!("There is no device group `{path}`.")));
    }
    let make = |current: &Configuration| {
        let used: Vec<String> = policies(current)
            .filter(|(policy, _)| is_at_or_below(&policy.group, path))
            .map(|(policy, _)| format!("`{}`", policy.name))
            .take(POLICIES_NAMED_MAX)
            .collect();
        if !used.is_empty() {
            let detail = format!(
                "policies are for this group or one below it: delete them or give them another \
                 group first: {}",
                used.join(", ")
            );
            return Err(vec![FieldError::new("/path", "in_use", detail)]);
        }
        let mut next = current.clone();
        next.overrides.groups.retain(|group| !is_at_or_below(group, path));
        if let Some((above, _)) = path.rsplit_once(GROUP_SEPARATOR)
            && !next.overrides.knows_group(above)
        {
            next.overrides.groups.insert(above.to_owned());
        }
        Ok(next)
    };
    let saved = save(shared, signature, &make, &|errors| errors).await?;
    Ok(OverridesSaved { revision: saved.revision, warnings: saved.warnings })
}

/// Most policies that an error names.
const POLICIES_NAMED_MAX: usize = 20;

fn is_at_or_below(group: &str, path: &str) -> bool {
    let rest = group.strip_prefix(path);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(GROUP_SEPARATOR))
}
