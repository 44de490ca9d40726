//! PEM text into blocks: label, headers and octets.
//!
//! In: a file from outside. Out: [`Block`]s in their order; text between them is skipped, as
//! OpenSSL writes some there. Standard: RFC 7468, RFC 1421 for the headers of encrypted keys.
//! Failure: a block that does not end or is no base64 refuses the file.

use base64ct::{Base64, Encoding as _};
use zeroize::Zeroizing;

use crate::CertificateError;

/// Most blocks of one file: the most certificates, a key and its parameters.
const BLOCKS_MAX: usize = 110;
/// Longest block. Unit: octets of its text.
const BLOCK_BYTES_MAX: usize = 128 << 10;

/// One block.
pub(crate) struct Block {
    /// Such as `CERTIFICATE`.
    pub(crate) label: String,
    /// Value of the header `DEK-Info`, when the key is encrypted the traditional way.
    pub(crate) encryption: Option<String>,
    /// The octets; they may be a key.
    pub(crate) octets: Zeroizing<Vec<u8>>,
}

/// Whether a file is PEM: it holds a line that begins a block.
pub(crate) fn is_pem(file: &[u8]) -> bool {
    // A certificate may well hold these octets, but DER never begins as text does.
    file.first() != Some(&0x30) && find(file, b"-----BEGIN ").is_some()
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|window| window == what)
}

/// All blocks of a file.
///
/// # Errors
/// `too_many` blocks, `malformed` ones.
pub(crate) fn read_blocks(file: &[u8]) -> Result<Vec<Block>, CertificateError> {
    let mut blocks = Vec::new();
    let mut lines = file.split(|octet| matches!(octet, b'\n' | b'\r')).map(<[u8]>::trim_ascii);
    while let Some(line) = lines.next() {
        let Some(label) = label_of(line, "-----BEGIN ") else { continue };
        if blocks.len() == BLOCKS_MAX {
            let words = format!("the file holds more than {BLOCKS_MAX} PEM blocks: split it");
            return Err(CertificateError::new("too_many", words));
        }
        blocks.push(read_block(label, &mut lines)?);
    }
    Ok(blocks)
}

fn read_block<'a>(
    label: String,
    lines: &mut impl Iterator<Item = &'a [u8]>,
) -> Result<Block, CertificateError> {
    let malformed = |what: &str| {
        let words = format!("the PEM block `{label}` {what}: export the file anew");
        CertificateError::new("malformed", words)
    };
    let mut text = Zeroizing::new(String::new());
    let mut encryption = None;
    for line in lines {
        if let Some(end) = label_of(line, "-----END ") {
            if end != label {
                return Err(malformed("ends with another label than it begins with"));
            }
            let octets = Base64::decode_vec(&text).map_err(|_| malformed("is no base64"))?;
            let octets = Zeroizing::new(octets);
            return Ok(Block { label, encryption, octets });
        }
        let line = std::str::from_utf8(line).map_err(|_| malformed("is no text"))?;
        match line.split_once(':') {
            Some(("DEK-Info", value)) => encryption = Some(value.trim().to_owned()),
            Some(_) => {}
            None => text.push_str(line),
        }
        if text.len() > BLOCK_BYTES_MAX {
            return Err(malformed("is too long"));
        }
    }
    Err(malformed("does not end"))
}

/// The label of a line such as `-----BEGIN CERTIFICATE-----`; control characters are no label.
fn label_of(line: &[u8], prefix: &str) -> Option<String> {
    let label = line.strip_prefix(prefix.as_bytes())?.strip_suffix(b"-----")?;
    let is_label = |octet: &u8| octet.is_ascii_uppercase() || b" 0123456789".contains(octet);
    if label.len() > 64 || !label.iter().all(is_label) {
        return None;
    }
    String::from_utf8(label.to_vec()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_found_among_other_text() {
        let text = "Bag Attributes: x\r\n-----BEGIN A-----\r\nAAEC\r\n-----END A-----\n\n\
                    -----BEGIN B KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: X,00\n\nAw==\n\
                    -----END B KEY-----";
        let blocks = read_blocks(text.as_bytes()).unwrap();
        assert!(is_pem(text.as_bytes()));
        assert_eq!(blocks.len(), 2);
        assert_eq!((blocks[0].label.as_str(), blocks[0].octets.as_slice()), ("A", &[0, 1, 2][..]));
        assert_eq!(blocks[0].encryption, None);
        assert_eq!((blocks[1].label.as_str(), blocks[1].octets.as_slice()), ("B KEY", &[3][..]));
        assert_eq!(blocks[1].encryption.as_deref(), Some("X,00"));
    }

    #[test]
    fn a_broken_block_refuses_the_file() {
        let many = "-----BEGIN A-----\n-----END A-----\n".repeat(BLOCKS_MAX + 1);
        let long = format!("-----BEGIN A-----\n{}\n", "A".repeat(BLOCK_BYTES_MAX + 1));
        for (text, code, words) in [
            ("-----BEGIN A-----\nAAEC\n", "malformed", "does not end"),
            ("-----BEGIN A-----\nAAEC\n-----END B-----", "malformed", "another label"),
            ("-----BEGIN A-----\n!!\n-----END A-----", "malformed", "base64"),
            (&long, "malformed", "too long"),
            (&many, "too_many", "more than"),
        ] {
            let error = read_blocks(text.as_bytes()).err().expect("refused");
            assert_eq!(error.code, code);
            assert!(error.words.contains(words), "{}", error.words);
        }
    }
}
