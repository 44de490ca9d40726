//! BDAT: chunks of octets become a message, and a client that loses step is blamed.
//!
//! After a BDAT that failed because nobody is to receive it the transaction stays open, as some
//! servers leave it: a client that does not send RSET meets its remains.
//! Standard: RFC 3030.

use super::script::Stage;
use super::session::Session;
use super::transaction::Transaction;
use super::wire::Stop;

/// Longest chunk that is read at all.
const CHUNK_OCTETS_MAX: usize = 256 << 20;

impl Session {
    pub(crate) async fn bdat(&mut self, arguments: &str) -> Result<(), Stop> {
        let Some((octets, is_last)) = read_arguments(arguments) else {
            self.violation(&format!("malformed BDAT `{arguments}`"));
            return self.tell("501 5.5.4 malformed BDAT");
        };
        if !self.announced.chunking {
            self.violation("BDAT was not announced");
        }
        if octets > CHUNK_OCTETS_MAX {
            return Err(Stop::new("the relay closed: endless chunk"));
        }
        let mut chunk = Vec::new();
        if let Err(stop) = self.wire.append_octets(&mut chunk, octets).await {
            self.record.connection(self.number, |record| record.broken_off_in_data = true);
            return Err(stop);
        }
        self.note(&format!("{octets} octets of a chunk"));
        let Some(transaction) = &mut self.transaction else {
            // In a pipelined group BDAT follows before the client knows that MAIL was refused.
            if !self.mail_refused {
                self.violation("BDAT without MAIL");
            }
            return self.tell("503 5.5.1 BDAT without MAIL");
        };
        transaction.begin_chunks();
        if transaction.has_nobody() {
            return self.tell("554 5.5.1 no valid recipients");
        }
        transaction.add_chunk(&chunk);
        if !is_last {
            let addresses = transaction.addresses().into_iter().map(str::to_owned);
            let addresses: Vec<String> = addresses.collect();
            let addresses: Vec<&str> = addresses.iter().map(String::as_str).collect();
            let usual = format!("250 2.0.0 {octets} octets");
            return self.answer(Stage::Bdat, &addresses, &usual).await.map(drop);
        }
        if self.wire.has_input().await {
            self.note("more is here already");
        }
        let mut transaction = self.transaction.take().expect("looked at above");
        self.messages += 1;
        let raw = transaction.take_chunks();
        for fault in Transaction::find_faults(&raw, &transaction) {
            self.violation(fault);
        }
        self.conclude(&transaction, raw, true).await
    }
}

fn read_arguments(arguments: &str) -> Option<(usize, bool)> {
    let (octets, is_last) = match arguments.split_once(' ') {
        None => (arguments, false),
        Some((octets, end)) if end.eq_ignore_ascii_case("LAST") => (octets, true),
        Some(_) => return None,
    };
    let digits = !octets.is_empty() && octets.bytes().all(|octet| octet.is_ascii_digit());
    Some((digits.then(|| octets.parse().ok()).flatten()?, is_last))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_and_perhaps_last() {
        for (arguments, expected) in [
            ("0", Some((0, false))),
            ("12 LAST", Some((12, true))),
            ("12 last", Some((12, true))),
            ("12 LAST ", None),
            ("12 FIRST", None),
            ("-1", None),
            ("+1 LAST", None),
            ("", None),
            ("LAST", None),
        ] {
            assert_eq!(read_arguments(arguments), expected, "{arguments:?}");
        }
    }
}
