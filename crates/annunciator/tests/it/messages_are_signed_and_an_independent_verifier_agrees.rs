//! A signing key is uploaded and named, its DNS record is printed, and dkimpy accepts the mail.

use annunciator_testkit::certificates::{ed25519_signing_key, rsa_signing_key};
use annunciator_testkit::python_dkim::verify_with_dkimpy;
use annunciator_testkit::relay::Relay;

use crate::certificates::uploaded;
use crate::support::{PATIENCE, Site, text};

#[test]
fn messages_are_signed_and_an_independent_verifier_agrees() {
    for key in [rsa_signing_key(2_048), ed25519_signing_key()] {
        let relay = Relay::builder().start();
        let site = Site::with_relay(&relay);
        let id = uploaded(&site, "signing_key", &[&key], "");
        let shown = site.get(&format!("/api/v1/certificates/{id}"));
        let record = text(&shown["dns_record"]).to_owned();
        let printed = site.run(&["certificate", "show", &id]);
        assert!(printed.contains(&format!("{record}\n")), "{printed}");
        site.run(&[
            "settings",
            "set",
            &format!("email.dkim_key={id}"),
            "email.dkim_selector=mail",
            "email.sender=alerts@x.example",
        ]);
        let tested = site.run(&["test-message"]);
        assert!(tested.contains("signed by d=x.example s=mail"), "{tested}");
        site.submit("disk.full");
        let messages = relay.wait_for_messages(2, PATIENCE).unwrap();
        let octets: Vec<_> = messages.into_iter().map(|message| message.raw).collect();
        let records = [("mail._domainkey.x.example".to_owned(), record)];
        for verdict in verify_with_dkimpy(&octets, &records) {
            assert!(verdict.is_good, "{verdict:?}");
        }
        site.wait_for_deliveries(1, "delivered");
    }
}
