//! The pages, one module for each area of the console.
//!
//! Out: every route. A new page is a line in the `routes` of its module.

mod certificates;
mod dashboard;
mod event_configuration;
mod events;
mod first_start;
mod incidents;
mod ledger;
mod listing;
mod people;
mod saved_views;
mod settings;
mod sign_in;
mod silences;
mod subscriptions;
mod system;
mod tone;

use std::sync::Arc;

use axum::Router;

use crate::Console;

pub(crate) fn routes() -> Router<Arc<Console>> {
    Router::new()
        .merge(sign_in::routes())
        .merge(first_start::routes())
        .merge(dashboard::routes())
        .merge(events::routes())
        .merge(incidents::routes())
        .merge(subscriptions::routes())
        .merge(ledger::routes())
        .merge(saved_views::routes())
        .merge(silences::routes())
        .merge(settings::routes())
        .merge(event_configuration::routes())
        .merge(certificates::routes())
        .merge(people::routes())
        .merge(system::routes())
}
