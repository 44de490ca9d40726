//! The objects that are in force, by id.

use std::collections::HashMap;
use std::sync::Arc;

use crate::object::{Authorities, CertificateObject, ClientCertificate, ClientHalf, SigningKey};

/// The objects that are in force, by id. Cheap to clone.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct CertificateBook(Arc<HashMap<String, CertificateObject>>);

impl CertificateBook {
    /// A book of these objects.
    #[must_use]
    pub fn new(objects: HashMap<String, CertificateObject>) -> Self {
        Self(Arc::new(objects))
    }

    /// The object of that id.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&CertificateObject> {
        self.0.get(id)
    }

    /// The trusted certificates of that id.
    #[must_use]
    pub fn authorities(&self, id: &str) -> Option<&Authorities> {
        match self.get(id) {
            Some(CertificateObject::Authorities(authorities)) => Some(authorities),
            _ => None,
        }
    }

    /// The certificate with its key of that id.
    #[must_use]
    pub fn client(&self, id: &str) -> Option<&ClientCertificate> {
        match self.get(id) {
            Some(CertificateObject::Client(client)) => Some(client),
            _ => None,
        }
    }

    /// What the object of that id has of a client certificate, when the other part is missing.
    #[must_use]
    pub fn half(&self, id: &str) -> Option<ClientHalf> {
        match self.get(id) {
            Some(CertificateObject::Half(half)) => Some(*half),
            _ => None,
        }
    }

    /// The signing key of that id.
    #[must_use]
    pub fn signing_key(&self, id: &str) -> Option<&SigningKey> {
        match self.get(id) {
            Some(CertificateObject::SigningKey(key)) => Some(key),
            _ => None,
        }
    }
}
