//! An output stream of a program into its beginning and its length.
//!
//! Everything is read, so that no program waits for us, and only the beginning is kept.

use std::io;
use std::os::fd::OwnedFd;

use rustix::io::Errno;
use tokio::io::AsyncReadExt as _;
use tokio::net::unix::pipe::Receiver;

/// Octets of one read.
const READ_BYTES: usize = 64 << 10;
/// Most that a pipe may still hold when its writers are gone; Linux allows a user 1 MiB.
const REST_BYTES_MAX: u64 = 16 << 20;

/// One stream.
pub(crate) struct Capture {
    pipe: Receiver,
    buffer: Box<[u8]>,
    kept: Vec<u8>,
    kept_bytes_max: usize,
    total: u64,
    is_open: bool,
}

impl Capture {
    /// Takes the reading end of a pipe.
    pub(crate) fn new(pipe: OwnedFd, kept_bytes_max: usize) -> io::Result<Self> {
        Ok(Self {
            pipe: Receiver::from_owned_fd(pipe)?,
            buffer: vec![0; READ_BYTES].into_boxed_slice(),
            kept: Vec::new(),
            kept_bytes_max,
            total: 0,
            is_open: true,
        })
    }

    /// Whether more can come.
    pub(crate) fn is_open(&self) -> bool {
        self.is_open
    }

    /// Waits for octets and takes them. Nothing is lost when the future is dropped.
    pub(crate) async fn take(&mut self) {
        match self.pipe.read(&mut self.buffer).await {
            Ok(length) if length > 0 => self.keep(length),
            Ok(_) | Err(_) => self.is_open = false,
        }
    }

    /// What was read, with what the pipe still holds. It does not wait: a process that the kernel
    /// does not let go of may hold the other end for ever.
    pub(crate) fn finish(mut self) -> (Vec<u8>, u64) {
        let end = self.total.saturating_add(REST_BYTES_MAX);
        while self.is_open && self.total < end {
            // The descriptor itself is asked: the runtime may not yet have heard of the last
            // octets.
            match rustix::io::read(&self.pipe, &mut self.buffer[..]) {
                Ok(length) if length > 0 => self.keep(length),
                Err(Errno::INTR) => {}
                Ok(_) | Err(_) => self.is_open = false,
            }
        }
        (self.kept, self.total)
    }

    fn keep(&mut self, length: usize) {
        let room = self.kept_bytes_max.saturating_sub(self.kept.len());
        self.kept.extend_from_slice(&self.buffer[..length.min(room)]);
        self.total += length as u64;
    }
}
