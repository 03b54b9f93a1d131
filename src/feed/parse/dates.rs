//! Dates as feeds write them. A date never decides what is new, so one that cannot be read costs
//! an entry its date and nothing else.

use std::str::FromStr;

use jiff::civil::{Date, DateTime, Time};
use jiff::fmt::rfc2822::DateTimeParser;
use jiff::tz::Offset;
use jiff::{Timestamp, ToSpan};

/// Longer texts are no dates.
const MAX_DATE: usize = 100;
/// Nobody published a feed before RSS.
const FIRST_YEAR: i16 = 1995;
/// The first of January of these years at midnight is what a program writes that knows no date.
const PLACEHOLDER_YEARS: [i16; 4] = [1970, 2000, 2001, 2020];

/// The moment that a feed's date names; `None` where it names none, or one that stands for none.
pub(super) fn parse(text: &str) -> Option<Timestamp> {
    read(text).filter(|parsed| !is_placeholder(*parsed))
}

/// The moment that any date names.
pub(in crate::feed) fn read(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    if text.is_empty() || text.len() > MAX_DATE || !text.is_ascii() {
        return None;
    }
    Timestamp::from_str(text)
        .ok()
        .or_else(|| DateTimeParser::new().relaxed_weekday(true).parse_timestamp(text).ok())
        .or_else(|| iso(text))
        .or_else(|| words(text))
}

fn is_placeholder(timestamp: Timestamp) -> bool {
    let utc = Offset::UTC.to_datetime(timestamp);
    let midnight = utc.time() == Time::midnight() && utc.month() == 1 && utc.day() == 1;
    utc.year() < FIRST_YEAR || (midnight && PLACEHOLDER_YEARS.contains(&utc.year()))
}

/// ISO 8601 and what passes for it: parts left out, a space for the T, no colon in the offset.
fn iso(text: &str) -> Option<Timestamp> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (date, rest) = match digits {
        4 => {
            let end = text
                .find(|c: char| !(c.is_ascii_digit() || matches!(c, '-' | '/' | '.')))
                .unwrap_or(text.len());
            let mut parts = text[..end].split(['-', '/', '.']);
            let year = parts.next()?.parse().ok()?;
            let month = parts.next().map_or(Some(1), |part| part.parse().ok())?;
            let day = parts.next().map_or(Some(1), |part| part.parse().ok())?;
            if parts.next().is_some() {
                return None;
            }
            (Date::new(year, month, day).ok()?, &text[end..])
        }
        8 => {
            let part = |range: std::ops::Range<usize>| text[range].parse::<i8>().ok();
            let date = Date::new(text[..4].parse().ok()?, part(4..6)?, part(6..8)?).ok()?;
            (date, &text[8..])
        }
        // Seconds of the epoch, as JSON made by hand has them.
        10 if digits == text.len() => return Timestamp::from_second(text.parse().ok()?).ok(),
        _ => return None,
    };
    let rest = rest.trim_start_matches(['T', 't', ' ', ',']);
    let clock_end = rest
        .find(|c: char| !(c.is_ascii_digit() || matches!(c, ':' | '.' | ',')))
        .unwrap_or(rest.len());
    let zone = rest[clock_end..].trim();
    at(date, &rest[..clock_end], "", if zone.is_empty() { "Z" } else { zone })
}

/// Dates in words, whatever their order: `Mon, 02 Jan 2006 15:04:05 GMT`, `January 2, 2006`,
/// `Sun Jan  6 00:00:01 2004`.
fn words(text: &str) -> Option<Timestamp> {
    let (mut day, mut month, mut year) = (None, None, None);
    let (mut clock, mut half, mut zone) = ("", "", "");
    for word in text.split(|c: char| c.is_whitespace() || matches!(c, ',' | '(' | ')')) {
        let number = word.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        if word.is_empty() {
            continue;
        } else if word.contains(':') && clock.is_empty() {
            let end = word.find(|c: char| !(c.is_ascii_digit() || matches!(c, ':' | '.')));
            let end = end.unwrap_or(word.len());
            clock = &word[..end];
            match word[end..].to_ascii_lowercase().as_str() {
                "" => {}
                "am" => half = "am",
                "pm" => half = "pm",
                _ => zone = &word[end..],
            }
        } else if let Some((first, rest)) = word.split_once('-').filter(|_| year.is_none()) {
            // 02-Jan-06, as cookies and Netscape wrote it.
            let (name, last) = rest.split_once('-')?;
            (day, month, year) = (first.parse().ok(), month_of(name), year_of(last));
        } else if !clock.is_empty() && word.starts_with(['+', '-']) {
            zone = word;
        } else if let Ok(found) = number.parse::<i16>() {
            if day.is_none() && (1..=31).contains(&found) && number.len() <= 2 {
                day = i8::try_from(found).ok();
            } else if year.is_none() {
                year = year_of(number);
            } else {
                return None;
            }
        } else if month.is_none() && month_of(word).is_some() {
            month = month_of(word);
        } else if word.eq_ignore_ascii_case("am") || word.eq_ignore_ascii_case("pm") {
            half = word;
        } else if !clock.is_empty() && zone.is_empty() {
            zone = word;
        }
    }
    let date = Date::new(year?, month?, day?).ok()?;
    at(date, clock, half, zone)
}

/// The moment of a day by its clock and zone. A zone that nobody knows is taken for UTC.
fn at(date: Date, clock: &str, half: &str, zone: &str) -> Option<Timestamp> {
    let mut parts = clock.split(':');
    let hour: i8 = match parts.next() {
        None | Some("") => 0,
        Some(hour) => hour.parse().ok()?,
    };
    let minute: i8 = parts.next().filter(|m| !m.is_empty()).map_or(Some(0), |m| m.parse().ok())?;
    let second: i8 = parts
        .next()
        .and_then(|s| s.split(['.', ',']).next())
        .filter(|s| !s.is_empty())
        .map_or(Some(0), |s| s.parse().ok())?;
    let hour = match (half.to_ascii_lowercase().as_str(), hour) {
        ("am", 12) => 0,
        ("pm", 1..=11) => hour + 12,
        _ => hour,
    };
    let (hour, days) = if hour == 24 { (0, 1) } else { (hour, 0) };
    let time = Time::new(hour, minute, second.min(59), 0).ok()?;
    let local = DateTime::from_parts(date, time).checked_add(days.days()).ok()?;
    offset_of(zone).unwrap_or(Offset::UTC).to_timestamp(local).ok()
}

fn month_of(word: &str) -> Option<i8> {
    const MONTHS: [&str; 12] =
        ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    let word = word.trim_end_matches('.').to_ascii_lowercase();
    let start = word.get(..3)?;
    let at = MONTHS.iter().position(|month| *month == start)?;
    i8::try_from(at + 1).ok()
}

/// A year of two, three or four digits, as RFC 2822 (4.3) reads them.
fn year_of(digits: &str) -> Option<i16> {
    let year: i16 = digits.parse().ok()?;
    match digits.len() {
        4 => Some(year),
        3 => Some(1900 + year),
        2 if year < 50 => Some(2000 + year),
        2 => Some(1900 + year),
        _ => None,
    }
}

fn offset_of(zone: &str) -> Option<Offset> {
    let zone = zone.trim().to_ascii_uppercase();
    let signed = zone.strip_prefix("GMT").or_else(|| zone.strip_prefix("UTC")).unwrap_or(&zone);
    if let Some(sign) = signed.chars().next().filter(|c| matches!(c, '+' | '-')) {
        let digits: String = signed[1..].chars().filter(char::is_ascii_digit).collect();
        let (hours, minutes) = match digits.len() {
            1 | 2 => (digits.parse::<i32>().ok()?, 0),
            3 => (digits[..1].parse().ok()?, digits[1..].parse::<i32>().ok()?),
            4.. => (digits[..2].parse().ok()?, digits[2..4].parse::<i32>().ok()?),
            _ => return None,
        };
        let seconds = (hours * 60 + minutes) * 60;
        return Offset::from_seconds(if sign == '-' { -seconds } else { seconds }).ok();
    }
    let quarters = match zone.as_str() {
        "HST" => -40,
        "AKST" => -36,
        "AKDT" | "PST" | "PT" => -32,
        "PDT" | "MST" | "MT" => -28,
        "MDT" | "CST" | "CT" => -24,
        "CDT" | "EST" | "ET" => -20,
        "EDT" | "AST" => -16,
        "ADT" | "BRT" => -12,
        "CET" | "MEZ" | "BST" | "WEST" | "MET" => 4,
        "CEST" | "MESZ" | "EET" | "SAST" | "MEST" => 8,
        "EEST" | "MSK" => 12,
        "MSD" => 16,
        "IST" => 22,
        "SGT" | "AWST" | "HKT" => 32,
        "JST" | "KST" => 36,
        "AEST" => 40,
        "AEDT" => 44,
        "NZST" => 48,
        "NZDT" => 52,
        _ => 0,
    };
    Offset::from_seconds(quarters * 15 * 60).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn dates_are_read_as_they_were_meant() {
        for (text, meant) in [
            ("Mon, 02 Jan 2006 15:04:05 GMT", "2006-01-02T15:04:05Z"),
            ("Tue, 02 Jan 2006 15:04:05 GMT", "2006-01-02T15:04:05Z"),
            ("Mon, 2 Jan 06 15:04 EST", "2006-01-02T20:04:00Z"),
            ("Monday, 02 January 2006 15:04:05 +0200", "2006-01-02T13:04:05Z"),
            ("02 Jan 2006", "2006-01-02T00:00:00Z"),
            ("January 2nd, 2006 3:04 PM", "2006-01-02T15:04:00Z"),
            ("Sun Jan  6 00:00:01 2004", "2004-01-06T00:00:01Z"),
            ("Mon, 02-Jan-06 15:04:05 CEST", "2006-01-02T13:04:05Z"),
            ("Mon, 02 Jan 2006 24:00:00 GMT", "2006-01-03T00:00:00Z"),
            ("2006-01-02T15:04:05Z", "2006-01-02T15:04:05Z"),
            ("2006-01-02T15:04:05.678+02:00", "2006-01-02T13:04:05.678Z"),
            ("2006-01-02T15:04:05+0200", "2006-01-02T13:04:05Z"),
            ("2006-01-02 15:04:05", "2006-01-02T15:04:05Z"),
            ("2006-01-02 15:04:05 UTC", "2006-01-02T15:04:05Z"),
            ("2006-01-02", "2006-01-02T00:00:00Z"),
            ("2006/01/02", "2006-01-02T00:00:00Z"),
            ("2006-01", "2006-01-01T00:00:00Z"),
            ("20060102", "2006-01-02T00:00:00Z"),
            ("1136214245", "2006-01-02T15:04:05Z"),
        ] {
            let parsed = parse(text).map(|moment| moment.to_string());
            assert_eq!(parsed.as_deref(), Some(meant), "{text}");
        }
    }

    #[test]
    fn a_placeholder_is_no_date() {
        for text in [
            "",
            "soon",
            "0001-01-01T00:00:00Z",
            "Thu, 01 Jan 1970 00:00:00 GMT",
            "2000-01-01T00:00:00Z",
            "Mon, 01 Jan 2001 00:00:00 +0000",
            "2020-01-01",
            "1994-12-31T23:59:59Z",
            "32 Jan 2006",
            "2006-13-01",
            "-1",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
        assert!(parse("2020-01-01T00:00:01Z").is_some());
    }

    proptest! {
        #[test]
        fn no_text_breaks_it(
            text in "([0-9]{1,5}|[a-zA-Z]{1,4}|GMT|Jan|[ :,./+-]|T){0,14}", other in "\\PC{0,40}",
        ) {
            let _ = (parse(&text), parse(&other));
        }
    }
}
