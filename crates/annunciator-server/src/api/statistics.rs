//! What happened over time.

#![expect(unused_qualifications, reason = "written by the macro that describes operations")]

use std::collections::BTreeMap;
use std::sync::Arc;

use annunciator_api_types::{FieldError, SeriesView, StatisticsView};
use annunciator_store::Figure;
use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;

use super::Answer;
use super::document::Problems;
use super::error::ApiError;
use super::query::{Conversion, Params};
use crate::admin::statistics::{self, STEPS_MAX, STEPS_S};
use crate::shared::Shared;

/// Which time is shown when the request does not say. Unit: milliseconds.
const SHOWN_MS: i64 = 24 * 3_600_000;

/// Which figures are asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct StatisticsParams {
    /// From the step that holds this time, RFC 3339; a day before `until` when absent.
    since: Option<String>,
    /// Until the end of the step before or at this time, RFC 3339; now when absent.
    until: Option<String>,
    /// Length of a step in seconds: 300, 3600 or 86400; 300 when absent.
    step_s: Option<String>,
}

/// Show what happened over time: events accepted, attempts and how they ended, what was limited
/// and silenced.
///
/// Figures are counted in the commits themselves and kept for 90 days. Steps begin at multiples of
/// their length since 1970 in UTC; at most 2,500 of them are answered.
#[utoipa::path(
    get, path = "/api/v1/statistics", tag = "server", params(StatisticsParams),
    responses((status = 200, description = "The figures", body = StatisticsView), Problems)
)]
pub(super) async fn show_statistics(
    state: State<Arc<Shared>>,
    params: Params<StatisticsParams>,
) -> Answer<StatisticsView> {
    let given = params.0;
    let mut conversion = Conversion::default();
    let step_s =
        conversion.value("step_s", given.step_s.as_ref(), "must be 300, 3600 or 86400", |text| {
            STEPS_S.into_iter().find(|step| step.to_string() == text)
        });
    let until = conversion.time("until", given.until.as_ref());
    let since = conversion.time("since", given.since.as_ref());
    conversion.finish()?;
    let step_s = step_s.unwrap_or(STEPS_S[0]);
    let until = until.unwrap_or_else(|| state.0.clock.now());
    let since = since.unwrap_or_else(|| until.plus_ms(-SHOWN_MS));
    let steps = until.ms_since(since) / (i64::from(step_s) * 1_000);
    if !(0..=STEPS_MAX).contains(&steps) {
        let detail = if steps < 0 {
            "must be before `until`".to_owned()
        } else {
            format!("must be so that there are at most {STEPS_MAX} steps: take a longer `step_s`")
        };
        return Err(ApiError::invalid(vec![FieldError::new("?since", "range", detail)]));
    }
    let found = statistics::statistics(&state.0, since, until, step_s).await?;
    let mut totals: BTreeMap<String, u64> =
        Figure::ALL.into_iter().map(|figure| (figure.as_str().to_owned(), 0)).collect();
    let series = found.series.into_iter().map(|((figure, word), values)| {
        let sum: u64 = values.iter().map(|(_, count)| count).sum();
        *totals.entry(figure.as_str().to_owned()).or_default() += sum;
        let is_severity = figure == Figure::Accepted;
        SeriesView {
            name: figure.as_str().to_owned(),
            channel: (!is_severity).then(|| word.clone()),
            severity: is_severity.then_some(word),
            values,
        }
    });
    let series = series.collect();
    let (since, until) = (found.since, found.until);
    Ok(Json(StatisticsView { step_s, since, until, series, totals }))
}
