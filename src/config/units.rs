//! Durations as an operator writes them, `250ms` to `2h30m`, so that no wait is ever a bare number.

use std::time::Duration;

use thiserror::Error;

/// The units, largest first, in milliseconds.
const UNITS: [(&str, u64); 6] = [
    ("w", 7 * 24 * 60 * 60 * 1000),
    ("d", 24 * 60 * 60 * 1000),
    ("h", 60 * 60 * 1000),
    ("m", 60 * 1000),
    ("s", 1000),
    ("ms", 1),
];

/// Why a text is no duration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum DurationError {
    /// There is nothing.
    #[error("is empty")]
    Empty,
    /// A sign, a space, a fraction, or a unit that we do not know.
    #[error("is not a duration")]
    Malformed,
    /// A number at the end.
    #[error("has no unit")]
    NoUnit,
    /// Such as `30m2h`, or `1h1h`.
    #[error("has its units out of order, the largest comes first")]
    Order,
    /// More than 64 bits of milliseconds.
    #[error("is too long")]
    TooLong,
}

/// Reads a duration: whole numbers, each with a unit, the largest first.
///
/// # Errors
/// [`DurationError`] says what is wrong with it, without its text.
pub fn parse_duration(text: &str) -> Result<Duration, DurationError> {
    if text.is_empty() {
        return Err(DurationError::Empty);
    }
    let mut rest = text;
    let mut total: u64 = 0;
    let mut allowed = UNITS.as_slice();
    while !rest.is_empty() {
        let (digits, tail) = split(rest, |b| b.is_ascii_digit());
        let (unit, tail) = split(tail, |b| b.is_ascii_lowercase());
        if digits.is_empty() {
            return Err(DurationError::Malformed);
        }
        if unit.is_empty() && tail.is_empty() {
            return Err(DurationError::NoUnit);
        }
        let Some(at) = allowed.iter().position(|(name, _)| *name == unit) else {
            let known = UNITS.iter().any(|(name, _)| *name == unit);
            return Err(if known { DurationError::Order } else { DurationError::Malformed });
        };
        let count: u64 = digits.parse().map_err(|_| DurationError::TooLong)?;
        total = count
            .checked_mul(allowed[at].1)
            .and_then(|ms| total.checked_add(ms))
            .ok_or(DurationError::TooLong)?;
        allowed = &allowed[at + 1..];
        rest = tail;
    }
    Ok(Duration::from_millis(total))
}

/// Writes a duration in the form that [`parse_duration`] reads, in days at most, as people count
/// them; below a millisecond is cut off.
#[must_use]
pub fn show_duration(duration: Duration) -> String {
    let mut rest = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let mut text = String::new();
    for (name, ms) in UNITS.into_iter().skip(1) {
        if rest >= ms {
            text.push_str(&format!("{}{name}", rest / ms));
            rest %= ms;
        }
    }
    if text.is_empty() {
        text.push_str("0s");
    }
    text
}

/// The longest front of `text` whose bytes are all `wanted`, and what follows it.
fn split(text: &str, wanted: impl Fn(u8) -> bool) -> (&str, &str) {
    text.split_at(text.bytes().take_while(|b| wanted(*b)).count())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_settle_window_is_as_long_as_it_was_written() {
        for (text, ms) in [
            ("250ms", 250),
            ("0s", 0),
            ("0ms", 0),
            ("10m", 600_000),
            ("1m1ms", 60_001),
            ("2h30m", 9_000_000),
            ("7d", 604_800_000),
            ("1w", 604_800_000),
            ("1w2d3h4m5s6ms", 788_645_006),
        ] {
            assert_eq!(parse_duration(text), Ok(Duration::from_millis(ms)), "{text}");
        }
    }

    #[test]
    fn what_is_no_duration_is_never_guessed_at() {
        use DurationError::{Empty, Malformed, NoUnit, Order, TooLong};
        for (text, error) in [
            ("", Empty),
            ("15", NoUnit),
            ("1h30", NoUnit),
            ("m", Malformed),
            ("-1s", Malformed),
            ("+1s", Malformed),
            ("1.5h", Malformed),
            ("1 m", Malformed),
            ("1m ", Malformed),
            (" 1m", Malformed),
            ("5x", Malformed),
            ("5M", Malformed),
            ("5min", Malformed),
            ("1y", Malformed),
            ("\u{661}s", Malformed),
            ("30m2h", Order),
            ("1h1h", Order),
            ("1ms1s", Order),
            ("18446744073709551616ms", TooLong),
            ("18446744073709551615s", TooLong),
            ("18446744073709551s616ms", TooLong),
        ] {
            assert_eq!(parse_duration(text), Err(error), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn every_duration_comes_back_as_it_was_shown(ms in any::<u64>()) {
            let duration = Duration::from_millis(ms);
            prop_assert_eq!(parse_duration(&show_duration(duration)), Ok(duration));
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in "\\PC*") {
            if let Ok(duration) = parse_duration(&text) {
                prop_assert_eq!(parse_duration(&show_duration(duration)), Ok(duration));
            }
        }

        #[test]
        fn text_that_is_nearly_a_duration_is_read_or_refused(
            text in "([0-9]{1,22}(w|d|h|m|s|ms)?){0,5}",
        ) {
            if let Ok(duration) = parse_duration(&text) {
                prop_assert_eq!(parse_duration(&show_duration(duration)), Ok(duration));
            }
        }
    }
}
