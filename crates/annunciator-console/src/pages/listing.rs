//! Which rows of a long list a page shows: filter, period and cursor, all of them in the address.
//!
//! In: the query of a request. Out: [`Listing`]: queries for the API, and links that change one
//! part of the filter. Knows nothing of: what the rows are.

use annunciator_core::Timestamp;
use axum::response::Response;
use hyper::header::HeaderValue;
use jiff::civil;
use jiff::tz::TimeZone;

use crate::api::escape;
use crate::form::Form;
use crate::page::Page;

/// Most rows of a page.
pub(super) const ROWS_MAX: usize = 50;
/// Longest value of a filter. Unit: octets.
const VALUE_BYTES_MAX: usize = 1_024;

/// A kind of list.
#[derive(Debug)]
pub(crate) struct List {
    /// Its name, as saved views have it.
    pub(super) name: &'static str,
    /// Path of its page.
    pub(super) path: &'static str,
    /// Path where the API lists.
    pub(super) api: &'static str,
    /// Names of its filters, but for those of the period.
    pub(super) filters: &'static [&'static str],
}

/// Which rows are shown.
#[derive(Debug, Clone)]
pub(crate) struct Listing {
    list: &'static List,
    /// What is set, in the order of its names.
    values: Vec<(&'static str, String)>,
    /// Cursor of the page, empty for the first.
    after: String,
    /// Whether new rows come by themselves.
    is_live: bool,
    zone: TimeZone,
}

impl Listing {
    /// What a page was asked to show.
    pub(super) fn of(list: &'static List, page: &Page) -> Self {
        let query = page.here.split_once('?').map_or("", |(_, query)| query);
        Self::read(list, query, &page.zone)
    }

    /// What of a query belongs to the list. Several values of one name become one with commas;
    /// times may be of the reader's zone, as form fields give them.
    pub(super) fn read(list: &'static List, query: &str, zone: &TimeZone) -> Self {
        let form = Form::parse(query.as_bytes());
        let value = |name: &str| {
            let all: Vec<_> = form.all(name).into_iter().map(str::trim).collect();
            Some(all.join(",")).filter(|text| !text.is_empty() && text.len() <= VALUE_BYTES_MAX)
        };
        let mut values: Vec<_> =
            list.filters.iter().filter_map(|name| Some((*name, value(name)?))).collect();
        match form.text("period") {
            word @ ("hour" | "day" | "week") => values.push(("period", word.to_owned())),
            "custom" => {
                values.push(("period", "custom".to_owned()));
                for name in ["since", "until"] {
                    let at = moment(form.trimmed(name), zone);
                    values.extend(at.map(|at| (name, at.to_string())));
                }
            }
            _ => {}
        }
        let after = form.text("after").to_owned();
        let is_live = form.is_on("live") && after.is_empty();
        Self { list, values, after, is_live, zone: zone.clone() }
    }

    /// Name of the list.
    pub(crate) fn name(&self) -> &'static str {
        self.list.name
    }

    /// The whole list.
    pub(crate) fn whole(&self) -> &'static str {
        self.list.path
    }

    /// The value of a filter, empty when it is not set.
    pub(crate) fn text(&self, name: &str) -> &str {
        let found = self.values.iter().find(|(known, _)| *known == name);
        found.map_or("", |(_, value)| value.as_str())
    }

    /// Whether a filter has this value, or it is one of those with commas.
    pub(crate) fn has(&self, name: &str, value: &str) -> bool {
        self.text(name).split(',').any(|one| one == value)
    }

    /// How many of these filters are set.
    pub(crate) fn count(&self, names: &[&str]) -> usize {
        self.values.iter().filter(|(name, _)| names.contains(name)).count()
    }

    /// Whether anything is left out by a filter.
    pub(crate) fn is_filtered(&self) -> bool {
        !self.values.is_empty()
    }

    /// Whether new rows come by themselves.
    pub(crate) fn is_live(&self) -> bool {
        self.is_live
    }

    /// Whether it is the first page.
    pub(crate) fn is_first(&self) -> bool {
        self.after.is_empty()
    }

    /// The filter as a query, as saved views keep it.
    pub(crate) fn query(&self) -> String {
        query_of(self.values.iter().map(|(name, value)| (*name, value.as_str())))
    }

    /// The address of this page.
    pub(crate) fn here(&self) -> String {
        self.address(self.list.path, &[("live", self.live()), ("after", &self.after)])
    }

    /// The first page of this filter.
    pub(crate) fn first(&self) -> String {
        self.address(self.list.path, &[("live", self.live())])
    }

    /// The page after this one.
    pub(crate) fn next(&self, cursor: &str) -> String {
        self.address(self.list.path, &[("after", cursor)])
    }

    /// The same with another value of one filter; empty for without it.
    pub(crate) fn with(&self, name: &str, value: &str) -> String {
        let others = self.values.iter().filter(|(known, _)| *known != name);
        let pairs = others.map(|(name, value)| (*name, value.as_str()));
        path_with(self.list.path, &query_of(pairs.chain([(name, value), ("live", self.live())])))
    }

    /// Where a part of the page is asked for by itself.
    pub(crate) fn part(&self, name: &str) -> String {
        self.address(&format!("{}/{name}", self.list.path), &[("live", self.live())])
    }

    /// A time of the filter as a form field takes it, in the reader's zone.
    pub(crate) fn local(&self, name: &str) -> String {
        let at: Option<Timestamp> = self.text(name).parse().ok();
        at.map_or_else(String::new, |at| {
            at.to_jiff().to_zoned(self.zone.clone()).strftime("%Y-%m-%dT%H:%M").to_string()
        })
    }

    /// Where the API answers this page.
    pub(super) fn api(&self, now: Timestamp) -> String {
        let limit = ROWS_MAX.to_string();
        self.asked(self.list.api, now, &[("after", &self.after), ("limit", &limit)])
    }

    /// Where the API exports all rows of this filter.
    pub(crate) fn export(&self, format: &str, now: &Timestamp) -> String {
        self.asked(&format!("{}/export", self.list.api), *now, &[("format", format)])
    }

    fn asked(&self, path: &str, now: Timestamp, more: &[(&str, &str)]) -> String {
        let since = match self.text("period") {
            "hour" => Some(now.plus_ms(-3_600_000)),
            "day" => Some(now.plus_ms(-86_400_000)),
            "week" => Some(now.plus_ms(-7 * 86_400_000)),
            _ => None,
        };
        let since = since.map_or_else(String::new, |at| at.to_string());
        let filters = self.values.iter().filter(|(name, _)| *name != "period");
        let filters = filters.map(|(name, value)| (*name, value.as_str()));
        let all = filters.chain([("since", since.as_str())]).chain(more.iter().copied());
        path_with(path, &query_of(all))
    }

    fn live(&self) -> &'static str {
        if self.is_live { "on" } else { "" }
    }

    fn address(&self, path: &str, more: &[(&str, &str)]) -> String {
        let values = self.values.iter().map(|(name, value)| (*name, value.as_str()));
        path_with(path, &query_of(values.chain(more.iter().copied())))
    }
}

/// A part of a list with the address that the browser shows from then on.
pub(super) fn with_address(mut response: Response, here: &str) -> Response {
    if let Ok(here) = HeaderValue::from_str(here) {
        response.headers_mut().insert("hx-replace-url", here);
    }
    response
}

/// Names with values as a query; those without a value are left out.
fn query_of<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let with_value = pairs.filter(|(_, value)| !value.is_empty());
    let parts: Vec<_> =
        with_value.map(|(name, value)| format!("{name}={}", escape(value))).collect();
    parts.join("&")
}

fn path_with(path: &str, query: &str) -> String {
    if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
}

/// A point in time, or one of the reader's zone without its zone.
fn moment(text: &str, zone: &TimeZone) -> Option<Timestamp> {
    text.parse().ok().or_else(|| {
        let local: civil::DateTime = text.parse().ok()?;
        Some(Timestamp(local.to_zoned(zone.clone()).ok()?.timestamp().as_millisecond()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::moments::zone;

    static LIST: List = List {
        name: "events",
        path: "/events",
        api: "/api/v1/events",
        filters: &["q", "severity", "device"],
    };

    fn listing(query: &str) -> Listing {
        Listing::read(&LIST, query, &zone("Europe/Moscow"))
    }

    #[test]
    fn what_is_set_stands_in_the_address_once_and_in_order() {
        let check = |query: &str, expected: &str| assert_eq!(listing(query).here(), expected);
        check("", "/events");
        check("q=&severity=&period=&live=", "/events");
        check("device=pc&q=disk+full&other=1", "/events?q=disk%20full&device=pc");
        check("severity=info&severity=critical", "/events?severity=info%2Ccritical");
        check("period=day&since=2026-01-01", "/events?period=day");
        check("live=on&q=a", "/events?q=a&live=on");
        check("live=on&after=k", "/events?after=k");
        check("q=%26x%3D1", "/events?q=%26x%3D1");
    }

    #[test]
    fn times_of_the_reader_become_points_in_time_and_back() {
        let given = listing("period=custom&since=2026-11-30T08:00&until=2026-11-30T06:00:00Z");
        assert_eq!(given.text("since"), "2026-11-30T05:00:00.000Z");
        assert_eq!(given.text("until"), "2026-11-30T06:00:00.000Z");
        assert_eq!(given.local("since"), "2026-11-30T08:00");
        assert_eq!(listing("period=custom&since=soon").text("since"), "");
    }

    #[test]
    fn the_api_is_asked_for_the_period_that_ends_now() {
        let now: Timestamp = "2026-11-30T05:00:00.000Z".parse().unwrap();
        let check = |query: &str, expected: &str| {
            let asked = listing(query).api(now);
            assert_eq!(asked, format!("/api/v1/events?{expected}limit=50"));
        };
        check("", "");
        check("period=hour&q=a", "q=a&since=2026-11-30T04%3A00%3A00.000Z&");
        check("after=k", "after=k&");
    }

    #[test]
    fn a_filter_is_changed_alone_and_from_the_first_page() {
        let given = listing("q=a&severity=info&after=k");
        assert_eq!(given.with("severity", ""), "/events?q=a");
        assert_eq!(given.with("device", "pc"), "/events?q=a&severity=info&device=pc");
        assert_eq!(given.next("n"), "/events?q=a&severity=info&after=n");
        assert!(given.has("severity", "info") && !given.has("severity", "critical"));
    }
}
