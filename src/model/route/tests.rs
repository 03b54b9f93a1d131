//! What a group would hear that it did not ask for, and when it would be woken.

use super::*;

fn at(text: &str) -> Time {
    Time::from_timestamp(text.parse().expect(text))
}

fn words(list: &[&str]) -> Vec<String> {
    list.iter().map(|word| (*word).to_owned()).collect()
}

fn entry() -> Entry {
    Entry {
        title: "Release 2.0: faster".to_owned(),
        author: Some("Ann Lee".to_owned()),
        categories: words(&["Rust", "open source"]),
        language: Some("en-GB".to_owned()),
        published: Some(at("2026-03-01T00:00:00Z")),
        ..Entry::default()
    }
}

/// A group about one subject that hears another leaves.
#[test]
fn a_group_hears_what_it_chose_and_nothing_else() {
    let now = at("2026-03-02T00:00:00Z");
    let only = |of: &str, list: &[&str]| {
        let mut choice = Choice::default();
        match of {
            "categories" => choice.categories = words(list),
            "authors" => choice.authors = words(list),
            "languages" => choice.languages = words(list),
            _ => choice.titles = words(list),
        }
        choice
    };
    for (of, list, hears) in [
        ("categories", &["rust"][..], true),
        ("categories", &["go", "OPEN*"], true),
        ("categories", &["rus"], false),
        ("categories", &["*"], true),
        ("authors", &["ann lee"], true),
        ("authors", &["ann"], false),
        ("authors", &["* lee"], true),
        ("languages", &["en"], true),
        ("languages", &["EN-gb"], true),
        ("languages", &["e"], false),
        ("languages", &["en-US", "de"], false),
        ("titles", &["release *"], true),
        ("titles", &["*2.0*"], true),
        ("titles", &["release*faster"], true),
        ("titles", &["release*faster*faster"], false),
        ("titles", &["release"], false),
        ("titles", &["**"], true),
    ] {
        let chosen = Rules { only: only(of, list), ..Rules::default() };
        let refused = chosen.refuses(&entry(), now, now);
        assert_eq!(refused.is_none(), hears, "only {of} {list:?}: {refused:?}");
        let left = Rules { except: only(of, list), ..Rules::default() };
        let refused = left.refuses(&entry(), now, now);
        assert_eq!(refused.is_some(), hears, "except {of} {list:?}: {refused:?}");
    }
    let bare = Entry { title: "x".to_owned(), ..Entry::default() };
    for of in ["categories", "authors", "languages"] {
        let rules = Rules { only: only(of, &["*"]), ..Rules::default() };
        let why = rules.refuses(&bare, now, now).expect("it has none");
        assert!(why.contains("none"), "{why}");
    }
    let both = Rules {
        only: only("categories", &["rust"]),
        except: only("titles", &["*2.0*"]),
        ..Rules::default()
    };
    assert!(both.refuses(&entry(), now, now).expect("left out").contains("*2.0*"));
}

/// News that is old is no news; a post without a date counts from when it was first seen.
#[test]
fn an_age_is_counted_from_the_date_or_from_the_first_sight() {
    let rules = Rules { max_age: Some(Duration::from_secs(86_400)), ..Rules::default() };
    let day = at("2026-03-02T00:00:00Z");
    assert_eq!(rules.refuses(&entry(), day, day), None);
    let later = day.plus(Duration::from_secs(1));
    assert!(rules.refuses(&entry(), later, later).expect("old").contains("older than 24 h"));
    let undated = Entry { published: None, ..entry() };
    assert_eq!(rules.refuses(&undated, day, later), None);
}

fn quiet(zone: &str, from: &str, to: &str, days: &[Weekday]) -> Quiet {
    let clock = |text: &str| text.parse().expect("a time");
    let hours = (!from.is_empty()).then(|| (clock(from), clock(to)));
    Quiet { zone: TimeZone::get(zone).expect("a zone"), hours, days: days.to_vec() }
}

/// A phone that rings at three in the morning, because the clock was changed that night.
#[test]
fn a_night_is_quiet_by_the_wall_clock_on_the_nights_of_the_change_too() {
    let night = quiet("Europe/Berlin", "22:00", "07:00", &[]);
    for (now, ends) in [
        // Winter, UTC+1.
        ("2026-01-10T20:59:59Z", "2026-01-10T20:59:59Z"),
        ("2026-01-10T21:00:00Z", "2026-01-11T06:00:00Z"),
        ("2026-01-11T05:59:59Z", "2026-01-11T06:00:00Z"),
        ("2026-01-11T06:00:00Z", "2026-01-11T06:00:00Z"),
        // The night to summer time has eight hours instead of nine: 07:00 is 05:00 UTC.
        ("2026-03-28T21:00:00Z", "2026-03-29T05:00:00Z"),
        ("2026-03-29T00:59:59Z", "2026-03-29T05:00:00Z"),
        // The night from summer time has ten: it begins at 20:00 UTC and ends at 06:00 UTC.
        ("2026-10-24T19:59:59Z", "2026-10-24T19:59:59Z"),
        ("2026-10-24T20:00:00Z", "2026-10-25T06:00:00Z"),
        ("2026-10-25T01:30:00Z", "2026-10-25T06:00:00Z"),
    ] {
        assert_eq!(night.ends(at(now)).to_string(), at(ends).to_string(), "{now}");
    }
    // 02:30 does not exist that night: at 03:00 it is past, and not an hour later.
    let gap = quiet("Europe/Berlin", "01:00", "02:30", &[]);
    assert_eq!(gap.ends(at("2026-03-29T00:15:00Z")), at("2026-03-29T01:00:00Z"));
    // 02:30 exists twice: the hour that is lived again is as quiet as the first.
    let twice = quiet("Europe/Berlin", "02:00", "02:30", &[]);
    assert_eq!(twice.ends(at("2026-10-25T00:00:00Z")), at("2026-10-25T00:30:00Z"));
    assert!(!twice.holds(at("2026-10-25T00:45:00Z")));
    assert_eq!(twice.ends(at("2026-10-25T01:00:00Z")), at("2026-10-25T01:30:00Z"));
    // Half an hour, and a whole day that was left out, are clocks too.
    let lord_howe = quiet("Australia/Lord_Howe", "22:00", "07:00", &[]);
    assert_eq!(lord_howe.ends(at("2026-04-04T12:00:00Z")), at("2026-04-04T20:30:00Z"));
}

/// A weekend is a weekend where the readers are.
#[test]
fn quiet_days_begin_and_end_at_midnight_there() {
    let weekend = quiet("America/New_York", "", "", &[Weekday::Saturday, Weekday::Sunday]);
    assert!(!weekend.holds(at("2026-11-28T04:59:59Z")), "still Friday there");
    assert_eq!(weekend.ends(at("2026-11-28T05:00:00Z")), at("2026-11-30T05:00:00Z"));
    // The weekend on which the clock goes back ends an hour later in UTC than it began.
    assert_eq!(weekend.ends(at("2026-10-31T04:00:00Z")), at("2026-11-02T05:00:00Z"));
    let both = quiet("Europe/Berlin", "18:00", "09:00", &[Weekday::Sunday]);
    assert_eq!(both.ends(at("2026-06-06T16:00:00Z")), at("2026-06-08T07:00:00Z"));
}
