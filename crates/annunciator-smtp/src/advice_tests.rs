//! Each kind of trouble has its remedy, and the remedy names the setting.

use annunciator_core::ReplyCode;

use super::*;
use crate::reply::Malformed;

fn reply(code: u16, subject: u16, detail: u16) -> Cause {
    let class = u8::try_from(code / 100).unwrap();
    let status = (subject, detail) != (0, 0);
    let status = status.then(|| EnhancedStatus::new(class, subject, detail));
    Cause::Reply { code: ReplyCode::new(code).unwrap(), status, text: String::new() }
}

fn check(stage: Stage, cause: &Cause, expected: &[&str]) {
    let terms = Terms { demand: None, has_minimum: true };
    let advice = on(&Trouble::new(stage, cause.clone()), terms);
    for words in expected {
        assert!(advice.contains(words), "{stage} {cause:?}: {advice}");
    }
    assert!(advice.is_empty() || advice.ends_with('.'), "{advice}");
    assert!(!advice.contains("  "), "{advice}");
}

#[test]
fn a_certificate_that_does_not_verify() {
    let check = |fault, expected: &[&str]| {
        check(Stage::Tls, &Cause::Certificate(fault, String::new()), expected);
    };
    let names =
        |names: &[&str]| CertificateFault::Name(names.iter().map(ToString::to_string).collect());
    check(names(&["*.a.test", "mx.a.test"]), &["`servers`", "mx.a.test"]);
    check(names(&["*.a.test"]), &["`servers`"]);
    check(names(&[]), &["subjectAltName"]);
    check(CertificateFault::Issuer, &["`ca_certificates`"]);
    check(CertificateFault::SelfSigned, &["`ca_certificates`", "fingerprint"]);
    check(CertificateFault::Expired, &["Renew"]);
    check(CertificateFault::NotYetValid, &["clock"]);
    check(CertificateFault::Weak, &["RSA 2048", "SHA-256"]);
    check(CertificateFault::Usage, &["serverAuth"]);
}

#[test]
fn tls_that_does_not_come_to_be() {
    let words = String::new;
    let status = EnhancedStatus::new(4, 7, 10);
    for (stage, cause, expected) in [
        (Stage::Tls, Cause::OldTls(words()), &["`tls_version_min = \"any\"`"][..]),
        (Stage::Tls, Cause::ClientCertificate(words()), &["`client_certificate`"]),
        (Stage::Tls, Cause::PlainGreeting, &["`tls = \"required\"`", "465"]),
        (Stage::Tls, Cause::Injected, &["attacker"]),
        (Stage::Tls, Cause::Forbidden(status, words()), &["`tls = \"implicit\"`"]),
        (Stage::Tls, Cause::Handshake(words()), &["`tls_version_min`"]),
        (Stage::Tls, reply(454, 7, 0), &["STARTTLS"]),
        (Stage::Greeting, Cause::Timeout, &["`tls = \"implicit\"`", "465"]),
        (Stage::Greeting, Cause::Malformed(Malformed::Line), &["`tls = \"implicit\"`"]),
        (Stage::Greeting, Cause::Lost(words()), &["`tls = \"implicit\"`"]),
        (Stage::Resolve, Cause::Lost(words()), &["`servers`", "DNS"]),
        (Stage::Connect, Cause::Lost(words()), &["`port`"]),
        (Stage::Connect, Cause::Timeout, &["firewall"]),
        (Stage::Greeting, reply(421, 3, 2), &["busy"]),
        (Stage::Greeting, reply(421, 7, 1), &["`client_certificate`"]),
        (Stage::Greeting, reply(554, 7, 1), &["may connect"]),
    ] {
        check(stage, &cause, expected);
    }
}

#[test]
fn tls_that_a_domain_demands() {
    let words = String::new;
    let status = EnhancedStatus::new(4, 7, 10);
    for (demand, setting) in [(Demand::Dane, "`dane`"), (Demand::MtaSts, "`mta_sts`")] {
        for cause in [
            Cause::Forbidden(status, words()),
            reply(454, 7, 0),
            reply(421, 0, 0),
            Cause::Handshake(words()),
            Cause::OldTls(words()),
            Cause::Certificate(CertificateFault::Weak, words()),
            Cause::Untrusted(words()),
        ] {
            let terms = Terms { demand: Some(demand), has_minimum: false };
            let advice = on(&Trouble::new(Stage::Tls, cause.clone()), terms);
            assert!(advice.contains(setting) && advice.ends_with('.'), "{cause:?}: {advice}");
            assert!(!advice.starts_with(' ') && !advice.contains("  "), "{cause:?}: {advice}");
            for wrong in ["if_supported", "plain text", "version_min = \"any\""] {
                assert!(!advice.contains(wrong), "{cause:?}: {advice}");
            }
        }
    }
}

#[test]
fn the_minimum_is_named_only_where_it_counts() {
    use crate::relay::Verify;
    let verify = |version_min| Verify { ca: None, version_min, ..Verify::default() };
    for (policy, expected) in [
        (TlsPolicy::default(), false),
        (TlsPolicy::Required { verify: verify(TlsVersionMin::Tls12) }, true),
        (TlsPolicy::Implicit { verify: verify(TlsVersionMin::Tls12) }, true),
        (TlsPolicy::Required { verify: verify(TlsVersionMin::Any) }, false),
    ] {
        let trouble = Trouble::new(Stage::Tls, Cause::OldTls(String::new()));
        let advice = on(&trouble, Terms::new(&policy, None));
        assert_eq!(advice.contains("`tls_version_min"), expected, "{policy:?}: {advice}");
    }
}

#[test]
fn credentials_and_envelopes_that_are_refused() {
    let withheld = |why| Cause::Withheld(why, String::new());
    for (stage, cause, expected) in [
        (Stage::Auth, withheld(Withheld::NoTls), &["`allow_auth_without_tls`"][..]),
        (Stage::Auth, withheld(Withheld::Unverified), &["`allow_auth_unverified`"]),
        (Stage::Auth, reply(535, 7, 8), &["`username`", "`password`"]),
        (Stage::Auth, reply(534, 7, 9), &["`auth_mechanism`"]),
        (Stage::Auth, reply(538, 7, 11), &["`tls = \"required\"`"]),
        (Stage::Auth, reply(454, 7, 0), &["tried again"]),
        (Stage::MailFrom, reply(530, 7, 0), &["`auth`", "`tls = \"required\"`"]),
        (Stage::MailFrom, reply(553, 1, 8), &["`sender`"]),
        (Stage::MailFrom, reply(550, 0, 0), &["`sender`"]),
        (Stage::RcptTo, reply(450, 1, 8), &["`sender`"]),
        (Stage::RcptTo, reply(550, 1, 1), &["no such mailbox", "`recipients`"]),
        (Stage::RcptTo, reply(552, 2, 2), &["full"]),
        (Stage::RcptTo, reply(452, 2, 2), &["full"]),
        (Stage::RcptTo, reply(554, 7, 1), &["relaying denied", "`auth`"]),
        (Stage::RcptTo, reply(550, 0, 0), &["`recipients`"]),
        (Stage::RcptTo, reply(450, 2, 0), &["greylisting"]),
        (Stage::RcptTo, reply(451, 7, 1), &["greylisting"]),
        (Stage::RcptTo, reply(530, 7, 0), &["`auth`"]),
        (Stage::DataEnd, reply(552, 3, 4), &["larger"]),
        (Stage::DataEnd, reply(554, 7, 1), &["content"]),
    ] {
        check(stage, &cause, expected);
    }
}

#[test]
fn who_asks_for_verified_tls_onwards_is_not_told_to_ask_for_less() {
    let words = "`require_tls` asks for verified TLS on all the way, but it is not offered";
    let cause = Cause::Forbidden(EnhancedStatus::new(4, 7, 30), words.to_owned());
    let advice = on(&Trouble::new(Stage::Tls, cause), Terms::default());
    assert!(
        advice.contains("`require_tls`") && advice.contains("`tls = \"required\"`"),
        "{advice}"
    );
    assert!(!advice.contains("if_supported"), "{advice}");
}
