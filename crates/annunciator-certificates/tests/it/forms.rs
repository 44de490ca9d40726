//! Every form of certificate and key that is taken, as `openssl` writes it.

use annunciator_certificates::{read_authorities, read_client, read_signing_key};
use annunciator_testkit::certificates::{Authority, Identity, KeyKind, Profile, Purpose};

use crate::openssl_tool::{Tool, now};

fn client(key: KeyKind) -> Identity {
    let authority = Authority::new("Root").intermediate("Below");
    let profile = Profile { purpose: Purpose::Client, key, ..Profile::server(&["robot"]) };
    authority.issue(&profile)
}

/// The client certificate of these files is this identity, whatever the order of the files.
#[track_caller]
fn check(identity: &Identity, files: &[&[u8]], password: &str, what: &str) {
    let reversed: Vec<&[u8]> = files.iter().rev().copied().collect();
    for files in [files, &reversed] {
        let taken = read_client(files, password, now())
            .unwrap_or_else(|error| panic!("{what}: {} {error}", error.code));
        assert_eq!(taken.object.chain[0], identity.certificate.to_der().unwrap(), "{what}");
        let key = identity.key.private_key_to_pkcs8().unwrap();
        assert_eq!(taken.object.key.expose(), key, "{what}");
        assert_eq!(taken.facts.len(), taken.object.chain.len(), "{what}");
        assert_eq!(taken.facts[0].subject, "CN=robot", "{what}");
    }
}

#[test]
fn a_key_is_taken_in_every_form() {
    for (kind, traditional) in [(KeyKind::Rsa(2_048), "rsa"), (KeyKind::Ec, "ec")] {
        let identity = client(kind);
        let tool = Tool::with(&identity);
        let certificate_der = tool.make("x509 -in c.pem -outform DER");
        let forms = [
            ("pkey -in k.pem".to_owned(), ""),
            ("pkey -in k.pem -outform DER".to_owned(), ""),
            (format!("{traditional} -in k.pem -outform DER"), ""),
            ("pkey -in k.pem -traditional".to_owned(), ""),
            (format!("{traditional} -in k.pem -aes256 -passout pass:secret"), "secret"),
            ("pkey -in k.pem -traditional -aes128 -passout pass:secret".to_owned(), "secret"),
            ("pkey -in k.pem -traditional -des3 -passout pass:secret".to_owned(), "secret"),
            ("pkcs8 -topk8 -in k.pem -v2 aes256 -passout pass:secret".into(), "secret"),
            (
                "pkcs8 -topk8 -in k.pem -outform DER -v2 aes192 -passout pass:secret".into(),
                "secret",
            ),
            (
                "pkcs8 -topk8 -in k.pem -v2 aes128 -v2prf hmacWithSHA512 -iter 60000 \
                 -passout pass:sécret"
                    .into(),
                "sécret",
            ),
            ("pkcs8 -topk8 -in k.pem -v2 des3 -v2prf hmacWithSHA1 -passout pass:x y".into(), "x"),
            ("pkcs8 -topk8 -in k.pem -scrypt -passout pass:secret".into(), "secret"),
            ("pkcs8 -topk8 -in k.pem -v1 PBE-SHA1-3DES -passout pass:secret".into(), "secret"),
        ];
        for (words, password) in forms {
            let words = words.replace(" y", "");
            let key = tool.make(&words);
            check(&identity, &[&tool.file("c.pem"), &key], password, &words);
            check(&identity, &[&certificate_der, &key], password, &words);
            if key.starts_with(b"-----") {
                let both = [key.clone(), tool.file("c.pem"), tool.file("ca.pem")].concat();
                check(&identity, &[&both], password, &words);
            }
            if !password.is_empty() {
                let files: [&[u8]; 2] = [&certificate_der, &key];
                for (wrong, code) in [("wrong", "password_wrong"), ("", "password_required")] {
                    let error = read_client(&files, wrong, now()).expect_err("refused");
                    assert_eq!((error.code, error.file), (code, None), "{words}: {error}");
                }
            }
        }
    }
}

#[test]
fn a_pkcs12_file_is_taken_in_every_form() {
    let identity = client(KeyKind::Ec);
    let tool = Tool::with(&identity);
    let export = "pkcs12 -export -in c.pem -inkey k.pem -certfile ca.pem -passout pass:";
    for (words, password) in [
        ("secret", "secret"),
        ("", ""),
        ("sécrèt€", "sécrèt€"),
        ("secret -legacy", "secret"),
        (" -legacy", ""),
        ("secret -legacy -certpbe PBE-SHA1-RC2-128 -keypbe PBE-SHA1-RC2-40", "secret"),
        ("secret -certpbe NONE -keypbe NONE", "secret"),
        ("secret -nomac", "secret"),
        ("secret -macalg sha512 -iter 100000 -keypbe aes-128-cbc", "secret"),
        ("secret -certpbe PBE-SHA1-3DES -keypbe PBE-SHA1-3DES -macalg sha1", "secret"),
    ] {
        let file = tool.make(&format!("{export}{words}"));
        check(&identity, &[&file], password, words);
        let taken = read_client(&[&file], password, now()).unwrap();
        assert_eq!(taken.object.chain.len(), 2, "{words}: the issuer comes with it");
        for (wrong, code) in [("wrong", "password_wrong"), ("", "password_required")] {
            let is_open = words.contains("NONE -keypbe NONE -nomac") || wrong == password;
            if !is_open {
                let error = read_client(&[&file], wrong, now()).expect_err("refused");
                assert_eq!((error.code, error.file), (code, None), "{words}: {error}");
            }
        }
    }
}

#[test]
fn pkcs12_in_indefinite_lengths_is_taken() {
    let identity = client(KeyKind::Ec);
    let file = identity.pkcs12("secret");
    let mut loose = Vec::new();
    loosen(&file, &mut loose);
    assert_ne!(file, loose);
    check(&identity, &[&loose], "secret", "BER");
}

/// The same elements, those with others inside without their length, as old systems write them.
fn loosen(mut octets: &[u8], loose: &mut Vec<u8>) {
    while let [tag, first, ..] = *octets {
        let (head, length) = match first {
            0x81 => (3, usize::from(octets[2])),
            0x82 => (4, usize::from(octets[2]) << 8 | usize::from(octets[3])),
            short => (2, usize::from(short)),
        };
        let content = &octets[head..head + length];
        // An algorithm's parameters stay as they are: real files have them so.
        if tag & 0x20 == 0 || length < 128 {
            loose.extend_from_slice(&octets[..head + length]);
        } else {
            loose.extend([tag, 0x80]);
            loosen(content, loose);
            loose.extend([0, 0]);
        }
        octets = &octets[head + length..];
    }
}

#[test]
fn authorities_are_taken_from_pem_and_der_and_several_at_once() {
    let (one, two) = (Authority::new("One"), Authority::new("Two"));
    let der = two.certificate().to_der().unwrap();
    let pem = [b"# our own\n".to_vec(), one.pem(), b"\n".to_vec(), two.pem()].concat();
    for (files, expected) in [
        (vec![one.pem()], vec!["CN=One"]),
        (vec![der.clone()], vec!["CN=Two"]),
        (vec![pem.clone()], vec!["CN=One", "CN=Two"]),
        (vec![der, pem], vec!["CN=Two", "CN=One"]),
    ] {
        let files: Vec<&[u8]> = files.iter().map(Vec::as_slice).collect();
        let taken = read_authorities(&files, now()).unwrap();
        let subjects: Vec<_> = taken.facts.iter().map(|facts| facts.subject.as_str()).collect();
        assert_eq!(subjects, expected);
        assert_eq!(taken.object.certificates.len(), expected.len());
        assert!(taken.facts.iter().all(|facts| facts.is_authority && facts.key == "EC P-256"));
    }
}

#[test]
fn a_signing_key_is_rsa_or_ed25519() {
    let tool = Tool::with(&client(KeyKind::Ec));
    for (words, kind) in [("genpkey -algorithm ED25519", "Ed25519"), ("genrsa 2048", "RSA 2048")] {
        let taken = read_signing_key(&tool.make(words), "").unwrap();
        assert_eq!(taken.kind, kind);
        assert_eq!(annunciator_certificates::describe_public_key(&taken.public).unwrap(), kind);
    }
    for (file, code) in [
        (tool.file("k.pem"), "key_unsupported"),
        (tool.make("genrsa 1024"), "key_size"),
        (tool.file("c.pem"), "unexpected_certificate"),
        (b"hello".to_vec(), "unknown_format"),
    ] {
        assert_eq!(read_signing_key(&file, "").expect_err("refused").code, code);
    }
}
