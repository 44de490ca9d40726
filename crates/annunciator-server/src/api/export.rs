//! Whole lists as files: deliveries, events, incidents and the audit log as CSV, JSON or NDJSON.
//!
//! In: the filters of the list. Out: a body that is written page by page while it is read.
//! Failure: an error behind the first page ends the body early, so that nobody takes a part for
//! the whole.
//!
//! Concurrency: a body holds one of [`EXPORTS_MAX`] permits until it ends or is dropped, and asks
//! the store only when the client has taken what came before.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use annunciator_core::Timestamp;
use annunciator_store::{Page, StoreError};
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use bytes::Bytes;
use futures_util::stream;
use hyper::header::{self, HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};
use tokio::sync::{Semaphore, SemaphorePermit};
use utoipa::IntoParams;

use super::audit::AuditParams;
use super::deliveries::DeliveryParams;
use super::document::Problems;
use super::error::ApiError;
use super::events::EventParams;
use super::export_rows::{self, Table};
use super::incidents::IncidentParams;
use super::query::{Conversion, ParamGroups};
use super::{NDJSON, csv, views};
use crate::admin::{AdminError, audit, incidents, ledger};
use crate::shared::Shared;

/// Most rows of a file.
const ROWS_MAX: usize = 100_000;
/// Rows that are read at a time.
const PAGE_ROWS: usize = 500;
/// Most files that are written at the same time.
const EXPORTS_MAX: usize = 4;
/// How often a file that was begun asks a busy store again, and how long it waits before.
const BUSY_TRIES_MAX: usize = 60;
const BUSY_WAIT: Duration = Duration::from_millis(500);
static EXPORTS: Semaphore = Semaphore::const_new(EXPORTS_MAX);

/// Says that there are more rows than the file holds.
const TRUNCATED: HeaderName = HeaderName::from_static("annunciator-truncated");

/// How a file is written.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct FormatParams {
    /// `csv` (when absent), `json` (one array) or `ndjson` (one object per line).
    format: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Format {
    Csv,
    Json,
    Ndjson,
}

impl FormatParams {
    fn format(&self, conversion: &mut Conversion) -> Format {
        const MUST: &str = "must be csv, json or ndjson";
        let of_word = |word: &str| match word {
            "csv" => Some(Format::Csv),
            "json" => Some(Format::Json),
            "ndjson" => Some(Format::Ndjson),
            _ => None,
        };
        conversion.value("format", self.format.as_ref(), MUST, of_word).unwrap_or(Format::Csv)
    }
}

/// A page as it goes into a file: rows and the cursor of the next.
type Rows<T> = Result<(Vec<T>, Option<String>), AdminError>;
/// Reads the page behind a cursor.
type Read<T> = Box<dyn FnMut(Page) -> Pin<Box<dyn Future<Output = Rows<T>> + Send>> + Send>;

/// The right to write a file; taken before the store is asked for anything.
type Permit = SemaphorePermit<'static>;

fn permit() -> Result<Permit, ApiError> {
    let busy = |_| ApiError::unavailable("Other files are being written: ask again.");
    EXPORTS.try_acquire().map_err(busy)
}

/// A file under way.
struct Export<T> {
    format: Format,
    read: Read<T>,
    columns: &'static [&'static str],
    cells: fn(&T) -> Vec<String>,
    /// None when the last page was written.
    page: Option<Page>,
    rows_left: usize,
    is_begun: bool,
    _permit: Permit,
}

impl<T: Serialize + Send + 'static> Export<T> {
    fn of(permit: Permit, format: Format, (columns, cells): Table<T>, read: Read<T>) -> Self {
        let page = Some(Page { after: None, count_max: PAGE_ROWS });
        let (rows_left, is_begun) = (ROWS_MAX, false);
        Self { format, read, columns, cells, page, rows_left, is_begun, _permit: permit }
    }

    /// The next piece of the file; none at its end.
    async fn piece(&mut self) -> Result<Option<Bytes>, AdminError> {
        let Some(page) = self.page.take() else { return Ok(None) };
        let (mut rows, next) = self.read_page(page).await?;
        rows.truncate(self.rows_left);
        self.rows_left -= rows.len();
        let next = next.filter(|_| self.rows_left > 0);
        let mut text = String::new();
        if !self.is_begun && self.format == Format::Csv {
            text.push_str(csv::BOM);
            csv::push_line(&mut text, self.columns.iter().copied());
        }
        for row in &rows {
            match self.format {
                Format::Csv => {
                    csv::push_line(&mut text, (self.cells)(row).iter().map(String::as_str));
                }
                Format::Json => {
                    text.push_str(if self.is_begun { ",\n" } else { "[\n" });
                    text.push_str(&json_of(row));
                }
                Format::Ndjson => {
                    text.push_str(&json_of(row));
                    text.push('\n');
                }
            }
            self.is_begun = true;
        }
        if next.is_none() && self.format == Format::Json {
            text.push_str(if self.is_begun { "\n]\n" } else { "[]\n" });
        }
        // A page of a search may be empty, and the head is written once.
        self.is_begun |= self.format != Format::Json;
        self.page = next.map(|after| Page { after: Some(after), count_max: PAGE_ROWS });
        Ok(Some(text.into()))
    }

    /// Reads a page; behind the first one it waits for its turn among many searches, because a
    /// file that was begun shall be whole.
    async fn read_page(&mut self, page: Page) -> Rows<T> {
        let mut tries_left = if self.is_begun { BUSY_TRIES_MAX } else { 0 };
        loop {
            let read = (self.read)(page.clone()).await;
            if tries_left == 0 || !matches!(read, Err(AdminError::Store(StoreError::Busy(_)))) {
                return read;
            }
            tries_left -= 1;
            tokio::time::sleep(BUSY_WAIT).await;
        }
    }

    async fn answer(
        mut self,
        name: &str,
        now: Timestamp,
        is_cut: bool,
    ) -> Result<Response, ApiError> {
        let (media_type, ending) = match self.format {
            Format::Csv => ("text/csv; charset=utf-8; header=present", "csv"),
            Format::Json => ("application/json", "json"),
            Format::Ndjson => (NDJSON, "ndjson"),
        };
        let stamp: String =
            now.to_string().chars().filter(|c| !"-:".contains(*c)).take(15).collect();
        let file = format!("attachment; filename=\"{name}-{stamp}Z.{ending}\"");
        // What cannot be read at all is a problem and no file.
        let first = self.piece().await?;
        let pieces = stream::unfold((first, Some(self)), |(ready, export)| async {
            if let Some(piece) = ready {
                return Some((Ok(piece), (None, export)));
            }
            let mut export = export?;
            match export.piece().await {
                Ok(piece) => piece.map(|piece| (Ok(piece), (None, Some(export)))),
                Err(error) => {
                    tracing::warn!(%error, "a file could not be written to its end");
                    Some((Err(error), (None, None)))
                }
            }
        });
        let mut response = Response::new(Body::from_stream(pieces));
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
        let file = HeaderValue::try_from(file).expect("our names and digits");
        headers.insert(header::CONTENT_DISPOSITION, file);
        if is_cut {
            headers.insert(TRUNCATED, HeaderValue::from_static("true"));
        }
        Ok(response)
    }
}

pub(super) fn json_of(row: &impl Serialize) -> String {
    serde_json::to_string(row).expect("texts and numbers become JSON")
}

/// Save deliveries as a file: CSV, JSON or NDJSON, newest first.
///
/// At most 100,000 rows; when there are more, the header `Annunciator-Truncated: true` says so. In
/// CSV a cell that a spreadsheet would take for a formula has an apostrophe before it.
#[utoipa::path(
    get, path = "/api/v1/deliveries/export", tag = "ledger", params(FormatParams, DeliveryParams),
    responses((status = 200, description = "The file", content(
        (String = "text/csv"), (Vec<annunciator_api_types::DeliveryView> = "application/json"),
        (annunciator_api_types::DeliveryView = "application/x-ndjson"),
    )), Problems)
)]
pub(super) async fn export_deliveries(
    state: State<Arc<Shared>>,
    params: ParamGroups<FormatParams, DeliveryParams>,
) -> Result<Response, ApiError> {
    let mut conversion = Conversion::default();
    let format = params.0.format(&mut conversion);
    let filter = params.1.filter(&mut conversion);
    conversion.finish()?;
    let permit = permit()?;
    let shared = state.0;
    let is_cut = ledger::deliveries_exceed(&shared, filter.clone(), ROWS_MAX).await?;
    let now = shared.clock.now();
    let read: Read<_> = Box::new(move |page| {
        let (shared, filter) = (Arc::clone(&shared), filter.clone());
        Box::pin(async move {
            let found = ledger::deliveries(&shared, filter, page).await?;
            let suspensions = views::Suspensions::among(shared.dispatcher.lanes());
            let rows = found.rows.into_iter().map(|row| views::delivery(row, &suspensions));
            Ok((rows.collect(), found.next))
        })
    });
    Export::of(permit, format, export_rows::DELIVERY, read).answer("deliveries", now, is_cut).await
}

/// Save events as a file: CSV, JSON or NDJSON, newest first.
///
/// As for deliveries.
#[utoipa::path(
    get, path = "/api/v1/events/export", tag = "events", params(FormatParams, EventParams),
    responses((status = 200, description = "The file", content(
        (String = "text/csv"), (Vec<annunciator_api_types::EventView> = "application/json"),
        (annunciator_api_types::EventView = "application/x-ndjson"),
    )), Problems)
)]
pub(super) async fn export_events(
    state: State<Arc<Shared>>,
    params: ParamGroups<FormatParams, EventParams>,
) -> Result<Response, ApiError> {
    let mut conversion = Conversion::default();
    let format = params.0.format(&mut conversion);
    let filter = params.1.filter(&mut conversion);
    conversion.finish()?;
    let permit = permit()?;
    let shared = state.0;
    let is_cut = ledger::events_exceed(&shared, filter.clone(), ROWS_MAX).await?;
    let now = shared.clock.now();
    let read: Read<_> = Box::new(move |page| {
        let (shared, filter) = (Arc::clone(&shared), filter.clone());
        Box::pin(async move {
            let found = ledger::events(&shared, filter, page).await?;
            Ok((found.rows.into_iter().map(views::event).collect(), found.next))
        })
    });
    Export::of(permit, format, export_rows::EVENT, read).answer("events", now, is_cut).await
}

/// Save incidents as a file: CSV, JSON or NDJSON, newest first.
///
/// As for deliveries.
#[utoipa::path(
    get, path = "/api/v1/incidents/export", tag = "incidents",
    params(FormatParams, IncidentParams),
    responses((status = 200, description = "The file", content(
        (String = "text/csv"), (Vec<annunciator_api_types::IncidentView> = "application/json"),
        (annunciator_api_types::IncidentView = "application/x-ndjson"),
    )), Problems)
)]
pub(super) async fn export_incidents(
    state: State<Arc<Shared>>,
    params: ParamGroups<FormatParams, IncidentParams>,
) -> Result<Response, ApiError> {
    let mut conversion = Conversion::default();
    let format = params.0.format(&mut conversion);
    let filter = params.1.filter(&mut conversion);
    conversion.finish()?;
    let permit = permit()?;
    let shared = state.0;
    let is_cut = incidents::exceed(&shared, filter.clone(), ROWS_MAX).await?;
    let now = shared.clock.now();
    let read: Read<_> = Box::new(move |page| {
        let (shared, filter) = (Arc::clone(&shared), filter.clone());
        Box::pin(async move {
            let found = incidents::list(&shared, filter, page).await?;
            Ok((found.incidents, found.next))
        })
    });
    Export::of(permit, format, export_rows::INCIDENT, read).answer("incidents", now, is_cut).await
}

/// Save the audit log as a file: CSV, JSON or NDJSON, newest first.
///
/// As for deliveries.
#[utoipa::path(
    get, path = "/api/v1/audit/export", tag = "server", params(FormatParams, AuditParams),
    responses((status = 200, description = "The file", content(
        (String = "text/csv"), (Vec<annunciator_api_types::AuditView> = "application/json"),
        (annunciator_api_types::AuditView = "application/x-ndjson"),
    )), Problems)
)]
pub(super) async fn export_audit(
    state: State<Arc<Shared>>,
    params: ParamGroups<FormatParams, AuditParams>,
) -> Result<Response, ApiError> {
    let mut conversion = Conversion::default();
    let format = params.0.format(&mut conversion);
    conversion.finish()?;
    let filter = params.1.filter();
    let permit = permit()?;
    let shared = state.0;
    let is_cut = audit::exceeds(&shared, filter.clone(), ROWS_MAX).await?;
    let now = shared.clock.now();
    let read: Read<_> = Box::new(move |page| {
        let (shared, filter) = (Arc::clone(&shared), filter.clone());
        Box::pin(async move {
            let found = audit::entries(&shared, filter, page).await?;
            Ok((found.rows.into_iter().map(views::audit).collect(), found.next))
        })
    });
    Export::of(permit, format, export_rows::AUDIT, read).answer("audit", now, is_cut).await
}

#[cfg(test)]
#[path = "export_tests.rs"]
mod tests;
