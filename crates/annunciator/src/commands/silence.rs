//! `annunciator silence`: mute notifications for a while, and look at what is muted.

use std::process::ExitCode;

use annunciator_api_types::{
    FieldError, SilenceList, SilencePreview, SilencePreviewRequest, SilenceRequest, SilenceSaved,
    SilenceView,
};
use annunciator_core::Timestamp;
use anyhow::Result;
use clap::{Args, Subcommand};
use hyper::Method;
use serde_json::Value;

use super::paging::{PageOptions, for_each_page};
use crate::client::{Call, Client, ConnectOptions, Query, percent_encode};
use crate::output::{self, Cell, Paint, Tone};
use crate::{moment, shorthand};

const PATH: &str = "/api/v1/silences";

/// Arguments of `silence`.
#[derive(Args, Debug)]
pub(crate) struct SilenceArgs {
    #[command(flatten)]
    connect: ConnectOptions,
    #[command(subcommand)]
    command: SilenceCommand,
}

#[derive(Subcommand, Debug)]
enum SilenceCommand {
    /// Mute events that match, for a while; they are stored all the same
    #[command(after_help = shorthand::HELP)]
    Add(AddArgs),
    /// List the silences
    List {
        /// Those too that have ended
        #[arg(long)]
        all: bool,
        /// One JSON object per line
        #[arg(long)]
        json: bool,
    },
    /// Look at one silence
    Show {
        /// Its id
        id: String,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Change a silence that has not ended; what is not given stays
    #[command(after_help = shorthand::HELP)]
    Change(ChangeArgs),
    /// End silences now
    End {
        /// Ids of the silences
        #[arg(required = true, value_name = "ID")]
        ids: Vec<String>,
    },
    /// See which of the last 1,000 events matchers would mute
    #[command(after_help = shorthand::HELP)]
    Preview {
        #[command(flatten)]
        matchers: MatcherArgs,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
}

#[derive(Args, Debug)]
struct MatcherArgs {
    /// A condition on events, such as device=pc-17; may be given several times
    #[arg(long = "match", value_name = "MATCHER", value_parser = shorthand::parse_matcher)]
    matchers: Vec<Value>,
    /// Compare texts without case
    #[arg(long)]
    ignore_case: bool,
}

#[derive(Args, Debug)]
struct AddArgs {
    #[command(flatten)]
    matchers: MatcherArgs,
    /// How long (90s, 15m, 2h, 7d), or until when (a time or a date)
    #[arg(long = "for", value_name = "TIME", value_parser = parse_end)]
    end: End,
    #[command(flatten)]
    more: MoreArgs,
    /// Why; the ledger shows it
    #[arg(long)]
    comment: String,
    /// Print the id alone
    #[arg(long, short)]
    quiet: bool,
}

#[derive(Args, Debug)]
struct ChangeArgs {
    /// Id of the silence
    id: String,
    #[command(flatten)]
    matchers: MatcherArgs,
    /// How long from now (90s, 15m, 2h, 7d), or until when (a time or a date)
    #[arg(long = "for", value_name = "TIME", value_parser = parse_end)]
    end: Option<End>,
    #[command(flatten)]
    more: MoreArgs,
    /// Why; the ledger shows it
    #[arg(long)]
    comment: Option<String>,
}

#[derive(Args, Debug)]
struct MoreArgs {
    /// When it begins [default: now]
    #[arg(long, value_name = "TIME", value_parser = moment::parse_to_come)]
    from: Option<Timestamp>,
    /// On which channel; may be given several times [default: all]
    #[arg(long = "channel", value_name = "NAME")]
    channels: Vec<String>,
}

impl MatcherArgs {
    /// None when none was given.
    fn into_json(self) -> Option<Value> {
        let Self { mut matchers, ignore_case } = self;
        if ignore_case {
            for matcher in &mut matchers {
                matcher["ignore_case"] = true.into();
            }
        }
        (!matchers.is_empty()).then_some(Value::Array(matchers))
    }
}

impl MoreArgs {
    fn into_request(self, end: Option<End>) -> SilenceRequest {
        let (ends_at, duration_s) = match end {
            None => (None, None),
            Some(End::At(at)) => (Some(at), None),
            Some(End::After(duration_s)) => (None, Some(duration_s)),
        };
        SilenceRequest {
            starts_at: self.from,
            channels: (!self.channels.is_empty()).then_some(self.channels),
            ends_at,
            duration_s,
            ..SilenceRequest::default()
        }
    }
}

/// When a silence ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum End {
    At(Timestamp),
    /// So many seconds after its begin.
    After(u64),
}

fn parse_end(text: &str) -> Result<End, String> {
    let at = moment::parse_to_come(text)?;
    // A span is digits and a unit; times and dates have other characters.
    if !text.bytes().all(|octet| octet.is_ascii_alphanumeric()) {
        return Ok(End::At(at));
    }
    // A little of it has passed since it was added to the time of then.
    let ms = at.ms_since(moment::now()).saturating_add(500);
    Ok(End::After(u64::try_from(ms / 1_000).unwrap_or(0)))
}

/// Runs `silence`.
pub(crate) async fn run(args: SilenceArgs) -> Result<ExitCode> {
    let client = Client::new(&args.connect)?;
    match args.command {
        SilenceCommand::Add(args) => add(&client, args).await,
        SilenceCommand::List { all, json } => list(&client, all, json).await,
        SilenceCommand::Show { id, json } => show(&client, &id, json).await,
        SilenceCommand::Change(args) => change(&client, args).await,
        SilenceCommand::End { ids } => end(&client, &ids).await,
        SilenceCommand::Preview { matchers, json } => preview(&client, matchers, json).await,
    }
}

fn path_of(id: &str) -> String {
    format!("{PATH}/{}", percent_encode(id))
}

async fn add(client: &Client, args: AddArgs) -> Result<ExitCode> {
    let request = SilenceRequest {
        matchers: Some(args.matchers.into_json().unwrap_or_else(|| Value::Array(Vec::new()))),
        comment: Some(args.comment),
        ..args.more.into_request(Some(args.end))
    };
    let saved: SilenceSaved = client.post(PATH, &request).await?;
    if args.quiet {
        output::print_line(&saved.silence.id);
    } else {
        print_silence(&saved.silence);
    }
    print_warnings(&saved.warnings);
    Ok(ExitCode::SUCCESS)
}

async fn change(client: &Client, args: ChangeArgs) -> Result<ExitCode> {
    let request = SilenceRequest {
        matchers: args.matchers.into_json(),
        comment: args.comment,
        ..args.more.into_request(args.end)
    };
    let call = Call::json(Method::PATCH, path_of(&args.id), &request)?;
    let saved: SilenceSaved = client.call(call).await?;
    print_silence(&saved.silence);
    print_warnings(&saved.warnings);
    Ok(ExitCode::SUCCESS)
}

async fn show(client: &Client, id: &str, json: bool) -> Result<ExitCode> {
    let silence: SilenceView = client.get(path_of(id)).await?;
    if json {
        output::print_line(&serde_json::to_string(&silence)?);
    } else {
        print_silence(&silence);
    }
    Ok(ExitCode::SUCCESS)
}

async fn end(client: &Client, ids: &[String]) -> Result<ExitCode> {
    for id in ids {
        let path = format!("{}/end", path_of(id));
        let ended: SilenceView = client.call(Call::new(Method::POST, path)).await?;
        output::print_line(&format!("{}  ended", ended.id));
    }
    Ok(ExitCode::SUCCESS)
}

async fn list(client: &Client, all: bool, json: bool) -> Result<ExitCode> {
    let (paint, zone, now) = (Paint::for_output(), moment::local_zone(), moment::now());
    let show = |silences: Vec<SilenceView>, is_first: bool| {
        let row = |silence: &SilenceView| {
            vec![
                Cell::from(&silence.id),
                Cell::toned(&silence.state, tone_of(&silence.state)),
                Cell::from(moment::short(silence.ends_at, &zone)),
                Cell::from(&silence.author),
                Cell::from(&silence.summary).at_most(80),
                Cell::from(&silence.comment).at_most(60),
            ]
        };
        let rows: Vec<_> = silences.iter().map(row).collect();
        if is_first && !rows.is_empty() {
            let ends = moment::heading("ENDS", now, &zone);
            let headings = ["ID", "STATE", &ends, "BY", "MUTES", "WHY"];
            output::print(&output::table(paint, &headings, &rows));
        } else {
            output::print(&output::columns(paint, &rows));
        }
        Ok(())
    };
    let query = Query::new(PATH).with_some("ended", (!all).then_some("false"));
    let mut options = PageOptions::everything();
    options.json = json;
    let (count, _) = for_each_page::<SilenceList>(client, &query, &options, show).await?;
    if count == 0 && !json {
        output::print_note("no silences: `annunciator silence add --help` shows how to make one");
    }
    Ok(ExitCode::SUCCESS)
}

async fn preview(client: &Client, matchers: MatcherArgs, json: bool) -> Result<ExitCode> {
    let request = SilencePreviewRequest { matchers: matchers.into_json() };
    let found: SilencePreview = client.post(format!("{PATH}/preview"), &request).await?;
    if json {
        output::print_line(&serde_json::to_string(&found)?);
        return Ok(ExitCode::SUCCESS);
    }
    let SilencePreview { summary, looked_at, matching, events, warnings } = found;
    output::print_line(&format!("{summary}: {matching} of the last {looked_at} events"));
    let zone = moment::local_zone();
    let row = |event: &annunciator_api_types::EventView| {
        let name = if event.type_name.is_empty() { &event.event_type } else { &event.type_name };
        vec![
            Cell::from(moment::short(event.registered_at, &zone)),
            Cell::from(event.severity.as_str()),
            Cell::from(&event.device.name).at_most(40),
            Cell::from(name).at_most(60),
            Cell::from(&event.id).at_most(40),
        ]
    };
    let rows: Vec<_> = events.iter().map(row).collect();
    if !rows.is_empty() {
        let time = moment::heading("TIME", moment::now(), &zone);
        let headings = [&*time, "SEVERITY", "DEVICE", "EVENT", "ID"];
        output::print(&output::table(Paint::for_output(), &headings, &rows));
    }
    print_warnings(&warnings);
    Ok(ExitCode::SUCCESS)
}

fn tone_of(state: &str) -> Tone {
    match state {
        "active" => Tone::Accent,
        "pending" => Tone::Waiting,
        _ => Tone::Faint,
    }
}

fn print_silence(silence: &SilenceView) {
    let zone = moment::local_zone();
    let channels =
        if silence.channels.is_empty() { "all".to_owned() } else { silence.channels.join(", ") };
    let mut lines = vec![
        ("id", Cell::from(&silence.id)),
        ("state", Cell::toned(&silence.state, tone_of(&silence.state))),
        ("mutes", Cell::from(&silence.summary)),
        ("channels", Cell::from(channels)),
        ("from", Cell::from(moment::full(silence.starts_at, &zone))),
        ("until", Cell::from(moment::full(silence.ends_at, &zone))),
        ("by", Cell::from(&silence.author)),
        ("why", Cell::from(&silence.comment)),
    ];
    if let Some(name) = &silence.ended_by {
        lines.push(("ended by", Cell::from(name)));
    }
    let row = |(name, cell)| vec![Cell::toned(name, Tone::Faint), cell];
    let rows: Vec<_> = lines.into_iter().map(row).collect();
    output::print(&output::columns(Paint::for_output(), &rows));
}

fn print_warnings(warnings: &[FieldError]) {
    for warning in warnings {
        output::print_note(&format!("warning: {}", warning.detail));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_a_span_or_a_time() {
        for (text, expected) in [
            ("90s", Ok(End::After(90))),
            ("2h", Ok(End::After(7_200))),
            ("7d", Ok(End::After(604_800))),
            ("2026-11-22T05:30:00Z", Ok(End::At(Timestamp(1_795_325_400_000)))),
        ] {
            assert_eq!(parse_end(text), expected, "{text}");
        }
        assert!(parse_end("soon").is_err());
        assert!(matches!(parse_end("2026-11-22"), Ok(End::At(_))));
    }
}
