//! Numbers and octets into a frame between server and launcher process, and back.
//!
//! Both ends are the same binary: there is no version, and what cannot be read is a fault.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

/// Octets of the length that a frame begins with.
pub(crate) const LENGTH_BYTES: usize = 4;
/// Longest frame: the input of a job, and room for lengths, paths and limits.
pub(crate) const FRAME_BYTES_MAX: usize = crate::job::INPUT_BYTES_MAX + (16 << 20);

/// A frame that is being written.
pub(crate) struct Writer(Vec<u8>);

impl Writer {
    pub(crate) fn new() -> Self {
        Self(vec![0; LENGTH_BYTES])
    }

    pub(crate) fn number(&mut self, number: u64) {
        self.0.extend_from_slice(&number.to_le_bytes());
    }

    pub(crate) fn signed(&mut self, number: i32) {
        self.number(u64::from(number.cast_unsigned()));
    }

    pub(crate) fn octets(&mut self, octets: &[u8]) {
        self.number(octets.len() as u64);
        self.0.extend_from_slice(octets);
    }

    pub(crate) fn path(&mut self, path: &Path) {
        self.octets(path.as_os_str().as_bytes());
    }

    pub(crate) fn list<T>(&mut self, items: &[T], mut put: impl FnMut(&mut Self, &T)) {
        self.number(items.len() as u64);
        items.iter().for_each(|item| put(self, item));
    }

    /// The frame; none if it is longer than one may be.
    pub(crate) fn finish(mut self) -> Option<Vec<u8>> {
        let length = self.0.len() - LENGTH_BYTES;
        if length > FRAME_BYTES_MAX {
            return None;
        }
        self.0[..LENGTH_BYTES].copy_from_slice(&u32::try_from(length).ok()?.to_le_bytes());
        Some(self.0)
    }
}

/// The length of the frame that follows; none if it is longer than one may be.
pub(crate) fn frame_length(head: [u8; LENGTH_BYTES]) -> Option<usize> {
    let length = usize::try_from(u32::from_le_bytes(head)).ok()?;
    (length <= FRAME_BYTES_MAX).then_some(length)
}

/// A frame that is being read.
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn new(frame: &'a [u8]) -> Self {
        Self(frame)
    }

    pub(crate) fn number(&mut self) -> Option<u64> {
        let (head, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u64::from_le_bytes(*head))
    }

    pub(crate) fn size(&mut self) -> Option<usize> {
        usize::try_from(self.number()?).ok()
    }

    pub(crate) fn signed(&mut self) -> Option<i32> {
        Some(u32::try_from(self.number()?).ok()?.cast_signed())
    }

    pub(crate) fn octets(&mut self) -> Option<&'a [u8]> {
        let length = self.size()?;
        let (head, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(head)
    }

    pub(crate) fn text(&mut self) -> Option<String> {
        String::from_utf8(self.octets()?.to_vec()).ok()
    }

    pub(crate) fn path(&mut self) -> Option<PathBuf> {
        Some(OsString::from_vec(self.octets()?.to_vec()).into())
    }

    /// As many items as the frame says; it ends early where the frame does.
    pub(crate) fn list<T>(
        &mut self,
        mut take: impl FnMut(&mut Self) -> Option<T>,
    ) -> Option<Vec<T>> {
        let count = self.size()?;
        (0..count).map(|_| take(self)).collect()
    }

    /// Says that nothing may follow.
    pub(crate) fn end(&self) -> Option<()> {
        self.0.is_empty().then_some(())
    }
}
