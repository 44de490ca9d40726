//! Device cookies: proof that a browser has signed in as a user before.
//!
//! In: a user's name and password hash. Out: a text for the browser to keep, and later whether it is one of ours.
//! Standard: OWASP "Slow Down Online Guessing Attacks with Device Cookies".
//! It gives no right; it names the user by a keyed hash only, and ends with the password.

use crate::secrets::Sealer;
use crate::tokens::hex;

/// Number of a device.
pub type DeviceNumber = [u8; 16];

/// A text for a browser that has signed in as this user with the password of this hash, and the
/// device's number.
///
/// # Errors
/// The system gives no random numbers.
pub fn make(
    sealer: &Sealer,
    user: &str,
    password: &str,
) -> Result<(String, DeviceNumber), getrandom::Error> {
    let mut number = DeviceNumber::default();
    getrandom::fill(&mut number)?;
    Ok((format!("{}.{}", hex(&number), hex(&mark(sealer, &number, user, password))), number))
}

/// The number of the device, if the text was made for this user and the password of this hash.
#[must_use]
pub fn read(sealer: &Sealer, text: &str, user: &str, password: &str) -> Option<DeviceNumber> {
    let (number, shown) = text.split_once('.')?;
    let number = DeviceNumber::try_from(crate::secrets::from_hex(number)?).ok()?;
    let shown = crate::secrets::from_hex(shown)?;
    let expected = mark(sealer, &number, user, password);
    (shown.len() == expected.len() && openssl::memcmp::eq(&shown, &expected)).then_some(number)
}

fn mark(sealer: &Sealer, number: &DeviceNumber, user: &str, password: &str) -> [u8; 32] {
    // Of a fixed length, so that name and password are told apart.
    let password = crate::tokens::sha256_of(password);
    sealer.mark("device", &[&number[..], &password, user.to_ascii_lowercase().as_bytes()].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_known_for_its_user_and_key_alone() {
        let folder = tempfile::tempdir().unwrap();
        let sealer = |name: &str| Sealer::open(&folder.path().join(name)).unwrap();
        let (ours, theirs) = (sealer("a"), sealer("b"));
        let (text, number) = make(&ours, "Anna", "hash").unwrap();
        assert!(!text.to_lowercase().contains("anna"));
        assert_eq!(read(&ours, &text, "anna", "hash"), Some(number));
        assert_eq!(read(&ours, &text, "anna", "another hash"), None, "a changed password");
        assert_eq!(read(&ours, &text, "boris", "hash"), None);
        assert_eq!(read(&theirs, &text, "anna", "hash"), None);
        for broken in ["", ".", "ab.cd", &text[1..], &text[..text.len() - 1], &format!("{text}0")] {
            assert_eq!(read(&ours, broken, "anna", "hash"), None, "{broken}");
        }
    }
}
