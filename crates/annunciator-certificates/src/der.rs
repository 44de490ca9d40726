//! Octets into elements: a bounded reader of BER and DER, the look that comes before any parser.
//!
//! In: octets from outside. Out: [`Element`]s, borrowed. Standard: ITU-T X.690.
//! Failure: [`Malformed`]; nesting and the number of elements are bounded, nothing is copied but
//! octet strings that come in pieces.

use std::borrow::Cow;

/// Deepest nesting that is followed.
const DEPTH_MAX: u8 = 24;
/// Most elements of one certificate or key.
const ELEMENTS_MAX: usize = 20_000;
/// Most pieces of an octet string.
const PIECES_MAX: usize = 10_000;

/// The octets are not what they must be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Malformed;

/// What the reader answers.
pub(crate) type Result<T> = std::result::Result<T, Malformed>;

/// Tags that are met here.
pub(crate) mod tag {
    pub(crate) const BOOLEAN: u8 = 0x01;
    pub(crate) const INTEGER: u8 = 0x02;
    pub(crate) const BIT_STRING: u8 = 0x03;
    pub(crate) const OCTET_STRING: u8 = 0x04;
    pub(crate) const OID: u8 = 0x06;
    pub(crate) const SEQUENCE: u8 = 0x30;
    /// `[0]`, constructed.
    pub(crate) const CONTEXT_0: u8 = 0xa0;
    /// `[3]`, constructed.
    pub(crate) const CONTEXT_3: u8 = 0xa3;
    /// The bit of a tag that says that elements are inside.
    pub(crate) const CONSTRUCTED: u8 = 0x20;
}

/// One element: tag and content.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Element<'a> {
    /// Class, form and number in one octet.
    pub(crate) tag: u8,
    /// The content, without tag and length.
    pub(crate) content: &'a [u8],
    /// The whole element.
    pub(crate) whole: &'a [u8],
    depth: u8,
}

/// Elements one after the other.
#[derive(Clone, Debug)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
    depth: u8,
}

impl<'a> Reader<'a> {
    /// Reads these octets.
    pub(crate) fn new(octets: &'a [u8]) -> Self {
        Self { rest: octets, depth: DEPTH_MAX }
    }

    /// The next element; none at the end.
    pub(crate) fn next(&mut self) -> Result<Option<Element<'a>>> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let (element, rest) = split(self.rest, self.depth)?;
        self.rest = rest;
        Ok(Some(element))
    }

    /// The next element, which must have this tag.
    pub(crate) fn expect(&mut self, tag: u8) -> Result<Element<'a>> {
        let element = self.next()?.ok_or(Malformed)?;
        if element.tag == tag { Ok(element) } else { Err(Malformed) }
    }

    /// The next element when it has this tag; else it stays where it is.
    pub(crate) fn take_if(&mut self, tag: u8) -> Result<Option<Element<'a>>> {
        if self.rest.first() == Some(&tag) { self.next() } else { Ok(None) }
    }

    /// Nothing may follow.
    pub(crate) fn end(&self) -> Result<()> {
        if self.rest.is_empty() { Ok(()) } else { Err(Malformed) }
    }
}

impl<'a> Element<'a> {
    /// Reads what is inside.
    pub(crate) fn inside(&self) -> Result<Reader<'a>> {
        let depth = self.depth.checked_sub(1).ok_or(Malformed)?;
        if self.tag & tag::CONSTRUCTED == 0 {
            return Err(Malformed);
        }
        Ok(Reader { rest: self.content, depth })
    }

    /// The octets of an octet string, gathered when it comes in pieces.
    pub(crate) fn octets(&self) -> Result<Cow<'a, [u8]>> {
        if self.tag & tag::CONSTRUCTED == 0 {
            return Ok(Cow::Borrowed(self.content));
        }
        let (mut gathered, mut pieces) = (Vec::new(), 0);
        self.gather(&mut gathered, &mut pieces)?;
        Ok(Cow::Owned(gathered))
    }

    fn gather(&self, gathered: &mut Vec<u8>, pieces: &mut usize) -> Result<()> {
        let mut inside = self.inside()?;
        while let Some(piece) = inside.next()? {
            *pieces += 1;
            if *pieces > PIECES_MAX {
                return Err(Malformed);
            }
            match piece.tag {
                tag::OCTET_STRING => gathered.extend_from_slice(piece.content),
                other if other == tag::OCTET_STRING | tag::CONSTRUCTED => {
                    piece.gather(gathered, pieces)?;
                }
                _ => return Err(Malformed),
            }
        }
        Ok(())
    }

    /// A whole number that is not negative; numbers beyond 64 bits are the greatest one.
    pub(crate) fn number(&self) -> Result<u64> {
        let digits = self.magnitude()?;
        if digits.len() > 8 {
            return Ok(u64::MAX);
        }
        Ok(digits.iter().fold(0, |number, octet| number << 8 | u64::from(*octet)))
    }

    /// The octets of a whole number that is not negative, without leading zeros.
    pub(crate) fn magnitude(&self) -> Result<&'a [u8]> {
        let first = *self.content.first().ok_or(Malformed)?;
        if self.tag != tag::INTEGER || first & 0x80 != 0 {
            return Err(Malformed);
        }
        let zeros = self.content.iter().take_while(|octet| **octet == 0).count();
        Ok(&self.content[zeros..])
    }
}

/// The first element of octets, and what follows it.
fn split(octets: &[u8], depth: u8) -> Result<(Element<'_>, &[u8])> {
    let (&tag, after_tag) = octets.split_first().ok_or(Malformed)?;
    // Tags of several octets are used nowhere here.
    if tag & 0x1f == 0x1f {
        return Err(Malformed);
    }
    let (&first, mut rest) = after_tag.split_first().ok_or(Malformed)?;
    let length = match first {
        0..=0x7f => usize::from(first),
        0x80 => return split_indefinite(octets, tag, rest, depth),
        0x81..=0x84 => {
            let (digits, after) =
                rest.split_at_checked(usize::from(first & 0x7f)).ok_or(Malformed)?;
            rest = after;
            digits.iter().fold(0, |length, octet| length << 8 | usize::from(*octet))
        }
        _ => return Err(Malformed),
    };
    let (content, after) = rest.split_at_checked(length).ok_or(Malformed)?;
    let whole = &octets[..octets.len() - after.len()];
    Ok((Element { tag, content, whole, depth }, after))
}

/// An element whose end is marked by two zero octets (BER, as old systems write PKCS#12).
fn split_indefinite<'a>(
    octets: &'a [u8],
    tag: u8,
    content: &'a [u8],
    depth: u8,
) -> Result<(Element<'a>, &'a [u8])> {
    let inner = depth.checked_sub(1).ok_or(Malformed)?;
    if tag & tag::CONSTRUCTED == 0 {
        return Err(Malformed);
    }
    let mut rest = content;
    loop {
        if let [0, 0, after @ ..] = rest {
            let whole = &octets[..octets.len() - after.len()];
            let content = &content[..content.len() - rest.len()];
            return Ok((Element { tag, content, whole, depth }, after));
        }
        (_, rest) = split(rest, inner)?;
    }
}

/// One element and nothing else, whose nesting and number of elements are within bounds: what a
/// parser may see.
pub(crate) fn check_shape(octets: &[u8]) -> Result<Element<'_>> {
    let mut reader = Reader::new(octets);
    let top = reader.next()?.ok_or(Malformed)?;
    reader.end()?;
    let mut open = vec![top.inside()?];
    let mut count = 0;
    while let Some(reader) = open.last_mut() {
        match reader.next()? {
            None => drop(open.pop()),
            Some(element) => {
                count += 1;
                if count > ELEMENTS_MAX {
                    return Err(Malformed);
                }
                if element.tag & tag::CONSTRUCTED != 0 {
                    open.push(element.inside()?);
                }
            }
        }
    }
    Ok(top)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_read_in_definite_and_indefinite_form() {
        let definite = [0x30, 0x06, 0x02, 0x01, 0x05, 0x04, 0x01, b'x'];
        let indefinite = [0x30, 0x80, 0x02, 0x01, 0x05, 0x04, 0x01, b'x', 0, 0];
        for octets in [&definite[..], &indefinite] {
            let mut outer = Reader::new(octets);
            let sequence = outer.expect(tag::SEQUENCE).unwrap();
            assert_eq!(outer.end(), Ok(()));
            assert_eq!(sequence.whole, octets);
            let mut inside = sequence.inside().unwrap();
            assert_eq!(inside.expect(tag::INTEGER).unwrap().number(), Ok(5));
            assert!(inside.take_if(tag::INTEGER).unwrap().is_none());
            assert_eq!(inside.expect(tag::OCTET_STRING).unwrap().content, b"x");
            assert_eq!(inside.end(), Ok(()));
        }
    }

    #[test]
    fn an_octet_string_in_pieces_is_gathered() {
        let pieces = [0x24, 0x80, 0x04, 0x01, b'a', 0x24, 0x03, 0x04, 0x01, b'b', 0, 0];
        let element = Reader::new(&pieces).next().unwrap().unwrap();
        assert_eq!(element.octets().unwrap().as_ref(), b"ab");
    }

    #[test]
    fn what_breaks_a_bound_is_malformed() {
        let deep: Vec<u8> = (0..100).flat_map(|_| [0x30, 0x80]).collect();
        // Length after length, each around the next.
        let mut nested = Vec::new();
        for _ in 0..60 {
            let mut outer = vec![0x30, u8::try_from(nested.len()).unwrap()];
            outer.append(&mut nested);
            nested = outer;
        }
        let mut many = vec![0x30, 0x83, 0x00, 0xc3, 0x50];
        many.extend([0x05, 0x00].repeat(25_000));
        for (octets, what) in [
            (&deep[..], "nesting without lengths"),
            (&nested, "nesting"),
            (&many, "number of elements"),
            (&[0x30, 0x05, 0x01], "cut short"),
            (&[0x30, 0x85, 0, 0, 0, 0, 0], "length of five octets"),
            (&[0x3f, 0x81, 0x01, 0x00], "long tag"),
            (&[0x30, 0x00, 0x00], "something behind"),
            (&[0x02, 0x01, 0x01], "nothing inside"),
            (&[], "nothing"),
        ] {
            assert!(check_shape(octets).is_err(), "{what}");
        }
        assert!(check_shape(&[0x30, 0x03, 0x02, 0x01, 0x01]).is_ok());
    }

    #[test]
    fn numbers_are_not_negative_and_bounded() {
        let number = |octets: &[u8]| Reader::new(octets).next().unwrap().unwrap().number();
        for (octets, expected) in [
            (&[0x02, 0x01, 0x00][..], Ok(0)),
            (&[0x02, 0x02, 0x08, 0x00], Ok(2_048)),
            (&[0x02, 0x05, 0x00, 0xff, 0xff, 0xff, 0xff], Ok(0xffff_ffff)),
            (&[0x02, 0x09, 0x01, 0, 0, 0, 0, 0, 0, 0, 0], Ok(u64::MAX)),
            (&[0x02, 0x01, 0x80], Err(Malformed)),
            (&[0x02, 0x00], Err(Malformed)),
            (&[0x04, 0x01, 0x01], Err(Malformed)),
        ] {
            assert_eq!(number(octets), expected, "{octets:?}");
        }
    }
}
