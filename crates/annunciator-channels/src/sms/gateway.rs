//! Phone numbers and gateway addresses into the addresses that one SMS each goes to.
//!
//! Three ways: an address made of each number by a pattern; fixed addresses, with the number in
//! the words; fixed addresses of a gateway that knows the numbers.
//! Standard: spec 3.2.
//! Failure: a [`Problem`] with the setting to correct.

use std::collections::HashSet;

use annunciator_mail::Mailbox;
use annunciator_settings::{Problem, choice};

use crate::sms::phone::PhoneNumber;

/// Most SMS that one notification becomes.
pub const DESTINATIONS_MAX: usize = 1000;

/// The one name that a pattern may have.
const PHONE: &str = "PHONE";

choice! {
    /// How a phone number is written for the gateway.
    pub enum PhoneFormat {
        /// With a plus sign: `+491701234567`.
        Plus = "plus",
        /// The digits alone: `491701234567`.
        Digits = "digits",
        /// With two zeros: `00491701234567`.
        DoubleZero = "double_zero",
    }
}

impl PhoneFormat {
    /// The number as the gateway wants it.
    #[must_use]
    pub fn write(self, phone: &PhoneNumber) -> String {
        match self {
            Self::Plus => phone.as_str().to_owned(),
            Self::Digits => phone.digits().to_owned(),
            Self::DoubleZero => format!("00{}", phone.digits()),
        }
    }
}

/// Where one SMS goes.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Destination {
    /// The number that `%PHONE%` stands for in its words; none where the gateway knows it.
    pub phone: Option<PhoneNumber>,
    /// The address at the gateway.
    pub address: String,
}

/// Checks a pattern, or a gateway's domain alone, for settings.
///
/// # Errors
/// What is wrong and what to do.
pub fn check_pattern(text: &str) -> Result<(), String> {
    let pattern = Pattern::parse(text)?;
    for format in PhoneFormat::ALL {
        check_address(&pattern.fill(&format.write(&PhoneNumber::longest())))
            .map_err(|detail| format!("makes addresses that are none: {detail}"))?;
    }
    Ok(())
}

/// Lists where an SMS goes. An empty pattern is none; a pattern without `@` is the gateway's
/// domain, before which the number stands.
///
/// With a pattern each number has its own address, and recipients get the words besides. Without
/// one, each recipient gets them for each number, if subject or message name it.
///
/// # Errors
/// Numbers that reach the gateway by no way or by two, a bad address, more than
/// [`DESTINATIONS_MAX`]; the pointer is relative to the group of the settings.
pub fn addresses(
    numbers: &[PhoneNumber],
    recipients: &[String],
    pattern: &str,
    format: PhoneFormat,
    words_name_the_phone: bool,
) -> Result<Vec<Destination>, Problem> {
    for (at, recipient) in recipients.iter().enumerate() {
        let refused = |detail| Problem::new("format", detail).under(&at.to_string());
        check_address(recipient).map_err(|detail| refused(detail).under("recipients"))?;
    }
    if numbers.is_empty() {
        return limited(recipients.iter().map(|address| destination(None, address)));
    }
    match (pattern.trim().is_empty(), recipients.is_empty()) {
        (true, true) => Err(required(
            "gateway_address",
            "says how phone numbers reach the gateway: set it to an address such as \
             %PHONE%@sms.example.org, or set recipients and write %PHONE% into the message",
        )),
        (true, false) if !words_name_the_phone => Err(required(
            "message",
            "must name the phone number for the gateway: write %PHONE% into message or subject, \
             or set gateway_address to an address such as %PHONE%@sms.example.org",
        )),
        (true, false) => limited(recipients.iter().flat_map(|address| {
            numbers.iter().map(move |phone| destination(Some(phone), address))
        })),
        (false, false) if words_name_the_phone => Err(Problem::new(
            "one_of",
            "cannot be used beside recipients while the words have %PHONE%, as each number \
             would get two SMS: clear one of the two, or remove %PHONE% from the words",
        )
        .under("gateway_address")),
        (false, _) => {
            let refused = |detail: String| Problem::new("format", detail).under("gateway_address");
            let pattern = Pattern::parse(pattern).map_err(refused)?;
            let mut made = Vec::with_capacity(numbers.len().min(DESTINATIONS_MAX));
            for phone in numbers {
                let address = pattern.fill(&format.write(phone));
                check_address(&address).map_err(refused)?;
                made.push(destination(Some(phone), &address));
            }
            let besides = recipients.iter().map(|address| destination(None, address));
            limited(made.into_iter().chain(besides))
        }
    }
}

fn destination(phone: Option<&PhoneNumber>, address: &str) -> Destination {
    Destination { phone: phone.cloned(), address: address.to_owned() }
}

fn required(key: &str, detail: &str) -> Problem {
    Problem::new("required", detail).under(key)
}

/// Collects destinations, each once.
fn limited(all: impl Iterator<Item = Destination>) -> Result<Vec<Destination>, Problem> {
    let mut known = HashSet::new();
    let mut destinations = Vec::new();
    for destination in all {
        if !known.insert(destination.clone()) {
            continue;
        }
        if destinations.len() == DESTINATIONS_MAX {
            let detail = format!(
                "make more than {DESTINATIONS_MAX} SMS of one notification: remove some numbers \
                 or recipients"
            );
            return Err(Problem::new("too_many", detail).under("phone_numbers"));
        }
        destinations.push(destination);
    }
    Ok(destinations)
}

/// The message's and the envelope's rules for an address.
fn check_address(address: &str) -> Result<(), String> {
    let mailbox = Mailbox::parse(address).map_err(|error| error.to_string())?;
    annunciator_smtp::Mailbox::new(&mailbox.to_ascii()).map(drop).map_err(|error| error.to_string())
}

/// A gateway address with places for the number.
struct Pattern(Vec<Piece>);

enum Piece {
    Text(String),
    Phone,
}

impl Pattern {
    /// Grammar: `%PHONE%` is the number, `%%` a percent sign, as in templates.
    fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if !text.is_empty() && !text.contains(['@', '%']) {
            return Ok(Self(vec![Piece::Phone, Piece::Text(format!("@{text}"))]));
        }
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('%') {
            let Some((name, behind)) = after.split_once('%') else {
                return Err(
                    "has a percent sign alone: write %PHONE% for the phone number, %% for \
                            a percent sign"
                        .to_owned(),
                );
            };
            pieces.push(Piece::Text(before.to_owned()));
            pieces.push(match name {
                PHONE => Piece::Phone,
                "" => Piece::Text("%".to_owned()),
                _ => {
                    let name = annunciator_core::one_line(name, 40);
                    return Err(format!(
                        "has %{name}%: only %PHONE% can stand in a gateway address"
                    ));
                }
            });
            rest = behind;
        }
        pieces.push(Piece::Text(rest.to_owned()));
        let pattern = Self(pieces);
        let local = pattern.fill("\0");
        let local = local.rsplit_once('@').map_or("", |(local, _)| local);
        if local.contains('\0') {
            Ok(pattern)
        } else if text.contains("%PHONE%") {
            Err("must have %PHONE% before the `@`, such as %PHONE%@sms.example.org".to_owned())
        } else {
            Err("names no phone number: write one address for each as %PHONE%@sms.example.org, \
                 or put a fixed address into recipients"
                .to_owned())
        }
    }

    fn fill(&self, phone: &str) -> String {
        let text = |piece: &Piece| match piece {
            Piece::Text(text) => text.clone(),
            Piece::Phone => phone.to_owned(),
        };
        self.0.iter().map(text).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(texts: &str) -> Vec<PhoneNumber> {
        PhoneNumber::parse_all(texts.split(';').filter(|text| !text.is_empty())).unwrap()
    }

    fn texts(text: &str) -> Vec<String> {
        text.split(';').filter(|text| !text.is_empty()).map(str::to_owned).collect()
    }

    const A: &str = "+491701234567";
    const B: &str = "+79161234567";

    #[test]
    fn a_number_reaches_the_gateway_by_one_of_three_ways() {
        let both = format!("{A};{B}");
        for (phones, recipients, pattern, names_phone, expected) in [
            // Nobody.
            ("", "", "", false, Ok("")),
            ("", "", "%PHONE%@x", true, Ok("")),
            // A pattern: one address for each number, and recipients besides.
            (A, "", "%PHONE%@sms.x", false, Ok("+491701234567>+491701234567@sms.x")),
            (
                &both,
                "",
                "sms.x",
                true,
                Ok("+491701234567>+491701234567@sms.x +79161234567>+79161234567@sms.x"),
            ),
            (A, "duty@x", "a.%PHONE%@x", false, Ok("+491701234567>a.+491701234567@x >duty@x")),
            // Fixed addresses and the number in the words.
            (
                &both,
                "sms@x;sms@y",
                "",
                true,
                Ok("+491701234567>sms@x +79161234567>sms@x +491701234567>sms@y +79161234567>sms@y"),
            ),
            // The gateway knows the numbers.
            ("", "sms@x;sms@x;duty@y", "", false, Ok(">sms@x >duty@y")),
            ("", "sms@x", "%PHONE%@x", true, Ok(">sms@x")),
            // By no way, by two, by a wrong one.
            (A, "", "", true, Err("/gateway_address required")),
            (A, "", " ", false, Err("/gateway_address required")),
            (A, "sms@x", "", false, Err("/message required")),
            (A, "sms@x", "%PHONE%@x", true, Err("/gateway_address one_of")),
            (A, "sms@x", "%PHON%@x", false, Err("/gateway_address format")),
            (A, "", "%PHONE%@x..y", false, Err("/gateway_address format")),
            (A, "sms@x;sms", "", true, Err("/recipients/1 format")),
            ("", "a b@x", "", false, Err("/recipients/0 format")),
        ] {
            let found = addresses(
                &numbers(phones),
                &texts(recipients),
                pattern,
                PhoneFormat::Plus,
                names_phone,
            );
            let shown = |d: &Destination| {
                format!("{}>{}", d.phone.as_ref().map_or("", PhoneNumber::as_str), d.address)
            };
            let found = found
                .map(|all| all.iter().map(shown).collect::<Vec<_>>().join(" "))
                .map_err(|problem| format!("{} {}", problem.pointer, problem.code));
            assert_eq!(
                found.as_deref().map_err(String::as_str),
                expected,
                "{phones} {recipients} {pattern}"
            );
        }
    }

    #[test]
    fn the_number_is_written_as_the_gateway_wants_it() {
        for (format, expected) in [
            (PhoneFormat::Plus, "+491701234567@x"),
            (PhoneFormat::Digits, "491701234567@x"),
            (PhoneFormat::DoubleZero, "00491701234567@x"),
        ] {
            let found = addresses(&numbers(A), &[], "%PHONE%@x", format, false).unwrap();
            assert_eq!(found[0].address, expected);
            assert_eq!(found[0].phone.as_ref().unwrap().as_str(), A);
        }
    }

    #[test]
    fn a_notification_becomes_a_bounded_number_of_sms() {
        let many: Vec<String> = (0..=DESTINATIONS_MAX / 2).map(|n| format!("sms{n}@x")).collect();
        let both = numbers(&format!("{A};{B}"));
        let found = addresses(&both, &many[1..], "", PhoneFormat::Plus, true);
        assert_eq!(found.unwrap().len(), DESTINATIONS_MAX);
        let problem = addresses(&both, &many, "", PhoneFormat::Plus, true).unwrap_err();
        assert_eq!(problem.code, "too_many");
    }

    #[test]
    fn a_pattern_is_checked_before_there_is_a_number() {
        let longest = |n: usize| format!("{}%PHONE%@x", "a".repeat(n));
        for (pattern, expected) in [
            ("%PHONE%@sms.example.org", Ok(())),
            ("sms.example.org", Ok(())),
            (" sms.example.org ", Ok(())),
            ("sms+%PHONE%@x", Ok(())),
            ("\"%PHONE%\"@x", Ok(())),
            ("100%%.%PHONE%@x", Ok(())),
            ("%PHONE%.%PHONE%@x", Ok(())),
            (&longest(47), Ok(())),
            // `00` and 15 digits would make 65 octets.
            (&longest(48), Err("not well-formed before the `@`")),
            ("", Err("names no phone number")),
            ("sms@example.org", Err("names no phone number")),
            ("%%PHONE%%@x", Err("before the `@`")),
            ("%PHONE%", Err("before the `@`")),
            ("sms@%PHONE%.x", Err("before the `@`")),
            ("%PHONE@x", Err("a percent sign alone")),
            ("%phone%@x", Err("%phone%: only %PHONE%")),
            ("%SEVERITY%.%PHONE%@x", Err("%SEVERITY%: only %PHONE%")),
            ("sms..example", Err("makes addresses that are none")),
            ("sms..example", Err("not well-formed after the `@`")),
            ("%PHONE% @x", Err("has a space")),
            ("Ops <%PHONE%@x>", Err("has a display name")),
            ("%PHONE%@x\r\nBcc: a@y", Err("has a space or a control character")),
        ] {
            match (check_pattern(pattern), expected) {
                (Ok(()), Ok(())) => {}
                (Err(found), Err(part)) if found.contains(part) => {}
                (found, _) => panic!("{pattern:?}: {found:?}, expected {expected:?}"),
            }
        }
    }
}
