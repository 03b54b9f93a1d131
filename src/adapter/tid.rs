//! Timestamp identifiers of AT Protocol: the record key of a post, derived and never drawn, so that
//! every attempt writes to the same place. <https://atproto.com/specs/tid>

use crate::model::{IdempotencyKey, Time};

const ALPHABET: &[u8; 32] = b"234567abcdefghijklmnopqrstuvwxyz";
/// 13 characters of 5 bits hold 64 bits, of which the first character has four and the top one of
/// those is zero.
const LENGTH: u32 = 13;
/// The low bits that tell apart keys of the same microsecond.
const CLOCK_BITS: u32 = 10;
/// What is left for microseconds: enough until the year 2255.
const MICROS_MASK: u64 = (1 << 53) - 1;

/// The key of one delivery. Entries of one poll share a millisecond, so their number fills the
/// microseconds, and the delivery's own key the clock id.
pub(super) fn of_delivery(opened: Time, number: u64, key: &IdempotencyKey) -> String {
    let micros = opened.as_millis().saturating_mul(1000).saturating_add(number % 1000);
    let clock = key.as_str().get(..3).and_then(|digits| u64::from_str_radix(digits, 16).ok());
    encode(micros, clock.unwrap_or_default())
}

fn encode(micros: u64, clock: u64) -> String {
    let clock = clock & ((1 << CLOCK_BITS) - 1);
    let bits = ((micros & MICROS_MASK) << CLOCK_BITS) | clock;
    let digit = |at| ALPHABET[usize::try_from((bits >> (5 * at)) & 31).unwrap_or_default()];
    (0..LENGTH).rev().map(|at| char::from(digit(at))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::EntryId;
    use crate::model::Fingerprint;

    #[test]
    fn a_key_is_one_that_the_reference_server_took() {
        assert_eq!(encode(1_767_323_045_000_000, 7), "3mbfvv6twu22b");
        assert_eq!(encode(u64::MAX, u64::MAX), "bzzzzzzzzzzzz");
        assert_eq!(encode(0, 0), "2222222222222");
    }

    #[test]
    fn entries_of_one_poll_and_groups_of_one_entry_never_overwrite_each_other() {
        let opened = Time::from_millis(1_767_323_045_000);
        let entry = EntryId::from_fingerprint(&Fingerprint::of("t", &["e"]));
        let key = |group| IdempotencyKey::of(&entry, group, 1);
        let one = of_delivery(opened, 1, &key("a"));
        assert_ne!(one, of_delivery(opened, 2, &key("a")));
        assert_ne!(one, of_delivery(opened, 1, &key("b")));
        assert_eq!(one, of_delivery(opened, 1, &key("a")));
    }
}
