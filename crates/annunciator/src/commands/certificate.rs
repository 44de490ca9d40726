//! `annunciator certificate`: upload, list, show, replace, delete and download certificate objects.

use std::io::Read as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use annunciator_api_types::{
    CertificateFile, CertificateList, CertificateSaved, CertificateUpload, CertificateView,
    KeyDownloadRequest,
};
use annunciator_core::Timestamp;
use anyhow::{Context, Result, bail};
use base64ct::{Base64, Encoding as _};
use clap::{Args, Subcommand};
use hyper::Method;

use crate::assignment::{prompt, read_file, read_standard_input};
use crate::client::{Call, Client, ConnectOptions, percent_encode};
use crate::moment;
use crate::output::{self, Cell, Paint, Tone};

/// Largest file. Unit: octets.
const FILE_SIZE_MAX: u64 = 1 << 20;
/// What ends within so many days is shown as such.
const SOON_MS: i64 = 30 * 86_400_000;

/// Arguments of `certificate`.
#[derive(Args, Debug)]
pub(crate) struct CertificateArgs {
    #[command(flatten)]
    connect: ConnectOptions,
    #[command(subcommand)]
    command: CertificateCommand,
}

#[derive(Subcommand, Debug)]
enum CertificateCommand {
    /// List the certificate objects
    List {
        /// One JSON object per line
        #[arg(long)]
        json: bool,
    },
    /// Show an object: its certificates, and what uses it
    Show {
        /// Id of the object
        id: String,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Upload an object; settings name it by its id
    Upload(UploadArgs),
    /// Replace what an object holds; it keeps its id
    Replace(ReplaceArgs),
    /// Delete objects that no setting uses
    Delete {
        /// Ids of the objects
        #[arg(required = true, value_name = "ID")]
        ids: Vec<String>,
    },
    /// Print the certificates of an object as PEM
    Download {
        /// Id of the object
        id: String,
    },
    /// Write the key of an object into a file; this is audited
    DownloadKey(DownloadKeyArgs),
}

#[derive(Args, Debug)]
struct Content {
    /// The files in any order, PEM or DER: certificates, a certificate and its key, one PKCS#12,
    /// or a signing key
    #[arg(required = true, value_name = "FILE", num_args = 1..=5)]
    files: Vec<PathBuf>,
    /// File that holds the password of the key; `-` reads standard input
    #[arg(long, value_name = "FILE", conflicts_with = "ask_password")]
    password_file: Option<PathBuf>,
    /// Ask for the password of the key, without echo
    #[arg(long)]
    ask_password: bool,
}

#[derive(Args, Debug)]
struct UploadArgs {
    /// Its name
    #[arg(long)]
    name: String,
    /// What it is for: authorities (trusted certificates), client (a certificate with its key),
    /// `signing_key` (a key alone, for DKIM)
    #[arg(long, value_parser = ["authorities", "client", "signing_key"])]
    kind: String,
    #[command(flatten)]
    content: Content,
    /// Print the id alone
    #[arg(long, short)]
    quiet: bool,
}

#[derive(Args, Debug)]
struct ReplaceArgs {
    /// Id of the object
    id: String,
    /// Another name for it
    #[arg(long)]
    name: Option<String>,
    #[command(flatten)]
    content: Content,
}

#[derive(Args, Debug)]
struct DownloadKeyArgs {
    /// Id of the object
    id: String,
    /// The file that is made, for its owner alone
    #[arg(long, value_name = "FILE")]
    output: PathBuf,
    /// File that holds a password for the copy; `-` reads standard input
    #[arg(long, value_name = "FILE", conflicts_with = "plain")]
    password_file: Option<PathBuf>,
    /// Do not encrypt the copy
    #[arg(long)]
    plain: bool,
    /// The file as it was uploaded, where it is kept so, instead of PKCS#8
    #[arg(long, requires = "plain")]
    as_uploaded: bool,
    /// With --server: file that holds the token in use once more, as proof [default: ask for it]
    #[arg(long, value_name = "FILE")]
    credential_file: Option<PathBuf>,
}

/// Runs `certificate`.
pub(crate) async fn run(args: CertificateArgs) -> Result<ExitCode> {
    let client = Client::new(&args.connect)?;
    match args.command {
        CertificateCommand::List { json } => list(&client, json).await?,
        CertificateCommand::Show { id, json } => show(&client, &id, json).await?,
        CertificateCommand::Upload(args) => upload(&client, &args).await?,
        CertificateCommand::Replace(args) => replace(&client, &args).await?,
        CertificateCommand::Delete { ids } => {
            for id in &ids {
                client.fetch(Call::new(Method::DELETE, path_of(id))).await?;
                output::print_line(&format!("{id}  deleted"));
            }
        }
        CertificateCommand::Download { id } => {
            let path = format!("{}/pem", path_of(&id));
            let pem = client.fetch(Call::new(Method::GET, path)).await?;
            output::print(&String::from_utf8_lossy(&pem));
        }
        CertificateCommand::DownloadKey(args) => download_key(&client, &args).await?,
    }
    Ok(ExitCode::SUCCESS)
}

fn path_of(id: &str) -> String {
    format!("/api/v1/certificates/{}", percent_encode(id))
}

async fn list(client: &Client, json: bool) -> Result<()> {
    let list: CertificateList = client.get("/api/v1/certificates").await?;
    if json {
        for certificate in &list.certificates {
            output::print_line(&serde_json::to_string(certificate)?);
        }
        return Ok(());
    }
    if list.certificates.is_empty() {
        output::print_note(
            "no certificate objects: `annunciator certificate upload --name NAME --kind KIND \
             FILE…` makes one",
        );
        return Ok(());
    }
    let (zone, now) = (moment::local_zone(), moment::now());
    let row = |view: &CertificateView| {
        let subject = view.certificates.first().map_or(view.key.as_str(), |one| &one.subject);
        let more = view.certificates.len().saturating_sub(1);
        let holds =
            if more == 0 { subject.to_owned() } else { format!("{subject} and {more} more") };
        let ends = view.not_after.map_or_else(String::new, |at| moment::short(at, &zone));
        let used_by = if view.lost { "lost".to_owned() } else { view.used_by.join(", ") };
        vec![
            Cell::from(&view.id),
            Cell::from(&view.name),
            Cell::from(&view.kind),
            Cell::toned(&holds, Tone::Plain).at_most(60),
            Cell::toned(&ends, tone_of_end(view.not_after, now)),
            Cell::toned(&used_by, if view.lost { Tone::Bad } else { Tone::Plain }),
        ]
    };
    let rows: Vec<Vec<Cell>> = list.certificates.iter().map(row).collect();
    let ends = moment::heading("ENDS", now, &zone);
    let headings = ["ID", "NAME", "KIND", "HOLDS", &ends, "USED BY"];
    output::print(&output::table(Paint::for_output(), &headings, &rows));
    Ok(())
}

fn tone_of_end(end: Option<Timestamp>, now: Timestamp) -> Tone {
    match end {
        Some(end) if end <= now => Tone::Bad,
        Some(end) if end.ms_since(now) <= SOON_MS => Tone::Waiting,
        _ => Tone::Plain,
    }
}

async fn show(client: &Client, id: &str, json: bool) -> Result<()> {
    let view: CertificateView = client.get(path_of(id)).await?;
    if json {
        output::print_line(&serde_json::to_string_pretty(&view)?);
    } else {
        output::print(&report(Paint::for_output(), &view, moment::now()));
    }
    Ok(())
}

fn report(paint: Paint, view: &CertificateView, now: Timestamp) -> String {
    let zone = moment::local_zone();
    let fact = |name: &str, value: Cell| vec![Cell::toned(name, Tone::Faint), value];
    let mut rows = vec![
        fact("id", Cell::from(&view.id)),
        fact("name", Cell::from(&view.name)),
        fact("kind", Cell::from(&view.kind)),
    ];
    if !view.key.is_empty() {
        rows.push(fact("key", Cell::from(&view.key)));
    }
    if view.lost {
        let words = "its key does not open with this key file: upload it again";
        rows.push(fact("lost", Cell::toned(words, Tone::Bad)));
    }
    let used_by = if view.used_by.is_empty() { "nothing".into() } else { view.used_by.join(", ") };
    rows.push(fact("used by", Cell::from(used_by)));
    let mut text = output::columns(paint, &rows);
    if !view.public_key_base64.is_empty() {
        // Whole, unlike a cell: it is copied into DNS.
        text.push_str(&format!("\npublic key\n{}\n", view.public_key_base64));
    }
    if !view.dns_record.is_empty() {
        text.push_str(&format!(
            "\nTXT record at SELECTOR._domainkey.DOMAIN\n{}\n",
            view.dns_record
        ));
    }
    for facts in &view.certificates {
        let mut rows = vec![
            fact("subject", Cell::toned(&facts.subject, Tone::Strong)),
            fact("issuer", Cell::from(&facts.issuer)),
            fact("begins", Cell::from(moment::full(facts.not_before, &zone))),
            fact(
                "ends",
                Cell::toned(
                    &moment::full(facts.not_after, &zone),
                    tone_of_end(Some(facts.not_after), now),
                ),
            ),
            fact("key", Cell::from(&facts.key)),
            fact("serial", Cell::from(&facts.serial)),
            fact("sha-256", Cell::from(&facts.fingerprint_sha256)),
        ];
        if !facts.names.is_empty() {
            rows.insert(1, fact("names", Cell::from(facts.names.join(", "))));
        }
        text.push('\n');
        text.push_str(&output::columns(paint, &rows));
    }
    text
}

async fn upload(client: &Client, args: &UploadArgs) -> Result<()> {
    let request = request_of(args.name.clone(), args.kind.clone(), &args.content)?;
    let saved: CertificateSaved = client.post("/api/v1/certificates", &request).await?;
    if args.quiet {
        output::print_line(&saved.certificate.id);
    } else {
        output::print(&report(Paint::for_output(), &saved.certificate, moment::now()));
    }
    print_warnings(&saved);
    Ok(())
}

async fn replace(client: &Client, args: &ReplaceArgs) -> Result<()> {
    let path = path_of(&args.id);
    let now: CertificateView = client.get(path.clone()).await?;
    let name = args.name.clone().unwrap_or_default();
    let request = request_of(name, now.kind, &args.content)?;
    let saved: CertificateSaved = client.call(Call::json(Method::PUT, path, &request)?).await?;
    output::print(&report(Paint::for_output(), &saved.certificate, moment::now()));
    print_warnings(&saved);
    Ok(())
}

fn print_warnings(saved: &CertificateSaved) {
    for warning in &saved.warnings {
        output::print_note(&format!("note: {warning}"));
    }
}

fn request_of(name: String, kind: String, content: &Content) -> Result<CertificateUpload> {
    let files: Result<Vec<_>> = content.files.iter().map(|file| read_upload(file)).collect();
    let password = if content.ask_password {
        prompt("password")?
    } else {
        content.password_file.as_deref().map(read_secret).transpose()?.unwrap_or_default()
    };
    Ok(CertificateUpload { name, kind, files: files?, password, ..CertificateUpload::default() })
}

fn read_upload(file: &Path) -> Result<CertificateFile> {
    let show = || format!("{} cannot be read", file.display());
    let mut octets = Vec::new();
    let opened = std::fs::File::open(file).with_context(show)?;
    opened.take(FILE_SIZE_MAX + 1).read_to_end(&mut octets).with_context(show)?;
    if octets.len() as u64 > FILE_SIZE_MAX {
        bail!("{} is larger than {FILE_SIZE_MAX} octets", file.display());
    }
    let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Ok(CertificateFile { name, content_base64: Base64::encode_string(&octets) })
}

fn read_secret(file: &Path) -> Result<String> {
    if file == Path::new("-") { read_standard_input() } else { read_file(file) }
}

async fn download_key(client: &Client, args: &DownloadKeyArgs) -> Result<()> {
    let export_password = match &args.password_file {
        Some(file) => read_secret(file)?,
        None if args.plain => String::new(),
        None => prompt("password for the copy")?,
    };
    if export_password.is_empty() && !args.plain {
        bail!("the password for the copy is empty: give one, or say --plain");
    }
    let credential = match &args.credential_file {
        Some(file) => crate::client::read_token(file)?,
        None if client.is_local() => String::new(),
        None => prompt("token")?,
    };
    let path = format!("{}/key", path_of(&args.id));
    let request = KeyDownloadRequest { credential, export_password, as_uploaded: args.as_uploaded };
    let pem = client.fetch(Call::json(Method::POST, path, &request)?).await?;
    // Only for its owner, from its first octet on; never over something that is there.
    let file =
        std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&args.output);
    let show = || format!("{} cannot be made", args.output.display());
    let mut file = file.with_context(show)?;
    std::io::Write::write_all(&mut file, &pem).with_context(show)?;
    output::print_line(&format!("{}  written", args.output.display()));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_marked_when_it_is_near_or_over() {
        let now = Timestamp(1_795_325_400_000);
        for (end, expected) in [
            (None, Tone::Plain),
            (Some(now.plus_ms(SOON_MS + 1)), Tone::Plain),
            (Some(now.plus_ms(SOON_MS)), Tone::Waiting),
            (Some(now), Tone::Bad),
        ] {
            assert_eq!(tone_of_end(end, now), expected, "{end:?}");
        }
    }

    #[test]
    fn a_file_that_is_too_large_is_not_read_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.pem");
        std::fs::write(&path, b"abc").unwrap();
        let read = read_upload(&path).unwrap();
        assert_eq!((read.name.as_str(), read.content_base64.as_str()), ("a.pem", "YWJj"));
        std::fs::write(&path, vec![0; (1 << 20) + 1]).unwrap();
        assert!(read_upload(&path).unwrap_err().to_string().contains("larger"));
    }
}
