//! Golden test of the failure table: every stage and every kind of cause.

use expect_test::expect;

use super::*;

const STAGES: [Stage; 11] = [
    Stage::Resolve,
    Stage::Connect,
    Stage::Greeting,
    Stage::Hello,
    Stage::Tls,
    Stage::Auth,
    Stage::MailFrom,
    Stage::RcptTo,
    Stage::Data,
    Stage::DataEnd,
    Stage::Prepare,
];

fn causes() -> Vec<(&'static str, Cause)> {
    let reply = |code| Cause::Reply {
        code: ReplyCode::new(code).unwrap(),
        status: None,
        text: format!("{code} words"),
    };
    let words = String::new;
    let status = EnhancedStatus::new(4, 7, 0);
    vec![
        ("421", reply(421)),
        ("530", reply(530)),
        ("4yz", reply(451)),
        ("5yz", reply(550)),
        ("2yz", reply(250)),
        ("3yz", reply(354)),
        ("garbage", Cause::Malformed(Malformed::Line)),
        ("timeout", Cause::Timeout),
        ("lost", Cause::Lost(words())),
        ("cut", Cause::Interrupted(words())),
        ("tls", Cause::Handshake(words())),
        ("inject", Cause::Injected),
        ("cert", Cause::Certificate(CertificateFault::Other, words())),
        ("forged", Cause::Untrusted(words())),
        ("forbid", Cause::Forbidden(status, words())),
        ("unable", Cause::Unsupported(status, words())),
    ]
}

/// T, P, U; r(elay) or d(elivery); `>` another server is tried; `=` the session stays.
fn cell(verdict: Verdict) -> String {
    let meaning = match verdict.meaning {
        Meaning::Transient => 'T',
        Meaning::Permanent => 'P',
        Meaning::Uncertain => 'U',
    };
    let scope = if verdict.scope == FailureScope::Relay { 'r' } else { 'd' };
    let next = if verdict.next_server { ">" } else { "" };
    let keep = if verdict.keep_session { "=" } else { "" };
    format!("{meaning}{scope}{next}{keep}")
}

#[test]
fn the_table_is_as_agreed() {
    let mut table = format!("{:<10}", "");
    for (name, _) in causes() {
        table.push_str(&format!("{name:<8}"));
    }
    for stage in STAGES {
        table = format!("{}\n{:<10}", table.trim_end(), stage.as_str());
        for (_, cause) in causes() {
            table.push_str(&format!("{:<8}", cell(Trouble::new(stage, cause).verdict())));
        }
    }
    expect![[r#"
                  421     530     4yz     5yz     2yz     3yz     garbage timeout lost    cut     tls     inject  cert    forged  forbid  unable
        resolve   Tr>     Tr>     Tr>     Tr>     Tr>     Tr>     Tr>     Tr>     Tr>     Tr>     Tr>     Tr>     Tr>     Tr>     Tr>     Pd>
        connect   Tr>     Tr>     Tr>     Tr>     Tr>     Tr>     Tr>     Tr>     Tr>     Tr>     Tr>     Tr>     Tr>     Tr>     Tr>     Tr>
        greeting  Tr>     Tr>     Tr>     Tr>     Tr>     Tr>     Tr>     Tr>     Tr>     Tr>     Tr>     Tr>     Tr>     Tr>     Tr>     Tr>
        hello     Tr>     Tr>     Tr>     Tr>     Tr>     Tr>     Tr>     Tr>     Tr>     Tr>     Tr>     Tr>     Tr>     Tr>     Tr>     Tr>
        tls       Tr>     Tr>     Tr>     Tr>     Tr>     Tr>     Tr>     Tr>     Tr>     Tr>     Tr>     Tr>     Tr>     Tr>     Tr>     Tr>
        auth      Tr>     Tr>     Tr>     Tr>     Tr>     Tr>     Tr>     Tr>     Tr>     Tr>     Tr>     Tr>     Tr>     Tr>     Tr>     Tr>
        mail_from Tr>     Tr>=    Td>=    Pd=     Tr>     Tr>     Tr>     Tr>     Tr>     Td>     Tr>     Tr>     Tr>     Tr>     Tr>     Pd=
        rcpt_to   Tr>     Pd=     Td>=    Pd=     Tr>     Tr>     Tr>     Tr>     Tr>     Td>     Tr>     Tr>     Tr>     Tr>     Tr>     Pd=
        data      Tr>     Pd=     Td>=    Pd=     Tr>     Tr>     Tr>     Tr>     Tr>     Td>     Tr>     Tr>     Tr>     Tr>     Tr>     Pd=
        data_end  Tr      Pd=     Td=     Pd=     Ud      Ud      Ud      Ud      Ud      Ud      Ud      Ud      Ud      Ud      Ud      Pd=
        prepare   Tr      Tr      Tr      Tr      Tr      Tr      Tr      Tr      Tr      Tr      Tr      Tr      Tr      Tr      Tr      Pd="#]].assert_eq(table.trim_end());
}

#[test]
fn a_status_is_the_servers_own_or_one_that_fits() {
    let own = Some(EnhancedStatus::new(5, 1, 1));
    let reply = |code, status| Cause::Reply {
        code: ReplyCode::new(code).unwrap(),
        status,
        text: format!("{code} words"),
    };
    for (stage, cause, expected) in [
        (Stage::RcptTo, reply(550, own), "5.1.1 550 words"),
        (Stage::RcptTo, reply(450, None), "4.0.0 450 words"),
        (Stage::MailFrom, reply(354, None), "4.5.0 unexpected reply to MAIL: 354 words"),
        (Stage::Auth, reply(535, None), "5.0.0 535 words"),
        (Stage::DataEnd, Cause::Timeout, "4.4.2 no answer in time (end of message)"),
        (Stage::Connect, Cause::Lost("refused".into()), "4.4.1 refused"),
        (
            Stage::Tls,
            Cause::Certificate(CertificateFault::Expired, "expired".into()),
            "4.7.5 expired",
        ),
    ] {
        let failure = Trouble::new(stage, cause).failure();
        assert_eq!(format!("{} {}", failure.status, failure.diagnostic), expected);
    }
}
