//! Applications with settings of their own on a device.

use annunciator_api_types::{ApplicationSettingsList, ApplicationSettingsView, EventTypeList};
use askama::Template;
use axum::response::Response;
use hyper::Method;

use super::SECTION;
use super::tree::Tree;
use crate::api::escape;
use crate::form::Form;
use crate::page::{Page, Visitor, lead_to, show};
use crate::refusal::Stop;

/// Rows of the page.
const ROWS_MAX: usize = 100;

#[derive(Template)]
#[template(path = "event_configuration/devices.html")]
struct DevicesPage {
    page: Page,
    devices: Vec<ApplicationSettingsView>,
    applications: Vec<String>,
    /// How many there are.
    found: usize,
}

impl DevicesPage {
    /// The page of a device.
    fn path(&self, view: &ApplicationSettingsView) -> String {
        Tree::device_path(view)
    }
}

/// The list.
pub(super) async fn list(visitor: Visitor) -> Result<Response, Stop> {
    let list: ApplicationSettingsList = visitor.get("/api/v1/application-settings").await?;
    let types: Option<EventTypeList> = visitor.try_get("/api/v1/event-types").await.ok();
    let types = types.map(|list| list.event_types).unwrap_or_default();
    let mut applications: Vec<_> = types.into_iter().map(|row| row.application).collect();
    applications.sort_unstable();
    applications.dedup();
    applications.truncate(ROWS_MAX);
    let page = visitor.page("event-configuration-devices", SECTION);
    let found = list.application_settings.len();
    let devices = list.application_settings.into_iter().take(ROWS_MAX).collect();
    Ok(show(&DevicesPage { page, devices, applications, found }))
}

/// Deletes the settings of an application on a device.
pub(super) async fn delete(visitor: Visitor, form: Form) -> Result<Response, Stop> {
    let (application, device) = (escape(form.text("application")), escape(form.text("device")));
    let path = format!("/api/v1/application-settings/{application}/{device}");
    visitor.send(Method::DELETE, &path, &()).await?;
    Ok(lead_to(&visitor.guest, "/event-configuration/devices?notice=deleted"))
}
