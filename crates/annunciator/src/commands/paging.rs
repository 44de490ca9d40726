//! A cursor API into one list: page after page, until the limit or the last page.

use anyhow::Result;
use clap::Args;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::client::{Client, Query};
use crate::output;

/// What a list shows without `--limit`.
const LIMIT_DEFAULT: u32 = 50;
/// What `--all` shows at most.
const ALL_MAX: u32 = 10_000_000;
/// Items asked for at a time.
const PAGE_MAX: u32 = 200;

/// How much of a list is shown, and how.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct PageOptions {
    /// Show at most so many [default: 50]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    limit: Option<u32>,
    /// Show all
    #[arg(long, conflicts_with = "limit")]
    all: bool,
    /// One JSON object per line
    #[arg(long)]
    pub(crate) json: bool,
}

impl PageOptions {
    /// Everything there is.
    pub(crate) fn everything() -> Self {
        Self { all: true, ..Self::default() }
    }

    fn max(&self) -> u32 {
        if self.all { ALL_MAX } else { self.limit.unwrap_or(LIMIT_DEFAULT) }
    }
}

/// A page of a list.
pub(crate) trait Page: DeserializeOwned {
    /// What it lists.
    type Item: Serialize;
    /// The items, and the cursor of the next page.
    fn into_parts(self) -> (Vec<Self::Item>, Option<String>);
}

/// Makes `Page` of a list type of the API.
macro_rules! page {
    ($list:ty, $items:ident: $item:ty) => {
        impl Page for $list {
            type Item = $item;
            fn into_parts(self) -> (Vec<$item>, Option<String>) {
                (self.$items, self.next)
            }
        }
    };
}
page!(annunciator_api_types::DeliveryList, deliveries: annunciator_api_types::DeliveryView);
page!(annunciator_api_types::IncidentList, incidents: annunciator_api_types::IncidentView);
page!(annunciator_api_types::EventList, events: annunciator_api_types::EventView);
page!(annunciator_api_types::AuditList, entries: annunciator_api_types::AuditView);
page!(annunciator_api_types::SilenceList, silences: annunciator_api_types::SilenceView);
page!(annunciator_api_types::SettingsHistory, revisions: annunciator_api_types::SettingsRevisionLine);

/// Gives the pages of a list to `show`, with whether it is the first. Says how many there were,
/// and whether there are more.
pub(crate) async fn for_each_page<P: Page>(
    client: &Client,
    query: &Query,
    options: &PageOptions,
    mut show: impl FnMut(Vec<P::Item>, bool) -> Result<()>,
) -> Result<(u32, bool)> {
    let (mut shown, mut after, mut is_first) = (0, None::<String>, true);
    while output::is_open() {
        let size = (options.max() - shown).min(PAGE_MAX);
        let query = query.clone().with("limit", size).with_some("after", after.as_ref());
        let (items, next) = client.get::<P>(query).await?.into_parts();
        let count = u32::try_from(items.len()).unwrap_or(u32::MAX);
        shown = shown.saturating_add(count);
        if options.json {
            for item in &items {
                output::print_line(&serde_json::to_string(item)?);
            }
        } else {
            show(items, is_first)?;
        }
        is_first = false;
        // A page of a search may be empty and go on; a cursor that stands still would for ever.
        match next {
            Some(next) if after.as_ref() != Some(&next) && shown < options.max() => {
                after = Some(next);
            }
            next => return Ok((shown, next.is_some())),
        }
    }
    Ok((shown, false))
}

/// What is said under a list that was cut, or is empty.
pub(crate) fn print_end(options: &PageOptions, (shown, is_more): (u32, bool), what: &str) {
    if options.json {
        return;
    }
    if shown == 0 {
        output::print_note(&format!("no {what}"));
    } else if is_more {
        output::print_note(&format!("there are more {what}: --limit N or --all shows them"));
    }
}
