//! The story of one event: intake, decisions, notifications, each attempt, and what every
//! recipient got, while it happens.

use std::sync::Arc;

use annunciator_api_types::{DeliveryDetail, DeliveryView, EventDetail, NotificationView};
use askama::Template;
use axum::Router;
use axum::extract::Path;
use axum::response::Response;
use axum::routing::get;
use futures_util::future::join_all;

use super::moment::{Kind, Moment};
use crate::Console;
use crate::api::{escape, with_query};
use crate::page::{Page, Visitor, lead_to, show, show_as};
use crate::pages::ledger::again;
use crate::pages::tone;
use crate::refusal::Stop;

/// Most deliveries that are listed.
const DELIVERIES_MAX: usize = 100;
/// Most deliveries whose attempts are told.
const TOLD_MAX: usize = 20;

pub(super) fn routes() -> Router<Arc<Console>> {
    Router::new().route("/events/{id}", get(whole)).route("/events/{id}/{part}", get(part))
}

/// All that is told of an event.
struct Story {
    detail: EventDetail,
    moments: Vec<Moment>,
    /// Whether attempts of some deliveries are not told.
    is_cut: bool,
}

impl Story {
    async fn read(visitor: &Visitor, id: &str, application: &str) -> Result<Self, Stop> {
        let path = format!("/api/v1/events/{}", escape(id));
        let mut detail: EventDetail =
            visitor.get(&with_query(&path, &[("application", application)])).await?;
        if visitor.may("read_ledger") {
            remark(visitor, &mut detail.notifications).await;
        }
        let told = attempts_of(visitor, &detail.deliveries).await;
        let begun = detail.deliveries.iter().filter(|delivery| has_story(delivery)).count();
        let moments = Moment::all(&detail, &told);
        Ok(Self { is_cut: told.len() < begun, moments, detail })
    }

    /// Whether nothing more will happen by itself.
    fn is_settled(&self) -> bool {
        self.detail.event.state != "accepted"
            && self.detail.deliveries.iter().all(|delivery| delivery.finished_at.is_some())
    }

    /// The form of a silence for events like this.
    fn silence_path(&self) -> String {
        let event = &self.detail.event;
        let application = match event.device.name.is_empty() {
            true => event.application.name.as_str(),
            false => "",
        };
        let pairs = [
            ("device", event.device.name.as_str()),
            ("application", application),
            ("type", event.event_type.as_str()),
        ];
        with_query("/silences/new", &pairs)
    }

    fn listed(&self) -> &[DeliveryView] {
        &self.detail.deliveries[..self.detail.deliveries.len().min(DELIVERIES_MAX)]
    }

    fn left_out(&self) -> usize {
        self.detail.deliveries.len() - self.listed().len()
    }

    fn count(&self, state: &str) -> usize {
        self.detail.deliveries.iter().filter(|delivery| delivery.state == state).count()
    }
}

/// Adds what there is to say of each notification, such as what an SMS costs.
async fn remark(visitor: &Visitor, notifications: &mut [NotificationView]) {
    for notification in notifications.iter_mut().filter(|one| one.channel == "sms") {
        let path = format!("/api/v1/notifications/{}", notification.id);
        if let Ok(found) = visitor.try_get::<NotificationView>(&path).await {
            notification.remark = found.remark;
        }
    }
}

/// Whether more happened to a delivery than waiting.
fn has_story(delivery: &DeliveryView) -> bool {
    delivery.attempts > 0 || delivery.finished_at.is_some()
}

/// Attempts of the first deliveries; none where the visitor may not read the ledger.
async fn attempts_of(visitor: &Visitor, deliveries: &[DeliveryView]) -> Vec<DeliveryDetail> {
    if !visitor.may("read_ledger") {
        return Vec::new();
    }
    let begun = deliveries.iter().filter(|delivery| has_story(delivery)).take(TOLD_MAX);
    let paths: Vec<_> = begun.map(|one| format!("/api/v1/deliveries/{}", one.id)).collect();
    let asked = paths.iter().map(|path| visitor.try_get::<DeliveryDetail>(path));
    join_all(asked).await.into_iter().flatten().collect()
}

#[derive(Template)]
#[template(path = "events/story.html")]
struct StoryPage {
    page: Page,
    story: Story,
}

#[derive(Template)]
#[template(path = "events/story.html", block = "recipients")]
struct Recipients {
    page: Page,
    story: Story,
}

#[derive(Template)]
#[template(path = "events/story.html", block = "timeline")]
struct Timeline {
    page: Page,
    story: Story,
}

#[derive(Template)]
#[template(path = "events/story.html", block = "notifications")]
struct Notifications {
    page: Page,
    story: Story,
}

async fn whole(visitor: Visitor, id: Path<String>) -> Result<Response, Stop> {
    let application = visitor.guest.query().text("application").to_owned();
    let story = Story::read(&visitor, &id.0, &application).await?;
    let event = &story.detail.event;
    // It was named by its source's id.
    if event.uid != id.0 {
        return Ok(lead_to(&visitor.guest, &format!("/events/{}", event.uid)));
    }
    let mut page = visitor.page("events-story", "events");
    let name = if event.type_name.is_empty() { &event.event_type } else { &event.type_name };
    page.title.clone_from(name);
    Ok(show(&StoryPage { page, story }))
}

/// One part of the page, again and again until everything is settled.
async fn part(visitor: Visitor, path: Path<(String, String)>) -> Result<Response, Stop> {
    let Path((id, part)) = path;
    let story = Story::read(&visitor, &id, "").await?;
    let page = visitor.page("events-story", "events");
    let status = again(story.is_settled());
    match part.as_str() {
        "recipients" => Ok(show_as(status, &Recipients { page, story })),
        "timeline" => Ok(show_as(status, &Timeline { page, story })),
        "notifications" => {
            let status = again(story.detail.event.state != "accepted");
            Ok(show_as(status, &Notifications { page, story }))
        }
        _ => Err(Stop::not_found(&visitor.guest)),
    }
}
