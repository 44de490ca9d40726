//! `annunciator demo`: a server, a relay that catches mail and a few events, from nothing to a
//! ledger in seconds.
//!
//! Everything goes the way of production: settings, token and events through the public API, mail
//! over SMTP. It all lies in one folder that is removed at the end, unless it is to be kept.

mod folder;
mod mail;
mod page;
mod relay;
mod samples;
mod show;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use annunciator_api_types::{
    AcceptedEvents, DeliveryDetail, DeliveryList, DeliveryView, EventInput, NewToken,
    NewTokenRequest,
};
use annunciator_server::{RunningServer, ServerConfig};
use anyhow::{Context, Result, bail};
use clap::Args;
use serde::Serialize;
use serde_json::{Map, Value, json};
use tokio::sync::{mpsc, watch};

use crate::client::Client;
use crate::commands::{Signals, save_settings};
use crate::config::{LogConfig, LogFormat};
use crate::logs;
use crate::output::{self, Paint};
use folder::Folder;
use mail::Mail;
use page::Mailbox;
use relay::{Caught, Moods};

const OPERATORS: &str = "operators@plant.example";
const NIGHT_SHIFT: &str = "night.shift@plant.example";
const FORMER_COLLEAGUE: &str = "former.colleague@plant.example";
/// How long the demonstration waits for what takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(20);
const POLL_INTERVAL: Duration = Duration::from_millis(25);

/// Arguments of `demo`.
#[derive(Args, Debug)]
pub(crate) struct DemoArgs {
    /// Wait for nobody: print one JSON line per delivery and end; exit code 0 when the relay has
    /// accepted all of them
    #[arg(long)]
    once: bool,
    /// Use this folder and leave it there
    #[arg(long, value_name = "FOLDER")]
    keep: Option<PathBuf>,
}

/// Runs `demo`.
pub(crate) async fn run(args: DemoArgs) -> Result<ExitCode> {
    let mut signals = Signals::new()?;
    let folder = Folder::make(args.keep.as_deref())?;
    let log = LogConfig { level: "info".to_owned(), format: LogFormat::Logfmt };
    logs::start(&log, Some(folder.log_file()?))?;
    let stage = Stage::set(&folder, args.once).await?;
    let result = tokio::select! {
        result = stage.play(args.once) => result,
        _ = signals.end() => Ok(()),
        () = stage.server.drain_asked() => Ok(()),
        () = stage.server.failed() => Err(anyhow::anyhow!("the server has stopped by itself")),
    };
    if let Err(error) = &result {
        output::print_note(&format!("annunciator: {error:#}\n{}", folder.log_tail()));
    }
    tokio::select! {
        () = stage.server.drain() => {}
        _ = signals.end() => {}
    }
    Ok(if result.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Everything that plays.
struct Stage<'f> {
    folder: &'f Folder,
    paint: Paint,
    server: RunningServer,
    /// With full rights, over the socket.
    owner: Client,
    /// With a token that may hand in events and nothing else, over HTTP.
    source: Client,
    token: String,
    relay_port: u16,
    page_port: u16,
    /// How many mails were caught.
    caught: watch::Receiver<usize>,
}

impl<'f> Stage<'f> {
    async fn set(folder: &'f Folder, once: bool) -> Result<Self> {
        let moods = if once {
            Moods::default()
        } else {
            Moods { refused: Some(FORMER_COLLEAGUE), put_off: Some(NIGHT_SHIFT) }
        };
        let (relay_port, mails) = relay::start(moods).await?;
        let (mailbox, paint) = (Mailbox::default(), Paint::for_output());
        let page_port = page::start(mailbox.clone()).await?;
        let (counter, caught) = watch::channel(0);
        tokio::spawn(show_mails(mails, mailbox, counter, (!once).then_some(paint)));

        let server = annunciator_server::start(ServerConfig {
            listen: "127.0.0.1:0".parse().expect("a constant"),
            data_dir: folder.data_dir(),
            store: annunciator_server::StorePlace::File,
            secret_key_file: Some(folder.key_file()),
            accept_new_key: false,
            tls: None,
            executable_dirs: Vec::new(),
            hello_name: None,
            pages: Some(annunciator_console::router),
            wait_for_bootstrap: false,
        })
        .await?;
        folder.write_config(server.address())?;
        let owner = Client::for_socket(server.socket_path());
        let settings = json!({"email": {
            "servers": ["127.0.0.1"], "port": relay_port, "sender": "annunciator@plant.example",
            "recipients": if once { json!([OPERATORS, NIGHT_SHIFT]) } else { json!([OPERATORS]) },
            "notify_about": "all",
        }});
        save(&owner, settings).await?;
        let request = NewTokenRequest {
            name: "demo".to_owned(),
            role: "ingest".to_owned(),
            expires_at: None,
        };
        let token: NewToken = owner.post("/api/v1/tokens", &request).await?;
        let source = Client::for_url(&format!("http://{}", server.address()), &token.token)?;
        let token = token.token;
        Ok(Self { folder, paint, server, owner, source, token, relay_port, page_port, caught })
    }

    async fn play(&self, once: bool) -> Result<()> {
        if once { self.play_once().await } else { self.play_for_people().await }
    }

    /// Six events, all at once, to two recipients each.
    async fn play_once(&self) -> Result<()> {
        self.send(&samples::events()).await?;
        let mut deliveries = self.settled(samples::COUNT * 2).await?;
        deliveries.reverse();
        let mut missing = 0;
        for delivery in &deliveries {
            let path = format!("/api/v1/deliveries/{}", delivery.id);
            let detail: DeliveryDetail = self.owner.get(path).await?;
            output::print_line(&json_line(&detail));
            missing += usize::from(detail.delivery.state != "delivered");
        }
        if missing > 0 {
            bail!("{missing} of {} deliveries were not accepted by the relay", deliveries.len());
        }
        Ok(())
    }

    /// One event after the other, each with its mail; the last one to people whom the relay does
    /// not serve at once. Then wait for whatever comes, until the end.
    async fn play_for_people(&self) -> Result<()> {
        let api = format!("http://{}", self.server.address());
        let page = format!("http://127.0.0.1:{}/", self.page_port);
        let config = self.folder.config_file();
        let console = self.server.console_link();
        let places = show::Places {
            api: &api,
            page: &page,
            relay_port: self.relay_port,
            folder: self.folder.path(),
            config: &config,
            token: &self.token,
            console: &console,
        };
        show::opening(self.paint, &places);
        let events = samples::events();
        for (number, event) in (1..).zip(&events) {
            if number == events.len() {
                let recipients = [OPERATORS, NIGHT_SHIFT, FORMER_COLLEAGUE];
                save(&self.owner, json!({"email": {"recipients": recipients}})).await?;
                show::heading(
                    self.paint,
                    "The last event goes to two more people: the relay puts the night shift off \
                     (greylisting)\nand refuses a colleague who has left",
                );
            }
            show::event(self.paint, event);
            self.send(std::slice::from_ref(event)).await?;
            self.wait_for_mails(number).await?;
        }
        let mut deliveries = self.settled(samples::COUNT + 2).await?;
        deliveries.reverse();
        show::ledger(self.paint, &deliveries);
        show::closing(self.paint, &places, &deliveries);
        std::future::pending().await
    }

    async fn send(&self, events: &[EventInput]) -> Result<()> {
        let accepted: AcceptedEvents = self.source.post("/api/v1/events", &events).await?;
        if accepted.events.len() != events.len() {
            bail!("{} of {} events were accepted", accepted.events.len(), events.len());
        }
        Ok(())
    }

    async fn wait_for_mails(&self, count: usize) -> Result<()> {
        let mut caught = self.caught.clone();
        let wait = caught.wait_for(|caught| *caught >= count);
        match tokio::time::timeout(PATIENCE, wait).await {
            Ok(Ok(_)) => Ok(()),
            _ => bail!("the mail did not come within {} s", PATIENCE.as_secs()),
        }
    }

    /// Waits until so many deliveries are there and each has been tried.
    async fn settled(&self, count: usize) -> Result<Vec<DeliveryView>> {
        let poll = async {
            loop {
                let list: DeliveryList = self.owner.get("/api/v1/deliveries?limit=100").await?;
                let is_settled = |delivery: &DeliveryView| match delivery.state.as_str() {
                    "queued" => delivery.last_failure.is_some(),
                    state => state != "in_flight",
                };
                if list.deliveries.len() >= count && list.deliveries.iter().all(is_settled) {
                    return Ok(list.deliveries);
                }
                tokio::time::sleep(POLL_INTERVAL).await;
            }
        };
        tokio::time::timeout(PATIENCE, poll)
            .await
            .with_context(|| format!("not all deliveries were tried in {} s", PATIENCE.as_secs()))?
    }
}

/// Saves settings of the demonstration.
async fn save(owner: &Client, settings: Value) -> Result<()> {
    let patch: Map<String, Value> = settings.as_object().cloned().unwrap_or_default();
    save_settings(owner, &patch, Some("demonstration"), None).await?;
    Ok(())
}

/// Shows each mail when it is caught, and keeps it for the page.
async fn show_mails(
    mut mails: mpsc::Receiver<Caught>,
    mailbox: Mailbox,
    counter: watch::Sender<usize>,
    paint: Option<Paint>,
) {
    while let Some(Caught { at, recipients, octets }) = mails.recv().await {
        let mail = Mail::read(at, recipients, &octets);
        if let Some(paint) = paint {
            show::mail(paint, &mail);
        }
        mailbox.add(mail);
        counter.send_modify(|count| *count += 1);
    }
}

/// What `--once` prints of a delivery.
#[derive(Serialize)]
struct DeliveryLine<'d> {
    delivery: &'d str,
    recipient: &'d str,
    state: &'d str,
    subject: &'d str,
    attempts: u32,
    reply: &'d str,
}

/// A delivery for programs.
fn json_line(detail: &DeliveryDetail) -> String {
    let DeliveryDetail { delivery, attempts, .. } = detail;
    let reply = attempts.last().map_or("", |attempt| attempt.reply.as_str());
    let line = DeliveryLine {
        delivery: &delivery.id,
        recipient: &delivery.recipient.address,
        state: &delivery.state,
        subject: &delivery.subject,
        attempts: delivery.attempts,
        reply,
    };
    serde_json::to_string(&line).expect("texts and a number")
}
