//! Frozen content and addresses into the bytes of a message.
//!
//! In: the content of a notification, and addresses as text.
//! Out: [`Mailbox`]es; messages that a relay takes as they are, but for dot-stuffing.
//! Knows nothing of: SMTP, settings, who gets what.
//! Standard: RFC 5322, 2045 to 2047, 2046 section 5.1.4, 3834, 6376, 6532; spec 4.8, quality G8
//! and G9.
//! Failure: composing cannot fail; whatever the content holds becomes harmless text.

mod address;
mod body;
mod compose;
mod dkim;
mod header;

pub use address::{ADDRESSES_MAX, AddressError, AddressErrorKind, Mailbox, parse_list};
pub use compose::{Heading, compose};
pub use dkim::{SignatureDraft, SigningName, canonical_body};
