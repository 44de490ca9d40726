//! Turns the reply to EHLO into what the server can do.
//!
//! Standard: RFC 5321 section 4.1.1.1; 1870 (SIZE), 2920 (PIPELINING), 3207 (STARTTLS),
//! 3030 (CHUNKING), 3461 (DSN), 4954 (AUTH), 6152 (8BITMIME), 6531 (SMTPUTF8),
//! 8689 (REQUIRETLS).

use crate::reply::Reply;

/// Longest list of AUTH mechanisms that is remembered.
const MECHANISMS_MAX: usize = 32;

/// What a server announced; all off after HELO.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Capabilities {
    /// Commands may be sent in groups.
    pub pipelining: bool,
    /// `SIZE=` is understood.
    pub size: bool,
    /// Largest message, when announced. Unit: octets.
    pub size_max: Option<u64>,
    /// `BODY=8BITMIME` is understood.
    pub eight_bit: bool,
    /// Addresses may be UTF-8.
    pub smtputf8: bool,
    /// BDAT is understood.
    pub chunking: bool,
    /// NOTIFY, ORCPT, RET and ENVID are understood.
    pub dsn: bool,
    /// REQUIRETLS is understood.
    pub require_tls: bool,
    /// STARTTLS is offered.
    pub starttls: bool,
    /// AUTH mechanisms, upper case.
    pub mechanisms: Vec<String>,
}

impl Capabilities {
    /// Reads a positive reply to EHLO; its first line is a greeting.
    #[must_use]
    pub(crate) fn parse(reply: Reply<'_>) -> Self {
        let mut capabilities = Self::default();
        for line in reply.lines().skip(1) {
            let line = String::from_utf8_lossy(line).to_ascii_uppercase();
            let mut words = line.split([' ', '=']).filter(|word| !word.is_empty());
            match words.next() {
                Some("PIPELINING") => capabilities.pipelining = true,
                Some("8BITMIME") => capabilities.eight_bit = true,
                Some("SMTPUTF8") => capabilities.smtputf8 = true,
                Some("CHUNKING") => capabilities.chunking = true,
                Some("DSN") => capabilities.dsn = true,
                Some("REQUIRETLS") => capabilities.require_tls = true,
                Some("STARTTLS") => capabilities.starttls = true,
                Some("SIZE") => {
                    capabilities.size = true;
                    // 0 means that no limit is announced (RFC 1870 section 4).
                    let size_max = words.next().and_then(|word| word.parse().ok());
                    capabilities.size_max = size_max.filter(|size| *size > 0);
                }
                // `AUTH=PLAIN` is an old form that some servers still use.
                Some("AUTH") => {
                    for word in words.take(MECHANISMS_MAX) {
                        if !capabilities.mechanisms.iter().any(|known| known == word) {
                            capabilities.mechanisms.push(word.to_owned());
                        }
                    }
                    capabilities.mechanisms.truncate(MECHANISMS_MAX);
                }
                _ => {}
            }
        }
        capabilities
    }

    /// Whether that AUTH mechanism (upper case) is offered.
    #[must_use]
    pub(crate) fn offers_auth(&self, mechanism: &str) -> bool {
        self.mechanisms.iter().any(|offered| offered == mechanism)
    }
}

#[cfg(test)]
mod tests {
    use annunciator_core::ReplyCode;

    use super::*;

    fn check(reply: &str, expected: &Capabilities) {
        let code = ReplyCode::new(250).unwrap();
        assert_eq!(Capabilities::parse(Reply { code, octets: reply.as_bytes() }), *expected);
    }

    #[test]
    fn each_known_keyword_is_read() {
        check(
            "250-x PIPELINING\r\n250-pipelining\r\n250-SIZE 100\r\n250-8bitmime\r\n\
             250-AUTH PLAIN login\r\n250-AUTH=PLAIN\r\n250-STARTTLS\r\n250-DSN\r\n250-Chunking\r\n250-REQUIRETLS\r\n\
             250 SMTPUTF8\r\n",
            &Capabilities {
                pipelining: true,
                size: true,
                size_max: Some(100),
                eight_bit: true,
                smtputf8: true,
                chunking: true,
                dsn: true,
                require_tls: true,
                starttls: true,
                mechanisms: vec!["PLAIN".into(), "LOGIN".into()],
            },
        );
    }

    #[test]
    fn the_first_line_is_a_greeting_and_size_zero_is_no_limit() {
        check("250 PIPELINING\r\n", &Capabilities::default());
        check("250-x\r\n250 SIZE 0\r\n", &Capabilities { size: true, ..Capabilities::default() });
        check("250-x\r\n250 SIZE\r\n", &Capabilities { size: true, ..Capabilities::default() });
    }
}
