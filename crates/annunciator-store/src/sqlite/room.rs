//! The free room of the file system decides whether more events may be accepted (quality G4).
//!
//! The reserve is kept for what was accepted already: plans and settlements go on in it.

use std::io;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use annunciator_core::Event;

use super::schema::PAGE_SIZE;
use crate::{Result, StoreError};

/// How long a measurement is believed.
const BELIEVED: Duration = Duration::from_millis(250);
const RESERVE_MIN: u64 = 1 << 20;
const RESERVE_MAX: u64 = 64 << 20;
/// What is written for an octet of an event: log and database, event and notification.
const WRITTEN_PER_OCTET: u64 = 4;

/// A file system's size and what is free of it. Unit: octets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Space {
    pub(super) total: u64,
    pub(super) free: u64,
}

/// Text of an event that will be written, about. Unit: octets.
pub(super) fn size_of_event(event: &Event) -> u64 {
    let parameters: usize = event
        .parameters
        .iter()
        .map(|(name, value)| {
            let text = if let annunciator_core::ParameterValue::Text(text) = value {
                text.len()
            } else {
                16
            };
            name.len() + text
        })
        .sum();
    let text = event.id.len() + event.description.len() + event.device.group.len();
    u64::try_from(text + parameters + 512).unwrap_or(u64::MAX)
}

/// How the space is measured: `statvfs` in production.
pub(super) type Measure = Box<dyn Fn() -> io::Result<Space> + Send + Sync>;

/// Measures the file system that holds a folder.
pub(super) fn measure_of(dir: &Path) -> Measure {
    let dir = dir.to_owned();
    Box::new(move || {
        let facts = rustix::fs::statvfs(&dir)?;
        Ok(Space {
            total: facts.f_blocks.saturating_mul(facts.f_frsize),
            free: facts.f_bavail.saturating_mul(facts.f_frsize),
        })
    })
}

/// The room that is left.
pub(super) struct Room {
    measure: Measure,
    last: Mutex<Option<Measured>>,
    /// Pages in the log that the database file may have to grow by.
    log_pages: AtomicU64,
}

struct Measured {
    at: Instant,
    space: Space,
    /// Accepted since. Unit: octets, as they will be written.
    spent: u64,
}

impl Room {
    pub(super) fn new(measure: Measure) -> Self {
        Self { measure, last: Mutex::new(None), log_pages: AtomicU64::new(0) }
    }

    /// Free room below which no event is accepted. Unit: octets.
    pub(super) fn reserve_of(space: Space) -> u64 {
        (space.total / 20).clamp(RESERVE_MIN, RESERVE_MAX)
    }

    /// Notes how many pages wait in the log.
    pub(super) fn set_log_pages(&self, pages: u64) {
        self.log_pages.store(pages, Ordering::Relaxed);
    }

    /// Asks for room for events of that size.
    ///
    /// # Errors
    /// [`StoreError::Full`] when they would use the reserve, [`StoreError::Io`] when the room
    /// cannot be measured.
    pub(super) fn take(&self, octets: u64) -> Result<()> {
        let cost = octets.saturating_mul(WRITTEN_PER_OCTET);
        let mut last = self.last.lock().expect("no panic while held");
        let measured = match last.take() {
            Some(measured) if measured.at.elapsed() <= BELIEVED => measured,
            _ => Measured { at: Instant::now(), space: self.space()?, spent: 0 },
        };
        let measured = last.insert(measured);
        let waiting = self.log_pages.load(Ordering::Relaxed).saturating_mul(PAGE_SIZE);
        let reserve = Self::reserve_of(measured.space);
        let left = measured.space.free.saturating_sub(waiting).saturating_sub(measured.spent);
        if left.saturating_sub(cost) < reserve {
            return Err(StoreError::Full(format!(
                "{left} octets are free and {reserve} are kept for what was accepted: make room"
            )));
        }
        measured.spent += cost;
        Ok(())
    }

    /// Measures now.
    pub(super) fn space(&self) -> Result<Space> {
        (self.measure)()
            .map_err(|error| StoreError::Io(format!("cannot measure the free room: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reserve_is_a_twentieth_within_bounds() {
        for (total, reserve) in
            [(0, 1 << 20), (40 << 20, 2 << 20), (1 << 40, 64 << 20), (100 << 20, 5 << 20)]
        {
            assert_eq!(Room::reserve_of(Space { total, free: 0 }), reserve);
        }
    }

    #[test]
    fn what_is_taken_and_what_waits_in_the_log_counts() {
        let space = Space { total: 100 << 20, free: 6 << 20 };
        let room = Room::new(Box::new(move || Ok(space)));
        assert!(room.take(100_000).is_ok(), "400 kB of the free MiB");
        assert!(room.take(100_000).is_ok(), "800 kB");
        assert!(matches!(room.take(100_000), Err(StoreError::Full(_))), "1.2 MB");
        let room = Room::new(Box::new(move || Ok(space)));
        room.set_log_pages(256);
        assert!(matches!(room.take(1), Err(StoreError::Full(_))), "the log needs the free MiB");
    }
}
