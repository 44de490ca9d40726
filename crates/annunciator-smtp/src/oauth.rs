//! Access tokens for OAuth 2.0 (RFC 6749): obtained, kept, renewed.

use crate::relay::SecretText;

/// How access tokens are obtained. A plain value: it is part of the identity of a relay's
/// connections.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct OAuth2 {
    /// Token endpoint, `https://…`.
    pub token_url: String,
    /// Client id.
    pub client_id: String,
    /// Client secret; may be empty for a public client with a refresh token.
    pub client_secret: SecretText,
    /// Scope, may be empty.
    pub scope: String,
    /// The grant.
    pub grant: Grant,
    /// Authorities that the token endpoint's certificate is checked against, DER; `None` = those
    /// of the system.
    pub ca: Option<Vec<Vec<u8>>>,
}

/// The grant that gives tokens.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Grant {
    /// RFC 6749 section 6: a refresh token that an administrator obtained once.
    RefreshToken(SecretText),
    /// RFC 6749 section 4.4.
    ClientCredentials,
}
