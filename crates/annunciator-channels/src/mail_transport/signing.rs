//! Composed messages into signed ones (DKIM).
//!
//! In: the settings of a relay, once; then the octets of each message.
//! Out: the message with a signature in front.
//! Standard: RFC 6376; spec 4.8.
//! Failure: a key that cannot sign keeps the transport from sending; nothing goes out unsigned
//! that was meant to be signed.

use annunciator_certificates::{CertificateBook, Signer};
use annunciator_core::{FailureScope, Timestamp};
use annunciator_mail::{SignatureDraft, SigningName, canonical_body};

use crate::RelaySettings;

/// A key with the name it signs under.
pub(super) struct Signing {
    signer: Signer,
    selector: String,
    /// Empty = the sender's.
    domain: String,
}

/// A message that was signed.
pub(super) struct Signed {
    pub(super) content: Vec<u8>,
    /// What was done, for who watches.
    pub(super) words: String,
}

/// Whom it concerns that a message cannot be signed, and in words why.
pub(super) type Refusal = (FailureScope, String);

impl Signing {
    /// What the settings ask for; none when messages are not signed. The key is read here, once.
    ///
    /// # Errors
    /// In words: why the key cannot sign.
    pub(super) fn new(
        settings: &RelaySettings,
        certificates: &CertificateBook,
    ) -> Result<Option<Self>, String> {
        if settings.dkim_key.is_empty() {
            return Ok(None);
        }
        let key = certificates.signing_key(&settings.dkim_key).ok_or_else(|| {
            format!("there is no signing key `{}`: upload it first", settings.dkim_key)
        })?;
        let signer = key.signer().map_err(|error| error.words)?;
        let (selector, domain) = (settings.dkim_selector.clone(), settings.dkim_domain.clone());
        // The sender's domain is not known yet, and the shortest stands for it.
        let known = if domain.is_empty() { "x" } else { &domain };
        SigningName::new(known, &selector)?;
        Ok(Some(Self { signer, selector, domain }))
    }

    /// Signs a message; the same message, sender and time give the same octets.
    ///
    /// # Errors
    /// The sender's domain cannot sign, or the key refuses.
    pub(super) fn sign(
        &self,
        message: &[u8],
        sender: &str,
        composed_at: Timestamp,
    ) -> Result<Signed, Refusal> {
        let of_sender = sender.rsplit_once('@').map_or("", |(_, domain)| domain);
        let domain = if self.domain.is_empty() { of_sender } else { &self.domain };
        let name = SigningName::new(domain, &self.selector).map_err(|words| {
            (FailureScope::Delivery, format!("{words}: set `dkim_domain`, or another sender"))
        })?;
        let digest = Signer::digest(&canonical_body(message));
        let algorithm = self.signer.algorithm();
        let draft = SignatureDraft::new(message, &name, algorithm, composed_at, &digest);
        let signature = self.signer.sign(draft.signed_octets());
        let signature = signature.map_err(|error| (FailureScope::Relay, error.words))?;
        let (domain, selector) = (name.domain(), name.selector());
        let words = format!("signed by d={domain} s={selector} ({algorithm})");
        Ok(Signed { content: draft.finish(&signature, message), words })
    }
}
