//! The client against the scripted relay of the testkit, over real sockets and real TLS.

#![expect(clippy::unwrap_used, reason = "what the tests share is test code too")]

mod authentication;
mod chains;
mod chunking;
mod dane;
mod dane_records;
mod exchangers;
mod extensions;
mod failover;
mod faults;
mod mechanisms;
mod mta_sts;
mod oauth;
mod openssl_server;
mod pacing;
mod resumption;
mod sniffer;
mod stage;
mod starttls;
mod tls_advice;
mod tls_facts;
mod tls_matrix;
mod tls_real;
mod tls_rows;
mod transactions;
mod zones;
