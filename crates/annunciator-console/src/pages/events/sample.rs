//! A first event by a button, for whoever has no source at hand yet.

use annunciator_api_types::{
    AcceptedEvents, ApplicationInput, DeviceInput, EventDetail, EventInput, ParameterInput,
};
use axum::response::Response;
use hyper::Method;

use crate::api::{escape, with_query};
use crate::page::{Visitor, lead_to};
use crate::refusal::Stop;

/// Name under which samples are reported.
const APPLICATION: &str = "Annunciator console";

fn sample(language: crate::language::Language) -> EventInput {
    EventInput {
        event_type: "sample".to_owned(),
        type_name: language.say("events-sample-type"),
        severity: "critical".to_owned(),
        application: ApplicationInput { name: APPLICATION.to_owned(), version: String::new() },
        device: Some(DeviceInput {
            name: "sample-device".to_owned(),
            group: language.say("events-sample-group"),
            ..DeviceInput::default()
        }),
        description: language.say("events-sample-description"),
        parameters: [("free_percent".to_owned(), ParameterInput::Integer(1))].into(),
        ..EventInput::default()
    }
}

/// Hands in a sample as any source would, and leads to its story.
pub(super) async fn submit(visitor: Visitor) -> Result<Response, Stop> {
    let event = sample(visitor.guest.language);
    let path = "/api/v1/events";
    let reply = visitor.send(Method::POST, path, &event).await?;
    let accepted: AcceptedEvents = reply.json(path).map_err(|refusal| visitor.stop(refusal))?;
    let id = accepted.events.first().map_or("", |one| one.id.as_str());
    let asked = with_query(&format!("{path}/{}", escape(id)), &[("application", APPLICATION)]);
    // Who may hand in events need not be allowed to read them.
    let to = match visitor.try_get::<EventDetail>(&asked).await {
        Ok(detail) => format!("/events/{}", detail.event.uid),
        Err(_) => "/events".to_owned(),
    };
    Ok(lead_to(&visitor.guest, &to))
}
