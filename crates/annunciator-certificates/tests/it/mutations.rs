//! No change to a file makes the readers panic, or take something that breaks their promises.

use std::sync::OnceLock;

use annunciator_certificates::{read_authorities, read_client, read_signing_key};
use annunciator_testkit::certificates::Authority;
use proptest::prelude::*;

use crate::openssl_tool::{Tool, now};

/// Files of every kind.
fn seeds() -> &'static [Vec<u8>] {
    static SEEDS: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
    SEEDS.get_or_init(|| {
        let authority = Authority::new("Root");
        let identity = authority.intermediate("Below").client("robot");
        let tool = Tool::with(&identity);
        vec![
            authority.pem(),
            authority.certificate().to_der().unwrap(),
            [identity.certificate_pem(), identity.key_pem()].concat(),
            identity.key.private_key_to_pkcs8().unwrap(),
            tool.make("ec -in k.pem -outform DER"),
            tool.make("pkey -in k.pem -traditional -aes128 -passout pass:x"),
            tool.make("pkcs8 -topk8 -in k.pem -outform DER -iter 1 -passout pass:x"),
            tool.make("pkcs12 -export -in c.pem -inkey k.pem -iter 1 -passout pass:x"),
            tool.make(
                "pkcs12 -export -in c.pem -inkey k.pem -legacy -iter 1 -nomac -passout pass:x",
            ),
        ]
    })
}

/// What may be done to a file.
#[derive(Clone, Debug)]
enum Change {
    Set(usize, u8),
    Cut(usize),
    Remove(usize, usize),
    Repeat(usize, usize),
}

fn change() -> impl Strategy<Value = Change> {
    let at = 0_usize..4_096;
    prop_oneof![
        4 => (at.clone(), any::<u8>()).prop_map(|(at, octet)| Change::Set(at, octet)),
        1 => at.clone().prop_map(Change::Cut),
        1 => (at.clone(), 1_usize..64).prop_map(|(at, count)| Change::Remove(at, count)),
        1 => (at, 1_usize..64).prop_map(|(at, count)| Change::Repeat(at, count)),
    ]
}

fn changed(file: &[u8], changes: &[Change]) -> Vec<u8> {
    let mut file = file.to_vec();
    for change in changes {
        let length = file.len().max(1);
        match *change {
            Change::Set(at, octet) => {
                if let Some(place) = file.get_mut(at % length) {
                    *place = octet;
                }
            }
            Change::Cut(at) => file.truncate(at % length),
            Change::Remove(at, count) => {
                let at = (at % length).min(file.len());
                let end = (at + count).min(file.len());
                file.drain(at..end);
            }
            Change::Repeat(at, count) => {
                let at = (at % length).min(file.len());
                let piece = file[at..(at + count).min(file.len())].to_vec();
                file.splice(at..at, piece);
            }
        }
    }
    file
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_changed_file_is_taken_whole_or_refused(
        seed in 0_usize..9,
        other in 0_usize..9,
        changes in prop::collection::vec(change(), 1..6),
    ) {
        let file = changed(&seeds()[seed], &changes);
        let files: [&[u8]; 2] = [&file, &seeds()[other]];
        if let Ok(taken) = read_authorities(&[&file], now()) {
            prop_assert!(taken.facts.iter().all(|facts| facts.is_authority));
            prop_assert!(!taken.object.certificates.is_empty());
        }
        for password in ["x", ""] {
            if let Ok(taken) = read_client(&files, password, now()) {
                prop_assert_eq!(taken.facts.len(), taken.object.chain.len());
                prop_assert!(!taken.object.key.expose().is_empty());
            }
            drop(read_signing_key(&file, password));
        }
    }
}
