//! Tests of the reply parser.

use annunciator_core::ReplyCode;

use super::*;

type Scan = Result<Option<(u16, usize)>, Malformed>;

fn scan(input: &[u8]) -> Scan {
    Scanner::default().scan(input).map(|found| found.map(|(code, used)| (code.number(), used)))
}

#[test]
fn a_reply_ends_with_the_line_that_has_no_hyphen() {
    let rows: [(&str, Scan); 16] = [
        ("250 ok\r\n", Ok(Some((250, 8)))),
        ("250\r\n", Ok(Some((250, 5)))),
        ("250 ok\n", Ok(Some((250, 7)))),
        ("250-a\r\n250 b\r\n", Ok(Some((250, 14)))),
        ("250-a\r\n250-b\r\n250\r\n", Ok(Some((250, 19)))),
        ("250 a\r\n354 b\r\n", Ok(Some((250, 7)))),
        ("250 ok", Ok(None)),
        ("250-a\r\n250", Ok(None)),
        ("", Ok(None)),
        ("250-a\r\n251 b\r\n", Err(Malformed::Codes)),
        ("25\r\n", Err(Malformed::Line)),
        ("250_ok\r\n", Err(Malformed::Line)),
        ("hello\r\n", Err(Malformed::Line)),
        ("199 x\r\n", Err(Malformed::Line)),
        ("600 x\r\n", Err(Malformed::Line)),
        ("2a0 x\r\n", Err(Malformed::Line)),
    ];
    for (input, expected) in rows {
        assert_eq!(scan(input.as_bytes()), expected, "{input:?}");
    }
}

#[test]
fn a_reply_has_limits() {
    let lines = |n: usize| format!("{}250 end\r\n", "250-x\r\n".repeat(n - 1));
    assert!(matches!(scan(lines(REPLY_LINES_MAX).as_bytes()), Ok(Some(_))));
    assert_eq!(scan(lines(REPLY_LINES_MAX + 1).as_bytes()), Err(Malformed::TooManyLines));
    let endless = vec![b'2'; REPLY_OCTETS_MAX + 1];
    assert_eq!(scan(&endless), Err(Malformed::TooLong));
    let long = format!("250 {}\r\n", "x".repeat(REPLY_OCTETS_MAX));
    assert_eq!(scan(long.as_bytes()), Err(Malformed::TooLong));
}

#[test]
fn a_reply_octet_by_octet_is_the_same_reply() {
    let whole = b"250-first\r\n250-second\r\n250 2.1.0 last\r\n";
    let mut scanner = Scanner::default();
    for end in 0..whole.len() {
        assert_eq!(scanner.scan(&whole[..end]), Ok(None), "{end}");
    }
    let code = ReplyCode::new(250).unwrap();
    assert_eq!(scanner.scan(whole), Ok(Some((code, whole.len()))));
}

fn reply(text: &str) -> Reply<'_> {
    Reply { code: ReplyCode::new(text[..3].parse().unwrap()).unwrap(), octets: text.as_bytes() }
}

#[test]
fn an_enhanced_code_counts_only_when_it_agrees() {
    for (text, expected) in [
        ("550 5.1.1 no such user\r\n", Some("5.1.1")),
        ("550 5.1.1\r\n", Some("5.1.1")),
        ("550 4.1.1 odd\r\n", None),
        ("550 no such user\r\n", None),
        ("250-2.1.5 a\r\n250 b\r\n", Some("2.1.5")),
    ] {
        assert_eq!(reply(text).status().map(|s| s.to_string()).as_deref(), expected, "{text:?}");
    }
}

#[test]
fn a_reply_prints_as_one_clean_line() {
    for (text, expected) in [
        ("250 ok\r\n", "250 ok"),
        ("250-a\r\n250 b\r\n", "250 a b"),
        ("550 a\u{1b}[31mb\tc\r\n", "550 a [31mb c"),
        ("250\r\n", "250"),
    ] {
        assert_eq!(reply(text).to_text(), expected);
    }
    let not_utf8 = Reply { code: ReplyCode::new(250).unwrap(), octets: b"250 \xff\r\n" };
    assert_eq!(not_utf8.to_text(), "250 \u{fffd}");
    let long = format!("250 {}\r\n", "x".repeat(5_000));
    assert_eq!(reply(&long).to_text().chars().count(), 1_000);
}

#[test]
fn common_forms_of_the_queue_id_are_found() {
    for (text, expected) in [
        ("250 2.0.0 Ok: queued as 4Fxyz12\r\n", "4Fxyz12"),
        ("250 OK id=1tEabc-0001Xy-2Z\r\n", "1tEabc-0001Xy-2Z"),
        ("250 2.0.0 5AM0abcd012345 Message accepted for delivery\r\n", "5AM0abcd012345"),
        ("250 2.6.0 <a@b> [InternalId=123456, Hostname=x] Queued mail for delivery\r\n", "123456"),
        ("250 Message queued as <abc@d>.\r\n", "abc@d"),
        ("250 2.0.0 Message accepted\r\n", ""),
        ("250 ok\r\n", ""),
    ] {
        assert_eq!(reply(text).queue_id(), expected, "{text:?}");
    }
}
