//! The relay against Python's `smtplib`: TLS and authentication with a client that we did not write.

use std::fs;
use std::process::Command;

use super::*;
use crate::certificates::Authority;

const LIMIT: Duration = Duration::from_secs(20);

/// Runs Python's `smtplib` with `port` and `authority` set; gives what it prints.
fn python(relay: &Relay, root: &Authority, script: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let authority = folder.path().join("ca.pem");
    fs::write(&authority, root.pem()).unwrap();
    let head = "import smtplib, ssl, sys\nport, authority = int(sys.argv[1]), sys.argv[2]\n\
                context = ssl.create_default_context(cafile=authority)\n";
    let output = Command::new("python3")
        .args(["-c", &format!("{head}{script}"), &relay.port().to_string()])
        .arg(&authority)
        .output()
        .unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{complaint}\n{}", relay.transcript());
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

#[test]
fn pythons_smtplib_sends_inside_starttls_with_authentication() {
    let root = Authority::new("Test root");
    let tls = TlsSetup::new(&root.intermediate("Below").server(&["localhost"]));
    let relay = Relay::builder()
        .starttls(&tls)
        .auth(&["PLAIN"])
        .auth_in_tls_only()
        .announce_before_tls("XCLEAR")
        .user("user", "pass")
        .start();
    let printed = python(
        &relay,
        &root,
        "client = smtplib.SMTP('localhost', port, timeout=20)\nclient.ehlo()\n\
         print(client.has_extn('xclear'), client.has_extn('auth'))\n\
         client.starttls(context=context)\nclient.ehlo()\n\
         print(client.has_extn('xclear'), client.has_extn('auth'), client.has_extn('starttls'))\n\
         client.login('user', 'pass')\n\
         client.sendmail('a@x', ['b@x'], 'Subject: hi\\r\\n\\r\\n.dot\\r\\n')\nclient.quit()\n",
    );
    assert_eq!(printed, "True False\nFalse True False");
    let [message] = &relay.messages()[..] else { panic!("one message") };
    assert!(message.tls);
    assert_eq!(message.auth_user.as_deref(), Some("user"));
    assert_eq!(message.body(), b".dot\r\n");
    let tls = relay.connections()[0].tls.clone().unwrap();
    assert_eq!((tls.version.as_str(), tls.server_name.as_deref()), ("TLSv1.3", Some("localhost")));
}

#[test]
fn pythons_smtplib_meets_implicit_tls_old_versions_and_client_certificates() {
    let root = Authority::new("Test root");
    let good = TlsSetup::new(&root.server(&["localhost"]));
    let send = "client = smtplib.SMTP_SSL('localhost', port, timeout=20, context=context)\n\
                client.sendmail('a@x', ['b@x'], 'Subject: hi\\r\\n\\r\\n')\n\
                client.quit()\nprint('sent')\n";
    let fails = format!(
        "try:\n    {}except (ssl.SSLError, smtplib.SMTPException, OSError):\n    print('refused')\n",
        send.replace('\n', "\n    ").trim_end_matches(' ')
    );
    for (setup, before, script, expected, version) in [
        (good.clone(), "", send, "sent", Some("TLSv1.3")),
        (
            good.clone().versions(TlsVersion::V1_2, TlsVersion::V1_2),
            "",
            send,
            "sent",
            Some("TLSv1.2"),
        ),
        (good.clone().versions(TlsVersion::V1_0, TlsVersion::V1_0), "", &fails, "refused", None),
        (
            good.clone().versions(TlsVersion::V1_0, TlsVersion::V1_0),
            "context.minimum_version = ssl.TLSVersion.TLSv1\ncontext.set_ciphers('ALL:@SECLEVEL=0')\n",
            send,
            "sent",
            Some("TLSv1"),
        ),
        (TlsSetup::new(&root.expired(&["localhost"])), "", &fails, "refused", None),
        (TlsSetup::new(&root.wrong_name()), "", &fails, "refused", None),
        (good.require_client_certificate(&root), "", &fails, "refused", None),
    ] {
        let relay = Relay::builder().implicit_tls(&setup).start();
        assert_eq!(python(&relay, &root, &format!("{before}{script}")), expected);
        relay.wait_until("the end", LIMIT, |relay| relay.open_connections() == 0).unwrap();
        let connection = relay.connections().remove(0);
        let got = connection.tls.map(|tls| tls.version);
        // The client's alert on our certificate can come after our side of the handshake.
        assert!(got.as_deref() == version || relay.messages().is_empty(), "{got:?} {version:?}");
        assert_eq!(relay.message_count(), usize::from(expected == "sent"));
    }
}

#[test]
fn a_client_certificate_is_recorded() {
    let root = Authority::new("Test root");
    let tls = TlsSetup::new(&root.server(&["localhost"])).require_client_certificate(&root);
    let relay = Relay::builder().starttls(&tls).start();
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = root.client("client one").write_files(folder.path(), "client");
    let script = format!(
        "context.load_cert_chain('{}', '{}')\nclient = smtplib.SMTP('localhost', port, timeout=20)\n\
         client.starttls(context=context)\nclient.sendmail('a@x', ['b@x'], 'x')\nclient.quit()\n",
        certificate.display(),
        key.display()
    );
    python(&relay, &root, &script);
    let tls = relay.connections()[0].tls.clone().unwrap();
    assert_eq!(tls.client_certificate.as_deref(), Some("client one"));
}
