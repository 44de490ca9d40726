//! Whether a certificate bears a name.
//!
//! Standard: RFC 6125 (subjectAltName only; a wildcard is a whole first label).

use std::net::IpAddr;

use openssl::error::ErrorStack;
use openssl::stack::Stack;
use openssl::x509::store::X509StoreBuilder;
use openssl::x509::verify::{X509CheckFlags, X509VerifyFlags, X509VerifyParam, X509VerifyParamRef};
use openssl::x509::{X509Ref, X509StoreContext, X509StoreContextRef, X509VerifyResult};

/// How names are compared.
pub(crate) const RULES: X509CheckFlags =
    X509CheckFlags::NO_PARTIAL_WILDCARDS.union(X509CheckFlags::NEVER_CHECK_SUBJECT);
// The numbers of <openssl/x509_vfy.h>.
const HOST_NAME: i32 = 62;
const IP_ADDRESS: i32 = 64;

/// Makes a verification ask for a name or an address.
pub(crate) fn ask_for(parameters: &mut X509VerifyParamRef, name: &str) -> Result<(), ErrorStack> {
    match name.parse::<IpAddr>() {
        Ok(ip) => parameters.set_ip(ip),
        Err(_) => parameters.set_host(name),
    }
}

/// Whether a verification has just failed at the name alone, and the certificate bears one of
/// these.
pub(super) fn bears_another(chain: &X509StoreContextRef, names: &[String]) -> bool {
    let is_about_name = matches!(chain.error().as_raw(), HOST_NAME | IP_ADDRESS);
    let leaf = chain.chain().and_then(|chain| chain.get(0)).or(chain.current_cert());
    let bears = |leaf: &X509Ref| names.iter().any(|name| bears_name(leaf, name).unwrap_or(false));
    let result = is_about_name && leaf.is_some_and(bears);
    // What OpenSSL noted on the way would be taken for a failure of the session.
    drop(ErrorStack::get());
    result
}

/// Nothing else about the certificate is looked at. OpenSSL compares names only while it
/// verifies, so the certificate is made its own trust anchor.
fn bears_name(certificate: &X509Ref, name: &str) -> Result<bool, ErrorStack> {
    let mut parameters = X509VerifyParam::new()?;
    parameters.set_flags(X509VerifyFlags::PARTIAL_CHAIN | X509VerifyFlags::NO_CHECK_TIME)?;
    parameters.set_auth_level(0);
    parameters.set_hostflags(RULES);
    ask_for(&mut parameters, name)?;
    let mut store = X509StoreBuilder::new()?;
    store.add_cert(certificate.to_owned())?;
    store.set_param(&parameters)?;
    let (store, none) = (store.build(), Stack::new()?);
    X509StoreContext::new()?.init(&store, certificate, &none, |context| {
        context.verify_cert()?;
        Ok(context.error() == X509VerifyResult::OK)
    })
}

#[cfg(test)]
mod tests {
    use annunciator_testkit::certificates::{Authority, self_signed};

    use super::*;

    #[test]
    fn a_name_is_borne_or_not_whatever_else_is_wrong() {
        let ca = Authority::new("ca");
        let names = ["mx.test", "*.wild.test", "192.0.2.1"];
        for identity in [ca.server(&names), ca.expired(&names), ca.rsa_1024(&names)] {
            for (name, expected) in [
                ("mx.test", true),
                ("MX.TEST", true),
                ("a.mx.test", false),
                ("a.wild.test", true),
                ("a.b.wild.test", false),
                ("192.0.2.1", true),
                ("192.0.2.2", false),
            ] {
                let found = bears_name(&identity.certificate, name).unwrap();
                assert_eq!(found, expected, "{name}");
            }
        }
        assert!(bears_name(&self_signed(&["mx.test"]).certificate, "mx.test").unwrap());
        assert!(!bears_name(&ca.common_name_only("mx.test").certificate, "mx.test").unwrap());
    }
}
