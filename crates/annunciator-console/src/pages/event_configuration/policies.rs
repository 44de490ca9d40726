//! A policy: for which application and group it is, whether it counts, how it inherits.
//!
//! In: `policy=NAME` for one that is there. Out: the form, and what was saved.

use annunciator_api_types::{DeviceGroupList, EventTypeList, PolicyInput, PolicyView};
use askama::Template;
use axum::response::Response;
use hyper::{Method, StatusCode};

use super::owner::Owner;
use super::{SECTION, send_at};
use crate::api::{escape, with_query};
use crate::form::Form;
use crate::page::{Page, Visitor, lead_to, show, show_as};
use crate::refusal::{Errors, Stop};

/// Most groups and applications that are offered while a name is typed.
const OFFERED_MAX: usize = 200;

#[derive(Template)]
#[template(path = "event_configuration/policy.html")]
struct PolicyPage {
    page: Page,
    /// The policy as it is; nothing for a new one.
    known: Option<PolicyView>,
    /// The policy as it stands in the form.
    policy: PolicyView,
    revision: String,
    groups: Vec<String>,
    applications: Vec<String>,
    errors: Errors,
}

impl PolicyPage {
    async fn new(
        visitor: &Visitor,
        known: Option<PolicyView>,
        policy: PolicyView,
        errors: Errors,
    ) -> Result<Self, Stop> {
        let title = if known.is_some() { "policy-edit" } else { "policy-new" };
        let groups: DeviceGroupList = visitor.get("/api/v1/device-groups").await?;
        let types: Option<EventTypeList> = visitor.try_get("/api/v1/event-types").await.ok();
        let types = types.map(|list| list.event_types).unwrap_or_default();
        let mut applications: Vec<_> = types.into_iter().map(|row| row.application).collect();
        applications.sort_unstable();
        applications.dedup();
        applications.truncate(OFFERED_MAX);
        let paths = groups.groups.into_iter().map(|group| group.path);
        Ok(Self {
            page: visitor.page(&format!("event-configuration-{title}"), SECTION),
            known,
            policy,
            revision: groups.revision.to_string(),
            groups: paths.filter(|path| !path.is_empty()).take(OFFERED_MAX).collect(),
            applications,
            errors,
        })
    }

    /// What is wrong with a field.
    fn error(&self, field: &str) -> String {
        self.errors.at(&format!("/{field}"))
    }

    /// Where the page came from.
    fn back(&self) -> String {
        match &self.known {
            Some(policy) => with_query("/event-configuration", &[("policy", &policy.name)]),
            None => "/event-configuration".to_owned(),
        }
    }
}

async fn known(visitor: &Visitor, form: &Form) -> Result<Option<PolicyView>, Stop> {
    match Owner::read(visitor, form).await? {
        Owner::Policy(policy) => Ok(Some(policy)),
        _ => Ok(None),
    }
}

/// The form; a new policy is for the group of the address.
pub(super) async fn edit(visitor: Visitor) -> Result<Response, Stop> {
    let asked = visitor.guest.query();
    let known = known(&visitor, &asked).await?;
    let new = || PolicyView {
        name: String::new(),
        application: asked.trimmed("application").to_owned(),
        group: asked.trimmed("group").to_owned(),
        enabled: true,
        inherit: true,
        force_children: false,
        event_count: 0,
    };
    let policy = known.clone().unwrap_or_else(new);
    Ok(show(&PolicyPage::new(&visitor, known, policy, Errors::default()).await?))
}

/// Makes one, or changes one, its name too.
pub(super) async fn save(visitor: Visitor, form: Form) -> Result<Response, Stop> {
    let known = known(&visitor, &form).await?;
    let policy = PolicyView {
        name: form.trimmed("name").to_owned(),
        application: form.trimmed("application").to_owned(),
        group: form.trimmed("group").to_owned(),
        enabled: form.is_on("enabled"),
        inherit: form.is_on("inherit"),
        force_children: form.is_on("force_children"),
        event_count: known.as_ref().map_or(0, |policy| policy.event_count),
    };
    let name = known.as_ref().map_or(&policy.name, |policy| &policy.name);
    let input = PolicyInput {
        name: Some(policy.name.clone()),
        application: policy.application.clone(),
        group: policy.group.clone(),
        enabled: Some(policy.enabled),
        inherit: Some(policy.inherit),
        force_children: Some(policy.force_children),
        events: None,
    };
    let is_taken = known.is_none() && is_there(&visitor, &policy.name).await;
    let path = format!("/api/v1/policies/{}", escape(name));
    let errors = match (policy.name.is_empty(), is_taken) {
        (true, _) => wrong(&visitor, "event-configuration-policy-nameless"),
        (_, true) => wrong(&visitor, "event-configuration-policy-taken"),
        _ => match send_at(&visitor, form.text("revision"), (Method::PUT, &path), &input).await {
            Ok(_) => {
                let pairs = [("policy", policy.name.as_str()), ("notice", "saved")];
                return Ok(lead_to(&visitor.guest, &with_query("/event-configuration", &pairs)));
            }
            Err(refusal) => Errors::of(&visitor.guest, refusal)?,
        },
    };
    let page = PolicyPage::new(&visitor, known, policy, errors).await?;
    Ok(show_as(StatusCode::UNPROCESSABLE_ENTITY, &page))
}

/// Whether there is a policy of that name, which a new one must not replace.
async fn is_there(visitor: &Visitor, name: &str) -> bool {
    let path = format!("/api/v1/policies/{}", escape(name));
    !name.is_empty() && visitor.try_get::<PolicyView>(&path).await.is_ok()
}

/// What the form itself knows to be wrong with a name.
fn wrong(visitor: &Visitor, key: &str) -> Errors {
    let summary = visitor.guest.language.say(key);
    let error = annunciator_api_types::FieldError::new("/name", "required", summary.clone());
    Errors { summary, fields: vec![error] }
}

/// Deletes one with its overrides.
pub(super) async fn delete(visitor: Visitor, form: Form) -> Result<Response, Stop> {
    let path = format!("/api/v1/policies/{}", escape(form.text("policy")));
    visitor.send(Method::DELETE, &path, &()).await?;
    Ok(lead_to(&visitor.guest, "/event-configuration?notice=deleted"))
}
