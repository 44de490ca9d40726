//! Whom a test message may go to when its sender may not change settings.
//!
//! In: the addresses of a request and who asks. Out: nothing, or which of them are not theirs to
//! mail. Whoever may change settings may mail anybody by that right, and is not asked about here.
//! Failure: 422 at `/to`, with what to do.

use annunciator_api_types::FieldError;
use annunciator_settings::{Rules, SettingValue as _, TextList};
use serde_json::{Value, json};

use super::AdminError;
use crate::identity::{Credential, Identity};
use crate::incident_supply::IncidentSupply;
use crate::shared::Shared;

/// Settings that name addresses.
const ADDRESS_KEYS: [&str; 4] = ["recipients", "recipients_cc", "recipients_bcc", "sender"];

/// Refuses addresses that are neither the asker's own nor named by settings or subscriptions.
///
/// # Errors
/// [`AdminError::Invalid`] at `/to`; the store fails.
pub async fn check(shared: &Shared, to: &str, asker: &Identity) -> Result<(), AdminError> {
    // What cannot be read is told by who reads it.
    let Ok(wanted) = TextList::parse(&json!(to), &Rules::DEFAULT) else { return Ok(()) };
    if wanted.is_empty() {
        return Ok(());
    }
    let known = known_addresses(shared, asker).await?;
    let foreign = find_foreign(wanted.iter(), &known);
    if foreign.is_empty() {
        return Ok(());
    }
    let words = format!(
        "{} is neither your own address nor one that settings or subscriptions name: leave it \
         out, or ask somebody who may change settings",
        foreign.join(", ")
    );
    Err(AdminError::Invalid(vec![FieldError::new("/to", "foreign_address", words)]))
}

/// Those that are not known, whatever their case.
fn find_foreign<'a>(wanted: impl Iterator<Item = &'a str>, known: &[String]) -> Vec<&'a str> {
    let is_known =
        |address: &&str| known.iter().any(|one| one.to_lowercase() == address.to_lowercase());
    wanted.filter(|address| !is_known(address)).collect()
}

async fn known_addresses(shared: &Shared, asker: &Identity) -> Result<Vec<String>, AdminError> {
    let snapshot = shared.settings.current();
    let directory = IncidentSupply::directory(shared.store.as_ref(), shared.clock.now()).await?;
    let address_of = |user: &str| directory.user(user).map(|user| user.address.clone());
    let mut known = Vec::new();
    if let Credential::Session { user, .. } = &asker.credential {
        known.extend(address_of(user));
    }
    for subscription in &snapshot.incidents.values.subscriptions {
        known.extend(subscription.addresses.iter().map(str::to_owned));
        known.extend(subscription.users.iter().filter_map(address_of));
    }
    for (_, value) in snapshot.configuration.values_of(&ADDRESS_KEYS) {
        match value {
            Value::String(text) => known.push(text),
            Value::Array(list) => {
                known.extend(list.iter().filter_map(Value::as_str).map(str::to_owned));
            }
            _ => {}
        }
    }
    Ok(known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_the_same_in_any_case() {
        let known = ["Anna@Plant.example".to_owned()];
        let found = find_foreign(["anna@plant.example", "eve@evil.example"].into_iter(), &known);
        assert_eq!(found, ["eve@evil.example"]);
    }
}
