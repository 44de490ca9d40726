//! `annunciator user`: list, make, show, change, block, delete users; passwords, links, sign-out.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use annunciator_api_types::{
    NewUserRequest, PasswordSet, SetupView, UserList, UserPatch, UserSaved, UserView,
};
use annunciator_core::Timestamp;
use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use hyper::Method;

use crate::assignment::{prompt, read_file, read_standard_input};
use crate::client::{Call, Client, ConnectOptions, percent_encode};
use crate::moment;
use crate::output::{self, Cell, Paint, Tone};

/// Arguments of `user`.
#[derive(Args, Debug)]
pub(crate) struct UserArgs {
    #[command(flatten)]
    connect: ConnectOptions,
    #[command(subcommand)]
    command: UserCommand,
}

#[derive(Subcommand, Debug)]
enum UserCommand {
    /// List the users
    List {
        /// One JSON object per line
        #[arg(long)]
        json: bool,
    },
    /// Make a user; the password is asked for unless a file or --link is given
    Add {
        /// Name to sign in with
        name: String,
        /// administrator, operator, viewer, or a role of yours (see `role list`)
        #[arg(long)]
        role: String,
        #[command(flatten)]
        password: PasswordOption,
        /// Print a link instead with which the user sets the password within 24 hours
        #[arg(long, conflicts_with = "password_file")]
        link: bool,
        #[command(flatten)]
        profile: Profile,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Show a user
    Show {
        /// Name of the user
        name: String,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Change a user
    Set {
        /// Name of the user
        name: String,
        /// Another role
        #[arg(long)]
        role: Option<String>,
        #[command(flatten)]
        profile: Profile,
    },
    /// Refuse to let a user sign in, and end all sessions
    Block {
        /// Name of the user
        name: String,
    },
    /// Let a blocked user sign in again
    Unblock {
        /// Name of the user
        name: String,
    },
    /// Set a user's password, and end all sessions
    Password {
        /// Name of the user
        name: String,
        #[command(flatten)]
        password: PasswordOption,
    },
    /// Print a link with which the user sets a new password within 24 hours
    Link {
        /// Name of the user
        name: String,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// End all sessions of a user
    SignOut {
        /// Name of the user
        name: String,
    },
    /// Delete users with their sessions and saved views
    Delete {
        /// Names of the users
        #[arg(required = true, value_name = "NAME")]
        names: Vec<String>,
    },
}

#[derive(Args, Debug)]
struct PasswordOption {
    /// File that holds the password; `-` reads standard input
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
}

#[derive(Args, Debug)]
struct Profile {
    /// Name for people
    #[arg(long)]
    full_name: Option<String>,
    /// Address
    #[arg(long)]
    email: Option<String>,
    /// Language of the console: en or ru
    #[arg(long)]
    language: Option<String>,
    /// Time zone of the console, such as Europe/Moscow
    #[arg(long)]
    time_zone: Option<String>,
}

/// Runs `user`.
pub(crate) async fn run(args: UserArgs) -> Result<ExitCode> {
    let client = Client::new(&args.connect)?;
    match args.command {
        UserCommand::List { json } => list(&client, json).await?,
        UserCommand::Add { name, role, password, link, profile, json } => {
            let password = if link { None } else { Some(read_password(&password)?) };
            let request = new_user(name, role, password, profile);
            let made: UserSaved = client.post("/api/v1/users", &request).await?;
            show_saved(&made, json)?;
            warn_of_no_administrator(&client).await?;
        }
        UserCommand::Show { name, json } => {
            let user: UserView = client.get(path_of(&name)).await?;
            if json {
                output::print_line(&serde_json::to_string(&user)?);
            } else {
                show(&user);
            }
        }
        UserCommand::Set { name, role, profile } => {
            let Profile { full_name, email, language, time_zone } = profile;
            let patch =
                UserPatch { role, full_name, email, language, time_zone, ..UserPatch::default() };
            if patch == UserPatch::default() {
                bail!("nothing to change: see --help");
            }
            let user = change(&client, &name, &patch).await?;
            show(&user);
            if patch.role.is_some() && !user.has_password {
                output::print_note(&format!(
                    "\n{name} has no password: `annunciator user link {name}` prints a link to set \
                     one with. A password that was given by somebody who may less than the new \
                     role ends with the change, and so does a link from before."
                ));
            }
        }
        UserCommand::Block { name } => set_blocked(&client, &name, true).await?,
        UserCommand::Unblock { name } => set_blocked(&client, &name, false).await?,
        UserCommand::Password { name, password } => {
            let body = PasswordSet { password: read_password(&password)? };
            let path = format!("{}/password", path_of(&name));
            client.fetch(Call::json(Method::POST, path, &body)?).await?;
            output::print_line(&format!("{name}  password set, all sessions ended"));
        }
        UserCommand::Link { name, json } => {
            let path = format!("{}/key", path_of(&name));
            let saved: UserSaved = client.call(Call::new(Method::POST, path)).await?;
            show_saved(&saved, json)?;
        }
        UserCommand::SignOut { name } => {
            let path = format!("{}/sign-out", path_of(&name));
            client.fetch(Call::new(Method::POST, path)).await?;
            output::print_line(&format!("{name}  signed out"));
        }
        UserCommand::Delete { names } => {
            for name in names {
                client.fetch(Call::new(Method::DELETE, path_of(&name))).await?;
                output::print_line(&format!("{name}  deleted"));
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// A server whose users may all do less has nobody who could mend it in the console.
async fn warn_of_no_administrator(client: &Client) -> Result<()> {
    let setup: SetupView = client.get("/api/v1/setup").await?;
    if setup.needed {
        output::print_note(
            "\nNo administrator can sign in yet: `annunciator user add NAME --role administrator` \
             makes one, or open the link in the server's log.",
        );
    }
    Ok(())
}

fn path_of(name: &str) -> String {
    format!("/api/v1/users/{}", percent_encode(name))
}

fn new_user(
    name: String,
    role: String,
    password: Option<String>,
    profile: Profile,
) -> NewUserRequest {
    NewUserRequest {
        name,
        role,
        password,
        full_name: profile.full_name.unwrap_or_default(),
        email: profile.email.unwrap_or_default(),
        language: profile.language.unwrap_or_default(),
        time_zone: profile.time_zone.unwrap_or_default(),
    }
}

fn read_password(option: &PasswordOption) -> Result<String> {
    match &option.password_file {
        Some(file) if file == Path::new("-") => read_standard_input(),
        Some(file) => read_file(file),
        None => {
            if !std::io::IsTerminal::is_terminal(&std::io::stdin()) {
                bail!("no password: give --password-file FILE (`-` reads standard input)");
            }
            let password = prompt("password")?;
            if prompt("the same again")? != password {
                bail!("the two are not the same: nothing was changed");
            }
            Ok(password)
        }
    }
}

async fn change(client: &Client, name: &str, patch: &UserPatch) -> Result<UserView> {
    client.call(Call::json(Method::PATCH, path_of(name), patch)?).await
}

async fn set_blocked(client: &Client, name: &str, is_blocked: bool) -> Result<()> {
    let patch = UserPatch { blocked: Some(is_blocked), ..UserPatch::default() };
    change(client, name, &patch).await?;
    output::print_line(&format!("{name}  {}", if is_blocked { "blocked" } else { "unblocked" }));
    Ok(())
}

fn show_saved(saved: &UserSaved, json: bool) -> Result<()> {
    if json {
        output::print_line(&serde_json::to_string(saved)?);
        return Ok(());
    }
    show(&saved.user);
    if let Some(key) = &saved.sign_in_link_key {
        let link = format!("/welcome?key={key}");
        output::print_line("");
        output::print(&output::columns(
            Paint::for_output(),
            &[vec![Cell::toned("link", Tone::Faint), Cell::toned(&link, Tone::Accent)]],
        ));
        output::print_note(
            "\nPut the console's address before it and give it to the user. It holds once, for 24 \
             hours, and cannot be shown again.",
        );
    }
    Ok(())
}

fn show(user: &UserView) {
    let zone = moment::local_zone();
    let time = |at: Option<Timestamp>| {
        at.map_or_else(|| "never".to_owned(), |at| moment::short(at, &zone))
    };
    let rows = [
        ("name", user.name.clone()),
        ("role", user.role.clone()),
        ("state", state_of(user).to_owned()),
        ("full name", user.full_name.clone()),
        ("email", user.email.clone()),
        ("language", user.language.clone()),
        ("time zone", user.time_zone.clone()),
        ("made", format!("{} by {}", time(Some(user.created_at)), user.created_by)),
        ("signed in", time(user.last_sign_in_at)),
        ("sessions", user.sessions.to_string()),
    ];
    let rows: Vec<Vec<Cell>> = rows
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| vec![Cell::toned(name, Tone::Faint), Cell::from(value)])
        .collect();
    output::print(&output::columns(Paint::for_output(), &rows));
}

fn state_of(user: &UserView) -> &'static str {
    match (user.blocked, user.has_password) {
        (true, _) => "blocked",
        (false, true) => "active",
        (false, false) => "no password yet",
    }
}

async fn list(client: &Client, json: bool) -> Result<()> {
    let list: UserList = client.get("/api/v1/users").await?;
    if json {
        for user in &list.users {
            output::print_line(&serde_json::to_string(user)?);
        }
        return Ok(());
    }
    if list.users.is_empty() {
        output::print_note(
            "no users: `annunciator user add NAME --role administrator` makes the first one",
        );
        return Ok(());
    }
    let (zone, now) = (moment::local_zone(), moment::now());
    let row = |user: &UserView| {
        let tone = if user.blocked { Tone::Bad } else { Tone::Plain };
        let signed_in =
            user.last_sign_in_at.map_or_else(|| "never".to_owned(), |at| moment::short(at, &zone));
        vec![
            Cell::from(&user.name),
            Cell::from(&user.role),
            Cell::toned(state_of(user), tone),
            Cell::from(&user.full_name),
            Cell::from(signed_in),
            Cell::from(user.sessions.to_string()),
        ]
    };
    let rows: Vec<Vec<Cell>> = list.users.iter().map(row).collect();
    let signed_in = moment::heading("SIGNED IN", now, &zone);
    let headings = ["NAME", "ROLE", "STATE", "FULL NAME", &signed_in, "SESSIONS"];
    output::print(&output::table(Paint::for_output(), &headings, &rows));
    Ok(())
}
