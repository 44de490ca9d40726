//! Encrypted octets of PKCS#8 and PKCS#12, and of traditional PEM, into clear ones.
//!
//! In: what was encrypted, how (as the file says), a password, a budget. Out: clear octets, wiped
//! when dropped. Standard: RFC 8018 (PBES2), RFC 7292 appendix C (older algorithms), RFC 7914.
//! Failure: `password_wrong`, `too_costly`, `unsupported_encryption`, `malformed`.
//!
//! Own code, because a parser that decrypts on its own account does the work that the file asks
//! for before anybody can look at it (docs/adr/0027).

use openssl::hash::MessageDigest;
use openssl::symm::{self, Cipher};
use rc2::Rc2;
use rc2::cipher::{Block, BlockCipherDecrypt as _};
use zeroize::Zeroizing;

use crate::CertificateError;
use crate::der::{Element, Malformed, Reader, tag};
use crate::derivation::{self, Budget, Hash, Password, ScryptCost, Use};

/// Clear octets.
pub(crate) type Clear = Zeroizing<Vec<u8>>;

const PBES2: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0d";
const PBKDF2: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0c";
const SCRYPT: &[u8] = b"\x2b\x06\x01\x04\x01\xda\x47\x04\x0b";
/// `pkcs-12PbeIds`, followed by one octet.
const PKCS12_PBE: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x01";
/// `id-hmacWith…`: 7 is SHA-1, then SHA-224, SHA-256, SHA-384, SHA-512.
const HMAC: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x02";
const AES: &[u8] = b"\x60\x86\x48\x01\x65\x03\x04\x01";
const DES_EDE3: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x03\x07";
const RC2_BLOCK: usize = 8;

/// A cipher of ours or of OpenSSL.
enum Scheme {
    OpenSsl(Cipher),
    /// RC2, with its effective key length in bits: OpenSSL 3 has it only in a module that is
    /// often not installed.
    Rc2(usize),
}

/// The refusal of an algorithm.
fn unsupported(what: &str) -> CertificateError {
    let words = format!(
        "{what} is not supported: export it anew with AES-256 and PBKDF2, such as with \
         `openssl pkcs8 -topk8 -v2 aes256` or `openssl pkcs12 -export`"
    );
    CertificateError::new("unsupported_encryption", words)
}

/// The refusal of a password.
pub(crate) fn password_wrong() -> CertificateError {
    CertificateError::new("password_wrong", "the password does not open it: type it again")
}

impl From<Malformed> for CertificateError {
    fn from(_: Malformed) -> Self {
        Self::new("malformed", "it is damaged, or no file of this kind: export it anew")
    }
}

/// Decrypts what an `AlgorithmIdentifier` describes.
pub(crate) fn decrypt(
    algorithm: &Element<'_>,
    octets: &[u8],
    password: &Password,
    budget: &mut Budget,
) -> Result<Clear, CertificateError> {
    let mut fields = algorithm.inside()?;
    let oid = fields.expect(tag::OID)?.content;
    let parameters = fields.expect(tag::SEQUENCE)?;
    if oid == PBES2 {
        return decrypt_pbes2(&parameters, octets, password, budget);
    }
    let Some([kind]) = oid.strip_prefix(PKCS12_PBE) else {
        return Err(unsupported("its encryption"));
    };
    let (scheme, key_length) = match kind {
        3 => (Scheme::OpenSsl(Cipher::des_ede3_cbc()), 24),
        5 => (Scheme::Rc2(128), 16),
        6 => (Scheme::Rc2(40), 5),
        _ => return Err(unsupported("its encryption")),
    };
    let mut fields = parameters.inside()?;
    let salt = fields.expect(tag::OCTET_STRING)?.content;
    let iterations = fields.expect(tag::INTEGER)?.number()?;
    let mut derive = |purpose, length| {
        derivation::pkcs12(Hash::Sha1, purpose, password, salt, iterations, length, budget)
    };
    let key = derive(Use::Key, key_length)?;
    let iv = derive(Use::Iv, 8)?;
    decrypt_with(&scheme, &key, &iv, octets)
}

fn decrypt_pbes2(
    parameters: &Element<'_>,
    octets: &[u8],
    password: &Password,
    budget: &mut Budget,
) -> Result<Clear, CertificateError> {
    let mut fields = parameters.inside()?;
    let derivation = fields.expect(tag::SEQUENCE)?;
    let mut cipher = fields.expect(tag::SEQUENCE)?.inside()?;
    let oid = cipher.expect(tag::OID)?.content;
    let scheme = match (oid.strip_prefix(AES), oid) {
        (Some([2]), _) => Cipher::aes_128_cbc(),
        (Some([22]), _) => Cipher::aes_192_cbc(),
        (Some([42]), _) => Cipher::aes_256_cbc(),
        (_, DES_EDE3) => Cipher::des_ede3_cbc(),
        _ => return Err(unsupported("the cipher that encrypts it")),
    };
    let iv = cipher.expect(tag::OCTET_STRING)?.content;
    let key = derive_pbes2(&derivation, scheme.key_len(), password.text(), budget)?;
    decrypt_with(&Scheme::OpenSsl(scheme), &key, iv, octets)
}

fn derive_pbes2(
    derivation: &Element<'_>,
    length: usize,
    password: &[u8],
    budget: &mut Budget,
) -> Result<Clear, CertificateError> {
    let mut fields = derivation.inside()?;
    let oid = fields.expect(tag::OID)?.content;
    let mut parameters = fields.expect(tag::SEQUENCE)?.inside()?;
    match oid {
        PBKDF2 => {
            let salt = parameters.expect(tag::OCTET_STRING)?.content;
            let iterations = parameters.expect(tag::INTEGER)?.number()?;
            check_length(&mut parameters, length)?;
            let hash = match parameters.take_if(tag::SEQUENCE)? {
                None => Hash::Sha1,
                Some(prf) => hash_of_hmac(&prf)?,
            };
            derivation::pbkdf2(hash, password, salt, iterations, length, budget)
        }
        SCRYPT => {
            let salt = parameters.expect(tag::OCTET_STRING)?.content;
            let mut number = || parameters.expect(tag::INTEGER)?.number();
            let cost = ScryptCost { cost: number()?, block_size: number()?, parallel: number()? };
            check_length(&mut parameters, length)?;
            derivation::scrypt(password, salt, cost, length, budget)
        }
        _ => Err(unsupported("the key derivation that encrypts it")),
    }
}

/// The length that some programs name must be the cipher's.
fn check_length(parameters: &mut Reader<'_>, length: usize) -> Result<(), Malformed> {
    match parameters.take_if(tag::INTEGER)? {
        Some(named) if named.number()? != length as u64 => Err(Malformed),
        _ => Ok(()),
    }
}

fn hash_of_hmac(prf: &Element<'_>) -> Result<Hash, CertificateError> {
    let oid = prf.inside()?.expect(tag::OID)?.content;
    match oid.strip_prefix(HMAC) {
        Some([7]) => Ok(Hash::Sha1),
        Some([8]) => Ok(Hash::Sha224),
        Some([9]) => Ok(Hash::Sha256),
        Some([10]) => Ok(Hash::Sha384),
        Some([11]) => Ok(Hash::Sha512),
        _ => Err(unsupported("the hash of its key derivation")),
    }
}

fn decrypt_with(
    scheme: &Scheme,
    key: &[u8],
    iv: &[u8],
    octets: &[u8],
) -> Result<Clear, CertificateError> {
    match scheme {
        Scheme::OpenSsl(cipher) => {
            if cipher.iv_len() != Some(iv.len()) {
                return Err(Malformed.into());
            }
            let clear = symm::decrypt(*cipher, key, Some(iv), octets);
            clear.map(Zeroizing::new).map_err(|_| password_wrong())
        }
        Scheme::Rc2(bits) => decrypt_rc2(key, *bits, iv, octets),
    }
}

/// RC2 in CBC mode with PKCS#7 padding.
fn decrypt_rc2(
    key: &[u8],
    bits: usize,
    iv: &[u8],
    octets: &[u8],
) -> Result<Clear, CertificateError> {
    if !octets.len().is_multiple_of(RC2_BLOCK) || iv.len() != RC2_BLOCK {
        return Err(Malformed.into());
    }
    let cipher = Rc2::new_with_eff_key_len(key, bits);
    let mut clear = Zeroizing::new(Vec::with_capacity(octets.len()));
    let mut before = iv;
    for chunk in octets.chunks_exact(RC2_BLOCK) {
        let mut block = Block::<Rc2>::try_from(chunk).expect("chunks have the size of a block");
        cipher.decrypt_block(&mut block);
        clear.extend(block.iter().zip(before).map(|(octet, mask)| octet ^ mask));
        before = chunk;
    }
    let padding = usize::from(clear.last().copied().unwrap_or(0));
    let is_padded = (1..=RC2_BLOCK).contains(&padding)
        && clear.iter().rev().take(padding).all(|octet| usize::from(*octet) == padding);
    if !is_padded {
        return Err(password_wrong());
    }
    let length = clear.len() - padding;
    clear.truncate(length);
    Ok(clear)
}

/// Decrypts a key of traditional PEM; `how` is the value of its header `DEK-Info`.
pub(crate) fn decrypt_traditional(
    how: &str,
    octets: &[u8],
    password: &Password,
) -> Result<Clear, CertificateError> {
    let (name, iv) = how.split_once(',').ok_or(Malformed)?;
    let cipher = match name.trim() {
        "AES-128-CBC" => Cipher::aes_128_cbc(),
        "AES-192-CBC" => Cipher::aes_192_cbc(),
        "AES-256-CBC" => Cipher::aes_256_cbc(),
        "DES-EDE3-CBC" => Cipher::des_ede3_cbc(),
        _ => return Err(unsupported("the cipher that encrypts it")),
    };
    let iv = base16(iv.trim()).filter(|iv| cipher.iv_len() == Some(iv.len())).ok_or(Malformed)?;
    // One round of MD5, as this format has it since the last century: it costs nothing.
    let salt = iv.get(..8).ok_or(Malformed)?;
    let digest = MessageDigest::md5();
    let derived = openssl::pkcs5::bytes_to_key(cipher, digest, password.text(), Some(salt), 1)
        .map_err(|_| unsupported("the key derivation that encrypts it"))?;
    let key = Zeroizing::new(derived.key);
    decrypt_with(&Scheme::OpenSsl(cipher), &key, &iv, octets)
}

fn base16(text: &str) -> Option<Vec<u8>> {
    if !text.is_ascii() || !text.len().is_multiple_of(2) || text.len() > 64 {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok()).collect()
}
