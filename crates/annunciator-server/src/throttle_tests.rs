//! Waits, with a clock moved by hand.

use super::*;

const STRANGERS: Counter = Counter::Strangers([1; 32]);
const DEVICE: Counter = Counter::Device([2; 16]);

fn address(text: &str) -> Counter {
    Counter::of_address(text.parse().unwrap())
}

/// Tries as soon as it may, so many times; gives the waits that it met.
fn waits(throttle: &Throttle, counters: &[Counter], tries: usize) -> Vec<u16> {
    let (mut now, mut met) = (Timestamp(0), Vec::new());
    for _ in 0..tries {
        if let Err(wait_s) = throttle.begin(counters, now) {
            met.push(wait_s);
            let too_early = now.plus_ms(i64::from(wait_s) * 1_000 - 1);
            assert_eq!(throttle.begin(counters, too_early), Err(1), "a millisecond too early");
            now = now.plus_ms(i64::from(wait_s) * 1_000);
            throttle.begin(counters, now).expect("it has waited as long as it was told");
        }
    }
    met
}

#[test]
fn waits_grow_to_a_minute_and_no_further() {
    for (counter, free) in [(STRANGERS, 2), (DEVICE, 2), (address("192.0.2.1"), 20)] {
        let met = waits(&Throttle::default(), std::slice::from_ref(&counter), free + 10);
        assert_eq!(met, [1, 2, 4, 8, 16, 32, 60, 60, 60], "{counter:?}");
    }
}

#[test]
fn strangers_cannot_lock_out_a_device() {
    let throttle = Throttle::default();
    let flood = [STRANGERS, address("192.0.2.1")];
    waits(&throttle, &flood, 100);
    assert!(throttle.begin(&flood, Timestamp(0)).is_err());
    assert_eq!(throttle.begin(&[DEVICE], Timestamp(0)), Ok(()));
    assert!(throttle.begin(&[Counter::Strangers([9; 32])], Timestamp(0)).is_ok(), "other users");
    // And a device that is stolen slows down itself.
    waits(&throttle, &[DEVICE], 20);
    assert!(throttle.begin(&[DEVICE], Timestamp(0)).is_err());
}

#[test]
fn a_right_password_forgets_the_wrong_ones_but_not_those_of_the_address() {
    let throttle = Throttle::default();
    let (home, now) = ([STRANGERS, address("192.0.2.1")], Timestamp(0));
    for _ in 0..40 {
        throttle.begin(&home, now).expect("each was right in the end");
        throttle.succeed(&home);
    }
    for number in 0..20 {
        let user = Counter::Strangers([number; 32]);
        throttle.begin(&[user, address("192.0.2.1")], now).expect("a user is tried once");
    }
    assert_eq!(throttle.begin(&home, now.plus_ms(0)), Ok(()), "20 are free");
    assert_eq!(throttle.begin(&[address("192.0.2.1")], now), Err(1), "21 are not");
    throttle.succeed(&home);
    assert_eq!(throttle.begin(&[address("192.0.2.1")], now), Ok(()), "the right one is none");
}

#[test]
fn tries_at_once_count_each() {
    let throttle = Throttle::default();
    let begun = (0..10).filter(|_| throttle.begin(&[STRANGERS], Timestamp(0)).is_ok()).count();
    assert_eq!(begun, 3, "two are free, and the third brings the wait");
    for _ in 0..3 {
        throttle.withdraw(&[STRANGERS]);
    }
    assert_eq!(throttle.begin(&[STRANGERS], Timestamp(0)), Ok(()));
}

#[test]
fn time_heals_and_a_clock_set_back_harms_nobody() {
    let throttle = Throttle::default();
    waits(&throttle, &[STRANGERS], 30);
    let wait = throttle.begin(&[STRANGERS], Timestamp(-1_000_000_000));
    assert_eq!(wait, Err(60), "never longer");
    let later = Timestamp(100 * FORGET_MS);
    for _ in 0..3 {
        assert_eq!(throttle.begin(&[STRANGERS], later), Ok(()));
    }
}

#[test]
fn counters_are_bounded_and_the_oldest_goes() {
    let throttle = Throttle::default();
    for number in 0..u32::try_from(COUNTERS_MAX).unwrap() + 5 {
        let at = Timestamp(i64::from(number));
        throttle.begin(&[Counter::Address(IpAddr::from(number.to_be_bytes()))], at).unwrap();
    }
    let wrong = throttle.0.lock().unwrap();
    assert_eq!(wrong.len(), COUNTERS_MAX);
    assert!(!wrong.contains_key(&address("0.0.0.4")));
    assert!(wrong.contains_key(&address("0.0.0.5")));
}

#[test]
fn an_ipv6_network_is_one_address() {
    assert_eq!(address("2001:db8::1"), address("2001:db8::2:3:4:5"));
    assert_ne!(address("2001:db8::1"), address("2001:db8:0:1::1"));
    assert_eq!(address("::ffff:192.0.2.1"), address("192.0.2.1"));
}
