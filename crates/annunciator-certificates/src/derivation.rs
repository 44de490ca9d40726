//! Passwords into keys, within a budget that is charged before any work is done.
//!
//! In: a password and the parameters that the file itself names. Out: key octets.
//! Standard: RFC 7292 appendix B (PKCS#12), RFC 8018 (PBKDF2), RFC 7914 (scrypt).
//! Failure: `too_costly`: the count stands in the file, and whoever made the file chose it
//! (quality G14: a 2.5 kB file with 2^31−1 iterations hangs every common parser).

use openssl::hash::MessageDigest;
use openssl::sha;
use zeroize::Zeroizing;

use crate::CertificateError;

/// What one upload may cost in all: about one second. Unit: iterations for one block of output.
/// A file with 600,000 iterations for its check, its certificates and its key fits.
pub(crate) const WORK_MAX: u64 = 2_000_000;
/// Memory of scrypt. Unit: octets.
const SCRYPT_BYTES_MAX: u64 = 32 << 20;

/// What the derivations of one upload may still cost.
pub(crate) struct Budget(u64);

impl Budget {
    /// A whole budget.
    pub(crate) fn new() -> Self {
        Self(WORK_MAX)
    }

    /// Takes the price of a derivation, before it is done.
    fn charge(&mut self, iterations: u64, blocks: u64) -> Result<(), CertificateError> {
        let price = iterations.max(1).saturating_mul(blocks.max(1));
        self.0 = self.0.checked_sub(price).ok_or_else(|| {
            CertificateError::new(
                "too_costly",
                format!(
                    "opening the file would take more than {WORK_MAX} iterations of key \
                     derivation: export it with fewer, such as 2,048 to 600,000"
                ),
            )
        })?;
        Ok(())
    }
}

/// The hash below a derivation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Hash {
    Sha1,
    Sha224,
    Sha256,
    Sha384,
    Sha512,
}

impl Hash {
    /// Length of its output. Unit: octets.
    pub(crate) fn size(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha224 => 28,
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }

    fn block_size(self) -> usize {
        if matches!(self, Self::Sha384 | Self::Sha512) { 128 } else { 64 }
    }

    /// The same for OpenSSL.
    pub(crate) fn to_digest(self) -> MessageDigest {
        match self {
            Self::Sha1 => MessageDigest::sha1(),
            Self::Sha224 => MessageDigest::sha224(),
            Self::Sha256 => MessageDigest::sha256(),
            Self::Sha384 => MessageDigest::sha384(),
            Self::Sha512 => MessageDigest::sha512(),
        }
    }

    /// Hashes into a buffer of its size. Not the one-shot functions: in OpenSSL 3 they look the
    /// algorithm up anew at each call, which costs more than the hash.
    fn digest(self, octets: &[u8], output: &mut [u8]) {
        macro_rules! hash {
            ($hasher:ident) => {{
                let mut hasher = sha::$hasher::new();
                hasher.update(octets);
                output.copy_from_slice(&hasher.finish());
            }};
        }
        match self {
            Self::Sha1 => hash!(Sha1),
            Self::Sha224 => hash!(Sha224),
            Self::Sha256 => hash!(Sha256),
            Self::Sha384 => hash!(Sha384),
            Self::Sha512 => hash!(Sha512),
        }
    }
}

/// What a derived key of PKCS#12 is for; the number goes into it.
#[derive(Clone, Copy)]
pub(crate) enum Use {
    Key = 1,
    Iv = 2,
    Mac = 3,
}

/// A password in the two forms that the standards want.
#[derive(Clone)]
pub(crate) struct Password {
    text: Zeroizing<Vec<u8>>,
    /// UTF-16 with its end, as PKCS#12 wants it; some programs leave an empty one out whole.
    wide: Zeroizing<Vec<u8>>,
}

impl Password {
    /// The password as it was typed.
    pub(crate) fn new(text: &str) -> Self {
        let units = text.encode_utf16().chain([0]);
        let wide = Zeroizing::new(units.flat_map(u16::to_be_bytes).collect());
        Self { text: Zeroizing::new(text.as_bytes().to_vec()), wide }
    }

    /// No password at all, which for PKCS#12 is another one than the empty password.
    pub(crate) fn none() -> Self {
        Self { text: Zeroizing::default(), wide: Zeroizing::default() }
    }

    /// As UTF-8.
    pub(crate) fn text(&self) -> &[u8] {
        &self.text
    }
}

/// The derivation of PKCS#12 (RFC 7292 appendix B.2).
pub(crate) fn pkcs12(
    hash: Hash,
    purpose: Use,
    password: &Password,
    salt: &[u8],
    iterations: u64,
    length: usize,
    budget: &mut Budget,
) -> Result<Zeroizing<Vec<u8>>, CertificateError> {
    let blocks = length.div_ceil(hash.size());
    budget.charge(iterations, blocks as u64)?;
    let width = hash.block_size();
    let fill = |octets: &[u8]| -> Vec<u8> {
        octets.iter().copied().cycle().take(width * octets.len().div_ceil(width)).collect()
    };
    let mut pieces = Zeroizing::new(fill(salt));
    pieces.extend(fill(&password.wide));
    let mut output = Zeroizing::new(Vec::new());
    for _ in 0..blocks {
        let mut first = Zeroizing::new(vec![purpose as u8; width]);
        first.extend_from_slice(&pieces);
        let mut block = Zeroizing::new(vec![0; hash.size()]);
        hash.digest(&first, &mut block);
        let mut last = block.clone();
        for _ in 1..iterations.max(1) {
            hash.digest(&last, &mut block);
            last.copy_from_slice(&block);
        }
        output.extend_from_slice(&block);
        for piece in pieces.chunks_mut(width) {
            add_one_more(piece, &block);
        }
    }
    output.truncate(length);
    Ok(output)
}

/// `piece` = `piece` + `block`, repeated to its length, + 1, as big-endian numbers.
fn add_one_more(piece: &mut [u8], block: &[u8]) {
    let mut carry = 1_u16;
    for at in (0..piece.len()).rev() {
        let sum = u16::from(piece[at]) + u16::from(block[at % block.len()]) + carry;
        let [high, low] = sum.to_be_bytes();
        piece[at] = low;
        carry = u16::from(high);
    }
}

/// PBKDF2 (RFC 8018 section 5.2).
pub(crate) fn pbkdf2(
    hash: Hash,
    password: &[u8],
    salt: &[u8],
    iterations: u64,
    length: usize,
    budget: &mut Budget,
) -> Result<Zeroizing<Vec<u8>>, CertificateError> {
    budget.charge(iterations, length.div_ceil(hash.size()) as u64)?;
    let mut key = Zeroizing::new(vec![0; length]);
    let iterations = usize::try_from(iterations.max(1)).unwrap_or(usize::MAX);
    openssl::pkcs5::pbkdf2_hmac(password, salt, iterations, hash.to_digest(), &mut key)
        .map_err(|_| failed())?;
    Ok(key)
}

/// The cost of scrypt, as the file names it.
#[derive(Clone, Copy)]
pub(crate) struct ScryptCost {
    /// N.
    pub(crate) cost: u64,
    /// r.
    pub(crate) block_size: u64,
    /// p.
    pub(crate) parallel: u64,
}

/// scrypt (RFC 7914).
pub(crate) fn scrypt(
    password: &[u8],
    salt: &[u8],
    cost: ScryptCost,
    length: usize,
    budget: &mut Budget,
) -> Result<Zeroizing<Vec<u8>>, CertificateError> {
    let ScryptCost { cost, block_size, parallel } = cost;
    let bytes = cost.saturating_mul(block_size).saturating_mul(128);
    if bytes > SCRYPT_BYTES_MAX || parallel.saturating_mul(block_size) > 1 << 16 {
        let words = format!(
            "opening the file would take more than {SCRYPT_BYTES_MAX} octets of memory: export it \
             with PBKDF2, or with a smaller cost of scrypt"
        );
        return Err(CertificateError::new("too_costly", words));
    }
    budget.charge(cost.saturating_mul(block_size), parallel)?;
    let mut key = Zeroizing::new(vec![0; length]);
    // OpenSSL counts a little more than the table itself.
    let memory_max = SCRYPT_BYTES_MAX * 2;
    openssl::pkcs5::scrypt(password, salt, cost, block_size, parallel, memory_max, &mut key)
        .map_err(|_| failed())?;
    Ok(key)
}

fn failed() -> CertificateError {
    CertificateError::new("malformed", "the parameters of its encryption make no sense")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(octets: &[u8]) -> String {
        octets.iter().map(|octet| format!("{octet:02x}")).collect()
    }

    #[test]
    fn the_derivation_of_pkcs12_gives_the_known_keys() {
        // Vectors of Bouncy Castle and of RustCrypto's `pkcs12`, which has them from OpenSSL.
        let password = Password::new("ge@äheim");
        let salt = [1, 2, 3, 4, 5, 6, 7, 8];
        for (purpose, iterations, expected) in [
            (Use::Key, 100, "fae4d4957a3cc781e1180b9d4fb79c1e0c8579b746a3177e5b0768a3118bf863"),
            (Use::Iv, 100, "e5ff813bc6547de5155b14d2fada85b3201a977349db6e26ccc998d9e8f83d6c"),
            (Use::Mac, 100, "136355ed9434516682534f46d63956db5ff06b844702c2c1f3b46321e2524a4d"),
        ] {
            let mut budget = Budget::new();
            let key = pkcs12(Hash::Sha256, purpose, &password, &salt, iterations, 32, &mut budget);
            assert_eq!(hex(&key.unwrap()), expected);
        }
    }

    #[test]
    fn nothing_is_derived_beyond_the_budget() {
        let password = Password::new("x");
        let code = |outcome: Result<Zeroizing<Vec<u8>>, CertificateError>| {
            outcome.err().map(|error| error.code)
        };
        for iterations in [WORK_MAX + 1, 0x7fff_ffff, u64::MAX] {
            let mut budget = Budget::new();
            let found = pkcs12(Hash::Sha1, Use::Mac, &password, b"s", iterations, 20, &mut budget);
            assert_eq!(code(found), Some("too_costly"));
            let found = pbkdf2(Hash::Sha256, b"x", b"s", iterations, 32, &mut Budget::new());
            assert_eq!(code(found), Some("too_costly"));
        }
        // Each alone would fit; all together do not.
        let mut budget = Budget(10);
        let mut derive = || pbkdf2(Hash::Sha1, b"x", b"s", 2, 40, &mut budget);
        assert_eq!([code(derive()), code(derive())], [None, None]);
        assert_eq!(code(derive()), Some("too_costly"));
        for (cost, block_size, parallel) in
            [(1 << 20, 8, 1), (1 << 10, 1 << 20, 1), (16, 1, 1 << 30), (1 << 15, 8, 64)]
        {
            let cost = ScryptCost { cost, block_size, parallel };
            let found = scrypt(b"x", b"s", cost, 32, &mut Budget::new());
            assert_eq!(code(found), Some("too_costly"));
        }
    }
}
