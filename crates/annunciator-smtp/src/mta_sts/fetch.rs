//! Fetches the policy file of a domain.
//!
//! In: a domain. Out: the file and the policy in it.
//! Standard: RFC 8461 section 3.3: HTTPS with a certificate that verifies for `mta-sts.<domain>`,
//! status 200, `text/plain`, no redirects.
//! Failure: why there is none, in words.

use annunciator_names::Resolver;
use tokio::time::Instant;

use super::Policy;
use crate::https::{Ask, fetch};

/// Longest file (RFC 8461 section 3.3). Unit: octets.
const FILE_OCTETS_MAX: usize = 64 * 1024;
/// The port that needs not be named.
const HTTPS_PORT: u16 = 443;

/// How the file's server is reached.
pub(crate) struct Access<'a> {
    pub(crate) resolver: &'a Resolver,
    /// Certificates that are trusted; `None` = those of the system.
    pub(crate) ca: Option<&'a [Vec<u8>]>,
    pub(crate) port: u16,
    pub(crate) deadline: Instant,
}

/// Gets the file and reads it.
pub(crate) async fn get_policy(
    domain: &str,
    access: &Access<'_>,
) -> Result<(String, Policy), String> {
    let port = match access.port {
        HTTPS_PORT => String::new(),
        port => format!(":{port}"),
    };
    let ask = Ask {
        url: &format!("https://mta-sts.{domain}{port}/.well-known/mta-sts.txt"),
        form: None,
        ca: access.ca,
        resolver: access.resolver,
        deadline: access.deadline,
        body_octets_max: FILE_OCTETS_MAX,
    };
    let answer = fetch(ask).await.map_err(|error| error.to_string())?;
    if answer.status != 200 {
        return Err(format!("the server answers with status {}", answer.status));
    }
    if answer.media_type != "text/plain" {
        let kind = answer.media_type.escape_debug();
        return Err(format!("the file's type is \"{kind}\" and not text/plain"));
    }
    let text = String::from_utf8(answer.body).map_err(|_| "the file is no text")?;
    let policy = Policy::parse(&text).ok_or("the file is no MTA-STS policy")?;
    Ok((text, policy))
}
