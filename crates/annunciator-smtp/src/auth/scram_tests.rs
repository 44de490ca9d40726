//! The examples of RFC 5802 and RFC 7677, and servers that cheat.

use super::*;

const NONCE_1: &str = "fyko+d2lbbFgONRv9qkxdawL";
const FIRST_1: &str = "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096";
const FINAL_1: &str = "v=rmF9pqV8S7suAoZWja4dJRkFsKQ=";
const NONCE_256: &str = "rOprNGfwEbeRWgbNEkqO";
const FIRST_256: &str =
    "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";

fn exchange(hash: Hash, nonce: &str) -> Scram {
    Scram::with_nonce(hash, Flag::None, "user", "pencil", nonce.to_owned()).unwrap()
}

#[tokio::test]
async fn the_example_of_rfc_5802_section_5() {
    let mut scram = exchange(Hash::Sha1, NONCE_1);
    assert_eq!(scram.first(), "n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL");
    assert!(!scram.has_proven());
    let last = scram.answer(FIRST_1.as_bytes()).await.unwrap();
    assert_eq!(
        *last,
        "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts="
    );
    assert!(scram.has_proven() && !scram.is_server_proven());
    assert_eq!(*scram.answer(FINAL_1.as_bytes()).await.unwrap(), "");
    assert!(scram.is_server_proven());
    assert!(scram.answer(FINAL_1.as_bytes()).await.is_err());
}

#[tokio::test]
async fn the_example_of_rfc_7677_section_3() {
    let mut scram = exchange(Hash::Sha256, NONCE_256);
    let last = scram.answer(FIRST_256.as_bytes()).await.unwrap();
    assert_eq!(
        *last,
        "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
         p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
    );
    let signature = b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";
    assert_eq!(*scram.answer(signature).await.unwrap(), "");
    assert!(scram.is_server_proven());
}

#[tokio::test]
async fn a_server_that_cheats_is_found_out() {
    let check = async |first: &str, expected: &str| {
        let mut scram = exchange(Hash::Sha1, NONCE_1);
        let error = scram.answer(first.as_bytes()).await.unwrap_err();
        assert!(error.contains(expected), "{first}: {error}");
        assert!(!scram.has_proven(), "{first}: no proof is made for it");
    };
    let with = |from: &str, to: &str| FIRST_1.replace(from, to);
    check(&with("r=fyko", "r=other"), "not made from ours").await;
    check(&with("3rfcNHYJY1ZVvWVs7j", ""), "not made from ours").await;
    check(&with("3rfc", "3r fc"), "not made from ours").await;
    check(&with("3rfc", &"x".repeat(1_024)), "not made from ours").await;
    check(&with("QSXCR+Q6sek8bf92", ""), "no good salt").await;
    check(&with("QSXCR+Q6sek8bf92", "*"), "no good salt").await;
    check(&with("i=4096", "i=4095"), "from 4096 to 1000000").await;
    check(&with("i=4096", "i=1000001"), "from 4096 to 1000000").await;
    check(&with("i=4096", "i=99999999999999999999"), "from 4096 to 1000000").await;
    check(&with("i=4096", "i=-1"), "from 4096 to 1000000").await;
    check(&with(",i=4096", ""), "no iteration count").await;
    check(&format!("m=ext,{FIRST_1}"), "no nonce").await;
    check("e=unknown-user,x=1", "the server refuses: unknown-user").await;
    check("", "no nonce").await;
    check(&format!("{FIRST_1},{}", "x".repeat(9_000)), "too long").await;
}

#[tokio::test]
async fn only_the_right_signature_proves_the_server() {
    for (message, expected) in [
        ("v=rmF8pqV8S7suAoZWja4dJRkFsKQ=", "does not prove"),
        ("v=rmF9pqV8S7suAoZWja4d", "does not prove"),
        ("v=", "does not prove"),
        ("", "does not prove"),
        ("e=invalid-proof", "the server refuses: invalid-proof"),
    ] {
        let mut scram = exchange(Hash::Sha1, NONCE_1);
        scram.answer(FIRST_1.as_bytes()).await.unwrap();
        let error = scram.answer(message.as_bytes()).await.unwrap_err();
        assert!(error.contains(expected), "{message}: {error}");
        assert!(!scram.is_server_proven());
    }
}

#[tokio::test]
async fn the_channel_stands_in_the_proof() {
    let binding = Binding { name: "tls-unique", octets: b"abc".to_vec().into() };
    for (flag, first, bound) in [
        (Flag::None, "n,,n=a=3Db=2Cc,r=x", "n,,"),
        (Flag::ServerSeemsUnable, "y,,n=a=3Db=2Cc,r=x", "y,,"),
        (Flag::Used(binding), "p=tls-unique,,n=a=3Db=2Cc,r=x", "p=tls-unique,,abc"),
    ] {
        let scram = Scram::with_nonce(Hash::Sha256, flag, "a=b,c", "p", "x".into());
        let mut scram = scram.unwrap();
        assert_eq!(scram.first(), first);
        let last = scram.answer(b"r=xy,s=QSXCR+Q6sek8bf92,i=4096").await.unwrap();
        let expected = format!("c={},r=xy,p=", openssl::base64::encode_block(bound.as_bytes()));
        assert!(last.starts_with(&expected), "{}", *last);
    }
}

#[test]
fn nonces_differ_and_hold_no_comma() {
    let new = || Scram::new(Hash::Sha1, Flag::None, "u", "p").unwrap().nonce;
    let (one, two) = (new(), new());
    assert_ne!(one, two);
    assert!(one.len() == 24 && !one.contains(','));
}
