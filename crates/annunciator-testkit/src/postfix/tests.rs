//! Mail goes through a real Postfix with Python's `smtplib`; without Postfix the error is checked.

use super::*;
use crate::certificates::Authority;

/// Sends one mail to three recipients, inside TLS, and prints which were refused.
const SEND: &str = r#"
import smtplib, ssl, sys
port, authority = int(sys.argv[1]), sys.argv[2]
client = smtplib.SMTP("127.0.0.1", port, timeout=30)
client.starttls(context=ssl.create_default_context(cafile=authority))
refused = client.sendmail("from@example.org", ["a@example.org", "bad@example.org", "b@example.com"],
    "Subject: hello\r\n\r\n.dot\r\nend\r\n")
print({address: reply[0] for address, reply in refused.items()})
client.quit()
"#;

#[test]
fn a_mail_to_three_recipients_reaches_two_when_one_is_refused() {
    let root = Authority::new("Test root");
    let setup = PostfixSetup::default().refuse("bad@example.org");
    let postfix = match setup.starttls(&root.server(&["127.0.0.1"])).start() {
        Ok(postfix) => postfix,
        // The machine's fault, not ours; the sentence must help.
        Err(PostfixError::Missing(what)) => {
            assert!(what.contains("install") || what.contains("root"), "{what}");
            return;
        }
        Err(error) => panic!("{error}"),
    };
    let folder = tempfile::tempdir().unwrap();
    let authority = folder.path().join("ca.pem");
    fs::write(&authority, root.pem()).unwrap();
    let sent = Command::new("python3")
        .args(["-c", SEND, &postfix.address().port().to_string()])
        .arg(&authority)
        .output()
        .unwrap();
    let printed = String::from_utf8_lossy(&sent.stdout);
    let complaint = String::from_utf8_lossy(&sent.stderr);
    assert_eq!(printed.trim(), "{'bad@example.org': 550}", "{complaint}\n{}", postfix.log());

    let received = postfix.wait_for_received(2, Duration::from_secs(30)).unwrap();
    assert_eq!(received.len(), 2);
    for address in ["a@example.org", "b@example.com"] {
        let [message] = &postfix.received_for(address)[..] else { panic!("one for {address}") };
        let text = String::from_utf8_lossy(message);
        assert!(text.contains("\nSubject: hello\n") && text.ends_with("\n\n.dot\nend\n"), "{text}");
        assert!(text.contains("TLS"), "{text}");
    }
    assert!(postfix.received_for("bad@example.org").is_empty());

    let address = postfix.address();
    let folder = postfix.folder.path().to_owned();
    drop(postfix);
    assert!(TcpStream::connect(address).is_err(), "nobody listens after the drop");
    assert!(!folder.exists(), "the folder is gone after the drop");
}

#[test]
fn the_services_lose_their_chroot_and_get_the_port() {
    let table = "# remark\nsmtp      inet  n       -       y       -       -       smtpd\n\
                 smtp      unix  -       -       y       -       -       smtp\n  -o a=b\n";
    let expected = "127.0.0.1:2525 inet n - n - - smtpd\nsmtp unix - - n - - smtp\n  -o a=b\n";
    assert_eq!(service_table(table, "127.0.0.1:2525".parse().unwrap()), expected);
}
