//! Bounds on connections: in all, and per remote address.
//!
//! Failure: at a bound the connection that has waited longest without a request in progress makes
//! room for the new one; when all are at work the new one is refused. So silent connections cannot
//! lock anybody out.
//!
//! Concurrency: the table is locked for a scan of at most [`Bounds::in_all`] seats, never across
//! an await. A seat leaves the table when its [`Seat`] is dropped.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use prometheus_client::metrics::gauge::Gauge;
use tokio_util::sync::CancellationToken;

/// A connection has this long for its first request before it may have to make room.
const SETTLED_AFTER: Duration = Duration::from_secs(1);

/// How many connections there may be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// From everywhere.
    pub(super) in_all: usize,
    /// From one address (IPv6: from one network of 64 bits).
    pub(super) per_address: usize,
}

/// All seats of a listener.
#[derive(Debug, Clone)]
pub(super) struct Seats {
    bounds: Bounds,
    table: Arc<Mutex<Table>>,
    opened: Instant,
    /// Connections now, for the metrics.
    count: Gauge,
}

#[derive(Debug, Default)]
struct Table {
    next: u64,
    taken: BTreeMap<u64, Arc<Place>>,
}

#[derive(Debug)]
struct Place {
    key: IpAddr,
    is_busy: AtomicBool,
    /// Since when it has no request in progress. Unit: milliseconds after `opened`.
    idle_since_ms: AtomicU64,
    evicted: CancellationToken,
}

/// The right of one connection to be there.
#[derive(Debug)]
pub(super) struct Seat {
    number: u64,
    seats: Seats,
    place: Arc<Place>,
}

impl Seats {
    pub(super) fn new(bounds: Bounds, count: Gauge) -> Self {
        Self { bounds, table: Arc::default(), opened: Instant::now(), count }
    }

    /// A seat for a connection from this address, if there is one or one can be made free.
    pub(super) fn take(&self, address: IpAddr) -> Option<Seat> {
        let key = key_of(address);
        let now_ms = self.now_ms();
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        let from_here = table.taken.values().filter(|place| place.key == key).count();
        if from_here >= self.bounds.per_address {
            table.make_room(now_ms, |place| place.key == key)?;
        } else if table.taken.len() >= self.bounds.in_all {
            table.make_room(now_ms, |_| true)?;
        }
        let number = table.next;
        table.next += 1;
        let place = Arc::new(Place {
            key,
            is_busy: AtomicBool::new(false),
            idle_since_ms: AtomicU64::new(now_ms),
            evicted: CancellationToken::new(),
        });
        table.taken.insert(number, Arc::clone(&place));
        self.count.inc();
        Some(Seat { number, seats: self.clone(), place })
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.opened.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

impl Table {
    /// Takes the seat of the one that has waited longest among those meant.
    fn make_room(&mut self, now_ms: u64, is_meant: impl Fn(&Place) -> bool) -> Option<()> {
        let settled_ms = u64::try_from(SETTLED_AFTER.as_millis()).unwrap_or(u64::MAX);
        let idle = self
            .taken
            .iter()
            .filter(|(_, place)| is_meant(place) && !place.is_busy.load(Ordering::Acquire));
        let since = |place: &Place| place.idle_since_ms.load(Ordering::Relaxed);
        let (number, place) = idle.min_by_key(|(_, place)| since(place))?;
        if now_ms.saturating_sub(since(place)) < settled_ms {
            return None;
        }
        let number = *number;
        place.evicted.cancel();
        self.taken.remove(&number);
        Some(())
    }
}

impl Seat {
    /// A request is in progress.
    pub(super) fn begin_request(&self) {
        self.place.is_busy.store(true, Ordering::Release);
    }

    /// The request was answered.
    pub(super) fn end_request(&self) {
        self.place.idle_since_ms.store(self.seats.now_ms(), Ordering::Relaxed);
        self.place.is_busy.store(false, Ordering::Release);
    }

    /// Whether a request is in progress.
    pub(super) fn is_busy(&self) -> bool {
        self.place.is_busy.load(Ordering::Acquire)
    }

    /// Ends when the seat was given to another.
    pub(super) async fn evicted(&self) {
        self.place.evicted.cancelled().await;
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut table = self.seats.table.lock().unwrap_or_else(PoisonError::into_inner);
        table.taken.remove(&self.number);
        self.seats.count.dec();
    }
}

/// What counts as one address.
fn key_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let network = address.to_bits() & !u128::from(u64::MAX);
            IpAddr::V6(Ipv6Addr::from_bits(network))
        }
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seats() -> Seats {
        Seats::new(Bounds { in_all: 3, per_address: 2 }, Gauge::default())
    }

    fn at(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn there_are_so_many_seats_per_address_and_in_all() {
        let seats = seats();
        let first = seats.take(at("10.0.0.1"));
        let second = seats.take(at("10.0.0.1"));
        assert!(first.is_some() && second.is_some());
        assert!(seats.take(at("10.0.0.1")).is_none(), "a third from one address");
        assert!(seats.take(at("::ffff:10.0.0.1")).is_none(), "the same address");
        let third = seats.take(at("10.0.0.2"));
        assert!(third.is_some());
        assert!(seats.take(at("10.0.0.3")).is_none(), "a fourth in all");
        assert_eq!(seats.count.get(), 3);
        drop(first);
        assert_eq!(seats.count.get(), 2);
        assert!(seats.take(at("10.0.0.1")).is_some());
    }

    #[test]
    fn a_network_of_64_bits_counts_as_one_address() {
        let seats = seats();
        let _first = seats.take(at("2001:db8::1")).unwrap();
        let _second = seats.take(at("2001:db8::2:1")).unwrap();
        assert!(seats.take(at("2001:db8::3")).is_none());
        assert!(seats.take(at("2001:db8:0:1::1")).is_some());
    }

    #[test]
    fn the_longest_idle_makes_room_and_the_busy_do_not() {
        let check = |busy: [bool; 2], idle_ms: [u64; 2], expected: Option<usize>| {
            let mut seats = seats();
            let held = [seats.take(at("10.0.0.1")).unwrap(), seats.take(at("10.0.0.1")).unwrap()];
            // As if the listener had been opened earlier: nobody waits in this test.
            seats.opened -= Duration::from_secs(60);
            let now_ms = seats.now_ms();
            for (seat, (busy, idle_ms)) in held.iter().zip(busy.into_iter().zip(idle_ms)) {
                seat.place.is_busy.store(busy, Ordering::Release);
                seat.place.idle_since_ms.store(now_ms - idle_ms, Ordering::Relaxed);
            }
            let taken = seats.take(at("10.0.0.1"));
            let evicted = held.iter().position(|seat| seat.place.evicted.is_cancelled());
            assert_eq!((taken.is_some(), evicted), (expected.is_some(), expected));
        };
        check([false, false], [5_000, 9_000], Some(1));
        check([false, true], [5_000, 9_000], Some(0));
        check([true, true], [5_000, 9_000], None);
        check([false, false], [100, 200], None);
    }
}
